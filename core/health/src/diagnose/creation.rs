//! Pods that the API server does not let a controller create: quota, admission, webhooks.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use backstay_object::{Quantity, Timestamp, condition, int_at, is_deleting, kind, list_at, text_at, uid};
use serde_json::Value;

use super::{LONGEST_RETRY_MS, Scene, Trouble, after_grace, events, time_at};
use crate::code::CauseCode;
use crate::refusal::{is_admission, is_quota, is_webhook_outage};
use crate::revision::{is_owned_by, new_replica_set};
use crate::types::Class;

/// A controller's failed attempt to create a pod.
struct Refused<'a> {
    words: &'a str,
    seen: Option<Timestamp>,
}

pub(super) fn look(scene: &mut Scene<'_>) {
    let Some(creator) = creator(scene) else { return };
    let Some(refused) = by_condition(creator).or_else(|| by_event(scene, creator)) else { return };
    let (code, class) = classify(scene, refused.words);
    let since = scene.circumstances.applied_at;
    let again =
        refused.seen.is_some_and(|at| at >= since) || scene.events.last(creator, &["FailedCreate"]).is_some();
    // A workload itself is there for longer than its template.
    let counts = again || uid(creator) == uid(scene.object);
    let (class, seen) = scene.unless_old(creator, counts, (class, refused.seen), LONGEST_RETRY_MS);
    let message = refused.words.to_string();
    scene.suspect(Trouble { seen, ..Trouble::new(code, class, message) });
}

/// What creates the pods of the new revision.
fn creator<'a>(scene: &Scene<'a>) -> Option<&'a Value> {
    match kind(scene.object) {
        "Deployment" => new_replica_set(scene.object, scene.related),
        "ReplicaSet" | "ReplicationController" | "StatefulSet" | "DaemonSet" | "Job" => Some(scene.object),
        _ => None,
    }
}

/// ReplicaSets keep it as a condition, which goes away with the first success.
fn by_condition(creator: &Value) -> Option<Refused<'_>> {
    let failure =
        condition(creator, "ReplicaFailure").filter(|found| text_at(found, &["status"]) == Some("True"))?;
    let words = text_at(failure, &["message"])?;
    Some(Refused { words, seen: time_at(failure, &["lastTransitionTime"]) })
}

/// The others only say so in events: one counts until a later success.
fn by_event<'a>(scene: &Scene<'a>, creator: &'a Value) -> Option<Refused<'a>> {
    let failed = scene.events.last(creator, &["FailedCreate"])?;
    let succeeded = scene.events.last(creator, &["SuccessfulCreate"]).and_then(events::last_seen);
    if succeeded > events::last_seen(failed) {
        return None;
    }
    // A ReplicaSet that has all its pods has got over it, whatever the order of events within a second.
    let has_all = matches!(kind(creator), "ReplicaSet" | "ReplicationController" | "StatefulSet")
        && int_at(creator, &["status", "replicas"]) >= int_at(creator, &["spec", "replicas"]).or(Some(1));
    if has_all {
        return None;
    }
    let words = events::message(failed);
    let seen = scene
        .events
        .with_reason(creator, &["FailedCreate"])
        .filter(|event| same_kind(events::message(event), words));
    let seen =
        seen.filter_map(events::first_seen).filter(|first| succeeded.is_none_or(|at| *first >= at)).min();
    Some(Refused { words, seen: seen.or_else(|| events::last_seen(failed)) })
}

/// Messages about the same trouble, which name different pods.
fn same_kind(left: &str, right: &str) -> bool {
    let tell: &[fn(&str) -> bool] = &[is_quota, is_admission, is_webhook_outage];
    tell.iter().all(|is| is(left) == is(right))
}

fn classify(scene: &Scene<'_>, words: &str) -> (CauseCode, Class) {
    let policy = scene.circumstances.policy;
    if is_webhook_outage(words) {
        (CauseCode::WebhookUnreachable, after_grace(policy.webhook_grace_ms))
    } else if words.contains("failed quota:") {
        // The quota wants sizes that the template does not say: no room will help.
        (CauseCode::QuotaExceeded, Class::FatalNow)
    } else if is_quota(words) {
        let others_go = scene.circumstances.siblings.free_room && others_use_it(scene, words);
        let may_heal = is_making_room(scene) || others_go || could_heal(scene);
        let heals = may_heal && !is_beyond_limit(scene, words);
        let grace = if heals { policy.unschedulable_grace_ms } else { policy.quota_grace_ms };
        (CauseCode::QuotaExceeded, after_grace(grace))
    } else if words.contains("is being terminated") {
        (CauseCode::NamespaceMissing, Class::FatalNow)
    } else if words.contains("serviceaccount") && words.contains("not found") {
        (CauseCode::AdmissionDenied, after_grace(policy.reference_grace_ms))
    } else if is_admission(words) || words.contains("is forbidden") {
        (CauseCode::AdmissionDenied, Class::FatalNow)
    } else if words.contains("is invalid:") {
        (CauseCode::ObjectRejected, Class::FatalNow)
    } else {
        (CauseCode::ApiUnreachable, Class::Recoverable)
    }
}

/// Whether old pods of this object are going, have gone, or may go before all new ones are there: each frees its share of
/// the quota. A controller that was refused tries again only after a while, so the room may be there already.
fn is_making_room(scene: &Scene<'_>) -> bool {
    let object = scene.object;
    let new = new_replica_set(object, scene.related).map_or("", uid);
    let owned = || scene.related.owned.iter().copied();
    if owned().any(|pod| kind(pod) == "Pod" && is_deleting(pod)) {
        return true;
    }
    let has_old_pods = owned().any(|pod| kind(pod) == "Pod" && !is_owned_by(pod, new));
    let has_new_pods = owned().any(|pod| kind(pod) == "Pod" && is_owned_by(pod, new));
    let had_old_pods = owned().any(|set| kind(set) == "ReplicaSet" && uid(set) != new) && has_new_pods;
    if kind(object) != "Deployment" || !(has_old_pods || had_old_pods) {
        return false;
    }
    let strategy = text_at(object, &["spec", "strategy", "type"]).unwrap_or("RollingUpdate");
    strategy == "Recreate" || max_unavailable(object) > 0
}

/// Whether it could have healed at the last look. Whatever room was made since: the controller, once refused, tries again
/// after ever longer pauses, of minutes in the end.
fn could_heal(scene: &Scene<'_>) -> bool {
    let patience = after_grace(scene.circumstances.policy.unschedulable_grace_ms);
    let mut known = scene.circumstances.before.iter().map(|finding| &finding.cause);
    known.any(|cause| cause.code == CauseCode::QuotaExceeded && cause.class == patience)
}

/// Whether the pods that are wanted ask for more than the quota gives, even if nothing else used it. The words are those
/// of `apiserver/pkg/admission/plugin/resourcequota`: `requested: pods=1, used: pods=3, limited: pods=3`.
fn is_beyond_limit(scene: &Scene<'_>, words: &str) -> bool {
    let limits = amounts(words, "limited: ");
    let wanted = i128::from(int_at(scene.object, &["spec", "replicas"]).unwrap_or(1));
    amounts(words, "requested: ").iter().any(|(name, one)| {
        limits.iter().any(|(limited, limit)| limited == name && one.0.saturating_mul(wanted) > limit.0)
    })
}

/// Whether more of the quota is in use than this object's own pods ask for.
fn others_use_it(scene: &Scene<'_>, words: &str) -> bool {
    let pods = || {
        let ended = |pod: &&Value| matches!(text_at(pod, &["status", "phase"]), Some("Failed" | "Succeeded"));
        scene
            .related
            .owned
            .iter()
            .copied()
            .filter(|owned| kind(owned) == "Pod")
            .filter(move |pod| !ended(pod))
    };
    let requested = amounts(words, "requested: ");
    let is_wanted = |name: &str| requested.iter().any(|(wanted, _)| *wanted == name);
    let used = amounts(words, "used: ");
    used.into_iter().filter(|(name, _)| is_wanted(name)).any(|(name, used)| {
        let ours: i128 = pods().map(|pod| asks_for(pod, name)).fold(0, i128::saturating_add);
        used.0 > ours
    })
}

/// What a pod counts for in a quota: one of `pods`, or the sum of its containers' `requests.cpu`, `limits.memory`, `cpu`, ….
fn asks_for(pod: &Value, name: &str) -> i128 {
    let quantity = |text: &str| Quantity::parse(text).map_or(0, |quantity| quantity.0);
    if matches!(name, "pods" | "count/pods") {
        return quantity("1");
    }
    let (kind_of, resource) = match name.split_once('.') {
        Some((kind_of @ ("requests" | "limits"), resource)) => (kind_of, resource),
        _ => ("requests", name),
    };
    let containers = list_at(pod, &["spec", "containers"]).iter();
    containers
        .filter_map(|container| text_at(container, &["resources", kind_of, resource]))
        .map(quantity)
        .fold(0, i128::saturating_add)
}

/// The amounts behind a title in the words of a quota: `requested: pods=1, used: pods=3, limited: pods=3`.
fn amounts<'w>(words: &'w str, title: &str) -> Vec<(&'w str, Quantity)> {
    let Some((_, rest)) = words.split_once(title) else { return Vec::new() };
    let list = rest.split(", used:").next().unwrap_or("").split(", limited:").next().unwrap_or("");
    list.trim()
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, amount)| Some((name, Quantity::parse(amount.trim()).ok()?)))
        .collect()
}

/// Rounded down, as the controller does; a quarter when absent (`kubernetes pkg/controller/deployment/util`).
fn max_unavailable(deployment: &Value) -> i64 {
    let path = ["spec", "strategy", "rollingUpdate", "maxUnavailable"];
    let replicas = int_at(deployment, &["spec", "replicas"]).unwrap_or(1);
    if let Some(count) = int_at(deployment, &path) {
        return count;
    }
    let percent = text_at(deployment, &path)
        .map_or_else(|| Some(25), |text| String::from(text).trim_end_matches('%').parse().ok());
    replicas.saturating_mul(percent.unwrap_or(0)) / 100
}
