//! ControllerRevisions: the templates a StatefulSet or DaemonSet had.

use std::sync::Arc;

use backstay_object::{ResourceKey, int_at, name, namespace, set_at, uid};
use serde_json::Value;

use super::{owner_references, short_hash};
use crate::json::json;
use crate::store::DeleteOptions;
use crate::world::Ctx;

pub(super) const HASH: &str = "controller-revision-hash";

fn data(owner: &Value) -> Value {
    let mut template = owner["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

impl Ctx<'_> {
    /// The revisions of a controller, oldest first; the last one is the present template.
    pub(super) fn revisions(&mut self, owner: &Value) -> Vec<Arc<Value>> {
        let mut revisions: Vec<Arc<Value>> = self
            .store
            .dependents(uid(owner))
            .filter(|(key, _)| key.kind == "ControllerRevision")
            .map(|(_, revision)| revision.clone())
            .collect();
        revisions.sort_by_key(|revision| (int_at(revision, &["revision"]), name(revision).to_owned()));
        let wanted = data(owner);
        let last = revisions.last().and_then(|revision| int_at(revision, &["revision"])).unwrap_or(0);
        match revisions.iter().position(|revision| revision["data"] == wanted) {
            Some(at) if at + 1 == revisions.len() => {}
            Some(at) => {
                // Back to an older template: it becomes the newest revision.
                let old = revisions.remove(at);
                let moved = ResourceKey::of(&old).and_then(|key| {
                    self.store.update(&key, self.now, |old| set_at(old, &["revision"], json!(last + 1))).ok()
                });
                revisions.push(moved.unwrap_or(old));
            }
            None => {
                let hash = short_hash(&wanted.to_string());
                let mut labels = owner["spec"]["template"]["metadata"]["labels"].clone();
                if !labels.is_object() {
                    labels = json!({});
                }
                labels["controller.kubernetes.io/hash"] = json!(hash);
                let revision = json!({
                    "apiVersion": "apps/v1",
                    "kind": "ControllerRevision",
                    "metadata": {
                        "name": format!("{}-{hash}", name(owner)),
                        "namespace": namespace(owner),
                        "labels": labels,
                        "ownerReferences": owner_references(owner),
                    },
                    "data": wanted,
                    "revision": last + 1,
                });
                revisions.extend(self.create(revision).ok());
            }
        }
        revisions
    }

    /// Deletes the oldest revisions that no pod has, beyond `revisionHistoryLimit`.
    pub(super) fn trim_revisions(&mut self, owner: &Value, revisions: &[Arc<Value>], used: &[&str]) {
        let limit =
            usize::try_from(int_at(owner, &["spec", "revisionHistoryLimit"]).unwrap_or(10)).unwrap_or(0);
        let unused: Vec<ResourceKey> = revisions
            .iter()
            .take(revisions.len().saturating_sub(1))
            .filter(|revision| {
                !used
                    .iter()
                    .any(|used| name(revision) == *used || name(revision).ends_with(&format!("-{used}")))
            })
            .filter_map(|revision| ResourceKey::of(revision))
            .collect();
        for key in unused.iter().take(unused.len().saturating_sub(limit)) {
            // Gone already: just as well.
            let _ = self.store.delete(key, &DeleteOptions::default(), self.now);
        }
    }
}
