//! [`serde_json::Value`] from YAML and to YAML.

use serde_json::{Map, Number, Value};

use crate::error::{ReadError, WriteError};
use crate::number;
use crate::read::{Builder, read};
use crate::write::{Sink, Source};

/// Builds [`serde_json::Value`]s as Kubernetes does from a manifest: numbers without fraction are integers (`1.0` too,
/// because the number passes through JSON), others float64.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonBuilder;

impl Builder for JsonBuilder {
    type Value = Value;
    type Key = String;

    fn null(&mut self) -> Value {
        Value::Null
    }

    fn boolean(&mut self, value: bool) -> Value {
        Value::Bool(value)
    }

    fn int(&mut self, value: i64) -> Value {
        Value::from(value)
    }

    fn uint(&mut self, value: u64) -> Value {
        Value::from(value)
    }

    fn float(&mut self, value: f64) -> Value {
        // The bounds are exact in float64; 2^63 itself does not fit.
        if value.fract() == 0.0
            && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value)
        {
            return Value::from(value as i64);
        }
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }

    fn string(&mut self, value: &str) -> Value {
        Value::String(value.to_owned())
    }

    fn key(&mut self, key: &str) -> String {
        key.to_owned()
    }

    fn list(&mut self, items: Vec<Value>) -> Value {
        Value::Array(items)
    }

    fn map(&mut self, entries: Vec<(String, Value)>) -> Value {
        let mut map = Map::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        Value::Object(map)
    }

    fn entries(&mut self, value: &Value) -> Option<Vec<(String, Value)>> {
        value.as_object().map(|map| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}

/// Reads the first document of a text as a Kubernetes object or any other JSON value; nothing gives `Null`.
///
/// # Errors
/// When the text is not YAML that Helm could read, with line and column.
pub fn from_yaml(text: &str) -> Result<Value, ReadError> {
    read(text, &mut JsonBuilder)
}

impl Source for Value {
    fn describe(&self, sink: &mut dyn Sink) -> Result<(), WriteError> {
        match self {
            Value::Null => sink.null(),
            Value::Bool(value) => sink.boolean(*value),
            Value::Number(value) => match (value.as_i64(), value.as_u64()) {
                (Some(value), _) => sink.int(value),
                (None, Some(value)) => sink.uint(value),
                (None, None) => sink.float(value.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(value) => sink.string(value),
            Value::Array(items) => sink.list(&mut items.iter().map(|item| item as &dyn Source)),
            Value::Object(map) => sink.map(&mut map.iter().map(|(k, v)| (k.as_str(), v as &dyn Source))),
        }
    }
}

/// The integer that a finite float becomes on its way through JSON text and yaml.v2, or the float's own text.
pub(crate) fn float_through_json(value: f64) -> Option<String> {
    let text = number::json_float(value)?;
    Some(match crate::resolve::resolve_plain(&text) {
        crate::resolve::Scalar::Int(value) => value.to_string(),
        crate::resolve::Scalar::Uint(value) => value.to_string(),
        crate::resolve::Scalar::Float(value) => number::float_text(value),
        _ => text,
    })
}
