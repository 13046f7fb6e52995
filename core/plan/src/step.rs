//! The plan's data.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use backstay_health::Policy;
use backstay_object::{FromJson, ResourceKey, annotation};
use serde::Serialize;
use serde_json::Value;

use crate::budget::Budget;
use crate::hook::{HookEvent, PlannedHook, hooks_of};

/// What the rollout is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "operation")]
pub enum Operation {
    /// First revision of a release.
    Install,
    /// A new revision over an older one.
    Upgrade,
    /// Back to a recorded revision, as a new one.
    Rollback {
        /// The revision whose manifest is applied. A name of its own in JSON: [`Plan::to`] lies beside it.
        #[serde(rename = "rollback_to")]
        to: u32,
    },
    /// Everything of the release goes.
    Uninstall,
}

impl Operation {
    /// Hook events before and after the main work.
    #[must_use]
    pub const fn hook_events(self) -> (HookEvent, HookEvent) {
        match self {
            Self::Install => (HookEvent::PreInstall, HookEvent::PostInstall),
            Self::Upgrade => (HookEvent::PreUpgrade, HookEvent::PostUpgrade),
            Self::Rollback { .. } => (HookEvent::PreRollback, HookEvent::PostRollback),
            Self::Uninstall => (HookEvent::PreDelete, HookEvent::PostDelete),
        }
    }
}

/// An object of a manifest, parsed by the host.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct PlannedObject {
    /// Which object; its namespace is filled in for namespaced kinds.
    pub key: ResourceKey,
    /// What is to be applied, without ownership metadata.
    pub object: Value,
    /// Where it came from, e.g. `shop/templates/web.yaml`.
    #[serde(default)]
    pub source: String,
    /// Whether it becomes part of the release. Definitions from a chart's `crds/` folder do not: they come first, and
    /// nothing ever takes them back (Helm `installCRDs`).
    #[serde(default = "yes")]
    pub owned: bool,
}

const fn yes() -> bool {
    true
}

impl PlannedObject {
    /// Takes the key from the object itself; `None` when it has no kind or name.
    #[must_use]
    pub fn new(object: Value, source: &str) -> Option<Self> {
        Some(Self { key: ResourceKey::of(&object)?, object, source: source.to_string(), owned: true })
    }

    /// Whether the object asks to be left behind on every deletion (`helm.sh/resource-policy: keep`).
    #[must_use]
    pub fn is_kept(&self) -> bool {
        annotation(&self.object, "helm.sh/resource-policy")
            .is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
    }
}

/// What happens to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Not in the cluster yet.
    Create,
    /// In the cluster and to be changed.
    Change,
    /// The manifest is the same as in the revision before; applied again only where the live object differs.
    Unchanged,
    /// In the revision before, not in the new one.
    Delete,
    /// In the cluster, not part of this release so far, taken over on request.
    Adopt,
}

impl Change {
    /// What is done, in the words people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Unchanged => "keep",
            Self::Delete => "delete",
            Self::Adopt => "take over",
        }
    }
}

/// One object of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct Step {
    /// Which object.
    pub key: ResourceKey,
    /// What happens to it.
    pub change: Change,
    /// The wave it is applied in, as an index into consecutive waves.
    pub wave: u32,
    /// The object to apply; absent for a deletion.
    pub desired: Option<Value>,
    /// How the undo leaves it.
    pub undo: UndoWork,
    /// Where its manifest came from.
    #[serde(default)]
    pub source: String,
    /// Whether it is part of the release and carries its ownership metadata.
    #[serde(default = "yes")]
    pub owned: bool,
}

/// What undoing one step means. It is decided here, before anything changed, so that a host that crashed and one that
/// did not will undo the same things (S11).
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "undo")]
pub enum UndoWork {
    /// Nothing: this run does not change it, or it must survive.
    Nothing,
    /// This run creates it: delete it.
    Delete,
    /// Apply this former content again.
    Restore {
        /// The manifest of the revision that is restored, or the live content of an adopted object.
        object: Value,
    },
}

/// Where the undo leads.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "target")]
pub enum UndoTarget {
    /// Back to a recorded revision: the last one proven healthy.
    Revision {
        /// That revision.
        revision: u32,
    },
    /// There was nothing before: delete what was created.
    Nothing,
    /// There is a history but no revision in it that can be restored; the reason says why.
    Closed {
        /// Why there is no way back.
        reason: String,
    },
}

/// Objects of one kind that the host has to watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, FromJson)]
pub struct WatchScope {
    /// `apps/v1`
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
}

/// Everything a rollout will do. Validated and immutable; steps are in the order they are applied.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct Plan {
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// What is done.
    #[serde(flatten)]
    pub operation: Operation,
    /// The revision that runs now, if any.
    pub from: Option<u32>,
    /// The revision this rollout writes.
    pub to: u32,
    /// Objects to apply, in Helm's install order inside each wave, then the deletions in uninstall order.
    pub steps: Vec<Step>,
    /// Hooks of the new manifest.
    pub hooks: Vec<PlannedHook>,
    /// Where the undo leads.
    pub undo: UndoTarget,
    /// Hooks of the revision the undo restores.
    pub undo_hooks: Vec<PlannedHook>,
    /// How long it may take.
    pub budget: Budget,
}

impl Plan {
    /// Number of waves with something to apply.
    #[must_use]
    pub fn wave_count(&self) -> u32 {
        self.steps.iter().filter(|step| step.desired.is_some()).map(|step| step.wave + 1).max().unwrap_or(0)
    }

    /// Indexes of the steps applied in a wave, in order.
    #[must_use]
    pub fn wave(&self, wave: u32) -> Vec<usize> {
        self.indexes(|step| step.desired.is_some() && step.wave == wave)
    }

    /// Indexes of the steps that delete, split by whether the kind holds data: those go last, when everything is
    /// proven, because no undo brings data back.
    #[must_use]
    pub fn deletions(&self, holding_data: bool) -> Vec<usize> {
        self.indexes(|step| step.desired.is_none() && holds_data(&step.key.kind) == holding_data)
    }

    /// Indexes into [`Plan::hooks`] for an event, in the order they run.
    #[must_use]
    pub fn hooks_for(&self, event: HookEvent) -> Vec<usize> {
        hooks_of(&self.hooks, event)
    }

    /// Indexes into [`Plan::undo_hooks`] for an event, in the order they run.
    #[must_use]
    pub fn undo_hooks_for(&self, event: HookEvent) -> Vec<usize> {
        hooks_of(&self.undo_hooks, event)
    }

    /// The kinds the host has to watch to judge this plan: those of its objects that can be unready, and what the
    /// workloads among them own.
    #[must_use]
    pub fn watch_scopes(&self, policy: &Policy) -> Vec<WatchScope> {
        let hooks = self.hooks.iter().chain(&self.undo_hooks).map(|hook| &hook.object.key);
        scopes_of(self.steps.iter().map(|step| &step.key).chain(hooks), policy)
    }

    /// How many steps make each change: for the one-line summary.
    #[must_use]
    pub fn count(&self, change: Change) -> usize {
        self.steps.iter().filter(|step| step.change == change).count()
    }

    fn indexes(&self, wanted: impl Fn(&Step) -> bool) -> Vec<usize> {
        self.steps.iter().enumerate().filter(|(_, step)| wanted(step)).map(|(index, _)| index).collect()
    }
}

/// What has to be seen to judge objects: their kinds, and those of what belongs to them.
#[must_use]
pub fn scopes_of<'a>(keys: impl Iterator<Item = &'a ResourceKey>, policy: &Policy) -> Vec<WatchScope> {
    let mut scopes = Vec::new();
    for key in keys.filter(|key| !is_ready_once_there(key, policy)) {
        let scope = |api_version: String, kind: &str| WatchScope {
            api_version,
            kind: kind.to_string(),
            namespace: key.namespace.clone(),
        };
        scopes.push(scope(key.api_version(), &key.kind));
        scopes.extend(owned_kinds(&key.kind).iter().map(|(version, kind)| scope((*version).into(), kind)));
    }
    scopes.sort();
    scopes.dedup();
    scopes
}

/// Kinds whose deletion loses data that no undo can bring back.
#[must_use]
pub fn holds_data(kind: &str) -> bool {
    matches!(kind, "PersistentVolumeClaim" | "PersistentVolume" | "Namespace" | "CustomResourceDefinition")
}

/// Whether an object is ready as soon as the server has it: one of such a kind for which no rule of the user says more.
#[must_use]
pub fn is_ready_once_there(key: &ResourceKey, policy: &Policy) -> bool {
    is_always_ready(&key.group, &key.kind) && !policy.has_rule_for(&key.api_version(), &key.kind)
}

/// Kinds that are ready as soon as the server has them, so that nobody needs to watch them.
#[must_use]
pub fn is_always_ready(group: &str, kind: &str) -> bool {
    match group {
        "" => matches!(
            kind,
            "ConfigMap"
                | "Secret"
                | "ServiceAccount"
                | "Namespace"
                | "LimitRange"
                | "ResourceQuota"
                | "Endpoints"
                | "PersistentVolume"
        ),
        "rbac.authorization.k8s.io"
        | "admissionregistration.k8s.io"
        | "scheduling.k8s.io"
        | "storage.k8s.io"
        | "node.k8s.io"
        | "discovery.k8s.io" => true,
        "networking.k8s.io" => matches!(kind, "NetworkPolicy" | "IngressClass" | "Ingress"),
        "policy" => kind == "PodDisruptionBudget",
        "autoscaling" => kind == "HorizontalPodAutoscaler",
        "batch" => kind == "CronJob",
        _ => false,
    }
}

fn owned_kinds(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "Deployment" => &[("apps/v1", "ReplicaSet"), ("v1", "Pod"), ("v1", "Event")],
        "ReplicaSet" | "DaemonSet" | "Job" | "ReplicationController" => &[("v1", "Pod"), ("v1", "Event")],
        "StatefulSet" => &[("v1", "Pod"), ("v1", "Event"), ("v1", "PersistentVolumeClaim")],
        "Pod" | "PersistentVolumeClaim" => &[("v1", "Event")],
        "Service" => &[("discovery.k8s.io/v1", "EndpointSlice")],
        _ => &[],
    }
}
