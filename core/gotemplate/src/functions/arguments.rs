//! Reading the arguments that the engine has checked and converted.
//!
//! What a signature promises is there; the fall-backs below are Go's zero values and are never seen.

use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::value::{List, Map, Value};

/// What a function is in Rust.
type Call = fn(&mut dyn Runtime, &[Value]) -> Result<Value, FunctionError>;

/// A function with exactly these parameters.
pub(super) const fn fixed(name: &'static str, parameters: &'static [Parameter], call: Call) -> Function {
    Function { name, parameters, variadic: None, call }
}

/// A function whose last parameter may be repeated, or left out.
pub(super) const fn open(
    name: &'static str,
    parameters: &'static [Parameter],
    rest: Parameter,
    call: Call,
) -> Function {
    Function { name, parameters, variadic: Some(rest), call }
}

/// The arguments of the parameter that may be repeated.
pub(super) fn rest(arguments: &[Value], from: usize) -> &[Value] {
    arguments.get(from..).unwrap_or_default()
}

/// Go would go on until the memory is used up; this engine does not make texts or lists larger than this.
pub(super) const LARGEST: usize = crate::limits::TEXT;

/// The index as Go's `len` and slices count.
pub(super) fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A `string`.
pub(super) fn text(arguments: &[Value], index: usize) -> &str {
    arguments.get(index).and_then(Value::as_text).unwrap_or_default()
}

/// Any integer.
pub(super) fn int(arguments: &[Value], index: usize) -> i64 {
    match arguments.get(index) {
        Some(Value::Int(value) | Value::Int64(value) | Value::Duration(value)) => *value,
        Some(Value::Byte(value)) => i64::from(*value),
        Some(Value::Rune(value)) => i64::from(*value),
        _ => 0,
    }
}

/// Anything.
pub(super) fn any(arguments: &[Value], index: usize) -> Value {
    arguments.get(index).cloned().unwrap_or_default()
}

/// A slice; `nil` is the empty one.
pub(super) fn list(arguments: &[Value], index: usize) -> List {
    match arguments.get(index) {
        Some(Value::List(list)) => list.clone(),
        _ => List::default(),
    }
}

/// A map; `nil` is the empty one.
pub(super) fn map(arguments: &[Value], index: usize) -> Map {
    arguments.get(index).and_then(Value::as_map).cloned().unwrap_or_default()
}

pub(super) use crate::print::quoted;
