//! Defaults of the kinds that make no pods.

use backstay_object::{at, list_at, map_at, remove_at, set_at, text_at};
use base64::Engine as _;
use serde_json::Value;

use super::Fill::Text;
use super::{default, each, fill, is};

use crate::json::json;

pub(super) fn service(object: &mut Value) {
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, &[(&["type"], Text("ClusterIP")), (&["sessionAffinity"], Text("None"))]);
    if is(spec, &["sessionAffinity"], "ClientIP") {
        default(spec, &["sessionAffinityConfig", "clientIP", "timeoutSeconds"], json!(10_800));
    }
    each(spec, &["ports"], |port| {
        default(port, &["protocol"], json!("TCP"));
        let number = at(port, &["port"]).cloned().unwrap_or(Value::Null);
        if at(port, &["targetPort"]).is_none_or(|target| target == 0 || target == "") {
            set_at(port, &["targetPort"], number);
        }
    });
    let kind = text_at(spec, &["type"]).unwrap_or("").to_owned();
    if kind == "ExternalName" {
        return;
    }
    default(spec, &["internalTrafficPolicy"], json!("Cluster"));
    default(spec, &["ipFamilies"], json!(["IPv4"]));
    default(spec, &["ipFamilyPolicy"], json!("SingleStack"));
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        default(spec, &["externalTrafficPolicy"], json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        default(spec, &["allocateLoadBalancerNodePorts"], json!(true));
    }
    default(object, &["status", "loadBalancer"], json!({}));
}

pub(super) fn claim(object: &mut Value) {
    fill(object, &[(&["spec", "volumeMode"], Text("Filesystem")), (&["status", "phase"], Text("Pending"))]);
    if let Some(limits) = at(object, &["spec", "resources", "limits", "storage"]).cloned() {
        default(object, &["spec", "resources", "requests", "storage"], limits);
    }
}

pub(super) fn volume(object: &mut Value) {
    fill(
        object,
        &[
            (&["spec", "volumeMode"], Text("Filesystem")),
            (&["spec", "persistentVolumeReclaimPolicy"], Text("Retain")),
            (&["status", "phase"], Text("Pending")),
        ],
    );
    if at(object, &["spec", "hostPath"]).is_some() {
        default(object, &["spec", "hostPath", "type"], json!(""));
    }
}

/// `stringData` is written only: it becomes `data`.
pub(super) fn secret(object: &mut Value) {
    default(object, &["type"], json!("Opaque"));
    if let Some(Value::Object(texts)) = remove_at(object, &["stringData"]) {
        for (key, text) in texts {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or(""));
            set_at(object, &["data", &key], Value::String(encoded));
        }
    }
}

pub(super) fn namespace(object: &mut Value) {
    let name = backstay_object::name(object).to_owned();
    if !name.is_empty() {
        set_at(object, &["metadata", "labels", "kubernetes.io/metadata.name"], Value::String(name));
    }
    default(object, &["spec", "finalizers"], json!(["kubernetes"]));
    default(object, &["status", "phase"], json!("Active"));
}

pub(super) fn limit_range(object: &mut Value) {
    each(object, &["spec", "limits"], |limit| {
        if !is(limit, &["type"], "Container") {
            return;
        }
        for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
            for (name, amount) in map_at(limit, &[from]).cloned().unwrap_or_default() {
                default(limit, &[to, &name], amount);
            }
        }
    });
}

/// The quota controller fills this in on a real cluster; here the counts are taken when they are needed.
pub(super) fn quota(object: &mut Value) {
    if let Some(hard) = at(object, &["spec", "hard"]).cloned() {
        set_at(object, &["status", "hard"], hard);
    }
}

pub(super) fn autoscaler(object: &mut Value) {
    default(object, &["spec", "minReplicas"], json!(1));
    if list_at(object, &["spec", "metrics"]).is_empty() {
        set_at(
            object,
            &["spec", "metrics"],
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]),
        );
    }
    default(object, &["status", "desiredReplicas"], json!(0));
}

pub(super) fn network_policy(object: &mut Value) {
    if at(object, &["spec"]).is_some() {
        let mut types = vec![json!("Ingress")];
        if !list_at(object, &["spec", "egress"]).is_empty() {
            types.push(json!("Egress"));
        }
        default(object, &["spec", "policyTypes"], Value::Array(types));
    }
    let rules = |object: &mut Value, path: &[&str]| {
        each(object, path, |rule| each(rule, &["ports"], |port| default(port, &["protocol"], json!("TCP"))));
    };
    rules(object, &["spec", "ingress"]);
    rules(object, &["spec", "egress"]);
}

pub(super) fn role_binding(object: &mut Value) {
    default(object, &["roleRef", "apiGroup"], json!("rbac.authorization.k8s.io"));
    each(object, &["subjects"], |subject| {
        if !is(subject, &["kind"], "ServiceAccount") {
            default(subject, &["apiGroup"], json!("rbac.authorization.k8s.io"));
        }
    });
}

pub(super) fn definition(object: &mut Value) {
    let kind = text_at(object, &["spec", "names", "kind"]).unwrap_or("").to_owned();
    default(object, &["spec", "names", "singular"], json!(kind.to_ascii_lowercase()));
    default(object, &["spec", "names", "listKind"], json!(format!("{kind}List")));
    default(object, &["spec", "conversion", "strategy"], json!("None"));
    if let Some(names) = at(object, &["spec", "names"]).cloned() {
        set_at(object, &["status", "acceptedNames"], names);
    }
    let stored: Vec<Value> = list_at(object, &["spec", "versions"])
        .iter()
        .filter(|version| backstay_object::bool_at(version, &["storage"]) == Some(true))
        .filter_map(|version| version.get("name").cloned())
        .collect();
    default(object, &["status", "storedVersions"], Value::Array(stored));
    // The time is that of creation: the model accepts names at once.
    let since = text_at(object, &["metadata", "creationTimestamp"]).map(str::to_owned);
    if let Some(since) = since
        && list_at(object, &["status", "conditions"]).is_empty()
    {
        let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "lastTransitionTime": since, "reason": reason, "message": message});
        set_at(
            object,
            &["status", "conditions"],
            json!([
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ]),
        );
    }
}
