//! Kinds that are served under more than one group or version, between their served and their stored form.

use serde_json::Value;

use super::kinds::Served;

/// Field names of an event: in `events.k8s.io/v1`, and as stored (core `v1`).
const EVENT_FIELDS: [(&str, &str); 6] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// `reportingController` is `reportingComponent` in the core group.
const EVENT_REPORTER: (&str, &str) = ("reportingController", "reportingComponent");

/// The form a client of this group and version sees.
pub(super) fn to_served(kind: &Served, object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        if kind.group == "events.k8s.io" {
            for (served, stored) in EVENT_FIELDS.iter().chain([&EVENT_REPORTER]) {
                if let Some(value) = map.remove(*stored) {
                    map.insert((*served).to_owned(), value);
                }
            }
        }
        map.insert("apiVersion".to_owned(), Value::String(kind.api_version()));
    }
    object
}

/// The form that is stored.
pub(super) fn to_stored(kind: &Served, object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    if kind.group == "events.k8s.io" {
        for (served, stored) in EVENT_FIELDS.iter().chain([&EVENT_REPORTER]) {
            if let Some(value) = map.remove(*served) {
                map.insert((*stored).to_owned(), value);
            }
        }
        map.insert("apiVersion".to_owned(), Value::String("v1".to_owned()));
    }
}
