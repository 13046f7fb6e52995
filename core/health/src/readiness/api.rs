//! Kinds that extend or partition the API: definitions, aggregated APIs, namespaces.

use backstay_object::{condition, condition_is_true, list_at, text_at};

use super::{Subject, state};
use crate::types::{Readiness, Status};

pub(super) fn definition(subject: Subject<'_>) -> Readiness {
    let text =
        |name: &str, field: &str| condition(subject.object, name).and_then(|found| text_at(found, &[field]));
    if text("NamesAccepted", "status") == Some("False") {
        return state(
            Status::Failed,
            text("NamesAccepted", "message").unwrap_or("its names are taken"),
            0,
            1,
        );
    }
    match (text("Established", "status"), text("Established", "reason")) {
        (Some("True"), _) => state(Status::Current, "established", 1, 1),
        (Some("False"), Some(reason)) if reason != "Installing" => {
            state(Status::Failed, text("Established", "message").unwrap_or(reason), 0, 1)
        }
        _ => state(Status::InProgress, "not served yet", 0, 1),
    }
}

pub(super) fn service(subject: Subject<'_>) -> Readiness {
    if condition_is_true(subject.object, "Available") {
        return state(Status::Current, "available", 1, 1);
    }
    let message = condition(subject.object, "Available").and_then(|found| text_at(found, &["message"]));
    state(Status::InProgress, message.unwrap_or("not available yet"), 0, 1)
}

pub(super) fn namespace(subject: Subject<'_>) -> Readiness {
    match text_at(subject.object, &["status", "phase"]) {
        Some("Terminating") => state(Status::Terminating, "being deleted", 0, 1),
        _ => state(Status::Current, "active", 1, 1),
    }
}

/// A PodDisruptionBudget never stands in the way of a rollout: it is about what may be taken away. Only what its controller
/// cannot work with is a failure.
pub(super) fn budget(subject: Subject<'_>) -> Readiness {
    let broken = list_at(subject.object, &["status", "conditions"])
        .iter()
        .find(|found| text_at(found, &["reason"]) == Some("SyncFailed"));
    match broken {
        Some(found) if subject.is_ours() => {
            state(Status::Failed, text_at(found, &["message"]).unwrap_or("its pods cannot be counted"), 0, 1)
        }
        _ => state(Status::Current, "needs no waiting", 1, 1),
    }
}
