//! The decisions: pure, at most one at a time.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use backstay_health::{Cause, CauseCode, Class, Finding};
use backstay_object::{ResourceKey, Timestamp};
use backstay_plan::{Operation, Plan, UndoTarget};

use crate::contract::{ActionId, ActionKind, FailureKind, RecordChange, Verdict};
use crate::journal::JournalEvent;
use crate::phase::{HookStage, Phase};
use crate::policy::{Policy, Remediation, Waiting, backoff_ms};
use crate::state::State;
use crate::view::ClusterView;
use crate::{bake, forward, hooks, undo};

/// Everything a decision may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) state: &'a State,
    pub(crate) view: &'a ClusterView,
    pub(crate) plan: &'a Plan,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Timestamp,
    /// The last read-only action that ended, and when it was issued.
    pub(crate) last_read: Option<&'a (ActionKind, Timestamp)>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Journal this.
    Record(JournalEvent),
    /// Read something: changes nothing, so it is not journaled.
    Read(ActionKind),
    /// Wait until then at the latest.
    Wait(Option<Timestamp>),
}

/// How far the one action of a phase is.
pub(crate) enum Progress {
    /// Decide this.
    Decide(Decision),
    /// It succeeded.
    Done,
    /// It failed for good.
    Failed(Cause),
}

/// The next decision.
pub(crate) fn decide(context: &Context<'_>) -> Decision {
    let state = context.state;
    if state.phase == Phase::Finished || !state.in_flight.is_empty() {
        return Decision::Wait(None);
    }
    let cleans_up = matches!(state.phase, Phase::CleaningHooks { .. }) && state.evidence_begun;
    if state.phase.is_forward() && !cleans_up {
        if state.cause.is_some() {
            return enter(Phase::CapturingEvidence);
        }
        if state.abort_requested && state.phase != Phase::Promoting {
            return Decision::Record(JournalEvent::Condemned { cause: aborted(context) });
        }
    }
    match state.phase {
        Phase::Recording => forward::begin(context),
        Phase::Hooks { stage, position } => hooks::run(context, stage, position),
        Phase::CleaningHooks { stage, succeeded } => hooks::clean(context, stage, succeeded),
        Phase::Applying { wave } => forward::apply(context, wave),
        Phase::Pruning { holding_data } => forward::prune(context, holding_data),
        Phase::Verifying { wave } => forward::verify(context, wave),
        Phase::Baking => bake::bake(context),
        Phase::Uninstalling => forward::uninstall(context),
        Phase::Promoting => forward::promote(context),
        Phase::CapturingEvidence => undo::capture(context, false),
        Phase::RecordingFailure => undo::record_failure(context),
        Phase::DeletingCreated => undo::delete_created(context),
        Phase::BeginningUndo => undo::begin(context),
        Phase::Restoring => undo::restore(context),
        Phase::VerifyingUndo => undo::verify(context),
        Phase::CapturingUndoEvidence => undo::capture(context, true),
        Phase::FinishingUndo => undo::finish(context),
        Phase::Purging => undo::purge(context),
        Phase::Finished => Decision::Wait(None),
    }
}

pub(crate) const fn enter(next: Phase) -> Decision {
    Decision::Record(JournalEvent::Entered { next })
}

pub(crate) const fn conclude(verdict: Verdict) -> Decision {
    Decision::Record(JournalEvent::Finished { verdict })
}

/// Drives the one action of the current phase: issues it, tries it again after a passing failure until `limit`, and
/// says when it ended.
pub(crate) fn progress(context: &Context<'_>, kind: ActionKind, limit: Timestamp) -> Progress {
    let state = context.state;
    let Some(last) = state.last.as_ref().filter(|last| last.kind == kind) else {
        let id = ActionId(state.next_action);
        return Progress::Decide(Decision::Record(JournalEvent::Issued { id, attempt: 1, kind }));
    };
    let Some((failure, cause)) = &last.failure else { return Progress::Done };
    let next_try = last.at.after(core::time::Duration::from_millis(backoff_ms(last.attempt)));
    // A server that is away is waited for as long as there is time; a refusal is final.
    let may_retry =
        *failure != FailureKind::Refused && (last.attempt < context.policy.attempts || next_try < limit);
    if !may_retry {
        return Progress::Failed(cause.clone());
    }
    if context.now < next_try {
        return Progress::Decide(Decision::Wait(Some(next_try)));
    }
    Progress::Decide(Decision::Record(JournalEvent::Issued { id: last.id, attempt: last.attempt + 1, kind }))
}

/// What waiting for objects came to.
pub(crate) enum Waited {
    /// All are ready.
    Ready,
    /// Decide this.
    Decide(Decision),
    /// This one will not become ready.
    Never(Cause),
}

/// Waits for objects: ready, condemned, out of time, or not yet. A timeout is only judged from a look taken at or after
/// the deadline (S10).
pub(crate) fn wait_for(context: &Context<'_>, keys: &[ResourceKey], deadline: Timestamp) -> Waited {
    let mut open: Vec<&ResourceKey> = Vec::new();
    let mut earliest: Option<&Finding> = None;
    let mut settles_at: Option<Timestamp> = None;
    for key in keys {
        let Some(assessment) = context.view.assessment(key) else {
            open.push(key);
            continue;
        };
        if assessment.readiness.is_current() {
            continue;
        }
        open.push(key);
        let settles = context.view.settles_at(key);
        settles_at = settles_at.into_iter().chain(settles).min();
        for finding in &assessment.findings {
            let at = |finding: &Finding| finding.condemned_at.unwrap_or(Timestamp::MAX);
            if earliest.is_none_or(|earliest| at(finding) < at(earliest)) {
                earliest = Some(finding);
            }
        }
    }
    if open.is_empty() {
        return Waited::Ready;
    }
    let condemned_at = earliest.and_then(|finding| finding.condemned_at);
    if let Some(finding) = earliest.filter(|_| condemned_at.is_some_and(|at| at <= context.now)) {
        // Time that passed proves nothing about a cluster that was not seen meanwhile.
        let needs_look = matches!(finding.cause.class, Class::AfterGrace { grace_ms } if grace_ms > 0);
        if needs_look && !has_looked_since(context, condemned_at) {
            let keys = open.into_iter().cloned().collect();
            return Waited::Decide(Decision::Read(ActionKind::Look { keys }));
        }
        return Waited::Never(finding.cause.clone());
    }
    if context.now >= deadline {
        if has_looked_since(context, Some(deadline)) {
            return Waited::Never(out_of_time(context, &open, earliest));
        }
        return Waited::Decide(Decision::Read(ActionKind::Look {
            keys: open.into_iter().cloned().collect(),
        }));
    }
    let wake = [condemned_at, settles_at].into_iter().flatten().fold(deadline, Timestamp::min);
    Waited::Decide(Decision::Wait(Some(wake)))
}

/// Whether the last look at the cluster was taken at or after a time.
pub(crate) fn has_looked_since(context: &Context<'_>, time: Option<Timestamp>) -> bool {
    context.last_read.is_some_and(|(kind, at)| matches!(kind, ActionKind::Look { .. }) && Some(*at) >= time)
}

/// The cause of running out of time names the first object that is not ready, and what was suspected of it.
fn out_of_time(context: &Context<'_>, open: &[&ResourceKey], suspected: Option<&Finding>) -> Cause {
    let first = suspected.map(|finding| &finding.cause.object).or_else(|| open.first().copied());
    let object = first.cloned().unwrap_or_else(|| release_key(context.plan));
    let state = context
        .view
        .assessment(&object)
        .map_or("not seen", |assessment| assessment.readiness.message.as_str());
    let mut message = format!("{object} did not become ready in time: {state}");
    if open.len() > 1 {
        message.push_str(&format!(" ({} more not ready)", open.len() - 1));
    }
    let mut hint = String::from(
        "raise --timeout if the application is only slow; `backstay timeout` computes what the manifests need",
    );
    let (mut pod, mut container) = (None, None);
    if let Some(Finding { cause, .. }) = suspected {
        message.push_str(&format!("; last seen: {}: {}", cause.code, cause.message));
        hint.clone_from(&cause.hint);
        (pod, container) = (cause.pod.clone(), cause.container.clone());
    }
    Cause {
        code: CauseCode::DeadlineExceeded,
        class: Class::FatalNow,
        object,
        pod,
        container,
        message,
        hint,
        first_seen: context.now,
    }
}

fn aborted(context: &Context<'_>) -> Cause {
    Cause {
        code: CauseCode::Aborted,
        class: Class::FatalNow,
        object: release_key(context.plan),
        pod: None,
        container: None,
        message: "the rollout was interrupted".to_string(),
        hint: "run the same command again when you are ready".to_string(),
        first_seen: context.now,
    }
}

/// A key that stands for the release as a whole, for causes that belong to no object.
pub(crate) fn release_key(plan: &Plan) -> ResourceKey {
    ResourceKey::new("backstay.dev/v1", "Release", &plan.namespace, &plan.release)
}

/// The objects of a wave that are waited for.
pub(crate) fn awaited(plan: &Plan, policy: &Policy, steps: &[usize]) -> Vec<ResourceKey> {
    let wanted = |kind: &str| match policy.waiting {
        Waiting::None => false,
        Waiting::All => true,
        Waiting::AllButJobs => kind != "Job",
    };
    steps
        .iter()
        .filter_map(|index| plan.steps.get(*index))
        .filter(|step| wanted(&step.key.kind))
        .map(|step| step.key.clone())
        .collect()
}

/// Whether the way back is to be gone at all.
pub(crate) fn undoes(context: &Context<'_>) -> bool {
    context.policy.remediation == Remediation::Undo && context.plan.operation != Operation::Uninstall
}

/// Whether this run has changed anything of the release's objects.
pub(crate) const fn has_changed_objects(state: &State) -> bool {
    state.waves_begun > 0 || state.prune_begun || state.data_prune_begun
}

/// The revision the way back is recorded as.
pub(crate) const fn undo_revision(plan: &Plan) -> u32 {
    plan.to + 1
}

/// The record that ends the way back.
pub(crate) fn undo_record(context: &Context<'_>) -> RecordChange {
    let revision = undo_revision(context.plan);
    match (&context.state.undo_cause, &context.plan.undo) {
        (None, UndoTarget::Revision { revision: to }) => RecordChange::FinishUndo { revision, to: *to },
        (cause, _) => RecordChange::FailUndo {
            revision,
            description: cause
                .as_ref()
                .map_or_else(String::new, |cause| describe("Rollback", &context.plan.release, cause)),
        },
    }
}

/// A record's description in Helm's form, with the cause instead of "context deadline exceeded".
pub(crate) fn describe(what: &str, release: &str, cause: &Cause) -> String {
    let text = format!("{what} \"{release}\" failed: {}: {}: {}", cause.code, cause.object, cause.message);
    text.chars().take(512).collect()
}

/// Which hooks of the plan a stage means.
pub(crate) fn stage_hooks(plan: &Plan, stage: HookStage) -> Vec<usize> {
    let (before, after) = plan.operation.hook_events();
    match stage {
        HookStage::Before => plan.hooks_for(before),
        HookStage::After => plan.hooks_for(after),
        HookStage::UndoBefore => plan.undo_hooks_for(backstay_plan::HookEvent::PreRollback),
        HookStage::UndoAfter => plan.undo_hooks_for(backstay_plan::HookEvent::PostRollback),
    }
}
