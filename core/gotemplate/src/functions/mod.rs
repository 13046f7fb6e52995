//! The functions of Sprig v3.3.0 and Helm, by subject.

mod arguments;
mod conversion;
mod decimal;
mod encoding;
mod json;
mod json_read;
mod maths;
mod paths;
mod regex;
pub mod semver;
mod structured;
#[cfg(test)]
mod testing;
mod text;
mod url;
mod words;

use crate::function::{Compatibility, Function};

/// The tables of all modules.
const TABLES: &[&[Function]] = &[
    conversion::FUNCTIONS,
    encoding::FUNCTIONS,
    maths::FUNCTIONS,
    paths::FUNCTIONS,
    regex::FUNCTIONS,
    semver::FUNCTIONS,
    structured::FUNCTIONS,
    text::FUNCTIONS,
    words::FUNCTIONS,
];

/// All functions that the given Helm knows.
#[allow(dead_code, reason = "the engine that calls it is being written")]
pub(crate) fn all(_compatibility: Compatibility) -> impl Iterator<Item = &'static Function> {
    TABLES.iter().flat_map(|table| table.iter())
}
