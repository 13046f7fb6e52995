//! Jobs: pods that work until enough of them have succeeded (rules of Kubernetes 1.36 `pkg/controller/job`).

use std::time::Duration;

use backstay_object::{
    ResourceKey, Timestamp, annotation, bool_at, int_at, is_deleting, list_at, name, set_at, text_at,
};
use serde_json::Value;

use super::job_status::{self, finished};
use super::pods::{Pod, is_active, is_over, phase};
use crate::events::{normal, source};
use crate::json::json;
use crate::store::{DeleteOptions, Propagation};
use crate::world::{Ctx, Task};

pub(super) const COMPONENT: &str = "job-controller";
pub(super) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// The pause after the first failure, doubled with each, and its limit, in seconds.
const BACKOFF: u64 = 10;
const BACKOFF_MAX: u64 = 600;

pub(super) fn run(ctx: &mut Ctx<'_>, task: &Task) {
    let Some(mut job) = ctx.get("batch/v1", "Job", &task.namespace, &task.name) else {
        return ctx.forget_failures(task);
    };
    if is_deleting(&job) {
        for pod in ctx.pods_of(&job) {
            release(ctx, &pod);
        }
        return;
    }
    if let Some(since) = finished(&job) {
        for pod in ctx.pods_of(&job) {
            release(ctx, &pod);
        }
        return after_the_end(ctx, task, &job, since);
    }
    if note_suspension(ctx, &mut job) {
        return;
    }
    let pods = ctx.pods_of(&job);
    let mut count = count_ended(&job, &pods);
    let target = job_status::target(&job, &pods, &count, ctx.now);
    let suspended = bool_at(&job, &["spec", "suspend"]) == Some(true);
    if target.is_some() || suspended {
        for pod in pods.iter().filter(|pod| is_active(pod)) {
            ctx.delete_pod(&job, COMPONENT, pod);
        }
    } else {
        fill(ctx, task, &job, &pods, &count);
    }
    count.pods = ctx.pods_of(&job);
    job_status::write(ctx, task, &job, &count, target);
    for pod in pods.iter().filter(|pod| is_ended(pod)) {
        release(ctx, pod);
    }
}

/// What is known about a job's pods.
pub(super) struct Count {
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    /// Indexes that succeeded, of an indexed job.
    pub(super) indexes: Vec<i64>,
    pub(super) pods: Vec<Pod>,
}

/// Over, or deleted without a kubelet that would end it.
fn is_ended(pod: &Value) -> bool {
    is_over(pod)
        || (is_deleting(pod) && int_at(pod, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0) == 0)
}

pub(super) fn is_tracked(pod: &Value) -> bool {
    list_at(pod, &["metadata", "finalizers"]).iter().any(|finalizer| finalizer == TRACKING)
}

/// Adds the pods that ended since the last time; a counted pod loses the finalizer.
fn count_ended(job: &Value, pods: &[Pod]) -> Count {
    let before = |field| int_at(job, &["status", field]).unwrap_or(0);
    let mut count = Count {
        succeeded: before("succeeded"),
        failed: before("failed"),
        indexes: Vec::new(),
        pods: Vec::new(),
    };
    for pod in pods {
        let ended = is_ended(pod) && is_tracked(pod);
        let success = phase(pod) == "Succeeded";
        count.succeeded += i64::from(ended && success);
        count.failed += i64::from(ended && !success);
        if success {
            count.indexes.extend(index_of(pod));
        }
    }
    count.indexes.sort_unstable();
    count.indexes.dedup();
    if is_indexed(job) {
        count.succeeded = i64::try_from(count.indexes.len()).unwrap_or(0);
    }
    count
}

pub(super) fn is_indexed(job: &Value) -> bool {
    text_at(job, &["spec", "completionMode"]) == Some("Indexed")
}

fn index_of(pod: &Value) -> Option<i64> {
    annotation(pod, INDEX)?.parse().ok()
}

/// Takes the finalizer from a pod that has been counted, or that nobody counts any more.
pub(super) fn release(ctx: &mut Ctx<'_>, pod: &Value) {
    if !is_tracked(pod) {
        return;
    }
    if let Some(key) = ResourceKey::of(pod) {
        // Gone already: nothing to release.
        let _ = ctx.store.update(&key, ctx.now, |pod| {
            let left: Vec<Value> = list_at(pod, &["metadata", "finalizers"])
                .iter()
                .filter(|one| *one != TRACKING)
                .cloned()
                .collect();
            if left.is_empty() {
                backstay_object::remove_at(pod, &["metadata", "finalizers"]);
            } else {
                set_at(pod, &["metadata", "finalizers"], Value::Array(left));
            }
        });
    }
}

/// Lets a pod go whose job is gone: nobody will count it.
pub(super) fn release_unowned(ctx: &mut Ctx<'_>, pod: &Value) {
    let owner = backstay_object::controller_owner(pod).and_then(|owner| text_at(owner, &["uid"]));
    if is_tracked(pod) && owner.is_none_or(|owner| ctx.store.by_uid(owner).is_none()) {
        release(ctx, pod);
    }
}

/// Sets or removes the condition Suspended. Answers whether the job was changed and is looked at again.
fn note_suspension(ctx: &mut Ctx<'_>, job: &mut Value) -> bool {
    let suspend = bool_at(job, &["spec", "suspend"]) == Some(true);
    let present = backstay_object::condition_is_true(job, "Suspended");
    if suspend == present {
        return false;
    }
    let known = backstay_object::condition(job, "Suspended").is_some();
    if !suspend && !known {
        return false;
    }
    let (truth, reason, message) = if suspend {
        ("True", "JobSuspended", "Job suspended")
    } else {
        ("False", "JobResumed", "Job resumed")
    };
    let mut status = job["status"].clone();
    if !status.is_object() {
        status = json!({});
    }
    let mut conditions = super::conditions_of(job);
    conditions.retain(|condition| condition["type"] != "Suspended");
    let now = ctx.time();
    conditions.push(json!({
        "type": "Suspended", "status": truth, "reason": reason, "message": message,
        "lastProbeTime": now, "lastTransitionTime": now,
    }));
    status["conditions"] = Value::Array(conditions);
    if suspend {
        backstay_object::remove_at(&mut status, &["startTime"]);
    } else {
        status["startTime"] = now;
    }
    ctx.set_status(job, status.clone());
    job["status"] = status;
    let event_reason = if suspend { "Suspended" } else { "Resumed" };
    ctx.event(job, source(COMPONENT), normal(event_reason, message));
    false
}

/// Creates what is missing, or asks to be called again when the pause after a failure is over.
fn fill(ctx: &mut Ctx<'_>, task: &Task, job: &Value, pods: &[Pod], count: &Count) {
    let active = i64::try_from(pods.iter().filter(|pod| is_active(pod)).count()).unwrap_or(0);
    // A pod that is being stopped still holds its place when only failed ones are replaced.
    let strict = text_at(job, &["spec", "podReplacementPolicy"]) == Some("Failed");
    let ending = pods.iter().filter(|pod| strict && is_deleting(pod) && !is_over(pod)).count();
    let parallelism = int_at(job, &["spec", "parallelism"]).unwrap_or(1);
    let wanted = match int_at(job, &["spec", "completions"]) {
        Some(completions) => parallelism.min((completions - count.succeeded).max(0)),
        // Work queue: once one has succeeded no new ones are started.
        None if count.succeeded > 0 => active,
        None => parallelism,
    };
    if active > wanted {
        let mut surplus: Vec<&Pod> = pods.iter().filter(|pod| is_active(pod)).collect();
        surplus.sort_by_cached_key(|pod| super::pods::deletion_rank(pod));
        for pod in surplus.into_iter().take(usize::try_from(active - wanted).unwrap_or(0)) {
            ctx.delete_pod(job, COMPONENT, pod);
        }
        return;
    }
    let missing = usize::try_from(wanted - active).unwrap_or(0).saturating_sub(ending);
    if missing == 0 {
        return;
    }
    if let Some(until) = pause_until(pods).filter(|until| *until > ctx.now) {
        return ctx.due(task.clone(), until.since(ctx.now));
    }
    let mut indexes = free_indexes(job, pods, count).into_iter();
    for _ in 0..missing.min(500) {
        let mut pod = ctx.pod_from(job, &job["spec"]["template"]);
        set_at(&mut pod, &["metadata", "finalizers"], json!([TRACKING]));
        if is_indexed(job) {
            let Some(index) = indexes.next() else { return };
            give_index(job, &mut pod, index);
        }
        if ctx.create_pod(job, COMPONENT, pod).is_err() {
            return ctx.retry(task.clone());
        }
    }
    ctx.forget_failures(task);
}

/// The end of the pause after the latest failures in a row.
fn pause_until(pods: &[Pod]) -> Option<Timestamp> {
    let mut ended: Vec<(Timestamp, bool)> = pods
        .iter()
        .filter(|pod| is_over(pod))
        .map(|pod| (job_status::ended_at(pod), phase(pod) == "Failed"))
        .collect();
    ended.sort_unstable();
    let failures = ended.iter().rev().take_while(|(_, failed)| *failed).count();
    let last = ended.last().filter(|_| failures > 0)?.0;
    let doublings = u32::try_from(failures - 1).unwrap_or(16).min(16);
    Some(last.after(Duration::from_secs((BACKOFF << doublings).min(BACKOFF_MAX))))
}

fn free_indexes(job: &Value, pods: &[Pod], count: &Count) -> Vec<i64> {
    let taken: Vec<i64> = pods.iter().filter(|pod| is_active(pod)).filter_map(|pod| index_of(pod)).collect();
    let completions = int_at(job, &["spec", "completions"]).unwrap_or(0);
    (0..completions).filter(|index| !taken.contains(index) && !count.indexes.contains(index)).collect()
}

fn give_index(job: &Value, pod: &mut Value, index: i64) {
    let pod_name = name(pod).to_owned();
    let suffix = pod_name.rsplit('-').next().unwrap_or("").to_owned();
    set_at(pod, &["metadata", "name"], json!(format!("{}-{index}-{suffix}", name(job))));
    set_at(pod, &["metadata", "annotations", INDEX], json!(index.to_string()));
    set_at(pod, &["metadata", "labels", INDEX], json!(index.to_string()));
    set_at(pod, &["spec", "hostname"], json!(format!("{}-{index}", name(job))));
    for list in ["initContainers", "containers"] {
        for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let mut env = list_at(container, &["env"]).to_vec();
            env.push(json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {
                "apiVersion": "v1", "fieldPath": format!("metadata.labels['{INDEX}']")}}}));
            set_at(container, &["env"], Value::Array(env));
        }
    }
}

/// Deletes a finished job when its time is over (`ttlSecondsAfterFinished`).
fn after_the_end(ctx: &mut Ctx<'_>, task: &Task, job: &Value, since: Timestamp) {
    let Some(ttl) = int_at(job, &["spec", "ttlSecondsAfterFinished"]).and_then(|ttl| u64::try_from(ttl).ok())
    else {
        return;
    };
    let until = since.after(Duration::from_secs(ttl));
    if until > ctx.now {
        ctx.due(task.clone(), until.since(ctx.now));
    } else if let Some(key) = ResourceKey::of(job) {
        // Deleted by somebody else: just as well.
        let _ = ctx.store.delete(&key, &DeleteOptions::with(Propagation::Foreground), ctx.now);
    }
}
