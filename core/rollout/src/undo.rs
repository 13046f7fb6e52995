//! After a failure: keep the evidence, then go back, verified.

use alloc::string::ToString;
use alloc::vec::Vec;

use backstay_health::{Cause, CauseCode, Class};
use backstay_object::{ResourceKey, Timestamp};
use backstay_plan::{Operation, Plan, UndoTarget, UndoWork};

use crate::contract::{ActionKind, RecordChange, Verdict};
use crate::decide::{
    Context, Decision, Progress, Waited, awaited, conclude, describe, enter, has_changed_objects, progress,
    release_key, undo_record, undo_revision, undoes, wait_for,
};
use crate::forward::record_limit;
use crate::hooks;
use crate::journal::JournalEvent;
use crate::phase::{HookStage, Phase};
use crate::policy::{NoReturn, Remediation};
use crate::state::State;

/// Keeps the evidence; its failure never blocks what follows (S12).
pub(crate) fn capture(context: &Context<'_>, of_undo: bool) -> Decision {
    let done = context.last_read.is_some_and(|(kind, at)| {
        matches!(kind, ActionKind::CaptureEvidence { of_undo: of, .. } if *of == of_undo)
            && *at >= context.state.phase_since
    });
    if !done {
        return Decision::Read(ActionKind::CaptureEvidence { keys: to_explain(context, of_undo), of_undo });
    }
    if of_undo { after_undo_evidence(context) } else { after_evidence(context) }
}

/// The objects that are not ready, and the one that decided.
fn to_explain(context: &Context<'_>, of_undo: bool) -> Vec<ResourceKey> {
    let cause = if of_undo { &context.state.undo_cause } else { &context.state.cause };
    let mut keys: Vec<ResourceKey> = cause.iter().map(|cause| cause.object.clone()).collect();
    let begun = context
        .plan
        .steps
        .iter()
        .filter(|step| step.desired.is_some() && step.wave < context.state.waves_begun);
    for key in begun.map(|step| &step.key) {
        let unready =
            context.view.assessment(key).is_some_and(|assessment| !assessment.readiness.is_current());
        if unready && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

/// The evidence is kept: hooks that ran are cleaned up, then the failure is recorded.
pub(crate) fn after_evidence(context: &Context<'_>) -> Decision {
    for stage in [HookStage::After, HookStage::Before] {
        let begun = context.state.hooks_begun.get(&stage).copied().unwrap_or(0);
        if begun > 0 && !context.state.hooks_cleaned.contains(&stage) {
            return enter(Phase::CleaningHooks { stage, succeeded: begun - 1 });
        }
    }
    enter(Phase::RecordingFailure)
}

/// The evidence of the failed way back is kept.
pub(crate) fn after_undo_evidence(context: &Context<'_>) -> Decision {
    for stage in [HookStage::UndoAfter, HookStage::UndoBefore] {
        let begun = context.state.hooks_begun.get(&stage).copied().unwrap_or(0);
        if begun > 0 && !context.state.hooks_cleaned.contains(&stage) {
            return enter(Phase::CleaningHooks { stage, succeeded: begun - 1 });
        }
    }
    if context.state.undo_recorded {
        return enter(Phase::FinishingUndo);
    }
    end_badly(context)
}

pub(crate) fn record_failure(context: &Context<'_>) -> Decision {
    let cause = cause(context);
    let what = match context.plan.operation {
        Operation::Install => "Release",
        Operation::Upgrade => "Upgrade",
        Operation::Rollback { .. } => "Rollback",
        Operation::Uninstall => "Uninstall",
    };
    let change = RecordChange::Fail { description: describe(what, &context.plan.release, &cause) };
    match progress(context, ActionKind::SaveRecord { change }, undo_limit(context)) {
        Progress::Decide(decision) => decision,
        // A record that cannot be written must not keep the old revision from coming back.
        Progress::Done | Progress::Failed(_) => after_record(context, cause),
    }
}

fn after_record(context: &Context<'_>, cause: Cause) -> Decision {
    if context.plan.operation == Operation::Uninstall {
        let undo_cause = cause.clone();
        return conclude(Verdict::UndoFailed { cause, undo_cause });
    }
    // Which content fits what such a hook did, only a person knows.
    let no_return = hooks::point_of_no_return(context.state, context.plan);
    if no_return.is_some() && undoes(context) && context.policy.no_return == NoReturn::Ask {
        return conclude(Verdict::LeftInPlace { cause });
    }
    if !undoes(context) {
        if context.policy.cleanup_on_fail && !created_steps(context.state, context.plan).is_empty() {
            return enter(Phase::DeletingCreated);
        }
        return conclude(Verdict::LeftInPlace { cause });
    }
    match &context.plan.undo {
        UndoTarget::Nothing => enter(Phase::DeletingCreated),
        UndoTarget::Revision { .. } | UndoTarget::Closed { .. } if !has_changed_objects(context.state) => {
            conclude(Verdict::RolledBack {
                cause,
                running: context.plan.from.unwrap_or(0),
                recorded_as: None,
            })
        }
        UndoTarget::Revision { .. } => enter(Phase::BeginningUndo),
        UndoTarget::Closed { reason } => {
            let undo_cause = no_way_back(context, reason);
            conclude(Verdict::UndoFailed { cause, undo_cause })
        }
    }
}

pub(crate) fn begin(context: &Context<'_>) -> Decision {
    let UndoTarget::Revision { revision: to } = context.plan.undo else {
        return conclude(Verdict::LeftInPlace { cause: cause(context) });
    };
    let change = RecordChange::BeginUndo { revision: undo_revision(context.plan), to };
    match progress(context, ActionKind::SaveRecord { change }, undo_limit(context)) {
        Progress::Decide(decision) => decision,
        Progress::Failed(cause) => condemn_and(context, cause, Phase::DeletingCreated),
        Progress::Done if hooks::has(context, HookStage::UndoBefore) => {
            enter(Phase::Hooks { stage: HookStage::UndoBefore, position: 0 })
        }
        Progress::Done => after_hooks_before(context),
    }
}

/// The hooks before the way back are done.
pub(crate) fn after_hooks_before(context: &Context<'_>) -> Decision {
    if created_steps(context.state, context.plan).is_empty() {
        return enter(Phase::Restoring);
    }
    enter(Phase::DeletingCreated)
}

pub(crate) fn delete_created(context: &Context<'_>) -> Decision {
    let next = match context.plan.undo {
        _ if context.policy.remediation == Remediation::None => None,
        UndoTarget::Nothing if restored_steps(context.state, context.plan).is_empty() => Some(Phase::Purging),
        _ => Some(Phase::Restoring),
    };
    match progress(context, ActionKind::DeleteCreated, undo_limit(context)) {
        Progress::Decide(decision) => decision,
        Progress::Done => {
            next.map_or_else(|| conclude(Verdict::LeftInPlace { cause: cause(context) }), enter)
        }
        // What is left over must not keep the rest from coming back: go on, and say so at the end.
        Progress::Failed(cause) => condemn_and(context, cause, Phase::Restoring),
    }
}

pub(crate) fn restore(context: &Context<'_>) -> Decision {
    match progress(context, ActionKind::Restore, undo_limit(context)) {
        Progress::Decide(decision) => decision,
        Progress::Failed(cause) => condemn_and(context, cause, Phase::CapturingUndoEvidence),
        Progress::Done if context.state.undo_cause.is_some() => enter(Phase::CapturingUndoEvidence),
        Progress::Done if context.plan.undo == UndoTarget::Nothing => enter(Phase::Purging),
        Progress::Done => enter(Phase::VerifyingUndo),
    }
}

/// Deleting a pod that blocks the way back helps once; a second time it would only hide something else.
const POD_DELETIONS_MOST: u32 = 4;

pub(crate) fn verify(context: &Context<'_>) -> Decision {
    if context.state.undo_cause.is_some() {
        return enter(Phase::CapturingUndoEvidence);
    }
    let steps = restored_steps(context.state, context.plan);
    let keys = awaited(context.plan, context.policy, &steps);
    let pods: Vec<ResourceKey> = keys.iter().flat_map(|key| context.view.blocking_pods(key)).collect();
    let limit = undo_limit(context);
    let pending =
        context.state.last.as_ref().filter(|last| last.failure.is_some()).map(|last| last.kind.clone());
    let deletion = pending.or_else(|| {
        (!pods.is_empty()
            && context.state.pod_deletions < POD_DELETIONS_MOST
            && !was_just_deleted(context, &pods))
        .then(|| ActionKind::DeletePods { pods: pods.clone() })
    });
    if let Some(kind) = deletion
        && let Progress::Decide(decision) = progress(context, kind, limit)
    {
        return decision;
    }
    match wait_for(context, &keys, limit) {
        Waited::Ready if hooks::has(context, HookStage::UndoAfter) => {
            enter(Phase::Hooks { stage: HookStage::UndoAfter, position: 0 })
        }
        Waited::Ready => enter(Phase::FinishingUndo),
        Waited::Decide(decision) => decision,
        Waited::Never(cause) => Decision::Record(JournalEvent::UndoCondemned { cause }),
    }
}

/// Whether the last action deleted exactly these pods, which the watch may still show.
fn was_just_deleted(context: &Context<'_>, pods: &[ResourceKey]) -> bool {
    matches!(&context.state.last, Some(last) if matches!(&last.kind, ActionKind::DeletePods { pods: deleted } if deleted == pods))
}

fn finish_undo_verdict(context: &Context<'_>) -> Decision {
    match (&context.state.undo_cause, &context.plan.undo) {
        (None, UndoTarget::Revision { revision }) => {
            let recorded_as = Some(undo_revision(context.plan));
            conclude(Verdict::RolledBack { cause: cause(context), running: *revision, recorded_as })
        }
        _ => end_badly(context),
    }
}

pub(crate) fn finish(context: &Context<'_>) -> Decision {
    let change = undo_record(context);
    match progress(context, ActionKind::SaveRecord { change }, record_limit(context)) {
        Progress::Decide(decision) => decision,
        Progress::Done => finish_undo_verdict(context),
        Progress::Failed(cause) if context.state.undo_cause.is_none() => {
            conclude(Verdict::Interrupted { cause })
        }
        Progress::Failed(_) => end_badly(context),
    }
}

pub(crate) fn purge(context: &Context<'_>) -> Decision {
    match progress(context, ActionKind::SaveRecord { change: RecordChange::Purge }, record_limit(context)) {
        Progress::Decide(decision) => decision,
        Progress::Failed(cause) => conclude(Verdict::Interrupted { cause }),
        Progress::Done => conclude(match &context.state.cause {
            None => Verdict::Uninstalled,
            Some(cause) => Verdict::CleanedUp { cause: cause.clone() },
        }),
    }
}

fn end_badly(context: &Context<'_>) -> Decision {
    let undo_cause = context.state.undo_cause.clone().unwrap_or_else(|| cause(context));
    conclude(Verdict::UndoFailed { cause: cause(context), undo_cause })
}

/// Records why the way back failed, once, and goes on with a phase that is still worth doing.
fn condemn_and(context: &Context<'_>, cause: Cause, next: Phase) -> Decision {
    if context.state.undo_cause.is_none() {
        return Decision::Record(JournalEvent::UndoCondemned { cause });
    }
    enter(next)
}

fn undo_limit(context: &Context<'_>) -> Timestamp {
    context.state.undo_deadline.unwrap_or(context.state.forward_deadline)
}

fn cause(context: &Context<'_>) -> Cause {
    context.state.cause.clone().unwrap_or_else(|| no_way_back(context, "the failure has no recorded cause"))
}

fn no_way_back(context: &Context<'_>, reason: &str) -> Cause {
    Cause {
        code: CauseCode::NoProgress,
        class: Class::FatalNow,
        object: release_key(context.plan),
        pod: None,
        container: None,
        message: reason.to_string(),
        hint: "fix the chart and deploy again, or uninstall the release".to_string(),
        first_seen: context.now,
    }
}

/// Steps whose object this run may have created and that the undo deletes.
pub(crate) fn created_steps(state: &State, plan: &Plan) -> Vec<usize> {
    let begun = |index: &usize| {
        plan.steps.get(*index).is_some_and(|step| {
            step.undo == UndoWork::Delete && step.desired.is_some() && step.wave < state.waves_begun
        })
    };
    (0..plan.steps.len()).filter(begun).collect()
}

/// Steps whose object this run may have changed or deleted and that the undo applies again.
pub(crate) fn restored_steps(state: &State, plan: &Plan) -> Vec<usize> {
    let touched = |index: &usize| {
        plan.steps.get(*index).is_some_and(|step| {
            let touched = match (&step.desired, backstay_plan::holds_data(&step.key.kind)) {
                (Some(_), _) => step.wave < state.waves_begun,
                (None, false) => state.prune_begun,
                (None, true) => state.data_prune_begun,
            };
            touched && matches!(step.undo, UndoWork::Restore { .. })
        })
    };
    (0..plan.steps.len()).filter(touched).collect()
}
