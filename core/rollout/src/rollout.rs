//! The machine: takes inputs, gives outputs in order.

mod looking;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use backstay_health::{Cause, CauseCode, Class};
use backstay_object::{ResourceKey, Timestamp};
use backstay_plan::Plan;

use crate::contract::{
    Action, ActionId, ActionKind, Command, Event, FailureKind, Input, Outcome, Output, Verdict,
};
use crate::decide::{Context, Decision, decide, release_key};
use crate::journal::{BEHAVIOUR, JOURNAL_FORMAT, JournalEntry, JournalEvent, ResumeError};
use crate::phase::Phase;
use crate::policy::{Policy, backoff_ms};
use crate::state::State;
use crate::view::ClusterView;

/// A host called the machine in a way its contract excludes. The machine is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The outcome of an action that is not in flight.
    #[error("action {} is not in flight; report each outcome once", .0.0)]
    UnknownAction(ActionId),
    /// The clock went back further than an input can be late.
    #[error("input at {now}, but the machine has already seen {seen}; give times that do not go back")]
    ClockWentBack {
        /// The time given.
        now: Timestamp,
        /// The latest time seen.
        seen: Timestamp,
    },
}

/// Ids of read-only actions: they are not journaled, so they count apart from the others.
const READ_ID_FIRST: u32 = 0x8000_0000;
/// The least time an action gets, however late it is.
const ACTION_LEAST_MS: u64 = 10_000;
/// How long a server that does not answer is waited for before anything has begun, in milliseconds.
const PREFLIGHT_MS: u64 = 60_000;

/// One rollout. A copy goes its own way: for whoever wants to know what would come next.
#[derive(Clone)]
pub struct Rollout {
    plan: Plan,
    policy: Policy,
    digest: alloc::string::String,
    provided: Vec<ResourceKey>,
    promised: Vec<ResourceKey>,
    view: ClusterView,
    outputs: VecDeque<Output>,
    began_at: Timestamp,
    now: Timestamp,
    reads: Reads,
    preflight: Preflight,
    state: Option<State>,
    /// Actions this process issued: their outcomes are still to come. Others in flight were lost with their host.
    issued_here: BTreeSet<ActionId>,
    verdict: Option<Verdict>,
    wait_until: Option<Timestamp>,
}

impl core::fmt::Debug for Rollout {
    /// Only what changes: plan and policy are large and have accessors.
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Rollout")
            .field("digest", &self.digest)
            .field("state", &self.state)
            .field("view", &self.view)
            .field("outputs", &self.outputs)
            .field("times", &(self.began_at, self.now, self.wait_until))
            .field("reads", &self.reads)
            .field("preflight", &self.preflight)
            .field("issued_here", &self.issued_here)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

/// Read-only actions: one at a time, volatile.
#[derive(Clone, Debug, Default)]
struct Reads {
    next: u32,
    in_flight: Option<(ActionId, ActionKind, Timestamp, u32)>,
    last: Option<(ActionKind, Timestamp)>,
    retry_at: Option<Timestamp>,
    attempts: u32,
}

/// What happens before the first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preflight {
    Observe,
    Validate,
    Begin,
    Done,
}

impl Rollout {
    /// A machine for a new rollout.
    #[must_use]
    pub fn new(plan: Plan, policy: Policy, now: Timestamp) -> Self {
        let mut rollout = Self::prepare(plan, policy, now);
        rollout.step();
        rollout
    }

    /// A machine that goes on where a journal ends. What was in flight is issued again with the same id.
    ///
    /// # Errors
    /// When the journal belongs to another plan, is damaged, or was written by a newer version.
    pub fn resume(
        plan: Plan,
        policy: Policy,
        journal: impl IntoIterator<Item = JournalEntry>,
        now: Timestamp,
    ) -> Result<Self, ResumeError> {
        let mut rollout = Self::prepare(plan, policy, now);
        let state = replay(journal)?;
        if state.plan_digest != rollout.digest {
            return Err(ResumeError::PlanMismatch { recorded: state.plan_digest, given: rollout.digest });
        }
        rollout.began_at = state.started_at;
        rollout.verdict.clone_from(&state.verdict);
        rollout.state = Some(state);
        rollout.preflight = Preflight::Observe;
        rollout.track();
        rollout.step();
        Ok(rollout)
    }

    fn prepare(plan: Plan, policy: Policy, now: Timestamp) -> Self {
        let provided = plan
            .steps
            .iter()
            .filter(|step| step.desired.is_some() && matches!(step.key.kind.as_str(), "ConfigMap" | "Secret"))
            .map(|step| step.key.clone())
            .collect();
        let desired = plan.steps.iter().filter_map(|step| step.desired.as_ref());
        let promised = desired.filter_map(backstay_health::promised_secret).collect();
        Self {
            digest: plan.digest(),
            provided,
            promised,
            view: ClusterView::default(),
            outputs: VecDeque::new(),
            began_at: now,
            now,
            reads: Reads::default(),
            preflight: Preflight::Observe,
            state: None,
            issued_here: BTreeSet::new(),
            verdict: None,
            wait_until: None,
            plan,
            policy,
        }
    }

    /// Takes an input at a time.
    ///
    /// # Errors
    /// When the host breaks the contract; the machine is unchanged then.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Result<(), InputError> {
        if now < self.now {
            // Clocks step back a little; far back means that the host mixes clocks.
            if self.now.since(now).as_secs() > 3600 {
                return Err(InputError::ClockWentBack { now, seen: self.now });
            }
        } else {
            self.now = now;
        }
        match input {
            Input::Observed { object, deleted } => self.view.observe(object, deleted),
            Input::Completed { id, outcome } => self.complete(id, outcome)?,
            Input::Timeout => {}
            Input::Command { command: Command::Abort } => self.abort(),
            Input::Held { holder } => self.finish(Verdict::Held { holder }),
        }
        self.step();
        Ok(())
    }

    /// The next output. [`Output::Wait`] and [`Output::Finished`] repeat until the next input.
    #[must_use = "outputs are duties"]
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        match &self.verdict {
            Some(verdict) => Output::Finished { verdict: verdict.clone() },
            None => Output::Wait { deadline: self.wait_until, waiting_on: self.waiting_on() },
        }
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The journaled state; `None` before the first record.
    #[must_use]
    pub const fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// What was last seen of the cluster.
    #[must_use]
    pub const fn view(&self) -> &ClusterView {
        &self.view
    }

    fn complete(&mut self, id: ActionId, outcome: Outcome) -> Result<(), InputError> {
        if id.0 >= READ_ID_FIRST {
            return self.complete_read(id, outcome);
        }
        if !self.state.as_ref().is_some_and(|state| state.in_flight.contains_key(&id)) {
            return Err(InputError::UnknownAction(id));
        }
        self.issued_here.remove(&id);
        let (applied, failure) = match outcome {
            Outcome::Succeeded { applied } => (applied, None),
            Outcome::Failed { failure, causes, applied } => (applied, Some((failure, causes))),
        };
        for applied in applied {
            self.view.expect(applied);
        }
        match failure {
            None => self.record(JournalEvent::Succeeded { id }),
            Some((failure, mut causes)) => {
                let cause = if causes.is_empty() { self.unexplained() } else { causes.remove(0) };
                if failure != FailureKind::Refused {
                    let attempt = self
                        .state
                        .as_ref()
                        .and_then(|state| state.in_flight.get(&id))
                        .map_or(1, |action| action.attempt);
                    let at = self.now.after(core::time::Duration::from_millis(backoff_ms(attempt)));
                    self.event(Event::Retrying { id, reason: cause.message.clone(), at });
                } else if !causes.is_empty() {
                    self.event(Event::Condemned { cause: cause.clone(), others: causes });
                }
                self.record(JournalEvent::Failed { id, failure, cause });
            }
        }
        Ok(())
    }

    fn complete_read(&mut self, id: ActionId, outcome: Outcome) -> Result<(), InputError> {
        let Some((_, kind, issued_at, attempt)) =
            self.reads.in_flight.take_if(|(in_flight, ..)| *in_flight == id)
        else {
            return Err(InputError::UnknownAction(id));
        };
        match outcome {
            Outcome::Succeeded { .. } => self.end_read(kind, issued_at),
            // Evidence is worth a try, not a second one: nobody waits for it.
            Outcome::Failed { .. } if matches!(kind, ActionKind::CaptureEvidence { .. }) => {
                self.end_read(kind, issued_at)
            }
            Outcome::Failed { failure: FailureKind::Refused, causes, .. } if self.state.is_none() => {
                self.finish(Verdict::Refused { causes });
            }
            Outcome::Failed { causes, .. } => {
                let cause = causes.into_iter().next().unwrap_or_else(|| self.unexplained());
                let at = self.now.after(core::time::Duration::from_millis(backoff_ms(attempt)));
                let patience_ms = match cause.code {
                    CauseCode::WebhookUnreachable => self.policy.health.webhook_grace_ms,
                    _ => PREFLIGHT_MS,
                };
                let limit_ms = self.policy.forward_ms.min(patience_ms);
                if self.state.is_none() && self.now.since(self.began_at).as_millis() >= u128::from(limit_ms) {
                    self.finish(Verdict::Unreachable { cause });
                } else {
                    self.event(Event::Retrying { id, reason: cause.message, at });
                    self.reads.attempts = attempt;
                    self.reads.retry_at = Some(at);
                }
            }
        }
        Ok(())
    }

    fn end_read(&mut self, kind: ActionKind, issued_at: Timestamp) {
        self.preflight = match (&kind, self.preflight) {
            (ActionKind::Observe { .. }, _) if self.state.is_some() => Preflight::Done,
            (ActionKind::Observe { .. }, _) if self.policy.validate && self.plan.wave_count() > 0 => {
                Preflight::Validate
            }
            (ActionKind::Observe { .. } | ActionKind::Validate, _) => Preflight::Begin,
            (_, preflight) => preflight,
        };
        self.reads.last = Some((kind, issued_at));
        self.reads.attempts = 0;
        self.reads.retry_at = None;
    }

    fn abort(&mut self) {
        match &self.state {
            None if self.verdict.is_none() => {
                let cause = Cause {
                    code: CauseCode::Aborted,
                    message: "interrupted before the first change".into(),
                    ..self.unexplained()
                };
                self.finish(Verdict::Refused { causes: alloc::vec![cause] });
            }
            Some(state) if !state.abort_requested && state.phase != Phase::Finished => {
                self.record(JournalEvent::AbortRequested)
            }
            _ => {}
        }
    }

    /// Decides until there is nothing to decide.
    fn step(&mut self) {
        if self.verdict.is_some() || self.reads.in_flight.is_some() {
            self.reassess();
            self.wait_until = self.reads.in_flight.as_ref().map(|_| Timestamp::MAX);
            return;
        }
        if let Some(at) = self.reads.retry_at.filter(|at| *at > self.now) {
            self.wait_until = Some(at);
            return;
        }
        match self.preflight {
            Preflight::Observe => return self.read(ActionKind::Observe { scopes: self.scopes() }),
            Preflight::Validate => return self.read(ActionKind::Validate),
            Preflight::Begin => self.begin(),
            Preflight::Done => {}
        }
        self.reissue();
        self.reassess();
        while self.verdict.is_none() {
            let Some(state) = &self.state else { return };
            let context = Context {
                state,
                view: &self.view,
                plan: &self.plan,
                policy: &self.policy,
                now: self.now,
                last_read: self.reads.last.as_ref(),
            };
            match decide(&context) {
                Decision::Record(event) => {
                    self.record(event);
                    self.reassess();
                }
                Decision::Read(kind) => return self.read(kind),
                Decision::Wait(until) => {
                    self.wait_until = until;
                    return;
                }
            }
        }
    }

    /// The first record: it makes this rollout the one that holds the release.
    fn begin(&mut self) {
        self.preflight = Preflight::Done;
        let Some(forward_deadline) = self.forward_deadline() else {
            let cause = Cause {
                code: CauseCode::DeadlineExceeded,
                class: Class::FatalNow,
                message: "the deadline leaves no time to begin: what is left is kept for the way back".into(),
                hint: "raise --deadline, or look at what took the time before the rollout".into(),
                ..self.unexplained()
            };
            return self.finish(Verdict::Refused { causes: alloc::vec![cause] });
        };
        let event = JournalEvent::Started {
            format: JOURNAL_FORMAT,
            behaviour: BEHAVIOUR,
            plan: self.digest.clone(),
            forward_deadline,
            undo_ms: self.policy.undo_ms,
        };
        let entry = JournalEntry { seq: 0, at: self.now, event };
        match State::begin(&entry) {
            Ok(state) => {
                self.state = Some(state);
                self.outputs.push_back(Output::Record { entry });
                self.track();
            }
            Err(error) => self.halt(&error),
        }
    }

    /// Until when the way forward may last if it begins now; `None` when there is no time left for it.
    fn forward_deadline(&self) -> Option<Timestamp> {
        let span = core::time::Duration::from_millis;
        let policy = &self.policy;
        let own = self.now.after(span(policy.forward_ms));
        let Some(deadline) = policy.deadline else { return Some(own) };
        let end = own.min(deadline.before(span(policy.undo_ms.saturating_add(policy.evidence_ms))));
        (end > self.now).then_some(end)
    }

    /// After a resume: what was in flight is issued again, under the same id and attempt.
    fn reissue(&mut self) {
        let Some(state) = &self.state else { return };
        let lost: Vec<(ActionId, u32, ActionKind)> =
            state.in_flight.iter().map(|(id, action)| (*id, action.attempt, action.kind.clone())).collect();
        for (id, attempt, kind) in lost {
            if !self.issued_here.contains(&id) {
                self.issue(id, attempt, kind);
            }
        }
    }

    fn record(&mut self, event: JournalEvent) {
        let Some(state) = &mut self.state else { return };
        let entry = JournalEntry { seq: state.next_seq, at: self.now, event };
        if let Err(error) = state.apply(&entry) {
            return self.halt(&error);
        }
        self.outputs.push_back(Output::Record { entry: entry.clone() });
        match entry.event {
            JournalEvent::Entered { next } => {
                if matches!(
                    next,
                    Phase::Baking
                        | Phase::CapturingEvidence
                        | Phase::BeginningUndo
                        | Phase::Restoring
                        | Phase::DeletingCreated
                ) {
                    self.view.invalidate();
                }
                if matches!(next, Phase::Verifying { .. } | Phase::VerifyingUndo) {
                    self.view.invalidate_suspects();
                }
                self.event(Event::Entered { phase: next });
            }
            JournalEvent::Issued { id, attempt, kind } => self.issue(id, attempt, kind),
            JournalEvent::Condemned { cause } => self.event(Event::Condemned { cause, others: Vec::new() }),
            JournalEvent::UndoCondemned { cause } => self.event(Event::UndoFailed { cause }),
            JournalEvent::Finished { verdict } => self.verdict = Some(verdict),
            _ => {}
        }
    }

    fn issue(&mut self, id: ActionId, attempt: u32, kind: ActionKind) {
        self.issued_here.insert(id);
        let deadline = self.action_deadline(&kind);
        self.event(Event::Started { id, kind: kind.clone(), attempt });
        self.outputs.push_back(Output::Act { action: Action { id, attempt, deadline, kind } });
    }

    fn read(&mut self, kind: ActionKind) {
        let id = ActionId(READ_ID_FIRST + self.reads.next);
        let attempt = self.reads.attempts + 1;
        self.reads.next = (self.reads.next + 1) % READ_ID_FIRST;
        self.reads.retry_at = None;
        let deadline = self.action_deadline(&kind);
        self.reads.in_flight = Some((id, kind.clone(), self.now, attempt));
        self.wait_until = Some(deadline);
        self.outputs.push_back(Output::Act { action: Action { id, attempt, deadline, kind } });
    }

    fn action_deadline(&self, kind: &ActionKind) -> Timestamp {
        let after = |ms| self.now.after(core::time::Duration::from_millis(ms));
        let phase_deadline =
            self.state.as_ref().map(|state| state.undo_deadline.unwrap_or(state.forward_deadline));
        match kind {
            ActionKind::CaptureEvidence { .. } => after(self.policy.evidence_ms),
            ActionKind::Observe { .. } | ActionKind::Validate => after(60_000),
            ActionKind::Look { .. } => after(30_000),
            _ => phase_deadline.unwrap_or(Timestamp::MAX).max(after(ACTION_LEAST_MS)),
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event { event });
    }

    fn finish(&mut self, verdict: Verdict) {
        self.outputs.clear();
        self.verdict = Some(verdict);
    }

    /// A decision that its own state refuses is a defect of the machine. It stops where a person or a later version can
    /// go on, instead of panicking in the middle of somebody's rollout.
    fn halt(&mut self, error: &ResumeError) {
        let cause =
            Cause { message: alloc::format!("defect in the rollout machine: {error}"), ..self.unexplained() };
        self.verdict = Some(Verdict::Interrupted { cause });
    }

    fn unexplained(&self) -> Cause {
        Cause {
            code: CauseCode::ApiUnreachable,
            class: Class::Recoverable,
            object: release_key(&self.plan),
            pod: None,
            container: None,
            message: "the host gave no reason".into(),
            hint: alloc::string::String::new(),
            first_seen: self.now,
        }
    }
}

/// Rebuilds the state from a journal.
///
/// # Errors
/// When the journal is damaged or was written by a newer version.
pub fn replay(journal: impl IntoIterator<Item = JournalEntry>) -> Result<State, ResumeError> {
    let mut entries = journal.into_iter();
    let first = entries.next().ok_or(ResumeError::NoBeginning)?;
    let mut state = State::begin(&first)?;
    for entry in entries {
        state.apply(&entry)?;
    }
    Ok(state)
}
