//! Manifests and live objects to a plan.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::{ResourceKey, annotation};
use serde_json::Value;

use crate::budget::budget_of;
use crate::hook::PlannedHook;
use crate::step::{Change, Operation, Plan, PlannedObject, Step, UndoTarget, UndoWork, holds_data};

/// A recorded revision, parsed by the host.
#[derive(Clone, Debug)]
pub struct PreviousRevision {
    /// Its number.
    pub revision: u32,
    /// Its objects.
    pub objects: Vec<PlannedObject>,
    /// Its hooks.
    pub hooks: Vec<PlannedObject>,
}

/// What a plan is made of.
#[derive(Clone, Debug)]
pub struct PlanInput {
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// What is to be done.
    pub operation: Operation,
    /// The revision the rollout writes.
    pub to: u32,
    /// The objects of the new revision in Helm's install order; for an uninstall empty.
    pub objects: Vec<PlannedObject>,
    /// The hooks of the new revision; for an uninstall those of the running one.
    pub hooks: Vec<PlannedObject>,
    /// What runs now, according to the records: the base of the comparison.
    pub current: Option<PreviousRevision>,
    /// Where an undo leads: the last revision proven healthy. `None` with a `current` means that there is none.
    pub healthy: Option<PreviousRevision>,
    /// A look at the live objects: `None` for one that does not exist. Objects nobody looked at are taken to exist
    /// when a recorded revision has them.
    pub live: BTreeMap<ResourceKey, Option<Value>>,
}

/// The manifests cannot be made into a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two documents describe one object.
    #[error("{key} is defined twice: in {first} and in {second}; rename or remove one of them")]
    Duplicate {
        /// The object.
        key: String,
        /// Source of the first document.
        first: String,
        /// Source of the second document.
        second: String,
    },
    /// The wave annotation is not a whole number.
    #[error(
        "{source_file}: annotation {WAVE_ANNOTATION} of {key} is \"{value}\": give a whole number such as 0, 1 or -1"
    )]
    Wave {
        /// The object.
        key: String,
        /// What the annotation says.
        value: String,
        /// Source of the document.
        source_file: String,
    },
}

/// Objects with a lower number are applied, and must be ready, before those with a higher one.
const WAVE_ANNOTATION: &str = "backstay.dev/wave";

/// Makes the plan.
///
/// # Errors
/// When an object is defined twice or a wave annotation is not a number.
pub fn build(input: PlanInput) -> Result<Plan, PlanError> {
    refuse_duplicates(&input.objects)?;
    let waves = wave_numbers(&input.objects)?;
    let current = by_key(input.current.as_ref());
    let healthy = by_key(input.healthy.as_ref());
    let mut wanted: BTreeSet<&ResourceKey> = BTreeSet::new();
    wanted.extend(input.objects.iter().map(|object| &object.key));

    let mut steps: Vec<Step> = Vec::with_capacity(input.objects.len());
    for (object, wave) in input.objects.iter().zip(&waves) {
        let change = change_of(object, &current, &input.live);
        let undo = undo_of(object, change, &current, &healthy, &input);
        steps.push(Step {
            key: object.key.clone(),
            change,
            wave: *wave,
            desired: Some(object.object.clone()),
            undo,
            source: object.source.clone(),
            owned: object.owned,
        });
    }
    backstay_object::sort_by(&mut steps, |one, other| one.wave.cmp(&other.wave));
    let last_wave = steps.last().map_or(0, |step| step.wave);
    let mut deletions: Vec<Step> = current
        .values()
        .filter(|object| !wanted.contains(&object.key) && !object.is_kept())
        .filter(|object| !matches!(input.live.get(&object.key), Some(None)))
        .map(|object| deletion(object, last_wave, &healthy))
        .collect();
    backstay_object::sort_by(&mut deletions, |one, other| {
        uninstall_rank(&one.key.kind).cmp(&uninstall_rank(&other.key.kind))
    });
    steps.extend(deletions);

    let undo = undo_target(&input);
    let undo_hooks = input.healthy.as_ref().map_or_else(Vec::new, |revision| hooks(&revision.hooks));
    let mut plan = Plan {
        from: input.current.as_ref().map(|revision| revision.revision),
        release: input.release,
        namespace: input.namespace,
        operation: input.operation,
        to: input.to,
        steps,
        hooks: hooks(&input.hooks),
        undo,
        undo_hooks,
        budget: Default::default(),
    };
    plan.budget = budget_of(&plan);
    Ok(plan)
}

fn change_of(
    object: &PlannedObject,
    current: &BTreeMap<&ResourceKey, &PlannedObject>,
    live: &BTreeMap<ResourceKey, Option<Value>>,
) -> Change {
    match (current.get(&object.key), live.get(&object.key)) {
        (_, Some(None)) | (None, None) => Change::Create,
        (None, Some(Some(_))) => Change::Adopt,
        (Some(before), _) if before.object == object.object => Change::Unchanged,
        (Some(_), _) => Change::Change,
    }
}

fn undo_of(
    object: &PlannedObject,
    change: Change,
    current: &BTreeMap<&ResourceKey, &PlannedObject>,
    healthy: &BTreeMap<&ResourceKey, &PlannedObject>,
    input: &PlanInput,
) -> UndoWork {
    if let Some(before) = healthy.get(&object.key) {
        // Unchanged here may still differ from the healthy revision when the running one is not it.
        return if before.object == object.object && change == Change::Unchanged {
            UndoWork::Nothing
        } else {
            UndoWork::Restore { object: before.object.clone() }
        };
    }
    match change {
        Change::Adopt => match input.live.get(&object.key) {
            Some(Some(live)) => UndoWork::Restore { object: without_server_fields(live) },
            _ => UndoWork::Nothing,
        },
        // Data outlives a failed run: whoever wants it gone says so.
        Change::Create | Change::Change | Change::Unchanged
            if holds_data(&object.key.kind) || object.is_kept() =>
        {
            UndoWork::Nothing
        }
        Change::Create => UndoWork::Delete,
        // Part of the running revision but not of the one that is restored: what that one never had goes.
        _ if input.healthy.is_some() => UndoWork::Delete,
        _ => current
            .get(&object.key)
            .map_or(UndoWork::Nothing, |before| UndoWork::Restore { object: before.object.clone() }),
    }
}

fn deletion(object: &PlannedObject, wave: u32, healthy: &BTreeMap<&ResourceKey, &PlannedObject>) -> Step {
    let undo = healthy
        .get(&object.key)
        .map_or(UndoWork::Nothing, |before| UndoWork::Restore { object: before.object.clone() });
    Step {
        key: object.key.clone(),
        change: Change::Delete,
        wave,
        desired: None,
        undo,
        source: object.source.clone(),
        owned: true,
    }
}

fn undo_target(input: &PlanInput) -> UndoTarget {
    match (&input.operation, &input.healthy, &input.current) {
        (Operation::Uninstall, ..) => UndoTarget::Closed { reason: "an uninstall is not undone".to_owned() },
        (_, Some(healthy), _) => UndoTarget::Revision { revision: healthy.revision },
        (_, None, None) => UndoTarget::Nothing,
        (_, None, Some(current)) => UndoTarget::Closed {
            reason: format!(
                "no earlier revision was ever healthy (the last is revision {})",
                current.revision
            ),
        },
    }
}

/// The live content of an object as it could be applied again: without what only the server may set.
fn without_server_fields(live: &Value) -> Value {
    let mut object = live.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    for field in [
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "selfLink",
        "ownerReferences",
    ] {
        backstay_object::remove_at(&mut object, &["metadata", field]);
    }
    object
}

fn by_key(revision: Option<&PreviousRevision>) -> BTreeMap<&ResourceKey, &PlannedObject> {
    let mut objects = BTreeMap::new();
    objects.extend(
        revision.into_iter().flat_map(|revision| &revision.objects).map(|object| (&object.key, object)),
    );
    objects
}

fn hooks(objects: &[PlannedObject]) -> Vec<PlannedHook> {
    objects.iter().filter_map(PlannedHook::of).collect()
}

fn refuse_duplicates(objects: &[PlannedObject]) -> Result<(), PlanError> {
    let mut seen: BTreeMap<&ResourceKey, &str> = BTreeMap::new();
    for object in objects {
        if let Some(first) = seen.insert(&object.key, &object.source) {
            return Err(PlanError::Duplicate {
                key: format!("{}", object.key),
                first: first.to_owned(),
                second: object.source.clone(),
            });
        }
    }
    Ok(())
}

/// The wave annotations, made into consecutive numbers from zero.
fn wave_numbers(objects: &[PlannedObject]) -> Result<Vec<u32>, PlanError> {
    let mut numbers = Vec::with_capacity(objects.len());
    for object in objects {
        if !object.owned {
            numbers.push(i32::MIN);
            continue;
        }
        let text = annotation(&object.object, WAVE_ANNOTATION).unwrap_or("0");
        let number = text.trim().parse::<i32>().map_err(|_| PlanError::Wave {
            key: format!("{}", object.key),
            value: text.to_owned(),
            source_file: object.source.clone(),
        })?;
        numbers.push(number);
    }
    let (mut distinct, mut ranks) = (BTreeSet::new(), BTreeMap::new());
    distinct.extend(numbers.iter().copied());
    ranks.extend(distinct.into_iter().zip(0_u32..));
    Ok(numbers.iter().filter_map(|number| ranks.get(number).copied()).collect())
}

/// Helm's uninstall order (`pkg/release/v1/util/kind_sorter.go` `UninstallOrder`); unknown kinds last.
const UNINSTALL_ORDER: &[&str] = &[
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "Ingress",
    "IngressClass",
    "Service",
    "CronJob",
    "Job",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "Pod",
    "DaemonSet",
    "RoleBindingList",
    "RoleBinding",
    "RoleList",
    "Role",
    "ClusterRoleBindingList",
    "ClusterRoleBinding",
    "ClusterRoleList",
    "ClusterRole",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "ConfigMap",
    "SecretList",
    "Secret",
    "ServiceAccount",
    "PodDisruptionBudget",
    "PodSecurityPolicy",
    "LimitRange",
    "ResourceQuota",
    "NetworkPolicy",
    "Namespace",
    "PriorityClass",
];

fn uninstall_rank(kind: &str) -> usize {
    UNINSTALL_ORDER.iter().position(|known| *known == kind).unwrap_or(UNINSTALL_ORDER.len())
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
