//! The words of an expression.

use alloc::format;
use alloc::string::String;

use super::ExpressionError;

/// One word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    Text(&'a str),
    Int(i64),
    Float(f64),
    /// An operator or a bracket.
    Sign(&'a str),
    End,
}

/// Where reading has got to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    pub(super) position: usize,
}

const SIGNS: &[&str] =
    &["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ".", ",", "?", ":", "+", "-"];

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// The word at the present place, without going on.
    pub(super) fn peek(&self) -> Result<Token<'a>, ExpressionError> {
        let mut copy = *self;
        copy.next()
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Result<Token<'a>, ExpressionError> {
        let rest = self.text.get(self.position..).unwrap_or("");
        let trimmed = rest.trim_start();
        self.position += rest.len() - trimmed.len();
        let Some(first) = trimmed.chars().next() else { return Ok(Token::End) };
        if first == '\'' || first == '"' {
            return self.quoted(trimmed, first);
        }
        if first.is_ascii_digit() {
            return self.number(trimmed);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let word = prefix(trimmed, |letter| letter.is_ascii_alphanumeric() || letter == '_');
            self.position += word.len();
            return Ok(Token::Name(word));
        }
        match SIGNS.iter().find(|sign| trimmed.starts_with(**sign)) {
            Some(sign) => {
                self.position += sign.len();
                Ok(Token::Sign(sign))
            }
            None => Err(self.error(format!("{first:?} means nothing here"))),
        }
    }

    /// Takes a sign if it is next.
    pub(super) fn take(&mut self, sign: &str) -> Result<bool, ExpressionError> {
        let found = self.peek()? == Token::Sign(sign);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    /// Takes a sign that has to be next.
    pub(super) fn expect(&mut self, sign: &str) -> Result<(), ExpressionError> {
        if self.take(sign)? { Ok(()) } else { Err(self.error(format!("{sign:?} expected"))) }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ExpressionError {
        ExpressionError { position: self.position, message: message.into() }
    }

    fn quoted(&mut self, trimmed: &'a str, quote: char) -> Result<Token<'a>, ExpressionError> {
        let inner = trimmed.get(1..).unwrap_or("");
        let Some(end) = inner.find(quote) else { return Err(self.error("this text does not end")) };
        let word = inner.get(..end).unwrap_or("");
        if word.contains('\\') {
            return Err(self.error("escapes in texts are not supported"));
        }
        self.position += end + 2;
        Ok(Token::Text(word))
    }

    fn number(&mut self, trimmed: &'a str) -> Result<Token<'a>, ExpressionError> {
        let word = prefix(trimmed, |letter| letter.is_ascii_digit() || letter == '.');
        let token = word.parse().map(Token::Int).or_else(|_| word.parse().map(Token::Float));
        let token = token.map_err(|_| self.error(format!("{word} is not a number")))?;
        self.position += word.len();
        Ok(token)
    }
}

fn prefix(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|letter| !belongs(letter)).unwrap_or(text.len());
    text.get(..end).unwrap_or("")
}
