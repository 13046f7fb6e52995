//! Look-ups that follow from the objects, kept so that no part has to walk all of them.

use backstay_object::{list_at, map_at, name, namespace, text_at};
use serde_json::Value;

use crate::node::Load;
use crate::ordered::{Map, Set};

/// Names of objects by what one looks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Pods of a namespace with a label.
    pods_by_label: Map<[String; 3], Set<String>>,
    /// Services whose selector starts with a label.
    services_by_label: Map<[String; 3], Set<String>>,
    /// Pods that use a claim.
    pods_by_claim: Map<[String; 2], Set<String>>,
    /// Pods on a node: (namespace, name).
    pods_by_node: Map<String, Set<(String, String)>>,
    /// What the pods on a node that are not over take of it.
    loads: Map<String, Load>,
    /// Pods without a node.
    pub(crate) unscheduled: Set<(String, String)>,
    /// Autoscalers by their target: (namespace, kind, name).
    autoscalers: Map<[String; 3], Set<String>>,
}

fn own(text: &str) -> String {
    text.to_owned()
}

fn put<K: Ord>(map: &mut Map<K, Set<String>>, key: K, name: &str, add: bool) {
    if add {
        map.or_default(key).insert(own(name));
    } else if let Some(names) = map.get_mut(&key) {
        names.remove(name);
        if names.is_empty() {
            map.remove(&key);
        }
    }
}

impl Index {
    /// Takes an object in (`add`) or out.
    pub(crate) fn note(&mut self, kind: &str, object: &Value, add: bool) {
        match kind {
            "Pod" => self.note_pod(object, add),
            "Service" => {
                if let Some(first) = map_at(object, &["spec", "selector"]).and_then(|map| map.iter().next()) {
                    let key = [own(namespace(object)), first.0.clone(), own(first.1.as_str().unwrap_or(""))];
                    put(&mut self.services_by_label, key, name(object), add);
                }
            }
            "HorizontalPodAutoscaler" => {
                let target = |field| own(text_at(object, &["spec", "scaleTargetRef", field]).unwrap_or(""));
                let key = [own(namespace(object)), target("kind"), target("name")];
                put(&mut self.autoscalers, key, name(object), add);
            }
            _ => {}
        }
    }

    fn note_pod(&mut self, pod: &Value, add: bool) {
        let (space, pod_name) = (namespace(pod), name(pod));
        for (label, value) in map_at(pod, &["metadata", "labels"]).into_iter().flatten() {
            let key = [own(space), label.clone(), own(value.as_str().unwrap_or(""))];
            put(&mut self.pods_by_label, key, pod_name, add);
        }
        for claim in pod_claims(pod) {
            put(&mut self.pods_by_claim, [own(space), own(claim)], pod_name, add);
        }
        self.note_load(pod, add);
        let place = (own(space), own(pod_name));
        match text_at(pod, &["spec", "nodeName"]).filter(|node| !node.is_empty()) {
            Some(node) if add => {
                self.pods_by_node.or_default(own(node)).insert(place);
            }
            Some(node) => {
                if let Some(pods) = self.pods_by_node.get_mut(node) {
                    pods.remove(&place);
                }
            }
            None if add => {
                self.unscheduled.insert(place);
            }
            None => {
                self.unscheduled.remove(&place);
            }
        }
    }

    fn note_load(&mut self, pod: &Value, add: bool) {
        let over = matches!(text_at(pod, &["status", "phase"]), Some("Succeeded" | "Failed"));
        let node = text_at(pod, &["spec", "nodeName"]).filter(|node| !node.is_empty() && !over);
        if let Some(node) = node {
            self.loads.or_default(own(node)).note(pod, add);
        }
    }

    /// What the pods on a node take of it.
    pub(crate) fn load_of(&self, node: &str) -> Option<&Load> {
        self.loads.get(node)
    }

    /// Names of pods that may match a selector map: those with its rarest label.
    pub(crate) fn pods_with_labels(
        &self,
        space: &str,
        selector: &serde_json::Map<String, Value>,
    ) -> Vec<String> {
        let mut best: Option<&Set<String>> = None;
        for (label, value) in selector {
            let key = [own(space), label.clone(), own(value.as_str().unwrap_or(""))];
            let Some(names) = self.pods_by_label.get(&key) else { return Vec::new() };
            if best.is_none_or(|best| names.len() < best.len()) {
                best = Some(names);
            }
        }
        best.into_iter().flatten().cloned().collect()
    }

    /// Names of services that may select a pod with these labels.
    pub(crate) fn services_for(&self, pod: &Value) -> Set<String> {
        let mut names = Set::new();
        for (label, value) in map_at(pod, &["metadata", "labels"]).into_iter().flatten() {
            let key = [own(namespace(pod)), label.clone(), own(value.as_str().unwrap_or(""))];
            names.extend(self.services_by_label.get(&key).into_iter().flatten().cloned());
        }
        names
    }

    pub(crate) fn pods_of_claim(&self, space: &str, claim: &str) -> Vec<String> {
        self.pods_by_claim.get(&[own(space), own(claim)]).into_iter().flatten().cloned().collect()
    }

    pub(crate) fn pods_of_node(&self, node: &str) -> impl Iterator<Item = &(String, String)> {
        self.pods_by_node.get(node).into_iter().flatten()
    }

    pub(crate) fn autoscalers_of(&self, space: &str, kind: &str, target: &str) -> Vec<String> {
        self.autoscalers.get(&[own(space), own(kind), own(target)]).into_iter().flatten().cloned().collect()
    }
}

/// The claims a pod mounts.
pub(crate) fn pod_claims(pod: &Value) -> impl Iterator<Item = &str> {
    list_at(pod, &["spec", "volumes"])
        .iter()
        .filter_map(|volume| text_at(volume, &["persistentVolumeClaim", "claimName"]))
}
