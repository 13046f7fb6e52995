//! Texts: cutting, joining, quoting (Sprig v3.3.0 `strings.go`). Lengths and positions are bytes, as in Go.

use std::rc::Rc;

use super::arguments::{LARGEST, any, fixed, int, length, open, text};
use super::words;
use crate::function::{Function, FunctionError, Parameter, Parameter::Any, Parameter::Int, Parameter::Text};
use crate::limits;
use crate::print::{display, quoted};
use crate::raw::{bytes_of_text, text_of_bytes};
use crate::value::{Map, MapType, Value};

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    fixed("hello", &[], |_, _| Ok("Hello!".into())),
    fixed("trim", ONE, |_, a| Ok(text(a, 0).trim().into())),
    fixed("trimall", TWO, |_, a| Ok(trim_all(text(a, 0), text(a, 1)).into())),
    fixed("trimAll", TWO, |_, a| Ok(trim_all(text(a, 0), text(a, 1)).into())),
    fixed("trimPrefix", TWO, |_, a| {
        Ok(text(a, 1).strip_prefix(text(a, 0)).map_or_else(|| any(a, 1), Value::from))
    }),
    fixed("trimSuffix", TWO, |_, a| {
        Ok(text(a, 1).strip_suffix(text(a, 0)).map_or_else(|| any(a, 1), Value::from))
    }),
    fixed("contains", TWO, |_, a| Ok(text(a, 1).contains(text(a, 0)).into())),
    fixed("hasPrefix", TWO, |_, a| Ok(text(a, 1).starts_with(text(a, 0)).into())),
    fixed("hasSuffix", TWO, |_, a| Ok(text(a, 1).ends_with(text(a, 0)).into())),
    fixed("replace", &[Text, Text, Text], |_, a| replace(a)),
    fixed("repeat", COUNT_TEXT, |_, a| Ok(repeat(text(a, 1), int(a, 0))?.into())),
    fixed("substr", &[Int, Int, Text], |_, a| substr(int(a, 0), int(a, 1), text(a, 2))),
    fixed("trunc", COUNT_TEXT, |_, a| Ok(trunc(int(a, 0), text(a, 1)))),
    fixed("abbrev", COUNT_TEXT, |_, a| Ok(abbreviate(0, int(a, 0), text(a, 1)))),
    fixed("abbrevboth", &[Int, Int, Text], |_, a| Ok(abbreviate(int(a, 0), int(a, 1), text(a, 2)))),
    fixed("wrap", COUNT_TEXT, |_, a| Ok(words::wrap(text(a, 1), int(a, 0), "", false))),
    fixed("wrapWith", &[Int, Text, Text], |_, a| Ok(words::wrap(text(a, 2), int(a, 0), text(a, 1), true))),
    fixed("indent", COUNT_TEXT, |_, a| Ok(indent("", int(a, 0), text(a, 1))?.into())),
    fixed("nindent", COUNT_TEXT, |_, a| Ok(indent("\n", int(a, 0), text(a, 1))?.into())),
    fixed("plural", &[Text, Text, Int], |_, a| Ok(any(a, usize::from(int(a, 2) != 1)))),
    open("quote", &[], Any, |_, a| Ok(joined(a, |value| quoted(&string(value))))),
    open("squote", &[], Any, |_, a| Ok(joined(a, |value| format!("'{}'", display(value))))),
    open("cat", &[], Any, |_, a| Ok(joined(a, display))),
    fixed("toString", &[Any], |_, a| Ok(string(&any(a, 0)).into())),
    fixed("toStrings", &[Any], |_, a| Ok(Value::texts(strings(&any(a, 0))))),
    fixed("join", &[Text, Any], |_, a| Ok(strings(&any(a, 1)).join(text(a, 0)).into())),
    fixed("sortAlpha", &[Any], |_, a| Ok(sort_alpha(&any(a, 0)))),
    fixed("split", TWO, |_, a| Ok(numbered(pieces(text(a, 0), -1, text(a, 1))))),
    fixed("splitn", &[Text, Int, Text], |_, a| Ok(numbered(pieces(text(a, 0), int(a, 1), text(a, 2))))),
    fixed("splitList", TWO, |_, a| Ok(Value::texts(pieces(text(a, 0), -1, text(a, 1))))),
];

const ONE: &[Parameter] = &[Text];
const TWO: &[Parameter] = &[Text, Text];
const COUNT_TEXT: &[Parameter] = &[Int, Text];

/// Sprig's `strval`: bytes are a text here, unlike in what `{{ . }}` prints.
pub(super) fn string(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => display(other),
    }
}

/// The elements as texts, `nil` left out; anything but a list is a list of itself.
pub(super) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Nil => Vec::new(),
        Value::List(list) => {
            let mut room = limits::TEXT;
            let fits = |text: &String| {
                let fits = room >= text.len();
                room = room.saturating_sub(text.len());
                if !fits {
                    limits::cut();
                }
                fits
            };
            list.iter().filter(|item| !item.is_nil()).map(string).take_while(fits).collect()
        }
        Value::Bytes(bytes) => bytes.iter().map(ToString::to_string).collect(),
        other => vec![string(other)],
    }
}

fn sort_alpha(value: &Value) -> Value {
    match value {
        Value::List(_) | Value::Bytes(_) => {
            let mut texts = strings(value);
            texts.sort_unstable();
            Value::texts(texts)
        }
        other => Value::texts([string(other)]),
    }
}

fn joined(values: &[Value], show: impl Fn(&Value) -> String) -> Value {
    let texts: Vec<String> = values.iter().filter(|value| !value.is_nil()).map(show).collect();
    texts.join(" ").into()
}

fn trim_all<'a>(cut: &str, text: &'a str) -> &'a str {
    text.trim_matches(|c| cut.contains(c))
}

/// Every occurrence, where that fits.
fn replace(arguments: &[Value]) -> Result<Value, FunctionError> {
    let (old, new, whole) = (text(arguments, 0), text(arguments, 1), text(arguments, 2));
    if new.len() > old.len() && whole.matches(old).count().saturating_mul(new.len()) > LARGEST {
        return Err(FunctionError::new("the result is too large"));
    }
    Ok(whole.replace(old, new).into())
}

fn repeat(text: &str, count: i64) -> Result<String, FunctionError> {
    let count = usize::try_from(count).map_err(|_| FunctionError::new("strings: negative Repeat count"))?;
    match text.len().checked_mul(count) {
        Some(size) if size <= LARGEST => Ok(text.repeat(count)),
        _ => Err(FunctionError::new("strings: Repeat output length overflow")),
    }
}

fn indent(before: &str, spaces: i64, text: &str) -> Result<String, FunctionError> {
    let pad = repeat(" ", spaces)?;
    let lines = text.matches('\n').count() + 1;
    if lines.saturating_mul(pad.len()) > LARGEST {
        return Err(FunctionError::new("strings: Repeat output length overflow"));
    }
    let mut out = String::with_capacity(before.len() + text.len() + lines * pad.len());
    out.push_str(before);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(&pad);
        out.push_str(line);
    }
    Ok(out)
}

/// Bytes `from..to`. What is left of half a character stays, as in Go.
pub(super) fn bytes(text: &str, from: usize, to: usize) -> String {
    let whole = bytes_of_text(text);
    match text.get(from..to).filter(|_| whole.len() == text.len()) {
        Some(part) => part.to_owned(),
        None => text_of_bytes(whole.get(from..to).unwrap_or_default()),
    }
}

/// The length in bytes.
fn size(text: &str) -> i64 {
    length(bytes_of_text(text).len())
}

fn substr(start: i64, end: i64, text: &str) -> Result<Value, FunctionError> {
    let size = size(text);
    let (low, high) = match (start, end) {
        (..0, end) => (0, end),
        (start, end) if end < 0 || end > size => (start, size),
        both => both,
    };
    let fault =
        |range: String| FunctionError::new(format!("runtime error: slice bounds out of range {range}"));
    if high < 0 {
        return Err(fault(format!("[:{high}]")));
    }
    if high > size {
        return Err(fault(format!("[:{high}] with length {size}")));
    }
    if low > high {
        return Err(fault(format!("[{low}:{high}]")));
    }
    Ok(bytes(text, position(low), position(high)).into())
}

fn position(index: i64) -> usize {
    usize::try_from(index).unwrap_or_default()
}

fn trunc(count: i64, text: &str) -> Value {
    let size = size(text);
    if count < 0 && size.saturating_add(count) > 0 {
        return bytes(text, position(size + count), position(size)).into();
    }
    if count >= 0 && size > count {
        return bytes(text, 0, position(count)).into();
    }
    text.into()
}

/// Three points in place of what does not fit; a left offset of up to four bytes is not worth points of its own.
fn abbreviate(left: i64, width: i64, text: &str) -> Value {
    if width < 4 || (left > 0 && width < 7) {
        return text.into();
    }
    let size = size(text);
    if size <= width {
        return text.into();
    }
    let room = width - 3;
    let mut left = left.min(size);
    if size.wrapping_sub(left) < room {
        left = size - room;
    }
    if left <= 4 {
        return format!("{}...", bytes(text, 0, position(room))).into();
    }
    if left.saturating_add(room) < size {
        let tail = bytes(text, position(left), position(size));
        return format!("...{}", string(&abbreviate(0, room, &tail))).into();
    }
    format!("...{}", bytes(text, position(size - room), position(size))).into()
}

/// Go's `strings.SplitN`: no limit below zero, nothing at zero; an empty separator parts all characters.
fn pieces<'t>(separator: &str, limit: i64, text: &'t str) -> Vec<&'t str> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit == 0 {
        return Vec::new();
    }
    // One more than fits is one too many.
    let limit = limit.min(limits::ITEMS + 2);
    if !separator.is_empty() {
        return text.splitn(limit, separator).collect();
    }
    let mut pieces = Vec::new();
    let mut remaining = text;
    while let Some(first) = remaining.chars().next() {
        let end = if pieces.len() + 1 == limit { remaining.len() } else { first.len_utf8() };
        let (piece, tail) = remaining.split_at(end);
        pieces.push(piece);
        remaining = tail;
    }
    pieces
}

/// `_0`, `_1`, … as `split` names its pieces.
fn numbered(pieces: Vec<&str>) -> Value {
    let entries = pieces.into_iter().enumerate();
    let entries = entries.map(|(index, piece)| (Rc::from(format!("_{index}")), Value::text(piece)));
    Value::Map(Map::of(MapType::Texts, entries.collect()))
}
