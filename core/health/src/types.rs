//! The words this room answers with. Agreed with `core/rollout`, which keeps them in its journal: wire types.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use backstay_object::{FromJson, ResourceKey, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::code::CauseCode;
use crate::policy::Policy;
use crate::revision::created_at;

/// How far an object is. The six words of kstatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As its spec wants it.
    Current,
    /// On its way.
    InProgress,
    /// It says itself that it will not get there.
    Failed,
    /// Being deleted.
    Terminating,
    /// Not there.
    NotFound,
    /// Nobody could look.
    Unknown,
}

/// Status with what a person wants to know beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
pub struct Readiness {
    /// How far it is.
    pub status: Status,
    /// Why it is not further, in words for people: `3/4 new pods ready`.
    pub message: String,
    /// How many parts are ready.
    pub ready: u32,
    /// How many are wanted.
    pub desired: u32,
}

impl Readiness {
    /// Whether the object is as its spec wants it.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.status == Status::Current
    }
}

/// How sure a cause makes us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "class")]
pub enum Class {
    /// Nothing will heal it.
    FatalNow,
    /// It may heal within a grace.
    AfterGrace {
        /// The grace, from the first sight.
        grace_ms: u64,
    },
    /// Explains waiting; never a verdict by itself.
    Recoverable,
}

/// Why an object does not become ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
pub struct Cause {
    /// What it is.
    pub code: CauseCode,
    /// How sure it makes us.
    #[serde(flatten)]
    pub class: Class,
    /// The object of the release that is not ready.
    pub object: ResourceKey,
    /// The pod that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The container that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The cluster's own words.
    pub message: String,
    /// What it means and what usually fixes it.
    #[serde(default)]
    pub hint: String,
    /// When it was first seen.
    pub first_seen: Timestamp,
}

/// A cause and the time from which it is a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
pub struct Finding {
    /// The cause.
    pub cause: Cause,
    /// From when on it condemns the revision; `None` while it only explains.
    pub condemned_at: Option<Timestamp>,
}

/// What is known about one object of the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// How far it is.
    pub readiness: Readiness,
    /// What stands in the way, the most certain first.
    pub findings: Vec<Finding>,
}

/// What belongs to an object.
#[derive(Clone, Debug, Default)]
pub struct Related<'a> {
    /// What it owns, directly or through others (ReplicaSets, Pods, claims), and a Service's EndpointSlices.
    pub owned: Vec<&'a Value>,
    /// Events about it and about what it owns.
    pub events: Vec<&'a Value>,
}

/// How far the clocks of whoever tells when a rollout began and of the API server may lie apart: a pod that seems a little
/// older than the rollout is taken as its own. The kubelet restarts a container once at most in that time.
const SKEW: Duration = Duration::from_secs(5);

/// The circumstances of an assessment. Made by [`Circumstances::new`]; what is known beyond that is added.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Now.
    pub now: Timestamp,
    /// When the rollout began: older events and restarts do not count.
    pub since: Timestamp,
    /// From when on what was there before the rollout is judged: when the objects were applied. What such pods failed with
    /// before says nothing about what was applied now.
    pub applied_at: Timestamp,
    /// The rules.
    pub policy: &'a Policy,
    /// ConfigMaps and Secrets this release brings: a key missing in one of them is certain at once.
    pub provided: &'a [ResourceKey],
    /// Secrets that a controller writes for an object of this release ([`crate::promised_secret`]): one that is missing may
    /// still come.
    pub promised: &'a [ResourceKey],
    /// What the last assessment of the object found: where the cluster does not say since when, a trouble is as old as our
    /// knowledge of it.
    pub before: &'a [Finding],
    /// The other workloads of the release.
    pub siblings: Siblings<'a>,
}

impl<'a> Circumstances<'a> {
    /// Nothing is known beyond the time and the rules.
    #[must_use]
    pub fn new(now: Timestamp, since: Timestamp, policy: &'a Policy) -> Self {
        Self {
            now,
            since,
            applied_at: since,
            policy,
            provided: &[],
            promised: &[],
            before: &[],
            siblings: Siblings::default(),
        }
    }

    /// Whether an object was there before the rollout began.
    #[must_use]
    pub fn was_there(&self, object: &Value) -> bool {
        // Times of creation are cut to whole seconds.
        created_at(object)
            .is_some_and(|created| created.after(SKEW) < Timestamp(self.since.0 - self.since.0 % 1000))
    }
}

/// How many restarts of each container had crashed, by pod uid and container name.
pub type Restarts = BTreeMap<(String, String), u32>;

/// The other workloads of the release. What crashes while one of them comes up may only be waiting for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Siblings<'a> {
    /// Whether one of them is still coming up.
    pub are_coming_up: bool,
    /// Whether one of them has pods that go when it is done: old ones, or those of a Job. What they use is free then.
    pub free_room: bool,
    /// When they no longer did, if they did before.
    pub settled_at: Option<Timestamp>,
    /// The restarts that crashed while they came up ([`crate::crashed_restarts`]): excused.
    pub excused: Option<&'a Restarts>,
}
