//! The rule for everything else: kstatus (`cli-utils/pkg/kstatus/status/{status,generic}.go`).

use backstay_object::{int_at, text_at};
use serde_json::Value;

use super::{NOT_SEEN, Subject, state};
use crate::types::{Readiness, Status};

/// What holds for every kind, before its own rule.
pub(super) fn before(subject: Subject<'_>) -> Option<Readiness> {
    if is_unseen(subject.meta, subject.status) {
        return Some(state(Status::InProgress, NOT_SEEN, 0, 1));
    }
    // One look through the conditions: this is asked of every object at every observation.
    let (mut reconciling, mut stalled) = (false, false);
    for found in subject.conditions() {
        match text_at(found, &["type"]) {
            Some("Reconciling") => reconciling = text_at(found, &["status"]) == Some("True"),
            Some("Stalled") => stalled = text_at(found, &["status"]) == Some("True"),
            _ => {}
        }
    }
    if reconciling {
        return Some(state(Status::InProgress, message(subject, "Reconciling", "reconciling"), 0, 1));
    }
    stalled.then(|| state(Status::Failed, message(subject, "Stalled", "stalled"), 0, 1))
}

/// Whether the controller says that it has not seen the present spec.
pub(super) fn is_unseen(meta: &Value, status: &Value) -> bool {
    let seen = int_at(status, &["observedGeneration"]);
    seen.zip(int_at(meta, &["generation"])).is_some_and(|(seen, wanted)| seen != wanted)
}

/// What holds for kinds without a rule of their own.
pub(super) fn after(subject: Subject<'_>) -> Readiness {
    // Nobody writes a status of theirs.
    if matches!(subject.kind, "ConfigMap" | "Secret") && !subject.api_version.contains('/') {
        return state(Status::Current, "exists", 1, 1);
    }
    match subject.condition("Ready").and_then(|found| text_at(found, &["status"])) {
        Some("True") => state(Status::Current, "ready", 1, 1),
        Some(_) => state(Status::InProgress, message(subject, "Ready", "not ready"), 0, 1),
        None => state(Status::Current, "exists", 1, 1),
    }
}

fn message<'a>(subject: Subject<'a>, name: &str, fallback: &'a str) -> &'a str {
    subject
        .condition(name)
        .and_then(|found| text_at(found, &["message"]))
        .filter(|text| !text.is_empty())
        .unwrap_or(fallback)
}
