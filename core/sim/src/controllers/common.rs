//! What controllers of all kinds use.

use backstay_object::{is_deleting, list_at, map_at};
use serde_json::Value;

use crate::json::json;
use crate::world::Ctx;

/// `metadata.ownerReferences` of an object with a controller.
pub(super) fn owner_references(owner: &Value) -> Value {
    json!([{
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// FNV-1a of 32 bits in the letters Kubernetes writes hashes with (`rand.SafeEncodeString`).
pub(super) fn short_hash(text: &str) -> String {
    let hash =
        text.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_string().bytes().map(|digit| char::from(letter(u64::from(digit)))).collect()
}

/// One of the letters of generated names.
pub(super) fn letter(number: u64) -> u8 {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    usize::try_from(number % 27).ok().and_then(|index| LETTERS.get(index)).copied().unwrap_or(b'x')
}

impl Ctx<'_> {
    /// The five letters of a generated name.
    pub(super) fn suffix(&mut self) -> String {
        let mut number = self.store.draw();
        (0..5)
            .map(|_| {
                let letter = letter(number);
                number /= 27;
                char::from(letter)
            })
            .collect()
    }
}

/// A number or a share such as `25%` of a total.
pub(super) fn scaled(value: Option<&Value>, total: i64, up: bool) -> i64 {
    match value {
        Some(Value::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            (percent.saturating_mul(total) + if up { 99 } else { 0 }) / 100
        }
        Some(value) => value.as_i64().unwrap_or(0),
        None => 0,
    }
}

/// Puts a condition into a list in the way of apps/v1: the transition time moves with the status only.
pub(super) fn put_condition(conditions: &mut Vec<Value>, mut condition: Value, now: &Value) {
    let wanted = condition["type"].clone();
    let present = conditions.iter().position(|present| present["type"] == wanted);
    condition["lastTransitionTime"] = now.clone();
    if let Some(present) = present {
        let old = conditions.remove(present);
        if old["status"] == condition["status"] {
            condition["lastTransitionTime"] = old["lastTransitionTime"].clone();
            if old["reason"] == condition["reason"] && old["message"] == condition["message"] {
                conditions.insert(present, old);
                return;
            }
        }
    }
    conditions.push(condition);
}

/// The conditions of an object, to change.
pub(super) fn conditions_of(object: &Value) -> Vec<Value> {
    list_at(object, &["status", "conditions"]).to_vec()
}

/// Sets counters that are left out when they are zero.
pub(super) fn put_counts(status: &mut Value, counts: &[(&str, i64)]) {
    for (field, count) in counts {
        if *count > 0 {
            status[*field] = json!(count);
        } else if let Some(map) = status.as_object_mut() {
            map.remove(*field);
        }
    }
}

/// The labels two maps have together, the second winning.
pub(super) fn joined(first: &Value, second: &[(&str, &str)]) -> Value {
    let mut labels = map_at(first, &[]).cloned().unwrap_or_default();
    for (key, value) in second {
        labels.insert((*key).to_owned(), json!(value));
    }
    Value::Object(labels)
}

/// Whether an object is there and to stay.
pub(super) fn stays(object: &Value) -> bool {
    !is_deleting(object)
}
