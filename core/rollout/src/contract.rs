//! The words that a host and the machine exchange. Wire types: hosts in other languages see exactly these as JSON.

use alloc::string::String;
use alloc::vec::Vec;

use backstay_health::{Cause, Readiness};
use backstay_object::{FromJson, ResourceKey, Timestamp};
use backstay_plan::WatchScope;
use serde::Serialize;
use serde_json::Value;

use crate::journal::JournalEntry;
use crate::phase::{HookStage, Phase};

/// The idempotency key of an action: the same id means the same action, also after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, FromJson)]
#[serde(transparent)]
pub struct ActionId(pub u32);

/// Something the host has to do. It may be issued again with the same id after a crash or a lost reply, so doing it
/// twice must have the effect of doing it once.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct Action {
    /// Idempotency key.
    pub id: ActionId,
    /// 1 for the first try.
    pub attempt: u32,
    /// When the host has to give up and report what it has.
    pub deadline: Timestamp,
    /// What to do.
    #[serde(flatten)]
    pub kind: ActionKind,
}

/// What an action does. Which objects it means follows from the plan and the machine's state, see
/// [`crate::Rollout::steps_of`]; that keeps journals small.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum ActionKind {
    /// Start watching these kinds and feed what is seen; done when the first lists are in. The watches go on.
    Observe {
        /// What to watch.
        scopes: Vec<WatchScope>,
    },
    /// Let the server check every object of the plan without changing anything.
    Validate,
    /// Delete what a former run of this hook left (if its policy says so) and create the hook's object.
    CreateHook {
        /// Which group of hooks.
        stage: HookStage,
        /// Position among the hooks of that group.
        position: u32,
    },
    /// Delete the hook objects of a group as their policies say.
    CleanHooks {
        /// Which group of hooks.
        stage: HookStage,
        /// How many of them succeeded; the next one, if any, failed.
        succeeded: u32,
    },
    /// Apply the objects of a wave.
    Apply {
        /// Which wave.
        wave: u32,
    },
    /// Delete what the new revision no longer has, and wait until the server has accepted it.
    Prune {
        /// Only objects that hold data (last), or only the others.
        holding_data: bool,
    },
    /// Read these objects and what belongs to them now, bypassing every cache, and feed what is seen.
    Look {
        /// What to read.
        keys: Vec<ResourceKey>,
    },
    /// Keep what explains the failure: status, events and logs of these objects.
    CaptureEvidence {
        /// The objects to explain.
        keys: Vec<ResourceKey>,
        /// Whether it explains the undo's failure rather than the first one.
        of_undo: bool,
    },
    /// Change the release's records.
    SaveRecord {
        /// How.
        change: RecordChange,
    },
    /// Delete what this run created and wait until it is gone.
    DeleteCreated,
    /// Apply the former content of what this run changed or deleted.
    Restore,
    /// Delete these pods of the failed revision, which block the way back (kubernetes issue 67250).
    DeletePods {
        /// The pods.
        pods: Vec<ResourceKey>,
    },
    /// Delete everything of the release and wait until it is gone.
    Uninstall,
}

/// A change of the release's records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub enum RecordChange {
    /// The new revision is deployed (and proven healthy if so said), the one before superseded.
    Promote {
        /// Whether every object was seen ready.
        healthy: bool,
    },
    /// The new revision failed.
    Fail {
        /// Why, for the history.
        description: String,
    },
    /// A revision for the way back is pending.
    BeginUndo {
        /// Its number.
        revision: u32,
        /// The revision it repeats.
        to: u32,
    },
    /// The revision of the way back is deployed, older ones superseded.
    FinishUndo {
        /// Its number.
        revision: u32,
        /// The revision it repeats.
        to: u32,
    },
    /// The revision of the way back failed.
    FailUndo {
        /// Its number.
        revision: u32,
        /// Why, for the history.
        description: String,
    },
    /// The records of this release go: the failed first install left nothing, or the uninstall is complete.
    Purge,
}

/// What the host tells the machine.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "input")]
pub enum Input {
    /// An object as it is now. May repeat, be late, or skip versions.
    Observed {
        /// The object.
        object: Value,
        /// It is gone.
        #[serde(default)]
        deleted: bool,
    },
    /// An action ended.
    Completed {
        /// Which.
        id: ActionId,
        /// How.
        outcome: Outcome,
    },
    /// Nothing happened, but time passed.
    Timeout,
    /// A person or a signal wants something.
    Command {
        /// What.
        command: Command,
    },
    /// The first record could not be written because another rollout holds the release.
    Held {
        /// Who and since when, as far as known.
        holder: String,
    },
}

/// What a person can ask of a running rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Stop and go back. Honoured as soon as no action is in flight.
    Abort,
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// Done.
    Succeeded {
        /// For applied objects: what the server made of them, so that older observations are not mistaken for them.
        #[serde(default)]
        applied: Vec<Applied>,
    },
    /// Not done.
    Failed {
        /// Whether trying again can help.
        failure: FailureKind,
        /// The object's and the server's part in it; the first is shown as the cause, the others beside it.
        causes: Vec<Cause>,
        /// What was applied all the same.
        #[serde(default)]
        applied: Vec<Applied>,
    },
}

/// An applied object's place in its history.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct Applied {
    /// Which object.
    pub key: ResourceKey,
    /// Its uid.
    pub uid: String,
    /// Its generation after the apply; zero for kinds without one.
    pub generation: i64,
}

/// Whether an action that failed is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The server was not reachable or overloaded; nothing is known to have happened.
    Transient,
    /// The reply was lost: it may have happened.
    Unknown,
    /// The server said no; the same request gets the same answer.
    Refused,
}

/// What the machine tells the host. Totally ordered: a record comes before what depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "output")]
pub enum Output {
    /// Make this durable before anything polled after it.
    Record {
        /// The entry, conditional on its sequence number.
        entry: JournalEntry,
    },
    /// Start this; its outcome comes back as [`Input::Completed`].
    Act {
        /// What.
        action: Action,
    },
    /// For people; carries no duty.
    Event {
        /// What happened.
        event: Event,
    },
    /// Nothing to do until an input arrives or the deadline passes.
    Wait {
        /// When to wake the machine at the latest.
        deadline: Option<Timestamp>,
        /// What is waited for.
        waiting_on: Vec<WaitReason>,
    },
    /// The end.
    Finished {
        /// How it ended.
        verdict: Verdict,
    },
}

/// What the machine waits for.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "waiting")]
pub enum WaitReason {
    /// An action's outcome.
    Action {
        /// Which.
        id: ActionId,
    },
    /// An object becoming ready.
    Readiness {
        /// Which.
        key: ResourceKey,
        /// How far it is.
        readiness: Readiness,
    },
    /// The time of the next try.
    Backoff {
        /// When.
        until: Timestamp,
    },
}

/// Something worth showing.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A new phase began.
    Entered {
        /// Which.
        phase: Phase,
    },
    /// An action began.
    Started {
        /// Which.
        id: ActionId,
        /// What it does.
        kind: ActionKind,
        /// 1 for the first try.
        attempt: u32,
    },
    /// An action failed and is tried again.
    Retrying {
        /// Which.
        id: ActionId,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The readiness of an object changed.
    Readiness {
        /// Which object.
        key: ResourceKey,
        /// How far it is.
        readiness: Readiness,
        /// What stands in the way, if something does and can still heal.
        suspicion: Option<Cause>,
    },
    /// The new revision is certain to fail.
    Condemned {
        /// Why.
        cause: Cause,
        /// What else was found at the same time.
        others: Vec<Cause>,
    },
    /// The way back failed, too.
    UndoFailed {
        /// Why.
        cause: Cause,
    },
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// The new revision runs.
    Deployed,
    /// The release is gone, as asked.
    Uninstalled,
    /// It failed, and the revision before runs again, verified.
    RolledBack {
        /// Why it failed.
        cause: Cause,
        /// The revision whose content runs.
        running: u32,
        /// The revision the way back was recorded as; none when nothing had been changed yet.
        recorded_as: Option<u32>,
    },
    /// The first install failed and left nothing.
    CleanedUp {
        /// Why it failed.
        cause: Cause,
    },
    /// It failed and was left as it is, as asked.
    LeftInPlace {
        /// Why it failed.
        cause: Cause,
    },
    /// It failed and the way back failed, too, or there was none.
    UndoFailed {
        /// Why it failed.
        cause: Cause,
        /// Why the way back failed.
        undo_cause: Cause,
    },
    /// Refused before anything was changed.
    Refused {
        /// All reasons.
        causes: Vec<Cause>,
    },
    /// Another rollout holds the release; nothing was changed.
    Held {
        /// Who.
        holder: String,
    },
    /// The cluster did not answer before the first change.
    Unreachable {
        /// What was tried.
        cause: Cause,
    },
    /// Stopped before the end; the journal says where, and a later run finishes it.
    Interrupted {
        /// Why.
        cause: Cause,
    },
}

impl Verdict {
    /// The exit code of the command line for this verdict; the table is in the README.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Deployed | Self::Uninstalled => 0,
            Self::RolledBack { .. } | Self::CleanedUp { .. } => 1,
            Self::UndoFailed { .. } => 2,
            Self::LeftInPlace { .. } => 3,
            Self::Refused { .. } => 4,
            Self::Held { .. } => 5,
            Self::Interrupted { .. } => 6,
            Self::Unreachable { .. } => 7,
        }
    }
}
