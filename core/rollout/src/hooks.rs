//! Hooks: one after another, each to its end, cleaned up together afterwards as Helm does (`pkg/action/hooks.go`).

use backstay_health::{Cause, CauseCode};
use backstay_object::{ResourceKey, Timestamp};
use backstay_plan::{Plan, PlannedHook};

use crate::contract::ActionKind;
use crate::decide::{
    Context, Decision, Progress, Waited, enter, has_changed_objects, progress, stage_hooks, wait_for,
};
use crate::journal::JournalEvent;
use crate::phase::{HookStage, Phase};
use crate::state::State;
use crate::{forward, undo};

/// Whether a stage has hooks to run.
pub(crate) fn has(context: &Context<'_>, stage: HookStage) -> bool {
    context.policy.hooks && !stage_hooks(context.plan, stage).is_empty()
}

/// The hook at a position of a stage.
fn hook_at<'a>(context: &Context<'a>, stage: HookStage, position: u32) -> Option<&'a PlannedHook> {
    let index = *stage_hooks(context.plan, stage).get(usize::try_from(position).ok()?)?;
    match stage {
        HookStage::Before | HookStage::After => context.plan.hooks.get(index),
        HookStage::UndoBefore | HookStage::UndoAfter => context.plan.undo_hooks.get(index),
    }
}

pub(crate) fn run(context: &Context<'_>, stage: HookStage, position: u32) -> Decision {
    let Some(hook) = hook_at(context, stage, position) else {
        return enter(Phase::CleaningHooks { stage, succeeded: position });
    };
    // Only a hook can have failed the way back by now.
    let is_of_undo = matches!(stage, HookStage::UndoBefore | HookStage::UndoAfter);
    if is_of_undo && context.state.undo_cause.is_some() {
        return enter(Phase::CapturingUndoEvidence);
    }
    let limit = deadline(context, stage);
    match progress(context, ActionKind::CreateHook { stage, position }, limit) {
        Progress::Decide(decision) => return decision,
        Progress::Failed(cause) => return condemn(stage, cause),
        Progress::Done => {}
    }
    let key = &hook.object.key;
    // Helm waits for Jobs and Pods only; other hooks are done when they exist.
    if !runs_to_an_end(key) {
        return enter(Phase::Hooks { stage, position: position + 1 });
    }
    match wait_for(context, core::slice::from_ref(key), limit) {
        Waited::Ready => enter(Phase::Hooks { stage, position: position + 1 }),
        Waited::Decide(decision) => decision,
        Waited::Never(mut cause) => {
            if matches!(cause.code, CauseCode::JobFailed | CauseCode::PodFailed) {
                cause.code = CauseCode::HookFailed;
            }
            condemn(stage, cause)
        }
    }
}

pub(crate) fn clean(context: &Context<'_>, stage: HookStage, succeeded: u32) -> Decision {
    // Leftovers of hooks are litter, not a reason to fail or to hold up the way back.
    if let Progress::Decide(decision) =
        progress(context, ActionKind::CleanHooks { stage, succeeded }, context.state.phase_since)
    {
        return decision;
    }
    match stage {
        HookStage::Before | HookStage::After if context.state.cause.is_some() => {
            undo::after_evidence(context)
        }
        HookStage::Before => forward::main_work(context),
        HookStage::After => forward::after_hooks(context),
        HookStage::UndoBefore | HookStage::UndoAfter if context.state.undo_cause.is_some() => {
            undo::after_undo_evidence(context)
        }
        HookStage::UndoBefore => undo::after_hooks_before(context),
        HookStage::UndoAfter => enter(Phase::FinishingUndo),
    }
}

/// The last hook of this run that cannot be undone and may have had its effect. A hook that failed by itself before any
/// object was changed has left nothing that the running revision would have to live with but its own attempt; one that ran
/// out of time may have done anything.
pub(crate) fn point_of_no_return<'a>(state: &State, plan: &'a Plan) -> Option<&'a PlannedHook> {
    let failed_itself = |hook: &PlannedHook| {
        let own =
            |cause: &Cause| cause.code != CauseCode::DeadlineExceeded && cause.object == hook.object.key;
        !has_changed_objects(state) && state.cause.as_ref().is_some_and(own)
    };
    [HookStage::After, HookStage::Before].into_iter().find_map(|stage| {
        let begun =
            usize::try_from(state.hooks_begun.get(&stage).copied().unwrap_or(0)).unwrap_or(usize::MAX);
        let ran = stage_hooks(plan, stage).into_iter().take(begun).filter_map(|index| plan.hooks.get(index));
        ran.rev().find(|hook| hook.is_irreversible() && !failed_itself(hook))
    })
}

fn runs_to_an_end(key: &ResourceKey) -> bool {
    (key.group == "batch" && key.kind == "Job") || (key.group.is_empty() && key.kind == "Pod")
}

fn deadline(context: &Context<'_>, stage: HookStage) -> Timestamp {
    match stage {
        HookStage::Before | HookStage::After => context.state.forward_deadline,
        HookStage::UndoBefore | HookStage::UndoAfter => {
            context.state.undo_deadline.unwrap_or(context.state.forward_deadline)
        }
    }
}

const fn condemn(stage: HookStage, cause: Cause) -> Decision {
    Decision::Record(match stage {
        HookStage::Before | HookStage::After => JournalEvent::Condemned { cause },
        HookStage::UndoBefore | HookStage::UndoAfter => JournalEvent::UndoCondemned { cause },
    })
}
