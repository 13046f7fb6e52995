//! Helm's two definitions of ready at their edges. Each answer is that of Helm's own code (`pkg/kube/ready.go` v4.3, and kstatus
//! of `fluxcd/cli-utils` v1.2.2), asked about the same object.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

use backstay_health::{ReadinessRules, Related, Status, readiness};
use backstay_object::Timestamp;
use serde_json::{Value, json};

use ReadinessRules::{Backstay, HelmLegacy, HelmWatcher};
use Status::{Current, InProgress};

fn object(api: &str, kind: &str, generation: Option<i64>, spec: &Value, status: &Value) -> Value {
    let mut meta = json!({"name": "x", "namespace": "n", "uid": "u"});
    if let Some(generation) = generation {
        meta["generation"] = generation.into();
    }
    json!({"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec, "status": status})
}

fn check(what: &str, object: &Value, others: &[Value], rules: ReadinessRules, expected: Status) {
    let related = Related { owned: others.iter().collect(), ..Related::default() };
    let found = readiness(object, &related, rules, Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    assert_eq!(found.status, expected, "{what} by {rules:?}: {found:?}\n{object}");
}

#[test]
fn daemon_sets_round_up_what_may_be_missing() {
    for (allowed, ready, expected) in [
        (json!("25%"), 2, Current),
        (json!("25%"), 1, InProgress),
        (json!(0), 2, InProgress),
        (Value::Null, 0, Current),
    ] {
        let rolling = if allowed.is_null() { json!({}) } else { json!({"maxUnavailable": allowed}) };
        let spec = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}});
        let status = json!({"observedGeneration": 1, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": ready});
        let set = object("apps/v1", "DaemonSet", Some(1), &spec, &status);
        check(&format!("{allowed} with {ready}"), &set, &[], HelmLegacy, expected);
    }
}

#[test]
fn a_spec_is_seen_when_the_generations_are_the_same() {
    let counts = json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1, "currentReplicas": 1,
        "fullyLabeledReplicas": 1, "currentNumberScheduled": 1, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1,
        "numberReady": 1, "numberAvailable": 1, "conditions": [{"type": "Available", "status": "True"}]});
    for (generation, seen, kind, legacy, watcher) in [
        (Some(2), Some(3), "StatefulSet", InProgress, InProgress),
        (None, Some(3), "StatefulSet", InProgress, Current),
        (None, None, "StatefulSet", Current, Current),
        (Some(2), None, "StatefulSet", InProgress, Current),
        (Some(2), None, "DaemonSet", InProgress, InProgress),
        (None, Some(1), "DaemonSet", InProgress, InProgress),
        (Some(2), None, "ReplicaSet", InProgress, Current),
        (Some(2), Some(2), "ReplicaSet", Current, Current),
        (Some(2), None, "Deployment", InProgress, Current),
    ] {
        let mut status = counts.clone();
        if let Some(seen) = seen {
            status["observedGeneration"] = seen.into();
        }
        let spec = json!({"replicas": 1, "selector": {}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {}}});
        let set = object("apps/v1", kind, generation, &spec, &status);
        let what = format!("{kind} of generation {generation:?} seen {seen:?}");
        check(&what, &set, &[], HelmLegacy, legacy);
        check(&what, &set, &[], HelmWatcher, watcher);
    }
}

#[test]
fn helm_3_finds_the_pods_of_a_set_by_its_selector() {
    let pod = |labels: &Value, ready: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n", "labels": labels},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    };
    let status = json!({"observedGeneration": 1, "replicas": 3});
    let by_labels = json!({"selector": {"matchLabels": {"a": "b"}}});
    let by_terms = json!({"selector": {"matchExpressions": [
        {"key": "a", "operator": "In", "values": ["b", "c"]}, {"key": "gone", "operator": "DoesNotExist"}]}});
    for (spec, labels, ready, expected) in [
        (&by_labels, json!({"a": "b", "c": "d"}), "False", InProgress),
        (&by_labels, json!({"a": "b"}), "True", Current),
        (&by_labels, json!({"a": "x"}), "False", Current),
        (&by_terms, json!({"a": "c"}), "False", InProgress),
        (&by_terms, json!({"a": "c", "gone": ""}), "False", Current),
    ] {
        let set = object("apps/v1", "ReplicaSet", Some(1), spec, &status);
        check(&labels.to_string(), &set, &[pod(&labels, ready)], HelmLegacy, expected);
    }
    let controller =
        object("v1", "ReplicationController", Some(1), &json!({"selector": {"a": "b"}}), &status);
    check("controller", &controller, &[pod(&json!({"a": "b"}), "False")], HelmLegacy, InProgress);
    // kstatus has no rule for it.
    check("controller", &controller, &[], HelmWatcher, Current);
}

#[test]
fn helm_3_does_not_ask_whether_an_object_is_on_its_way_out() {
    let mut claim = object("v1", "PersistentVolumeClaim", None, &json!({}), &json!({"phase": "Bound"}));
    claim["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    check("claim", &claim, &[], HelmLegacy, Current);
    check("claim", &claim, &[], HelmWatcher, Status::Terminating);
}

#[test]
fn nonsense_in_a_status_is_no_reason_to_stop() {
    for rules in [Backstay, HelmLegacy, HelmWatcher] {
        for kind in ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"] {
            let counts = json!({"observedGeneration": 1, "replicas": -1, "updatedReplicas": -1, "readyReplicas": i64::MIN,
                "desiredNumberScheduled": -7, "succeeded": i64::MAX});
            let spec = json!({"replicas": 0, "strategy": {"type": "RollingUpdate"}});
            let api = if kind == "Job" { "batch/v1" } else { "apps/v1" };
            let found = object(api, kind, Some(1), &spec, &counts);
            let answer = readiness(&found, &Related::default(), rules, Timestamp::default());
            assert!(answer.ready <= i32::MAX as u32 || answer.ready == u32::MAX, "{answer:?}");
        }
    }
}
