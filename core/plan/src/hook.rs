//! Hooks: objects that run at one point of a rollout and belong to no release
//! (Helm `pkg/release/v1/hook.go`, `pkg/action/hooks.go`).

use alloc::string::ToString;
use alloc::vec::Vec;

use backstay_object::{FromJson, annotation};
use serde::Serialize;

use crate::step::PlannedObject;

/// The point at which a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum HookEvent {
    /// Before the first object of a first install.
    PreInstall,
    /// After a first install is ready.
    PostInstall,
    /// Before an upgrade changes anything.
    PreUpgrade,
    /// After an upgrade is ready.
    PostUpgrade,
    /// Before a return to an older revision.
    PreRollback,
    /// After a return to an older revision.
    PostRollback,
    /// Before an uninstall.
    PreDelete,
    /// After an uninstall.
    PostDelete,
    /// Only when tests are asked for.
    Test,
}

impl HookEvent {
    /// Reads one word of a `helm.sh/hook` annotation.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "pre-install" => Self::PreInstall,
            "post-install" => Self::PostInstall,
            "pre-upgrade" => Self::PreUpgrade,
            "post-upgrade" => Self::PostUpgrade,
            "pre-rollback" => Self::PreRollback,
            "post-rollback" => Self::PostRollback,
            "pre-delete" => Self::PreDelete,
            "post-delete" => Self::PostDelete,
            "test" | "test-success" => Self::Test,
            _ => return None,
        })
    }

    /// Helm's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PreInstall => "pre-install",
            Self::PostInstall => "post-install",
            Self::PreUpgrade => "pre-upgrade",
            Self::PostUpgrade => "post-upgrade",
            Self::PreRollback => "pre-rollback",
            Self::PostRollback => "post-rollback",
            Self::PreDelete => "pre-delete",
            Self::PostDelete => "post-delete",
            Self::Test => "test",
        }
    }
}

/// When the hook's object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum DeletePolicy {
    /// Before a new one is created; the default when none is given.
    BeforeHookCreation,
    /// After it succeeded.
    HookSucceeded,
    /// After it failed.
    HookFailed,
}

/// A hook with its annotations read.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct PlannedHook {
    /// The object to create.
    pub object: PlannedObject,
    /// When it runs.
    pub events: Vec<HookEvent>,
    /// Order within an event, ascending; ties by name.
    pub weight: i64,
    /// When its object is deleted.
    pub delete_policies: Vec<DeletePolicy>,
}

impl PlannedHook {
    /// Whether what it does cannot be undone (`backstay.dev/irreversible: "true"`, e.g. a migration that drops a column).
    #[must_use]
    pub fn is_irreversible(&self) -> bool {
        annotation(&self.object.object, "backstay.dev/irreversible").is_some_and(|text| text.trim() == "true")
    }

    /// Reads the hook annotations of an object; `None` when it is no hook Backstay knows.
    #[must_use]
    pub fn of(object: &PlannedObject) -> Option<Self> {
        let events: Vec<_> =
            annotation(&object.object, "helm.sh/hook")?.split(',').filter_map(HookEvent::parse).collect();
        if events.is_empty() {
            return None;
        }
        let weight = annotation(&object.object, "helm.sh/hook-weight")
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        let policies = annotation(&object.object, "helm.sh/hook-delete-policy").unwrap_or_default();
        let mut delete_policies: Vec<_> = policies.split(',').filter_map(delete_policy).collect();
        if delete_policies.is_empty() {
            delete_policies.push(DeletePolicy::BeforeHookCreation);
        }
        Some(Self { object: object.clone(), events, weight, delete_policies })
    }

    /// Whether the object is to be deleted under that policy. Custom resource definitions never are (Helm
    /// `pkg/action/hooks.go` `deleteHookByPolicy`).
    #[must_use]
    pub fn deletes(&self, policy: DeletePolicy) -> bool {
        self.object.key.kind != "CustomResourceDefinition" && self.delete_policies.contains(&policy)
    }
}

fn delete_policy(word: &str) -> Option<DeletePolicy> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "before-hook-creation" => DeletePolicy::BeforeHookCreation,
        "hook-succeeded" => DeletePolicy::HookSucceeded,
        "hook-failed" => DeletePolicy::HookFailed,
        _ => return None,
    })
}

/// The hooks of one event in the order they run: weight, then name (Helm `pkg/release/v1/util` hook sort).
pub(crate) fn hooks_of(hooks: &[PlannedHook], event: HookEvent) -> Vec<usize> {
    let mut indexes: Vec<(i64, alloc::string::String, usize)> = hooks
        .iter()
        .enumerate()
        .filter(|(_, hook)| hook.events.contains(&event))
        .map(|(index, hook)| (hook.weight, hook.object.key.name.to_string(), index))
        .collect();
    backstay_object::sort_by(&mut indexes, Ord::cmp);
    indexes.into_iter().map(|(.., index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hook(name: &str, annotations: &serde_json::Value) -> PlannedObject {
        PlannedObject::new(
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "annotations": annotations}}),
            "templates/hook.yaml",
        )
        .unwrap()
    }

    #[test]
    fn annotations_are_read_as_helm_does() {
        let read = PlannedHook::of(&hook(
            "a",
            &json!({"helm.sh/hook": "Pre-Upgrade, test-success", "helm.sh/hook-weight": "-5", "helm.sh/hook-delete-policy": "hook-succeeded"}),
        ))
        .unwrap();
        assert_eq!(read.events, [HookEvent::PreUpgrade, HookEvent::Test]);
        assert_eq!(read.weight, -5);
        assert!(read.deletes(DeletePolicy::HookSucceeded) && !read.deletes(DeletePolicy::BeforeHookCreation));
        assert!(PlannedHook::of(&hook("b", &json!({"helm.sh/hook": "crd-install"}))).is_none());
        let default =
            PlannedHook::of(&hook("c", &json!({"helm.sh/hook": "pre-install", "helm.sh/hook-weight": "x"})))
                .unwrap();
        assert!(default.deletes(DeletePolicy::BeforeHookCreation));
        assert_eq!(default.weight, 0);
    }

    #[test]
    fn order_is_weight_then_name() {
        let hooks: Vec<_> = [("b", "0"), ("a", "0"), ("z", "-1")]
            .iter()
            .map(|(name, weight)| {
                PlannedHook::of(&hook(
                    name,
                    &json!({"helm.sh/hook": "pre-install", "helm.sh/hook-weight": weight}),
                ))
                .unwrap()
            })
            .collect();
        assert_eq!(hooks_of(&hooks, HookEvent::PreInstall), [2, 1, 0]);
        assert!(hooks_of(&hooks, HookEvent::PostInstall).is_empty());
    }
}
