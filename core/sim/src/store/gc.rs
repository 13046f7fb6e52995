//! Owner references and namespaces: what goes when something else has gone.
//!
//! Rules as of Kubernetes' garbage collector (k8s.io/kubernetes `pkg/controller/garbagecollector`): an object goes when
//! all its owners are gone; `foregroundDeletion` makes an owner wait for dependents that block it; `orphan` takes the
//! owner reference away. A terminating namespace goes when it is empty.

use backstay_object::{
    ResourceKey, Timestamp, bool_at, is_deleting, list_at, set_at, text_at, uid as uid_of,
};
use serde_json::Value;

use super::{ChangeKind, DeleteOptions, Propagation, Store, bare_key};
use crate::json::json;
use crate::ordered::Set;

impl Store {
    /// Deletes what has lost its owners and what lies in terminating namespaces, and lets go what waited for that.
    /// Call it after writing; it looks only at what changed since its last call. Answers how many rounds changed
    /// something.
    pub fn collect_garbage(&mut self, now: Timestamp) -> usize {
        let mut rounds = 0;
        while self.gc_seen < self.rv {
            let todo = self.gc_candidates();
            self.gc_seen = self.rv;
            let before = self.rv;
            for key in &todo.dependents {
                self.gc_dependent(key, now);
            }
            for key in &todo.owners {
                self.gc_owner(key, now);
            }
            for name in &todo.namespaces {
                self.gc_namespace(name, now);
            }
            rounds += usize::from(self.rv > before);
        }
        rounds
    }

    fn gc_candidates(&self) -> Candidates {
        let mut todo = Candidates::default();
        match self.log.since(self.gc_seen) {
            Ok(changes) => {
                for change in changes {
                    if change.kind == ChangeKind::Deleted {
                        let uid = uid_of(&change.object);
                        todo.dependents.extend(self.dependents(uid).map(|(key, _)| key.clone()));
                        self.note_owners_of(&change.object, &mut todo);
                        self.note_namespace(&change.key.namespace, &mut todo);
                    } else {
                        self.note_present(&change.key, &change.object, &mut todo);
                    }
                }
            }
            Err(_) => {
                for (key, object) in &self.objects {
                    self.note_present(key, object, &mut todo);
                }
            }
        }
        todo
    }

    fn note_present(&self, key: &ResourceKey, object: &Value, todo: &mut Candidates) {
        if !list_at(object, &["metadata", "ownerReferences"]).is_empty() {
            todo.dependents.insert(key.clone());
            self.note_owners_of(object, todo);
        }
        if is_deleting(object) {
            if key.kind == "Namespace" && key.group.is_empty() {
                todo.namespaces.insert(key.name.clone());
            } else if !list_at(object, &["metadata", "finalizers"]).is_empty() {
                todo.owners.insert(key.clone());
            }
        }
    }

    fn note_owners_of(&self, object: &Value, todo: &mut Candidates) {
        for owner in list_at(object, &["metadata", "ownerReferences"]) {
            let key = text_at(owner, &["uid"]).and_then(|uid| self.by_uid.get(uid));
            if let Some(key) = key
                && self.objects.get(key).is_some_and(|owner| is_deleting(owner))
            {
                todo.owners.insert(key.clone());
            }
        }
    }

    fn note_namespace(&self, name: &str, todo: &mut Candidates) {
        if !name.is_empty()
            && self.find("", "Namespace", "", name).is_some_and(|namespace| is_deleting(namespace))
        {
            todo.namespaces.insert(name.to_owned());
        }
    }

    /// An object with owners: it goes when none of them is there to stay.
    fn gc_dependent(&mut self, key: &ResourceKey, now: Timestamp) {
        let Some(object) = self.objects.get(key).filter(|object| !is_deleting(object)).cloned() else {
            return;
        };
        let owners = list_at(&object, &["metadata", "ownerReferences"]);
        if owners.is_empty() {
            return;
        }
        let mut solid = Vec::new();
        let mut waiting = false;
        for owner in owners {
            let live = text_at(owner, &["uid"]).and_then(|uid| self.by_uid(uid));
            match live {
                Some(live) if is_deleting(live) && has_finalizer(live, "foregroundDeletion") => {
                    waiting = true
                }
                Some(_) => solid.push(owner.clone()),
                None => {}
            }
        }
        if solid.is_empty() {
            let blocked =
                self.dependents(uid_of(&object)).any(|(_, dependent)| blocks(dependent, uid_of(&object)));
            let propagation =
                if waiting && blocked { Propagation::Foreground } else { Propagation::Background };
            // The object was there a moment ago and no precondition is set: this cannot be refused.
            let _ = self.delete(key, &DeleteOptions::with(propagation), now);
        } else if solid.len() < owners.len() {
            let _ = self.update(key, now, |object| {
                set_at(object, &["metadata", "ownerReferences"], Value::Array(solid))
            });
        }
    }

    /// An owner that waits for, or lets go, its dependents.
    fn gc_owner(&mut self, key: &ResourceKey, now: Timestamp) {
        let Some(object) = self.objects.get(key).filter(|object| is_deleting(object)).cloned() else {
            return;
        };
        let uid = uid_of(&object);
        let dependents: Vec<ResourceKey> = self.dependents(uid).map(|(key, _)| key.clone()).collect();
        if has_finalizer(&object, "orphan") {
            for dependent in &dependents {
                let _ = self.update(dependent, now, |dependent| drop_owner(dependent, uid));
            }
            let _ = self.update(key, now, |object| drop_finalizer(object, "orphan"));
        }
        if has_finalizer(&object, "foregroundDeletion") {
            for dependent in &dependents {
                self.gc_dependent(dependent, now);
            }
            let blocked = self.dependents(uid).any(|(_, dependent)| blocks(dependent, uid));
            if !blocked {
                let _ = self.update(key, now, |object| drop_finalizer(object, "foregroundDeletion"));
            }
        }
    }

    fn gc_namespace(&mut self, name: &str, now: Timestamp) {
        let key = bare_key("", "Namespace", "", name);
        let Some(namespace) = self.objects.get(&key).filter(|namespace| is_deleting(namespace)).cloned()
        else {
            return;
        };
        let inside: Vec<ResourceKey> =
            self.objects.keys().filter(|key| key.namespace == name).cloned().collect();
        let mut left = inside.len();
        for key in inside {
            match self.delete(&key, &DeleteOptions::with(Propagation::Background), now) {
                Ok(super::Deleted::Terminating(_)) => {}
                Ok(super::Deleted::Gone(_)) | Err(_) => left -= 1,
            }
        }
        if left == 0 {
            let mut last = Value::clone(&namespace);
            set_at(&mut last, &["spec", "finalizers"], json!([]));
            if list_at(&last, &["metadata", "finalizers"]).is_empty() {
                self.remove(&key, last);
            } else {
                let _ = self.replace(&key, last, now);
            }
        }
    }
}

/// What a round of garbage collection has to look at.
#[derive(Default)]
struct Candidates {
    dependents: Set<ResourceKey>,
    owners: Set<ResourceKey>,
    namespaces: Set<String>,
}

fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    list_at(object, &["metadata", "finalizers"]).iter().any(|present| present == finalizer)
}

fn blocks(dependent: &Value, owner_uid: &str) -> bool {
    list_at(dependent, &["metadata", "ownerReferences"]).iter().any(|owner| {
        text_at(owner, &["uid"]) == Some(owner_uid) && bool_at(owner, &["blockOwnerDeletion"]) == Some(true)
    })
}

fn drop_owner(object: &mut Value, uid: &str) {
    let left: Vec<Value> = list_at(object, &["metadata", "ownerReferences"])
        .iter()
        .filter(|owner| text_at(owner, &["uid"]) != Some(uid))
        .cloned()
        .collect();
    set_list(object, "ownerReferences", left);
}

fn drop_finalizer(object: &mut Value, finalizer: &str) {
    let left: Vec<Value> = list_at(object, &["metadata", "finalizers"])
        .iter()
        .filter(|present| *present != finalizer)
        .cloned()
        .collect();
    set_list(object, "finalizers", left);
}

fn set_list(object: &mut Value, field: &str, list: Vec<Value>) {
    if list.is_empty() {
        backstay_object::remove_at(object, &["metadata", field]);
    } else {
        set_at(object, &["metadata", field], Value::Array(list));
    }
}
