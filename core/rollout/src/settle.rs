//! Containers without a probe: to Kubernetes they are ready the moment they run, also when they crash a moment later. So
//! such a container counts once it has been seen running for a while, and after a crash once it has also outlived its last
//! run. From its first sight on, not from its start: a kubelet that is busy tells of a start, and of an end, seconds late.
//!
//! Only with our own rules: Helm's definitions of ready have no such thing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use backstay_health::{Assessment, ReadinessRules, Related, Status, new_pods};
use backstay_object::{Timestamp, at, format_duration, int_at, kind, list_at, text_at};
use serde_json::Value;

use crate::view::Measure;

/// Times of containers are cut to whole seconds.
const PRECISION: Duration = Duration::from_secs(1);
/// How much later than it happened an end may be told.
const LATENESS: Duration = Duration::from_secs(10);

/// A container that has to run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settling {
    /// When it was started, by the cluster's clock.
    started: Timestamp,
    /// When it has surely run for longer than it did before it crashed; at once where it did not crash.
    pub(crate) outlives: Timestamp,
    /// When it counts.
    pub(crate) until: Timestamp,
}

/// Takes back the readiness of an object one of whose containers has to run on; `before` is what was said of it last.
pub(crate) fn judge(
    object: &Value,
    related: &Related<'_>,
    measure: &Measure<'_>,
    before: Option<&Settling>,
    assessment: &mut Assessment,
) -> Option<Settling> {
    let policy = measure.circumstances.policy;
    let now = measure.circumstances.now;
    if !assessment.readiness.is_current()
        || policy.readiness != ReadinessRules::Backstay
        || policy.settle_grace_ms == 0
        || matches!(kind(object), "Job" | "CronJob")
    {
        return None;
    }
    let pods = if kind(object) == "Pod" {
        alloc::vec![object]
    } else {
        new_pods(object, related, measure.circumstances.since)
    };
    let settle = Duration::from_millis(policy.settle_grace_ms);
    // A controller counts such a container as ready for a moment after it has ended.
    if let Some(container) = pods.iter().find_map(|pod| ended(pod)) {
        assessment.readiness.status = Status::InProgress;
        assessment.readiness.message = format!("container {container} has ended");
        return None;
    }
    let young = pods.into_iter().flat_map(|pod| unprobed(pod, measure.circumstances.since));
    let (container, started, lasted) = young.max_by_key(|(_, started, lasted)| started.after(*lasted))?;
    let needs = settle + lasted;
    let settling = match before {
        Some(before) if before.started == started => before.clone(),
        // Had it ended meanwhile, that would have been told by now.
        _ if started.after(needs + LATENESS) <= now => return None,
        _ => {
            Settling { started, outlives: started.min(now).after(outlived(lasted)), until: now.after(needs) }
        }
    };
    if settling.until <= now {
        return None;
    }
    let has_crashed = if lasted.is_zero() { "" } else { " more than before it crashed" };
    assessment.readiness.status = Status::InProgress;
    assessment.readiness.message = format!(
        "container {container} has no probe: it counts once it has run for {}{has_crashed}",
        format_duration(settle)
    );
    Some(settling)
}

/// How long a run has to last to be surely longer than one that lasted so: both ends of both are cut to seconds.
fn outlived(lasted: Duration) -> Duration {
    if lasted.is_zero() { lasted } else { lasted + 2 * PRECISION }
}

/// Names and states of a pod's containers that no probe asks; none of a pod that is meant to end.
fn without_probe(pod: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let ends = matches!(text_at(pod, &["spec", "restartPolicy"]), Some("Never" | "OnFailure"));
    let containers = list_at(pod, &["spec", "containers"]).iter().filter(move |container| {
        !ends && ["readinessProbe", "startupProbe"].iter().all(|probe| at(container, &[probe]).is_none())
    });
    let statuses = list_at(pod, &["status", "containerStatuses"]);
    containers.filter_map(|container| {
        let name = text_at(container, &["name"])?;
        let status = statuses.iter().find(|status| text_at(status, &["name"]) == Some(name))?;
        Some((name, status))
    })
}

/// A container without a probe that has ended, or waits to be started again.
fn ended(pod: &Value) -> Option<String> {
    let is_down = |status: &Value| {
        at(status, &["state", "terminated"]).is_some()
            || text_at(status, &["state", "waiting", "reason"]) == Some("CrashLoopBackOff")
    };
    without_probe(pod).find(|(_, status)| is_down(status)).map(|(name, _)| String::from(name))
}

/// The running containers of a pod that no probe asks: name, start, and how long the run before lasted if it crashed.
fn unprobed(pod: &Value, since: Timestamp) -> Vec<(String, Timestamp, Duration)> {
    without_probe(pod)
        .filter_map(|(name, status)| {
            let started = time_at(status, &["state", "running", "startedAt"])?;
            Some((String::from(name), started, last_run(status, since).unwrap_or_default()))
        })
        .collect()
}

/// How long the run before lasted, if it crashed since the rollout began.
fn last_run(status: &Value, since: Timestamp) -> Option<Duration> {
    let ended = time_at(status, &["lastState", "terminated", "finishedAt"])?;
    let started = time_at(status, &["lastState", "terminated", "startedAt"])?;
    let crashed = int_at(status, &["lastState", "terminated", "exitCode"]) != Some(0);
    (crashed && ended.after(PRECISION) > since).then(|| ended.since(started))
}

fn time_at(object: &Value, path: &[&str]) -> Option<Timestamp> {
    Timestamp::parse(text_at(object, path)?).ok()
}
