//! Writing: what a value must tell about itself, and the two ways of Helm to write it.

use crate::emit::Emitter;
use crate::error::WriteError;

/// Which of Helm's two functions to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `toYaml`: through JSON, then yaml.v2. Lists are not indented under their key, lines are folded at 80 columns,
    /// floats without fraction become integers.
    Helm,
    /// `toYamlPretty`: yaml.v3 with an indent of 2. Lists are indented, nothing is folded, floats stay floats.
    Pretty,
}

/// A value that can be written. It calls exactly one method of the sink, once.
///
/// The callback shape lets values behind a `RefCell` be written without copying: the borrow lives as long as the call.
pub trait Source {
    /// Tells the sink what this value is.
    ///
    /// # Errors
    /// Passes on what the sink returned.
    fn describe(&self, sink: &mut dyn Sink) -> Result<(), WriteError>;
}

/// What a [`Source`] calls.
#[allow(clippy::missing_errors_doc, reason = "every method returns what the writer could not write")]
pub trait Sink {
    /// Nothing.
    fn null(&mut self) -> Result<(), WriteError>;
    /// A boolean.
    fn boolean(&mut self, value: bool) -> Result<(), WriteError>;
    /// An integer.
    fn int(&mut self, value: i64) -> Result<(), WriteError>;
    /// An integer without sign.
    fn uint(&mut self, value: u64) -> Result<(), WriteError>;
    /// A float64, which in [`Dialect::Helm`] is written as an integer where it is one.
    fn float(&mut self, value: f64) -> Result<(), WriteError>;
    /// A text.
    fn string(&mut self, value: &str) -> Result<(), WriteError>;
    /// A list, in its order.
    fn list(&mut self, items: &mut dyn Iterator<Item = &dyn Source>) -> Result<(), WriteError>;
    /// A map, in any order; keys must differ.
    fn map<'a>(
        &mut self,
        entries: &mut dyn Iterator<Item = (&'a str, &'a dyn Source)>,
    ) -> Result<(), WriteError>;
}

/// Writes a value in the given dialect. The text ends with a line break, as Go's does.
///
/// # Errors
/// When the value holds something that Helm cannot write either, or nests too deep.
pub fn write<S: Source>(value: &S, dialect: Dialect) -> Result<String, WriteError> {
    let mut emitter = Emitter::new(dialect);
    value.describe(&mut emitter)?;
    Ok(emitter.finish())
}

/// `toYaml`, with the final line break (Helm's template function takes one off).
///
/// # Errors
/// As [`write`]. Helm's `toYaml` gives an empty string then, `mustToYaml` an error.
pub fn to_yaml<S: Source>(value: &S) -> Result<String, WriteError> {
    write(value, Dialect::Helm)
}

/// `toYamlPretty`, with the final line break (Helm's template function takes one off).
///
/// # Errors
/// As [`write`].
pub fn to_yaml_pretty<S: Source>(value: &S) -> Result<String, WriteError> {
    write(value, Dialect::Pretty)
}
