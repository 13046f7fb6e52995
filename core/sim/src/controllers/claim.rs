//! Claims and volumes: binding to volumes that are there, and making new ones.

use std::sync::Arc;
use std::time::Duration;

use backstay_object::{
    Quantity, ResourceKey, annotation, is_deleting, list_at, name, namespace, selector_matches, set_at,
    text_at, uid,
};
use serde_json::Value;

use super::pods::is_over;
use crate::events::{normal, source, warning};
use crate::faults::FaultCode;
use crate::json::json;
use crate::world::{Ctx, Duty, Task};

pub(super) const COMPONENT: &str = "persistentvolume-controller";
const PROTECTION: &str = "kubernetes.io/pvc-protection";
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// How often a claim that waits is looked at again (`--pvclaimbinder-sync-period`).
pub(super) const RESYNC: Duration = Duration::from_secs(15);

pub(super) fn run(ctx: &mut Ctx<'_>, space: &str, claim_name: &str) {
    let Some(claim) = ctx.get("v1", "PersistentVolumeClaim", space, claim_name) else { return };
    if is_deleting(&claim) {
        return release(ctx, &claim);
    }
    protect(ctx, &claim);
    match text_at(&claim, &["spec", "volumeName"]).filter(|volume| !volume.is_empty()) {
        Some(volume) => settle(ctx, &claim, volume),
        None => find_volume(ctx, &claim),
    }
}

/// Claims in use are not removed before their last pod is.
fn protect(ctx: &mut Ctx<'_>, claim: &Value) {
    let finalizers = list_at(claim, &["metadata", "finalizers"]);
    if finalizers.iter().any(|finalizer| finalizer == PROTECTION) {
        return;
    }
    let mut finalizers = finalizers.to_vec();
    finalizers.push(json!(PROTECTION));
    change(ctx, claim, |claim| set_at(claim, &["metadata", "finalizers"], Value::Array(finalizers)));
}

pub(super) fn change(ctx: &mut Ctx<'_>, object: &Value, edit: impl FnOnce(&mut Value)) {
    if let Some(key) = ResourceKey::of(object) {
        // Gone in the meantime: its deletion is handled on its own.
        let _ = ctx.store.update(&key, ctx.now, edit);
    }
}

fn users(ctx: &Ctx<'_>, claim: &Value) -> Vec<Arc<Value>> {
    let pods = ctx.world.index.pods_of_claim(namespace(claim), name(claim));
    let find = |pod: &String| ctx.store.find("", "Pod", namespace(claim), pod).cloned();
    pods.iter().filter_map(find).filter(|pod| !is_over(pod)).collect()
}

fn release(ctx: &mut Ctx<'_>, claim: &Value) {
    let used = users(ctx, claim).iter().any(|pod| {
        text_at(pod, &["spec", "nodeName"]).is_some_and(|node| !node.is_empty()) || is_deleting(pod)
    });
    if used {
        return;
    }
    let left: Vec<Value> = list_at(claim, &["metadata", "finalizers"])
        .iter()
        .filter(|one| *one != PROTECTION)
        .cloned()
        .collect();
    change(ctx, claim, |claim| {
        if left.is_empty() {
            backstay_object::remove_at(claim, &["metadata", "finalizers"]);
        } else {
            set_at(claim, &["metadata", "finalizers"], Value::Array(left));
        }
    });
}

fn class_of(claim: &Value) -> &str {
    annotation(claim, "volume.beta.kubernetes.io/storage-class")
        .or_else(|| text_at(claim, &["spec", "storageClassName"]))
        .unwrap_or("")
}

fn find_volume(ctx: &mut Ctx<'_>, claim: &Value) {
    let task = Task::of(Duty::Claim, claim);
    if ctx.fault_on(FaultCode::PvcPending, "pvc", namespace(claim), name(claim)) {
        let who = annotation(claim, "volume.kubernetes.io/storage-provisioner")
            .unwrap_or("sandbox.backstay.dev/disk");
        let message = format!(
            "Waiting for a volume to be created either by the external provisioner '{who}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
        );
        ctx.event(claim, source(COMPONENT), normal("ExternalProvisioning", &message));
        return ctx.due(task, RESYNC);
    }
    if let Some(volume) = fitting_volume(ctx, claim) {
        return bind(ctx, claim, &volume);
    }
    let class_name = class_of(claim).to_owned();
    if class_name.is_empty() {
        let message = "no persistent volumes available for this claim and no storage class is set";
        ctx.event(claim, source(COMPONENT), normal("FailedBinding", message));
        return ctx.due(task, RESYNC);
    }
    let Some(class) = ctx.get("storage.k8s.io/v1", "StorageClass", "", &class_name) else {
        let message = format!("storageclass.storage.k8s.io \"{class_name}\" not found");
        ctx.event(claim, source(COMPONENT), warning("ProvisioningFailed", &message));
        return ctx.due(task, RESYNC);
    };
    let late = text_at(&class, &["volumeBindingMode"]) == Some("WaitForFirstConsumer");
    if late && annotation(claim, SELECTED_NODE).is_none() {
        let waiting: Vec<Arc<Value>> = users(ctx, claim);
        let (reason, message) = match waiting.first() {
            Some(pod) => ("WaitForPodScheduled", format!("waiting for pod {} to be scheduled", name(pod))),
            None => {
                ("WaitForFirstConsumer", "waiting for first consumer to be created before binding".to_owned())
            }
        };
        return ctx.event(claim, source(COMPONENT), normal(reason, &message));
    }
    super::volume::provision(ctx, claim, &class);
}

/// The smallest volume without a claim that has what the claim asks for.
fn fitting_volume(ctx: &Ctx<'_>, claim: &Value) -> Option<Arc<Value>> {
    let wanted = Quantity::of(&claim["spec"]["resources"]["requests"]["storage"]).map_or(0, |size| size.0);
    let size = |volume: &Value| Quantity::of(&volume["spec"]["capacity"]["storage"]).map_or(0, |size| size.0);
    let fits = |volume: &&Arc<Value>| {
        let reference = volume["spec"].get("claimRef").filter(|reference| reference.is_object());
        let free = match reference {
            Some(reference) => {
                text_at(reference, &["name"]) == Some(name(claim))
                    && text_at(reference, &["namespace"]) == Some(namespace(claim))
                    && text_at(reference, &["uid"]).is_none_or(|owner| owner == uid(claim))
            }
            None => true,
        };
        let modes = list_at(volume, &["spec", "accessModes"]);
        let selector = claim["spec"].get("selector");
        free && !is_deleting(volume)
            && text_at(volume, &["spec", "storageClassName"]).unwrap_or("") == class_of(claim)
            && size(volume) >= wanted
            && list_at(claim, &["spec", "accessModes"]).iter().all(|mode| modes.contains(mode))
            && selector.is_none_or(|selector| selector_matches(selector, volume))
    };
    ctx.store
        .list("", "PersistentVolume", None)
        .filter(fits)
        .min_by_key(|volume| {
            (volume["spec"].get("claimRef").is_none(), size(volume), name(volume).to_owned())
        })
        .cloned()
}

pub(super) fn claim_ref(claim: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": name(claim), "namespace": namespace(claim),
        "uid": uid(claim), "resourceVersion": claim["metadata"]["resourceVersion"],
    })
}

pub(super) fn bind(ctx: &mut Ctx<'_>, claim: &Value, volume: &Value) {
    let reference = claim_ref(claim);
    if text_at(volume, &["spec", "claimRef", "uid"]).is_none() {
        change(ctx, volume, |volume| {
            set_at(volume, &["spec", "claimRef"], reference);
            set_at(volume, &["status", "phase"], json!("Bound"));
        });
    }
    let volume_name = name(volume).to_owned();
    change(ctx, claim, |claim| {
        set_at(claim, &["spec", "volumeName"], json!(volume_name));
        set_at(claim, &["metadata", "annotations", "pv.kubernetes.io/bind-completed"], json!("yes"));
        set_at(claim, &["metadata", "annotations", "pv.kubernetes.io/bound-by-controller"], json!("yes"));
    });
    if let Some(claim) = ctx.get("v1", "PersistentVolumeClaim", namespace(claim), name(claim)) {
        settle(ctx, &claim, name(volume));
    }
}

/// A bound claim that asks for more than its volume has gets it at once, when its class allows that.
fn grown(ctx: &mut Ctx<'_>, claim: &Value, mut volume: Value) -> Value {
    let wanted = &claim["spec"]["resources"]["requests"]["storage"];
    let has = Quantity::of(&volume["spec"]["capacity"]["storage"]);
    let class = ctx.store.find("storage.k8s.io", "StorageClass", "", class_of(claim));
    let allowed = class.is_some_and(|class| class["allowVolumeExpansion"] == true);
    let bound = text_at(claim, &["status", "phase"]) == Some("Bound");
    if allowed && bound && Quantity::of(wanted).map(|wanted| wanted.0) > has.map(|has| has.0) {
        let message = format!("Resize volume succeeded for volume \"{}\"", name(&volume));
        ctx.event(claim, source(COMPONENT), normal("VolumeResizeSuccessful", &message));
        change(ctx, &volume, |volume| set_at(volume, &["spec", "capacity", "storage"], wanted.clone()));
        set_at(&mut volume, &["spec", "capacity", "storage"], wanted.clone());
    }
    volume
}

/// A claim that names its volume is bound once the volume is there for it.
fn settle(ctx: &mut Ctx<'_>, claim: &Value, volume_name: &str) {
    let Some(volume) = ctx.get("v1", "PersistentVolume", "", volume_name) else {
        let lost = text_at(claim, &["status", "phase"]) == Some("Bound");
        if lost {
            let mut status = claim["status"].clone();
            status["phase"] = json!("Lost");
            ctx.set_status(claim, status);
            let message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
            ctx.event(claim, source(COMPONENT), warning("ClaimLost", message));
        }
        return;
    };
    match text_at(&volume, &["spec", "claimRef", "uid"]) {
        Some(owner) if owner != uid(claim) => {
            let message = format!("volume \"{volume_name}\" already bound to a different claim.");
            return ctx.event(claim, source(COMPONENT), warning("FailedBinding", &message));
        }
        Some(_) => {}
        None => {
            let reference = claim_ref(claim);
            change(ctx, &volume, |volume| set_at(volume, &["spec", "claimRef"], reference));
        }
    }
    let volume = grown(ctx, claim, volume);
    change(ctx, &volume, |volume| set_at(volume, &["status", "phase"], json!("Bound")));
    ctx.set_status(
        claim,
        json!({
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }),
    );
}
