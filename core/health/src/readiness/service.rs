//! Services.

use alloc::format;

use backstay_object::{at, bool_at, kind, list_at, map_at, text_at};
use serde_json::Value;

use super::{Subject, state, waiting};
use crate::types::{Readiness, Status};

/// A Service is current when it has what its type promises and, where it selects pods, when one of them is ready.
pub(super) fn service(subject: Subject<'_>) -> Readiness {
    let object = subject.object;
    let kind_of = text_at(object, &["spec", "type"]).unwrap_or("ClusterIP");
    if kind_of == "ExternalName" {
        return state(Status::Current, "points outside the cluster", 1, 1);
    }
    if kind_of == "LoadBalancer" {
        if text_at(object, &["spec", "clusterIP"]).unwrap_or("").is_empty() {
            return state(Status::InProgress, "has no address yet", 0, 1);
        }
        // The API server always writes `loadBalancer`, empty until there is one.
        let pending = at(object, &["status", "loadBalancer"]).is_some()
            && list_at(object, &["status", "loadBalancer", "ingress"]).is_empty()
            && list_at(object, &["spec", "externalIPs"]).is_empty();
        if subject.is_ours() && pending {
            return state(Status::InProgress, "its load balancer has no address yet", 0, 1);
        }
    }
    if subject.is_ours() { endpoints(subject) } else { state(Status::Current, "exists", 1, 1) }
}

/// Slices that nobody has seen say nothing: then the Service is as good as it can be known to be.
fn endpoints(subject: Subject<'_>) -> Readiness {
    let selects = map_at(subject.object, &["spec", "selector"]).is_some_and(|selector| !selector.is_empty());
    let mut slices =
        subject.related.owned.iter().copied().filter(|object| kind(object) == "EndpointSlice").peekable();
    if !selects || slices.peek().is_none() {
        return state(Status::Current, "exists", 1, 1);
    }
    let unready_count = bool_at(subject.object, &["spec", "publishNotReadyAddresses"]) == Some(true);
    let is_ready =
        |endpoint: &Value| unready_count || bool_at(endpoint, &["conditions", "ready"]) != Some(false);
    let (mut ready, mut all) = (0, 0);
    for endpoint in slices.flat_map(|slice| list_at(slice, &["endpoints"])) {
        all += 1;
        ready += i64::from(is_ready(endpoint));
    }
    match (ready, all) {
        // Nobody promised a pod: it may be scaled to zero, or made by an operator later.
        (0, 0) => state(Status::Current, "its selector finds no pod", 1, 1),
        (0, _) => waiting(format!("0/{all} endpoints ready"), 0, 1),
        _ => state(Status::Current, "has ready endpoints", 1, 1),
    }
}
