//! The pod's volumes: what they need must be there before the sandbox starts.

use std::time::Duration;

use backstay_object::{at, bool_at, list_at, map_at, namespace, text_at};
use serde_json::Value;

use super::PodRun;
use super::kubelet::speaker;
use crate::events::warning;
use crate::faults::FaultCode;
use crate::world::Ctx;

/// First wait after a mount that failed, doubled each time, and the longest (kubelet's `nestedpendingoperations`).
const FIRST_MILLIS: u64 = 500;
const LONGEST_MILLIS: u64 = 122_000;
/// Every namespace has it before a pod can start; the model's controllers may not have written it.
const ROOT_CERTIFICATES: &str = "kube-root-ca.crt";

/// Tries to mount everything; on failure says so and sets the time of the next try.
pub(super) fn mount(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) -> bool {
    let mut errors: Vec<String> =
        list_at(pod, &["spec", "volumes"]).iter().filter_map(|volume| failure(ctx, pod, volume)).collect();
    if errors.is_empty() && ctx.faults_of(pod, None).contains(&FaultCode::MissingVolume) {
        errors.push(asked_for(pod));
    }
    if errors.is_empty() {
        run.mount_at = None;
        return true;
    }
    for error in &errors {
        ctx.event(pod, speaker(&run.node), warning("FailedMount", error));
    }
    let wait = FIRST_MILLIS.saturating_mul(1 << run.mount_tries.min(16)).min(LONGEST_MILLIS);
    run.mount_tries = run.mount_tries.saturating_add(1);
    run.mount_at = Some(ctx.now.after(Duration::from_millis(wait)));
    false
}

/// The words for a volume that cannot be mounted only because a fault asks for it.
fn asked_for(pod: &Value) -> String {
    let volume = list_at(pod, &["spec", "volumes"])
        .iter()
        .find(|volume| at(volume, &["projected"]).is_none())
        .and_then(|volume| text_at(volume, &["name"]))
        .unwrap_or("data");
    set_up(volume, &format!("secret \"{volume}\" not found"))
}

fn set_up(volume: &str, why: &str) -> String {
    format!("MountVolume.SetUp failed for volume \"{volume}\" : {why}")
}

/// Why a volume cannot be mounted.
fn failure(ctx: &Ctx<'_>, pod: &Value, volume: &Value) -> Option<String> {
    let name = text_at(volume, &["name"]).unwrap_or("");
    if let Some(claim) = text_at(volume, &["persistentVolumeClaim", "claimName"]) {
        return claim_failure(ctx, pod, name, claim);
    }
    let why = match (at(volume, &["configMap"]), at(volume, &["secret"]), at(volume, &["projected"])) {
        (Some(source), _, _) => missing(ctx, pod, "ConfigMap", "name", source),
        (_, Some(source), _) => missing(ctx, pod, "Secret", "secretName", source),
        (_, _, Some(projected)) => list_at(projected, &["sources"]).iter().find_map(|source| {
            let config =
                at(source, &["configMap"]).and_then(|source| missing(ctx, pod, "ConfigMap", "name", source));
            config.or_else(|| {
                at(source, &["secret"]).and_then(|source| missing(ctx, pod, "Secret", "name", source))
            })
        }),
        _ => None,
    };
    why.map(|why| set_up(name, &why))
}

/// What of a ConfigMap or Secret is missing: the object, or a key.
fn missing(ctx: &Ctx<'_>, pod: &Value, kind: &str, field: &str, source: &Value) -> Option<String> {
    let name = text_at(source, &[field])?;
    if bool_at(source, &["optional"]) == Some(true) || name == ROOT_CERTIFICATES {
        return None;
    }
    let lower = kind.to_ascii_lowercase();
    let Some(object) = ctx.store.find("", kind, namespace(pod), name) else {
        return Some(format!("{lower} \"{name}\" not found"));
    };
    let key = list_at(source, &["items"])
        .iter()
        .filter_map(|item| text_at(item, &["key"]))
        .find(|key| !has_key(object, key))?;
    Some(match kind {
        "ConfigMap" => format!("configmap references non-existent config key: {key}"),
        _ => format!("references non-existent secret key: {key}"),
    })
}

/// Whether a ConfigMap or Secret has a key.
pub(super) fn has_key(object: &Value, key: &str) -> bool {
    ["data", "binaryData"]
        .iter()
        .any(|field| map_at(object, &[field]).is_some_and(|map| map.contains_key(key)))
}

fn claim_failure(ctx: &Ctx<'_>, pod: &Value, volume: &str, claim: &str) -> Option<String> {
    let space = namespace(pod);
    let why = match ctx.store.find("", "PersistentVolumeClaim", space, claim) {
        None => format!("failed to fetch PVC from API server: persistentvolumeclaims \"{claim}\" not found"),
        Some(object) if text_at(object, &["status", "phase"]) != Some("Bound") => {
            "PVC is not bound".to_owned()
        }
        Some(_) => return None,
    };
    Some(format!(
        "Unable to attach or mount volumes: unmounted volumes=[{volume}], unattached volumes=[], failed to process volumes=[{volume}]: error processing PVC {space}/{claim}: {why}"
    ))
}
