//! Volumes: made for a claim, and what becomes of them after it.

use std::time::Duration;

use backstay_object::{ResourceKey, annotation, name, namespace, set_at, text_at, uid};
use serde_json::Value;

use super::claim::{COMPONENT, RESYNC, bind, change, claim_ref};
use crate::events::{normal, source, warning};
use crate::json::json;
use crate::store::DeleteOptions;
use crate::world::{Ctx, Duty, Task};

/// Makes a volume, one or two seconds after it was asked for.
pub(super) fn provision(ctx: &mut Ctx<'_>, claim: &Value, class: &Value) {
    let provisioner = text_at(class, &["provisioner"]).unwrap_or("").to_owned();
    const ASKED: &str = "volume.kubernetes.io/storage-provisioner";
    let task = Task::of(Duty::Claim, claim);
    if annotation(claim, ASKED).is_none() {
        change(ctx, claim, |claim| {
            for key in [ASKED, "volume.beta.kubernetes.io/storage-provisioner"] {
                set_at(claim, &["metadata", "annotations", key], json!(provisioner));
            }
        });
        if provisioner == "kubernetes.io/no-provisioner" {
            return;
        }
        let message = format!(
            "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
        );
        ctx.event(claim, source(COMPONENT), normal("ExternalProvisioning", &message));
        let message = format!(
            "External provisioner is provisioning volume for claim \"{}/{}\"",
            namespace(claim),
            name(claim)
        );
        ctx.event(claim, source(&provisioner), normal("Provisioning", &message));
        let millis = ctx.between(uid(claim), "provision", 900, 2200);
        ctx.world.provisioning.insert(uid(claim).to_owned(), ctx.now.after(Duration::from_millis(millis)));
    }
    let Some(until) = ctx.world.provisioning.get(uid(claim)).copied() else { return };
    if until > ctx.now {
        return ctx.due(task, until.since(ctx.now));
    }
    ctx.world.provisioning.remove(uid(claim));
    let volume_name = format!("pvc-{}", uid(claim));
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {
            "name": volume_name,
            "annotations": {"pv.kubernetes.io/provisioned-by": provisioner},
        },
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "claimRef": claim_ref(claim),
            "csi": {"driver": provisioner, "volumeHandle": volume_name},
            "persistentVolumeReclaimPolicy": class.get("reclaimPolicy").cloned().unwrap_or(json!("Delete")),
            "storageClassName": name(class),
            "volumeMode": "Filesystem",
        },
    });
    match ctx.create(volume) {
        Ok(volume) => {
            let message = format!("Successfully provisioned volume {volume_name}");
            ctx.event(claim, source(&provisioner), normal("ProvisioningSucceeded", &message));
            bind(ctx, claim, &volume);
        }
        Err(error) => {
            let message = format!(
                "failed to provision volume with StorageClass \"{}\": {}",
                name(class),
                error.message
            );
            ctx.event(claim, source(&provisioner), warning("ProvisioningFailed", &message));
            ctx.due(task, RESYNC);
        }
    }
}

/// A volume whose claim is gone is deleted or kept, as it says; one without a claim is available.
pub(super) fn run(ctx: &mut Ctx<'_>, volume_name: &str) {
    let Some(volume) = ctx.get("v1", "PersistentVolume", "", volume_name) else { return };
    let phase = |ctx: &mut Ctx<'_>, phase: &str| {
        let mut status = volume["status"].clone();
        if !status.is_object() {
            status = json!({});
        }
        status["phase"] = json!(phase);
        ctx.set_status(&volume, status);
    };
    let Some(owner) = text_at(&volume, &["spec", "claimRef", "uid"]) else { return phase(ctx, "Available") };
    if ctx.store.by_uid(owner).is_some() {
        return;
    }
    if text_at(&volume, &["spec", "persistentVolumeReclaimPolicy"]) == Some("Delete") {
        if let Some(key) = ResourceKey::of(&volume) {
            // Gone already: just as well.
            let _ = ctx.store.delete(&key, &DeleteOptions::default(), ctx.now);
        }
    } else {
        phase(ctx, "Released");
    }
}
