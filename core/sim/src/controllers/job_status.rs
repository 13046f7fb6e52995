//! What a Job says about itself, and when it is over.

use std::time::Duration;

use backstay_object::{
    Timestamp, bool_at, condition, condition_is_true, int_at, is_deleting, list_at, text_at,
};
use serde_json::Value;

use super::job::{COMPONENT, Count, is_indexed};
use super::pods::{Pod, is_active, is_over, is_ready};
use super::{conditions_of, put_counts};
use crate::events::{normal, source, warning};
use crate::json::json;
use crate::world::{Ctx, Task};

/// How a job is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    success: bool,
    reason: String,
    message: String,
}

fn failure(reason: &str, message: &str) -> Option<Target> {
    Some(Target { success: false, reason: reason.to_owned(), message: message.to_owned() })
}

/// When a job was over, if it is.
pub(super) fn finished(job: &Value) -> Option<Timestamp> {
    let end = ["Complete", "Failed"].into_iter().find(|end| condition_is_true(job, end))?;
    let since = text_at(condition(job, end)?, &["lastTransitionTime"])?;
    Timestamp::parse(since).ok()
}

/// When the last container of a pod ended.
pub(super) fn ended_at(pod: &Value) -> Timestamp {
    list_at(pod, &["status", "containerStatuses"])
        .iter()
        .filter_map(|status| text_at(status, &["state", "terminated", "finishedAt"]))
        .chain(text_at(pod, &["metadata", "creationTimestamp"]))
        .filter_map(|time| Timestamp::parse(time).ok())
        .max()
        .unwrap_or_default()
}

/// How the job is to end, if that is decided.
pub(super) fn target(job: &Value, pods: &[Pod], count: &Count, now: Timestamp) -> Option<Target> {
    for (kind, success) in [("FailureTarget", false), ("SuccessCriteriaMet", true)] {
        if let Some(decided) = condition(job, kind).filter(|decided| decided["status"] == "True") {
            let text = |field| text_at(decided, &[field]).unwrap_or("").to_owned();
            return Some(Target { success, reason: text("reason"), message: text("message") });
        }
    }
    let limit = int_at(job, &["spec", "backoffLimit"]).unwrap_or(6);
    if count.failed > limit || restarted_too_often(job, pods, limit) {
        return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    if deadline(job).is_some_and(|deadline| deadline <= now) {
        return failure("DeadlineExceeded", "Job was active longer than specified deadline");
    }
    let active = pods.iter().any(|pod| is_active(pod));
    let done = match int_at(job, &["spec", "completions"]) {
        Some(completions) => count.succeeded >= completions,
        None => count.succeeded > 0 && !active,
    };
    if !done || bool_at(job, &["spec", "suspend"]) == Some(true) {
        return None;
    }
    let (reason, message) = ("CompletionsReached", "Reached expected number of succeeded pods");
    Some(Target { success: true, reason: reason.to_owned(), message: message.to_owned() })
}

/// Restarts count as failures when the pods restart themselves.
fn restarted_too_often(job: &Value, pods: &[Pod], limit: i64) -> bool {
    if text_at(job, &["spec", "template", "spec", "restartPolicy"]) != Some("OnFailure") {
        return false;
    }
    let restarts: i64 = pods
        .iter()
        .filter(|pod| !is_over(pod))
        .flat_map(|pod| {
            ["initContainerStatuses", "containerStatuses"]
                .into_iter()
                .flat_map(move |list| list_at(pod, &["status", list]))
        })
        .filter_map(|status| int_at(status, &["restartCount"]))
        .sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn deadline(job: &Value) -> Option<Timestamp> {
    let seconds = u64::try_from(int_at(job, &["spec", "activeDeadlineSeconds"])?).ok()?;
    let start = Timestamp::parse(text_at(job, &["status", "startTime"])?).ok()?;
    Some(start.after(Duration::from_secs(seconds)))
}

/// Writes counters and conditions. The final condition comes when no pod is left at work.
pub(super) fn write(ctx: &mut Ctx<'_>, task: &Task, job: &Value, count: &Count, target: Option<Target>) {
    let now = ctx.time();
    let suspended = bool_at(job, &["spec", "suspend"]) == Some(true);
    let active = count.pods.iter().filter(|pod| is_active(pod));
    let ready = active.clone().filter(|pod| is_ready(pod)).count();
    let active = i64::try_from(active.count()).unwrap_or(0);
    let ending = count.pods.iter().filter(|pod| is_deleting(pod) && !is_over(pod)).count();
    let mut status = json!({"ready": ready, "terminating": ending, "uncountedTerminatedPods": {}});
    put_counts(&mut status, &[("active", active), ("succeeded", count.succeeded), ("failed", count.failed)]);
    if is_indexed(job) && !count.indexes.is_empty() {
        status["completedIndexes"] = json!(ranges(&count.indexes));
    }
    let start = job["status"].get("startTime").cloned().or_else(|| (!suspended).then(|| now.clone()));
    if let Some(start) = start {
        status["startTime"] = start;
    }
    let mut conditions = conditions_of(job);
    if let Some(target) = target {
        let note = |kind: &str| {
            json!({"type": kind, "status": "True", "reason": target.reason, "message": target.message,
                "lastProbeTime": now, "lastTransitionTime": now})
        };
        let (first, last) =
            if target.success { ("SuccessCriteriaMet", "Complete") } else { ("FailureTarget", "Failed") };
        let decided = conditions.iter().any(|condition| condition["type"] == first);
        if !decided {
            conditions.push(note(first));
            // The end is written by the next look, when the pods have been counted.
            ctx.due(task.clone(), Duration::from_millis(50));
        } else if active == 0 && ending == 0 {
            conditions.push(note(last));
            if target.success {
                status["completionTime"] = now.clone();
                ctx.event(job, source(COMPONENT), normal("Completed", "Job completed"));
            } else {
                ctx.event(job, source(COMPONENT), warning(&target.reason, &target.message));
            }
        }
    }
    if !conditions.is_empty() {
        status["conditions"] = Value::Array(conditions);
    }
    ctx.set_status(job, status.clone());
    let with_start = json!({"spec": job["spec"], "status": status});
    if let Some(deadline) = deadline(&with_start).filter(|deadline| *deadline > ctx.now) {
        ctx.due(task.clone(), deadline.since(ctx.now));
    }
}

/// `0-2,5` for 0, 1, 2, 5.
fn ranges(indexes: &[i64]) -> String {
    let mut parts: Vec<(i64, i64)> = Vec::new();
    for index in indexes {
        match parts.last_mut() {
            Some((_, end)) if *end + 1 == *index => *end = *index,
            _ => parts.push((*index, *index)),
        }
    }
    let text = |(from, to): (i64, i64)| if from == to { from.to_string() } else { format!("{from}-{to}") };
    parts.into_iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn ranges_are_joined() {
        for (indexes, text) in [(&[][..], ""), (&[3], "3"), (&[0, 1, 2, 5], "0-2,5"), (&[1, 3, 4], "1,3-4")] {
            assert_eq!(ranges(indexes), text);
        }
    }
}
