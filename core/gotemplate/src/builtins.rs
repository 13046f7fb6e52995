//! The functions that `text/template` itself has.

use crate::exec::{Got, int};
use crate::print::{display, sprint, sprintln};
use crate::print_quote::is_printable;
use crate::printf::sprintf;
use crate::raw::{bytes_of_text, text_of_bytes};
use crate::value::{List, Value};

/// A function of the template language.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    /// How many arguments there must be.
    pub(crate) fixed: usize,
    /// Whether there may be more.
    pub(crate) variadic: bool,
    pub(crate) call: fn(&[Got]) -> Result<Got, String>,
}

const fn more(name: &'static str, fixed: usize, call: fn(&[Got]) -> Result<Got, String>) -> Builtin {
    Builtin { name, fixed, variadic: true, call }
}

const fn exact(name: &'static str, fixed: usize, call: fn(&[Got]) -> Result<Got, String>) -> Builtin {
    Builtin { name, fixed, variadic: false, call }
}

/// All of them, sorted by name. `and` and `or` are evaluated by the engine, because they skip arguments.
pub(crate) const BUILTINS: &[Builtin] = &[
    more("and", 1, |_| Ok(Got::default())),
    more("call", 1, call),
    more("eq", 1, |given| crate::compare::equal(given).map(truth)),
    exact("ge", 2, |given| crate::compare::less(given).map(|less| truth(!less))),
    exact("gt", 2, |given| crate::compare::less_or_equal(given).map(|less| truth(!less))),
    more("html", 0, |given| Ok(text(escape_html(&joined(given))))),
    more("index", 1, index),
    more("js", 0, |given| Ok(text(escape_js(&joined(given))))),
    exact("le", 2, |given| crate::compare::less_or_equal(given).map(truth)),
    exact("len", 1, length),
    exact("lt", 2, |given| crate::compare::less(given).map(truth)),
    exact("ne", 2, |given| crate::compare::equal(given).map(|equal| truth(!equal))),
    exact("not", 1, |given| Ok(truth(!given.iter().any(|got| got.value.truth())))),
    more("or", 1, |_| Ok(Got::default())),
    more("print", 0, |given| Ok(text(sprint(&values(given))))),
    more("printf", 1, |given| match values(given).split_first() {
        Some((Value::Text(format), rest)) => Ok(text(sprintf(format, rest))),
        _ => Err("printf without a format".into()),
    }),
    more("println", 0, |given| Ok(text(sprintln(&values(given))))),
    more("slice", 1, slice),
    more("urlquery", 0, |given| Ok(text(escape_query(&joined(given))))),
];

fn truth(value: bool) -> Got {
    Got::plain(Value::Bool(value))
}

fn text(text: String) -> Got {
    Got::plain(Value::from(text))
}

fn values(given: &[Got]) -> Vec<Value> {
    given.iter().map(|got| got.value.clone()).collect()
}

/// The text that escaping functions work on.
fn joined(given: &[Got]) -> String {
    let shown: Vec<Value> = given
        .iter()
        .map(|got| if got.value.is_nil() { Value::text("<no value>") } else { got.value.clone() })
        .collect();
    sprint(&shown)
}

/// `call`: templates reach no function values, so it only ever complains. The engine puts the name in.
fn call(given: &[Got]) -> Result<Got, String> {
    match given.first().map(|got| &got.value) {
        None | Some(Value::Nil) => Err("call of nil".into()),
        Some(value) => Err(format!("non-function {{}} of type {}", value.type_name())),
    }
}

fn length(given: &[Got]) -> Result<Got, String> {
    let Some(got) = given.first() else {
        return Err("len without a value".into());
    };
    let count = match &got.value {
        Value::Nil if got.boxed => return Err("len of nil pointer".into()),
        Value::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        Value::Text(text) => bytes_of_text(text).len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Object(object) => match object.entries() {
            Some(entries) => entries.len(),
            None => return Err(format!("len of type {}", object.type_name())),
        },
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Got::plain(int(count)))
}

/// The index that a value stands for; `limit` itself is let through, as in Go.
fn position(index: &Value, limit: usize) -> Result<usize, String> {
    let number = match index {
        Value::Int(number) | Value::Int64(number) | Value::Duration(number) => *number,
        Value::Byte(number) => i64::from(*number),
        Value::Rune(number) => i64::from(*number),
        Value::Nil => return Err("cannot index slice/array with nil".into()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    usize::try_from(number)
        .ok()
        .filter(|position| *position <= limit)
        .ok_or_else(|| format!("index out of range: {number}"))
}

fn index(given: &[Got]) -> Result<Got, String> {
    let Some((item, indexes)) = given.split_first() else {
        return Err("index of untyped nil".into());
    };
    if item.value.is_nil() {
        return Err("index of untyped nil".into());
    }
    let mut item = item.clone();
    for index in indexes {
        let index = &index.value;
        let past = |kind: &str| format!("reflect: {kind} index out of range");
        item = match &item.value {
            Value::Nil => return Err("index of nil pointer".into()),
            Value::List(list) => {
                let value = list.get(position(index, list.len())?).ok_or_else(|| past("slice"))?;
                Got::element(list, value.clone())
            }
            Value::Bytes(bytes) => {
                let byte = bytes.get(position(index, bytes.len())?).ok_or_else(|| past("slice"))?;
                Got::plain(Value::Byte(*byte))
            }
            Value::Text(text) => {
                let bytes = text.as_bytes();
                let byte = bytes.get(position(index, bytes.len())?).ok_or_else(|| past("string"))?;
                Got::plain(Value::Byte(*byte))
            }
            Value::Map(map) => Got::entry(map, map.get(key(index)?)),
            Value::Object(object) if object.kind() == "map" => {
                let key = key(index)?;
                let entries = object.entries().unwrap_or_default();
                let entry = entries.into_iter().find(|(name, _)| **name == *key);
                Got::boxed(entry.map_or_else(|| object.missing(), |(_, value)| value))
            }
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn key(index: &Value) -> Result<&str, String> {
    match index {
        Value::Text(key) => Ok(key),
        Value::Nil => Err("value is nil; should be of type string".into()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

fn slice(given: &[Got]) -> Result<Got, String> {
    let (item, indexes) = match given.split_first() {
        Some((item, indexes)) if !item.value.is_nil() => (&item.value, indexes),
        _ => return Err("slice of untyped nil".into()),
    };
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Value::Text(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Value::Text(text) => bytes_of_text(text).len(),
        Value::List(list) => list.len(),
        Value::Bytes(bytes) => bytes.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(&index.value, length)?;
    }
    let [from, to, most] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > most {
        return Err(format!("invalid slice index: {to} > {most}"));
    }
    Ok(Got::plain(match item {
        Value::List(list) => Value::List(List::of(list.elements(), list[from..to].to_vec())),
        Value::Bytes(bytes) => Value::Bytes(bytes[from..to].into()),
        Value::Text(text) => {
            Value::from(text_of_bytes(bytes_of_text(text).get(from..to).unwrap_or_default()))
        }
        other => Value::from(display(other)),
    }))
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
    out
}

fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ if c.is_ascii() || is_printable(c) => out.push(c),
            _ => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out
}

fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in &*bytes_of_text(text) {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
