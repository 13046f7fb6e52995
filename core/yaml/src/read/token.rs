//! What the scanner gives to the parser.

use std::borrow::Cow;

use super::fault::Mark;

/// One token and where it begins.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) mark: Mark,
}

/// The kinds of tokens.
#[derive(Debug)]
pub(super) enum Kind<'t> {
    StreamEnd,
    /// `%YAML 1.1`.
    Version(u8, u8),
    /// `%TAG`.
    TagHandle(Box<TagText>),
    DocumentStart,
    DocumentEnd,
    /// Before the first entry of a block list; none for a list that is not indented.
    BlockSequence,
    BlockMapping,
    BlockEnd,
    FlowSequence,
    FlowSequenceEnd,
    FlowMapping,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    Tag(Box<TagText>),
    Scalar(Cow<'t, str>, Plain),
}

/// Whether a scalar is written without quotes and indicators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    Yes,
    No,
}

/// A tag as it is written: `!handle!suffix`; of a directive, the handle and what it stands for.
///
/// Escapes may put any bytes there.
#[derive(Debug, Default)]
pub(super) struct TagText {
    pub(super) handle: Vec<u8>,
    pub(super) suffix: Vec<u8>,
}
