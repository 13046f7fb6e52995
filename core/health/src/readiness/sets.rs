//! ReplicaSets, ReplicationControllers, StatefulSets and DaemonSets.

use alloc::format;

use backstay_object::{condition, generation, int_at, is_deleting, kind, name, text_at, uid};
use serde_json::Value;

use super::{NOT_SEEN, Subject, state, waiting};
use crate::revision::is_owned_by;
use crate::types::{Readiness, Status};

pub(super) fn replica_set(subject: Subject<'_>) -> Readiness {
    pods_of_set(subject, "fullyLabeledReplicas")
}

pub(super) fn replication_controller(subject: Subject<'_>) -> Readiness {
    pods_of_set(subject, "replicas")
}

fn pods_of_set(subject: Subject<'_>, labelled: &str) -> Readiness {
    let desired = subject.wanted("replicas", 1);
    let count = |field: &str| subject.count(field);
    let (all, ready, available) = (count("replicas"), count("readyReplicas"), count("availableReplicas"));
    if !subject.is_seen() {
        return state(Status::InProgress, NOT_SEEN, 0, desired);
    }
    let waits = if subject.is_true("ReplicaFailure") {
        let message = subject.condition("ReplicaFailure").and_then(|found| text_at(found, &["message"]));
        Some(state(Status::InProgress, message.unwrap_or("pods cannot be created"), ready, desired))
    } else if desired > count(labelled) || desired > available || desired > ready {
        Some(waiting(format!("{}/{desired} pods ready", ready.min(available)), ready, desired))
    } else if all > desired {
        Some(waiting(format!("{} pods too many", all - desired), ready, desired))
    } else {
        None
    };
    waits.map_or_else(
        || state(Status::Current, "all pods are ready", desired, desired),
        |waits| failed_pod(subject).unwrap_or(waits),
    )
}

pub(super) fn stateful_set(subject: Subject<'_>) -> Readiness {
    let desired = subject.wanted("replicas", 1);
    let count = |field: &str| subject.count(field);
    let (all, ready) = (count("replicas"), count("readyReplicas"));
    let on_delete = text_at(subject.spec, &["updateStrategy", "type"]) == Some("OnDelete");
    if on_delete && !subject.is_ours() {
        return state(Status::Current, "updates on delete", ready, desired);
    }
    if !subject.is_seen() {
        return state(Status::InProgress, NOT_SEEN, 0, desired);
    }
    let in_progress = |readiness: Readiness| failed_pod(subject).unwrap_or(readiness);
    if desired > all || desired > ready {
        return in_progress(waiting(format!("{ready}/{desired} pods ready"), ready, desired));
    }
    if all > desired {
        return in_progress(waiting(format!("{} pods too many", all - desired), ready, desired));
    }
    if on_delete {
        return state(
            Status::Current,
            "all pods are ready; pods are updated when they are deleted",
            ready,
            desired,
        );
    }
    let updated = count("updatedReplicas");
    if let Some(partition) = int_at(subject.spec, &["updateStrategy", "rollingUpdate", "partition"]) {
        let wanted = (desired - partition).max(0);
        if updated < wanted {
            return in_progress(waiting(format!("{updated}/{wanted} pods updated"), updated, desired));
        }
        return state(
            Status::Current,
            "all pods above the partition are new, all are ready",
            desired,
            desired,
        );
    }
    if desired > count("currentReplicas") {
        return in_progress(waiting(format!("{updated}/{desired} pods updated"), updated, desired));
    }
    let revision = |field: &str| text_at(subject.status, &[field]);
    if revision("currentRevision") != revision("updateRevision") {
        return in_progress(waiting(format!("{updated}/{desired} pods updated"), updated, desired));
    }
    state(Status::Current, "all pods are new and ready", desired, desired)
}

pub(super) fn daemon_set(subject: Subject<'_>) -> Readiness {
    let count = |field: &str| subject.count(field);
    let Some(desired) = int_at(subject.status, &["desiredNumberScheduled"]) else {
        return state(Status::InProgress, NOT_SEEN, 0, 1);
    };
    // kstatus is not content with silence here.
    let says_nothing = !subject.is_ours()
        && (generation(subject.object).is_none()
            || int_at(subject.object, &["status", "observedGeneration"]).is_none());
    if says_nothing || !subject.is_seen() {
        return state(Status::InProgress, NOT_SEEN, 0, desired);
    }
    let on_delete = text_at(subject.spec, &["updateStrategy", "type"]) == Some("OnDelete");
    let updated = count("updatedNumberScheduled");
    let ready = count("numberReady").min(count("numberAvailable"));
    if count("currentNumberScheduled") < desired {
        return waiting(format!("{}/{desired} pods placed", count("currentNumberScheduled")), ready, desired);
    }
    if updated < desired && !(on_delete && subject.is_ours()) {
        return waiting(format!("{updated}/{desired} pods updated"), ready.min(updated), desired);
    }
    if ready < desired {
        return waiting(format!("{ready}/{desired} pods ready"), ready, desired);
    }
    state(Status::Current, "all pods are ready", desired, desired)
}

/// By Helm's watcher a set has failed when one of its pods has (`cli-utils/pkg/kstatus/polling/statusreaders`); pods that are
/// being deleted or wait for a node do not count. Ours does not do so: see the findings.
fn failed_pod(subject: Subject<'_>) -> Option<Readiness> {
    if subject.is_ours() {
        return None;
    }
    let owner = uid(subject.object);
    let unschedulable = |pod: &Value| {
        condition(pod, "PodScheduled").and_then(|found| text_at(found, &["reason"])) == Some("Unschedulable")
    };
    subject
        .related
        .owned
        .iter()
        .copied()
        .filter(|pod| {
            kind(pod) == "Pod" && is_owned_by(pod, owner) && !is_deleting(pod) && !unschedulable(pod)
        })
        .map(|pod| (pod, super::pod::pod(Subject::new(pod, subject.related, subject.rules, subject.now))))
        .find(|(_, readiness)| readiness.status == Status::Failed)
        .map(|(pod, readiness)| Readiness {
            message: format!("pod {}: {}", name(pod), readiness.message),
            ..readiness
        })
}
