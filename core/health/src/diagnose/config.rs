//! ConfigMaps, Secrets and keys that containers refer to and that are not there.

use alloc::string::ToString;
use alloc::vec::Vec;

use backstay_object::{Timestamp, int_at, namespace};
use serde_json::Value;

use super::pod::Container;
use super::{START_RETRY_MS, Scene, Trouble, after_grace, events};
use crate::code::CauseCode;
use crate::types::Class;

/// A container whose configuration cannot be put together. The kubelet tries again about every ten seconds.
pub(super) fn waiting<'a>(scene: &mut Scene<'a>, container: &Container<'a>) {
    let words = container.waiting_message();
    let policy = scene.circumstances.policy;
    let (code, class) = match missing(words) {
        Some(Missing::Key { kind, name }) if is_provided(scene, container.pod, kind, name) => {
            (CauseCode::ConfigMissing, Class::FatalNow)
        }
        Some(_) => {
            let promised = promised_grace(scene, container.pod, words);
            (CauseCode::ConfigMissing, after_grace(promised.unwrap_or(policy.reference_grace_ms)))
        }
        // `runAsNonRoot` with an image that runs as root, or as a user whose name says nothing.
        None if words.contains("runAsNonRoot") => (CauseCode::ContainerCreateFailed, Class::FatalNow),
        None if is_catching_up(words) => (CauseCode::ConfigMissing, Class::Recoverable),
        None => (CauseCode::ContainerCreateFailed, after_grace(policy.reference_grace_ms)),
    };
    let is_told = |event: &&Value| {
        container.is_meant_by(event)
            && events::message(event).trim_start_matches("Error: ").trim() == words.trim()
    };
    let told: Vec<&Value> = scene.events.with_reason(container.pod, &["Failed"]).filter(is_told).collect();
    let first = told.iter().copied().filter_map(events::first_seen).min();
    let last = told.iter().copied().filter_map(events::last_seen).max();
    // Who does not count an event does not say either when it happened again.
    let is_counted = told.iter().all(|event| int_at(event, &["count"]).is_some());
    let seen = first.or_else(|| container.status_written_at());
    let again = first.is_some() || container.is_told_since(scene.circumstances.applied_at);
    let class = if is_counted { tried_until_its_end(class, first, last) } else { class };
    let (class, seen) = scene.unless_old(container.pod, again, (class, seen), START_RETRY_MS);
    scene.suspect(Trouble { seen, ..container.trouble(code, class, words.to_string()) });
}

/// The pause between two tries of the kubelet is 10 to 15 s (`kubernetes pkg/kubelet/pod_workers.go`, `backOffPeriod` and
/// `workerBackOffPeriodJitterFactor`): with a third try, two of them have passed in the grace, and the third was in its last part.
const LAST_PART_MS: u64 = 11_000;
/// The longest of these pauses.
const PAUSE_MS: u64 = 15_000;

/// A grace in whose last part the kubelet has not tried does not end yet: what it misses may be there by now, and the next try
/// finds it.
fn tried_until_its_end(class: Class, first: Option<Timestamp>, last: Option<Timestamp>) -> Class {
    let Class::AfterGrace { grace_ms } = class else { return class };
    let tried_for_ms = match (first, last) {
        (Some(first), Some(last)) => last.0.saturating_sub(first.0),
        _ => 0,
    };
    if tried_for_ms + LAST_PART_MS >= grace_ms { class } else { after_grace(grace_ms + PAUSE_MS) }
}

/// What a message says is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing<'m> {
    /// The object.
    Object,
    /// A key of an object that is there.
    Key { kind: &'static str, name: &'m str },
}

/// Reads the kubelet's messages (`pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`) and those of its object caches.
pub(super) fn missing(words: &str) -> Option<Missing<'_>> {
    if let Some((_, rest)) = words.split_once("couldn't find key ") {
        let (_, place) = rest.split_once(" in ")?;
        let (kind, path) = place.split_once(' ')?;
        let kind = match kind {
            "ConfigMap" => "ConfigMap",
            "Secret" => "Secret",
            _ => return None,
        };
        let path = path.split_whitespace().next()?;
        return Some(Missing::Key { kind, name: path.rsplit('/').next()? });
    }
    let lower = words.to_ascii_lowercase();
    let names_one = lower.contains("configmap \"")
        || lower.contains("secret \"")
        || lower.contains("configmaps \"")
        || lower.contains("secrets \"");
    (names_one && lower.contains("not found")).then_some(Missing::Object)
}

/// Whether this release brings an object of the pod's namespace.
pub(super) fn is_provided(scene: &Scene<'_>, pod: &Value, kind: &str, name: &str) -> bool {
    let place = namespace(pod);
    scene.circumstances.provided.iter().any(|key| {
        key.group.is_empty()
            && key.kind == kind
            && key.name == name
            && (key.namespace == place || key.namespace.is_empty())
    })
}

/// The grace of a Secret that a controller writes for an object of the release: it comes when the controller is done.
pub(super) fn promised_grace(scene: &Scene<'_>, pod: &Value, words: &str) -> Option<u64> {
    let name = missing_secret(words)?;
    let place = namespace(pod);
    let is_promised = scene.circumstances.promised.iter().any(|key| {
        key.kind == "Secret" && key.name == name && (key.namespace == place || key.namespace.is_empty())
    });
    let policy = scene.circumstances.policy;
    is_promised.then(|| policy.controller_grace_ms.max(policy.reference_grace_ms))
}

/// The Secret that a message of the kubelet, of its caches or of a volume plug-in misses, or misses a key of.
fn missing_secret(words: &str) -> Option<&str> {
    if let Some(Missing::Key { kind: "Secret", name }) = missing(words) {
        return Some(name);
    }
    let quoted = ["secret \"", "secrets \"", "Secret \""];
    let rest = quoted.iter().find_map(|opening| words.split_once(opening)).map(|(_, rest)| rest)?;
    let name = rest.split('"').next()?;
    // Caches name the object with its namespace.
    Some(name.rsplit('/').next().unwrap_or(name))
}

/// The kubelet's own caches are still filling.
fn is_catching_up(words: &str) -> bool {
    ["failed to sync", "not registered", "have not yet been read", "timed out waiting"]
        .iter()
        .any(|sign| words.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_what_is_missing() {
        for (words, expected) in [
            (
                "couldn't find key nokey in ConfigMap zoo/cm",
                Some(Missing::Key { kind: "ConfigMap", name: "cm" }),
            ),
            ("couldn't find key a.b in Secret prod/db", Some(Missing::Key { kind: "Secret", name: "db" })),
            ("configmap \"nocm\" not found", Some(Missing::Object)),
            ("secret \"nosec\" not found", Some(Missing::Object)),
            ("container has runAsNonRoot and image will run as root", None),
            ("persistentvolumeclaim \"x\" not found", None),
        ] {
            assert_eq!(missing(words), expected, "{words}");
        }
    }

    #[test]
    fn messages_name_the_secret() {
        for (words, expected) in [
            ("secret \"tls\" not found", Some("tls")),
            ("MountVolume.SetUp failed for volume \"v\" : secret \"tls\" not found", Some("tls")),
            ("couldn't find key a in Secret shop/tls", Some("tls")),
            ("object \"shop\"/\"tls\" not registered", None),
            ("configmap \"tls\" not found", None),
        ] {
            assert_eq!(missing_secret(words), expected, "{words}");
        }
    }

    #[test]
    fn a_grace_ends_once_the_kubelet_has_tried_in_its_last_part() {
        let at = |second: u64| Some(Timestamp(second * 1000));
        for (grace_ms, tries, expected_ms) in [
            // Tries after 15 and 31 s: what came at 18 s would be condemned at 30 s unseen.
            (30_000, (at(1), at(16)), 45_000),
            (30_000, (at(1), at(20)), 30_000),
            (30_000, (at(1), at(31)), 30_000),
            (120_000, (at(1), at(90)), 135_000),
            (0, (at(1), at(1)), 0),
            (30_000, (None, None), 45_000),
        ] {
            let class = tried_until_its_end(after_grace(grace_ms), tries.0, tries.1);
            assert_eq!(class, after_grace(expected_ms), "{grace_ms} ms, {tries:?}");
        }
        assert_eq!(tried_until_its_end(Class::FatalNow, None, None), Class::FatalNow);
    }
}
