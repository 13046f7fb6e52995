//! Events, by the object they are about. Only those of this rollout: the cluster keeps them for an hour. About pods that were
//! there before, only those from when the objects were applied.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use backstay_object::{Timestamp, kind, text_at, uid};
use serde_json::Value;

use super::time_at;
use crate::types::{Circumstances, Related};

/// Events by the uid of what they are about.
pub(crate) struct Events<'a> {
    by_uid: BTreeMap<&'a str, Vec<&'a Value>>,
}

impl<'a> Events<'a> {
    pub(super) fn index(object: &'a Value, related: &Related<'a>, circumstances: &Circumstances<'_>) -> Self {
        let mut by_uid: BTreeMap<&'a str, Vec<&'a Value>> = BTreeMap::new();
        // Event times are cut to whole seconds.
        let since = whole_seconds(circumstances.since);
        let parts = related.owned.iter().copied().chain([object]);
        let is_old =
            |part: &&Value| matches!(kind(part), "Pod" | "ReplicaSet") && circumstances.was_there(part);
        let old: BTreeSet<&str> = parts.filter(is_old).map(uid).collect();
        for event in related.events.iter().copied() {
            // An event without a uid (written by hand or by an old component) is taken as one about the object itself.
            let about = text_at(event, &["involvedObject", "uid"]).unwrap_or_else(|| uid(object));
            let seen = last_seen(event);
            let counts = if old.contains(about) {
                seen.is_some_and(|at| at >= circumstances.applied_at)
            } else {
                seen.is_none_or(|at| at >= since)
            };
            if counts {
                by_uid.entry(about).or_default().push(event);
            }
        }
        Self { by_uid }
    }

    /// The events about an object.
    pub(crate) fn about(&self, object: &Value) -> impl Iterator<Item = &'a Value> + use<'_, 'a> {
        self.by_uid.get(uid(object)).into_iter().flatten().copied()
    }

    /// The events about an object with a reason out of `reasons`.
    pub(crate) fn with_reason<'b>(
        &'b self,
        object: &Value,
        reasons: &'b [&'b str],
    ) -> impl Iterator<Item = &'a Value> + use<'a, 'b> {
        self.about(object)
            .filter(move |event| text_at(event, &["reason"]).is_some_and(|found| reasons.contains(&found)))
    }

    /// The last of the events about an object with a reason out of `reasons`.
    pub(crate) fn last(&self, object: &Value, reasons: &[&str]) -> Option<&'a Value> {
        self.with_reason(object, reasons).max_by_key(|event| last_seen(event))
    }
}

/// An event's text, empty when absent.
pub(crate) fn message(event: &Value) -> &str {
    text_at(event, &["message"]).unwrap_or("")
}

/// When an event was first written. Newer components write `eventTime` alone.
pub(crate) fn first_seen(event: &Value) -> Option<Timestamp> {
    time_at(event, &["firstTimestamp"])
        .or_else(|| time_at(event, &["eventTime"]))
        .or_else(|| time_at(event, &["metadata", "creationTimestamp"]))
}

/// When an event last happened again.
pub(crate) fn last_seen(event: &Value) -> Option<Timestamp> {
    time_at(event, &["series", "lastObservedTime"])
        .or_else(|| time_at(event, &["lastTimestamp"]))
        .or_else(|| first_seen(event))
}

/// The time as an object's metadata would carry it.
pub(crate) const fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp(time.0 - time.0 % 1000)
}
