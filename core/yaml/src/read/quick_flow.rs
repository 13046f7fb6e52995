//! Flow collections of the quick reader: `[a, "b"]` and `{a: 1}` within a line.

use std::borrow::Cow;

use super::Builder;
use super::quick::{KEY_MOST, Quick, key_of, resolved};

/// Deeper ones are left to the other reader.
const DEPTH_MOST: usize = 32;

/// Whether a text is a key in every reading: a word that is no boolean and no number.
pub(super) fn is_key_plain(text: &str) -> bool {
    text.len() > 5 && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
}

impl<'t> Quick<'t> {
    pub(super) fn flow<B: Builder, const KEEP: bool>(
        &mut self,
        builder: &mut B,
        depth: usize,
    ) -> Option<B::Value> {
        if depth > DEPTH_MOST {
            return None;
        }
        match self.byte()? {
            b'[' => {
                let mut items = Vec::new();
                self.each(b']', &mut |quick| {
                    items.push(quick.flow::<B, KEEP>(builder, depth + 1)?);
                    Some(())
                })?;
                Some(builder.list(items))
            }
            b'{' => {
                let mut entries = Vec::new();
                self.each(b'}', &mut |quick| {
                    let key = quick.flow_key()?;
                    quick.skip_spaces();
                    let value = quick.flow::<B, KEEP>(builder, depth + 1)?;
                    entries.push((builder.key(&key), value));
                    Some(())
                })?;
                Some(builder.map(entries))
            }
            b'"' | b'\'' => Some(builder.string(&self.flow_quoted()?)),
            _ => {
                let text = self.flow_plain()?;
                resolved::<B, KEEP>(builder, text)
            }
        }
    }

    /// Goes from the bracket that opens over everything between commas to the one that closes.
    fn each(&mut self, close: u8, take: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.skip_spaces();
        if self.byte()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            take(self)?;
            self.skip_spaces();
            let byte = self.byte()?;
            self.at += 1;
            if byte == close {
                return Some(());
            }
            if byte != b',' {
                return None;
            }
            self.skip_spaces();
        }
    }

    fn flow_quoted(&mut self) -> Option<Cow<'t, str>> {
        let start = self.at + 1;
        if let Some(end) = self.quoted_end() {
            self.at = end;
            return self.text.get(start..end - 1).map(Cow::Borrowed);
        }
        (self.byte()? == b'"').then_some(())?;
        self.at = start;
        let mut text = String::new();
        let mut from = start;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\t' | b'\n' => return None,
                b'\\' => {
                    text.push_str(self.text.get(from..self.at)?);
                    text.push(self.escaped()?);
                    from = self.at;
                }
                _ => self.at += 1,
            }
        }
        text.push_str(self.text.get(from..self.at)?);
        self.at += 1;
        Some(Cow::Owned(text))
    }

    /// The escapes that JSON is written with, but for characters that take two of them.
    fn escaped(&mut self) -> Option<char> {
        let letter = *self.bytes.get(self.at + 1)?;
        self.at += 2;
        Some(match letter {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'"' => '"',
            b'\\' => '\\',
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            _ => return None,
        })
    }

    /// Behind a quoted key the colon needs no space, as in JSON.
    fn flow_key(&mut self) -> Option<Cow<'t, str>> {
        let start = self.at;
        let is_quoted = matches!(self.byte()?, b'"' | b'\'');
        let key = if is_quoted { self.flow_quoted()? } else { key_of(self.flow_plain()?)? };
        let is_key = self.byte() == Some(b':') && (is_quoted || self.bytes.get(self.at + 1) == Some(&b' '));
        self.at += 1;
        (is_key && self.at - start <= KEY_MOST).then_some(key)
    }

    /// A plain text of characters that are special nowhere.
    fn flow_plain(&mut self) -> Option<&'t str> {
        let start = self.at;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/');
        let first = self.bytes.get(start)?;
        let is_dashed = *first == b'-' && self.bytes.get(start + 1).is_some_and(is_word);
        if !is_word(first) && !is_dashed {
            return None;
        }
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            let joins = *byte == b'-' || *byte == b':' && self.bytes.get(self.at + 1).is_some_and(is_word);
            if !is_word(byte) && !joins {
                break;
            }
            self.at += 1;
        }
        self.text.get(start..self.at)
    }
}
