//! Values as Go has them, and as it prints them.

use core::fmt;
use std::rc::Rc;

use super::Builder;
use super::build::key_text;
use crate::number::format_float;
use crate::order::sort_by_less;
use crate::resolve::Scalar;

/// A decoded value.
#[derive(Debug, Clone)]
pub(super) enum Go {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(String),
    List(Vec<Rc<Go>>),
    Map(Vec<(Go, Rc<Go>)>),
}

impl Go {
    /// Whether Go takes both for the same key.
    pub(super) fn is_key(&self, other: &Go) -> bool {
        match (self, other) {
            (Go::Null, Go::Null) => true,
            (Go::Bool(a), Go::Bool(b)) => a == b,
            (Go::Int(a), Go::Int(b)) => a == b,
            (Go::Uint(a), Go::Uint(b)) => a == b,
            (Go::Float(a), Go::Float(b)) => a == b,
            (Go::Str(a), Go::Str(b)) => a == b,
            _ => false,
        }
    }

    /// A copy of a value that is no list and no map.
    pub(super) fn as_key(&self) -> Go {
        self.clone()
    }

    fn scalar(&self) -> Scalar<'_> {
        match self {
            Go::Null | Go::List(_) | Go::Map(_) => Scalar::Null,
            Go::Bool(value) => Scalar::Bool(*value),
            Go::Int(value) => Scalar::Int(*value),
            Go::Uint(value) => Scalar::Uint(*value),
            Go::Float(value) => Scalar::Float(*value),
            Go::Str(value) => Scalar::Str(value),
        }
    }

    /// The caller's value; only for what [`convert`] finds nothing wrong with.
    pub(super) fn build<B: Builder>(&self, builder: &mut B) -> B::Value {
        match self {
            Go::Null => builder.null(),
            Go::Bool(value) => builder.boolean(*value),
            Go::Int(value) => builder.int(*value),
            Go::Uint(value) => builder.uint(*value),
            Go::Float(value) => builder.float(*value),
            Go::Str(value) => builder.string(value),
            Go::List(items) => {
                let items = items.iter().map(|item| item.build(builder)).collect();
                builder.list(items)
            }
            Go::Map(entries) => {
                let mut built = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let value = value.build(builder);
                    built.push((builder.key(&key_text(key.scalar()).unwrap_or_default()), value));
                }
                builder.map(built)
            }
        }
    }

    /// Where its kind stands among keys of several kinds, and the text by which those of one kind are ordered.
    fn order(&self, other: &Go) -> core::cmp::Ordering {
        match (self, other) {
            (Go::Str(a), Go::Str(b)) => a.cmp(b),
            (Go::Int(a), Go::Int(b)) => a.cmp(b),
            (Go::Uint(a), Go::Uint(b)) => a.cmp(b),
            (Go::Float(a), Go::Float(b)) => a.partial_cmp(b).unwrap_or(a.is_nan().cmp(&b.is_nan()).reverse()),
            (Go::Bool(a), Go::Bool(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Go orders kinds by where their descriptions lie in the program; this is the order in helm 3.22 and 4.3.
    fn rank(&self) -> u8 {
        match self {
            Go::Null => 0,
            Go::Str(_) => 1,
            Go::Uint(_) => 2,
            Go::Int(_) => 3,
            Go::Float(_) => 4,
            Go::Bool(_) => 5,
            Go::List(_) | Go::Map(_) => 6,
        }
    }
}

/// As `%#v` prints it.
impl fmt::Display for Go {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Go::Null => f.write_str("interface {}(nil)"),
            Go::Bool(value) => write!(f, "{value}"),
            Go::Int(value) => write!(f, "{value}"),
            Go::Uint(value) => write!(f, "{value:#x}"),
            Go::Float(value) => f.write_str(&format_float(*value, 'g', None, 64)),
            Go::Str(value) => quote(value, f),
            Go::List(items) => {
                f.write_str("[]interface {}{")?;
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    item.fmt(f)?;
                }
                f.write_str("}")
            }
            Go::Map(entries) => {
                let mut sorted: Vec<&(Go, Rc<Go>)> = entries.iter().collect();
                sort_by_less(&mut sorted, &|a, b| a.0.order(&b.0).is_lt());
                f.write_str("map[interface {}]interface {}{")?;
                for (index, (key, value)) in sorted.into_iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write!(f, "{key}:{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A text in Go's quotes (`strconv.Quote`).
fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\""),
            '\\' => f.write_str("\\\\"),
            '\u{7}' => f.write_str("\\a"),
            '\u{8}' => f.write_str("\\b"),
            '\u{c}' => f.write_str("\\f"),
            '\n' => f.write_str("\\n"),
            '\r' => f.write_str("\\r"),
            '\t' => f.write_str("\\t"),
            '\u{b}' => f.write_str("\\v"),
            '\0'..' ' | '\u{7f}' => write!(f, "\\x{:02x}", u32::from(c)),
            ' '..='~' => write!(f, "{c}"),
            _ if is_shown(c) => write!(f, "{c}"),
            '\0'..='\u{ffff}' => write!(f, "\\u{:04x}", u32::from(c)),
            _ => write!(f, "\\U{:08x}", u32::from(c)),
        }?;
    }
    f.write_str("\"")
}

/// Whether Go prints a character as it is: near enough to what Rust does, for messages.
fn is_shown(c: char) -> bool {
    !c.is_whitespace() && c != '\u{ad}' && (c.escape_debug().count() == 1 || c.is_alphanumeric())
}

/// Whether a value can become JSON; if not, what sigs.k8s.io/yaml says of it.
pub(super) fn convert(value: &Go) -> Result<(), String> {
    keys(value)?;
    finite(value)
}

fn keys(value: &Go) -> Result<(), String> {
    match value {
        Go::List(items) => items.iter().try_for_each(|item| keys(item)),
        Go::Map(entries) => entries.iter().try_for_each(|(key, value)| {
            let (kind, shown) = match key {
                Go::Null => ("%!s(<nil>)", "<nil>".to_owned()),
                Go::Uint(_) => ("uint64", key.to_string()),
                _ => return keys(value),
            };
            // At the top there is no place whose type is known, so that nothing is only `<nil>`.
            let value = if matches!(**value, Go::Null) { "<nil>".to_owned() } else { value.to_string() };
            Err(format!("unsupported map key of type: {kind}, key: {shown}, value: {value}"))
        }),
        _ => Ok(()),
    }
}

/// JSON writes maps by their keys, and stops at the first number it has no word for.
fn finite(value: &Go) -> Result<(), String> {
    match value {
        Go::Float(value) if value.is_nan() => Err("json: unsupported value: NaN".to_owned()),
        Go::Float(f64::INFINITY) => Err("json: unsupported value: +Inf".to_owned()),
        Go::Float(f64::NEG_INFINITY) => Err("json: unsupported value: -Inf".to_owned()),
        Go::List(items) => items.iter().try_for_each(|item| finite(item)),
        Go::Map(entries) => {
            let mut sorted: Vec<_> = entries
                .iter()
                .map(|(key, value)| (key_text(key.scalar()).unwrap_or_default(), value))
                .collect();
            sort_by_less(&mut sorted, &|a, b| a.0 < b.0);
            sorted.into_iter().try_for_each(|(_, value)| finite(value))
        }
        _ => Ok(()),
    }
}
