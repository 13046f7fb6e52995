//! Helm's own checks (`pkg/kube/ready.go` v4.3), for those who ask for them by name.

use alloc::format;

use backstay_object::{
    bool_at, condition_is_true, generation, int_at, kind, list_at, map_at, namespace, split_api_version,
    text_at,
};
use serde_json::Value;

use super::{NOT_SEEN, Subject, state, waiting};
use crate::revision::new_replica_set;
use crate::types::{Readiness, Status};

pub(super) fn ready(subject: Subject<'_>) -> Readiness {
    let (group, _) = split_api_version(text_at(subject.object, &["apiVersion"]).unwrap_or(""));
    match (group, kind(subject.object)) {
        ("", "Pod") => yes(condition_is_true(subject.object, "Ready"), "not ready"),
        ("batch", "Job") => job(subject),
        ("apps", "Deployment") => deployment(subject),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => every_pod(subject),
        ("apps", "StatefulSet") => stateful_set(subject),
        ("apps", "DaemonSet") => daemon_set(subject),
        ("", "PersistentVolumeClaim") => {
            yes(text_at(subject.object, &["status", "phase"]) == Some("Bound"), "not bound to a volume")
        }
        ("", "Service") => service(subject.object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(subject.object),
        _ => yes(true, ""),
    }
}

fn yes(ready: bool, otherwise: &str) -> Readiness {
    if ready { state(Status::Current, "ready", 1, 1) } else { state(Status::InProgress, otherwise, 0, 1) }
}

fn job(subject: Subject<'_>) -> Readiness {
    let succeeded = subject.count("succeeded");
    let completions = int_at(subject.object, &["spec", "completions"]);
    if subject.count("failed") > subject.wanted("backoffLimit", 6) {
        return state(
            Status::Failed,
            "failed more often than its backoffLimit",
            succeeded,
            completions.unwrap_or(1),
        );
    }
    match completions {
        Some(wanted) if succeeded < wanted => {
            waiting(format!("{succeeded}/{wanted} completions"), succeeded, wanted)
        }
        _ => yes(true, ""),
    }
}

fn deployment(subject: Subject<'_>) -> Readiness {
    let replicas = subject.wanted("replicas", 1);
    if bool_at(subject.object, &["spec", "paused"]) == Some(true) {
        return yes(true, "");
    }
    let Some(set) = new_replica_set(subject.object, subject.related) else {
        return waiting("its new ReplicaSet is not there yet".into(), 0, replicas);
    };
    if !is_seen(set) || !is_seen(subject.object) {
        return state(Status::InProgress, NOT_SEEN, 0, replicas);
    }
    let needed = replicas - max_unavailable(subject.object, replicas);
    let ready = int_at(set, &["status", "readyReplicas"]).unwrap_or(0);
    if ready < needed {
        return waiting(format!("{ready}/{needed} new pods ready"), ready, needed);
    }
    state(Status::Current, "enough new pods are ready", ready, replicas)
}

fn every_pod(subject: Subject<'_>) -> Readiness {
    let object = subject.object;
    let is_own =
        |pod: &&&Value| kind(pod) == "Pod" && namespace(pod) == namespace(object) && selects(object, pod);
    let pods = || subject.related.owned.iter().filter(is_own);
    yes(is_seen(object) && pods().all(|pod| condition_is_true(pod, "Ready")), "not all pods are ready")
}

/// Whether the controller has seen exactly this spec; what is absent is zero, as in Go.
fn is_seen(object: &Value) -> bool {
    int_at(object, &["status", "observedGeneration"]).unwrap_or(0) == generation(object).unwrap_or(0)
}

/// Whether a workload's selector fits a pod: Helm asks for pods by it, not by their owner.
fn selects(object: &Value, pod: &Value) -> bool {
    let label = |key: &str| backstay_object::label(pod, key);
    if kind(object) == "ReplicationController" {
        let wanted = map_at(object, &["spec", "selector"]).into_iter().flatten();
        return wanted.into_iter().all(|(key, value)| label(key) == value.as_str());
    }
    if backstay_object::at(object, &["spec", "selector"]).is_none() {
        return false;
    }
    let mut wanted = map_at(object, &["spec", "selector", "matchLabels"]).into_iter().flatten();
    wanted.all(|(key, value)| label(key) == value.as_str())
        && list_at(object, &["spec", "selector", "matchExpressions"]).iter().all(|term| {
            let found = label(text_at(term, &["key"]).unwrap_or(""));
            let is_listed =
                || found.is_some_and(|found| list_at(term, &["values"]).iter().any(|value| value == found));
            match text_at(term, &["operator"]) {
                Some("In") => is_listed(),
                Some("NotIn") => !is_listed(),
                Some("Exists") => found.is_some(),
                _ => found.is_none(),
            }
        })
}

fn stateful_set(subject: Subject<'_>) -> Readiness {
    let object = subject.object;
    let replicas = subject.wanted("replicas", 1);
    let (updated, ready) = (subject.count("updatedReplicas"), subject.count("readyReplicas"));
    if !is_seen(object) {
        return state(Status::InProgress, NOT_SEEN, 0, replicas);
    }
    if text_at(object, &["spec", "updateStrategy", "type"]) != Some("RollingUpdate") {
        return yes(true, "");
    }
    let partition = int_at(subject.spec, &["updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0);
    let revision = |field: &str| text_at(object, &["status", field]);
    let same = partition != 0 || revision("currentRevision") == revision("updateRevision");
    if updated < replicas - partition || ready != replicas || !same {
        return waiting(format!("{ready}/{replicas} pods ready, {updated} updated"), ready, replicas);
    }
    state(Status::Current, "all pods are ready", ready, replicas)
}

fn daemon_set(subject: Subject<'_>) -> Readiness {
    let count = |field: &str| subject.count(field);
    let desired = count("desiredNumberScheduled");
    if !is_seen(subject.object) {
        return state(Status::InProgress, NOT_SEEN, 0, desired);
    }
    if text_at(subject.object, &["spec", "updateStrategy", "type"]) != Some("RollingUpdate") {
        return yes(true, "");
    }
    let (updated, ready) = (count("updatedNumberScheduled"), count("numberReady"));
    // Rounded up here, and all of them where nothing is said.
    let allowed =
        backstay_object::at(subject.object, &["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"]);
    let needed = desired - allowed.map_or(desired, |allowed| scaled(Some(allowed), desired, true));
    if updated != desired || ready < needed {
        return waiting(format!("{ready}/{needed} pods ready, {updated}/{desired} updated"), ready, desired);
    }
    state(Status::Current, "enough pods are ready", ready, desired)
}

/// A number, or a share of the replicas.
fn scaled(value: Option<&Value>, replicas: i64, round_up: bool) -> i64 {
    match value {
        Some(Value::String(text)) => {
            let percent = text.trim_end_matches('%').parse::<i64>().unwrap_or(0);
            percent.saturating_mul(replicas).saturating_add(if round_up { 99 } else { 0 }) / 100
        }
        Some(value) => value.as_i64().unwrap_or(0),
        None => 0,
    }
}

/// How many may be missing in a rolling update: rounded down; at least one when no surge is allowed, as Kubernetes resolves it.
fn max_unavailable(object: &Value, replicas: i64) -> i64 {
    if text_at(object, &["spec", "strategy", "type"]) != Some("RollingUpdate") || replicas == 0 {
        return 0;
    }
    let rolling = |field: &str| backstay_object::at(object, &["spec", "strategy", "rollingUpdate", field]);
    let surge = scaled(rolling("maxSurge"), replicas, true);
    let unavailable = scaled(rolling("maxUnavailable"), replicas, false);
    if surge == 0 && unavailable == 0 { 1 } else { unavailable.min(replicas) }
}

fn service(object: &Value) -> Readiness {
    let kind_of = text_at(object, &["spec", "type"]);
    if kind_of == Some("ExternalName") {
        return yes(true, "");
    }
    if text_at(object, &["spec", "clusterIP"]).unwrap_or("").is_empty() {
        return yes(false, "has no address yet");
    }
    let balanced = !list_at(object, &["spec", "externalIPs"]).is_empty()
        || backstay_object::at(object, &["status", "loadBalancer", "ingress"]).is_some();
    yes(kind_of != Some("LoadBalancer") || balanced, "its load balancer has no address yet")
}

fn definition(object: &Value) -> Readiness {
    let refused =
        backstay_object::condition(object, "NamesAccepted").and_then(|found| text_at(found, &["status"]));
    yes(condition_is_true(object, "Established") || refused == Some("False"), "not served yet")
}
