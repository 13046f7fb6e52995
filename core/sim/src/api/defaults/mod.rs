//! What the API server fills in (source: Kubernetes 1.36 `pkg/apis/*/v1/defaults.go`, checked against a real server).

mod others;
mod pods;

use backstay_object::{at, set_at, text_at};
use serde_json::Value;

use super::kinds::Served;
use super::schema::{Place, Type};
use crate::json::json;
use Fill::{Flag, Number, Text};

/// Sets a field that is absent.
fn default(object: &mut Value, path: &[&str], value: Value) {
    if at(object, path).is_none_or(Value::is_null) {
        set_at(object, path, value);
    }
}

/// What a field is filled with.
#[derive(Clone, Copy, Debug)]
enum Fill {
    Text(&'static str),
    Number(i64),
    Flag(bool),
}

/// Sets the fields that are absent.
fn fill(object: &mut Value, rows: &[(&[&str], Fill)]) {
    for (path, what) in rows {
        let value = match what {
            Text(text) => json!(text),
            Number(number) => json!(number),
            Flag(flag) => json!(flag),
        };
        default(object, path, value);
    }
}

/// Calls a function for each item of a list.
fn each(object: &mut Value, path: &[&str], mut change: impl FnMut(&mut Value)) {
    if let Some(Value::Array(items)) = backstay_object::at_mut(object, path) {
        items.iter_mut().for_each(&mut change);
    }
}

/// Fills in what a kind has defaults for. Doing it twice changes nothing.
pub(super) fn apply_defaults(kind: &Served, object: &mut Value) {
    fill_fields(kind.place(), object);
    match (kind.stored_group(), kind.kind.as_str()) {
        ("", "Pod") => pods::pod(object),
        ("", "PodTemplate") => pods::template(object, &["template"]),
        ("", "ReplicationController") => {
            default(object, &["spec", "replicas"], json!(1));
            pods::template(object, &["spec", "template"]);
        }
        ("apps", "Deployment") => pods::deployment(object),
        ("apps", "ReplicaSet") => {
            default(object, &["spec", "replicas"], json!(1));
            pods::template(object, &["spec", "template"]);
            default(object, &["status", "replicas"], json!(0));
        }
        ("apps", "StatefulSet") => pods::stateful_set(object),
        ("apps", "DaemonSet") => pods::daemon_set(object),
        ("batch", "Job") => pods::job(object),
        ("batch", "CronJob") => pods::cron_job(object),
        ("", "Service") => others::service(object),
        ("", "PersistentVolumeClaim") => others::claim(object),
        ("", "PersistentVolume") => others::volume(object),
        ("", "Secret") => others::secret(object),
        ("", "Namespace") => others::namespace(object),
        ("", "LimitRange") => others::limit_range(object),
        ("", "ResourceQuota") => others::quota(object),
        ("autoscaling", "HorizontalPodAutoscaler") => others::autoscaler(object),
        ("networking.k8s.io", "NetworkPolicy") => others::network_policy(object),
        ("storage.k8s.io", "StorageClass") => {
            fill(
                object,
                &[(&["reclaimPolicy"], Text("Delete")), (&["volumeBindingMode"], Text("Immediate"))],
            );
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            default(object, &["preemptionPolicy"], json!("PreemptLowerPriority"));
        }
        ("discovery.k8s.io", "EndpointSlice") => each(object, &["ports"], |port| {
            fill(port, &[(&["name"], Text("")), (&["protocol"], Text("TCP"))]);
        }),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => others::role_binding(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => others::definition(object),
        _ => {}
    }
    if kind.has_status && !kind.is_custom() {
        default(object, &["status"], json!({}));
    }
}

/// Defaults that the table of shapes (or a custom resource's schema) names for single fields.
fn fill_fields(place: Place<'_>, value: &mut Value) {
    match (place.ty(), value) {
        (Type::Struct(_), Value::Object(map)) => {
            let Some(known) = place.known() else { return };
            for (name, field) in &known.fields {
                if let Some(default) = &field.default
                    && !map.contains_key(name)
                {
                    map.insert(name.clone(), default.clone());
                }
                if let Some(item) = map.get_mut(name) {
                    fill_fields(place.entry(name), item);
                }
            }
        }
        (Type::Map(_), Value::Object(map)) => {
            for (key, item) in map.iter_mut() {
                fill_fields(place.entry(key), item);
            }
        }
        (Type::List(_), Value::Array(items)) => {
            for item in items {
                fill_fields(place.item(), item);
            }
        }
        _ => {}
    }
}

/// `Always` for `:latest` and no tag, else `IfNotPresent`.
fn pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        Some((_, tag)) if tag != "latest" => "IfNotPresent",
        _ => "Always",
    }
}

/// Whether a text field has this value.
fn is(object: &Value, path: &[&str], value: &str) -> bool {
    text_at(object, path) == Some(value)
}
