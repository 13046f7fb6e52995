//! The plain steps through a text, for those who look for places in it.

use super::parse::{Parser, What};
use super::without_mark;
use crate::error::ReadError;

/// A step through a text.
#[derive(Debug)]
pub(crate) enum Step {
    /// A text; the empty one for an alias.
    Scalar(String),
    Map,
    List,
    /// Of a map or list.
    Close,
    /// Of a document.
    End,
}

/// Goes through a text.
pub(crate) struct Walker<'t> {
    source: &'t str,
    parser: Parser<'t>,
}

impl<'t> Walker<'t> {
    pub(crate) fn new(source: &'t str) -> Self {
        let (source, skipped) = without_mark(source);
        Walker { source, parser: Parser::new(source, skipped) }
    }

    /// The next step and its line from 1; `None` at the end.
    pub(crate) fn step(&mut self) -> Result<Option<(Step, usize)>, ReadError> {
        loop {
            let event = self.parser.event().map_err(|fault| fault.into_error(self.source))?;
            let step = match event.what {
                What::StreamEnd => return Ok(None),
                What::DocumentStart => continue,
                What::DocumentEnd => Step::End,
                What::Alias(_) => Step::Scalar(String::new()),
                What::Scalar(text, _) => Step::Scalar(text.into_owned()),
                What::ListStart => Step::List,
                What::MapStart => Step::Map,
                What::ListEnd | What::MapEnd => Step::Close,
            };
            return Ok(Some((step, event.mark.line + 1)));
        }
    }
}
