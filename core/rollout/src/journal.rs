//! The journal: every decision, written down before it is acted upon, so that another process can go on.

use alloc::string::String;

use backstay_health::Cause;
use backstay_object::{FromJson, Timestamp};
use serde::Serialize;

use crate::contract::{ActionId, ActionKind, FailureKind, Verdict};
use crate::phase::Phase;

/// The format of entries. Raised when an older reader could misunderstand a newer journal.
pub const JOURNAL_FORMAT: u32 = 1;
/// The rules decisions were made by. Raised when the same journal would lead to other decisions; never reused.
/// 2: hooks that are cleaned up after the evidence belong to the way back; a wave waits for those before it, too.
pub const BEHAVIOUR: u32 = 2;
/// The oldest rules whose journals these rules can go on with: every entry they wrote is still possible, and what is decided
/// next is decided by the newer ones.
pub const OLDEST_BEHAVIOUR: u32 = 1;

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct JournalEntry {
    /// Position, from zero without gaps.
    pub seq: u32,
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided.
    #[serde(flatten)]
    pub event: JournalEvent,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "decided")]
pub enum JournalEvent {
    /// The rollout begins. Durable with the pending release record: whoever wrote it holds the release.
    Started {
        /// [`JOURNAL_FORMAT`] of the writer.
        format: u32,
        /// [`BEHAVIOUR`] of the writer.
        behaviour: u32,
        /// Digest of the plan.
        plan: String,
        /// When the way forward has to be over.
        forward_deadline: Timestamp,
        /// How long the way back may take.
        undo_ms: u64,
    },
    /// A phase begins.
    Entered {
        /// Which.
        next: Phase,
    },
    /// An action is about to start.
    Issued {
        /// Its id.
        id: ActionId,
        /// 1 for the first try.
        attempt: u32,
        /// What it does.
        kind: ActionKind,
    },
    /// An action succeeded.
    Succeeded {
        /// Its id.
        id: ActionId,
    },
    /// An action failed.
    Failed {
        /// Its id.
        id: ActionId,
        /// Whether it may be tried again.
        failure: FailureKind,
        /// Why.
        cause: Cause,
    },
    /// The new revision is certain to fail, for this cause.
    Condemned {
        /// Why.
        cause: Cause,
    },
    /// The way back is certain to fail, for this cause.
    UndoCondemned {
        /// Why.
        cause: Cause,
    },
    /// Somebody wants the rollout to stop.
    AbortRequested,
    /// The end.
    Finished {
        /// How.
        verdict: Verdict,
    },
}

/// A journal cannot be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// It has no beginning.
    #[error("the journal is empty or does not begin with its first entry; nothing can be resumed from it")]
    NoBeginning,
    /// An entry is missing or repeated.
    #[error(
        "the journal has entry {found} where entry {expected} is expected; it was cut or written by two hosts"
    )]
    Gap {
        /// The number that should come.
        expected: u32,
        /// The number that came.
        found: u32,
    },
    /// It was written for another plan.
    #[error(
        "the journal belongs to plan {recorded}, not to plan {given}; resume it with the chart and values it was started with"
    )]
    PlanMismatch {
        /// Digest in the journal.
        recorded: String,
        /// Digest of the plan at hand.
        given: String,
    },
    /// It was written by a newer version.
    #[error(
        "the journal has format {found}, this version reads up to {supported}; use the newer version that wrote it"
    )]
    FormatTooNew {
        /// Format in the journal.
        found: u32,
        /// Newest format this version reads.
        supported: u32,
    },
    /// It was decided by rules that this version does not know.
    #[error(
        "the journal was written by rules {found}, this version knows rules {oldest} to {newest}; use the version that wrote it"
    )]
    BehaviourUnknown {
        /// Rules of the journal.
        found: u32,
        /// Oldest rules this version goes on with: [`OLDEST_BEHAVIOUR`].
        oldest: u32,
        /// This version's rules: [`BEHAVIOUR`].
        newest: u32,
    },
    /// An entry does not fit the state before it.
    #[error("entry {seq} of the journal is not possible: {what}")]
    Illegal {
        /// Which entry.
        seq: u32,
        /// Why not.
        what: String,
    },
}
