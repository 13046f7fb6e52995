//! Keeping what explains a failure before it is undone: status, events, and the last lines of logs.

use std::time::Duration;

use backstay_core::object::{
    ResourceKey, Timestamp, at, int_at, kind, list_at, name, namespace, redact_secret, text_at, uid,
};
use backstay_core::rollout::{ClusterView, Outcome, Rollout};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams, LogParams};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::difference::{Change, changes};
use super::{Executor, done};

/// Most lines of one container's log.
const LOG_LINES: i64 = 50;
/// Most bytes of one container's log.
const LOG_BYTES: i64 = 16 * 1024;
/// Most pods explained per object: the others of a workload fail alike.
const PODS_MOST: usize = 5;
/// Most events kept per object.
const EVENTS_MOST: usize = 40;
/// How often, and how long apart, the events of pods are read.
const EVENT_READS: u32 = 3;
const EVENT_PAUSE: Duration = Duration::from_millis(400);
/// How far apart the clocks of the cluster and of this machine may be; an event's time is cut to seconds as well.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// An object to explain, with what the machine has seen of it.
pub(crate) struct Subject {
    key: ResourceKey,
    object: Option<Value>,
    pods: Vec<Value>,
    events: Vec<Value>,
    changes: Vec<Change>,
    /// When the run began: what was told before it explains nothing.
    since: Option<Timestamp>,
}

/// What was kept of one object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct EvidenceBundle {
    /// The object, in its long form.
    pub(crate) object: String,
    /// Whether it explains the failure of the way back.
    pub(crate) of_undo: bool,
    /// Its `status`.
    pub(crate) status: Value,
    /// Its pods that are not ready.
    pub(crate) pods: Vec<PodEvidence>,
    /// Events about it and its parts, oldest first.
    pub(crate) events: Vec<EventEvidence>,
    /// What this run changed of it: the difference that brought the failure. Empty for a new object.
    #[serde(default)]
    pub(crate) changes: Vec<Change>,
}

/// What was kept of a pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PodEvidence {
    pub(crate) name: String,
    pub(crate) status: Value,
    pub(crate) logs: Vec<LogEvidence>,
}

/// The end of a container's log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogEvidence {
    pub(crate) container: String,
    /// Of the run before the current one.
    pub(crate) previous: bool,
    pub(crate) lines: Vec<String>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventEvidence {
    pub(crate) about: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) count: i64,
    pub(crate) last_seen: String,
}

impl Subject {
    /// Takes what the machine knows of an object.
    pub(crate) fn of(rollout: &Rollout, key: &ResourceKey) -> Self {
        Self {
            changes: changes(rollout.plan(), &key.path()),
            ..Self::seen(rollout.view(), key, rollout.state().map(|state| state.started_at))
        }
    }

    /// Takes what has been seen of an object since a time.
    pub(crate) fn seen(view: &ClusterView, key: &ResourceKey, since: Option<Timestamp>) -> Self {
        let related = view.related_to(key);
        let own = view.object(key).into_iter().filter(|object| kind(object) == "Pod");
        let pods = own.chain(related.owned.iter().copied().filter(|object| kind(object) == "Pod"));
        let unready = pods.filter(|pod| {
            !backstay_core::object::condition_is_true(pod, "Ready")
                && !backstay_core::object::is_deleting(pod)
        });
        Self {
            key: key.clone(),
            object: view.object(key).cloned(),
            pods: unready.take(PODS_MOST).cloned().collect(),
            events: related.events.into_iter().cloned().collect(),
            changes: Vec::new(),
            since,
        }
    }
}

impl Executor {
    /// Keeps the evidence, all logs side by side, within the deadline. What is not there in time is left out.
    pub(crate) async fn keep_evidence(
        &self,
        subjects: Vec<Subject>,
        of_undo: bool,
        deadline: Timestamp,
    ) -> Outcome {
        let kept = futures::future::join_all(
            subjects.into_iter().map(|subject| self.explain(subject, of_undo, deadline)),
        )
        .await;
        self.evidence.borrow_mut().extend(kept);
        done()
    }

    async fn explain(&self, subject: Subject, of_undo: bool, deadline: Timestamp) -> EvidenceBundle {
        let mut told = subject.events;
        self.add_late_events(&subject.pods, &mut told, deadline).await;
        let pods = subject.pods.into_iter().map(|pod| async move {
            let logs = self.logs(&pod, deadline).await;
            let mut status = at(&pod, &["status"]).cloned().unwrap_or_default();
            self.secrets.clean_value(&mut status);
            PodEvidence { name: name(&pod).to_owned(), status, logs }
        });
        let pods = futures::future::join_all(pods).await;
        let mut object = subject.object.unwrap_or_default();
        redact_secret(&mut object);
        let mut status = at(&object, &["status"]).cloned().unwrap_or_default();
        self.secrets.clean_value(&mut status);
        told.iter_mut().for_each(|event| self.secrets.clean_observed(event));
        let mut changes = subject.changes;
        for value in changes.iter_mut().flat_map(|change| [&mut change.before, &mut change.after]).flatten() {
            *value = self.secrets.clean(value).into_owned();
        }
        EvidenceBundle {
            object: subject.key.path(),
            of_undo,
            status,
            pods,
            events: events(&told, subject.since),
            changes,
        }
    }

    /// A kubelet writes a pod's status and the events about it apart: the verdict may come before the event that
    /// explains it. So the pods' events are read once more, and again a moment later while there is no warning.
    async fn add_late_events(&self, pods: &[Value], told: &mut Vec<Value>, deadline: Timestamp) {
        for attempt in 0..EVENT_READS {
            let is_warning = |event: &Value| {
                let about = text_at(event, &["involvedObject", "uid"]).unwrap_or_default();
                text_at(event, &["type"]) == Some("Warning") && pods.iter().any(|pod| uid(pod) == about)
            };
            if pods.is_empty()
                || (attempt > 0 && told.iter().any(is_warning))
                || self.cluster.clock.now() >= deadline
            {
                return;
            }
            if attempt > 0 {
                self.cluster.clock.sleep(EVENT_PAUSE).await;
            }
            for pod in pods {
                let api: Api<Event> = Api::namespaced(self.cluster.client.clone(), namespace(pod));
                let about = ListParams::default().fields(&format!("involvedObject.uid={}", uid(pod)));
                // Evidence is worth a try: what cannot be read is left out.
                let Ok(found) = api.list(&about).await else { continue };
                told.extend(found.items.into_iter().filter_map(|event| serde_json::to_value(event).ok()));
            }
        }
    }

    async fn logs(&self, pod: &Value, deadline: Timestamp) -> Vec<LogEvidence> {
        let api: Api<Pod> = Api::namespaced(self.cluster.client.clone(), namespace(pod));
        let mut wanted = Vec::new();
        for field in ["initContainerStatuses", "containerStatuses"] {
            for status in list_at(pod, &["status", field]) {
                let Some(container) = text_at(status, &["name"]) else { continue };
                let started = at(status, &["state", "waiting"]).is_none();
                let restarted = int_at(status, &["restartCount"]).unwrap_or(0) > 0;
                wanted.extend(started.then(|| (container.to_owned(), false)));
                wanted.extend(restarted.then(|| (container.to_owned(), true)));
            }
        }
        let asked = wanted.into_iter().map(|(container, previous)| {
            let api = api.clone();
            async move {
                let parameters = LogParams {
                    container: Some(container.clone()),
                    previous,
                    tail_lines: Some(LOG_LINES),
                    limit_bytes: Some(LOG_BYTES),
                    ..LogParams::default()
                };
                let text = tokio::select! {
                    text = api.logs(name(pod), &parameters) => text.ok()?,
                    () = self.cluster.clock.sleep_until(deadline) => return None,
                    () = tokio::time::sleep(Duration::from_secs(10)) => return None,
                };
                // A kubelet says so in place of the log when the container was cleaned away meanwhile.
                let is_told = |line: &&str| !line.starts_with("unable to retrieve container logs for ");
                let lines: Vec<String> =
                    text.lines().filter(is_told).map(|line| self.secrets.clean(line).into_owned()).collect();
                (!lines.is_empty()).then_some(LogEvidence { container, previous, lines })
            }
        });
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }
}

/// Events for people: oldest first, each text once, and only those of this run if any can be told to be.
fn events(objects: &[Value], since: Option<Timestamp>) -> Vec<EventEvidence> {
    let is_recent = |object: &&Value| {
        let seen = last_seen(object).and_then(|time| Timestamp::parse(time).ok());
        since.zip(seen).is_none_or(|(since, seen)| seen.after(CLOCK_TOLERANCE) >= since)
    };
    let recent: Vec<&Value> = objects.iter().filter(is_recent).collect();
    // A clock that is far off must not cost the evidence.
    let told = if recent.is_empty() { objects.iter().collect() } else { recent };
    let mut events: Vec<EventEvidence> = Vec::new();
    for object in told {
        let text = |path: &[&str]| text_at(object, path).unwrap_or_default().to_owned();
        let about = format!(
            "{}/{}",
            text(&["involvedObject", "kind"]).to_lowercase(),
            text(&["involvedObject", "name"])
        );
        let event = EventEvidence {
            about,
            kind: text(&["type"]),
            reason: text(&["reason"]),
            message: text(&["message"]),
            count: int_at(object, &["count"]).unwrap_or(1),
            last_seen: last_seen(object).unwrap_or_default().to_owned(),
        };
        let same = |known: &&mut EventEvidence| {
            known.about == event.about && known.reason == event.reason && known.message == event.message
        };
        match events.iter_mut().find(same) {
            Some(known) if known.count >= event.count => {}
            Some(known) => *known = event,
            None => events.push(event),
        }
    }
    events.sort_by(|before, after| before.last_seen.cmp(&after.last_seen));
    let excess = events.len().saturating_sub(EVENTS_MOST);
    events.drain(..excess);
    events
}

/// When an event was seen last, by whichever field its client fills.
fn last_seen(event: &Value) -> Option<&str> {
    ["lastTimestamp", "eventTime", "firstTimestamp"]
        .into_iter()
        .filter_map(|field| text_at(event, &[field]))
        .find(|time| !time.is_empty())
}
