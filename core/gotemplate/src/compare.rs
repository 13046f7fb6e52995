//! Comparing values as `eq`, `lt` and their kin do.

use std::rc::Rc;

use crate::exec::Got;
use crate::print::display;
use crate::printf::sprintf;
use crate::value::Value;

/// What can be compared with what.
#[derive(Clone, Copy, PartialEq)]
enum Basic<'a> {
    Bool(bool),
    Complex,
    Int(i64),
    Float(f64),
    Text(&'a str),
    Uint(u64),
    Other,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(value) | Value::Int64(value) | Value::Duration(value) => Basic::Int(*value),
        Value::Rune(value) => Basic::Int(i64::from(*value)),
        Value::Byte(value) => Basic::Uint(u64::from(*value)),
        Value::Float(value) => Basic::Float(*value),
        Value::Text(text) => Basic::Text(text),
        Value::Object(object) if object.kind() == "complex128" => Basic::Complex,
        Value::Object(object) => object.number().map_or(Basic::Other, Basic::Int),
        _ => Basic::Other,
    }
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

/// Whether the first value equals one of the others.
#[allow(clippy::float_cmp, reason = "Go compares like this")]
pub(crate) fn equal(given: &[Got]) -> Result<bool, String> {
    let Some((first, others)) = given.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err("missing argument for comparison".into());
    };
    let first = &first.value;
    for other in others {
        let other = &other.value;
        let same = match (basic(first), basic(other)) {
            (Basic::Int(a), Basic::Uint(b)) | (Basic::Uint(b), Basic::Int(a)) => u64::try_from(a) == Ok(b),
            (Basic::Bool(a), Basic::Bool(b)) => a == b,
            (Basic::Int(a), Basic::Int(b)) => a == b,
            (Basic::Uint(a), Basic::Uint(b)) => a == b,
            (Basic::Float(a), Basic::Float(b)) => a == b,
            (Basic::Text(a), Basic::Text(b)) => a == b,
            (Basic::Complex, Basic::Complex) => display(first) == display(other),
            (Basic::Other, Basic::Other) => same_object(first, other)?,
            _ if first.is_nil() || other.is_nil() => false,
            _ => return Err(incompatible(first, other)),
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Values that are no basic ones: `nil`, collections, objects.
fn same_object(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Object(a), Value::Object(b)) => Ok(Rc::ptr_eq(a, b)),
        _ => {
            // Go prints the values with `%s` here.
            if a.kind() != b.kind() {
                let shown = sprintf("%s", std::slice::from_ref(a));
                let (one, other) = (a.type_name(), b.type_name());
                return Err(format!("non-comparable types {shown}: {one}, {other}: {}", display(b)));
            }
            let shown = sprintf("%s", std::slice::from_ref(b));
            Err(format!("non-comparable type {shown}: {}", b.type_name()))
        }
    }
}

/// `lt`.
pub(crate) fn less(given: &[Got]) -> Result<bool, String> {
    const INVALID: &str = "invalid type for comparison";
    let [first, second, ..] = given else {
        return Err("missing argument for comparison".into());
    };
    match (basic(&first.value), basic(&second.value)) {
        (Basic::Other, _) | (_, Basic::Other) => Err(INVALID.into()),
        (Basic::Int(a), Basic::Uint(b)) => Ok(u64::try_from(a).map_or(true, |a| a < b)),
        (Basic::Uint(a), Basic::Int(b)) => Ok(u64::try_from(b).is_ok_and(|b| a < b)),
        (Basic::Int(a), Basic::Int(b)) => Ok(a < b),
        (Basic::Uint(a), Basic::Uint(b)) => Ok(a < b),
        (Basic::Float(a), Basic::Float(b)) => Ok(a < b),
        (Basic::Text(a), Basic::Text(b)) => Ok(a < b),
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex, Basic::Complex) => Err(INVALID.into()),
        _ => Err(incompatible(&first.value, &second.value)),
    }
}

/// `le`.
pub(crate) fn less_or_equal(given: &[Got]) -> Result<bool, String> {
    Ok(less(given)? || equal(given)?)
}
