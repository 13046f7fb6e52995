//! Baking: everything is ready and has to stay so. A restart or a lost readiness within the window is a failure.
//!
//! What happened is read from the pods' own times, so that a host which died in the middle sees it all the same. Pods that
//! come and go (an autoscaler, a drained node, somebody's `kubectl scale`) are no failure; that everything is ready at
//! the end of the window is.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use backstay_health::{Cause, CauseCode, Class, Finding, Readiness, Related, new_pods};
use backstay_object::{
    ResourceKey, Timestamp, condition, format_duration, int_at, kind, list_at, name, text_at,
};
use serde_json::Value;

use crate::contract::ActionKind;
use crate::decide::{Context, Decision, Waited, awaited, has_looked_since, wait_for};
use crate::forward;
use crate::journal::JournalEvent;

/// The next decision of the phase.
pub(crate) fn bake(context: &Context<'_>) -> Decision {
    let steps: Vec<usize> = (0..context.plan.wave_count()).flat_map(|wave| context.plan.wave(wave)).collect();
    let keys = awaited(context.plan, context.policy, &steps);
    let (deadline, since) = (context.state.forward_deadline, context.state.phase_since);
    let end = since.after(Duration::from_millis(context.policy.bake_ms));
    let findings = || {
        let assessed = keys.iter().filter_map(|key| context.view.assessment(key));
        assessed.flat_map(|assessment| &assessment.findings)
    };
    let earliest = findings().filter(|finding| finding.condemned_at.is_some()).min_by_key(at);
    if let Some(finding) = earliest.filter(|finding| at(finding) <= context.now) {
        return Decision::Record(JournalEvent::Condemned { cause: finding.cause.clone() });
    }
    if end > deadline {
        return Decision::Record(JournalEvent::Condemned { cause: too_late(context, deadline) });
    }
    if context.now < end {
        return Decision::Wait(Some(earliest.map_or(end, |finding| at(&finding).min(end))));
    }
    // A watch that was cut shows nothing: the window is over only for what a look after it has seen.
    if !has_looked_since(context, Some(end)) && !keys.is_empty() {
        return Decision::Read(ActionKind::Look { keys });
    }
    match wait_for(context, &keys, deadline) {
        Waited::Ready => forward::after_objects(context),
        Waited::Decide(decision) => decision,
        Waited::Never(cause) => Decision::Record(JournalEvent::Condemned { cause }),
    }
}

fn at(finding: &&Finding) -> Timestamp {
    finding.condemned_at.unwrap_or(Timestamp::MAX)
}

fn too_late(context: &Context<'_>, deadline: Timestamp) -> Cause {
    let left = format_duration(deadline.since(context.now));
    let bake = format_duration(Duration::from_millis(context.policy.bake_ms));
    Cause {
        code: CauseCode::DeadlineExceeded,
        class: Class::FatalNow,
        object: crate::decide::release_key(context.plan),
        pod: None,
        container: None,
        message: format!(
            "everything became ready, but {left} before the deadline, which leaves no {bake} to bake"
        ),
        hint: "raise --timeout or lower --bake".to_string(),
        first_seen: context.now,
    }
}

/// What shows that an object has not stayed as it was at `since`.
pub(crate) fn instability(
    key: &ResourceKey,
    object: &Value,
    related: &Related<'_>,
    readiness: &Readiness,
    since: Timestamp,
) -> Option<Finding> {
    if matches!(kind(object), "Job" | "CronJob") {
        return None;
    }
    let pods = if kind(object) == "Pod" {
        alloc::vec![object]
    } else {
        new_pods(object, related, Timestamp::default())
    };
    let shaken = pods.iter().filter_map(|pod| shaken(pod, since)).min_by_key(|(_, _, at)| *at);
    let (pod, container, message, at) = match shaken {
        Some((pod, (container, message), at)) => (Some(name(pod)), container, message, at),
        None if pods.is_empty() && is_custom(&key.group) && !readiness.is_current() => {
            (None, None, format!("it was ready and is not any more: {}", readiness.message), since)
        }
        None => return None,
    };
    let code = CauseCode::NotStable;
    let cause = Cause {
        code,
        class: Class::FatalNow,
        object: key.clone(),
        pod: pod.map(ToString::to_string),
        container,
        message,
        hint: code.hint().to_string(),
        first_seen: at,
    };
    Some(Finding { cause, condemned_at: Some(at) })
}

/// What happened to a pod, and at which of its containers.
type Shock<'a> = (&'a Value, (Option<String>, String), Timestamp);

fn shaken(pod: &Value, since: Timestamp) -> Option<Shock<'_>> {
    if text_at(pod, &["status", "phase"]) == Some("Succeeded") || backstay_object::is_deleting(pod) {
        return None;
    }
    let restart = list_at(pod, &["status", "containerStatuses"]).iter().find_map(|status| {
        let ended = ["state", "lastState"].into_iter().find_map(|state| {
            let at = time_at(status, &[state, "terminated", "finishedAt"])?;
            (at >= since).then_some((at, state))
        });
        let (at, state) = ended?;
        let container = text_at(status, &["name"]).unwrap_or_default();
        let code = int_at(status, &[state, "terminated", "exitCode"]).unwrap_or(0);
        let reason = text_at(status, &[state, "terminated", "reason"]).unwrap_or("Error");
        let message = format!(
            "container {container} ended with exit code {code} ({reason}) after everything was ready"
        );
        Some((pod, (Some(container.to_string()), message), at))
    });
    restart.or_else(|| {
        let ready = condition(pod, "Ready")?;
        let lost = text_at(ready, &["status"]) == Some("False");
        let at = time_at(ready, &["lastTransitionTime"])?;
        // A pod that was not there before has no readiness to lose.
        let was_there = time_at(pod, &["status", "startTime"]).is_some_and(|start| start < since);
        let why = text_at(ready, &["message"]).or_else(|| text_at(ready, &["reason"])).unwrap_or("not ready");
        (lost && at >= since && was_there)
            .then(|| (pod, (None, format!("pod {} lost its readiness: {why}", name(pod))), at))
    })
}

fn time_at(object: &Value, path: &[&str]) -> Option<Timestamp> {
    Timestamp::parse(text_at(object, path)?).ok()
}

/// Whether a group is somebody's own rather than Kubernetes'.
fn is_custom(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}
