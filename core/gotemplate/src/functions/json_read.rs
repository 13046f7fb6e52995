//! JSON as Go's `encoding/json` reads it: the same answers and the same words for what is wrong.

use std::rc::Rc;

use crate::value::Value;

/// Go allows 10,000; this is what recursive code over the values can bear.
const MAX_DEPTH: usize = 500;

/// Reads one value; every number is a `float64`.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0, depth: 0, range: None };
    reader.blanks();
    let value = reader.value("looking for beginning of value")?;
    reader.blanks();
    match reader.peek() {
        None => reader.range.map_or(Ok(value), Err),
        Some(_) => Err(reader.bad("after top-level value")),
    }
}

/// Reads the value that a text begins with, as Go's `json.Decoder` does, and says how many bytes it took; what follows is not looked at.
///
/// # Errors
/// With Go's words, where no value begins there or it has no end.
pub fn json_prefix(text: &str) -> Result<(Value, usize), String> {
    let mut reader = Reader { text, at: 0, depth: 0, range: None };
    reader.blanks();
    let read = reader.value("looking for beginning of value");
    let end = reader.at;
    let value = match read {
        // A decoder cannot know that its input is all there is.
        Err(_) if end >= text.len() => return Err("unexpected EOF".to_owned()),
        read => read?,
    };
    reader.range.map_or(Ok((value, end)), Err)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    /// The first number that no float64 can hold; Go checks the whole text for its form first.
    range: Option<String>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// What Go says about the byte at hand.
    fn bad(&self, context: &str) -> String {
        let end = || {
            // At the end Go lets its scanner read a blank, which is wrong inside of words, numbers and escapes.
            let inside = ["in literal", "numeric literal", "in string escape", "character escape"];
            inside.iter().any(|place| context.contains(place)).then_some(b' ')
        };
        let Some(byte) = self.peek().or_else(end) else {
            return "unexpected end of JSON input".to_owned();
        };
        // Go shows the byte, not the character, as if it were one.
        let shown = match char::from(byte) {
            '\'' => "'\\''".to_owned(),
            '"' => "'\"'".to_owned(),
            c => {
                let quoted = super::arguments::quoted(&c.to_string());
                format!("'{}'", quoted.trim_matches('"'))
            }
        };
        format!("invalid character {shown} {context}")
    }

    fn value(&mut self, context: &str) -> Result<Value, String> {
        match self.peek() {
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => Ok(self.string()?.into()),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.bad(context)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, String>) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        self.at += 1;
        self.blanks();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value("looking for beginning of value")?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::list(items));
                }
                _ => return Err(self.bad("after array element")),
            }
            self.blanks();
        }
    }

    fn map(&mut self) -> Result<Value, String> {
        let mut entries = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::map(entries));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.bad("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.bad("after object key"));
            }
            self.at += 1;
            self.blanks();
            entries.push((Rc::from(key), self.value("looking for beginning of value")?));
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::map(entries));
                }
                _ => return Err(self.bad("after object key:value pair")),
            }
            self.blanks();
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for expected in word.chars() {
            if self.peek().map(char::from) != Some(expected) {
                return Err(self.bad(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits("in numeric literal")?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let number: f64 = text.parse().unwrap_or(f64::NAN);
        if !number.is_finite() && self.range.is_none() {
            self.range = Some(format!("json: cannot unmarshal number {text} into Go value of type float64"));
        }
        Ok(Value::Float(number))
    }

    fn digits(&mut self, context: &str) -> Result<(), String> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.bad(context));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(c) = rest.chars().next() else {
                return Err(self.bad(""));
            };
            match c {
                '"' => {
                    self.at += 1;
                    return Ok(out);
                }
                '\\' => self.escape(&mut out)?,
                '\0'..='\u{1f}' => return Err(self.bad("in string literal")),
                c => {
                    out.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), String> {
        self.at += 1;
        let c = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code(out),
            _ => return Err(self.bad("in string escape code")),
        };
        self.at += 1;
        out.push(c);
        Ok(())
    }

    /// `\u` and four digits, two of them for a pair of surrogates; a lone one becomes U+FFFD.
    fn code(&mut self, out: &mut String) -> Result<(), String> {
        let first = self.hex()?;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first)
            && self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u"))
        {
            let back = self.at;
            self.at += 1;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            } else {
                self.at = back;
            }
        }
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(())
    }

    /// The four digits after `u`.
    fn hex(&mut self) -> Result<u32, String> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.bad("in \\u hexadecimal character escape"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}
