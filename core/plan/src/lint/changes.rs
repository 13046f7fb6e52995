//! Fields the server lets nobody change, old against new
//! (Kubernetes `pkg/apis/*/validation`: `ValidateImmutableField` and the StatefulSet's list).

use alloc::format;
use alloc::string::String;

use backstay_object::{Quantity, at, bool_at};
use serde_json::Value;

use super::{Context, Found};
use crate::step::PlannedObject;

/// What of a StatefulSet's spec may change.
const STATEFUL_SET_FREE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
    "revisionHistoryLimit",
];

pub(super) fn check(context: &Context<'_>, found: &mut Found) {
    for object in context.objects {
        if let Some(before) = context.previous.iter().find(|before| before.key == object.key) {
            compare(&before.object, object, found);
        }
    }
}

fn compare(before: &Value, object: &PlannedObject, found: &mut Found) {
    let after = &object.object;
    let differs = |path: &[&str]| at(before, path) != at(after, path);
    let say = |found: &mut Found, code: &str, path: &[&str]| {
        let field: String = path.join(".");
        found.add(code, object, field.clone(), format!("{field} changes"));
    };
    match object.key.kind.as_str() {
        "Deployment" | "DaemonSet" | "ReplicaSet" if differs(&["spec", "selector"]) => {
            say(found, "immutable-selector", &["spec", "selector"]);
        }
        "StatefulSet" => stateful_set(before, object, found),
        "Job" => {
            for field in ["template", "selector", "completions", "completionMode"] {
                if differs(&["spec", field])
                    && !(field == "completions" && bool_at(after, &["spec", "suspend"]) == Some(true))
                {
                    say(found, "immutable-job", &["spec", field]);
                }
            }
        }
        "Service" => {
            let ip =
                |object: &Value| at(object, &["spec", "clusterIP"]).and_then(Value::as_str).map(String::from);
            let (old, new) = (ip(before), ip(after));
            // Left out, the server keeps what it has; set for the first time, it differs from what the server chose.
            if new.is_some() && old != new {
                say(found, "immutable-service", &["spec", "clusterIP"]);
            }
        }
        "PersistentVolumeClaim" => claim(before, object, found),
        "RoleBinding" | "ClusterRoleBinding" if differs(&["roleRef"]) => {
            say(found, "immutable-role-ref", &["roleRef"])
        }
        "ConfigMap" | "Secret" if bool_at(before, &["immutable"]) == Some(true) => {
            for field in ["data", "binaryData", "stringData", "immutable"] {
                if differs(&[field]) {
                    say(found, "immutable-config", &[field]);
                }
            }
        }
        _ => {}
    }
}

fn stateful_set(before: &Value, object: &PlannedObject, found: &mut Found) {
    let empty = serde_json::Map::new();
    let fields = |value: &Value| {
        value.get("spec").and_then(Value::as_object).cloned().unwrap_or_else(|| empty.clone())
    };
    let (old, new) = (fields(before), fields(&object.object));
    for field in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        if STATEFUL_SET_FREE.contains(&field.as_str()) || old.get(field) == new.get(field) {
            continue;
        }
        // Written out, a default is no change.
        let is_default = |value: Option<&Value>| value.is_none_or(|value| value == "OrderedReady");
        if field == "podManagementPolicy" && is_default(old.get(field)) && is_default(new.get(field)) {
            continue;
        }
        let code = if field == "selector" { "immutable-selector" } else { "immutable-stateful-set" };
        found.add(code, object, format!("spec.{field}"), format!("spec.{field} changes"));
    }
}

fn claim(before: &Value, object: &PlannedObject, found: &mut Found) {
    for field in ["accessModes", "storageClassName", "volumeMode", "selector"] {
        let path = ["spec", field];
        if at(before, &path) != at(&object.object, &path) {
            found.add("immutable-claim", object, format!("spec.{field}"), format!("spec.{field} changes"));
        }
    }
    let size =
        |value: &Value| at(value, &["spec", "resources", "requests", "storage"]).and_then(Quantity::of);
    if let (Some(old), Some(new)) = (size(before), size(&object.object))
        && new < old
    {
        found.add("immutable-claim", object, "spec.resources.requests.storage", "the claim gets smaller");
    }
}
