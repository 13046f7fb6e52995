//! What may not change.

use backstay_object::{at, bool_at, list_at, text_at};
use serde_json::Value;

use super::{FieldError, text};
use crate::api::kinds::Served;
use crate::json::json;

const IMMUTABLE: &str = "field is immutable";
const STATEFUL_SET: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const CLAIM: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
const POD: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(super) fn check(kind: &Served, old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    match (kind.stored_group(), kind.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => same(old, new, &["spec", "selector"], errors),
        ("apps", "StatefulSet") => stateful_set(old, new, errors),
        ("batch", "Job") => job(old, new, errors),
        ("", "Service") => service(old, new, errors),
        ("", "PersistentVolumeClaim") => claim(old, new, errors),
        ("", "Pod") => pod(old, new, errors),
        ("", "ConfigMap") => frozen_data(old, new, &["data", "binaryData"], errors),
        ("", "Secret") => {
            same(old, new, &["type"], errors);
            frozen_data(old, new, &["data"], errors);
        }
        ("storage.k8s.io", "StorageClass") => {
            for field in ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"] {
                if old.get(field) != new.get(field) {
                    let detail = format!("updates to {field} are forbidden.");
                    errors.push(FieldError::forbidden(field, &detail));
                }
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding")
            if at(old, &["roleRef"]) != at(new, &["roleRef"]) =>
        {
            let value = at(new, &["roleRef"]).unwrap_or(&Value::Null);
            errors.push(FieldError::invalid("roleRef", value, "cannot change roleRef"));
        }
        _ => {}
    }
}

fn same(old: &Value, new: &Value, path: &[&str], errors: &mut Vec<FieldError>) {
    if at(old, path) != at(new, path) {
        let value = at(new, path).unwrap_or(&Value::Null);
        errors.push(FieldError::invalid(path.join("."), value, IMMUTABLE));
    }
}

fn stateful_set(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    const MAY_CHANGE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |object: &Value| {
        let mut spec = at(object, &["spec"]).cloned().unwrap_or(Value::Null);
        if let Some(map) = spec.as_object_mut() {
            map.retain(|key, _| !MAY_CHANGE.contains(&key.as_str()));
        }
        spec
    };
    if fixed(old) != fixed(new) {
        errors.push(FieldError::forbidden("spec", STATEFUL_SET));
    }
}

fn job(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    same(old, new, &["spec", "completions"], errors);
    same(old, new, &["spec", "selector"], errors);
    // A job that was never started may be given another place to run.
    let suspended =
        bool_at(old, &["spec", "suspend"]) == Some(true) && at(old, &["status", "startTime"]).is_none();
    let comparable = |object: &Value| {
        let mut template = at(object, &["spec", "template"]).cloned().unwrap_or(Value::Null);
        if suspended {
            for field in ["nodeSelector", "affinity", "tolerations", "schedulingGates"] {
                backstay_object::remove_at(&mut template, &["spec", field]);
            }
            for field in ["annotations", "labels"] {
                backstay_object::remove_at(&mut template, &["metadata", field]);
            }
        }
        template
    };
    if comparable(old) != comparable(new) {
        // The real server prints Go's internal form of the template here; the JSON form says the same.
        let value = at(new, &["spec", "template"]).unwrap_or(&Value::Null);
        errors.push(FieldError::invalid("spec.template", value, IMMUTABLE));
    }
    same(old, new, &["spec", "completionMode"], errors);
}

fn service(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let outside = |object: &Value| text(object, &["spec", "type"]) == "ExternalName";
    if outside(old) || outside(new) {
        return;
    }
    let before = list_at(old, &["spec", "clusterIPs"]);
    let after = list_at(new, &["spec", "clusterIPs"]);
    if let (Some(was), Some(is)) = (before.first(), after.first())
        && was != is
    {
        errors.push(FieldError::invalid("spec.clusterIPs[0]", &json!(after), "may not change once set"));
    }
}

fn claim(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let fixed = |object: &Value| {
        let mut spec = at(object, &["spec"]).cloned().unwrap_or(Value::Null);
        if text_at(old, &["status", "phase"]) == Some("Bound") {
            backstay_object::remove_at(&mut spec, &["resources", "requests"]);
            backstay_object::remove_at(&mut spec, &["volumeAttributesClassName"]);
        }
        // The binder writes this once.
        if text(old, &["spec", "volumeName"]).is_empty() {
            backstay_object::remove_at(&mut spec, &["volumeName"]);
        }
        spec
    };
    if fixed(old) != fixed(new) {
        errors.push(FieldError::forbidden("spec", CLAIM));
        return;
    }
    let size = |object: &Value| {
        at(object, &["spec", "resources", "requests", "storage"]).and_then(backstay_object::Quantity::of)
    };
    if size(new) < size(old) {
        errors.push(FieldError::forbidden(
            "spec.resources.requests.storage",
            "field can not be less than status.capacity",
        ));
    }
}

fn pod(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    let fixed = |object: &Value| {
        let mut spec = at(object, &["spec"]).cloned().unwrap_or(Value::Null);
        for list in ["containers", "initContainers"] {
            if let Some(Value::Array(containers)) = spec.get_mut(list) {
                for container in containers {
                    for field in ["image", "resources"] {
                        backstay_object::remove_at(container, &[field]);
                    }
                }
            }
        }
        let free =
            ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "ephemeralContainers"];
        for field in free.iter().chain(&["schedulingGates", "nodeName"]) {
            backstay_object::remove_at(&mut spec, &[field]);
        }
        spec
    };
    if fixed(old) != fixed(new) {
        errors.push(FieldError::forbidden("spec", POD));
    }
}

fn frozen_data(old: &Value, new: &Value, fields: &[&str], errors: &mut Vec<FieldError>) {
    if bool_at(old, &["immutable"]) != Some(true) {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    if bool_at(new, &["immutable"]) != Some(true) {
        errors.push(FieldError::forbidden("immutable", detail));
    }
    for field in fields {
        if old.get(*field) != new.get(*field) {
            errors.push(FieldError::forbidden(*field, detail));
        }
    }
}
