//! The macro `json!` once more, with less code behind it.
//!
//! It is written and gives the same as `serde_json`'s; that one puts every entry into its map where it stands, about a
//! hundred bytes of a module each, and the model has many hundreds.

use serde_json::{Map, Value};

/// What has a form in JSON.
pub(crate) trait Json {
    fn json(&self) -> Value;
}

impl Json for str {
    #[inline(never)]
    fn json(&self) -> Value {
        Value::String(self.to_owned())
    }
}

impl Json for String {
    fn json(&self) -> Value {
        self.as_str().json()
    }
}

impl Json for Value {
    fn json(&self) -> Value {
        self.clone()
    }
}

impl Json for Map<String, Value> {
    fn json(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl<T: Json + ?Sized> Json for &T {
    fn json(&self) -> Value {
        (**self).json()
    }
}

impl<T: Json> Json for Option<T> {
    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Json::json)
    }
}

impl<T: Json> Json for [T] {
    fn json(&self) -> Value {
        Value::Array(self.iter().map(Json::json).collect())
    }
}

impl<T: Json, const N: usize> Json for [T; N] {
    fn json(&self) -> Value {
        self.as_slice().json()
    }
}

impl<T: Json> Json for Vec<T> {
    fn json(&self) -> Value {
        self.as_slice().json()
    }
}

macro_rules! plain {
    ($($ty:ty)*) => {
        $(impl Json for $ty {
            fn json(&self) -> Value {
                Value::from(*self)
            }
        })*
    };
}

plain! { bool u16 u32 u64 usize i32 i64 }

/// An object of these entries, a list of these items; both are left empty.
#[inline(never)]
pub(crate) fn object(entries: &mut [(&str, Value)]) -> Value {
    Value::Object(entries.iter_mut().map(|(key, value)| ((*key).to_owned(), value.take())).collect())
}

#[inline(never)]
pub(crate) fn list(items: &mut [Value]) -> Value {
    Value::Array(items.iter_mut().map(Value::take).collect())
}

/// A value written as JSON, with expressions in it.
macro_rules! json {
    (null) => { ::serde_json::Value::Null };
    ([]) => { ::serde_json::Value::Array(Vec::new()) };
    ([$($items:tt)+]) => { $crate::json::json_list!([] $($items)+) };
    ({}) => { ::serde_json::Value::Object(::serde_json::Map::new()) };
    ({$($entries:tt)+}) => { $crate::json::json_object!([] $($entries)+) };
    ($value:expr) => { $crate::json::Json::json(&$value) };
}

/// The entries of an object one after the other, those that are done in brackets.
macro_rules! json_object {
    ([$($done:tt)*]) => { $crate::json::object(&mut [$($done)*]) };
    ([$($done:tt)*] $key:tt : null $(, $($rest:tt)*)?) => {
        $crate::json::json_object!([$($done)* (AsRef::<str>::as_ref(&$key), ::serde_json::Value::Null),] $($($rest)*)?)
    };
    ([$($done:tt)*] $key:tt : [$($value:tt)*] $(, $($rest:tt)*)?) => {
        $crate::json::json_object!([$($done)* (AsRef::<str>::as_ref(&$key), $crate::json::json!([$($value)*])),] $($($rest)*)?)
    };
    ([$($done:tt)*] $key:tt : {$($value:tt)*} $(, $($rest:tt)*)?) => {
        $crate::json::json_object!([$($done)* (AsRef::<str>::as_ref(&$key), $crate::json::json!({$($value)*})),] $($($rest)*)?)
    };
    ([$($done:tt)*] $key:tt : $value:expr $(, $($rest:tt)*)?) => {
        $crate::json::json_object!([$($done)* (AsRef::<str>::as_ref(&$key), $crate::json::Json::json(&$value)),] $($($rest)*)?)
    };
}

/// The items of a list, likewise.
macro_rules! json_list {
    ([$($done:tt)*]) => { $crate::json::list(&mut [$($done)*]) };
    ([$($done:tt)*] null $(, $($rest:tt)*)?) => {
        $crate::json::json_list!([$($done)* ::serde_json::Value::Null,] $($($rest)*)?)
    };
    ([$($done:tt)*] [$($value:tt)*] $(, $($rest:tt)*)?) => {
        $crate::json::json_list!([$($done)* $crate::json::json!([$($value)*]),] $($($rest)*)?)
    };
    ([$($done:tt)*] {$($value:tt)*} $(, $($rest:tt)*)?) => {
        $crate::json::json_list!([$($done)* $crate::json::json!({$($value)*}),] $($($rest)*)?)
    };
    ([$($done:tt)*] $value:expr $(, $($rest:tt)*)?) => {
        $crate::json::json_list!([$($done)* $crate::json::Json::json(&$value),] $($($rest)*)?)
    };
}

pub(crate) use {json, json_list, json_object};

#[cfg(test)]
mod tests {
    #[test]
    fn it_gives_what_serde_json_gives() {
        let (name, none, several) = ("web".to_owned(), None::<i64>, vec!["a", "b"]);
        macro_rules! same {
            ($($json:tt)+) => { assert_eq!(super::json!($($json)+), serde_json::json!($($json)+)) };
        }
        same!(null);
        same!([]);
        same!({});
        same!(name);
        same!([1, null, [true], {"a": {}}, name.len() + 1,]);
        same!({"b": 1, "a": [], "c": {"d": null, "e": [[]]}, "f": name, "g": -1_i64, "h": none});
        same!({"several": several, (name.as_str()): {"deep": [{}, []]},});
        same!({"same": 1, "same": 2});
    }
}
