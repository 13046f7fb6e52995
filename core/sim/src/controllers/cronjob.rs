//! CronJobs: a Job at every scheduled minute (UTC; a `timeZone` is not looked at).

use std::sync::Arc;
use std::time::Duration;

use backstay_object::{
    ResourceKey, Timestamp, bool_at, int_at, is_deleting, name, namespace, set_at, text_at, uid,
};
use serde_json::Value;

use super::job_status::finished;
use super::schedule::{MINUTE, Schedule};
use crate::events::{normal, source, warning};
use crate::json::json;
use crate::store::{DeleteOptions, Propagation};
use crate::world::{Ctx, Duty, Task};

const COMPONENT: &str = "cronjob-controller";

pub(super) fn run(ctx: &mut Ctx<'_>, space: &str, cron_name: &str) {
    let Some(cron) = ctx.get("batch/v1", "CronJob", space, cron_name) else { return };
    if is_deleting(&cron) {
        return;
    }
    let mut status =
        cron.get("status").filter(|status| status.is_object()).cloned().unwrap_or_else(|| json!({}));
    let jobs: Vec<Arc<Value>> = ctx
        .store
        .dependents(uid(&cron))
        .filter(|(key, _)| key.kind == "Job")
        .map(|(_, job)| job.clone())
        .collect();
    let active: Vec<Arc<Value>> = jobs.iter().filter(|job| finished(job).is_none()).cloned().collect();
    note_finished(ctx, &cron, &jobs, &mut status);
    trim(ctx, &cron, &jobs);
    let text = text_at(&cron, &["spec", "schedule"]).unwrap_or("").to_owned();
    let Some(schedule) = Schedule::parse(&text) else {
        let message = format!("unparseable schedule: \"{text}\"");
        return ctx.event(&cron, source(COMPONENT), warning("UnparseableSchedule", &message));
    };
    let mut references: Vec<Value> = active.iter().map(|job| reference(job)).collect();
    if bool_at(&cron, &["spec", "suspend"]) != Some(true) {
        let time = |path: &[&str]| text_at(&cron, path).and_then(|text| Timestamp::parse(text).ok());
        let last = time(&["status", "lastScheduleTime"])
            .or_else(|| time(&["metadata", "creationTimestamp"]))
            .unwrap_or(ctx.now);
        if let Some(due) = schedule.latest(last, ctx.now)
            && let Some(job) = start(ctx, &cron, &active, due)
        {
            if text_at(&cron, &["spec", "concurrencyPolicy"]) == Some("Replace") {
                references.clear();
            }
            references.push(reference(&job));
            status["lastScheduleTime"] = json!(due.to_rfc3339_seconds());
        }
        if let Some(next) = schedule.next(ctx.now) {
            ctx.due(Task::of(Duty::CronJob, &cron), next.since(ctx.now));
        }
    }
    if references.is_empty() {
        backstay_object::remove_at(&mut status, &["active"]);
    } else {
        status["active"] = Value::Array(references);
    }
    ctx.set_status(&cron, status);
}

fn reference(job: &Value) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "name": name(job), "namespace": namespace(job),
        "uid": uid(job), "resourceVersion": job["metadata"]["resourceVersion"]})
}

fn note_finished(ctx: &mut Ctx<'_>, cron: &Value, jobs: &[Arc<Value>], status: &mut Value) {
    let listed = backstay_object::list_at(cron, &["status", "active"]).to_vec();
    for job in jobs.iter().filter(|job| listed.iter().any(|entry| entry["uid"] == job["metadata"]["uid"])) {
        if finished(job).is_none() {
            continue;
        }
        let complete = backstay_object::condition_is_true(job, "Complete");
        let message = format!(
            "Saw completed job: {}, condition: {}",
            name(job),
            if complete { "Complete" } else { "Failed" }
        );
        ctx.event(cron, source(COMPONENT), normal("SawCompletedJob", &message));
        if let Some(time) = job["status"].get("completionTime") {
            status["lastSuccessfulTime"] = time.clone();
        }
    }
}

fn start(ctx: &mut Ctx<'_>, cron: &Value, active: &[Arc<Value>], due: Timestamp) -> Option<Arc<Value>> {
    let policy = text_at(cron, &["spec", "concurrencyPolicy"]).unwrap_or("Allow");
    let late =
        int_at(cron, &["spec", "startingDeadlineSeconds"]).and_then(|seconds| u64::try_from(seconds).ok());
    if late.is_some_and(|late| due.after(Duration::from_secs(late)) < ctx.now) {
        let message = format!("Missed scheduled time to start a job: {}", due.to_rfc3339_seconds());
        ctx.event(cron, source(COMPONENT), warning("MissSchedule", &message));
        return None;
    }
    if policy == "Forbid" && !active.is_empty() {
        let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
        ctx.event(cron, source(COMPONENT), normal("JobAlreadyActive", message));
        return None;
    }
    if policy == "Replace" {
        for job in active {
            delete(ctx, cron, job);
        }
    }
    let template = &cron["spec"]["jobTemplate"];
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": format!("{}-{}", name(cron), due.0 / MINUTE),
            "namespace": namespace(cron),
            "annotations": super::joined(&template["metadata"]["annotations"], &[
                ("batch.kubernetes.io/cronjob-scheduled-timestamp", &due.to_rfc3339_seconds()),
            ]),
            "ownerReferences": super::owner_references(cron),
        },
        "spec": template["spec"],
    });
    if let Some(labels) = template["metadata"].get("labels") {
        set_at(&mut job, &["metadata", "labels"], labels.clone());
    }
    match ctx.create(job) {
        Ok(job) => {
            let message = format!("Created job {}", name(&job));
            ctx.event(cron, source(COMPONENT), normal("SuccessfulCreate", &message));
            Some(job)
        }
        Err(error) => {
            let message = format!("Error creating job: {}", error.message);
            ctx.event(cron, source(COMPONENT), warning("FailedCreate", &message));
            None
        }
    }
}

fn delete(ctx: &mut Ctx<'_>, cron: &Value, job: &Value) {
    let options = DeleteOptions::with(Propagation::Background);
    if let Some(key) = ResourceKey::of(job)
        && ctx.store.delete(&key, &options, ctx.now).is_ok()
    {
        let message = format!("Deleted job {}", name(job));
        ctx.event(cron, source(COMPONENT), normal("SuccessfulDelete", &message));
    }
}

/// Deletes the oldest finished jobs beyond the history limits.
fn trim(ctx: &mut Ctx<'_>, cron: &Value, jobs: &[Arc<Value>]) {
    for (end, field, default) in
        [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
    {
        let limit = usize::try_from(int_at(cron, &["spec", field]).unwrap_or(default)).unwrap_or(0);
        let mut ended: Vec<&Arc<Value>> = jobs
            .iter()
            .filter(|job| backstay_object::condition_is_true(job, end) && !is_deleting(job))
            .collect();
        ended.sort_by_key(|job| text_at(job, &["metadata", "creationTimestamp"]).unwrap_or("").to_owned());
        for job in ended.iter().take(ended.len().saturating_sub(limit)) {
            delete(ctx, cron, job);
        }
    }
}
