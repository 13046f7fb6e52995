//! What Go says about expressions it refuses.

/// The reasons of `regexp/syntax`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Kind {
    #[error("invalid character class range")]
    CharRange,
    #[error("invalid escape sequence")]
    Escape,
    #[error("invalid named capture")]
    NamedCapture,
    #[error("invalid or unsupported Perl syntax")]
    PerlOp,
    #[error("invalid nested repetition operator")]
    RepeatOp,
    #[error("invalid repeat count")]
    RepeatSize,
    #[error("missing closing ]")]
    MissingBracket,
    #[error("missing closing )")]
    MissingParen,
    #[error("missing argument to repetition operator")]
    MissingArgument,
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    #[error("unexpected )")]
    UnexpectedParen,
    #[error("expression nests too deeply")]
    Depth,
    #[error("expression too large")]
    Large,
}

/// A reason and the piece it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {kind}: `{piece}`")]
pub(super) struct SyntaxError {
    kind: Kind,
    piece: String,
}

impl SyntaxError {
    pub(super) fn new(kind: Kind, piece: &str) -> Self {
        Self { kind, piece: piece.to_owned() }
    }
}
