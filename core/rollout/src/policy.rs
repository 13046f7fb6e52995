//! What a rollout may do and for how long. Plain data with every field explicit: hosts say what they want.

use backstay_object::{FromJson, Timestamp};
use serde::Serialize;

/// What "ready" is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// Not at all: applied is deployed. Hooks are still waited for, as Helm does.
    None,
    /// Every object of the release, Jobs included.
    All,
    /// Every object except Jobs, as Helm's `--wait` without `--wait-for-jobs`.
    AllButJobs,
}

/// What happens after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum Remediation {
    /// Leave it for inspection.
    None,
    /// Back to the last healthy revision, or uninstall where there was none.
    Undo,
}

/// What a failure means once a hook ran that cannot be undone (`backstay.dev/irreversible: "true"`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum NoReturn {
    /// Stop and leave the choice to a person: the content before may not fit what the hook did.
    #[default]
    Ask,
    /// Go back all the same.
    Undo,
}

/// The rules of one rollout.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct Policy {
    /// What is waited for.
    pub waiting: Waiting,
    /// What happens after a failure.
    pub remediation: Remediation,
    /// Whether what a failed run created is deleted although the rest is left in place.
    pub cleanup_on_fail: bool,
    /// Whether hooks run.
    pub hooks: bool,
    /// Time for the way forward, from the first record on.
    pub forward_ms: u64,
    /// How long everything has to stay ready before the revision counts as deployed; zero for not at all. Part of
    /// `forward_ms`.
    #[serde(default)]
    pub bake_ms: u64,
    /// How long an object whose pods run may go without progress; `None` computes it from its probes.
    #[serde(default)]
    pub patience_ms: Option<u64>,
    /// Time for the way back, kept in reserve (S13).
    pub undo_ms: u64,
    /// When everything has to be over, evidence and the way back included; `None` where only `forward_ms` counts.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
    /// What a failure means after a point of no return.
    #[serde(default)]
    pub no_return: NoReturn,
    /// Time for keeping evidence (S12).
    pub evidence_ms: u64,
    /// How often one action is tried before its failure counts.
    pub attempts: u32,
    /// Let the server check everything before the first change.
    pub validate: bool,
    /// When a suspicion becomes a verdict.
    pub health: backstay_health::Policy,
}

/// Delay before the next try of an action: half a second doubling to fifteen seconds.
#[must_use]
pub(crate) fn backoff_ms(attempt: u32) -> u64 {
    (500_u64 << attempt.saturating_sub(1).min(5)).min(15_000)
}
