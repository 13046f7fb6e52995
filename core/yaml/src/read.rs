//! Reading: from the parser's events straight to the caller's values.

mod build;
mod quick;
mod quick_flow;
#[cfg(test)]
mod quick_tests;
mod repair;
mod text;

use granit_parser::{Event, Parser, Span, StrInput};

pub use text::decode_text;

use crate::error::{ReadError, ReadErrorKind};
use build::Assembly;

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
    parser: Parser<'i, StrInput<'i>>,
    source: &'i str,
    builder: &'b mut B,
    options: ReadOptions,
    done: bool,
}

impl<B: Builder> core::fmt::Debug for Documents<'_, '_, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Documents").field("done", &self.done).finish_non_exhaustive()
    }
}

impl<'i, 'b, B: Builder> Documents<'i, 'b, B> {
    /// Starts reading a text (see [`decode_text`] for bytes).
    #[must_use]
    pub fn new(source: &'i str, builder: &'b mut B, options: ReadOptions) -> Self {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let mut settings = granit_parser::options! {
            flow_nesting_limit: crate::MAX_DEPTH + 1,
            block_nesting_limit: crate::MAX_DEPTH + 1,
        };
        settings.set_emit_comments(false);
        let parser = Parser::new_from_str_with_options(source, settings);
        Documents { parser, source, builder, options, done: false }
    }

    fn event(&mut self) -> Result<Option<(Event<'i>, Span)>, ReadError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => {
                let at = error.marker();
                Err(ReadError::new(at.line(), at.col() + 1, ReadErrorKind::Syntax(error.info())))
            }
        }
    }

    fn document(&mut self) -> Result<Option<Document<B::Value>>, ReadError> {
        loop {
            match self.event()? {
                None | Some((Event::StreamEnd, _)) => return Ok(None),
                Some((Event::DocumentStart(..), _)) => break,
                Some(_) => {}
            }
        }
        let mut assembly = Assembly::new(self.source, self.options);
        let mut finished = None;
        while let Some((event, span)) = self.event()? {
            if event == Event::DocumentEnd {
                break;
            }
            if let Some((value, line)) = assembly.event(event, &span, self.builder)? {
                finished = Some(Document { value, line });
            }
        }
        Ok(finished)
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
    let mut text = std::borrow::Cow::Borrowed(source);
    let mut repairs = 0;
    loop {
        let error = match Documents::new(&text, builder, options).next() {
            Some(Ok(document)) => return Ok(document.value),
            None => return Ok(builder.null()),
            Some(Err(error)) => error,
        };
        repairs += 1;
        match repair::repaired(&text, &error) {
            Some(repaired) if repairs <= repair::MOST => text = repaired.into(),
            _ => return Err(error),
        }
    }
}
