//! Jobs.

use alloc::format;

use backstay_object::{bool_at, condition, condition_is_true, text_at};

use super::{Subject, state, waiting};
use crate::types::{Readiness, Status};

/// A Job is current when it is complete. The plain kstatus rule, which is content when it has started, is Helm's only
/// without `--wait-for-jobs`; who does not wait for Jobs does not ask here.
pub(super) fn job(subject: Subject<'_>) -> Readiness {
    let object = subject.object;
    let parallelism = subject.wanted("parallelism", 1);
    let desired = subject.wanted("completions", parallelism);
    let succeeded = subject.count("succeeded");
    if condition_is_true(object, "Complete") {
        return state(Status::Current, "complete", desired, desired);
    }
    // FailureTarget comes a moment before Failed, while the last pods are still being stopped.
    let failed: &[&str] = if subject.is_ours() { &["Failed", "FailureTarget"] } else { &["Failed"] };
    if let Some(found) = failed.iter().find(|wanted| condition_is_true(object, wanted)) {
        let found = condition(object, found);
        let text = |field: &str| found.and_then(|found| text_at(found, &[field])).unwrap_or("");
        return Readiness {
            message: format!("{}: {}", text("reason"), text("message")),
            ..state(Status::Failed, "", succeeded, desired)
        };
    }
    if subject.is_ours() && bool_at(object, &["spec", "suspend"]) == Some(true) {
        return state(Status::Current, "suspended, as its spec says", succeeded, desired);
    }
    if text_at(object, &["status", "startTime"]).is_none() {
        return state(Status::InProgress, "not started", succeeded, desired);
    }
    waiting(format!("{succeeded}/{desired} completions"), succeeded, desired)
}

/// A CronJob needs no waiting: when its time comes is its own business, and so is how its Jobs end.
pub(super) fn cron(subject: Subject<'_>) -> Readiness {
    let suspended = subject.is_ours() && bool_at(subject.object, &["spec", "suspend"]) == Some(true);
    state(Status::Current, if suspended { "suspended, as its spec says" } else { "needs no waiting" }, 1, 1)
}
