//! What the cluster remembers beside its objects: what is due when, what the nodes are doing, what is in the registry.
//!
//! Everything here is data and is saved with the store, except [`Index`], which follows from the objects.

use std::time::Duration;

use backstay_object::{ResourceKey, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::Recorder;
use crate::faults::ActiveFault;
use crate::images::Registry;
use crate::index::Index;
use crate::node::PodRun;
use crate::ordered::{Map, Set};
use crate::store::{ApiError, Store, mix};

/// Who has to look at an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Duty {
    Namespace,
    Node,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    Autoscaler,
    Claim,
    Volume,
    Service,
    Disruption,
    Quota,
    Schedule,
    Pod,
}

/// One object somebody has to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) duty: Duty,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Task {
    pub(crate) fn new(duty: Duty, namespace: &str, name: &str) -> Self {
        Self { duty, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// What is due when. A task is due once, at the earliest time anybody asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Timestamp, Task)>", into = "Vec<(Timestamp, Task)>")]
pub(crate) struct Timers {
    order: Set<(Timestamp, Task)>,
    when: Map<Task, Timestamp>,
}

impl From<Vec<(Timestamp, Task)>> for Timers {
    fn from(list: Vec<(Timestamp, Task)>) -> Self {
        let mut timers = Self::default();
        for (at, task) in list {
            timers.set(task, at);
        }
        timers
    }
}

impl From<Timers> for Vec<(Timestamp, Task)> {
    fn from(timers: Timers) -> Self {
        timers.order.into_iter().collect()
    }
}

impl Timers {
    pub(crate) fn set(&mut self, task: Task, at: Timestamp) {
        if let Some(before) = self.when.get(&task) {
            if *before <= at {
                return;
            }
            self.order.remove(&(*before, task.clone()));
        }
        self.when.insert(task.clone(), at);
        self.order.insert((at, task));
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Task)> {
        if self.next()? > now {
            return None;
        }
        let (at, task) = self.order.pop_first()?;
        self.when.remove(&task);
        Some((at, task))
    }
}

/// What a node keeps beside its pods.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct NodeRun {
    /// Images on the node's disk.
    pub(crate) images: Set<String>,
    /// Pulls are done one after the other, as `serializeImagePulls` says by default.
    pub(crate) pull_free_at: Timestamp,
    /// The node answers no more since then.
    pub(crate) down_since: Option<Timestamp>,
    /// Last part of the next pod address to try.
    pub(crate) next_address: u32,
}

/// Everything the model remembers beside the objects.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) seed: u64,
    /// Changes up to this resourceVersion have been handed to whom they concern.
    pub(crate) seen: u64,
    /// How many tasks were run: the measure of work.
    pub(crate) steps: u64,
    pub(crate) timers: Timers,
    /// How often a task failed in a row, for those with a back-off.
    #[serde(with = "pairs")]
    pub(crate) failures: Map<Task, u32>,
    pub(crate) pods: Map<String, PodRun>,
    pub(crate) nodes: Map<String, NodeRun>,
    /// When the volume of a claim (by uid) will have been made.
    #[serde(default)]
    pub(crate) provisioning: Map<String, Timestamp>,
    pub(crate) registry: Registry,
    pub(crate) faults: Vec<ActiveFault>,
    pub(crate) recorder: Recorder,
    #[serde(skip)]
    pub(crate) index: Index,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            seen: 0,
            steps: 0,
            timers: Timers::default(),
            failures: Map::new(),
            pods: Map::new(),
            nodes: Map::new(),
            provisioning: Map::new(),
            registry: Registry::with_common_images(),
            faults: Vec::new(),
            recorder: Recorder::default(),
            index: Index::default(),
        }
    }
}

/// What every part of the model works on: the objects, the memory and the time.
pub(crate) struct Ctx<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) world: &'a mut World,
    pub(crate) now: Timestamp,
}

impl Ctx<'_> {
    /// A number that follows from the seed, a name and a purpose, whatever else has happened.
    pub(crate) fn chance(&self, name: &str, purpose: &str) -> u64 {
        chance(self.world.seed, name, purpose)
    }

    /// Milliseconds between two bounds, by [`Ctx::chance`].
    pub(crate) fn between(&self, name: &str, purpose: &str, low: u64, high: u64) -> u64 {
        low + self.chance(name, purpose) % (high - low).max(1)
    }

    pub(crate) fn due(&mut self, task: Task, after: Duration) {
        let at = self.now.after(after);
        self.world.timers.set(task, at);
    }

    /// Runs a task again after the exponential back-off of Kubernetes' work queues: 5 ms, doubled each time, at most
    /// 1000 s (client-go `DefaultTypedControllerRateLimiter`).
    pub(crate) fn retry(&mut self, task: Task) {
        let failures = self.world.failures.or_default(task.clone());
        let delay = Duration::from_millis((5_u64 << (*failures).min(18)).min(1_000_000));
        *failures += 1;
        self.due(task, delay);
    }

    pub(crate) fn forget_failures(&mut self, task: &Task) {
        self.world.failures.remove(task);
    }

    pub(crate) fn get(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = ResourceKey::new(api_version, kind, namespace, name);
        self.store.get(&key).map(|object| Value::clone(object))
    }

    /// Replaces an object's status when it differs.
    pub(crate) fn set_status(&mut self, object: &Value, status: Value) {
        if object.get("status") == Some(&status) {
            return;
        }
        if let Some(key) = ResourceKey::of(object) {
            // Gone in the meantime: its deletion is handled on its own.
            let _ = self.store.update_status(&key, self.now, |object| {
                backstay_object::set_at(object, &["status"], status);
            });
        }
    }

    pub(crate) fn create(&mut self, object: Value) -> Result<std::sync::Arc<Value>, ApiError> {
        crate::api::create_object(self.store, object, self.now)
    }

    pub(crate) fn time(&self) -> Value {
        Value::String(self.now.to_rfc3339_seconds())
    }
}

pub(crate) fn chance(seed: u64, name: &str, purpose: &str) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in name.bytes().chain([0]).chain(purpose.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    mix(seed, hash)
}

/// Maps whose keys are not text, as lists of pairs.
pub(crate) mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::ordered::Map;

    pub(crate) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &Map<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(crate) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<Map<K, V>, D::Error>
    where
        K: Ord + Deserialize<'de>,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
