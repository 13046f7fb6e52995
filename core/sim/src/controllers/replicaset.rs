//! ReplicaSets: as many pods as asked for.

use std::time::Duration;

use backstay_object::{int_at, is_deleting, labels_match, map_at};
use serde_json::Value;

use super::pods::{Pod, deletion_rank, is_active, is_over, is_ready};
use super::{conditions_of, put_condition, put_counts};
use crate::json::json;
use crate::store::ApiError;
use crate::world::{Ctx, Task};

const COMPONENT: &str = "replicaset-controller";

pub(super) fn run(ctx: &mut Ctx<'_>, task: &Task) {
    let Some(set) = ctx.get("apps/v1", "ReplicaSet", &task.namespace, &task.name) else {
        return ctx.forget_failures(task);
    };
    let pods = ctx.pods_of(&set);
    let mut refused = None;
    if !is_deleting(&set) {
        refused = manage(ctx, &set, &pods).err();
        match refused {
            Some(_) => ctx.retry(task.clone()),
            None => ctx.forget_failures(task),
        }
    }
    // The pods made just now count with the next look, when their watch event has arrived.
    write_status(ctx, task, &set, &pods, refused.as_ref());
}

/// Creates or deletes pods; stops at the first refusal.
fn manage(ctx: &mut Ctx<'_>, set: &Value, pods: &[Pod]) -> Result<(), ApiError> {
    let active: Vec<&Pod> = pods.iter().filter(|pod| is_active(pod)).collect();
    let wanted = usize::try_from(int_at(set, &["spec", "replicas"]).unwrap_or(1)).unwrap_or(0);
    // At most 500 at once (`BurstReplicas`); the rest follows with the changes these make.
    for _ in 0..wanted.saturating_sub(active.len()).min(500) {
        let pod = ctx.pod_from(set, &set["spec"]["template"]);
        ctx.create_pod(set, COMPONENT, pod)?;
    }
    let surplus = active.len().saturating_sub(wanted).min(500);
    if surplus > 0 {
        let mut active = active;
        active.sort_by_cached_key(|pod| deletion_rank(pod));
        for pod in active.into_iter().take(surplus) {
            ctx.delete_pod(set, COMPONENT, pod);
        }
    }
    Ok(())
}

fn write_status(ctx: &mut Ctx<'_>, task: &Task, set: &Value, pods: &[Pod], refused: Option<&ApiError>) {
    let min_ready = int_at(set, &["spec", "minReadySeconds"]).unwrap_or(0);
    let labels = map_at(set, &["spec", "template", "metadata", "labels"]).cloned().unwrap_or_default();
    let (mut total, mut labelled, mut ready, mut available, mut ending) = (0, 0, 0, 0, 0);
    let mut next: Option<Duration> = None;
    for pod in pods {
        if is_deleting(pod) {
            ending += i64::from(!is_over(pod));
            continue;
        }
        if is_over(pod) {
            continue;
        }
        total += 1;
        labelled += i64::from(labels_match(&labels, map_at(pod, &["metadata", "labels"])));
        ready += i64::from(is_ready(pod));
        match ctx.available(pod, min_ready) {
            Ok(()) => available += 1,
            Err(Some(at)) => next = Some(next.map_or(at.since(ctx.now), |next| next.min(at.since(ctx.now)))),
            Err(None) => {}
        }
    }
    let mut status = json!({"replicas": total, "terminatingReplicas": ending});
    if let Some(generation) = set["metadata"].get("generation") {
        status["observedGeneration"] = generation.clone();
    }
    put_counts(
        &mut status,
        &[("fullyLabeledReplicas", labelled), ("readyReplicas", ready), ("availableReplicas", available)],
    );
    let mut conditions = conditions_of(set);
    match refused {
        Some(error) => {
            let now = ctx.time();
            let failure = json!({
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": error.message,
            });
            // The first message stays until the failure is over, as in Kubernetes.
            if !conditions.iter().any(|present| present["type"] == "ReplicaFailure") {
                put_condition(&mut conditions, failure, &now);
            }
        }
        None => conditions.retain(|condition| condition["type"] != "ReplicaFailure"),
    }
    if !conditions.is_empty() {
        status["conditions"] = Value::Array(conditions);
    }
    ctx.set_status(set, status);
    if let Some(next) = next {
        ctx.due(task.clone(), next.max(Duration::from_millis(100)));
    }
}
