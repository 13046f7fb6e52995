//! Texts of templates as tokens.

use crate::print_quote::is_printable;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Bool,
    /// A printable character that nothing else claims, such as a comma.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    /// `.name`.
    Field,
    Identifier,
    LeftDelimiter,
    LeftParenthesis,
    Number,
    Pipe,
    RawText,
    RightDelimiter,
    RightParenthesis,
    Space,
    QuotedText,
    /// Text outside of actions.
    Text,
    Variable,
    Dot,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn keyword(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "nil" => Self::Nil,
            "range" => Self::Range,
            "template" => Self::Template,
            "with" => Self::With,
            _ => return None,
        })
    }
}

/// A token: a piece of the text from `start` to `end`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

pub(crate) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    start: usize,
    inside: bool,
    parentheses: usize,
    /// What is wrong with the tokens that are errors.
    problems: Vec<(usize, usize, Box<str>)>,
}

fn is_space(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b' ' | b'\t' | b'\r' | b'\n'))
}

/// The ASCII characters of words.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_numeric()
}

/// `%#U`.
fn describe(c: Option<char>) -> String {
    match c {
        None => "U+FFFFFFFFFFFFFFFF".into(),
        Some(c) if is_printable(c) => format!("U+{:04X} '{c}'", u32::from(c)),
        Some(c) => format!("U+{:04X}", u32::from(c)),
    }
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, position: 0, start: 0, inside: false, parentheses: 0, problems: Vec::new() }
    }

    pub(crate) fn text_of(&self, token: Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// The line a token starts on, from 1. Counted only for errors.
    pub(crate) fn line_of(&self, token: Token) -> usize {
        1 + self.text.bytes().take(token.start).filter(|byte| *byte == b'\n').count()
    }

    /// What is wrong with a token, where it is an error.
    pub(crate) fn problem_of(&self, token: Token) -> Option<&str> {
        let mut problems = self.problems.iter().rev();
        let found = problems.find(|(start, end, _)| (*start, *end) == (token.start, token.end));
        found.filter(|_| token.kind == Kind::Error).map(|(.., problem)| &**problem)
    }

    /// The next token; after the last one, ends of the text.
    pub(crate) fn next(&mut self) -> Token {
        if self.inside { self.action() } else { self.outside() }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    /// The byte at the position, and a few behind it.
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.position + ahead).copied()
    }

    fn peek(&self) -> Option<char> {
        match self.byte(0) {
            Some(byte) if byte.is_ascii() => Some(char::from(byte)),
            _ => self.rest().chars().next(),
        }
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.position += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|c| set.contains(c));
        if found {
            self.position += 1;
        }
        found
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    /// Leaves out what was read since the last token.
    fn skip(&mut self) {
        self.start = self.position;
    }

    fn emit(&mut self, kind: Kind) -> Token {
        let token = Token { kind, start: self.start, end: self.position };
        self.start = self.position;
        token
    }

    #[cold]
    fn fail(&mut self, problem: impl Into<String>) -> Token {
        self.problems.push((self.start, self.position, problem.into().into_boxed_str()));
        Token { kind: Kind::Error, start: self.start, end: self.position }
    }

    /// Where the next action begins.
    fn next_action(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut from = self.position;
        loop {
            from += bytes.get(from..)?.iter().position(|byte| *byte == b'{')?;
            if bytes.get(from + 1) == Some(&b'{') {
                return Some(from);
            }
            from += 1;
        }
    }

    fn outside(&mut self) -> Token {
        loop {
            let Some(delimiter) = self.next_action() else {
                self.position = self.text.len();
                return self.emit(if self.position > self.start { Kind::Text } else { Kind::Eof });
            };
            self.position = delimiter;
            let bytes = self.text.as_bytes();
            let trims = self.byte(2) == Some(b'-') && is_space(bytes.get(delimiter + 3));
            if trims {
                while self.position > self.start && is_space(bytes.get(self.position - 1)) {
                    self.position -= 1;
                }
            }
            if self.position > self.start {
                let token = self.emit(Kind::Text);
                self.position = delimiter;
                self.skip();
                return token;
            }
            self.position = delimiter;
            self.skip();
            let marker = if trims { 2 } else { 0 };
            if self.byte(2 + marker) == Some(b'/') && self.byte(3 + marker) == Some(b'*') {
                self.position = delimiter + 2 + marker;
                self.skip();
                if let Err(problem) = self.comment() {
                    return problem;
                }
                continue;
            }
            self.position = delimiter + 2;
            let token = self.emit(Kind::LeftDelimiter);
            self.position += marker;
            self.skip();
            self.inside = true;
            self.parentheses = 0;
            return token;
        }
    }

    fn comment(&mut self) -> Result<(), Token> {
        let Some(length) = self.text[self.position + 2..].find("*/") else {
            return Err(self.fail("unclosed comment"));
        };
        self.position += 2 + length + 2;
        match self.right_delimiter() {
            None => return Err(self.fail("comment ends before closing delimiter")),
            Some(false) => self.position += 2,
            Some(true) => {
                self.position += 4;
                self.skip_spaces();
            }
        }
        self.skip();
        Ok(())
    }

    fn skip_spaces(&mut self) {
        while is_space(self.text.as_bytes().get(self.position)) {
            self.position += 1;
        }
    }

    /// Whether an action ends here, and whether with a trim marker.
    fn right_delimiter(&self) -> Option<bool> {
        let (first, second) = (self.byte(0), self.byte(1));
        if second == Some(b'-') && is_space(first.as_ref()) {
            (self.byte(2) == Some(b'}') && self.byte(3) == Some(b'}')).then_some(true)
        } else {
            (first == Some(b'}') && second == Some(b'}')).then_some(false)
        }
    }

    fn end_of_action(&mut self, trims: bool) -> Token {
        if trims {
            self.position += 2;
            self.skip();
        }
        self.position += 2;
        let token = self.emit(Kind::RightDelimiter);
        if trims {
            self.skip_spaces();
            self.skip();
        }
        self.inside = false;
        token
    }

    fn action(&mut self) -> Token {
        match self.byte(0) {
            // Most tokens are names, or a space in front of one.
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {
                self.position += 1;
                self.word()
            }
            Some(b' ') if self.byte(1).is_some_and(|byte| byte.is_ascii_graphic() && byte != b'-') => {
                self.position += 1;
                self.emit(Kind::Space)
            }
            Some(b' ' | b'\t' | b'\r' | b'\n' | b'}') => match self.right_delimiter() {
                Some(trims) if self.parentheses == 0 => self.end_of_action(trims),
                Some(_) => self.fail("unclosed left paren"),
                None => self.other(),
            },
            _ => self.other(),
        }
    }

    fn other(&mut self) -> Token {
        let begin = self.position;
        match self.take() {
            None => self.fail("unclosed action"),
            Some(' ' | '\t' | '\r' | '\n') => self.space(),
            Some('.') if !self.byte(0).is_some_and(|byte| byte.is_ascii_digit()) => {
                // At the end of the text Go takes the point for a number.
                if self.position == self.text.len() {
                    self.position = begin;
                    return self.number();
                }
                self.name(Kind::Field, Kind::Dot)
            }
            Some('$') => self.name(Kind::Variable, Kind::Variable),
            Some('"') => self.quoted('"', Kind::QuotedText, "unterminated quoted string"),
            Some('(') => {
                self.parentheses += 1;
                self.emit(Kind::LeftParenthesis)
            }
            Some(')') if self.parentheses == 0 => self.fail("unexpected right paren"),
            Some(')') => {
                self.parentheses -= 1;
                self.emit(Kind::RightParenthesis)
            }
            Some('|') => self.emit(Kind::Pipe),
            Some('=') => self.emit(Kind::Assign),
            Some(':') => match self.take() {
                Some('=') => self.emit(Kind::Declare),
                _ => self.fail("expected :="),
            },
            Some('\'') => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            Some('`') => match self.rest().find('`') {
                Some(length) => {
                    self.position += length + 1;
                    self.emit(Kind::RawText)
                }
                None => {
                    self.position = self.text.len();
                    self.fail("unterminated raw quoted string")
                }
            },
            Some('.' | '+' | '-' | '0'..='9') => {
                self.position = begin;
                self.number()
            }
            Some(c) if is_word(c) => self.word(),
            Some(' '..='~') => self.emit(Kind::Char),
            other => self.fail(format!("unrecognized character in action: {}", describe(other))),
        }
    }

    fn space(&mut self) -> Token {
        self.skip_spaces();
        // The last space may belong to " -}}".
        self.position -= 1;
        if self.right_delimiter() == Some(true) {
            if self.position == self.start {
                return self.end_of_action(true);
            }
        } else {
            self.position += 1;
        }
        self.emit(Kind::Space)
    }

    fn quoted(&mut self, end: char, kind: Kind, problem: &str) -> Token {
        loop {
            while self.byte(0).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
                self.position += 1;
            }
            match self.take() {
                Some('\\') if !matches!(self.peek(), None | Some('\n')) => {
                    self.take();
                }
                None | Some('\\' | '\n') => return self.fail(problem),
                Some(c) if c == end => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn at_terminator(&self) -> bool {
        match self.byte(0) {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'.' | b',' | b'|' | b':' | b')' | b'(') => true,
            Some(b'}') => self.byte(1) == Some(b'}'),
            Some(_) => false,
        }
    }

    /// Goes on to the end of the word.
    fn rest_of_word(&mut self) {
        loop {
            let rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
            let plain = |byte: &u8| WORD[usize::from(*byte)];
            self.position += rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len());
            if self.byte(0).is_none_or(|byte| byte.is_ascii()) || !self.peek().is_some_and(is_word) {
                return;
            }
            self.take();
        }
    }

    fn name(&mut self, kind: Kind, alone: Kind) -> Token {
        if self.at_terminator() {
            return self.emit(alone);
        }
        self.rest_of_word();
        if self.at_terminator() { self.emit(kind) } else { self.bad_character() }
    }

    fn bad_character(&mut self) -> Token {
        self.fail(format!("bad character {}", describe(self.peek())))
    }

    fn word(&mut self) -> Token {
        self.rest_of_word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let kind = match &self.text[self.start..self.position] {
            "true" | "false" => Kind::Bool,
            word => Kind::keyword(word).unwrap_or(Kind::Identifier),
        };
        self.emit(kind)
    }

    fn number(&mut self) -> Token {
        let mut good = self.scan_number();
        let mut kind = Kind::Number;
        if good && matches!(self.peek(), Some('+' | '-')) {
            good = self.scan_number() && self.text[..self.position].ends_with('i');
            kind = Kind::Complex;
        }
        if good {
            return self.emit(kind);
        }
        let text = crate::print_quote::quote(&self.text[self.start..self.position], false);
        self.fail(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        let mut exponent = "eE";
        if self.accept("0") {
            if self.accept("xX") {
                (digits, exponent) = ("0123456789abcdefABCDEF_", "pP");
            } else if self.accept("oO") {
                (digits, exponent) = ("01234567_", "");
            } else if self.accept("bB") {
                (digits, exponent) = ("01_", "");
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.take();
            return false;
        }
        true
    }
}
