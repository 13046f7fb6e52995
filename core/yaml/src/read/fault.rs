//! Why a text is no YAML, in Go's words.

use crate::error::{ReadError, ReadErrorKind};

/// A place in the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// In bytes.
    pub(super) at: usize,
    /// From 0.
    pub(super) line: usize,
}

/// Who found it: Go's messages count lines from 1 only in the scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Reader,
    Scanner,
    Parser,
}

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Fault(Box<(From, String, Mark)>);

impl Fault {
    #[cold]
    pub(super) fn new(from: From, words: impl Into<String>, mark: Mark) -> Fault {
        Fault(Box::new((from, words.into(), mark)))
    }

    /// The error, with the message Go gives (`parser.fail` in `decode.go` of go.yaml.in/yaml v2.4).
    pub(super) fn into_error(self, text: &str) -> ReadError {
        let Fault(inner) = self;
        let (from, words, mark) = *inner;
        let line = match from {
            From::Reader => 0,
            From::Scanner if mark.line > 0 => mark.line + 1,
            From::Scanner | From::Parser => mark.line,
        };
        let go = if line > 0 { format!("yaml: line {line}: {words}") } else { format!("yaml: {words}") };
        ReadError::new(mark.line + 1, column(text, mark.at), ReadErrorKind::Syntax(words)).with_go(go)
    }
}

/// The 1-based column of a place, in characters.
pub(super) fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at.min(text.len())).unwrap_or_default();
    let start = before.rfind(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
    before.get(start.unwrap_or(0)..).unwrap_or_default().chars().count() + usize::from(start.is_none())
}
