//! Go `text/template` with the Sprig and Helm functions, in Rust.
//!
//! [`Value`] is Go's dynamic value; [`Function`] is a function with the signature that Go's own checks of arguments need;
//! [`Environment`] is everything a template may depend on beside its data.

mod builtins;
mod compare;
mod data;
pub mod elsewhere;
mod error;
mod exec;
mod exec_call;
mod exec_value;
mod function;
mod functions;
mod lexer;
mod limits;
mod parse;
mod parse_number;
mod print;
mod print_float;
mod print_quote;
#[cfg(test)]
mod print_tests;
mod printf;
mod raw;
#[cfg(test)]
mod run_tests;
mod runtime;
mod set;
mod tree;
mod value;
mod value_walk;

pub use data::{ValueBuilder, from_json, from_json_floats, map_to_json, to_json};
pub use error::{RenderError, TemplateError};
pub use function::{
    Beside, Compatibility, Environment, Function, FunctionError, HostOf, Lookup, LookupKey, Parameter,
    PasswordLines, Runtime,
};
pub use functions::{
    AddressKind, Regex, UrlParts, address_kind, chart_message, check_date, go_regex, helm_functions,
    json_prefix, lower_text, semver, url_parts,
};
pub use parse::ParseError;
pub use print::{quoted, quoted_rune};
pub use raw::text_of_bytes;
pub use set::{Desk, Draft, FunctionTable, Options, Parsed, Templates};
pub use value::{Elements, List, Map, MapType, Object, Text, Value};
