//! Events: what controllers and kubelets say about objects.
//!
//! Repeated events are counted in one object, many similar ones are combined, and a chatty source is cut off, as
//! client-go's `EventCorrelator` does: 10 different texts within 10 minutes are combined, 25 events in a burst and then
//! one per 5 minutes for one object.

use std::collections::VecDeque;

use backstay_object::{ResourceKey, Timestamp, annotation, int_at, name, namespace, set_at, text_at, uid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::json;
use crate::ordered::Map;
use crate::world::{Ctx, pairs};

/// Who speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) component: &'a str,
    pub(crate) host: &'a str,
}

pub(crate) const fn source(component: &str) -> Source<'_> {
    Source { component, host: "" }
}

/// What is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) warning: bool,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
    /// `spec.containers{web}`, empty when the whole object is meant.
    pub(crate) field: &'a str,
}

pub(crate) const fn normal<'a>(reason: &'a str, message: &'a str) -> Said<'a> {
    Said { warning: false, reason, message, field: "" }
}

pub(crate) const fn warning<'a>(reason: &'a str, message: &'a str) -> Said<'a> {
    Said { warning: true, reason, message, field: "" }
}

/// Texts after which similar events are combined, and for how long they count as similar.
const SIMILAR_LIMIT: usize = 10;
const SIMILAR_MILLIS: u64 = 600_000;
/// Events a source may write about one object at once, and milliseconds until it may write one more.
const BURST: u64 = 25;
const REFILL_MILLIS: u64 = 300_000;
/// Milliseconds after which an event is forgotten (kube-apiserver `--event-ttl`).
const TTL_MILLIS: u64 = 3_600_000;

/// What is known about events already written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recorder {
    /// Name of the event object for (about, field, source, type, reason, message).
    #[serde(with = "pairs")]
    names: Map<[String; 6], String>,
    /// Different texts for (about, source, type, reason), and when the last one came.
    #[serde(with = "pairs")]
    similar: Map<[String; 4], (Vec<String>, Timestamp)>,
    /// Events left for (about, source) and since when that is counted.
    #[serde(with = "pairs")]
    budget: Map<[String; 2], (u64, Timestamp)>,
    /// Names of events in the order of their creation, with the key to forget.
    created: VecDeque<(Timestamp, ResourceKey, [String; 6])>,
    written: u64,
}

impl Recorder {
    /// Whether the source may write about the object; takes one from its budget.
    fn may_write(&mut self, about: &str, component: &str, now: Timestamp) -> bool {
        let entry = self.budget.or_insert_with([about.to_owned(), component.to_owned()], || (BURST, now));
        let earned = now.0.saturating_sub(entry.1.0) / REFILL_MILLIS;
        if earned > 0 {
            entry.0 = (entry.0 + earned).min(BURST);
            entry.1 = Timestamp(entry.1.0 + earned * REFILL_MILLIS);
        }
        if entry.0 == 0 {
            return false;
        }
        entry.0 -= 1;
        true
    }

    /// The text under which the event is counted.
    fn combined(&mut self, key: [String; 4], message: &str, now: Timestamp) -> String {
        let (texts, last) = self.similar.or_insert_with(key, || (Vec::new(), now));
        if now.0.saturating_sub(last.0) > SIMILAR_MILLIS {
            texts.clear();
        }
        *last = now;
        if !texts.iter().any(|text| text == message) {
            if texts.len() + 1 >= SIMILAR_LIMIT {
                return String::new();
            }
            texts.push(message.to_owned());
        }
        message.to_owned()
    }

    /// Forgets everything about an object that is gone.
    pub(crate) fn forget(&mut self, about: &str) {
        let from = [about.to_owned(), String::new()];
        let keys: Vec<_> =
            self.budget.since(&from).map(|(key, _)| key.clone()).take_while(|key| key[0] == about).collect();
        for key in keys {
            self.budget.remove(&key);
        }
        let from = [about.to_owned(), String::new(), String::new(), String::new()];
        let keys: Vec<_> =
            self.similar.since(&from).map(|(key, _)| key.clone()).take_while(|key| key[0] == about).collect();
        for key in keys {
            self.similar.remove(&key);
        }
    }
}

impl Ctx<'_> {
    /// Writes an event about an object, in the form of controllers and kubelets (counted).
    pub(crate) fn event(&mut self, about: &Value, from: Source<'_>, said: Said<'_>) {
        let now = self.now;
        if !self.event_possible(about) || !self.world.recorder.may_write(uid(about), from.component, now) {
            return;
        }
        self.expire_events();
        let kind = if said.warning { "Warning" } else { "Normal" };
        let owned = |text: &str| text.to_owned();
        let similar = [owned(uid(about)), owned(from.component), owned(kind), owned(said.reason)];
        let counted = self.world.recorder.combined(similar, said.message, now);
        let message = if counted.is_empty() {
            format!("(combined from similar events): {}", said.message)
        } else {
            owned(said.message)
        };
        let key = [
            owned(uid(about)),
            owned(said.field),
            owned(from.component),
            owned(kind),
            owned(said.reason),
            counted,
        ];
        if let Some(present) = self.world.recorder.names.get(&key).cloned() {
            let place = ResourceKey::new("v1", "Event", event_namespace(about), &present);
            let stamp = self.time();
            let counted = self.store.update(&place, now, |event| {
                let count = int_at(event, &["count"]).unwrap_or(0) + 1;
                set_at(event, &["count"], json!(count));
                set_at(event, &["lastTimestamp"], stamp);
                set_at(event, &["message"], Value::String(message.clone()));
            });
            if counted.is_ok() {
                return;
            }
        }
        let mut event = self.blank_event(about, said, &message);
        let stamp = self.time();
        set_at(&mut event, &["count"], json!(1));
        set_at(&mut event, &["eventTime"], Value::Null);
        set_at(&mut event, &["firstTimestamp"], stamp.clone());
        set_at(&mut event, &["lastTimestamp"], stamp);
        set_at(&mut event, &["reportingComponent"], json!(from.component));
        set_at(&mut event, &["reportingInstance"], json!(from.host));
        set_at(&mut event, &["source", "component"], json!(from.component));
        if !from.host.is_empty() {
            set_at(&mut event, &["source", "host"], json!(from.host));
        }
        if !said.field.is_empty() {
            set_at(&mut event, &["involvedObject", "fieldPath"], json!(said.field));
        }
        self.store_event(event, key);
    }

    /// Writes an event in the form of the scheduler (events.k8s.io: no count, an action).
    pub(crate) fn scheduler_event(&mut self, about: &Value, action: &str, said: Said<'_>) {
        if !self.event_possible(about) {
            return;
        }
        self.expire_events();
        let kind = if said.warning { "Warning" } else { "Normal" };
        let text = |text: &str| text.to_owned();
        let key = [
            text(uid(about)),
            text(""),
            text("default-scheduler"),
            text(kind),
            text(said.reason),
            text(said.message),
        ];
        let stamp = self.now.to_rfc3339_seconds();
        let micro = format!("{}.{:03}000Z", stamp.trim_end_matches('Z'), self.now.0 % 1000);
        if let Some(present) = self.world.recorder.names.get(&key).cloned() {
            let place = ResourceKey::new("v1", "Event", event_namespace(about), &present);
            let counted = self.store.update(&place, self.now, |event| {
                let count = int_at(event, &["series", "count"]).unwrap_or(1) + 1;
                set_at(event, &["series"], json!({"count": count, "lastObservedTime": micro}));
            });
            if counted.is_ok() {
                return;
            }
        }
        let mut event = self.blank_event(about, said, said.message);
        set_at(&mut event, &["action"], json!(action));
        set_at(&mut event, &["eventTime"], json!(micro));
        set_at(&mut event, &["firstTimestamp"], Value::Null);
        set_at(&mut event, &["lastTimestamp"], Value::Null);
        set_at(&mut event, &["reportingComponent"], json!("default-scheduler"));
        set_at(&mut event, &["reportingInstance"], json!("default-scheduler-sandbox"));
        set_at(&mut event, &["source"], json!({}));
        self.store_event(event, key);
    }

    /// No event can be written into a namespace that is not there or going.
    fn event_possible(&self, about: &Value) -> bool {
        let namespace = event_namespace(about);
        self.store
            .find("", "Namespace", "", namespace)
            .is_none_or(|object| !backstay_object::is_deleting(object))
    }

    fn blank_event(&mut self, about: &Value, said: Said<'_>, message: &str) -> Value {
        self.world.recorder.written += 1;
        let number = self.now.0.wrapping_mul(1_000_000).wrapping_add(self.world.recorder.written);
        let mut involved = json!({
            "apiVersion": text_at(about, &["apiVersion"]).unwrap_or("v1"),
            "kind": backstay_object::kind(about),
            "name": name(about),
            "uid": uid(about),
            "resourceVersion": text_at(about, &["metadata", "resourceVersion"]).unwrap_or(""),
        });
        if !namespace(about).is_empty() {
            set_at(&mut involved, &["namespace"], json!(namespace(about)));
        }
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": format!("{}.{number:016x}", name(about)), "namespace": event_namespace(about)},
            "involvedObject": involved,
            "type": if said.warning { "Warning" } else { "Normal" },
            "reason": said.reason,
            "message": message,
        })
    }

    fn store_event(&mut self, event: Value, key: [String; 6]) {
        let Ok(stored) = self.store.create(event, self.now) else { return };
        let Some(place) = ResourceKey::of(&stored) else { return };
        self.world.recorder.names.insert(key.clone(), place.name.clone());
        self.world.recorder.created.push_back((self.now, place, key));
    }

    /// Removes events whose time is over; looks only at the oldest.
    fn expire_events(&mut self) {
        while let Some((at, ..)) = self.world.recorder.created.front() {
            if at.0 + TTL_MILLIS > self.now.0 {
                return;
            }
            if let Some((_, place, key)) = self.world.recorder.created.pop_front() {
                self.world.recorder.names.remove(&key);
                // Deleted by somebody else: just as well.
                let _ = self.store.delete(&place, &crate::store::DeleteOptions::now(), self.now);
            }
        }
    }
}

fn event_namespace(about: &Value) -> &str {
    match namespace(about) {
        "" => "default",
        namespace => namespace,
    }
}

/// The annotations the sandbox reads from pods all start with this.
pub(crate) const ANNOTATION_PREFIX: &str = "sandbox.backstay.dev/";

/// The value of one of the sandbox's own annotations.
pub(crate) fn own_annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    annotation(object, &format!("{ANNOTATION_PREFIX}{key}"))
}
