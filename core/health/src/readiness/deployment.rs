//! Deployments.

use alloc::format;

use backstay_object::{bool_at, int_at, text_at};

use super::{NOT_SEEN, Subject, state, waiting};
use crate::types::{Readiness, Status};

/// A Deployment is current when all its pods are new, ready and available and no old one is left.
pub(super) fn deployment(subject: Subject<'_>) -> Readiness {
    let desired = subject.wanted("replicas", 1);
    let count = |field: &str| subject.count(field);
    let (all, updated, ready, available) =
        (count("replicas"), count("updatedReplicas"), count("readyReplicas"), count("availableReplicas"));
    // `readyReplicas` counts old pods, too: new ones that are ready are at most what the total leaves.
    let new_ready = (ready - (all - updated).max(0)).min(updated).max(0);
    if subject.is_ours() && bool_at(subject.spec, &["paused"]) == Some(true) {
        return state(Status::Current, "paused, as its spec says", new_ready, desired);
    }
    if !subject.is_seen() {
        return state(Status::InProgress, NOT_SEEN, 0, desired);
    }
    let progressing = subject.condition("Progressing");
    let reason = progressing.and_then(|condition| text_at(condition, &["reason"])).unwrap_or("");
    if reason == "ProgressDeadlineExceeded" {
        let message = progressing.and_then(|condition| text_at(condition, &["message"])).unwrap_or(reason);
        return state(Status::Failed, message, new_ready, desired);
    }
    if desired > updated {
        return waiting(format!("{updated}/{desired} pods updated"), new_ready, desired);
    }
    if updated > available || desired > ready || desired > all {
        return waiting(format!("{new_ready}/{desired} new pods ready"), new_ready, desired);
    }
    if all > desired {
        let old = all - updated.min(desired);
        return waiting(format!("{old} old pods still running"), new_ready, desired);
    }
    let has_deadline =
        int_at(subject.spec, &["progressDeadlineSeconds"]).is_some_and(|limit| limit != i64::from(i32::MAX));
    let progressed = progressing.and_then(|found| text_at(found, &["status"])) == Some("True")
        && reason == "NewReplicaSetAvailable";
    if (has_deadline && !progressed) || !subject.is_true("Available") {
        return state(Status::InProgress, "pods ready, not yet reported available", new_ready, desired);
    }
    state(Status::Current, "all pods are new and ready", desired, desired)
}
