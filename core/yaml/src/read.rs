//! Reading: from the parser's events straight to the caller's values.

mod build;
mod explain;
mod fault;
mod fetch;
mod go_value;
mod parse;
mod quick;
mod quick_flow;
#[cfg(test)]
mod quick_tests;
mod scan;
mod scan_block;
mod scan_mark;
mod scan_text;
mod text;
mod token;
mod walk;
mod window;

pub use text::decode_text;
pub(crate) use walk::{Step, Walker};

use crate::error::ReadError;
use build::{Assembly, Wrong};
use fault::Fault;
use parse::{Parser, What};

/// Makes the caller's values. Called from the inside out: a map is made after everything in it.
pub trait Builder {
    /// The value that is built.
    type Value: Clone;
    /// A key of a map; may be interned.
    type Key: AsRef<str>;

    /// Nothing.
    fn null(&mut self) -> Self::Value;
    /// A boolean.
    fn boolean(&mut self, value: bool) -> Self::Value;
    /// An integer as yaml.v2 reads it. Helm's values know only float64: a builder for them converts here.
    fn int(&mut self, value: i64) -> Self::Value;
    /// An integer above `i64::MAX`.
    fn uint(&mut self, value: u64) -> Self::Value;
    /// A finite float.
    fn float(&mut self, value: f64) -> Self::Value;
    /// A text.
    fn string(&mut self, value: &str) -> Self::Value;
    /// A key, already in the form JSON gives it (`yes` is `true`, `0x10` is `16`).
    fn key(&mut self, key: &str) -> Self::Key;
    /// A list.
    fn list(&mut self, items: Vec<Self::Value>) -> Self::Value;
    /// A map. Keys may repeat: the last one holds.
    fn map(&mut self, entries: Vec<(Self::Key, Self::Value)>) -> Self::Value;
    /// The entries of a map for `<<`, independent of it; `None` for anything else.
    fn entries(&mut self, value: &Self::Value) -> Option<Vec<(Self::Key, Self::Value)>>;
    /// Whether the value of a key matters, in a map at this depth (1 for the outermost). Where it does not, [`Builder::null`]
    /// may stand for it; that it is right YAML is checked all the same.
    fn needs(&mut self, _depth: usize, _key: &str) -> bool {
        true
    }
    /// A value for an alias. Where `clone` shares changeable state, make an independent copy here: in Helm, two
    /// places that name one anchor do not share a map.
    fn copy(&mut self, value: &Self::Value) -> Self::Value {
        value.clone()
    }
}

/// How to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// A key that is given twice in one map is an error (`UnmarshalStrict`); otherwise the last one holds.
    pub unique_keys: bool,
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<V> {
    /// Its value.
    pub value: V,
    /// The 1-based line of its first value.
    pub line: usize,
}

/// The documents of a text, one after the other. Ends after the first error.
pub struct Documents<'i, 'b, B: Builder> {
    parser: Parser<'i>,
    source: &'i str,
    skipped: usize,
    builder: &'b mut B,
    options: ReadOptions,
    may_skip: bool,
    /// Documents that were begun.
    count: usize,
    done: bool,
}

impl<B: Builder> core::fmt::Debug for Documents<'_, '_, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Documents").field("done", &self.done).finish_non_exhaustive()
    }
}

/// Takes a byte order mark off; gives how many bytes it has.
fn without_mark(source: &str) -> (&str, usize) {
    source.strip_prefix('\u{feff}').map_or((source, 0), |rest| (rest, 3))
}

impl<'i, 'b, B: Builder> Documents<'i, 'b, B> {
    /// Starts reading a text (see [`decode_text`] for bytes).
    #[must_use]
    pub fn new(source: &'i str, builder: &'b mut B, options: ReadOptions) -> Self {
        let (source, skipped) = without_mark(source);
        let bytes = source.as_bytes();
        let may_skip = memchr::memchr(b'&', bytes).is_none() && memchr::memmem::find(bytes, b"<<").is_none();
        let parser = Parser::new(source, skipped);
        Documents { parser, source, skipped, builder, options, may_skip, count: 0, done: false }
    }

    fn document(&mut self) -> Result<Option<Document<B::Value>>, ReadError> {
        match self.parser.event() {
            Ok(event) if matches!(event.what, What::DocumentStart) => self.count += 1,
            Ok(_) => return Ok(None),
            Err(fault) => return Err(self.fault(fault)),
        }
        let mut assembly = Assembly::new(self.options, self.may_skip);
        let mut finished = None;
        loop {
            let event = match self.parser.event() {
                Ok(event) => event,
                Err(fault) => return Err(self.fault(fault)),
            };
            if matches!(event.what, What::DocumentEnd | What::StreamEnd) {
                return Ok(finished);
            }
            match assembly.event(event, self.builder) {
                Ok(None) => {}
                Ok(Some((value, line))) => finished = Some(Document { value, line }),
                Err(wrong) => {
                    let line = wrong.mark.line + 1;
                    let value = self.wrong(wrong)?;
                    return self.skip_document().map(|()| Some(Document { value, line }));
                }
            }
        }
    }

    #[cold]
    fn fault(&self, fault: Fault) -> ReadError {
        fault.into_error(self.source)
    }

    /// The error with Go's message. Where a later entry of the same key takes the place of what is wrong, Go reads the
    /// document after all.
    #[cold]
    fn wrong(&mut self, wrong: Wrong) -> Result<B::Value, ReadError> {
        let Wrong { mark, kind } = wrong;
        let column = fault::column(self.source, mark.at);
        let error = ReadError::new(mark.line + 1, column, kind);
        if self.options.unique_keys {
            return Err(error);
        }
        let value = explain::explained(error, self.source, self.skipped, self.count)?;
        Ok(value.build(self.builder))
    }

    fn skip_document(&mut self) -> Result<(), ReadError> {
        loop {
            match self.parser.event() {
                Ok(event) if matches!(event.what, What::DocumentEnd | What::StreamEnd) => return Ok(()),
                Ok(_) => {}
                Err(fault) => return Err(self.fault(fault)),
            }
        }
    }
}

impl<B: Builder> Iterator for Documents<'_, '_, B> {
    type Item = Result<Document<B::Value>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.document().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads the first document of a text, as `yaml.Unmarshal` does; an empty text gives null.
///
/// # Errors
/// When the document is not YAML that Helm could read, with line and column.
pub fn read<B: Builder>(source: &str, builder: &mut B) -> Result<B::Value, ReadError> {
    read_with(source, builder, ReadOptions::default())
}

/// [`read`] with options.
///
/// # Errors
/// As [`read`], and for repeated keys where these are asked to be unique.
pub fn read_with<B: Builder>(
    source: &str,
    builder: &mut B,
    options: ReadOptions,
) -> Result<B::Value, ReadError> {
    if !options.unique_keys
        && let Some(value) = quick::read(source, builder)
    {
        return Ok(value);
    }
    match Documents::new(source, builder, options).next() {
        Some(document) => Ok(document?.value),
        None => Ok(builder.null()),
    }
}
