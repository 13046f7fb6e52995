//! What the tests of reading share.

use backstay_yaml::Builder;
use serde_json::Value;

/// JSON values in which every number is a float64, as in Helm's values.
pub(crate) struct Floats;

#[allow(clippy::cast_precision_loss, reason = "Helm's values lose the same digits")]
impl Builder for Floats {
    type Value = Value;
    type Key = String;

    fn null(&mut self) -> Value {
        Value::Null
    }
    fn boolean(&mut self, value: bool) -> Value {
        value.into()
    }
    fn int(&mut self, value: i64) -> Value {
        Value::from(value as f64)
    }
    fn uint(&mut self, value: u64) -> Value {
        Value::from(value as f64)
    }
    fn float(&mut self, value: f64) -> Value {
        Value::from(value)
    }
    fn string(&mut self, value: &str) -> Value {
        value.into()
    }
    fn key(&mut self, key: &str) -> String {
        key.to_owned()
    }
    fn list(&mut self, items: Vec<Value>) -> Value {
        items.into()
    }
    fn map(&mut self, entries: Vec<(String, Value)>) -> Value {
        Value::Object(entries.into_iter().collect())
    }
    fn entries(&mut self, value: &Value) -> Option<Vec<(String, Value)>> {
        value.as_object().map(|map| map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
