//! What a Deployment says about itself: counters and the conditions Available, Progressing and ReplicaFailure.

use std::time::Duration;

use backstay_object::{Timestamp, condition, int_at, name, set_at, text_at};
use serde_json::Value;

use super::deployment::{Rollout, replicas};
use super::{conditions_of, put_counts};
use crate::json::json;
use crate::world::{Ctx, Duty, Task};

fn sum(rollout: &Rollout, field: &str) -> i64 {
    rollout.all().map(|set| int_at(set, &["status", field]).unwrap_or(0)).sum()
}

fn count(status: &Value, field: &str) -> i64 {
    status.get(field).and_then(Value::as_i64).unwrap_or(0)
}

/// The counters, without conditions.
fn counters(rollout: &Rollout) -> Value {
    let deployment = &rollout.deployment;
    let available = sum(rollout, "availableReplicas");
    let asked: i64 = rollout.all().map(|set| replicas(set)).sum();
    let updated = rollout.new.as_ref().map_or(0, |new| int_at(new, &["status", "replicas"]).unwrap_or(0));
    let mut status = json!({"terminatingReplicas": sum(rollout, "terminatingReplicas")});
    for field in ["collisionCount"] {
        if let Some(value) = deployment["status"].get(field) {
            status[field] = value.clone();
        }
    }
    status["observedGeneration"] = deployment["metadata"]["generation"].clone();
    put_counts(
        &mut status,
        &[
            ("replicas", sum(rollout, "replicas")),
            ("updatedReplicas", updated),
            ("readyReplicas", sum(rollout, "readyReplicas")),
            ("availableReplicas", available),
            ("unavailableReplicas", asked - available),
        ],
    );
    status
}

fn complete_by(rollout: &Rollout, status: &Value) -> bool {
    let desired = replicas(&rollout.deployment);
    ["updatedReplicas", "replicas", "availableReplicas"].iter().all(|field| count(status, field) == desired)
}

/// Whether all pods are of the newest template and available.
pub(super) fn complete(rollout: &Rollout) -> bool {
    complete_by(rollout, &counters(rollout))
}

/// `[type, status, reason, message]` into a list of conditions; nothing moves while status and reason stay, unless
/// `refresh` asks for a new update time.
fn put(conditions: &mut Vec<Value>, [kind, truth, reason, message]: [&str; 4], now: &Value, refresh: bool) {
    let mut since = now.clone();
    if let Some(at) = conditions.iter().position(|present| present["type"] == kind) {
        let same_status = conditions.get(at).is_some_and(|present| present["status"] == truth);
        let same_reason = conditions.get(at).is_some_and(|present| present["reason"] == reason);
        if same_status && same_reason && !refresh {
            return;
        }
        let old = conditions.remove(at);
        if same_status {
            since = old["lastTransitionTime"].clone();
        }
    }
    conditions.push(json!({
        "type": kind, "status": truth, "reason": reason, "message": message,
        "lastUpdateTime": now, "lastTransitionTime": since,
    }));
}

/// Writes one condition of a deployment at once.
pub(super) fn put_deployment_condition(ctx: &mut Ctx<'_>, deployment: &mut Value, condition: [&str; 4]) {
    let mut conditions = conditions_of(deployment);
    put(&mut conditions, condition, &ctx.time(), false);
    let mut status =
        deployment.get("status").filter(|status| status.is_object()).cloned().unwrap_or_else(|| json!({}));
    status["conditions"] = Value::Array(conditions);
    ctx.set_status(deployment, status.clone());
    set_at(deployment, &["status"], status);
}

/// Notes that the deployment was paused or goes on.
pub(super) fn note_pause(ctx: &mut Ctx<'_>, deployment: &mut Value, paused: bool) {
    if deployment["spec"].get("progressDeadlineSeconds").is_none() {
        return;
    }
    let reason = condition(deployment, "Progressing").and_then(|condition| text_at(condition, &["reason"]));
    let reason = reason.unwrap_or("").to_owned();
    if reason == "ProgressDeadlineExceeded" {
        return;
    }
    if paused && reason != "DeploymentPaused" {
        put_deployment_condition(
            ctx,
            deployment,
            ["Progressing", "Unknown", "DeploymentPaused", "Deployment is paused"],
        );
    } else if !paused && reason == "DeploymentPaused" {
        put_deployment_condition(
            ctx,
            deployment,
            ["Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed"],
        );
    }
}

/// Writes the status; judges the progress only when `judge` (not while paused or being resized).
pub(super) fn write(ctx: &mut Ctx<'_>, rollout: &Rollout, judge: bool) {
    let deployment = &rollout.deployment;
    let now = ctx.time();
    let mut status = counters(rollout);
    let mut conditions = conditions_of(deployment);
    let available = if count(&status, "availableReplicas") >= replicas(deployment) - rollout.bounds().1 {
        ["Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."]
    } else {
        ["Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."]
    };
    put(&mut conditions, available, &now, false);
    if judge {
        judge_progress(ctx, rollout, &status, &mut conditions);
        note_failure(rollout, &mut conditions, &now);
    }
    status["conditions"] = Value::Array(conditions);
    ctx.set_status(deployment, status);
}

fn deadline(deployment: &Value) -> Option<Duration> {
    let seconds = int_at(deployment, &["spec", "progressDeadlineSeconds"])?;
    // The largest value means none (`HasProgressDeadline`).
    if seconds >= i64::from(i32::MAX) { None } else { u64::try_from(seconds).ok().map(Duration::from_secs) }
}

fn judge_progress(ctx: &mut Ctx<'_>, rollout: &Rollout, status: &Value, conditions: &mut Vec<Value>) {
    let deployment = &rollout.deployment;
    let Some(deadline) = deadline(deployment) else { return };
    let progressing =
        |conditions: &[Value]| conditions.iter().find(|one| one["type"] == "Progressing").cloned();
    let present = progressing(conditions);
    let reason = present.as_ref().and_then(|present| text_at(present, &["reason"])).unwrap_or("").to_owned();
    let all_new = count(status, "replicas") == count(status, "updatedReplicas");
    if all_new && reason == "NewReplicaSetAvailable" {
        return;
    }
    let now = ctx.time();
    let who = match &rollout.new {
        Some(new) => format!("ReplicaSet \"{}\"", name(new)),
        None => format!("Deployment \"{}\"", name(deployment)),
    };
    if complete_by(rollout, status) {
        let message = format!("{who} has successfully progressed.");
        put(conditions, ["Progressing", "True", "NewReplicaSetAvailable", &message], &now, false);
    } else if moved(&deployment["status"], status) {
        let message = format!("{who} is progressing.");
        put(conditions, ["Progressing", "True", "ReplicaSetUpdated", &message], &now, true);
    } else if present
        .as_ref()
        .and_then(|present| expiry(present, deadline))
        .is_some_and(|until| until <= ctx.now)
    {
        let message = format!("{who} has timed out progressing.");
        put(conditions, ["Progressing", "False", "ProgressDeadlineExceeded", &message], &now, false);
    }
    let until = progressing(conditions).and_then(|present| expiry(&present, deadline));
    if let Some(until) = until.filter(|until| *until > ctx.now) {
        ctx.due(Task::of(Duty::Deployment, deployment), until.since(ctx.now));
    }
}

/// Whether there is more of the new, or less of the old, than before.
fn moved(before: &Value, after: &Value) -> bool {
    let old = |status: &Value| count(status, "replicas") - count(status, "updatedReplicas");
    count(after, "updatedReplicas") > count(before, "updatedReplicas")
        || old(after) < old(before)
        || count(after, "readyReplicas") > count(before, "readyReplicas")
        || count(after, "availableReplicas") > count(before, "availableReplicas")
}

/// When progress was to be seen at the latest; one second is added since times are kept in whole seconds.
fn expiry(progressing: &Value, deadline: Duration) -> Option<Timestamp> {
    if matches!(
        text_at(progressing, &["reason"]),
        Some("NewReplicaSetAvailable" | "ProgressDeadlineExceeded" | "DeploymentPaused")
    ) {
        return None;
    }
    let since = Timestamp::parse(text_at(progressing, &["lastUpdateTime"])?).ok()?;
    Some(since.after(deadline).after(Duration::from_secs(1)))
}

/// Takes over the failure of a ReplicaSet, the newest first.
fn note_failure(rollout: &Rollout, conditions: &mut Vec<Value>, now: &Value) {
    let failure = rollout.new.iter().chain(&rollout.old).find_map(|set| condition(set, "ReplicaFailure"));
    match failure {
        Some(failure) => {
            let text = |field| text_at(failure, &[field]).unwrap_or("").to_owned();
            put(
                conditions,
                ["ReplicaFailure", &text("status"), &text("reason"), &text("message")],
                now,
                false,
            );
        }
        None => conditions.retain(|condition| condition["type"] != "ReplicaFailure"),
    }
}
