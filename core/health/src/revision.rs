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
/// annotation, once the controller has seen the present generation and unless it makes the new ReplicaSet later: when the old
/// pods are gone (`Recreate`), or when the Deployment is no longer paused (Kubernetes `pkg/controller/deployment`).
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
            let is_told = is_observed(deployment) && !makes_it_later(deployment);
            let revision = annotation(deployment, REVISION).filter(|_| is_told)?;
            sets().find(|set| annotation(set, REVISION) == Some(revision))
        })
}

fn makes_it_later(deployment: &Value) -> bool {
    text_at(deployment, &["spec", "strategy", "type"]) == Some("Recreate")
        || at(deployment, &["spec", "paused"]).is_some_and(|paused| *paused == true)
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

#[cfg(test)]
mod tests {
    use alloc::vec;

    use serde_json::json;

    use super::*;

    /// The controller has seen a new template; there is only the ReplicaSet of the old one yet.
    #[test]
    fn the_old_replica_set_is_not_taken_for_the_new_one() {
        let set = json!({"kind": "ReplicaSet", "metadata": {"name": "web-1", "annotations": {REVISION: "1"},
            "ownerReferences": [{"uid": "web", "controller": true}]},
            "spec": {"template": {"spec": {"containers": [{"image": "web:1"}]}}}});
        for (image, strategy, paused, expected) in [
            ("web:1", "Recreate", false, true),
            ("web:2", "Recreate", false, false),
            ("web:2", "RollingUpdate", true, false),
            ("web:2", "RollingUpdate", false, true),
        ] {
            let deployment = json!({"kind": "Deployment", "metadata": {"name": "web", "uid": "web", "generation": 2,
                "annotations": {REVISION: "1"}}, "status": {"observedGeneration": 2},
                "spec": {"strategy": {"type": strategy}, "paused": paused,
                    "template": {"spec": {"containers": [{"image": image}]}}}});
            let related = Related { owned: vec![&set], events: vec![] };
            let found = new_replica_set(&deployment, &related).is_some();
            assert_eq!(found, expected, "{image} {strategy} paused {paused}");
        }
    }
}
