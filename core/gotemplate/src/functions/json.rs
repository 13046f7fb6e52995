//! JSON as Go's `encoding/json` writes it.

use backstay_yaml::number::json_float;

use crate::limits;
use crate::raw::byte_of;
use crate::value::{Value, base64_text};

/// Deeper than this nothing that is no cycle goes; Go reports cycles from 1000 levels on.
const MAX_DEPTH: usize = 500;

/// How to write.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Two blanks per level and a line for each element.
    pub(super) pretty: bool,
    /// `<`, `>` and `&` as `\u003c` and so on.
    pub(super) html: bool,
}

/// The JSON text, or Go's error.
pub(super) fn write(value: &Value, style: Style) -> Result<String, String> {
    let mut writer = Writer { out: String::new(), style, depth: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    style: Style,
    depth: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(number) | Value::Int64(number) | Value::Duration(number) => {
                self.out.push_str(&number.to_string());
            }
            Value::Byte(number) => self.out.push_str(&number.to_string()),
            Value::Rune(number) => self.out.push_str(&number.to_string()),
            Value::Float(number) => match json_float(*number) {
                Some(text) => self.out.push_str(&text),
                None => {
                    let text = backstay_yaml::number::float_text(*number);
                    return Err(format!("json: unsupported value: {text}"));
                }
            },
            Value::Text(text) => self.text(text),
            Value::Bytes(bytes) => self.text(&base64_text(bytes)),
            Value::List(list) if list.is_nil() => self.out.push_str("null"),
            Value::List(list) => {
                self.group(value, '[', ']', list.iter().map(|item| (None, item)))?;
            }
            Value::Map(map) if map.is_nil() => self.out.push_str("null"),
            Value::Map(map) => {
                let entries = map.borrow();
                self.group(value, '{', '}', entries.iter().map(|(key, item)| (Some(&**key), item)))?;
            }
            Value::Object(object) if object.kind() == "complex128" => {
                return Err("json: unsupported type: complex128".to_owned());
            }
            Value::Object(object) => {
                if let Some(fields) = object.json_fields() {
                    return self.group(value, '{', '}', fields.iter().map(|(key, item)| (Some(*key), item)));
                }
                self.enter(value)?;
                self.value(&object.plain())?;
                self.depth -= 1;
            }
        }
        Ok(())
    }

    fn enter(&mut self, value: &Value) -> Result<(), String> {
        self.depth += 1;
        if self.out.len() > limits::TEXT {
            limits::cut();
            return Err(limits::CUT.to_owned());
        }
        if self.depth > MAX_DEPTH {
            let name = value.type_name();
            return Err(format!("json: unsupported value: encountered a cycle via {name}"));
        }
        Ok(())
    }

    fn group<'v>(
        &mut self,
        whole: &Value,
        open: char,
        close: char,
        items: impl Iterator<Item = (Option<&'v str>, &'v Value)>,
    ) -> Result<(), String> {
        self.enter(whole)?;
        self.out.push(open);
        let mut first = true;
        for (key, item) in items {
            if !first {
                self.out.push(',');
            }
            first = false;
            self.line();
            if let Some(key) = key {
                self.text(key);
                self.out.push_str(if self.style.pretty { ": " } else { ":" });
            }
            self.value(item)?;
        }
        self.depth -= 1;
        if !first {
            self.line();
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self) {
        if self.style.pretty {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str("  ");
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.out.len() > limits::TEXT {
            return limits::cut();
        }
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '<' | '>' | '&' if self.style.html => self.code(c),
                '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => self.code(c),
                // A byte that is no UTF-8.
                '\u{10ff80}'.. if byte_of(c).is_some() => self.out.push_str("\\ufffd"),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn code(&mut self, c: char) {
        self.out.push_str(&format!("\\u{:04x}", c as u32));
    }
}
