//! What derived readers are made of. Little of it knows the type that is read, so that it is there once.

use alloc::format;
use alloc::string::String;

use serde_json::Value;

use super::{FromJson, FromJsonError};

/// That the value is an object at all.
///
/// # Errors
/// When it is not; `expected` says what it should be, e.g. `struct Plan`.
pub fn object(given: &Value, expected: &str) -> Result<(), FromJsonError> {
    if given.is_object() { Ok(()) } else { Err(wrong_type(given, expected)) }
}

/// That an object has no other fields than these.
///
/// # Errors
/// Names the first other one, and all that there could be.
pub fn only(given: &Value, names: &[&str]) -> Result<(), FromJsonError> {
    let mut given = given.as_object().into_iter().flat_map(|fields| fields.keys());
    match given.find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(FromJsonError::new(format!("unknown field `{name}`, {}", one_of(names)))),
    }
}

/// A field of an object; missing ones are an error unless their type has a value for that.
///
/// # Errors
/// When it is missing or does not have the form of its type.
pub fn field<T: FromJson>(given: &mut Value, name: &str) -> Result<T, FromJsonError> {
    match find(given, name) {
        Some(value) => named(T::from_json(value), name),
        None => T::absent().ok_or_else(|| missing(name)),
    }
}

/// A field of an object, or what stands for it when it is missing.
///
/// # Errors
/// When it does not have the form of its type.
pub fn field_or<T: FromJson>(
    given: &mut Value,
    name: &str,
    other: impl FnOnce() -> T,
) -> Result<T, FromJsonError> {
    match find(given, name) {
        Some(value) => named(T::from_json(value), name),
        None => Ok(other()),
    }
}

/// Puts a field of an object over what is there already; a missing one leaves it.
///
/// # Errors
/// When it does not have the form of its type.
pub fn over<T: FromJson>(given: &mut Value, name: &str, place: &mut T) -> Result<(), FromJsonError> {
    if let Some(value) = find(given, name) {
        *place = named(T::from_json(value), name)?;
    }
    Ok(())
}

/// The same value as another type: for flattened fields and types that only wrap.
///
/// # Errors
/// When it does not have the form of the type.
pub fn inner<T: FromJson>(given: &mut Value) -> Result<T, FromJsonError> {
    T::from_json(given)
}

/// Which of the names a text is.
///
/// # Errors
/// When it is no text or none of them.
pub fn variant(given: &Value, names: &[&str]) -> Result<usize, FromJsonError> {
    let Value::String(name) = given else {
        return Err(wrong_type(given, "a string"));
    };
    let place = names.iter().position(|known| known == name);
    place.ok_or_else(|| FromJsonError::new(format!("unknown variant `{name}`, {}", one_of(names))))
}

/// Which of the names the text in an object's field `tag` is.
///
/// # Errors
/// When it is no object, the field is missing, or is none of them.
pub fn tag(given: &mut Value, tag: &str, names: &[&str]) -> Result<usize, FromJsonError> {
    object(given, "an object")?;
    match find(given, tag) {
        Some(value) => named(variant(value, names), tag),
        None => Err(missing(tag)),
    }
}

/// The error that something else was expected.
#[must_use]
pub fn wrong_type(given: &Value, expected: &str) -> FromJsonError {
    let found = match given {
        Value::Null => String::from("null"),
        Value::Bool(value) => format!("boolean `{value}`"),
        Value::Number(number) if number.is_f64() => format!("floating point `{number}`"),
        Value::Number(number) => format!("integer `{number}`"),
        Value::String(text) => format!("string {text:?}"),
        Value::Array(_) => String::from("sequence"),
        Value::Object(_) => String::from("map"),
    };
    FromJsonError::new(format!("invalid type: {found}, expected {expected}"))
}

fn find<'a>(given: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    given.as_object_mut()?.get_mut(name)
}

fn named<T>(read: Result<T, FromJsonError>, name: &str) -> Result<T, FromJsonError> {
    read.map_err(|error| error.in_field(name))
}

fn missing(name: &str) -> FromJsonError {
    FromJsonError::new(format!("missing field `{name}`"))
}

/// ``expected one of `a`, `b` ``.
fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::from("there are none"),
        [one] => format!("expected `{one}`"),
        [one, other] => format!("expected `{one}` or `{other}`"),
        names => format!("expected one of `{}`", names.join("`, `")),
    }
}
