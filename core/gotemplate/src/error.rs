//! What goes wrong while a template runs.

use crate::function::{FunctionError, LookupKey};

/// Why a template did not render.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// An error of the template, with the text Go gives it.
    #[error("{0}")]
    Template(Box<TemplateError>),
    /// The table of look-ups has no answer; the host has to ask the cluster and render again.
    #[error("lookup {0} is not answered yet")]
    NeedsLookup(LookupKey),
}

/// An error of a template. Errors of included templates are part of the message, as in Go.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct TemplateError {
    /// The template that was running: a file or the name of a `define`.
    pub template: String,
    /// The file the running template was read from.
    pub file: String,
    /// The line in the file, from 1; 0 where no template ran yet.
    pub line: usize,
    /// The byte in the line, from 0.
    pub column: usize,
    /// The piece of the template, as Go writes it.
    pub context: String,
    /// What is wrong.
    pub message: String,
    /// All of it, exactly as Go says it.
    pub text: String,
}

impl RenderError {
    /// An error before any template ran.
    pub(crate) fn plain(text: String) -> Self {
        Self::Template(Box::new(TemplateError { message: text.clone(), text, ..TemplateError::default() }))
    }
}

impl From<RenderError> for FunctionError {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Template(error) => Self::Failed(error.text),
            RenderError::NeedsLookup(key) => Self::NeedsLookup(key),
        }
    }
}

/// What running gives: small, because it is passed through many frames.
pub(crate) type Outcome<T> = Result<T, Box<RenderError>>;
