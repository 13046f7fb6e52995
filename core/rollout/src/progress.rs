//! Patience: while replicas advance, the time for *no progress* begins again; the deadline of the whole never moves.
//!
//! Only pods whose containers all run are judged here: what waits for a node, an image or a volume has a grace of its own,
//! and how long a pull takes nobody can know. The patience is what the manifest allows one pod, see
//! [`backstay_plan::patience`].

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use backstay_health::{
    Assessment, Cause, CauseCode, Circumstances, Class, FailFast, Finding, Related, new_pods,
};
use backstay_object::{
    ResourceKey, Timestamp, bool_at, format_duration, int_at, is_deleting, kind, list_at, name, text_at, uid,
};
use serde_json::Value;

use crate::view::Measure;

/// Adds the time from which the lack of progress is a verdict.
pub(crate) fn judge(
    key: &ResourceKey,
    object: &Value,
    related: &Related<'_>,
    measure: &Measure<'_>,
    assessment: &mut Assessment,
) {
    let Circumstances { policy, siblings, since, .. } = measure.circumstances;
    // What comes up beside it may be what it waits for.
    if assessment.readiness.is_current() || policy.fail_fast == FailFast::Off || siblings.are_coming_up {
        return;
    }
    let Some((computed_ms, how)) = backstay_plan::patience(object) else { return };
    let (patience_ms, how) = match measure.patience_ms {
        Some(given) => (given, format_duration(Duration::from_millis(given))),
        None => (computed_ms, how),
    };
    let since = since.max(siblings.settled_at.unwrap_or(since));
    let Some((pod, last)) = stalled(object, related, since, &measure.circumstances) else {
        return;
    };
    let condemned_at = Some(last.after(Duration::from_millis(patience_ms)));
    let class = Class::AfterGrace { grace_ms: patience_ms };
    let patience = format_duration(Duration::from_millis(patience_ms));
    // It is told while the time runs, too.
    let waited = format!("{patience} without progress is the limit ({how})");
    // The probe's own words explain more than the lack of progress does.
    let probe = assessment.findings.iter_mut().find(|finding| {
        finding.cause.code == CauseCode::ProbeFailing && finding.cause.pod.as_deref() == Some(name(pod))
    });
    match probe {
        Some(finding) => {
            finding.condemned_at = condemned_at;
            finding.cause.class = class;
            finding.cause.message = format!("{}; {waited}", finding.cause.message);
        }
        None => {
            let code = CauseCode::NoProgress;
            let cause = Cause {
                code,
                class,
                object: key.clone(),
                pod: Some(name(pod).to_string()),
                container: None,
                message: format!("{}: {waited}", assessment.readiness.message),
                hint: "see what its pods log while they start; a startupProbe says how long a start may take"
                    .into(),
                first_seen: last,
            };
            assessment.findings.push(Finding { cause, condemned_at });
        }
    }
    assessment.findings.sort_by_key(|finding| (finding.condemned_at.is_none(), finding.condemned_at));
}

/// A pod that runs and does not become ready, and when the object's pods last advanced; `None` while one of them is on
/// its way for another reason.
fn stalled<'a>(
    object: &'a Value,
    related: &Related<'a>,
    since: Timestamp,
    circumstances: &Circumstances<'_>,
) -> Option<(&'a Value, Timestamp)> {
    let pods = if kind(object) == "Pod" { alloc::vec![object] } else { new_pods(object, related, since) };
    let mut last = since;
    let mut stalled = None;
    for pod in pods.into_iter().filter(|pod| !is_deleting(pod)) {
        last = last.max(advanced(pod)).max(changed_its_answer(pod, related).unwrap_or_default());
        if is_ready(pod) {
            continue;
        }
        if !runs_and_waits(pod) {
            return None;
        }
        if circumstances.was_there(pod) {
            last = last.max(begun_anew(pod, circumstances.applied_at));
        }
        stalled = stalled.or(Some(pod));
    }
    stalled.map(|pod| (pod, last))
}

/// How many ways of failing a probe may go through on its way up.
const MOST_WAYS: usize = 3;

/// When its probe last failed in a way in which it had not failed before: an application that refuses connections, then answers
/// that it is not ready, comes further. Numbers in the words (addresses, times) make no other way.
fn changed_its_answer(pod: &Value, related: &Related<'_>) -> Option<Timestamp> {
    let about = |event: &&&Value| {
        text_at(event, &["involvedObject", "uid"]) == Some(uid(pod))
            && text_at(event, &["reason"]) == Some("Unhealthy")
    };
    let mut ways: BTreeMap<String, Timestamp> = BTreeMap::new();
    for event in related.events.iter().filter(about) {
        let first = ["firstTimestamp", "eventTime"].iter().find_map(|field| text_at(event, &[field]));
        let Some(first) = first.and_then(|text| Timestamp::parse(text).ok()) else { continue };
        let words = text_at(event, &["message"]).unwrap_or("");
        let way = words.chars().filter(|letter| letter.is_ascii_alphabetic()).collect::<String>();
        let known = ways.entry(way).or_insert(first);
        *known = first.min(*known);
    }
    let mut times: Vec<Timestamp> = ways.into_values().collect();
    times.sort_unstable();
    // The first way is how every start looks. Words that are never the same come no further.
    times.into_iter().take(MOST_WAYS).skip(1).last()
}

fn is_ready(pod: &Value) -> bool {
    backstay_object::condition_is_true(pod, "Ready")
}

/// Whether every container runs, and one of them is not ready.
fn runs_and_waits(pod: &Value) -> bool {
    let statuses = list_at(pod, &["status", "containerStatuses"]);
    let runs = |status: &Value| status.get("state").is_some_and(|state| state.get("running").is_some());
    !statuses.is_empty()
        && statuses.iter().all(runs)
        && statuses.iter().any(|status| bool_at(status, &["ready"]) == Some(false))
}

/// From when on a pod that was there before has its time: when the objects were applied, or when its containers were started
/// again for the first time since. A kubelet that backs off may let minutes pass until then.
fn begun_anew(pod: &Value, applied_at: Timestamp) -> Timestamp {
    let time = |status: &Value, path: &[&str]| Timestamp::parse(text_at(status, path)?).ok();
    let has_crashed = |status: &&Value| {
        time(status, &["lastState", "terminated", "finishedAt"]).is_some_and(|at| at >= applied_at)
    };
    let statuses = list_at(pod, &["status", "containerStatuses"]).iter();
    let starts = statuses.filter(|status| !has_crashed(status));
    starts
        .filter_map(|status| time(status, &["state", "running", "startedAt"]))
        .fold(applied_at, Timestamp::max)
}

/// When a pod last came further. Restarts are no progress.
fn advanced(pod: &Value) -> Timestamp {
    let time = |value: &Value, path: &[&str]| Timestamp::parse(text_at(value, path)?).ok();
    let conditions = list_at(pod, &["status", "conditions"])
        .iter()
        .filter(|condition| text_at(condition, &["status"]) == Some("True"))
        .filter_map(|condition| time(condition, &["lastTransitionTime"]));
    let starts = list_at(pod, &["status", "containerStatuses"])
        .iter()
        .filter(|status| int_at(status, &["restartCount"]).unwrap_or(0) == 0)
        .filter_map(|status| time(status, &["state", "running", "startedAt"]));
    let born = time(pod, &["metadata", "creationTimestamp"]);
    conditions.chain(starts).chain(born).max().unwrap_or_default()
}
