//! Where a rollout is, and the one table of legal changes.

use backstay_object::FromJson;
use serde::Serialize;

/// Which hooks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum HookStage {
    /// Before the main work.
    Before,
    /// After the main work.
    After,
    /// Before the way back.
    UndoBefore,
    /// After the way back.
    UndoAfter,
}

/// Where a rollout is. Before the first of these a host observes and validates; that changes nothing and is not
/// journaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum Phase {
    /// The pending record is being written.
    Recording,
    /// A hook runs.
    Hooks {
        /// Which group.
        stage: HookStage,
        /// Which of the group.
        position: u32,
    },
    /// Hook objects are deleted as their policies say.
    CleaningHooks {
        /// Which group.
        stage: HookStage,
        /// How many of the group succeeded.
        succeeded: u32,
    },
    /// The objects of a wave are applied.
    Applying {
        /// Which wave.
        wave: u32,
    },
    /// What the new revision no longer has is deleted.
    Pruning {
        /// Only objects that hold data, or only the others.
        holding_data: bool,
    },
    /// The objects of a wave become ready.
    Verifying {
        /// Which wave.
        wave: u32,
    },
    /// Everything is ready and has to stay so for a while.
    Baking,
    /// The objects of the release are deleted.
    Uninstalling,
    /// The success is recorded.
    Promoting,
    /// What explains the failure is kept.
    CapturingEvidence,
    /// The failure is recorded.
    RecordingFailure,
    /// What this run created is deleted.
    DeletingCreated,
    /// The revision of the way back is recorded as pending.
    BeginningUndo,
    /// The former content is applied.
    Restoring,
    /// What was restored becomes ready.
    VerifyingUndo,
    /// What explains the failure of the way back is kept.
    CapturingUndoEvidence,
    /// The end of the way back is recorded.
    FinishingUndo,
    /// The records are deleted.
    Purging,
    /// The end.
    Finished,
}

impl Phase {
    /// The phase's name without its data.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Hooks { .. } => "hooks",
            Self::CleaningHooks { .. } => "cleaning-hooks",
            Self::Applying { .. } => "applying",
            Self::Pruning { .. } => "pruning",
            Self::Verifying { .. } => "verifying",
            Self::Baking => "baking",
            Self::Uninstalling => "uninstalling",
            Self::Promoting => "promoting",
            Self::CapturingEvidence => "capturing-evidence",
            Self::RecordingFailure => "recording-failure",
            Self::DeletingCreated => "deleting-created",
            Self::BeginningUndo => "beginning-undo",
            Self::Restoring => "restoring",
            Self::VerifyingUndo => "verifying-undo",
            Self::CapturingUndoEvidence => "capturing-undo-evidence",
            Self::FinishingUndo => "finishing-undo",
            Self::Purging => "purging",
            Self::Finished => "finished",
        }
    }

    /// Whether the rollout is on its way forward, where an abort or a failure still starts the way back.
    #[must_use]
    pub const fn is_forward(self) -> bool {
        match self {
            Self::Hooks { stage, .. } | Self::CleaningHooks { stage, .. } => {
                matches!(stage, HookStage::Before | HookStage::After)
            }
            Self::Recording
            | Self::Applying { .. }
            | Self::Pruning { .. }
            | Self::Verifying { .. }
            | Self::Baking
            | Self::Uninstalling
            | Self::Promoting => true,
            _ => false,
        }
    }
}

/// From each phase, where it may lead. Used live and on replay, so that a journal can only rebuild what was legal.
const TRANSITIONS: &[(&str, &[&str])] = &[
    ("recording", &["hooks", "applying", "pruning", "uninstalling", "promoting", "capturing-evidence"]),
    ("hooks", &["hooks", "cleaning-hooks", "capturing-evidence", "capturing-undo-evidence"]),
    (
        "cleaning-hooks",
        &[
            "applying",
            "pruning",
            "uninstalling",
            "promoting",
            "purging",
            "capturing-evidence",
            "cleaning-hooks",
            "recording-failure",
            "deleting-created",
            "restoring",
            "finishing-undo",
            "capturing-undo-evidence",
        ],
    ),
    ("applying", &["verifying", "pruning", "applying", "hooks", "promoting", "capturing-evidence"]),
    ("pruning", &["verifying", "hooks", "promoting", "capturing-evidence"]),
    ("verifying", &["applying", "pruning", "baking", "hooks", "promoting", "capturing-evidence"]),
    ("baking", &["hooks", "pruning", "promoting", "capturing-evidence"]),
    ("uninstalling", &["hooks", "purging", "capturing-evidence"]),
    ("promoting", &["finished"]),
    ("capturing-evidence", &["recording-failure", "cleaning-hooks"]),
    ("recording-failure", &["deleting-created", "beginning-undo", "finished"]),
    ("deleting-created", &["restoring", "verifying-undo", "purging", "finished", "capturing-undo-evidence"]),
    ("beginning-undo", &["hooks", "restoring", "deleting-created", "capturing-undo-evidence"]),
    ("restoring", &["verifying-undo", "purging", "capturing-undo-evidence"]),
    ("verifying-undo", &["hooks", "finishing-undo", "capturing-undo-evidence"]),
    ("capturing-undo-evidence", &["cleaning-hooks", "finishing-undo", "finished"]),
    ("finishing-undo", &["finished"]),
    ("purging", &["finished"]),
    ("finished", &[]),
];

/// Whether one phase may follow another.
#[must_use]
pub fn may_follow(from: Phase, to: Phase) -> bool {
    TRANSITIONS.iter().any(|(name, next)| *name == from.name() && next.contains(&to.name()))
}
