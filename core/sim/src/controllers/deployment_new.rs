//! The ReplicaSet of a Deployment's present template: its name, revision and annotations.

use backstay_object::{ResourceKey, annotation, int_at, name, namespace, remove_at, set_at};
use serde_json::{Map, Value};

use super::deployment::{COMPONENT, DESIRED, HASH, MAX, REVISION, Rollout, plain_template, revision};
use super::deployment_status::put_deployment_condition;
use super::{conditions_of, joined, owner_references, short_hash};
use crate::events::{normal, source, warning};
use crate::json::json;
use crate::world::Ctx;

/// Finds or makes the ReplicaSet of the present template, with its revision.
pub(super) fn ensure_new(ctx: &mut Ctx<'_>, rollout: &mut Rollout) -> bool {
    let number = 1 + rollout.old.iter().map(|set| revision(set)).max().unwrap_or(0);
    let number = number.max(rollout.new.as_ref().map_or(0, |new| revision(new))).to_string();
    if let Some(new) = rollout.new.clone() {
        write_annotations(ctx, rollout, &new, &number);
        if conditions_of(&rollout.deployment).iter().all(|condition| condition["type"] != "Progressing") {
            let message = format!("Found new replica set \"{}\"", name(&new));
            put_deployment_condition(
                ctx,
                &mut rollout.deployment,
                ["Progressing", "True", "FoundNewReplicaSet", &message],
            );
        }
    } else if !create_new(ctx, rollout, &number) {
        return false;
    }
    if annotation(&rollout.deployment, REVISION) != Some(number.as_str())
        && let Some(key) = ResourceKey::of(&rollout.deployment)
    {
        set_at(&mut rollout.deployment, &["metadata", "annotations", REVISION], json!(number));
        // Deleted in the meantime: the next look finds nothing.
        let _ = ctx.store.update(&key, ctx.now, |object| {
            set_at(object, &["metadata", "annotations", REVISION], json!(number));
        });
    }
    true
}

fn create_new(ctx: &mut Ctx<'_>, rollout: &mut Rollout, number: &str) -> bool {
    let deployment = rollout.deployment.clone();
    let mut template = plain_template(&deployment);
    let collisions = int_at(&deployment, &["status", "collisionCount"]).unwrap_or(0);
    let hash = short_hash(&format!(
        "{template}{}",
        if collisions > 0 { collisions.to_string() } else { String::new() }
    ));
    let labels = joined(&template["metadata"]["labels"], &[(HASH, &hash)]);
    set_at(&mut template, &["metadata", "labels"], labels.clone());
    let mut selector = deployment["spec"]["selector"].clone();
    set_at(&mut selector, &["matchLabels", HASH], json!(hash));
    let size = rollout.new_size(0);
    let mut set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", name(&deployment)),
            "namespace": namespace(&deployment),
            "labels": labels,
            "annotations": annotations(rollout, number, None),
            "ownerReferences": owner_references(&deployment),
        },
        "spec": {"replicas": size, "selector": selector, "template": template},
    });
    if let Some(seconds) = int_at(&deployment, &["spec", "minReadySeconds"]).filter(|seconds| *seconds > 0) {
        set_at(&mut set, &["spec", "minReadySeconds"], json!(seconds));
    }
    match ctx.create(set) {
        Ok(set) => {
            let message = format!("Created new replica set \"{}\"", name(&set));
            put_deployment_condition(
                ctx,
                &mut rollout.deployment,
                ["Progressing", "True", "NewReplicaSetCreated", &message],
            );
            if size > 0 {
                let message = format!("Scaled up replica set {} from 0 to {size}", name(&set));
                ctx.event(&deployment, source(COMPONENT), normal("ScalingReplicaSet", &message));
            }
            rollout.new = Some(set);
            true
        }
        Err(error) => {
            if error.code == 409 {
                // Another object has that name: a longer hash next time.
                let mut status = deployment["status"].clone();
                status["collisionCount"] = json!(collisions + 1);
                ctx.set_status(&deployment, status);
            } else {
                let message = format!(
                    "Failed to create new replica set \"{}-{hash}\": {}",
                    name(&deployment),
                    error.message
                );
                let condition = ["Progressing", "False", "ReplicaSetCreateError", &message];
                put_deployment_condition(ctx, &mut rollout.deployment, condition);
                ctx.event(&deployment, source(COMPONENT), warning("ReplicaSetCreateError", &message));
            }
            let task = crate::world::Task::of(crate::world::Duty::Deployment, &deployment);
            ctx.retry(task);
            false
        }
    }
}

/// The annotations of the newest ReplicaSet: those of the deployment, the sizes, the revision and its history.
fn annotations(rollout: &Rollout, number: &str, present: Option<&Value>) -> Value {
    let map = |object: &Value| object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let mut annotations: Map<String, Value> = present.map(map).unwrap_or_default();
    for (key, value) in map(&rollout.deployment) {
        let own = key.starts_with("deployment.kubernetes.io/") || key == "deprecated.deployment.rollback.to";
        if !own && key != "kubectl.kubernetes.io/last-applied-configuration" {
            annotations.insert(key, value);
        }
    }
    const HISTORY: &str = "deployment.kubernetes.io/revision-history";
    if let Some(before) = annotations.get(REVISION).and_then(Value::as_str).filter(|before| *before != number)
    {
        let history = match annotations.get(HISTORY).and_then(Value::as_str) {
            Some(history) if !history.is_empty() => format!("{history},{before}"),
            _ => before.to_owned(),
        };
        annotations.insert(HISTORY.to_owned(), json!(history));
    }
    annotations.insert(REVISION.to_owned(), json!(number));
    annotations.insert(DESIRED.to_owned(), json!(rollout.desired().to_string()));
    annotations.insert(MAX.to_owned(), json!((rollout.desired() + rollout.bounds().0).to_string()));
    Value::Object(annotations)
}

fn write_annotations(ctx: &mut Ctx<'_>, rollout: &mut Rollout, new: &Value, number: &str) {
    let wanted = annotations(rollout, number, Some(new));
    let min_ready =
        rollout.deployment["spec"].get("minReadySeconds").filter(|seconds| **seconds != json!(0)).cloned();
    let Some(key) = ResourceKey::of(new) else { return };
    let updated = ctx.store.update(&key, ctx.now, |set| {
        set_at(set, &["metadata", "annotations"], wanted);
        match min_ready {
            Some(seconds) => set_at(set, &["spec", "minReadySeconds"], seconds),
            None => {
                remove_at(set, &["spec", "minReadySeconds"]);
            }
        }
    });
    if let Ok(updated) = updated {
        rollout.new = Some(updated);
    }
}
