//! What the controllers of pods have in common.

use std::sync::Arc;
use std::time::Duration;

use backstay_object::{
    ResourceKey, Timestamp, condition, controller_owner, is_deleting, kind, map_at, name, namespace,
    selector_matches, set_at, text_at, uid,
};
use serde_json::Value;

use super::owner_references;
use crate::events::{normal, source, warning};
use crate::faults::FaultCode;
use crate::json::json;
use crate::store::{ApiError, DeleteOptions};
use crate::world::Ctx;

pub(super) type Pod = Arc<Value>;

pub(super) fn phase(pod: &Value) -> &str {
    text_at(pod, &["status", "phase"]).unwrap_or("Pending")
}

/// Neither over nor being deleted.
pub(super) fn is_active(pod: &Value) -> bool {
    !is_over(pod) && !is_deleting(pod)
}

pub(super) fn is_over(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

pub(super) fn is_ready(pod: &Value) -> bool {
    backstay_object::condition_is_true(pod, "Ready")
}

/// When a ready pod counts as available, given `minReadySeconds`.
pub(super) fn available_at(pod: &Value, min_ready: i64) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|condition| condition["status"] == "True")?;
    let since = Timestamp::parse(text_at(ready, &["lastTransitionTime"])?).ok()?;
    Some(since.after(Duration::from_secs(u64::try_from(min_ready).unwrap_or(0))))
}

impl Ctx<'_> {
    /// Whether a pod is available, and else when it will be if it stays ready.
    pub(super) fn available(&self, pod: &Value, min_ready: i64) -> Result<(), Option<Timestamp>> {
        match available_at(pod, min_ready) {
            Some(_) if min_ready == 0 => Ok(()),
            Some(at) if at <= self.now => Ok(()),
            at => Err(at),
        }
    }

    /// The pods of a controller; takes in those that nobody controls and that its selector matches.
    pub(super) fn pods_of(&mut self, owner: &Value) -> Vec<Pod> {
        let mut pods: Vec<Pod> = self
            .store
            .dependents(uid(owner))
            .filter(|(key, _)| key.kind == "Pod" && key.group.is_empty())
            .filter(|(_, pod)| controls(owner, pod))
            .map(|(_, pod)| pod.clone())
            .collect();
        let selector = &owner["spec"]["selector"];
        let Some(labels) = map_at(selector, &["matchLabels"]) else { return pods };
        if is_deleting(owner) {
            return pods;
        }
        for candidate in self.world.index.pods_with_labels(namespace(owner), labels) {
            let key = ResourceKey::new("v1", "Pod", namespace(owner), &candidate);
            let orphan = self.store.get(&key).filter(|pod| {
                controller_owner(pod).is_none() && is_active(pod) && selector_matches(selector, pod)
            });
            if orphan.is_some()
                && let Ok(adopted) = self.store.update(&key, self.now, |pod| {
                    set_at(pod, &["metadata", "ownerReferences"], owner_references(owner));
                })
            {
                pods.push(adopted);
            }
        }
        pods
    }

    /// Creates a pod for a controller, says so in an event, and answers what the API answered.
    pub(super) fn create_pod(&mut self, owner: &Value, component: &str, pod: Value) -> Result<Pod, ApiError> {
        let refused = self.quota_fault(&pod);
        let answer = match refused {
            Some(error) => Err(error),
            None => self.create(pod),
        };
        let stateful = kind(owner) == "StatefulSet";
        match &answer {
            Ok(pod) => {
                let message = if stateful {
                    format!("Create Pod {} in StatefulSet {} successful", name(pod), name(owner))
                } else {
                    format!("Created pod: {}", name(pod))
                };
                self.event(owner, source(component), normal("SuccessfulCreate", &message));
            }
            Err(error) => {
                let message = if stateful {
                    let pod = format!("in StatefulSet {} failed error: {}", name(owner), error.message);
                    format!("create Pod {} {pod}", error.details.name)
                } else {
                    format!("Error creating: {}", error.message)
                };
                self.event(owner, source(component), warning("FailedCreate", &message));
            }
        }
        answer
    }

    /// What the quota asked for by a fault answers.
    fn quota_fault(&mut self, pod: &Value) -> Option<ApiError> {
        if !self.faults_of(pod, None).contains(&FaultCode::Quota) {
            return None;
        }
        let used = self.store.list("", "Pod", Some(namespace(pod))).filter(|pod| !is_over(pod)).count();
        let why =
            format!("exceeded quota: sandbox, requested: pods=1, used: pods={used}, limited: pods={used}");
        Some(ApiError::forbidden("", "pods", name(pod), &why))
    }

    /// Deletes a pod for a controller, with the event.
    pub(super) fn delete_pod(&mut self, owner: &Value, component: &str, pod: &Value) {
        let Some(key) = ResourceKey::of(pod) else { return };
        if self.store.delete(&key, &DeleteOptions::default(), self.now).is_err() {
            return;
        }
        let message = if kind(owner) == "StatefulSet" {
            format!("Delete Pod {} in StatefulSet {} successful", name(pod), name(owner))
        } else {
            format!("Deleted pod: {}", name(pod))
        };
        self.event(owner, source(component), normal("SuccessfulDelete", &message));
    }

    /// A pod from a template, named by its controller and five letters.
    pub(super) fn pod_from(&mut self, owner: &Value, template: &Value) -> Value {
        let prefix = format!("{}-", name(owner));
        let mut pod = named_pod(owner, template, &format!("{prefix}{}", self.suffix()));
        set_at(&mut pod, &["metadata", "generateName"], json!(prefix));
        pod
    }
}

/// A pod from a template with a given name.
pub(super) fn named_pod(owner: &Value, template: &Value, pod_name: &str) -> Value {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name,
            "namespace": namespace(owner),
            "ownerReferences": owner_references(owner),
        },
        "spec": template["spec"],
    });
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field) {
            set_at(&mut pod, &["metadata", field], value.clone());
        }
    }
    pod
}

fn controls(owner: &Value, pod: &Value) -> bool {
    controller_owner(pod).and_then(|reference| text_at(reference, &["uid"])) == Some(uid(owner))
}

/// What to delete first when there are too many (Kubernetes `ActivePodsWithRanks`): without a node, then pending, not
/// ready, cheaper, ready for a shorter time, more restarts, younger. Smaller goes first.
pub(super) fn deletion_rank(pod: &Value) -> impl Ord + use<> {
    let node = text_at(pod, &["spec", "nodeName"]).is_some_and(|node| !node.is_empty());
    let phase = match phase(pod) {
        "Pending" => 0,
        "Running" => 2,
        _ => 1,
    };
    let cost = backstay_object::annotation(pod, "controller.kubernetes.io/pod-deletion-cost")
        .and_then(|cost| cost.parse::<i64>().ok())
        .unwrap_or(0);
    let restarts: i64 = backstay_object::list_at(pod, &["status", "containerStatuses"])
        .iter()
        .filter_map(|status| status["restartCount"].as_i64())
        .sum();
    let since = available_at(pod, 0).unwrap_or_default();
    let created = text_at(pod, &["metadata", "creationTimestamp"]).unwrap_or("").to_owned();
    use std::cmp::Reverse;
    (
        node,
        phase,
        is_ready(pod),
        cost,
        Reverse(since),
        Reverse(restarts),
        Reverse(created),
        name(pod).to_owned(),
    )
}
