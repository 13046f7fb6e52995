//! How the types that everything is made of are read.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem::take;

use serde_json::{Map, Value};

use super::read::wrong_type;
use super::{FromJson, FromJsonError};

impl FromJson for Value {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        Ok(given.take())
    }
}

impl FromJson for String {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        match given {
            Value::String(text) => Ok(take(text)),
            _ => Err(wrong_type(given, "a string")),
        }
    }
}

impl FromJson for bool {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        given.as_bool().ok_or_else(|| wrong_type(given, "a boolean"))
    }
}

macro_rules! whole_numbers {
    ($($kind:ident by $narrow:ident),*) => {$(
        impl FromJson for $kind {
            fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
                let number = given.$narrow().and_then(|number| number.try_into().ok());
                number.ok_or_else(|| no_number(given, stringify!($kind)))
            }
        }
    )*};
}

whole_numbers!(u8 by as_u64, u16 by as_u64, u32 by as_u64, u64 by as_u64, i64 by as_i64);

impl FromJson for f64 {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        given.as_f64().ok_or_else(|| wrong_type(given, "f64"))
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        if given.is_null() { Ok(None) } else { T::from_json(given).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        let Value::Array(items) = given else {
            return Err(wrong_type(given, "a sequence"));
        };
        let mut read = Self::with_capacity(items.len());
        for (index, item) in items.iter_mut().enumerate() {
            read.push(T::from_json(item).map_err(|error| error.in_item(index))?);
        }
        Ok(read)
    }
}

impl<T: FromJson> FromJson for BTreeMap<String, T> {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        let Value::Object(fields) = given else {
            return Err(wrong_type(given, "a map"));
        };
        let mut read = Self::new();
        for (name, mut value) in take(fields) {
            let value = T::from_json(&mut value).map_err(|error| error.in_field(&name))?;
            read.insert(name, value);
        }
        Ok(read)
    }
}

impl FromJson for Map<String, Value> {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        match given {
            Value::Object(fields) => Ok(take(fields)),
            _ => Err(wrong_type(given, "a map")),
        }
    }
}

impl<A: FromJson, B: FromJson> FromJson for (A, B) {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        let Value::Array(items) = given else {
            return Err(wrong_type(given, "a tuple of size 2"));
        };
        let [first, second] = items.as_mut_slice() else {
            let length = items.len();
            return Err(FromJsonError::new(format!("invalid length {length}, expected a tuple of size 2")));
        };
        let first = A::from_json(first).map_err(|error| error.in_item(0))?;
        let second = B::from_json(second).map_err(|error| error.in_item(1))?;
        Ok((first, second))
    }
}

/// A whole number out of range is of the right type all the same.
fn no_number(given: &Value, expected: &str) -> FromJsonError {
    match given {
        Value::Number(number) if !number.is_f64() => {
            FromJsonError::new(format!("invalid value: integer `{number}`, expected {expected}"))
        }
        _ => wrong_type(given, expected),
    }
}
