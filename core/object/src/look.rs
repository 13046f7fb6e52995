//! Reading fields of an object. Every look-up answers `None` for what is absent or of another type.

use serde_json::{Map, Value};

/// The value at a path of map keys.
#[must_use]
pub fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, key| field(value, key))
}

/// Up to so many keys a map is one leaf of its tree.
const LEAF: usize = 11;

/// One field of a map. Keys of small maps are told apart by their length mostly, which is quicker than their order.
fn field<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let map = value.as_object()?;
    if map.len() > LEAF {
        return map.get(key);
    }
    map.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value)
}

/// The value at a path, to change it in place.
pub fn at_mut<'a>(object: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(object, |value, key| value.get_mut(key))
}

/// The text at a path.
#[must_use]
pub fn text_at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(object, path)?.as_str()
}

/// The whole number at a path; floats without a fraction count.
#[must_use]
pub fn int_at(object: &Value, path: &[&str]) -> Option<i64> {
    let value = at(object, path)?;
    #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and in range on the same line")]
    value.as_i64().or_else(|| {
        value
            .as_f64()
            .filter(|number| *number % 1.0 == 0.0 && number.abs() < 9e15)
            .map(|number| number as i64)
    })
}

/// The boolean at a path.
#[must_use]
pub fn bool_at(object: &Value, path: &[&str]) -> Option<bool> {
    at(object, path)?.as_bool()
}

/// The list at a path; empty when absent.
#[must_use]
pub fn list_at<'a>(object: &'a Value, path: &[&str]) -> &'a [Value] {
    at(object, path).and_then(Value::as_array).map_or(&[], |list| list)
}

/// The map at a path.
#[must_use]
pub fn map_at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Map<String, Value>> {
    at(object, path)?.as_object()
}

/// Sets the value at a path, making maps on the way. Anything on the way that is not a map is replaced by one.
pub fn set_at(object: &mut Value, path: &[&str], value: Value) {
    let Some((last, parents)) = path.split_last() else {
        *object = value;
        return;
    };
    let mut place = object;
    for key in parents {
        place = entry(place, key);
    }
    *entry(place, last) = value;
}

/// Removes the value at a path and returns it.
pub fn remove_at(object: &mut Value, path: &[&str]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    at_mut(object, parents)?.as_object_mut()?.remove(*last)
}

fn entry<'a>(place: &'a mut Value, key: &str) -> &'a mut Value {
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    match place {
        Value::Object(map) => map.entry(key).or_insert(Value::Null),
        // Made a map two lines above; returning the place itself keeps this free of panics.
        other => other,
    }
}

/// `metadata.name`, empty when absent.
#[must_use]
pub fn name(object: &Value) -> &str {
    text_at(object, &["metadata", "name"]).unwrap_or("")
}

/// `metadata.namespace`, empty when absent.
#[must_use]
pub fn namespace(object: &Value) -> &str {
    text_at(object, &["metadata", "namespace"]).unwrap_or("")
}

/// `kind`, empty when absent.
#[must_use]
pub fn kind(object: &Value) -> &str {
    text_at(object, &["kind"]).unwrap_or("")
}

/// `metadata.uid`, empty when absent.
#[must_use]
pub fn uid(object: &Value) -> &str {
    text_at(object, &["metadata", "uid"]).unwrap_or("")
}

/// `metadata.generation`.
#[must_use]
pub fn generation(object: &Value) -> Option<i64> {
    int_at(object, &["metadata", "generation"])
}

/// One annotation.
#[must_use]
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    text_at(object, &["metadata", "annotations", key])
}

/// One label.
#[must_use]
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    text_at(object, &["metadata", "labels", key])
}

/// The controlling owner reference (`controller: true`), if any.
#[must_use]
pub fn controller_owner(object: &Value) -> Option<&Value> {
    list_at(object, &["metadata", "ownerReferences"])
        .iter()
        .find(|owner| bool_at(owner, &["controller"]) == Some(true))
}

/// The condition of a type under `status.conditions`.
#[must_use]
pub fn condition<'a>(object: &'a Value, condition_type: &str) -> Option<&'a Value> {
    list_at(object, &["status", "conditions"])
        .iter()
        .find(|condition| text_at(condition, &["type"]) == Some(condition_type))
}

/// Whether a condition of that type has the status `True`.
#[must_use]
pub fn condition_is_true(object: &Value, condition_type: &str) -> bool {
    condition(object, condition_type).and_then(|condition| text_at(condition, &["status"])) == Some("True")
}

/// Whether `metadata.deletionTimestamp` is set.
#[must_use]
pub fn is_deleting(object: &Value) -> bool {
    text_at(object, &["metadata", "deletionTimestamp"]).is_some()
}

/// Replaces what a Secret hides (`data`, `stringData` and the last-applied annotation) by `<redacted>`, keeping the
/// keys. Other kinds are left alone.
pub fn redact_secret(object: &mut Value) {
    if kind(object) != "Secret" {
        return;
    }
    for field in ["data", "stringData"] {
        if let Some(Value::Object(map)) = object.get_mut(field) {
            for value in map.values_mut() {
                *value = Value::String("<redacted>".into());
            }
        }
    }
    remove_at(object, &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"]);
}

use alloc::string::String;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn looks_and_changes() {
        let mut object = json!({"spec": {"replicas": 3.0, "list": [1]}});
        assert_eq!(int_at(&object, &["spec", "replicas"]), Some(3));
        assert_eq!(list_at(&object, &["spec", "missing"]).len(), 0);
        set_at(&mut object, &["metadata", "labels", "a"], json!("b"));
        assert_eq!(label(&object, "a"), Some("b"));
        assert_eq!(remove_at(&mut object, &["metadata", "labels", "a"]), Some(json!("b")));
        assert_eq!(label(&object, "a"), None);
    }

    #[test]
    fn secrets_are_redacted_and_others_not() {
        let mut secret =
            json!({"kind": "Secret", "data": {"password": "aHVudGVyMg=="}, "stringData": {"x": "y"}});
        redact_secret(&mut secret);
        assert_eq!(
            secret,
            json!({"kind": "Secret", "data": {"password": "<redacted>"}, "stringData": {"x": "<redacted>"}})
        );
        let mut config = json!({"kind": "ConfigMap", "data": {"a": "b"}});
        redact_secret(&mut config);
        assert_eq!(config["data"]["a"], "b");
    }
}
