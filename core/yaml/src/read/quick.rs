//! A short way through what nearly all manifests and values are made of: block lists and maps, plain, quoted and literal
//! texts, flow collections within a line. It gives up at everything else, errors too, and the parser of events reads the
//! text from the beginning. So it must be right about what it takes, and may leave anything.

use std::borrow::Cow;

use super::Builder;
use super::build::key_text;
use super::quick_flow::is_key_plain;
use crate::resolve::{Scalar, resolve_plain};

/// Deeper documents are left to the other reader.
const DEPTH_MOST: usize = 64;

/// A key may not be longer (YAML 1.2, section 7.4).
pub(super) const KEY_MOST: usize = 1000;

/// Makes nothing: for parts of a document that only have to be right.
struct Nothing;

/// A key of [`Nothing`].
struct NoKey;

impl AsRef<str> for NoKey {
    fn as_ref(&self) -> &str {
        ""
    }
}

impl Builder for Nothing {
    type Value = ();
    type Key = NoKey;

    fn null(&mut self) {}
    fn boolean(&mut self, _: bool) {}
    fn int(&mut self, _: i64) {}
    fn uint(&mut self, _: u64) {}
    fn float(&mut self, _: f64) {}
    fn string(&mut self, _: &str) {}
    fn key(&mut self, _: &str) -> NoKey {
        NoKey
    }
    fn list(&mut self, _: Vec<()>) {}
    fn map(&mut self, _: Vec<(NoKey, ())>) {}
    fn entries(&mut self, (): &()) -> Option<Vec<(NoKey, ())>> {
        None
    }
}

/// Reads the first document of a text if it is an easy one.
pub(super) fn read<B: Builder>(source: &str, builder: &mut B) -> Option<B::Value> {
    read_as::<B, true>(source, builder)
}

fn read_as<B: Builder, const KEEP: bool>(source: &str, builder: &mut B) -> Option<B::Value> {
    if !has_easy_characters(source) {
        return None;
    }
    let mut quick =
        Quick { text: source, bytes: source.as_bytes(), at: 0, column: -1, scratch: String::new() };
    quick.begin_document()?;
    if quick.column == -1 {
        return Some(builder.null());
    }
    let value = quick.block::<B, KEEP>(builder, 1)?;
    (quick.column == -1).then_some(value)
}

/// Whether a text is an easy one, and right.
#[cfg(test)]
pub(super) fn is_right(source: &str) -> bool {
    read_as::<_, false>(source, &mut Nothing).is_some()
}

/// Whether all characters are taken by every YAML and none is a line break or white space in some only.
fn has_easy_characters(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without branches, so that the compiler looks at many bytes at once.
    let odd = bytes.iter().fold(0_u8, |odd, byte| {
        let control = (*byte < 0x20) & (*byte != b'\n') & (*byte != b'\t') | (*byte == 0x7f);
        odd | u8::from(control) | (*byte & 0x80)
    });
    odd == 0
        || odd == 0x80
            && text.chars().filter(|c| !c.is_ascii()).all(|c| {
                !matches!(
                    c,
                    '\u{80}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                )
            })
}

/// Where a plain text in a line ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Line,
    Comment,
    /// At a colon: it is a key.
    Key,
}

/// A place in the text. After a value it is always at the beginning of the next one.
pub(super) struct Quick<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
    /// The column of `at`, from 0; -1 at the end.
    pub(super) column: isize,
    scratch: String,
}

impl<'t> Quick<'t> {
    pub(super) fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn is_space_or_end(&self, at: usize) -> bool {
        matches!(self.bytes.get(at), None | Some(b' ' | b'\n'))
    }

    fn is_dash(&self) -> bool {
        self.byte() == Some(b'-') && self.is_space_or_end(self.at + 1)
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |found| from + found)
    }

    pub(super) fn skip_spaces(&mut self) {
        let start = self.at;
        while self.byte() == Some(b' ') {
            self.at += 1;
        }
        self.column += (self.at - start) as isize;
    }

    /// From the end of a value to the next one: only white space and comments may lie between.
    pub(super) fn next_line(&mut self) -> Option<()> {
        let end = self.at;
        self.skip_spaces();
        match self.byte() {
            None | Some(b'\n') => {}
            Some(b'#') if self.at > end => {}
            _ => return None,
        }
        self.at = self.line_end(self.at) + 1;
        self.value_from_line()
    }

    /// To the first value, behind `---` where the text begins with it.
    fn begin_document(&mut self) -> Option<()> {
        if self.value_from_line().is_some() {
            return Some(());
        }
        let end = self.line_end(self.at);
        if self.text.get(self.at..end)?.trim_end_matches(' ') != "---" {
            return None;
        }
        self.at = end + 1;
        self.value_from_line()
    }

    /// From the beginning of a line to the next value.
    fn value_from_line(&mut self) -> Option<()> {
        loop {
            let start = self.at;
            while self.byte() == Some(b' ') {
                self.at += 1;
            }
            match self.byte() {
                None => {
                    self.column = -1;
                    return Some(());
                }
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.at = self.line_end(self.at) + 1,
                Some(b'\t') => return None,
                Some(_) => return self.begin(start),
            }
        }
    }

    /// Ends of documents are left to the other reader, and what comes behind them.
    fn begin(&mut self, start: usize) -> Option<()> {
        self.column = (self.at - start) as isize;
        let rest = self.bytes.get(self.at..)?;
        (self.column > 0 || !(rest.starts_with(b"---") || rest.starts_with(b"...") || rest.starts_with(b"%")))
            .then_some(())
    }

    fn block<B: Builder, const KEEP: bool>(&mut self, builder: &mut B, depth: usize) -> Option<B::Value> {
        if depth > DEPTH_MOST {
            return None;
        }
        if self.is_dash() {
            self.list::<B, KEEP>(builder, depth)
        } else {
            self.map::<B, KEEP>(builder, depth)
        }
    }

    fn list<B: Builder, const KEEP: bool>(&mut self, builder: &mut B, depth: usize) -> Option<B::Value> {
        if depth > DEPTH_MOST {
            return None;
        }
        let column = self.column;
        let mut items = Vec::new();
        while self.column == column && self.is_dash() {
            self.at += 1;
            self.column += 1;
            self.skip_spaces();
            let item = match self.byte() {
                None | Some(b'\n' | b'#') => {
                    self.next_line()?;
                    if self.column > column {
                        self.block::<B, KEEP>(builder, depth + 1)?
                    } else {
                        builder.null()
                    }
                }
                Some(_) if self.is_dash() || self.is_key() => self.block::<B, KEEP>(builder, depth + 1)?,
                Some(_) => self.scalar::<B, KEEP>(builder, column)?,
            };
            items.push(item);
        }
        (self.column <= column).then(|| builder.list(items))
    }

    fn map<B: Builder, const KEEP: bool>(&mut self, builder: &mut B, depth: usize) -> Option<B::Value> {
        let column = self.column;
        let mut entries = Vec::new();
        while self.column == column {
            let key = self.key()?;
            let value = if KEEP && !builder.needs(depth, &key) {
                self.value::<Nothing, false>(&mut Nothing, column, depth)?;
                builder.null()
            } else {
                self.value::<B, KEEP>(builder, column, depth)?
            };
            entries.push((builder.key(&key), value));
        }
        (self.column < column).then(|| builder.map(entries))
    }

    /// Whether there is a key in the rest of the line.
    fn is_key(&self) -> bool {
        match self.byte() {
            Some(b'"' | b'\'') => self.quoted_end().is_some_and(|end| self.bytes.get(end) == Some(&b':')),
            Some(_) => self.plain(self.at).is_some_and(|(_, stop)| stop == Stop::Key),
            None => false,
        }
    }

    /// Behind a quoted text without escapes in one line.
    pub(super) fn quoted_end(&self) -> Option<usize> {
        let quote = self.byte()?;
        let inside = self.bytes.get(self.at + 1..)?;
        let end = inside.iter().position(|byte| *byte == quote || matches!(byte, b'\\' | b'\n' | b'\t'))?;
        let closes = inside.get(end) == Some(&quote);
        let again = quote == b'\'' && inside.get(end + 1) == Some(&quote);
        (closes && !again).then_some(self.at + end + 2)
    }

    /// Reads a key and the colon behind it.
    fn key(&mut self) -> Option<Cow<'t, str>> {
        let start = self.at;
        let key = if let Some(b'"' | b'\'') = self.byte() {
            self.at = self.quoted_end()?;
            Cow::Borrowed(self.text.get(start + 1..self.at - 1)?)
        } else {
            let (end, stop) = self.plain(start)?;
            if stop != Stop::Key {
                return None;
            }
            self.at = end;
            key_of(self.text.get(start..end)?)?
        };
        let is_key = self.byte() == Some(b':') && self.is_space_or_end(self.at + 1);
        self.at += 1;
        (is_key && self.at - start <= KEY_MOST).then_some(key)
    }

    /// What a key in column `parent` stands for.
    fn value<B: Builder, const KEEP: bool>(
        &mut self,
        builder: &mut B,
        parent: isize,
        depth: usize,
    ) -> Option<B::Value> {
        let start = self.at;
        self.skip_spaces();
        match self.byte() {
            None | Some(b'\n' | b'#') => {}
            Some(_) => return self.scalar::<B, KEEP>(builder, parent),
        }
        self.at = start;
        self.next_line()?;
        if self.column > parent {
            self.block::<B, KEEP>(builder, depth + 1)
        } else if self.column == parent && self.is_dash() {
            self.list::<B, KEEP>(builder, depth + 1)
        } else {
            Some(builder.null())
        }
    }

    fn scalar<B: Builder, const KEEP: bool>(&mut self, builder: &mut B, parent: isize) -> Option<B::Value> {
        match self.byte()? {
            b'"' | b'\'' => self.quoted::<B, KEEP>(builder, parent),
            b'|' | b'>' => self.literal::<B, KEEP>(builder, parent),
            b'[' | b'{' => {
                let value = self.flow::<B, KEEP>(builder, 0)?;
                self.next_line()?;
                Some(value)
            }
            _ => self.plain_value::<B, KEEP>(builder, parent),
        }
    }

    /// Where the plain text at a place ends in its line, without white space at the end.
    fn plain(&self, from: usize) -> Option<(usize, Stop)> {
        let first = *self.bytes.get(from)?;
        let begins = match first {
            b'-' => !self.is_space_or_end(from + 1),
            _ => !b"?:,[]{}#&*!|>'\"%@`\t".contains(&first),
        };
        if begins { self.plain_rest(from) } else { None }
    }

    /// The same in a line that only goes on, so that any character may be the first.
    fn plain_rest(&self, from: usize) -> Option<(usize, Stop)> {
        let mut at = from;
        let stop = loop {
            match self.bytes.get(at) {
                None | Some(b'\n') => break Stop::Line,
                Some(b':') if matches!(self.bytes.get(at + 1), None | Some(b' ' | b'\n' | b'\t')) => {
                    break Stop::Key;
                }
                Some(b'#') if at > from && self.bytes.get(at - 1) == Some(&b' ') => break Stop::Comment,
                Some(b'\t') => return None,
                Some(_) => at += 1,
            }
        };
        let spaces = self.bytes.get(from..at)?.iter().rev().take_while(|byte| **byte == b' ').count();
        // A key with white space before its colon is left to the other reader.
        (spaces == 0 || stop != Stop::Key).then_some((at - spaces, stop))
    }

    fn plain_value<B: Builder, const KEEP: bool>(
        &mut self,
        builder: &mut B,
        parent: isize,
    ) -> Option<B::Value> {
        let start = self.at;
        let (mut end, mut stop) = self.plain(start)?;
        let first = self.text.get(start..end)?;
        let mut lines = 1;
        loop {
            self.at = end;
            match stop {
                Stop::Key => return None,
                Stop::Comment => {
                    self.next_line()?;
                    if self.column > parent {
                        return None;
                    }
                    break;
                }
                Stop::Line => {}
            }
            let Some(blanks) = self.continued(parent)? else { break };
            if KEEP {
                if lines == 1 {
                    self.scratch.clear();
                    self.scratch.push_str(first);
                }
                self.fold(blanks);
            }
            lines += 1;
            let start = self.at;
            (end, stop) = self.plain_rest(start)?;
            if KEEP {
                self.scratch.push_str(self.text.get(start..end)?);
            }
        }
        if lines == 1 {
            resolved::<B, KEEP>(builder, first)
        } else {
            resolved::<B, KEEP>(builder, if KEEP { &self.scratch } else { "…" })
        }
    }

    fn fold(&mut self, blanks: usize) {
        if blanks == 0 {
            self.scratch.push(' ');
        }
        (0..blanks).for_each(|_| self.scratch.push('\n'));
    }

    /// From the end of a line to a following one that is deeper than `parent`: how many blank lines lie between. Where there
    /// is none, the next value is looked for.
    fn continued(&mut self, parent: isize) -> Option<Option<usize>> {
        let mut blanks = 0;
        self.at = self.line_end(self.at);
        loop {
            self.at += 1;
            let start = self.at;
            while self.byte() == Some(b' ') {
                self.at += 1;
            }
            match self.byte() {
                None => {
                    self.column = -1;
                    return Some(None);
                }
                Some(b'\n') => blanks += 1,
                Some(b'\t') => return None,
                Some(b'#') => {
                    self.at = start;
                    self.value_from_line()?;
                    // A comment ends the text; what is deeper can be no part of it, and of nothing else.
                    return (self.column <= parent).then_some(None);
                }
                Some(_) => {
                    self.begin(start)?;
                    return Some((self.column > parent).then_some(blanks));
                }
            }
        }
    }

    fn quoted<B: Builder, const KEEP: bool>(&mut self, builder: &mut B, parent: isize) -> Option<B::Value> {
        let start = self.at + 1;
        if let Some(end) = self.quoted_end() {
            self.at = end;
            self.next_line()?;
            return Some(builder.string(self.text.get(start..end - 1)?));
        }
        let quote = self.byte()?;
        self.at = start;
        self.scratch.clear();
        let mut from = start;
        loop {
            let byte = self.byte()?;
            match byte {
                b'\t' => return None,
                b'\n' => {
                    let line = self.text.get(from..self.at)?;
                    self.scratch.push_str(line.trim_end_matches(' '));
                    let blanks = self.continued(parent)??;
                    self.fold(blanks);
                    from = self.at;
                }
                b'\\' if quote == b'"' => {
                    self.scratch.push_str(self.text.get(from..self.at)?);
                    self.scratch.push(match self.bytes.get(self.at + 1)? {
                        b'n' => '\n',
                        b't' => '\t',
                        b'"' => '"',
                        b'\\' => '\\',
                        _ => return None,
                    });
                    self.at += 2;
                    from = self.at;
                }
                _ if byte != quote => self.at += 1,
                _ => {
                    self.scratch.push_str(self.text.get(from..self.at)?);
                    self.at += 1;
                    if quote == b'"' || self.byte() != Some(quote) {
                        break;
                    }
                    self.scratch.push('\'');
                    self.at += 1;
                    from = self.at;
                }
            }
        }
        self.next_line()?;
        Some(builder.string(&self.scratch))
    }

    /// `|`, and for those who need no text `>` too.
    fn literal<B: Builder, const KEEP: bool>(&mut self, builder: &mut B, parent: isize) -> Option<B::Value> {
        let style = self.byte()?;
        self.at += 1;
        let chomps = self.byte();
        if let Some(b'+' | b'-') = chomps {
            self.at += 1;
        }
        if KEEP && (style == b'>' || chomps == Some(b'+')) {
            return None;
        }
        let line = self.at;
        self.skip_spaces();
        match self.byte()? {
            b'\n' => {}
            b'#' if self.at > line => {}
            _ => return None,
        }
        self.at = self.line_end(self.at) + 1;
        self.scratch.clear();
        self.literal_lines::<KEEP>(parent)?;
        if !KEEP {
            return Some(builder.null());
        }
        let text = self.scratch.trim_end_matches('\n');
        if chomps == Some(b'-') || text.is_empty() {
            return Some(builder.string(text));
        }
        let end = text.len() + 1;
        let text = self.scratch.get(..end)?;
        Some(builder.string(text))
    }

    fn literal_lines<const KEEP: bool>(&mut self, parent: isize) -> Option<()> {
        let mut indent = None;
        let mut widest = 0;
        loop {
            let start = self.at;
            if start >= self.bytes.len() {
                self.column = -1;
                return Some(());
            }
            while self.byte() == Some(b' ') && indent.is_none_or(|indent| self.at - start < indent) {
                self.at += 1;
            }
            let spaces = self.at - start;
            let end = self.line_end(self.at);
            let is_blank = self.bytes.get(self.at..end)?.iter().all(|byte| *byte == b' ');
            if is_blank {
                widest = widest.max(end - start);
                if KEEP && indent.is_some_and(|indent| end - start > indent) || end == self.bytes.len() {
                    return None;
                }
                self.scratch.push('\n');
            } else if indent.is_none_or(|indent| spaces < indent) && (spaces as isize) <= parent {
                self.at = start;
                return self.value_from_line();
            } else {
                if indent.is_none() && (widest > spaces || self.byte() == Some(b'\t')) {
                    return None;
                }
                if *indent.get_or_insert(spaces) > spaces {
                    return None;
                }
                if KEEP {
                    // The last line break is missing: yaml.v2 and YAML 1.2 are not of one mind about it.
                    self.scratch.push_str(self.text.get(self.at..end)?);
                    self.scratch.push('\n');
                    if end == self.bytes.len() {
                        return None;
                    }
                }
            }
            self.at = end + 1;
        }
    }
}

/// A plain key as JSON has it.
pub(super) fn key_of(text: &str) -> Option<Cow<'_, str>> {
    if text == "<<" {
        return None;
    }
    if is_key_plain(text) {
        return Some(Cow::Borrowed(text));
    }
    key_text(resolve_plain(text)).ok()
}

/// The value of a plain text.
pub(super) fn resolved<B: Builder, const KEEP: bool>(builder: &mut B, text: &str) -> Option<B::Value> {
    if !KEEP && !text.starts_with(['.', '+', '-']) {
        return Some(builder.null());
    }
    Some(match resolve_plain(text) {
        Scalar::Null => builder.null(),
        Scalar::Bool(value) => builder.boolean(value),
        Scalar::Int(value) => builder.int(value),
        Scalar::Uint(value) => builder.uint(value),
        Scalar::Float(value) if value.is_finite() => builder.float(value),
        Scalar::Float(_) => return None,
        Scalar::Timestamp(text) | Scalar::Str(text) => builder.string(text),
    })
}
