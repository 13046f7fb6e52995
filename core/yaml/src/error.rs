//! What can go wrong in reading and writing.

use crate::{MAX_DEPTH, MAX_TEXT};

/// A YAML text that cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct ReadError {
    /// 1-based line in the text that was given.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// What is wrong there.
    pub kind: ReadErrorKind,
    /// The message of `yaml.YAMLToJSON` (sigs.k8s.io/yaml 1.6), word by word: `yaml: line 3: did not find expected key`.
    /// Its line is the one Go gives, which is not always [`ReadError::line`].
    pub go: String,
}

/// The reasons for which a YAML text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The text is not YAML; the parser's words.
    #[error("{0}")]
    Syntax(String),
    /// The bytes are not UTF-8 (or UTF-16 with a byte order mark).
    #[error("the text is not valid UTF-8; save the file as UTF-8")]
    Encoding,
    /// A null, a list, a map or a number above 2^63 was used as a key of a map.
    #[error("{0} cannot be a key of a map; quote it to make it a string")]
    Key(&'static str),
    /// Only in strict reading.
    #[error("key {0:?} is given twice in one map; remove one of the two")]
    DuplicateKey(String),
    /// `<<:` with something else than a map or a list of maps.
    #[error("`<<` merges a map or a list of maps, not this value")]
    Merge,
    /// A tag such as `!!int` on a text that is no such thing.
    #[error("{value:?} cannot be read as !!{tag}")]
    Tag {
        /// The tag's short name: `int`, `bool`, …
        tag: String,
        /// The text that was tagged.
        value: String,
    },
    /// `!!binary` with bad base64.
    #[error("!!binary value contains invalid base64 data")]
    Binary,
    /// Infinity or NaN, for which JSON has no word.
    #[error("{0} is not a number that JSON or Kubernetes can hold; quote it to make it a string")]
    NotFinite(&'static str),
    /// `*name` without a `&name` before it.
    #[error("unknown anchor '{0}' referenced")]
    UnknownAnchor(String),
    /// An anchor whose own value refers to it.
    #[error("an anchor's value contains itself")]
    Cycle,
    /// yaml.v2's rule against documents that grow out of bounds through aliases.
    #[error("document contains excessive aliasing")]
    Aliasing,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested more than {MAX_DEPTH} levels deep")]
    Depth,
}

impl ReadError {
    pub(crate) fn new(line: usize, column: usize, kind: ReadErrorKind) -> ReadError {
        let go = format!("yaml: line {line}: {kind}");
        ReadError { line, column, kind, go }
    }

    pub(crate) fn with_go(mut self, go: String) -> ReadError {
        self.go = go;
        self
    }
}

/// A value that cannot be written as YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Infinity or NaN on the way through JSON (`toYaml`).
    #[error("json: unsupported value: {0}")]
    NotFinite(&'static str),
    /// `toYaml` reads its own JSON as YAML, which has no place for this character.
    #[error("control characters are not allowed in YAML (U+{0:04X})")]
    Character(u32),
    /// `toYaml` reads its own JSON as YAML, where a key has at most 1024 characters.
    #[error("a key of {0} characters is too long for YAML (limit 1024)")]
    KeyTooLong(usize),
    /// Nested deeper than [`MAX_DEPTH`], or containing itself.
    #[error("the value is nested more than {MAX_DEPTH} levels deep or contains itself")]
    Depth,
    /// More than [`MAX_TEXT`] bytes.
    #[error("the value is written with more than {} MiB", MAX_TEXT >> 20)]
    Size,
}
