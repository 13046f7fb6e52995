//! The emitter: libyaml's rules of indentation, quoting and folding, as far as Helm's two dialects reach them.

use crate::MAX_DEPTH;
use crate::error::WriteError;
use crate::json::float_through_json;
use crate::number;
use crate::order::{natural_less, sort_by_less};
use crate::resolve::{Scalar, is_base60, resolve_plain};
use crate::scalar::{Style, analyze, is_break, is_printable};
use crate::write::{Dialect, Sink, Source};

/// Spaces per level.
const INDENT: usize = 2;
/// The column after which yaml.v2 folds at the next single space.
const WIDTH: usize = 80;
/// The longest key, in bytes, that is written before its colon without a question mark.
const SIMPLE_KEY: usize = 128;
/// The longest key, in characters of JSON, that yaml.v2 reads back.
const READABLE_KEY: usize = 1024;

/// The place a node is written at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    /// A value, or a key behind `? `.
    Entry,
    /// A key before its colon.
    SimpleKey,
}

/// Writes one document.
#[derive(Debug)]
pub(crate) struct Emitter {
    out: String,
    dialect: Dialect,
    column: usize,
    /// `None` before the first collection.
    indent: Option<usize>,
    /// The last thing written was white space.
    whitespace: bool,
    /// Only indentation (and indicators that count as such) was written in this line.
    indention: bool,
    place: Place,
    depth: usize,
}

impl Emitter {
    pub(crate) fn new(dialect: Dialect) -> Emitter {
        Emitter {
            out: String::new(),
            dialect,
            column: 0,
            indent: None,
            whitespace: true,
            indention: true,
            place: Place::Root,
            depth: 0,
        }
    }

    pub(crate) fn finish(mut self) -> String {
        self.indent = None;
        self.write_indent();
        self.out
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, needs_space: bool, is_space: bool, is_indention: bool) {
        if needs_space && !self.whitespace {
            self.put(' ');
        }
        self.out.push_str(text);
        self.column += text.len();
        self.whitespace = is_space;
        self.indention &= is_indention;
    }

    fn node(&mut self, place: Place, value: &dyn Source) -> Result<(), WriteError> {
        self.place = place;
        if self.out.len() > crate::MAX_TEXT {
            return Err(WriteError::Size);
        }
        value.describe(self)
    }

    fn enter(&mut self) -> Result<Option<usize>, WriteError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(WriteError::Depth) } else { Ok(self.indent) }
    }

    fn leave(&mut self, outer: Option<usize>) {
        self.depth -= 1;
        self.indent = outer;
    }

    fn deeper(&mut self) {
        self.indent = Some(self.indent.map_or(0, |indent| indent + INDENT));
    }

    fn text(&mut self, text: &str) -> Result<(), WriteError> {
        let wanted = if text.contains('\n') {
            Style::Literal
        } else if Self::stays_string(text) {
            Style::Plain
        } else {
            Style::Double
        };
        self.scalar(text, wanted);
        Ok(())
    }

    /// Whether the text, unquoted, would be read as a string (by this and by older readers).
    fn stays_string(text: &str) -> bool {
        matches!(resolve_plain(text), Scalar::Str(_)) && !is_base60(text)
    }

    fn scalar(&mut self, text: &str, wanted: Style) {
        let allowed = analyze(text, self.dialect);
        let key = self.place == Place::SimpleKey;
        let style = match wanted {
            _ if key && allowed.multiline => Style::Double,
            Style::Plain if allowed.plain => Style::Plain,
            Style::Plain | Style::Single if allowed.single => Style::Single,
            Style::Literal if allowed.block && !key => Style::Literal,
            _ => Style::Double,
        };
        let outer = self.indent;
        self.indent = Some(self.indent.map_or(INDENT, |indent| indent + INDENT));
        let fold = !key && self.dialect == Dialect::Helm;
        match style {
            Style::Plain => self.plain(text, fold),
            Style::Single => self.single_quoted(text, fold),
            Style::Double => self.double_quoted(text, fold),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    fn plain(&mut self, text: &str, fold: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        if !fold || self.column + text.len() <= WIDTH {
            self.out.push_str(text);
            self.column += text.chars().count();
        } else {
            let mut chars = text.chars().peekable();
            let mut spaces = false;
            while let Some(c) = chars.next() {
                if c == ' ' && !spaces && self.column > WIDTH && chars.peek() != Some(&' ') {
                    self.write_indent();
                } else {
                    self.put(c);
                }
                spaces = c == ' ';
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str, fold: bool) {
        self.indicator("'", true, false, false);
        let (mut spaces, mut breaks, mut first) = (false, false, true);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let inside = !first && chars.peek().is_some();
            if c == ' ' {
                if fold && !spaces && self.column > WIDTH && inside && chars.peek() != Some(&' ') {
                    self.write_indent();
                } else {
                    self.put(c);
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.put_break('\n');
                }
                self.put_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
            first = false;
        }
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double_quoted(&mut self, text: &str, fold: bool) {
        self.indicator("\"", true, false, false);
        let (mut spaces, mut first) = (false, true);
        // Both emitters look for the byte order mark at the start of the text, whatever character they are at.
        let marked = text.starts_with('\u{feff}');
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' && !marked {
                if fold && !spaces && self.column > WIDTH && !first && chars.peek().is_some() {
                    self.write_indent();
                    if chars.peek() == Some(&' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                if marked || !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                    self.escaped(c);
                } else {
                    self.put(c);
                }
                spaces = false;
            }
            first = false;
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn escaped(&mut self, c: char) {
        self.put('\\');
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                let text = match code {
                    0..=0xff => format!("x{code:02X}"),
                    0x100..=0xffff => format!("u{code:04X}"),
                    _ => format!("U{code:08X}"),
                };
                self.out.push_str(&text);
                self.column += text.len();
                return;
            }
        };
        self.put(short);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator("2", false, false, false);
        }
        let mut backwards = text.chars().rev();
        let last = backwards.next().is_some_and(is_break);
        let before = backwards.next();
        if !last {
            self.indicator("-", false, false, false);
        } else if before.is_none_or(is_break) {
            self.indicator("+", false, false, false);
        }
        self.put_break('\n');
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for c in text.chars() {
            if is_break(c) {
                self.put_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
    }

    fn key(&mut self, key: &str) -> Result<(), WriteError> {
        self.readable(key, true)?;
        let simple = key.len() <= SIMPLE_KEY && !key.contains(is_break);
        if simple {
            self.place = Place::SimpleKey;
            self.text(key)?;
            self.indicator(":", false, false, false);
        } else {
            self.indicator("?", true, false, true);
            self.place = Place::Entry;
            self.text(key)?;
            self.write_indent();
            self.indicator(":", true, false, true);
        }
        Ok(())
    }

    /// What yaml.v2 refuses to read from the JSON that `toYaml` hands it.
    fn readable(&self, text: &str, key: bool) -> Result<(), WriteError> {
        if self.dialect == Dialect::Pretty {
            return Ok(());
        }
        let refused = |c: &char| {
            matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
                || (key && *c == '\u{85}')
        };
        if let Some(c) = text.chars().find(refused) {
            return Err(WriteError::Character(u32::from(c)));
        }
        if key && text.len() > READABLE_KEY / 6 {
            let length = 2 + text.chars().map(json_length).sum::<usize>();
            if length > READABLE_KEY {
                return Err(WriteError::KeyTooLong(length));
            }
        }
        Ok(())
    }
}

/// What reading JSON as YAML 1.1 makes of U+0085, which JSON leaves as it is and YAML takes for a line break: a space
/// for the first of a row, spaces around it gone, and a line break for each further one.
fn folded(text: &str) -> String {
    let mut parts = text.split('\u{85}').peekable();
    let mut out = parts.next().unwrap_or_default().to_owned();
    while parts.peek().is_some() {
        let kept = out.trim_end_matches(' ').len();
        out.truncate(kept);
        let mut breaks = 0;
        let mut next = "";
        while next.is_empty() && parts.peek().is_some() {
            next = parts.next().unwrap_or_default().trim_start_matches(' ');
            breaks += 1;
        }
        if breaks == 1 {
            out.push(' ');
        }
        (1..breaks).for_each(|_| out.push('\n'));
        out.push_str(next);
    }
    out
}

/// The characters that Go's encoding/json needs for one.
fn json_length(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        _ => 1,
    }
}

impl Sink for Emitter {
    fn null(&mut self) -> Result<(), WriteError> {
        self.scalar("null", Style::Plain);
        Ok(())
    }

    fn boolean(&mut self, value: bool) -> Result<(), WriteError> {
        self.scalar(if value { "true" } else { "false" }, Style::Plain);
        Ok(())
    }

    fn int(&mut self, value: i64) -> Result<(), WriteError> {
        self.scalar(&value.to_string(), Style::Plain);
        Ok(())
    }

    fn uint(&mut self, value: u64) -> Result<(), WriteError> {
        self.scalar(&value.to_string(), Style::Plain);
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), WriteError> {
        let special = match value {
            _ if value.is_finite() => None,
            _ if value.is_nan() => Some(("NaN", ".nan")),
            _ if value > 0.0 => Some(("+Inf", ".inf")),
            _ => Some(("-Inf", "-.inf")),
        };
        let text = match (special, self.dialect) {
            (Some((go, _)), Dialect::Helm) => return Err(WriteError::NotFinite(go)),
            (Some((_, yaml)), Dialect::Pretty) => yaml.to_owned(),
            (None, Dialect::Helm) => float_through_json(value).ok_or(WriteError::NotFinite("NaN"))?,
            (None, Dialect::Pretty) => number::float_text(value),
        };
        self.scalar(&text, Style::Plain);
        Ok(())
    }

    fn string(&mut self, value: &str) -> Result<(), WriteError> {
        self.readable(value, false)?;
        if self.dialect == Dialect::Helm && value.contains('\u{85}') {
            return self.text(&folded(value));
        }
        self.text(value)
    }

    fn list(&mut self, items: &mut dyn Iterator<Item = &dyn Source>) -> Result<(), WriteError> {
        let Some(first) = items.next() else {
            self.indicator("[", true, true, false);
            self.indicator("]", false, false, false);
            return Ok(());
        };
        let outer = self.enter()?;
        let beside_key = self.place == Place::Entry && !self.indention;
        if self.indent.is_none() || self.dialect == Dialect::Pretty || !beside_key {
            self.deeper();
        }
        for item in core::iter::once(first).chain(items) {
            self.write_indent();
            self.indicator("-", true, false, true);
            self.node(Place::Item, item)?;
        }
        self.leave(outer);
        Ok(())
    }

    fn map<'a>(
        &mut self,
        entries: &mut dyn Iterator<Item = (&'a str, &'a dyn Source)>,
    ) -> Result<(), WriteError> {
        let mut entries: Vec<(&str, &dyn Source)> = entries.collect();
        if entries.is_empty() {
            self.indicator("{", true, true, false);
            self.indicator("}", false, false, false);
            return Ok(());
        }
        let outer = self.enter()?;
        let dialect = self.dialect;
        sort_by_less(&mut entries, &|(a, _), (b, _)| natural_less(a, b, dialect));
        self.deeper();
        for (key, value) in entries {
            self.write_indent();
            self.key(key)?;
            self.node(Place::Entry, value)?;
        }
        self.leave(outer);
        Ok(())
    }
}
