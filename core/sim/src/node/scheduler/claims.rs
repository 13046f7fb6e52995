//! The claims of a pod that is to be placed.

use std::sync::Arc;

use backstay_object::{ResourceKey, annotation, at, is_deleting, namespace, set_at, text_at};
use serde_json::Value;

use super::fit::terms_match;
use crate::index::pod_claims;
use crate::json::json;
use crate::world::Ctx;

/// The annotation by which the scheduler tells a provisioner which node was chosen.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// How the claims of a pod stand.
pub(super) enum Claims {
    /// Something is not there; the scheduler's words.
    Missing(String),
    /// All are bound, to these volumes.
    Bound(Vec<Arc<Value>>),
    /// Some wait for the pod to get a node; `node` was chosen already. The others are bound to these volumes.
    Wait { node: Option<String>, volumes: Vec<Arc<Value>> },
}

pub(super) fn look(ctx: &Ctx<'_>, pod: &Value) -> Claims {
    let mut volumes = Vec::new();
    let mut waiting = false;
    let mut node = None;
    for name in pod_claims(pod) {
        let Some(claim) = ctx.store.find("", "PersistentVolumeClaim", namespace(pod), name) else {
            return Claims::Missing(format!("persistentvolumeclaim \"{name}\" not found"));
        };
        if is_deleting(claim) {
            return Claims::Missing(format!("persistentvolumeclaim \"{name}\" is being deleted"));
        }
        if text_at(claim, &["status", "phase"]) == Some("Lost") {
            let volume = text_at(claim, &["spec", "volumeName"]).unwrap_or("");
            return Claims::Missing(format!(
                "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\""
            ));
        }
        if text_at(claim, &["status", "phase"]) == Some("Bound") {
            let volume = text_at(claim, &["spec", "volumeName"]).unwrap_or("");
            volumes.extend(ctx.store.find("", "PersistentVolume", "", volume).cloned());
        } else if waits_for_pod(ctx, claim) {
            waiting = true;
            node = node.or_else(|| annotation(claim, SELECTED_NODE).map(str::to_owned));
        } else {
            return Claims::Missing("pod has unbound immediate PersistentVolumeClaims".to_owned());
        }
    }
    if waiting { Claims::Wait { node, volumes } } else { Claims::Bound(volumes) }
}

/// Whether the claim's class binds only when a pod needs it.
fn waits_for_pod(ctx: &Ctx<'_>, claim: &Value) -> bool {
    text_at(claim, &["spec", "storageClassName"])
        .and_then(|class| ctx.store.find("storage.k8s.io", "StorageClass", "", class))
        .is_some_and(|class| text_at(class, &["volumeBindingMode"]) == Some("WaitForFirstConsumer"))
}

/// Whether a node reaches all volumes.
pub(super) fn reachable(volumes: &[Arc<Value>], node: &Value) -> bool {
    volumes
        .iter()
        .filter_map(|volume| at(volume, &["spec", "nodeAffinity", "required"]))
        .all(|required| terms_match(required, node))
}

/// Notes the chosen node on the claims that wait for it.
pub(super) fn select(ctx: &mut Ctx<'_>, pod: &Value, node: &str) {
    let space = namespace(pod);
    for name in pod_claims(pod) {
        let waiting = ctx
            .store
            .find("", "PersistentVolumeClaim", space, name)
            .is_some_and(|claim| text_at(claim, &["status", "phase"]) != Some("Bound"));
        if waiting {
            let key = ResourceKey::new("v1", "PersistentVolumeClaim", space, name);
            // Gone in the meantime: the pod is looked at again when the claim comes back.
            let _ = ctx.store.update(&key, ctx.now, |claim| {
                set_at(claim, &["metadata", "annotations", SELECTED_NODE], json!(node));
            });
        }
    }
}
