//! Objects as they are shown to who asks for nothing special.

use serde_json::Value;

use super::convert;
use super::kinds::Served;
use crate::json::json;
use crate::store::Store;

/// A list of whole objects, with the metadata of the list.
pub(super) fn list_of<'o>(kind: &Served, objects: impl Iterator<Item = &'o Value>, metadata: Value) -> Value {
    let items: Vec<Value> = objects
        .map(|object| {
            let mut item = convert::to_served(kind, object);
            if let Some(map) = item.as_object_mut()
                && !kind.is_custom()
            {
                map.remove("kind");
                map.remove("apiVersion");
            }
            item
        })
        .collect();
    json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata, "items": items})
}

/// The object of a bookmark event at the present resourceVersion.
pub(super) fn bookmark(kind: &Served, store: &Store, initial_end: bool) -> Value {
    let mut metadata =
        json!({"resourceVersion": store.resource_version().to_string(), "creationTimestamp": null});
    if initial_end {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": metadata})
}
