//! Reading wire types from JSON: one reader per type, small, with errors that name the place.
//!
//! serde's `derive(Deserialize)` makes a reader for every type *and* every form it may be read from (text, a parsed
//! value, what an enum with a tag or a flattened field has put aside), each of some kilobytes. In the module that other
//! languages fetch this was a tenth of everything. `#[derive(FromJson)]` instead reads from a parsed [`Value`] alone, and
//! implements `Deserialize` upon that, so that every other user goes on as with serde. It obeys the same `#[serde(…)]`
//! attributes, and what `derive(Serialize)` writes can be read again.
//!
//! What differs from serde: a field given twice in a text counts the second time instead of being refused, structs are never
//! read from arrays nor unit variants from objects, and an error below the top tells where: `steps[3].key: missing field
//! `name``.

pub mod read;
mod types;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::fmt;

pub use serde;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};
pub use serde_json::Value;

/// A type that can be read from JSON. Derived by `#[derive(FromJson)]`; by hand where a type has a form of its own.
pub trait FromJson: Sized {
    /// Reads from a value, whose texts and objects may be moved out: nobody looks at it afterwards.
    ///
    /// # Errors
    /// [`FromJsonError`] when the value does not have the form of this type.
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError>;

    /// What stands for a field of this type that is not there: only an `Option` has that.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}

/// What is wrong, and in which field.
#[derive(Clone, PartialEq, Eq)]
pub struct FromJsonError(Box<Fault>);

#[derive(Clone, PartialEq, Eq)]
struct Fault {
    message: String,
    /// `steps[3].key`; empty for the whole.
    place: String,
}

impl FromJsonError {
    /// An error at the value that is being read.
    #[must_use]
    pub fn new(message: String) -> Self {
        Self(Box::new(Fault { message, place: String::new() }))
    }

    /// The same error seen from the object that has the value as this field.
    #[must_use]
    pub fn in_field(mut self, name: &str) -> Self {
        let place = &mut self.0.place;
        if !place.is_empty() && !place.starts_with('[') {
            place.insert(0, '.');
        }
        place.insert_str(0, name);
        self
    }

    /// The same error seen from the array that has the value at this index, from 0.
    #[must_use]
    pub fn in_item(self, index: usize) -> Self {
        self.in_field(&format!("[{index}]"))
    }
}

impl fmt::Display for FromJsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { message, place } = &*self.0;
        if !place.is_empty() {
            formatter.write_str(place)?;
            formatter.write_str(": ")?;
        }
        formatter.write_str(message)
    }
}

impl fmt::Debug for FromJsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl core::error::Error for FromJsonError {}

/// Reads a type from a parsed value.
///
/// # Errors
/// [`FromJsonError`] when the value does not have the form of the type.
pub fn from_value<T: FromJson>(mut given: Value) -> Result<T, FromJsonError> {
    T::from_json(&mut given)
}

/// Reads a type from a text.
///
/// # Errors
/// [`FromJsonError`] when the text is no JSON, or does not have the form of the type.
pub fn from_text<T: FromJson>(text: &str) -> Result<T, FromJsonError> {
    from_value(parse(text)?)
}

fn parse(text: &str) -> Result<Value, FromJsonError> {
    serde_json::from_str(text).map_err(|error| FromJsonError::new(error.to_string()))
}

/// `Deserialize` of a type that is read from JSON.
///
/// # Errors
/// The deserializer's, with the message of [`FromJsonError`].
pub fn deserialize<'de, T: FromJson, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    from_value(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}
