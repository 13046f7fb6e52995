//! Autoscalers.

use alloc::vec::Vec;

use backstay_object::{annotation, list_at, text_at};
use serde_json::Value;

use super::{Subject, state};
use crate::types::{Readiness, Status};

/// Where `autoscaling/v1` keeps the conditions.
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// A HorizontalPodAutoscaler is current when it can read and set its target's scale. Metrics that are not there (yet) are no
/// failure: they come after the pods, and nothing waits for them. One that its controller has not looked at counts as
/// current: the controller does so every 15 s only, and a rollout does not depend on it.
pub(super) fn horizontal(subject: Subject<'_>) -> Readiness {
    if !subject.is_ours() {
        return state(Status::Current, "needs no waiting", 1, 1);
    }
    let kept: Vec<Value> = annotation(subject.object, CONDITIONS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let listed = list_at(subject.object, &["status", "conditions"]);
    let conditions = if listed.is_empty() { kept.as_slice() } else { listed };
    if conditions.is_empty() {
        return state(Status::Current, "not looked at by its controller yet", 1, 1);
    }
    let text = |found: &Value, field: &str| {
        text_at(found, &[field]).map(alloc::string::String::from).unwrap_or_default()
    };
    let refused = ["FailedGetScale", "FailedUpdateScale", "InvalidSelector"];
    if let Some(found) = conditions.iter().find(|found| {
        text_at(found, &["status"]) == Some("False")
            && text_at(found, &["reason"]).is_some_and(|reason| refused.contains(&reason))
    }) {
        return state(Status::Failed, &text(found, "message"), 0, 1);
    }
    let is_true = |found: &&Value| {
        text_at(found, &["status"]) == Some("True")
            && matches!(text_at(found, &["type"]), Some("AbleToScale" | "ScalingLimited"))
    };
    if conditions.iter().any(|found| is_true(&found)) {
        return state(Status::Current, "can scale its target", 1, 1);
    }
    let message = conditions.first().map(|found| text(found, "message")).unwrap_or_default();
    state(Status::InProgress, &message, 0, 1)
}
