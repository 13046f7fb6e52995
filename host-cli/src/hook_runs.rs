//! When each hook of a revision ran and how it ended, as Helm's record says it (`pkg/action/hooks.go`).

use backstay_core::object::Timestamp;
use backstay_core::plan::PlannedHook;
use backstay_core::release::Hook;
use backstay_core::rollout::{ActionKind, HookStage, JournalEntry, JournalEvent, Phase, Rollout};

/// Helm's words (`release.HookPhase`).
const RUNNING: &str = "Running";
const SUCCEEDED: &str = "Succeeded";
const FAILED: &str = "Failed";

/// What an entry of the journal says about one hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HookRunNote {
    name: String,
    kind: String,
    at: Timestamp,
    phase: &'static str,
    /// Whether it is a hook of the way back, whose revision has a record of its own.
    pub(crate) of_undo: bool,
}

/// What an entry says about hooks: one begins, one has ended, one has failed.
pub(crate) fn notes(rollout: &Rollout, entry: &JournalEntry) -> Vec<HookRunNote> {
    match &entry.event {
        JournalEvent::Issued { kind: ActionKind::CreateHook { stage, position }, attempt: 1, .. } => {
            of(rollout, *stage, Some(*position), entry.at, RUNNING)
        }
        JournalEvent::Entered { next: Phase::Hooks { stage, position } } => {
            of(rollout, *stage, position.checked_sub(1), entry.at, SUCCEEDED)
        }
        JournalEvent::Entered { next: Phase::CleaningHooks { stage, succeeded } } => {
            let mut notes = of(rollout, *stage, succeeded.checked_sub(1), entry.at, SUCCEEDED);
            // The one behind them began, and did not come to a good end.
            notes.extend(of(rollout, *stage, Some(*succeeded), entry.at, FAILED));
            notes
        }
        _ => Vec::new(),
    }
}

fn of(
    rollout: &Rollout,
    stage: HookStage,
    position: Option<u32>,
    at: Timestamp,
    phase: &'static str,
) -> Vec<HookRunNote> {
    let hooks = rollout.hooks_of(stage);
    let position = position.and_then(|position| usize::try_from(position).ok());
    let hook = position.and_then(|position| hooks.get(position));
    let of_undo = matches!(stage, HookStage::UndoBefore | HookStage::UndoAfter);
    let note = |hook: &&PlannedHook| HookRunNote {
        name: hook.object.key.name.to_string(),
        kind: hook.object.key.kind.to_string(),
        at,
        phase,
        of_undo,
    };
    hook.map(note).into_iter().collect()
}

/// Writes a note into a release's hooks. Only what runs can end.
pub(crate) fn apply(hooks: &mut [Hook], note: &HookRunNote) {
    let mut hooks = hooks.iter_mut().filter(|hook| hook.name == note.name && hook.kind == note.kind);
    let Some(hook) = hooks.next() else { return };
    let run = &mut hook.last_run;
    if note.phase == RUNNING {
        run.started_at = Some(note.at.into());
        run.completed_at = None;
    } else if run.phase != RUNNING {
        return;
    } else {
        run.completed_at = Some(note.at.into());
    }
    note.phase.clone_into(&mut run.phase);
}
