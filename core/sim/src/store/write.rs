//! Creating, changing and deleting objects.

use std::sync::Arc;
use std::time::Duration;

use backstay_object::{
    ResourceKey, Timestamp, int_at, is_deleting, list_at, remove_at, set_at, text_at, uid as uid_of,
};
use serde_json::Value;

use super::{ApiError, Change, ChangeKind, Store, ident};

use crate::json::json;

/// What becomes of the objects that an object owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// The garbage collector deletes them afterwards.
    Background,
    /// They go first; the owner waits with the finalizer `foregroundDeletion`.
    Foreground,
    /// They stay and lose their owner reference.
    Orphan,
}

/// How to delete, `DeleteOptions` of the API.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// What becomes of dependents; `None` is the default of the kind (orphan for Jobs, else background).
    pub propagation: Option<Propagation>,
    /// Seconds a pod may take to end; `None` is what the pod asks for. Other kinds have no grace period.
    pub grace_period: Option<u64>,
    /// Refuse unless the object has this uid.
    pub uid: Option<String>,
    /// Refuse unless the object has this resourceVersion.
    pub resource_version: Option<String>,
}

impl DeleteOptions {
    /// Delete at once, as the kubelet does when a pod has ended.
    #[must_use]
    pub fn now() -> Self {
        Self { grace_period: Some(0), ..Self::default() }
    }

    /// Delete with a propagation.
    #[must_use]
    pub fn with(propagation: Propagation) -> Self {
        Self { propagation: Some(propagation), ..Self::default() }
    }
}

/// What a deletion did.
#[derive(Clone, Debug)]
pub enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Arc<Value>),
    /// The object is marked and goes when its finalizers and its grace period have run out.
    Terminating(Arc<Value>),
}

impl Deleted {
    /// The last or the present state of the object.
    #[must_use]
    pub fn object(&self) -> &Arc<Value> {
        match self {
            Self::Gone(object) | Self::Terminating(object) => object,
        }
    }
}

/// Kinds without `metadata.generation` (observed on Kubernetes 1.36).
const WITHOUT_GENERATION: [&str; 23] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "ControllerRevision",
    "CSINode",
    "Endpoints",
    "Event",
    "HorizontalPodAutoscaler",
    "Lease",
    "LimitRange",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "PodTemplate",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "RuntimeClass",
    "Secret",
    "Service",
    "ServiceAccount",
    "StorageClass",
];

/// Metadata that only the store writes; a writer's values for them are ignored.
const OWN_METADATA: [&str; 8] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

impl Store {
    /// Stores a new object. Needs kind and a name or `generateName`; uid, creation time, resourceVersion and
    /// generation are given here.
    ///
    /// # Errors
    /// 409 `AlreadyExists`; 422 when neither name nor `generateName` is given.
    pub fn create(&mut self, object: Value, now: Timestamp) -> Result<Arc<Value>, ApiError> {
        let prepared = self.prepare(object, now)?;
        let key = key_of(&prepared)?;
        if self.objects.contains_key(&key) {
            return Err(ApiError::already_exists(&key.group, &self.plural(&key.group, &key.kind), &key.name));
        }
        self.identities += 1;
        Ok(self.commit(&key, prepared, ChangeKind::Added))
    }

    /// What [`Store::create`] would store, except for the resourceVersion; changes nothing (dry run).
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn preview_create(&self, object: Value, now: Timestamp) -> Result<Value, ApiError> {
        let mut prepared = self.prepare(object, now)?;
        let key = key_of(&prepared)?;
        if self.objects.contains_key(&key) {
            return Err(ApiError::already_exists(&key.group, &self.plural(&key.group, &key.kind), &key.name));
        }
        remove_at(&mut prepared, &["metadata", "resourceVersion"]);
        Ok(prepared)
    }

    fn prepare(&self, mut object: Value, now: Timestamp) -> Result<Value, ApiError> {
        let next = self.identities + 1;
        if text_at(&object, &["metadata", "name"]).is_none_or(str::is_empty) {
            let kind = text_at(&object, &["kind"]).unwrap_or("").to_owned();
            let Some(prefix) =
                text_at(&object, &["metadata", "generateName"]).filter(|text| !text.is_empty())
            else {
                return Err(ApiError::new(
                    422,
                    "Invalid",
                    format!(
                        "{kind} \"\" is invalid: metadata.name: Required value: name or generateName is required"
                    ),
                ));
            };
            let name = format!("{prefix}{}", ident::suffix(self.seed, next));
            set_at(&mut object, &["metadata", "name"], Value::String(name));
        }
        let kind = text_at(&object, &["kind"]).unwrap_or("").to_owned();
        for field in OWN_METADATA.iter().skip(2) {
            remove_at(&mut object, &["metadata", field]);
        }
        set_at(&mut object, &["metadata", "uid"], Value::String(ident::uid(self.seed, next)));
        set_at(&mut object, &["metadata", "creationTimestamp"], Value::String(now.to_rfc3339_seconds()));
        if has_generation(&kind) {
            set_at(&mut object, &["metadata", "generation"], json!(1));
        }
        Ok(object)
    }

    /// Changes an object in place. Nothing happens when the closure changes nothing. Identity and deletion marks
    /// cannot be changed. An object that is being deleted goes when this removes its last finalizer; the answer then
    /// is its last state.
    ///
    /// # Errors
    /// 404 when there is no such object.
    pub fn update(
        &mut self,
        key: &ResourceKey,
        now: Timestamp,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, ApiError> {
        let mut object = Value::clone(self.objects.get(key).ok_or_else(|| self.not_found(key))?);
        change(&mut object);
        self.replace(key, object, now)
    }

    /// As [`Store::update`], but of what the closure does only the change of `status` is kept.
    ///
    /// # Errors
    /// 404 when there is no such object.
    pub fn update_status(
        &mut self,
        key: &ResourceKey,
        now: Timestamp,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, ApiError> {
        let stored = self.objects.get(key).cloned().ok_or_else(|| self.not_found(key))?;
        let mut changed = Value::clone(&stored);
        change(&mut changed);
        let status = changed.get_mut("status").map(Value::take);
        let mut object = Value::clone(&stored);
        match status {
            Some(status) => set_at(&mut object, &["status"], status),
            None => {
                remove_at(&mut object, &["status"]);
            }
        }
        self.replace(key, object, now)
    }

    /// Puts a new state in place of an object; see [`Store::update`].
    ///
    /// # Errors
    /// 404 when there is no such object.
    pub fn replace(
        &mut self,
        key: &ResourceKey,
        object: Value,
        _now: Timestamp,
    ) -> Result<Arc<Value>, ApiError> {
        let stored = self.objects.get(key).cloned().ok_or_else(|| self.not_found(key))?;
        let object = self.preview_replace(&stored, object);
        if object == *stored {
            return Ok(stored);
        }
        if is_deleting(&object) && may_go(&object) {
            return Ok(self.remove(key, object));
        }
        Ok(self.commit(key, object, ChangeKind::Modified))
    }

    /// The state [`Store::replace`] would store, except for the resourceVersion.
    #[must_use]
    pub fn preview_replace(&self, stored: &Value, mut object: Value) -> Value {
        for field in OWN_METADATA {
            match stored.get("metadata").and_then(|metadata| metadata.get(field)) {
                Some(value) => set_at(&mut object, &["metadata", field], value.clone()),
                None => {
                    remove_at(&mut object, &["metadata", field]);
                }
            }
        }
        if let Some(generation) = int_at(stored, &["metadata", "generation"])
            && spec_differs(stored, &object)
            && !is_binding(stored, &object)
        {
            set_at(&mut object, &["metadata", "generation"], json!(generation + 1));
        }
        object
    }

    /// Deletes an object, or marks it when finalizers or a grace period keep it.
    ///
    /// # Errors
    /// 404 when there is no such object, 409 when a precondition does not hold.
    pub fn delete(
        &mut self,
        key: &ResourceKey,
        options: &DeleteOptions,
        now: Timestamp,
    ) -> Result<Deleted, ApiError> {
        let stored = self.objects.get(key).cloned().ok_or_else(|| self.not_found(key))?;
        self.check_preconditions(key, &stored, options)?;
        let object = self.preview_delete(key, &stored, options, now);
        if may_go(&object) {
            return Ok(Deleted::Gone(self.remove(key, object)));
        }
        if object == *stored {
            return Ok(Deleted::Terminating(stored));
        }
        Ok(Deleted::Terminating(self.commit(key, object, ChangeKind::Modified)))
    }

    /// Checks the preconditions of a deletion.
    ///
    /// # Errors
    /// 409 when one does not hold.
    pub fn check_preconditions(
        &self,
        key: &ResourceKey,
        stored: &Value,
        options: &DeleteOptions,
    ) -> Result<(), ApiError> {
        let conflict =
            |why: &str| ApiError::conflict(&key.group, &self.plural(&key.group, &key.kind), &key.name, why);
        if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid_of(stored)) {
            return Err(conflict(&format!(
                "the UID in the precondition ({wanted}) does not match the UID in record ({}). The object might have been deleted and then recreated",
                uid_of(stored)
            )));
        }
        let version = text_at(stored, &["metadata", "resourceVersion"]).unwrap_or("");
        if let Some(wanted) = options.resource_version.as_deref().filter(|wanted| *wanted != version) {
            return Err(conflict(&format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified"
            )));
        }
        Ok(())
    }

    fn preview_delete(
        &self,
        key: &ResourceKey,
        stored: &Value,
        options: &DeleteOptions,
        now: Timestamp,
    ) -> Value {
        let mut object = stored.clone();
        let grace = if key.kind == "Pod" && key.group.is_empty() { pod_grace(stored, options) } else { 0 };
        let present =
            int_at(stored, &["metadata", "deletionGracePeriodSeconds"]).and_then(|s| u64::try_from(s).ok());
        let first_time = !is_deleting(stored);
        if first_time {
            set_propagation_finalizer(key, &mut object, options.propagation);
        }
        if first_time || present.is_some_and(|present| grace < present) {
            let end = now.after(Duration::from_secs(grace)).to_rfc3339_seconds();
            set_at(&mut object, &["metadata", "deletionTimestamp"], Value::String(end));
            set_at(&mut object, &["metadata", "deletionGracePeriodSeconds"], json!(grace));
            if let Some(generation) = int_at(&object, &["metadata", "generation"]).filter(|_| first_time) {
                set_at(&mut object, &["metadata", "generation"], json!(generation + 1));
            }
        }
        if key.kind == "Namespace" && key.group.is_empty() {
            set_at(&mut object, &["status", "phase"], json!("Terminating"));
        }
        object
    }

    /// Removes an object whatever keeps it; for the garbage collector and for ended namespaces.
    pub(super) fn remove(&mut self, key: &ResourceKey, mut last: Value) -> Arc<Value> {
        let previous = self.index_remove(key);
        self.rv += 1;
        set_at(&mut last, &["metadata", "resourceVersion"], Value::String(self.rv.to_string()));
        if key.kind == "Pod" {
            self.pod_logs.forget(uid_of(&last));
        }
        let object = Arc::new(last);
        let change = Change {
            rv: self.rv,
            kind: ChangeKind::Deleted,
            key: key.clone(),
            object: object.clone(),
            previous,
        };
        self.log.push(change);
        object
    }

    fn commit(&mut self, key: &ResourceKey, mut object: Value, kind: ChangeKind) -> Arc<Value> {
        self.rv += 1;
        set_at(&mut object, &["metadata", "resourceVersion"], Value::String(self.rv.to_string()));
        let object = Arc::new(object);
        let previous = self.index_insert(key, &object);
        self.log.push(Change { rv: self.rv, kind, key: key.clone(), object: object.clone(), previous });
        object
    }
}

/// Whether a marked object has nothing left that keeps it.
fn may_go(object: &Value) -> bool {
    list_at(object, &["metadata", "finalizers"]).is_empty()
        && int_at(object, &["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0) == 0
        && (text_at(object, &["kind"]) != Some("Namespace")
            || list_at(object, &["spec", "finalizers"]).is_empty())
}

/// Seconds a pod gets: none before it has a node or after it has ended (Kubernetes `podStrategy.CheckGracefulDelete`).
fn pod_grace(pod: &Value, options: &DeleteOptions) -> u64 {
    let asked = options.grace_period.unwrap_or_else(|| {
        int_at(pod, &["spec", "terminationGracePeriodSeconds"])
            .and_then(|s| u64::try_from(s).ok())
            .unwrap_or(30)
    });
    let scheduled = text_at(pod, &["spec", "nodeName"]).is_some_and(|node| !node.is_empty());
    let ended = matches!(text_at(pod, &["status", "phase"]), Some("Failed" | "Succeeded"));
    if scheduled && !ended { asked } else { 0 }
}

fn set_propagation_finalizer(key: &ResourceKey, object: &mut Value, propagation: Option<Propagation>) {
    let default_orphans =
        matches!((key.group.as_str(), key.kind.as_str()), ("batch", "Job") | ("", "ReplicationController"));
    let finalizer = match propagation {
        Some(Propagation::Foreground) => "foregroundDeletion",
        Some(Propagation::Orphan) => "orphan",
        None if default_orphans => "orphan",
        Some(Propagation::Background) | None => return,
    };
    let mut finalizers = list_at(object, &["metadata", "finalizers"]).to_vec();
    if !finalizers.iter().any(|present| present == finalizer) {
        finalizers.push(json!(finalizer));
    }
    set_at(object, &["metadata", "finalizers"], Value::Array(finalizers));
}

/// Whether objects of a kind carry `metadata.generation`.
fn has_generation(kind: &str) -> bool {
    !WITHOUT_GENERATION.contains(&kind)
}

/// Whether a pod gets its node: that alone is no new generation (observed on Kubernetes 1.36).
fn is_binding(old: &Value, new: &Value) -> bool {
    let node = |pod| text_at(pod, &["spec", "nodeName"]).is_some_and(|node| !node.is_empty());
    text_at(old, &["kind"]) == Some("Pod") && !node(old) && node(new)
}

/// Whether anything but metadata and status differs.
fn spec_differs(old: &Value, new: &Value) -> bool {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return true };
    let own = |key: &&String| !matches!(key.as_str(), "metadata" | "status" | "apiVersion" | "kind");
    old.keys().filter(own).any(|key| old.get(key) != new.get(key))
        || new.keys().filter(own).any(|key| !old.contains_key(key))
}

fn key_of(object: &Value) -> Result<ResourceKey, ApiError> {
    ResourceKey::of(object).ok_or_else(|| ApiError::bad_request("Object 'Kind' is missing in the object"))
}
