//! Which pods are the new revision's. Only they can condemn it (S14).

use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::{
    Timestamp, annotation, at, controller_owner, generation, int_at, is_deleting, kind, label, map_at,
    text_at, uid,
};
use serde_json::Value;

use crate::types::Related;

const REVISION: &str = "deployment.kubernetes.io/revision";
const TEMPLATE_HASH: &str = "pod-template-hash";

/// The ReplicaSet that has a Deployment's present template. Falls back to the Deployment's own word for it, its revision
/// annotation, once the controller has seen the present generation.
#[must_use]
pub fn new_replica_set<'a>(deployment: &Value, related: &Related<'a>) -> Option<&'a Value> {
    let owner = uid(deployment);
    let sets = || {
        related
            .owned
            .iter()
            .copied()
            .filter(|object| kind(object) == "ReplicaSet" && is_owned_by(object, owner))
    };
    let template = at(deployment, &["spec", "template"])?;
    sets()
        .find(|set| at(set, &["spec", "template"]).is_some_and(|other| same_template(template, other)))
        .or_else(|| {
            let revision = annotation(deployment, REVISION).filter(|_| is_observed(deployment))?;
            sets().find(|set| annotation(set, REVISION) == Some(revision))
        })
}

/// The pods of an object's new revision, without those being deleted.
#[must_use]
pub fn new_pods<'a>(object: &Value, related: &Related<'a>, since: Timestamp) -> Vec<&'a Value> {
    let owner = uid(object);
    // Times of creation are cut to whole seconds.
    let since = Some(Timestamp(since.0 - since.0 % 1000));
    let pods = related.owned.iter().copied().filter(|pod| kind(pod) == "Pod" && !is_deleting(pod));
    match kind(object) {
        "Deployment" => {
            let set = new_replica_set(object, related).map(uid);
            pods.filter(|pod| set.is_some_and(|set| is_owned_by(pod, set))).collect()
        }
        "StatefulSet" => {
            let hash = text_at(object, &["status", "updateRevision"]).filter(|_| is_observed(object));
            pods.filter(|pod| hash.is_some() && label(pod, "controller-revision-hash") == hash).collect()
        }
        "DaemonSet" => {
            // The controller still stamps pods with this counter; it is how kubectl and kubelet tell them apart, too.
            let counter = annotation(object, "deprecated.daemonset.template.generation")
                .filter(|_| is_observed(object));
            pods.filter(|pod| match (counter, label(pod, "pod-template-generation")) {
                (Some(counter), Some(mark)) => counter == mark,
                _ => created_at(pod) >= since,
            })
            .collect()
        }
        "ReplicaSet" | "ReplicationController" | "Job" => {
            pods.filter(|pod| is_owned_by(pod, owner)).collect()
        }
        // Pods of somebody's own workload kind: those that the rollout brought about.
        _ => pods.filter(|pod| created_at(pod) >= since).collect(),
    }
}

/// Whether a controller has seen the present spec.
pub(crate) fn is_observed(object: &Value) -> bool {
    match (generation(object), int_at(object, &["status", "observedGeneration"])) {
        (Some(wanted), Some(seen)) => seen >= wanted,
        (Some(_), None) => false,
        (None, _) => true,
    }
}

pub(crate) fn is_owned_by(object: &Value, owner: &str) -> bool {
    !owner.is_empty()
        && controller_owner(object).and_then(|reference| text_at(reference, &["uid"])) == Some(owner)
}

pub(crate) fn created_at(object: &Value) -> Option<Timestamp> {
    Timestamp::parse(text_at(object, &["metadata", "creationTimestamp"])?).ok()
}

/// Pod templates are the same when they differ in nothing but the hash that the controller adds.
fn same_template(left: &Value, right: &Value) -> bool {
    left.get("spec") == right.get("spec")
        && same_texts(left, right, "labels")
        && same_texts(left, right, "annotations")
}

fn same_texts(left: &Value, right: &Value, field: &str) -> bool {
    texts(left, field).eq(texts(right, field))
}

fn texts<'a>(template: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    map_at(template, &["metadata", field]).into_iter().flatten().filter(|(key, _)| *key != TEMPLATE_HASH)
}
