//! What replaying the journal rebuilds, and nothing else.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};

use backstay_health::Cause;
use backstay_object::Timestamp;

use crate::contract::{ActionId, ActionKind, FailureKind, Verdict};
use crate::journal::{BEHAVIOUR, JOURNAL_FORMAT, JournalEntry, JournalEvent, OLDEST_BEHAVIOUR, ResumeError};
use crate::phase::{HookStage, Phase, may_follow};

/// The journaled state of a rollout. [`State::apply`] is its only mutator, live and on replay.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Number of the next entry.
    pub next_seq: u32,
    /// Digest of the plan.
    pub plan_digest: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When the way forward has to be over.
    pub forward_deadline: Timestamp,
    /// How long the way back may take.
    pub undo_ms: u64,
    /// When the way back has to be over; set when it begins.
    pub undo_deadline: Option<Timestamp>,
    /// Where it is.
    pub phase: Phase,
    /// Since when.
    pub phase_since: Timestamp,
    /// Number of the next action.
    pub next_action: u32,
    /// Actions that were issued and have not ended.
    pub in_flight: BTreeMap<ActionId, InFlight>,
    /// Outcome of the last action of this phase.
    pub last: Option<LastAction>,
    /// Number of waves whose apply was begun.
    pub waves_begun: u32,
    /// Whether deleting what the new revision no longer has was begun.
    pub prune_begun: bool,
    /// Whether deleting objects that hold data was begun.
    pub data_prune_begun: bool,
    /// Hooks created so far by stage: the one that runs is among them.
    pub hooks_begun: BTreeMap<HookStage, u32>,
    /// Groups of hooks whose objects were cleaned up.
    pub hooks_cleaned: BTreeSet<HookStage>,
    /// Whether the revision of the way back was recorded.
    pub undo_recorded: bool,
    /// How often pods that block the way back were deleted.
    pub pod_deletions: u32,
    /// Whether keeping the evidence was begun: hooks that are cleaned up from then on belong to the way back.
    pub evidence_begun: bool,
    /// Why the new revision failed.
    pub cause: Option<Cause>,
    /// Why the way back failed.
    pub undo_cause: Option<Cause>,
    /// Somebody wants it to stop.
    pub abort_requested: bool,
    /// How it ended.
    pub verdict: Option<Verdict>,
}

/// An action that was issued.
#[derive(Clone, Debug, PartialEq)]
pub struct InFlight {
    /// What it does.
    pub kind: ActionKind,
    /// 1 for the first try.
    pub attempt: u32,
}

/// How the last action of a phase ended.
#[derive(Clone, Debug, PartialEq)]
pub struct LastAction {
    /// Its id.
    pub id: ActionId,
    /// What it did.
    pub kind: ActionKind,
    /// Its last attempt.
    pub attempt: u32,
    /// When it ended.
    pub at: Timestamp,
    /// `None` when it succeeded.
    pub failure: Option<(FailureKind, Cause)>,
}

impl State {
    /// The state after the first entry.
    ///
    /// # Errors
    /// When the entry is not a beginning this version understands.
    pub fn begin(entry: &JournalEntry) -> Result<Self, ResumeError> {
        let JournalEvent::Started { format, behaviour, plan, forward_deadline, undo_ms } = &entry.event
        else {
            return Err(ResumeError::NoBeginning);
        };
        if *format > JOURNAL_FORMAT {
            return Err(ResumeError::FormatTooNew { found: *format, supported: JOURNAL_FORMAT });
        }
        if !(OLDEST_BEHAVIOUR..=BEHAVIOUR).contains(behaviour) {
            return Err(ResumeError::BehaviourUnknown {
                found: *behaviour,
                oldest: OLDEST_BEHAVIOUR,
                newest: BEHAVIOUR,
            });
        }
        if entry.seq != 0 {
            return Err(ResumeError::Gap { expected: 0, found: entry.seq });
        }
        Ok(Self {
            next_seq: 1,
            plan_digest: plan.clone(),
            started_at: entry.at,
            forward_deadline: *forward_deadline,
            undo_ms: *undo_ms,
            undo_deadline: None,
            phase: Phase::Recording,
            phase_since: entry.at,
            next_action: 0,
            in_flight: BTreeMap::new(),
            last: None,
            waves_begun: 0,
            prune_begun: false,
            data_prune_begun: false,
            hooks_begun: BTreeMap::new(),
            hooks_cleaned: BTreeSet::new(),
            undo_recorded: false,
            pod_deletions: 0,
            evidence_begun: false,
            cause: None,
            undo_cause: None,
            abort_requested: false,
            verdict: None,
        })
    }

    /// Makes one decision part of the state.
    ///
    /// # Errors
    /// When the entry cannot follow the entries before it.
    pub fn apply(&mut self, entry: &JournalEntry) -> Result<(), ResumeError> {
        if entry.seq != self.next_seq {
            return Err(ResumeError::Gap { expected: self.next_seq, found: entry.seq });
        }
        self.apply_event(&entry.event, entry.at)
            .map_err(|what| ResumeError::Illegal { seq: entry.seq, what })?;
        self.next_seq += 1;
        Ok(())
    }

    fn apply_event(&mut self, event: &JournalEvent, at: Timestamp) -> Result<(), String> {
        if self.phase == Phase::Finished {
            return Err("nothing follows the end".to_string());
        }
        match event {
            JournalEvent::Started { .. } => return Err("a rollout begins once".to_string()),
            JournalEvent::Entered { next } => self.enter(*next, at)?,
            JournalEvent::Issued { id, attempt, kind } => self.issue(*id, *attempt, kind)?,
            JournalEvent::Succeeded { id } => self.end(*id, at, None)?,
            JournalEvent::Failed { id, failure, cause } => {
                self.end(*id, at, Some((*failure, cause.clone())))?
            }
            JournalEvent::Condemned { cause } => set_once(&mut self.cause, cause, "condemned")?,
            JournalEvent::UndoCondemned { cause } => {
                set_once(&mut self.undo_cause, cause, "condemned on the way back")?
            }
            JournalEvent::AbortRequested => self.abort_requested = true,
            JournalEvent::Finished { verdict } => {
                if !self.in_flight.is_empty() {
                    return Err("it cannot end while an action is in flight".to_string());
                }
                self.enter(Phase::Finished, at)?;
                self.verdict = Some(verdict.clone());
            }
        }
        Ok(())
    }

    fn enter(&mut self, next: Phase, at: Timestamp) -> Result<(), String> {
        if !may_follow(self.phase, next) {
            return Err(format!("{} does not lead to {}", self.phase.name(), next.name()));
        }
        if !self.in_flight.is_empty() {
            return Err(format!("{} begins while an action is in flight", next.name()));
        }
        if next == Phase::RecordingFailure {
            let reserve = core::time::Duration::from_millis(self.undo_ms);
            self.undo_deadline.get_or_insert(at.after(reserve));
        }
        self.evidence_begun |= next == Phase::CapturingEvidence;
        if let Phase::CleaningHooks { stage, .. } = next {
            self.hooks_cleaned.insert(stage);
        }
        self.phase = next;
        self.phase_since = at;
        self.last = None;
        Ok(())
    }

    fn issue(&mut self, id: ActionId, attempt: u32, kind: &ActionKind) -> Result<(), String> {
        if !self.in_flight.is_empty() {
            return Err(format!("action {} begins while another is in flight", id.0));
        }
        let is_retry = self
            .last
            .as_ref()
            .is_some_and(|last| last.id == id && last.failure.is_some() && attempt == last.attempt + 1);
        let is_next = id.0 == self.next_action && attempt == 1;
        if !is_retry && !is_next {
            return Err(format!(
                "action {} attempt {attempt} is neither the next action nor a further try of the last",
                id.0
            ));
        }
        self.next_action = self.next_action.max(id.0 + 1);
        match kind {
            ActionKind::Apply { wave } => self.waves_begun = self.waves_begun.max(wave + 1),
            ActionKind::Prune { holding_data: false } => self.prune_begun = true,
            ActionKind::Prune { holding_data: true } => self.data_prune_begun = true,
            ActionKind::CreateHook { stage, position } => {
                self.hooks_begun.insert(*stage, position + 1);
            }
            ActionKind::SaveRecord { change: crate::contract::RecordChange::BeginUndo { .. } } => {
                self.undo_recorded = true
            }
            ActionKind::DeletePods { .. } if is_next => self.pod_deletions += 1,
            _ => {}
        }
        self.in_flight.insert(id, InFlight { kind: kind.clone(), attempt });
        Ok(())
    }

    fn end(
        &mut self,
        id: ActionId,
        at: Timestamp,
        failure: Option<(FailureKind, Cause)>,
    ) -> Result<(), String> {
        let Some(action) = self.in_flight.remove(&id) else {
            return Err(format!("action {} ends without having begun", id.0));
        };
        self.last = Some(LastAction { id, kind: action.kind, attempt: action.attempt, at, failure });
        Ok(())
    }
}

fn set_once(place: &mut Option<Cause>, cause: &Cause, what: &str) -> Result<(), String> {
    if place.is_some() {
        return Err(format!("it is {what} twice"));
    }
    *place = Some(cause.clone());
    Ok(())
}
