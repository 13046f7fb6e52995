//! Reading the arguments that the engine has checked and converted.
//!
//! What a signature promises is there; the fall-backs below are Go's zero values and are never seen.

use crate::value::{List, Map, Value};

/// A `string`.
pub(super) fn text(arguments: &[Value], index: usize) -> &str {
    arguments.get(index).and_then(Value::as_text).unwrap_or_default()
}

/// Any integer.
pub(super) fn int(arguments: &[Value], index: usize) -> i64 {
    match arguments.get(index) {
        Some(Value::Int(value) | Value::Int64(value) | Value::Duration(value)) => *value,
        Some(Value::Byte(value)) => i64::from(*value),
        Some(Value::Rune(value)) => i64::from(*value),
        _ => 0,
    }
}

/// Anything.
pub(super) fn any(arguments: &[Value], index: usize) -> Value {
    arguments.get(index).cloned().unwrap_or_default()
}

/// A slice; `nil` is the empty one.
pub(super) fn list(arguments: &[Value], index: usize) -> List {
    match arguments.get(index) {
        Some(Value::List(list)) => list.clone(),
        _ => List::default(),
    }
}

/// A map; `nil` is the empty one.
pub(super) fn map(arguments: &[Value], index: usize) -> Map {
    arguments.get(index).and_then(Value::as_map).cloned().unwrap_or_default()
}

/// A text as Go's `%q` and `strconv.Quote` show it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
