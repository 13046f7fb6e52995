//! From characters to tokens, by the rules of libyaml as the Go ports have them (`scannerc.go` of go.yaml.in/yaml v2.4).
//!
//! What may be a key is known only when its colon comes: tokens wait in a queue as long as the first of them may still turn
//! out to be one. How far the queue reads ahead decides which of two errors in a text is reported, so it follows Go's to the
//! token.

use std::collections::VecDeque;

use super::fault::{Fault, From, Mark};
use super::token::{Kind, Token};
use super::window::Window;

/// A key on one line may be this many characters long.
const KEY_MOST: usize = 1024;

/// A place at which a key may have begun; there is one in every open flow collection and one outside of them.
#[derive(Clone, Copy, Default)]
pub(super) struct Key {
    pub(super) possible: bool,
    /// At the indentation of the block, where nothing but a key can stand.
    required: bool,
    pub(super) token: usize,
    pub(super) mark: Mark,
    pub(super) column: usize,
}

/// A text on its way into tokens.
pub(super) struct Scanner<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
    /// From 0.
    pub(super) line: usize,
    pub(super) line_start: usize,
    /// Bytes of this line that are no characters of their own.
    pub(super) wide: usize,
    /// How far the text is known to hold nothing that stops the reader.
    pub(super) limit: usize,
    pub(super) window: Option<Box<Window>>,
    pub(super) tokens: VecDeque<Token<'t>>,
    /// Tokens given away.
    taken: usize,
    ready: bool,
    pub(super) keys: Vec<Key>,
    /// The tokens at which keys may have begun, and the flow level of each.
    waiting: VecDeque<(usize, usize)>,
    pub(super) indent: isize,
    indents: Vec<isize>,
    pub(super) key_allowed: bool,
    pub(super) flow: usize,
    pub(super) ended: bool,
}

impl<'t> Scanner<'t> {
    /// `skipped` is how many bytes were taken off the front (a byte order mark).
    pub(super) fn new(text: &'t str, skipped: usize) -> Self {
        let window = Window::new(text, skipped);
        Scanner {
            text,
            bytes: text.as_bytes(),
            at: 0,
            line: 0,
            line_start: 0,
            wide: 0,
            limit: if window.is_some() { 0 } else { usize::MAX },
            window: window.map(Box::new),
            tokens: VecDeque::new(),
            taken: 0,
            ready: false,
            keys: vec![Key::default()],
            waiting: VecDeque::new(),
            indent: -1,
            indents: Vec::new(),
            key_allowed: true,
            flow: 0,
            ended: false,
        }
    }

    /// The next token, left where it is.
    pub(super) fn peek(&mut self) -> Result<&mut Token<'t>, Fault> {
        if !self.ready {
            self.fill()?;
            self.ready = true;
        }
        if self.tokens.is_empty() {
            // Behind the end there is nothing but the end.
            let mark = self.mark();
            self.tokens.push_back(Token { kind: Kind::StreamEnd, mark });
        }
        let mark = Mark::default();
        self.tokens
            .front_mut()
            .ok_or_else(|| Fault::new(From::Scanner, "did not find expected <stream-start>", mark))
    }

    /// Takes the token that was looked at.
    pub(super) fn take(&mut self) -> Option<Token<'t>> {
        self.ready = false;
        self.taken += 1;
        self.tokens.pop_front()
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, line: self.line }
    }

    pub(super) fn column(&self) -> usize {
        self.at - self.line_start - self.wide
    }

    pub(super) fn fault(&self, words: &'static str) -> Fault {
        Fault::new(From::Scanner, words, self.mark())
    }

    /// The byte here; 0 at the end.
    #[inline]
    pub(super) fn byte(&self) -> u8 {
        self.byte_at(self.at)
    }

    #[inline]
    pub(super) fn byte_at(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// How many bytes the line break at a place has; 0 where there is none. YAML 1.1 has NEL, LS and PS too.
    #[inline]
    pub(super) fn break_width(&self, at: usize) -> usize {
        match self.byte_at(at) {
            b'\n' => 1,
            b'\r' => 1 + usize::from(self.byte_at(at + 1) == b'\n'),
            0xc2 => 2 * usize::from(self.byte_at(at + 1) == 0x85),
            0xe2 if self.byte_at(at + 1) == 0x80 => {
                3 * usize::from(matches!(self.byte_at(at + 2), 0xa8 | 0xa9))
            }
            _ => 0,
        }
    }

    /// Whether there is white space, a line break or the end.
    #[inline]
    pub(super) fn is_white(&self, at: usize) -> bool {
        match self.byte_at(at) {
            0 | b' ' | b'\t' | b'\n' | b'\r' => true,
            0x80.. => self.break_width(at) > 0,
            _ => false,
        }
    }

    pub(super) fn is_break_or_end(&self) -> bool {
        self.at >= self.bytes.len() || self.break_width(self.at) > 0
    }

    /// Asks for characters as Go does, which refuses a text when it comes to read the part with a control character.
    #[inline]
    pub(super) fn need(&mut self, characters: usize) -> Result<(), Fault> {
        if self.at.saturating_add(4 * characters) <= self.limit { Ok(()) } else { self.refill(characters) }
    }

    #[cold]
    fn refill(&mut self, characters: usize) -> Result<(), Fault> {
        if let Some(window) = &mut self.window {
            window.ask(self.text, self.at, characters)?;
            self.limit = window.limit;
        }
        Ok(())
    }

    /// Over characters of one byte in the same line.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// Over one character of any width.
    pub(super) fn skip_character(&mut self) {
        let width = self.text.get(self.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        self.at += width;
        self.wide += width.saturating_sub(1);
    }

    pub(super) fn skip_blanks(&mut self) -> Result<(), Fault> {
        self.need(1)?;
        while matches!(self.byte(), b' ' | b'\t') {
            self.at += 1;
            self.need(1)?;
        }
        Ok(())
    }

    /// To the end of the line.
    pub(super) fn skip_rest(&mut self) -> Result<(), Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        if rest.get(..length).is_some_and(<[u8]>::is_ascii) {
            self.at += length;
        } else {
            while !self.is_break_or_end() {
                self.skip_character();
            }
        }
        self.need(1)
    }

    /// Over blanks, a comment and the line break; nothing else may follow on the line.
    pub(super) fn end_line(&mut self) -> Result<(), Fault> {
        self.skip_blanks()?;
        if self.byte() == b'#' {
            self.skip_rest()?;
        }
        if !self.is_break_or_end() {
            return Err(self.fault("did not find expected comment or line break"));
        }
        self.need(2)?;
        self.take_break();
        Ok(())
    }

    /// Over a line break, if there is one; gives what it stands for.
    pub(super) fn take_break(&mut self) -> &'static str {
        let width = self.break_width(self.at);
        if width == 0 {
            return "";
        }
        let stands_for = match (self.byte(), self.byte_at(self.at + 2)) {
            (0xe2, 0xa8) => "\u{2028}",
            (0xe2, _) => "\u{2029}",
            _ => "\n",
        };
        self.at += width;
        self.line += 1;
        self.line_start = self.at;
        self.wide = 0;
        stands_for
    }

    pub(super) fn push(&mut self, kind: Kind<'t>, mark: Mark) {
        self.tokens.push_back(Token { kind, mark });
    }

    /// Puts a token before the one of a number; behind all where that one is given away already.
    pub(super) fn insert(&mut self, number: usize, kind: Kind<'t>, mark: Mark) {
        let token = Token { kind, mark };
        match number.checked_sub(self.taken) {
            Some(index) if index < self.tokens.len() => self.tokens.insert(index, token),
            _ => self.tokens.push_back(token),
        }
    }

    fn fill(&mut self) -> Result<(), Fault> {
        loop {
            if !self.tokens.is_empty() {
                match self.first_level() {
                    Some(level) if self.is_key_valid(level)? => {}
                    _ => return Ok(()),
                }
            }
            if self.ended {
                return Ok(());
            }
            self.fetch()?;
        }
    }

    /// The flow level at which the first token of the queue may be a key.
    fn first_level(&mut self) -> Option<usize> {
        while let Some((token, level)) = self.waiting.front().copied() {
            if token >= self.taken {
                return (token == self.taken).then_some(level);
            }
            self.waiting.pop_front();
        }
        None
    }

    pub(super) fn is_key_valid(&mut self, level: usize) -> Result<bool, Fault> {
        let Some(key) = self.keys.get(level).copied() else { return Ok(false) };
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line == self.line && self.distance(key.mark.at) <= KEY_MOST {
            return Ok(true);
        }
        if key.required {
            return Err(self.fault("could not find expected ':'"));
        }
        if let Some(key) = self.keys.get_mut(level) {
            key.possible = false;
        }
        Ok(false)
    }

    /// Characters from a place to here.
    fn distance(&self, from: usize) -> usize {
        let bytes = self.at.saturating_sub(from);
        if bytes <= KEY_MOST {
            return bytes;
        }
        self.text.get(from..self.at).map_or(bytes, |part| part.chars().count())
    }

    pub(super) fn save_key(&mut self) -> Result<(), Fault> {
        if !self.key_allowed {
            return Ok(());
        }
        self.remove_key()?;
        let column = self.column();
        let token = self.taken + self.tokens.len();
        let level = self.keys.len().saturating_sub(1);
        let key = Key {
            possible: true,
            required: self.flow == 0 && self.indent == column as isize,
            token,
            mark: self.mark(),
            column,
        };
        if let Some(last) = self.keys.last_mut() {
            *last = key;
        }
        self.waiting.push_back((token, level));
        Ok(())
    }

    pub(super) fn remove_key(&mut self) -> Result<(), Fault> {
        let Some(key) = self.keys.last_mut() else { return Ok(()) };
        if !key.possible {
            return Ok(());
        }
        if key.required {
            return Err(self.fault("could not find expected ':'"));
        }
        key.possible = false;
        let token = key.token;
        self.forget(token);
        Ok(())
    }

    pub(super) fn forget(&mut self, token: usize) {
        if let Some(index) = self.waiting.iter().rposition(|(waiting, _)| *waiting == token) {
            self.waiting.remove(index);
        }
    }

    pub(super) fn deeper_flow(&mut self) {
        // Go notes the number of the bracket itself, so that an empty collection is no longer waited for when it closes.
        let token = self.taken + self.tokens.len();
        self.keys.push(Key { token, mark: self.mark(), ..Key::default() });
        self.flow += 1;
    }

    pub(super) fn shallower_flow(&mut self) {
        if self.flow > 0 {
            self.flow -= 1;
            if let Some(key) = self.keys.pop() {
                self.forget(key.token);
            }
        }
    }

    pub(super) fn roll_indent(&mut self, column: usize, number: Option<usize>, kind: Kind<'t>, mark: Mark) {
        let column = column as isize;
        if self.flow > 0 || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        match number {
            Some(number) => self.insert(number, kind, mark),
            None => self.push(kind, mark),
        }
    }

    pub(super) fn unroll_indent(&mut self, column: isize) {
        if self.flow > 0 {
            return;
        }
        while self.indent > column {
            self.push(Kind::BlockEnd, self.mark());
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    pub(super) fn is_document_mark(&self) -> bool {
        self.at == self.line_start
            && matches!(self.bytes.get(self.at..self.at + 3), Some(b"---" | b"..."))
            && self.is_white(self.at + 3)
    }

    /// Whether a document begins or ends here.
    #[inline]
    pub(super) fn at_document_mark(&self) -> bool {
        self.at == self.line_start && self.is_document_mark()
    }
}
