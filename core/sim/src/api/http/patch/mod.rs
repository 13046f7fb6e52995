//! JSON patch (RFC 6902), merge patch (RFC 7396) and Kubernetes' strategic merge patch.

mod json_patch;
mod strategic;

use serde_json::Value;

pub(super) use json_patch::json_patch;
pub(super) use strategic::strategic_merge;

/// RFC 7396.
pub(super) fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            map.remove(key);
        } else {
            merge_patch(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
