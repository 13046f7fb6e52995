//! The rule for everything else: kstatus (`cli-utils/pkg/kstatus/status/{status,generic}.go`).

use backstay_object::{condition, generation, int_at, kind, list_at, text_at};
use serde_json::Value;

use super::{NOT_SEEN, Subject, state};
use crate::types::{Readiness, Status};

/// What holds for every kind, before its own rule.
pub(super) fn before(subject: Subject<'_>) -> Option<Readiness> {
    let object = subject.object;
    if is_unseen(object) {
        return Some(state(Status::InProgress, NOT_SEEN, 0, 1));
    }
    // One look through the conditions: this is asked of every object at every observation.
    let (mut reconciling, mut stalled) = (false, false);
    for found in list_at(object, &["status", "conditions"]) {
        match text_at(found, &["type"]) {
            Some("Reconciling") => reconciling = text_at(found, &["status"]) == Some("True"),
            Some("Stalled") => stalled = text_at(found, &["status"]) == Some("True"),
            _ => {}
        }
    }
    if reconciling {
        return Some(state(Status::InProgress, message(object, "Reconciling", "reconciling"), 0, 1));
    }
    stalled.then(|| state(Status::Failed, message(object, "Stalled", "stalled"), 0, 1))
}

/// Whether the controller says that it has not seen the present spec.
pub(super) fn is_unseen(object: &Value) -> bool {
    let seen = int_at(object, &["status", "observedGeneration"]);
    seen.zip(generation(object)).is_some_and(|(seen, wanted)| seen != wanted)
}

/// What holds for kinds without a rule of their own.
pub(super) fn after(subject: Subject<'_>) -> Readiness {
    // Nobody writes a status of theirs.
    if matches!(kind(subject.object), "ConfigMap" | "Secret")
        && !text_at(subject.object, &["apiVersion"]).unwrap_or("").contains('/')
    {
        return state(Status::Current, "exists", 1, 1);
    }
    match condition(subject.object, "Ready").and_then(|found| text_at(found, &["status"])) {
        Some("True") => state(Status::Current, "ready", 1, 1),
        Some(_) => state(Status::InProgress, message(subject.object, "Ready", "not ready"), 0, 1),
        None => state(Status::Current, "exists", 1, 1),
    }
}

fn message<'a>(object: &'a Value, name: &str, fallback: &'a str) -> &'a str {
    condition(object, name)
        .and_then(|found| text_at(found, &["message"]))
        .filter(|text| !text.is_empty())
        .unwrap_or(fallback)
}
