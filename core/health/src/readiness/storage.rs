//! Volume claims.

use backstay_object::{kind, name, text_at};

use super::{Subject, state};
use crate::types::{Readiness, Status};

const WAITS: &str = "WaitForFirstConsumer";

/// A claim is current when it is bound. One whose class waits for a consumer is left alone: the pod that uses it tells.
pub(super) fn claim(subject: Subject<'_>) -> Readiness {
    match text_at(subject.object, &["status", "phase"]) {
        Some("Bound") => state(Status::Current, "bound", 1, 1),
        Some("Lost") if subject.is_ours() => state(Status::Failed, "its volume is lost", 0, 1),
        _ if subject.is_ours() && waits_for_consumer(subject) => {
            state(Status::Current, "bound when a pod uses it", 1, 1)
        }
        _ => state(Status::InProgress, "not bound to a volume", 0, 1),
    }
}

/// The storage class says so, or the controller's event on the claim.
fn waits_for_consumer(subject: Subject<'_>) -> bool {
    let class = text_at(subject.object, &["spec", "storageClassName"]);
    let by_class = subject.related.owned.iter().any(|object| {
        kind(object) == "StorageClass"
            && Some(name(object)) == class
            && text_at(object, &["volumeBindingMode"]) == Some(WAITS)
    });
    by_class || subject.related.events.iter().any(|event| text_at(event, &["reason"]) == Some(WAITS))
}
