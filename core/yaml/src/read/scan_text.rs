//! Plain and quoted texts.

use std::borrow::Cow;

use super::fault::Fault;
use super::scan::Scanner;
use super::token::{Kind, Plain};

/// A text that is put together: a part of the source as long as that is possible.
struct Pieces<'t> {
    source: &'t str,
    from: usize,
    to: usize,
    owned: Option<String>,
}

impl<'t> Pieces<'t> {
    fn new(source: &'t str, from: usize) -> Self {
        Pieces { source, from, to: from, owned: None }
    }

    /// A part of the source, which may follow directly on the one before.
    #[inline]
    fn part(&mut self, from: usize, to: usize) {
        match &mut self.owned {
            None if from == self.to => self.to = to,
            _ => {
                let part = self.source.get(from..to).unwrap_or_default();
                self.own().push_str(part);
            }
        }
    }

    fn own(&mut self) -> &mut String {
        let (source, from, to) = (self.source, self.from, self.to);
        self.owned.get_or_insert_with(|| source.get(from..to).unwrap_or_default().to_owned())
    }

    fn finish(self) -> Cow<'t, str> {
        match self.owned {
            Some(text) => Cow::Owned(text),
            None => Cow::Borrowed(self.source.get(self.from..self.to).unwrap_or_default()),
        }
    }
}

/// The line breaks between two lines of one text.
#[derive(Default)]
struct Breaks {
    /// Whether white space is at the beginning of a line.
    leading: bool,
    first: &'static str,
    more: String,
}

impl Breaks {
    fn add(&mut self, text: &'static str) {
        if self.leading {
            self.more.push_str(text);
        } else {
            self.first = text;
            self.leading = true;
        }
    }

    /// Puts what they stand for behind a text: one blank for a single line break.
    fn fold(&mut self, pieces: &mut Pieces<'_>) {
        let text = pieces.own();
        if self.first == "\n" && self.more.is_empty() {
            text.push(' ');
        } else {
            if self.first != "\n" {
                text.push_str(self.first);
            }
            text.push_str(&self.more);
        }
        self.more.clear();
        self.first = "";
        self.leading = false;
    }
}

/// What ends a run of characters in a plain text, or has to be looked at.
const PLAIN_STOPS: [bool; 256] = stops(b" \t\r\n:,?[]{}");
const DOUBLE_STOPS: [bool; 256] = stops(b" \t\r\n\"\\");
const SINGLE_STOPS: [bool; 256] = stops(b" \t\r\n'");

const fn stops(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut index = 0;
    while index < 256 {
        let mut other = 0;
        table[index] = index >= 0x80;
        while other < bytes.len() {
            table[index] = table[index] || bytes[other] as usize == index;
            other += 1;
        }
        index += 1;
    }
    table
}

impl<'t> Scanner<'t> {
    /// Over the characters up to one of a table.
    #[inline]
    fn run(&mut self, table: &[bool; 256]) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let stop = rest.iter().position(|byte| table.get(usize::from(*byte)) == Some(&true));
        self.at += stop.unwrap_or(rest.len());
    }

    /// White space and line breaks; blanks that end up within a line are given.
    fn white(&mut self, breaks: &mut Breaks, indent: Option<isize>) -> Result<(usize, usize), Fault> {
        let mut blanks = (self.at, self.at);
        loop {
            match self.byte() {
                b' ' | b'\t' => {
                    if breaks.leading
                        && self.byte() == b'\t'
                        && indent.is_some_and(|indent| (self.column() as isize) < indent)
                    {
                        return Err(self.fault("found a tab character that violates indentation"));
                    }
                    self.at += 1;
                    if !breaks.leading {
                        blanks.1 = self.at;
                    }
                }
                _ if self.break_width(self.at) > 0 => {
                    self.need(2)?;
                    let text = self.take_break();
                    breaks.add(text);
                    blanks = (self.at, self.at);
                }
                _ => return Ok(blanks),
            }
            self.need(1)?;
        }
    }

    pub(super) fn plain(&mut self) -> Result<Kind<'t>, Fault> {
        let mut pieces = Pieces::new(self.text, self.at);
        let mut breaks = Breaks::default();
        let mut blanks = (self.at, self.at);
        let indent = self.indent + 1;
        loop {
            self.need(4)?;
            if self.byte() == b'#' || self.at_document_mark() {
                break;
            }
            let start = self.at;
            self.plain_run();
            if self.at > start {
                if breaks.leading {
                    breaks.fold(&mut pieces);
                } else if blanks.1 > blanks.0 {
                    pieces.part(blanks.0, blanks.1);
                }
                pieces.part(start, self.at);
                self.need(2)?;
            }
            if self.at >= self.bytes.len() || !self.is_white(self.at) {
                break;
            }
            self.need(1)?;
            blanks = self.white(&mut breaks, Some(indent))?;
            if self.flow == 0 && (self.column() as isize) < indent {
                break;
            }
        }
        // Go allows a key behind a text that a line break ends.
        if breaks.leading {
            self.key_allowed = true;
        }
        Ok(Kind::Scalar(pieces.finish(), Plain::Yes))
    }

    fn plain_run(&mut self) {
        loop {
            self.run(&PLAIN_STOPS);
            match self.byte() {
                b':' if self.is_white(self.at + 1) => return,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' if self.flow > 0 => return,
                0x80.. if self.break_width(self.at) == 0 => self.skip_character(),
                0 | b' ' | b'\t' | b'\r' | b'\n' | 0x80.. => return,
                _ => self.at += 1,
            }
        }
    }

    /// What holds at the beginning of every part of a quoted text.
    fn in_quotes(&mut self) -> Result<(), Fault> {
        self.need(4)?;
        if self.at_document_mark() {
            return Err(self.fault("found unexpected document indicator"));
        }
        if self.at >= self.bytes.len() {
            return Err(self.fault("found unexpected end of stream"));
        }
        Ok(())
    }

    pub(super) fn single_quoted(&mut self) -> Result<Kind<'t>, Fault> {
        self.skip(1);
        let mut pieces = Pieces::new(self.text, self.at);
        let mut breaks = Breaks::default();
        loop {
            self.in_quotes()?;
            let start = self.at;
            self.quoted_run(&SINGLE_STOPS);
            pieces.part(start, self.at);
            self.need(2)?;
            if self.byte() == b'\'' {
                if self.byte_at(self.at + 1) != b'\'' {
                    break;
                }
                pieces.own().push('\'');
                self.skip(2);
                self.need(2)?;
                // Go looks for the end of a document only behind white space.
                if self.at < self.bytes.len() && !self.is_white(self.at) {
                    continue;
                }
            }
            self.need(1)?;
            self.quoted_white(&mut pieces, &mut breaks)?;
        }
        self.skip(1);
        Ok(Kind::Scalar(pieces.finish(), Plain::No))
    }

    pub(super) fn double_quoted(&mut self) -> Result<Kind<'t>, Fault> {
        self.skip(1);
        let mut pieces = Pieces::new(self.text, self.at);
        let mut breaks = Breaks::default();
        'text: loop {
            self.in_quotes()?;
            loop {
                let start = self.at;
                self.quoted_run(&DOUBLE_STOPS);
                pieces.part(start, self.at);
                self.need(2)?;
                match self.byte() {
                    b'"' => break 'text,
                    b'\\' if self.break_width(self.at + 1) > 0 => {
                        self.need(3)?;
                        self.skip(1);
                        self.take_break();
                        breaks.leading = true;
                        break;
                    }
                    b'\\' => {
                        let c = self.escape()?;
                        pieces.own().push(c);
                        self.need(2)?;
                    }
                    _ => break,
                }
            }
            self.need(1)?;
            // A quote may follow directly on an escaped line break.
            if self.byte() == b'"' {
                break;
            }
            self.quoted_white(&mut pieces, &mut breaks)?;
        }
        self.skip(1);
        Ok(Kind::Scalar(pieces.finish(), Plain::No))
    }

    fn quoted_run(&mut self, table: &[bool; 256]) {
        loop {
            self.run(table);
            if self.byte() < 0x80 || self.break_width(self.at) > 0 {
                return;
            }
            self.skip_character();
        }
    }

    fn quoted_white(&mut self, pieces: &mut Pieces<'t>, breaks: &mut Breaks) -> Result<(), Fault> {
        let blanks = self.white(breaks, None)?;
        if breaks.leading {
            breaks.fold(pieces);
        } else {
            pieces.part(blanks.0, blanks.1);
        }
        Ok(())
    }

    /// An escape in double quotes.
    fn escape(&mut self) -> Result<char, Fault> {
        let (c, digits) = match self.byte_at(self.at + 1) {
            b'0' => ('\0', 0),
            b'a' => ('\u{7}', 0),
            b'b' => ('\u{8}', 0),
            b't' | b'\t' => ('\t', 0),
            b'n' => ('\n', 0),
            b'v' => ('\u{b}', 0),
            b'f' => ('\u{c}', 0),
            b'r' => ('\r', 0),
            b'e' => ('\u{1b}', 0),
            b' ' => (' ', 0),
            b'"' => ('"', 0),
            b'\'' => ('\'', 0),
            b'\\' => ('\\', 0),
            b'N' => ('\u{85}', 0),
            b'_' => ('\u{a0}', 0),
            b'L' => ('\u{2028}', 0),
            b'P' => ('\u{2029}', 0),
            b'x' => ('\0', 2),
            b'u' => ('\0', 4),
            b'U' => ('\0', 8),
            _ => return Err(self.fault("found unknown escape character")),
        };
        self.skip(2);
        if digits == 0 {
            return Ok(c);
        }
        self.need(digits)?;
        let mut value = 0_u64;
        for index in 0..digits {
            let Some(digit) = char::from(self.byte_at(self.at + index)).to_digit(16) else {
                return Err(self.fault("did not find expected hexdecimal number"));
            };
            value = value << 4 | u64::from(digit);
        }
        let Some(c) = u32::try_from(value).ok().and_then(char::from_u32) else {
            return Err(self.fault("found invalid Unicode character escape code"));
        };
        self.skip(digits);
        Ok(c)
    }
}
