//! Values from and to YAML and JSON.

use std::rc::Rc;

use backstay_yaml::{Builder, Sink, Source, WriteError};

use crate::raw::finished;
use crate::value::{Map, Text, Value};

/// Builds values from YAML as Helm reads values files and `fromYaml`: every number is a `float64`, because the text passes
/// through JSON (`sigs.k8s.io/yaml` 1.6).
#[derive(Debug, Clone, Copy, Default)]
pub struct ValueBuilder;

impl Builder for ValueBuilder {
    type Value = Value;
    type Key = Text;

    fn null(&mut self) -> Value {
        Value::Nil
    }

    fn boolean(&mut self, value: bool) -> Value {
        Value::Bool(value)
    }

    #[allow(clippy::cast_precision_loss, reason = "Helm's values lose the same digits")]
    fn int(&mut self, value: i64) -> Value {
        Value::Float(value as f64)
    }

    #[allow(clippy::cast_precision_loss, reason = "Helm's values lose the same digits")]
    fn uint(&mut self, value: u64) -> Value {
        Value::Float(value as f64)
    }

    fn float(&mut self, value: f64) -> Value {
        Value::Float(value)
    }

    fn string(&mut self, value: &str) -> Value {
        Value::text(value)
    }

    fn key(&mut self, key: &str) -> Text {
        Rc::from(key)
    }

    fn list(&mut self, items: Vec<Value>) -> Value {
        Value::list(items)
    }

    fn map(&mut self, entries: Vec<(Text, Value)>) -> Value {
        Value::map(entries)
    }

    fn entries(&mut self, value: &Value) -> Option<Vec<(Text, Value)>> {
        value.as_map().map(|map| map.deep_copy().snapshot())
    }

    fn copy(&mut self, value: &Value) -> Value {
        value.deep_copy()
    }
}

impl Source for Value {
    fn describe(&self, sink: &mut dyn Sink) -> Result<(), WriteError> {
        match self {
            Self::Nil => sink.null(),
            Self::Bool(value) => sink.boolean(*value),
            Self::Int(value) | Self::Int64(value) | Self::Duration(value) => sink.int(*value),
            Self::Byte(value) => sink.int(i64::from(*value)),
            Self::Rune(value) => sink.int(i64::from(*value)),
            Self::Float(value) => sink.float(*value),
            Self::Text(text) => sink.string(&finished(text)),
            Self::Bytes(bytes) => sink.string(&crate::value::base64_text(bytes)),
            Self::List(list) if list.is_nil() => sink.null(),
            Self::List(list) => sink.list(&mut list.iter().map(|item| item as &dyn Source)),
            Self::Map(map) if map.is_nil() => sink.null(),
            Self::Map(map) => {
                let entries = map.borrow();
                sink.map(&mut entries.iter().map(|(key, value)| (&**key, value as &dyn Source)))
            }
            Self::Object(object) => object.plain().describe(sink),
        }
    }
}

/// A value from JSON in which whole numbers stay whole (`int64`), as the API server's answers have them.
#[must_use]
pub fn from_json(json: &serde_json::Value) -> Value {
    convert(json, &|number| number.as_i64().map_or_else(|| float(number), Value::Int64))
}

/// A value from JSON as Go's `encoding/json` reads it: every number is a `float64`.
#[must_use]
pub fn from_json_floats(json: &serde_json::Value) -> Value {
    convert(json, &float)
}

fn float(number: &serde_json::Number) -> Value {
    Value::Float(number.as_f64().unwrap_or(f64::NAN))
}

fn convert(json: &serde_json::Value, number: &dyn Fn(&serde_json::Number) -> Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(value) => number(value),
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(items) => {
            Value::list(items.iter().map(|item| convert(item, number)).collect())
        }
        serde_json::Value::Object(map) => {
            Value::map(map.iter().map(|(key, value)| (Rc::from(key.as_str()), convert(value, number))))
        }
    }
}

/// Plain JSON of a value. Floats without fraction become integers, as in Go's JSON text.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "bounds are checked")]
pub fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) | Value::Int64(value) | Value::Duration(value) => (*value).into(),
        Value::Byte(value) => (*value).into(),
        Value::Rune(value) => (*value).into(),
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 => {
            (*value as i64).into()
        }
        Value::Float(value) => (*value).into(),
        Value::Text(text) => serde_json::Value::String(text.to_string()),
        Value::Bytes(bytes) => serde_json::Value::String(crate::value::base64_text(bytes)),
        Value::List(list) if list.is_nil() => serde_json::Value::Null,
        Value::List(list) => list.iter().map(to_json).collect(),
        Value::Map(map) if map.is_nil() => serde_json::Value::Null,
        Value::Map(map) => map_to_json(map).into(),
        Value::Object(object) => to_json(&object.plain()),
    }
}

/// Plain JSON of a map.
#[must_use]
pub fn map_to_json(map: &Map) -> serde_json::Map<String, serde_json::Value> {
    let mut json = serde_json::Map::new();
    for (key, value) in map.borrow().iter() {
        json.insert(key.to_string(), to_json(value));
    }
    json
}
