//! Kinds that are not Kubernetes' own: the table of well-known ones, and rules of the user.

use alloc::string::String;

use backstay_object::{Timestamp, condition, generation, int_at, kind, list_at, split_api_version, text_at};
use serde_json::Value;

use super::kinds_table::{self, KindRule};
use super::{NOT_SEEN, Subject, state};
use crate::expression::ask;
use crate::policy::{Policy, ReadinessRule};
use crate::types::{Class, Readiness, Status};

/// By a row of the table. Its kinds count as kstatus counts until the controller has seen the spec, and when it says that it
/// is stuck; the row knows better than the general rule what `Ready` and `Reconciling` mean.
pub(super) fn by_table(subject: Subject<'_>, row: &KindRule) -> Readiness {
    let object = subject.object;
    if super::generic::is_unseen(subject.meta, subject.status) || is_behind(object) {
        return state(Status::InProgress, NOT_SEEN, 0, 1);
    }
    if backstay_object::condition_is_true(object, "Stalled") {
        return state(Status::Failed, &explanation(object), 0, 1);
    }
    judge(object, || ask(row.failed, object), || ask(row.ready, object))
}

/// By a rule of the user's policy. Nothing else is asked: who writes a rule knows the kind.
pub(super) fn by_user(subject: Subject<'_>, rule: &ReadinessRule) -> Readiness {
    let object = subject.object;
    let failed = || rule.failed.as_ref().and_then(|failed| failed.ask(object));
    judge(object, failed, || rule.ready.ask(object))
}

/// How sure an object's own word makes us that it has failed, and since when it says so. Kubernetes' own kinds, what runs to
/// an end, what says that it is stuck, and what a user's rule calls failed have failed for good; other controllers try again,
/// so theirs counts when it has stood for a while, and only explains where they do not tell since when.
pub(crate) fn certainty(object: &Value, policy: &Policy) -> (Class, Option<Timestamp>) {
    let (group, _) = split_api_version(text_at(object, &["apiVersion"]).unwrap_or(""));
    let row = kinds_table::find(group, kind(object));
    let is_ours = group.is_empty() || !group.contains('.') || group.ends_with(".k8s.io");
    let is_final = row.map_or(is_ours && group != "autoscaling", |row| row.ends)
        || policy.rule_for(object).is_some()
        || backstay_object::condition_is_true(object, "Stalled");
    if is_final {
        return (Class::FatalNow, None);
    }
    let since = list_at(object, &["status", "conditions"])
        .iter()
        .filter(|found| text_at(found, &["status"]) != Some("True") || is_complaint(found))
        .filter_map(|found| Timestamp::parse(text_at(found, &["lastTransitionTime"])?).ok())
        .max();
    match since {
        Some(_) => (Class::AfterGrace { grace_ms: policy.declared_grace_ms }, since),
        None => (Class::Recoverable, None),
    }
}

/// Conditions whose being true is bad.
const COMPLAINTS: &[&str] = &["Stalled", "NotReady", "Failed", "Degraded", "Failure"];

fn is_complaint(found: &Value) -> bool {
    text_at(found, &["type"]).is_some_and(|name| COMPLAINTS.contains(&name))
}

fn judge(object: &Value, failed: impl Fn() -> Option<bool>, ready: impl Fn() -> Option<bool>) -> Readiness {
    if failed() == Some(true) {
        return state(Status::Failed, &explanation(object), 0, 1);
    }
    if ready() == Some(true) {
        return state(Status::Current, "ready", 1, 1);
    }
    state(Status::InProgress, &explanation(object), 0, 1)
}

/// Some controllers keep the generation that they have seen as text (Argo Rollouts). Older versions keep a hash there, which
/// may look like a number: one that is larger than any generation so far.
fn is_behind(object: &Value) -> bool {
    // Others keep it in each condition (`metav1.Condition`): then it is as old as the newest of them.
    let conditions = list_at(object, &["status", "conditions"]).iter();
    let newest = conditions.filter_map(|found| int_at(found, &["observedGeneration"])).max();
    if newest.zip(generation(object)).is_some_and(|(seen, wanted)| seen > 0 && seen < wanted) {
        return true;
    }
    let seen = text_at(object, &["status", "observedGeneration"]).and_then(|text| text.parse::<i64>().ok());
    seen.zip(generation(object)).is_some_and(|(seen, wanted)| seen < wanted)
}

/// What the object says of why it is not ready: a condition's message, else a field that usually holds one.
fn explanation(object: &Value) -> String {
    let said = |found: &Value| {
        ["message", "reason"]
            .iter()
            .find_map(|field| text_at(found, &[field]).filter(|text| !text.is_empty()).map(String::from))
    };
    let unhappy = |wanted: &'static str| {
        condition(object, wanted).filter(|found| text_at(found, &["status"]) != Some("True")).and_then(said)
    };
    let complaint = COMPLAINTS
        .iter()
        .find_map(|wanted| {
            condition(object, wanted).filter(|found| text_at(found, &["status"]) == Some("True"))
        })
        .and_then(said);
    let first_false = || {
        list_at(object, &["status", "conditions"])
            .iter()
            .find(|found| text_at(found, &["status"]) == Some("False"))
            .and_then(said)
    };
    complaint
        .or_else(|| unhappy("Ready"))
        .or_else(|| unhappy("Synced"))
        .or_else(|| object.get("status").and_then(said))
        .or_else(first_false)
        .or_else(|| {
            ["error", "phase", "state"]
                .iter()
                .find_map(|field| text_at(object, &["status", field]).filter(|text| !text.is_empty()))
                .map(String::from)
        })
        .unwrap_or_else(|| alloc::format!("{} does not say that it is ready", kind(object)))
}
