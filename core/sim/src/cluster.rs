//! The model cluster as a whole: its API, its controllers, its nodes and its time.
//!
//! Nothing happens by itself: the host asks with [`Cluster::handle`] and lets time pass with
//! [`Cluster::advance_to`]. The same seed and the same calls give the same cluster, byte for byte.

use std::sync::Arc;

use backstay_object::{ResourceKey, Timestamp, kind, name};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{self, Request, Response};
use crate::controllers;
use crate::faults::{ActiveFault, Fault};
use crate::images::Registry;
use crate::ordered::Set;
use crate::store::{Change, ChangeKind, Store};
use crate::webhook;
use crate::world::{Ctx, Task, World};

/// The form of the document [`Cluster::save`] writes.
const FORMAT: u64 = 1;

/// A model cluster in virtual time.
#[derive(Clone, Debug)]
pub struct Cluster {
    store: Store,
    world: World,
    now: Timestamp,
}

/// A document is no cluster this program can go on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Written by a newer program.
    #[error(
        "the sandbox document has format {found}, this program reads up to format {FORMAT}; use a newer program or reset the sandbox"
    )]
    Newer {
        /// Format number in the document.
        found: u64,
    },
    /// Not the expected shape of JSON.
    #[error("the sandbox document is damaged: {0}; reset the sandbox to go on")]
    Shape(String),
    /// The objects cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::LoadError),
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u64,
    now: Timestamp,
    world: World,
    store: Value,
}

impl Cluster {
    /// A cluster as an administrator finds it right after its installation: the usual namespaces, two ready nodes, a
    /// default storage class, the API's own service.
    #[must_use]
    pub fn new(seed: u64, now: Timestamp) -> Self {
        let mut cluster = Self { store: Store::new(seed), world: World::new(seed), now };
        controllers::install(&mut cluster.ctx());
        cluster.notice();
        cluster
    }

    /// Goes on with what [`Cluster::save`] wrote. Watches from before must list again.
    ///
    /// # Errors
    /// When the document is damaged or was written by a newer program.
    pub fn load(document: Value) -> Result<Self, LoadError> {
        match document.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(found) => return Err(LoadError::Newer { found }),
            None => return Err(LoadError::Shape("it has no format number".to_owned())),
        }
        let document: Document =
            serde_json::from_value(document).map_err(|error| LoadError::Shape(error.to_string()))?;
        let mut world = document.world;
        let store = Store::load(document.store)?;
        for (key, object) in store.all() {
            world.index.note(&key.kind, object, true);
        }
        Ok(Self { store, world, now: document.now })
    }

    /// The whole cluster as one JSON document.
    #[must_use]
    pub fn save(&self) -> Value {
        let world = serde_json::to_value(&self.world).unwrap_or(Value::Null);
        json!({"format": FORMAT, "now": self.now, "world": world, "store": self.store.save()})
    }

    /// The cluster's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Its objects.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The registries its nodes pull from.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.world.registry
    }

    /// The registries, to push images to or to take some away.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.world.registry
    }

    /// How many tasks of controllers and nodes were run so far: the measure of work.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.world.steps
    }

    /// Answers one request at the present time and notes who has to act on it. The controllers act as soon as time
    /// passes.
    pub fn handle(&mut self, request: &Request) -> Response {
        if let Some(refusal) = webhook::refusal(&mut self.ctx(), request) {
            return refusal;
        }
        let response = api::handle(&mut self.store, request, self.now);
        self.notice();
        response
    }

    /// Lets time pass up to a point; everything due until then happens in its order, each at its own time. A point in
    /// the past changes nothing.
    pub fn advance_to(&mut self, to: Timestamp) {
        while let Some((at, task)) = self.world.timers.pop_due(to) {
            self.now = self.now.max(at);
            self.world.steps += 1;
            controllers::run(&mut self.ctx(), &task);
            self.notice();
        }
        self.now = self.now.max(to);
    }

    /// When the next thing happens, if anything is to happen.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.world.timers.next()
    }

    /// Makes something go wrong from now on, in all namespaces.
    pub fn inject(&mut self, fault: Fault) {
        self.inject_in("", fault);
    }

    /// Makes something go wrong from now on in one namespace; empty means all.
    pub fn inject_in(&mut self, namespace: &str, fault: Fault) {
        let spared = if fault.older_too { Default::default() } else { self.ctx().revisions_met(&fault) };
        let active = ActiveFault {
            fault: fault.clone(),
            since: self.now,
            spared,
            namespace: namespace.to_owned(),
            first_met: None,
        };
        self.world.faults.push(active);
        controllers::wake_for_fault(&mut self.ctx(), &fault);
        self.notice();
    }

    /// Ends a fault. Answers whether there was such a one.
    pub fn heal(&mut self, fault: &Fault) -> bool {
        let before = self.world.faults.len();
        self.world.faults.retain(|active| active.fault != *fault);
        controllers::wake_for_fault(&mut self.ctx(), fault);
        self.notice();
        self.world.faults.len() < before
    }

    /// What is to go wrong, oldest first.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.world.faults.iter().map(|active| active.fault.clone()).collect()
    }

    fn ctx(&mut self) -> Ctx<'_> {
        Ctx { store: &mut self.store, world: &mut self.world, now: self.now }
    }

    /// Hands every change since the last time to whom it concerns.
    fn notice(&mut self) {
        loop {
            self.store.collect_garbage(self.now);
            if self.world.seen >= self.store.resource_version() {
                return;
            }
            let changes: Option<Vec<Change>> =
                self.store.changes_since(self.world.seen).ok().map(|changes| changes.cloned().collect());
            let Some(changes) = changes else { return self.look_again() };
            self.world.seen = self.store.resource_version();
            for change in changes {
                if let Some(previous) = &change.previous {
                    self.world.index.note(&change.key.kind, previous, false);
                }
                if change.kind != ChangeKind::Deleted {
                    self.world.index.note(&change.key.kind, &change.object, true);
                }
                controllers::dispatch(&mut self.ctx(), &change);
            }
        }
    }

    /// More has changed at once than the log keeps: everything is looked at.
    fn look_again(&mut self) {
        self.world.seen = self.store.resource_version();
        self.world.index = Default::default();
        let all: Vec<(ResourceKey, Arc<Value>)> =
            self.store.all().map(|(key, object)| (key.clone(), object.clone())).collect();
        let runs: Vec<String> = self.world.pods.keys().cloned().collect();
        for (key, object) in all {
            self.world.index.note(&key.kind, &object, true);
            let change = Change { rv: self.world.seen, kind: ChangeKind::Added, key, object, previous: None };
            controllers::dispatch(&mut self.ctx(), &change);
        }
        for uid in runs.iter().filter(|uid| self.store.by_uid(uid).is_none()) {
            self.world.pods.remove(uid);
        }
    }
}

impl Task {
    /// The task of a duty for an object.
    pub(crate) fn of(duty: crate::world::Duty, object: &Value) -> Self {
        Self::new(duty, backstay_object::namespace(object), name(object))
    }
}

impl Ctx<'_> {
    /// The revisions there are of the objects a fault is asked for; see [`crate::faults::revision_of`].
    fn revisions_met(&self, fault: &Fault) -> Set<String> {
        let mut revisions = Set::new();
        for (group, wanted) in
            [("", "Pod"), ("apps", "ReplicaSet"), ("batch", "Job"), ("apps", "ControllerRevision")]
        {
            for object in self.store.list(group, wanted, None) {
                if !self.meets_by_name(object, fault) {
                    continue;
                }
                match kind(object) {
                    "Pod" => {
                        revisions.insert(crate::faults::revision_of(object));
                    }
                    "ControllerRevision" => {
                        let owner = backstay_object::controller_owner(object);
                        let owner =
                            owner.and_then(|owner| backstay_object::text_at(owner, &["uid"])).unwrap_or("");
                        let hash =
                            backstay_object::label(object, "controller.kubernetes.io/hash").unwrap_or("");
                        revisions.insert(format!("{owner}/{}", name(object)));
                        revisions.insert(format!("{owner}/{hash}"));
                    }
                    _ => {
                        revisions.insert(backstay_object::uid(object).to_owned());
                    }
                }
            }
        }
        revisions
    }

    /// Whether an object or one of its controllers has the kind and name a fault is asked for.
    pub(crate) fn meets_by_name(&self, object: &Value, fault: &Fault) -> bool {
        self.chain(object)
            .iter()
            .any(|(kind, name)| *kind == fault.kind && (fault.name == "*" || fault.name == *name))
    }
}
