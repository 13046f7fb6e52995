//! Claims that are not bound and volumes that cannot be mounted.

use alloc::collections::BTreeSet;
use alloc::string::String;

use backstay_object::{Timestamp, condition_is_true, kind, list_at, name, text_at};
use serde_json::Value;

use super::pod::containers;
use super::{Scene, Trouble, after_grace, config, events};
use crate::code::CauseCode;
use crate::revision::created_at;
use crate::types::Class;

/// A provisioner that is only slow, busy or away tries again by itself.
const PASSING: &[&str] = &[
    "DeadlineExceeded",
    "Unavailable",
    "Aborted",
    "ResourceExhausted",
    "timed out",
    "timeout",
    "connection refused",
    "waiting for",
];

/// The claims that the new pods use, or the object itself.
pub(super) fn claims<'a>(scene: &mut Scene<'a>, pods: &[&'a Value]) {
    if kind(scene.object) == "PersistentVolumeClaim" {
        claim(scene, scene.object);
        return;
    }
    let volumes = pods.iter().flat_map(|pod| list_at(pod, &["spec", "volumes"]));
    let used: BTreeSet<&str> =
        volumes.filter_map(|volume| text_at(volume, &["persistentVolumeClaim", "claimName"])).collect();
    let related = scene.related;
    for found in related.owned.iter().copied().filter(|object| kind(object) == "PersistentVolumeClaim") {
        if used.contains(name(found)) {
            claim(scene, found);
        }
    }
}

fn claim<'a>(scene: &mut Scene<'a>, claim: &'a Value) {
    let policy = scene.circumstances.policy;
    match text_at(claim, &["status", "phase"]) {
        Some("Bound") => return,
        Some("Lost") => {
            let trouble = Trouble::new(CauseCode::VolumeNotBound, Class::FatalNow, lost(claim));
            scene.suspect(trouble);
            return;
        }
        _ => {}
    }
    let waits = scene
        .events
        .last(claim, &["WaitForFirstConsumer", "WaitForPodScheduled"])
        .and_then(events::last_seen);
    let refused = scene.events.last(claim, &["ProvisioningFailed"]);
    let refused = refused.filter(|event| events::last_seen(event) >= waits);
    let (class, message, seen) = match refused {
        Some(event) => {
            let words = events::message(event);
            let passes = PASSING.iter().any(|sign| words.contains(sign));
            let grace = if passes { policy.volume_grace_ms } else { policy.provisioning_grace_ms };
            (after_grace(grace), in_words(claim, words), first_refusal(scene, claim))
        }
        // Not a failure: the scheduler decides where the volume has to be.
        None if waits.is_some() => return,
        None => {
            let said =
                scene.events.last(claim, &["FailedBinding", "ExternalProvisioning"]).map(events::message);
            let message = in_words(claim, said.unwrap_or("waits to be bound to a volume"));
            (after_grace(policy.volume_grace_ms), message, created_at(claim))
        }
    };
    scene.suspect(Trouble { seen, ..Trouble::new(CauseCode::VolumeNotBound, class, message) });
}

fn first_refusal(scene: &Scene<'_>, claim: &Value) -> Option<Timestamp> {
    scene.events.with_reason(claim, &["ProvisioningFailed"]).filter_map(events::first_seen).min()
}

fn in_words(claim: &Value, words: &str) -> String {
    alloc::format!("claim {}: {words}", name(claim))
}

fn lost(claim: &Value) -> String {
    in_words(claim, "its volume is lost")
}

/// What the attach-detach controller says of a volume for one node only that is on another (kubernetes
/// `pkg/controller/volume/attachdetach/reconciler`, v1.34): "Volume is already exclusively attached to one node and can't be
/// attached to another", or "Volume is already used by pod(s) a, b" and how many of other namespaces.
const MULTI_ATTACH: &str = "Multi-Attach error for volume";
/// What the kubelet (`pkg/volume/csi`, v1.34) and the attach-detach controller say where a node has no such driver.
const NO_DRIVER: &[&str] = &["not found in the list of registered CSI drivers", " does not contain driver "];

/// Volumes of a pod that keep its containers from starting. Known from events only.
pub(super) fn mounts<'a>(scene: &mut Scene<'a>, pod: &'a Value) {
    if !waits_for_volumes(pod) {
        return;
    }
    let Some(event) = scene.events.last(pod, &["FailedMount", "FailedAttachVolume", "FailedMapVolume"])
    else {
        return;
    };
    let policy = scene.circumstances.policy;
    let words = events::message(event);
    let class = if key_of_provided(scene, pod, words) {
        Class::FatalNow
    } else if let Some(grace_ms) = config::promised_grace(scene, pod, words) {
        after_grace(grace_ms.max(policy.mount_grace_ms))
    } else if text_at(event, &["reason"]) == Some("FailedAttachVolume")
        || NO_DRIVER.iter().any(|sign| words.contains(sign))
    {
        // Another node lets go of it when the pod there is gone, or the driver of a new node comes up: slow, but usual.
        after_grace(policy.volume_grace_ms)
    } else {
        after_grace(policy.mount_grace_ms)
    };
    let same = [text_at(event, &["reason"]).unwrap_or("")];
    let seen = scene.events.with_reason(pod, &same).filter_map(events::first_seen).min();
    let trouble = Trouble::new(CauseCode::MountFailed, class, words);
    scene.suspect(Trouble { pod: Some(pod), hint: hint(words), seen, ..trouble });
}

fn hint(words: &str) -> Option<&'static str> {
    if words.starts_with(MULTI_ATTACH) {
        Some(
            "another node still has the volume, and only one may: it is free when the pod there is gone; where that one waits for the \
             new pod, use strategy Recreate, maxSurge 0 or a volume that is ReadWriteMany",
        )
    } else if NO_DRIVER.iter().any(|sign| words.contains(sign)) {
        Some(
            "install the CSI driver that the message names, and see that its pod runs on the pod's node; or use another storage class",
        )
    } else {
        None
    }
}

/// Containers that wait to be created, and none that has been.
fn waits_for_volumes(pod: &Value) -> bool {
    text_at(pod, &["status", "phase"]) == Some("Pending")
        && !condition_is_true(pod, "PodReadyToStartContainers")
        && containers(pod).all(|container| {
            matches!(container.waiting_reason(), Some("ContainerCreating" | "PodInitializing"))
        })
}

/// A key that is missing in a ConfigMap or Secret of this release. The message names the volume and the key, the pod's spec
/// what the volume is made of (`kubernetes pkg/volume/{configmap,secret}`).
fn key_of_provided(scene: &Scene<'_>, pod: &Value, words: &str) -> bool {
    let Some((before, _)) = words.split_once("references non-existent") else { return false };
    let Some(volume_name) = before.split_once("for volume \"").and_then(|(_, rest)| rest.split('"').next())
    else {
        return false;
    };
    list_at(pod, &["spec", "volumes"])
        .iter()
        .filter(|volume| text_at(volume, &["name"]) == Some(volume_name))
        .any(|volume| {
            let map = text_at(volume, &["configMap", "name"]).map(|name| ("ConfigMap", name));
            let secret = text_at(volume, &["secret", "secretName"]).map(|name| ("Secret", name));
            map.or(secret).is_some_and(|(kind, name)| config::is_provided(scene, pod, kind, name))
        })
}
