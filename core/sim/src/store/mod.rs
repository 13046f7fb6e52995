//! The object store of the model cluster: what etcd and the storage layer of the API server are to a real one.
//!
//! Writing rules, the same for the API and for controllers:
//! * every change takes the next number of one global counter as its `resourceVersion`; a change that changes nothing
//!   takes none and leaves no trace in the log;
//! * `metadata.generation` counts changes of anything but metadata and status, for the kinds that have one;
//! * an object with finalizers, or a running pod with a grace period, is first marked (`deletionTimestamp`) and goes
//!   when the last finalizer is removed or the kubelet confirms (deletes with grace period 0);
//! * uids and generated names follow from the seed: the same requests give the same cluster, byte for byte.
//!
//! The store does not default, validate or count quota. Controllers create objects through
//! [`crate::api::create_object`], which does, so that a quota refuses their pods as it does on a real cluster.

mod error;
mod file;
mod gc;
mod ident;
mod log;
mod pod_log;
mod write;

use std::sync::Arc;

use backstay_object::{ResourceKey, kind_info, list_at, text_at};
use serde_json::Value;

pub use error::{ApiError, Cause, Details, qualified};
pub use file::LoadError;
pub use ident::mix;
pub use log::{Change, ChangeKind};
pub use pod_log::{LogLine, LogQuery};
pub use write::{DeleteOptions, Deleted, Propagation};

use crate::ordered::{Map, Set};
use log::ChangeLog;
use pod_log::PodLogs;

/// How many changes the log keeps unless told otherwise. A real API server keeps about five minutes.
pub const DEFAULT_LOG_LIMIT: usize = 8192;

/// All objects of the model cluster, their history of changes and the logs of their containers.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Map<ResourceKey, Arc<Value>>,
    /// Keys of the objects that name a uid as an owner: derived from `objects`.
    dependents: Map<String, Set<ResourceKey>>,
    /// Key of the object of a uid: derived from `objects`.
    by_uid: Map<String, ResourceKey>,
    /// Plurals of the kinds that custom resource definitions added: derived from `objects`.
    custom_plurals: Map<(String, String), String>,
    log: ChangeLog,
    pod_logs: PodLogs,
    rv: u64,
    seed: u64,
    identities: u64,
    gc_seen: u64,
    /// Counters and small facts other rooms of the simulator keep with the store, by name; saved with it.
    notes: Map<String, Value>,
}

impl Store {
    /// An empty store. The same seed gives the same uids and generated names.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            objects: Map::new(),
            dependents: Map::new(),
            by_uid: Map::new(),
            custom_plurals: Map::new(),
            log: ChangeLog::new(DEFAULT_LOG_LIMIT, 0),
            pod_logs: PodLogs::default(),
            rv: 0,
            seed,
            identities: 0,
            gc_seen: 0,
            notes: Map::new(),
        }
    }

    /// The resourceVersion of the latest change, 0 for an empty store.
    #[must_use]
    pub fn resource_version(&self) -> u64 {
        self.rv
    }

    /// The seed this store was made with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The object of a key. The version of the key plays no part.
    #[must_use]
    pub fn get(&self, key: &ResourceKey) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// The object of a group, kind, namespace (empty for cluster-scoped) and name.
    #[must_use]
    pub fn find(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.objects.get(&bare_key(group, kind, namespace, name))
    }

    /// The object of a uid.
    #[must_use]
    pub fn by_uid(&self, uid: &str) -> Option<&Arc<Value>> {
        self.objects.get(self.by_uid.get(uid)?)
    }

    /// Objects of a kind in the order of namespace and name; `None` means all namespaces.
    pub fn list<'a>(
        &'a self,
        group: &'a str,
        kind: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<Value>> {
        self.entries_from(bare_key(group, kind, namespace.unwrap_or(""), ""), group, kind, namespace)
            .map(|(_, object)| object)
    }

    /// As [`Store::list`], with keys, starting at a key (for paging).
    pub fn entries_from<'a>(
        &'a self,
        start: ResourceKey,
        group: &'a str,
        kind: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a ResourceKey, &'a Arc<Value>)> {
        self.objects.since(&start).take_while(move |(key, _)| {
            key.group == group && key.kind == kind && namespace.is_none_or(|wanted| key.namespace == wanted)
        })
    }

    /// Every object, in the order of group, kind, namespace, name.
    pub fn all(&self) -> impl Iterator<Item = (&ResourceKey, &Arc<Value>)> {
        self.objects.iter()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is no object at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The objects that name `uid` in their owner references (by index; does not walk the store).
    pub fn dependents<'a>(&'a self, uid: &str) -> impl Iterator<Item = (&'a ResourceKey, &'a Arc<Value>)> {
        self.dependents
            .get(uid)
            .into_iter()
            .flatten()
            .filter_map(|key| self.objects.get(key).map(|object| (key, object)))
    }

    /// The changes after a resourceVersion, oldest first: the work queue of controllers and the source of watches.
    ///
    /// # Errors
    /// 410 `Expired` when the log no longer reaches back so far (also after [`Store::load`]): list again, then go on
    /// from [`Store::resource_version`].
    pub fn changes_since(&self, rv: u64) -> Result<impl Iterator<Item = &Change>, ApiError> {
        self.log.since(rv)
    }

    /// Changes up to this resourceVersion are forgotten already.
    #[must_use]
    pub fn compacted(&self) -> u64 {
        self.log.compacted()
    }

    /// Forgets the changes up to a resourceVersion: watches from before it get 410.
    pub fn compact(&mut self, rv: u64) {
        self.log.compact(rv.min(self.rv));
    }

    /// Sets how many changes the log keeps.
    pub fn set_log_limit(&mut self, limit: usize) {
        self.log.set_limit(limit);
    }

    /// A small fact kept with the store under a name, e.g. a counter of the kubelet.
    #[must_use]
    pub fn note(&self, name: &str) -> Option<&Value> {
        self.notes.get(name)
    }

    /// Keeps a small fact under a name; `Null` forgets it.
    pub fn set_note(&mut self, name: &str, value: Value) {
        if value.is_null() {
            self.notes.remove(name);
        } else {
            self.notes.insert(name.to_owned(), value);
        }
    }

    /// A number that follows from the seed and from how many were drawn before.
    pub fn draw(&mut self) -> u64 {
        self.identities += 1;
        mix(self.seed ^ 0xD1CE, self.identities)
    }

    /// The plural resource name of a kind: built in, or from a stored custom resource definition, or guessed.
    #[must_use]
    pub fn plural(&self, group: &str, kind: &str) -> String {
        if let Some(info) = kind_info(group, kind) {
            return info.plural.to_owned();
        }
        self.custom_plurals
            .get(&(group.to_owned(), kind.to_owned()))
            .cloned()
            .unwrap_or_else(|| format!("{}s", kind.to_ascii_lowercase()))
    }

    /// 404 for a key, in the words of the API server.
    #[must_use]
    pub fn not_found(&self, key: &ResourceKey) -> ApiError {
        ApiError::not_found(&key.group, &self.plural(&key.group, &key.kind), &key.name)
    }

    /// Puts an object in place of what its key holds, keeping the indexes right.
    fn index_insert(&mut self, key: &ResourceKey, object: &Arc<Value>) -> Option<Arc<Value>> {
        let previous = self.objects.insert(key.clone(), object.clone());
        if let Some(old) = &previous {
            self.unindex(key, old);
        }
        for owner in list_at(object, &["metadata", "ownerReferences"]) {
            if let Some(uid) = text_at(owner, &["uid"]) {
                self.dependents.or_default(uid.to_owned()).insert(key.clone());
            }
        }
        if let Some(uid) = text_at(object, &["metadata", "uid"]) {
            self.by_uid.insert(uid.to_owned(), key.clone());
        }
        if let Some((index, plural)) = custom_plural(key, object) {
            self.custom_plurals.insert(index, plural);
        }
        previous
    }

    fn index_remove(&mut self, key: &ResourceKey) -> Option<Arc<Value>> {
        let object = self.objects.remove(key)?;
        self.unindex(key, &object);
        Some(object)
    }

    fn unindex(&mut self, key: &ResourceKey, object: &Value) {
        for owner in list_at(object, &["metadata", "ownerReferences"]) {
            let Some(uid) = text_at(owner, &["uid"]) else { continue };
            if let Some(keys) = self.dependents.get_mut(uid) {
                keys.remove(key);
                if keys.is_empty() {
                    self.dependents.remove(uid);
                }
            }
        }
        if let Some(uid) = text_at(object, &["metadata", "uid"]) {
            self.by_uid.remove(uid);
        }
        if let Some((index, _)) = custom_plural(key, object) {
            self.custom_plurals.remove(&index);
        }
    }
}

/// A key whose version does not matter.
fn bare_key(group: &str, kind: &str, namespace: &str, name: &str) -> ResourceKey {
    ResourceKey {
        group: group.to_owned(),
        version: String::new(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

/// (group, kind) and plural of what a custom resource definition defines.
fn custom_plural(key: &ResourceKey, object: &Value) -> Option<((String, String), String)> {
    if key.kind != "CustomResourceDefinition" {
        return None;
    }
    let group = text_at(object, &["spec", "group"])?;
    let kind = text_at(object, &["spec", "names", "kind"])?;
    let plural = text_at(object, &["spec", "names", "plural"])?;
    Some(((group.to_owned(), kind.to_owned()), plural.to_owned()))
}
