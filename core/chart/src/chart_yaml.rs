//! YAML of `Chart.yaml` and its relatives: floats stay floats there.

use backstay_yaml::{Builder, JsonBuilder, ReadError};
use serde_json::{Number, Value};

/// As [`JsonBuilder`], but `1e6` is no integer: where a text is wanted, Go writes it as the float that it is
/// (sigs.k8s.io/yaml v1.6.0 yaml.go:342).
struct ChartBuilder(JsonBuilder);

impl Builder for ChartBuilder {
    type Value = Value;
    type Key = String;

    fn null(&mut self) -> Value {
        self.0.null()
    }

    fn boolean(&mut self, value: bool) -> Value {
        self.0.boolean(value)
    }

    fn int(&mut self, value: i64) -> Value {
        self.0.int(value)
    }

    fn uint(&mut self, value: u64) -> Value {
        self.0.uint(value)
    }

    fn float(&mut self, value: f64) -> Value {
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }

    fn string(&mut self, value: &str) -> Value {
        self.0.string(value)
    }

    fn key(&mut self, key: &str) -> String {
        self.0.key(key)
    }

    fn list(&mut self, items: Vec<Value>) -> Value {
        self.0.list(items)
    }

    fn map(&mut self, entries: Vec<(String, Value)>) -> Value {
        self.0.map(entries)
    }

    fn entries(&mut self, value: &Value) -> Option<Vec<(String, Value)>> {
        self.0.entries(value)
    }
}

/// Reads the first document of a text.
pub(crate) fn read(text: &str) -> Result<Value, ReadError> {
    backstay_yaml::read(text, &mut ChartBuilder(JsonBuilder))
}
