//! The functions of Sprig v3.3.0 and Helm, by subject.

mod address;
mod arguments;
mod case;
mod conversion;
mod crypto;
mod dates;
mod decimal;
mod defaults;
mod encoding;
mod flow;
mod json;
mod json_read;
mod lists;
mod maps;
mod maths;
mod merge;
mod paths;
mod random;
mod reflect;
mod regex;
pub mod semver;
mod structured;
#[cfg(test)]
mod testing;
mod text;
mod toml;
mod url;
mod words;

pub use address::{AddressKind, address_kind};
pub use case::lower_text;
pub use dates::check_date;
pub(crate) use dates::duration_methods;
pub use flow::chart_message;
pub use json_read::json_prefix;
pub use regex::{Regex, go_regex};
pub use url::{UrlParts, url_parts};

use crate::function::{Compatibility, Function};
use crate::set::FunctionTable;

/// The tables of all modules.
const TABLES: &[&[Function]] = &[
    conversion::FUNCTIONS,
    crypto::FUNCTIONS,
    defaults::FUNCTIONS,
    dates::FUNCTIONS,
    dates::SPANS,
    encoding::FUNCTIONS,
    flow::FUNCTIONS,
    lists::FUNCTIONS,
    maps::FUNCTIONS,
    maths::FUNCTIONS,
    paths::FUNCTIONS,
    random::FUNCTIONS,
    reflect::FUNCTIONS,
    regex::FUNCTIONS,
    semver::FUNCTIONS,
    structured::FUNCTIONS,
    text::FUNCTIONS,
    toml::FUNCTIONS,
    words::FUNCTIONS,
];

/// All functions that charts may call with the given Helm, beside those of the template language.
#[must_use]
pub fn helm_functions(compatibility: Compatibility) -> FunctionTable {
    let newer = |function: &Function| dates::SPANS.iter().any(|span| span.name == function.name);
    let all = TABLES.iter().flat_map(|table| table.iter());
    all.filter(|function| compatibility == Compatibility::Helm4 || !newer(function)).collect()
}
