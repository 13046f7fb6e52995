//! The way forward.

use alloc::vec::Vec;

use backstay_object::Timestamp;
use backstay_plan::Operation;

use crate::contract::{ActionKind, RecordChange, Verdict};
use crate::decide::{Context, Decision, Progress, Waited, awaited, conclude, enter, progress, wait_for};
use crate::hooks;
use crate::journal::JournalEvent;
use crate::phase::{HookStage, Phase};
use crate::policy::Waiting;

/// The record is written: hooks, or the main work.
pub(crate) fn begin(context: &Context<'_>) -> Decision {
    if hooks::has(context, HookStage::Before) {
        return enter(Phase::Hooks { stage: HookStage::Before, position: 0 });
    }
    main_work(context)
}

/// What comes after the hooks before.
pub(crate) fn main_work(context: &Context<'_>) -> Decision {
    if context.plan.operation == Operation::Uninstall {
        return enter(Phase::Uninstalling);
    }
    if context.plan.wave_count() > 0 {
        return enter(Phase::Applying { wave: 0 });
    }
    if !context.plan.deletions(false).is_empty() {
        return enter(Phase::Pruning { holding_data: false });
    }
    after_objects(context)
}

/// What comes when every object is as it should be.
pub(crate) fn after_objects(context: &Context<'_>) -> Decision {
    if hooks::has(context, HookStage::After) {
        return enter(Phase::Hooks { stage: HookStage::After, position: 0 });
    }
    after_hooks(context)
}

/// What comes after the hooks after: data goes last.
pub(crate) fn after_hooks(context: &Context<'_>) -> Decision {
    if context.plan.operation == Operation::Uninstall {
        return enter(Phase::Purging);
    }
    if !context.plan.deletions(true).is_empty() {
        return enter(Phase::Pruning { holding_data: true });
    }
    enter(Phase::Promoting)
}

pub(crate) fn apply(context: &Context<'_>, wave: u32) -> Decision {
    let limit = context.state.forward_deadline;
    match progress(context, ActionKind::Apply { wave }, limit) {
        Progress::Decide(decision) => decision,
        Progress::Failed(cause) => Decision::Record(JournalEvent::Condemned { cause }),
        Progress::Done
            if wave + 1 == context.plan.wave_count() && !context.plan.deletions(false).is_empty() =>
        {
            enter(Phase::Pruning { holding_data: false })
        }
        Progress::Done => after_apply(context, wave),
    }
}

fn after_apply(context: &Context<'_>, wave: u32) -> Decision {
    if context.policy.waiting != Waiting::None {
        return enter(Phase::Verifying { wave });
    }
    next_wave(context, wave)
}

fn next_wave(context: &Context<'_>, wave: u32) -> Decision {
    if wave + 1 < context.plan.wave_count() {
        return enter(Phase::Applying { wave: wave + 1 });
    }
    if context.policy.bake_ms > 0 && context.policy.waiting != Waiting::None {
        return enter(Phase::Baking);
    }
    after_objects(context)
}

pub(crate) fn prune(context: &Context<'_>, holding_data: bool) -> Decision {
    match progress(context, ActionKind::Prune { holding_data }, context.state.forward_deadline) {
        Progress::Decide(decision) => decision,
        Progress::Failed(cause) => Decision::Record(JournalEvent::Condemned { cause }),
        Progress::Done if holding_data => enter(Phase::Promoting),
        Progress::Done => match context.plan.wave_count().checked_sub(1) {
            Some(last) => after_apply(context, last),
            None => after_objects(context),
        },
    }
}

pub(crate) fn verify(context: &Context<'_>, wave: u32) -> Decision {
    // What was ready a while ago may have been broken by the wave after it, or by somebody else: all of it has to be ready.
    let steps: Vec<usize> = (0..=wave).flat_map(|wave| context.plan.wave(wave)).collect();
    let keys = awaited(context.plan, context.policy, &steps);
    match wait_for(context, &keys, context.state.forward_deadline) {
        Waited::Ready => next_wave(context, wave),
        Waited::Decide(decision) => decision,
        Waited::Never(cause) => Decision::Record(JournalEvent::Condemned { cause }),
    }
}

pub(crate) fn uninstall(context: &Context<'_>) -> Decision {
    match progress(context, ActionKind::Uninstall, context.state.forward_deadline) {
        Progress::Decide(decision) => decision,
        Progress::Failed(cause) => Decision::Record(JournalEvent::Condemned { cause }),
        Progress::Done if hooks::has(context, HookStage::After) => {
            enter(Phase::Hooks { stage: HookStage::After, position: 0 })
        }
        Progress::Done => enter(Phase::Purging),
    }
}

pub(crate) fn promote(context: &Context<'_>) -> Decision {
    let healthy = context.policy.waiting != Waiting::None;
    let change = RecordChange::Promote { healthy };
    // The objects are fine; only the record is missing. It is worth the time kept for the way back.
    let limit = record_limit(context);
    match progress(context, ActionKind::SaveRecord { change }, limit) {
        Progress::Decide(decision) => decision,
        Progress::Done => conclude(Verdict::Deployed),
        Progress::Failed(cause) => conclude(Verdict::Interrupted { cause }),
    }
}

/// Until when a record is tried to be written.
pub(crate) fn record_limit(context: &Context<'_>) -> Timestamp {
    let reserve = core::time::Duration::from_millis(context.state.undo_ms);
    context.state.undo_deadline.unwrap_or_else(|| context.state.phase_since.after(reserve))
}
