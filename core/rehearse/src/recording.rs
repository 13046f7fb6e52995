//! Recordings: every version of the objects of a rollout as the API server showed them, one JSON object a line,
//! `{"t": seconds, "object": …}`, in order of arrival.
//!
//! Reading is generous, because recordings come from many clients: a line may be a watch event (`type` beside the object or
//! around it), a whole list, an event of either API group; fields come in any order, times in any RFC 3339 form. What is
//! older than what was seen of the same object (a list from a cache after a 410) is left out.

use std::collections::BTreeMap;

use backstay_object::{
    ResourceKey, Timestamp, bool_at, kind, list_at, namespace, remove_at, set_at, text_at, uid,
};
use serde_json::Value;

/// One observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    /// Seconds since the recording's start.
    pub t: f64,
    /// The object as it was, or as it was last before it went.
    pub object: Value,
    /// Whether it is gone.
    pub deleted: bool,
}

/// What was seen of a cluster, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    sights: Vec<Sight>,
    start_ms: f64,
    cut_off: bool,
}

/// The text is no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// A line is not JSON.
    #[error("line {line} is not JSON: {problem}")]
    NotJson {
        /// The line, from one.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A line has no time.
    #[error("line {0} has no \"t\": write {{\"t\": seconds, \"object\": …}}")]
    NoTime(usize),
    /// A line has no object.
    #[error("line {0} has no \"object\" with kind and metadata.name")]
    NoObject(usize),
}

/// How far clocks of the cluster's nodes may lie apart before they are trusted over the API server's, in milliseconds.
const SKEW_MS: f64 = 30_000.0;

impl Recording {
    /// Reads a recording. A last line that was cut off in the middle (the recorder was killed) is left out.
    ///
    /// # Errors
    /// When a line is not what a recording is made of.
    pub fn read(text: &str) -> Result<Self, RecordingError> {
        let mut recording = Self::default();
        let mut clock = Clock::default();
        let text = text.trim_start_matches('\u{feff}');
        let last = text.lines().count();
        let mut known = Known::default();
        for (index, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
            if line.is_empty() {
                continue;
            }
            let entry: Value = match serde_json::from_str(line) {
                Ok(entry) => entry,
                Err(_) if index == last && last > 1 => {
                    recording.cut_off = true;
                    break;
                }
                Err(error) => {
                    return Err(RecordingError::NotJson { line: index, problem: error.to_string() });
                }
            };
            let t = clock.read(&entry).ok_or(RecordingError::NoTime(index))?;
            let sights = unwrap(entry).ok_or(RecordingError::NoObject(index))?;
            recording.sights.extend(sights.into_iter().map(|(object, deleted)| Sight {
                t,
                object: normal(object),
                deleted,
            }));
        }
        recording.sights.sort_by(|before, after| before.t.total_cmp(&after.t));
        recording.sights.retain_mut(|sight| known.take(sight));
        recording.start_ms = start_of(&recording.sights);
        Ok(recording)
    }

    /// Everything seen, in order of time.
    #[must_use]
    pub fn sights(&self) -> &[Sight] {
        &self.sights
    }

    /// Whether the last line was cut off.
    #[must_use]
    pub const fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// The cluster's time so many seconds after the start.
    #[must_use]
    pub fn time(&self, t: f64) -> Timestamp {
        // Times of a recording are far from where a cast would lose anything; negative ones saturate to zero.
        Timestamp((self.start_ms + t * 1000.0).round() as u64)
    }

    /// Seconds between the start and a time, to a millisecond; zero for what lies before it.
    #[must_use]
    pub fn seconds(&self, at: Timestamp) -> f64 {
        (at.0 as f64 - self.start_ms).max(0.0).round() / 1000.0
    }

    /// When the last sight was.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.sights.last().map_or(0.0, |sight| sight.t)
    }
}

/// One line of a recording, without the line break. Secrets' values do not belong into it: redact them before.
#[must_use]
pub fn record_line(t: f64, object: &Value, deleted: bool) -> String {
    let mut line = serde_json::Map::new();
    line.insert("t".into(), ((t * 1000.0).round() / 1000.0).into());
    if deleted {
        line.insert("type".into(), "DELETED".into());
    }
    line.insert("object".into(), object.clone());
    Value::Object(line).to_string()
}

/// Seconds, or points in time counted from the first.
#[derive(Default)]
struct Clock {
    first: Option<Timestamp>,
}

impl Clock {
    fn read(&mut self, entry: &Value) -> Option<f64> {
        let stated = ["t", "time", "ts", "timestamp"].iter().find_map(|field| entry.get(field))?;
        if let Some(seconds) = stated.as_f64() {
            return Some(seconds);
        }
        let text = stated.as_str()?;
        if let Ok(seconds) = text.parse::<f64>() {
            return seconds.is_finite().then_some(seconds);
        }
        let at = Timestamp::parse(text).ok()?;
        let first = *self.first.get_or_insert(at);
        Some((at.0 as f64 - first.0 as f64) / 1000.0)
    }
}

/// The objects of a line. `None` when there is none; an empty list for what carries none (bookmarks, errors of a watch).
fn unwrap(mut entry: Value) -> Option<Vec<(Value, bool)>> {
    let mut change = text_at(&entry, &["type"]).unwrap_or("").to_ascii_uppercase();
    let mut object = entry.get_mut("object").or(None).map(Value::take)?;
    // A watch event around the object. An Event of the cluster has a type, too, but no object within.
    if object.get("object").is_some_and(Value::is_object) && object.get("metadata").is_none() {
        change = text_at(&object, &["type"]).unwrap_or("").to_ascii_uppercase();
        object = object.get_mut("object").map(Value::take)?;
    }
    if matches!(change.as_str(), "BOOKMARK" | "ERROR") || kind(&object) == "Status" {
        return Some(Vec::new());
    }
    let deleted = change == "DELETED" || bool_at(&entry, &["deleted"]) == Some(true);
    if let Some(item_kind) = kind(&object).strip_suffix("List")
        && object.get("items").is_some()
    {
        let api_version = text_at(&object, &["apiVersion"]).unwrap_or("v1");
        let items = list_at(&object, &["items"]).iter().cloned();
        let typed = items.map(|mut item| {
            if kind(&item).is_empty() {
                set_at(&mut item, &["apiVersion"], api_version.into());
                set_at(&mut item, &["kind"], item_kind.into());
            }
            (item, deleted)
        });
        return Some(typed.collect());
    }
    ResourceKey::of(&object)?;
    Some(vec![(object, deleted)])
}

/// The form that the machine reads: events of core/v1, one controlling owner, no managed fields but the kubelet's times.
fn normal(mut object: Value) -> Value {
    if kind(&object) == "Event" && object.get("regarding").is_some() {
        for (new, old) in [
            ("regarding", "involvedObject"),
            ("note", "message"),
            ("deprecatedFirstTimestamp", "firstTimestamp"),
            ("deprecatedLastTimestamp", "lastTimestamp"),
            ("deprecatedCount", "count"),
            ("deprecatedSource", "source"),
        ] {
            if let Some(value) = remove_at(&mut object, &[new]).filter(|value| !value.is_null()) {
                set_at(&mut object, &[old], value);
            }
        }
        set_at(&mut object, &["apiVersion"], "v1".into());
    }
    let owners = list_at(&object, &["metadata", "ownerReferences"]);
    let controls = |owner: &Value| bool_at(owner, &["controller"]) == Some(true);
    // Some clients leave the flag out; with one owner there is no doubt.
    if let [only] = owners
        && !controls(only)
        && is_workload(kind(only))
    {
        let mut only = only.clone();
        set_at(&mut only, &["controller"], true.into());
        set_at(&mut object, &["metadata", "ownerReferences"], Value::Array(vec![only]));
    }
    object
}

/// Kinds of Kubernetes itself that own pods, directly or through others.
pub(crate) fn is_workload(kind: &str) -> bool {
    matches!(
        kind,
        "Deployment"
            | "ReplicaSet"
            | "StatefulSet"
            | "DaemonSet"
            | "Job"
            | "CronJob"
            | "ReplicationController"
    )
}

/// What is known of each object, to tell old news from new.
#[derive(Default)]
struct Known {
    versions: BTreeMap<(String, String), u64>,
    uids: BTreeMap<(String, String, String), String>,
}

impl Known {
    /// Whether the sight is news. Gives events that name their object without its uid the uid.
    fn take(&mut self, sight: &mut Sight) -> bool {
        let object = &mut sight.object;
        if kind(object) == "Event" {
            self.name_subject(object);
        } else {
            let place = (kind(object).into(), namespace(object).into(), backstay_object::name(object).into());
            self.uids.insert(place, uid(object).into());
        }
        let version: Option<u64> =
            text_at(object, &["metadata", "resourceVersion"]).and_then(|text| text.parse().ok());
        let (Some(version), false) = (version, uid(object).is_empty()) else { return true };
        let latest: &mut u64 = self.versions.entry((kind(object).into(), uid(object).into())).or_default();
        let is_news = version >= *latest;
        *latest = version.max(*latest);
        is_news
    }

    fn name_subject(&self, event: &mut Value) {
        let about = |field: &str| text_at(event, &["involvedObject", field]).unwrap_or("").to_string();
        if about("uid").is_empty() {
            let place = (about("kind"), about("namespace"), about("name"));
            if let Some(uid) = self.uids.get(&place).cloned() {
                set_at(event, &["involvedObject", "uid"], uid.into());
            }
        }
    }
}

/// The cluster's time of the start. Nothing is seen before it happened: the latest time that fits all is the start's. Made by
/// the API server's clock; the nodes' clocks count only where nothing was made while the recording ran.
fn start_of(sights: &[Sight]) -> f64 {
    let latest = |times: fn(&Value, &mut Vec<Timestamp>)| {
        let mut start = f64::MIN;
        let mut found = Vec::new();
        for sight in sights {
            found.clear();
            times(&sight.object, &mut found);
            start = found.iter().map(|at| at.0 as f64 - sight.t * 1000.0).fold(start, f64::max);
        }
        start
    };
    let (by_server, by_anybody) = (latest(made), latest(happened));
    let start = if by_anybody - by_server > SKEW_MS { by_anybody } else { by_server };
    start.max(0.0)
}

fn push(object: &Value, path: &[&str], times: &mut Vec<Timestamp>) {
    times.extend(text_at(object, path).and_then(|text| Timestamp::parse(text).ok()));
}

/// When an object was made. Events carry finer times.
fn made(object: &Value, times: &mut Vec<Timestamp>) {
    push(object, &["metadata", "creationTimestamp"], times);
    push(object, &["eventTime"], times);
}

/// Every time that an object tells and that lies in its past.
fn happened(object: &Value, times: &mut Vec<Timestamp>) {
    made(object, times);
    push(object, &["lastTimestamp"], times);
    push(object, &["series", "lastObservedTime"], times);
    for condition in list_at(object, &["status", "conditions"]) {
        push(condition, &["lastTransitionTime"], times);
        push(condition, &["lastUpdateTime"], times);
    }
    for statuses in ["initContainerStatuses", "containerStatuses"] {
        for status in list_at(object, &["status", statuses]) {
            push(status, &["state", "running", "startedAt"], times);
            push(status, &["state", "terminated", "finishedAt"], times);
            push(status, &["lastState", "terminated", "finishedAt"], times);
        }
    }
}
