//! The loop between the machine and the model, in virtual time.

use std::time::Duration;

use backstay_health::{Cause, CauseCode, Class};
use backstay_object::{ResourceKey, Timestamp, uid};
use backstay_plan::Plan;
use backstay_rollout::{
    Action, ActionKind, Command, Event, FailureKind, Input, JournalEntry, Outcome, Output, Policy,
    RecordChange, ResumeError, Rollout, Verdict,
};
use backstay_sim::Cluster;
use serde_json::Value;

use crate::check::{Checker, Violation};
use crate::client::{Watch, earliest};
use crate::execute::Running;
use crate::rival::Sleeper;
use crate::trouble::{Chances, Meanwhile, Trouble};

/// Ids from here on are read-only actions.
pub(crate) const READ_ID_FIRST: u32 = 0x8000_0000;
/// How long a request takes there and back.
const LATENCY: (u64, u64) = (5, 60);
/// When a watch that was late is asked again.
const LATENESS: Duration = Duration::from_secs(2);
/// More outputs than any bounded rollout has; a tenth of the turns.
const OUTPUTS_MOST: u64 = 200_000;
/// More wakes than this at a time that has passed, and the machine goes round in circles.
const IN_VAIN_MOST: u32 = 1_000;

/// One thing that happened, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// How a rehearsal ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The machine's verdict.
    pub verdict: Verdict,
    /// When it began and ended, in the model's time.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// What happened on the way.
    pub story: Vec<Moment>,
    /// How the release's records were changed, in order.
    pub records: Vec<RecordChange>,
    /// The journal.
    pub journal: Vec<JournalEntry>,
    /// How many outputs the machine gave: where a crash can be placed.
    pub outputs: u64,
    /// Invariants that did not hold; empty unless the machine has a defect.
    pub violations: Vec<Violation>,
}

/// A rollout on a model cluster.
#[derive(Debug)]
pub struct Rehearsal {
    pub(crate) cluster: Cluster,
    plan: Plan,
    policy: Policy,
    trouble: Trouble,
    pub(crate) chances: Chances,
    rollout: Rollout,
    pub(crate) journal: Vec<JournalEntry>,
    /// How many entries of the journal are durable.
    pub(crate) durable: usize,
    records: Vec<RecordChange>,
    watches: Vec<Watch>,
    running: Vec<Running>,
    story: Vec<Moment>,
    pub(crate) checker: Checker,
    outputs: u64,
    /// How often in a row the machine wanted to be woken at a time that had passed.
    woken_in_vain: u32,
    /// By how many milliseconds the host's clock is ahead of the cluster's.
    skew: i64,
    /// The number by which the host holds the release: see [`crate::rival`].
    pub(crate) generation: u64,
    pub(crate) sleeper: Option<Sleeper>,
    /// Objects that were last shown as they were before.
    owed: Vec<Value>,
    /// When the watches were last looked at.
    news_at: Timestamp,
    /// Whether a watch had nothing to say although it was asked.
    is_late: bool,
}

impl Rehearsal {
    /// A rehearsal of a plan on a cluster as it is now.
    #[must_use]
    pub fn new(cluster: Cluster, plan: Plan, policy: Policy, trouble: Trouble) -> Self {
        let rollout = Rollout::new(plan.clone(), policy.clone(), cluster.now());
        let checker = Checker::new(&cluster, &rollout);
        Self {
            chances: Chances::new(trouble.seed),
            cluster,
            plan,
            policy,
            trouble,
            rollout,
            journal: Vec::new(),
            durable: 0,
            records: Vec::new(),
            watches: Vec::new(),
            running: Vec::new(),
            story: Vec::new(),
            checker,
            outputs: 0,
            woken_in_vain: 0,
            skew: 0,
            generation: 1,
            sleeper: None,
            owed: Vec::new(),
            news_at: Timestamp(0),
            is_late: false,
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the host's clock says.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.cluster.now().0.saturating_add_signed(self.skew))
    }

    /// When it is in the cluster what the host's clock calls so.
    fn cluster_time(&self, host_time: Timestamp) -> Timestamp {
        Timestamp(host_time.0.saturating_add_signed(-self.skew))
    }

    /// Runs to the verdict. Returns the cluster as it was left, and what happened.
    ///
    /// # Errors
    /// When a journal the machine wrote cannot be resumed: a defect.
    pub fn run(mut self) -> Result<(Cluster, Report), ResumeError> {
        let from = self.cluster.now();
        let mut turns = 0_u64;
        let verdict = loop {
            turns += 1;
            match self.poll()? {
                Turn::Goes => {}
                Turn::Waits(deadline) => self.wait(deadline),
                Turn::Over(verdict) => break verdict,
            }
            let limit =
                self.policy.forward_ms + 2 * self.policy.undo_ms + 2 * self.policy.evidence_ms + 600_000;
            let limit = Duration::from_millis(limit) + self.checker.lost();
            if self.woken_in_vain > IN_VAIN_MOST {
                self.checker.took_too_long(self.cluster.now(), "it waits for a time that has passed");
                break Verdict::Interrupted { cause: self.unreachable() };
            }
            if self.outputs.max(turns / 10) > OUTPUTS_MOST || self.cluster.now().since(from) > limit {
                self.checker.took_too_long(self.cluster.now(), "no verdict within the bound");
                break Verdict::Interrupted { cause: self.unreachable() };
            }
        };
        self.wake_sleeper(true);
        self.checker.replayed(&self.journal, &self.rollout, self.cluster.now());
        self.checker.at_the_end(&self.cluster, &mut self.rollout);
        let report = Report {
            verdict,
            from,
            to: self.cluster.now(),
            story: self.story,
            records: self.records,
            journal: self.journal,
            outputs: self.outputs,
            violations: self.checker.violations,
        };
        Ok((self.cluster, report))
    }

    fn poll(&mut self) -> Result<Turn, ResumeError> {
        let output = self.rollout.poll_output();
        let now = self.cluster.now();
        self.checker.output(&output, &self.rollout, self.now());
        let turn = match output {
            Output::Record { entry } => {
                self.journal.push(entry);
                Turn::Goes
            }
            Output::Act { action } => {
                if action.id.0 < READ_ID_FIRST {
                    self.durable = self.journal.len();
                }
                self.start(action);
                Turn::Goes
            }
            Output::Event { event } => {
                self.story.push(Moment { at: now, event });
                Turn::Goes
            }
            Output::Wait { deadline, .. } => return Ok(Turn::Waits(deadline)),
            Output::Finished { verdict } => return Ok(Turn::Over(verdict)),
        };
        self.outputs += 1;
        if self.trouble.crash_after.contains(&self.outputs) {
            self.crash()?;
        }
        let outputs = self.outputs;
        if let Some(sleep) = self.trouble.sleeps.iter().find(|sleep| sleep.after == outputs).copied() {
            self.sleep(sleep)?;
        }
        Ok(turn)
    }

    fn start(&mut self, action: Action) {
        let latency = LATENCY.0 + self.chances.below(LATENCY.1 - LATENCY.0);
        let at = self.cluster.now().after(Duration::from_millis(latency));
        self.running.push(Running::new(action, at));
    }

    /// Lets time pass until something happens, and tells the machine.
    fn wait(&mut self, deadline: Option<Timestamp>) {
        let now = self.cluster.now();
        let deadline = deadline.map(|deadline| self.cluster_time(deadline));
        let is_over = deadline.is_some_and(|deadline| deadline <= now);
        self.woken_in_vain = if is_over { self.woken_in_vain + 1 } else { 0 };
        let news_at = self.news_at.after(Duration::from_millis(self.trouble.news_every_ms));
        let mut next = earliest(deadline, self.cluster.next_due().map(|due| due.max(news_at)));
        next = self.running.iter().fold(next, |next, running| earliest(next, Some(running.at)));
        next = earliest(next, self.trouble.abort_at.filter(|at| *at > now));
        next = earliest(next, self.trouble.next_after(now));
        next = earliest(next, self.sleeper.as_ref().map(|sleeper| sleeper.wakes_at));
        let owes = !self.owed.is_empty() && !self.trouble.is_down(now);
        next = earliest(next, owes.then_some(news_at));
        // News that is late comes, also when nothing new happens.
        next = earliest(next, self.is_late.then(|| self.news_at.after(LATENESS).max(news_at)));
        // Nothing at all is due: let a second pass, so that the bound on time ends it.
        let next = next.unwrap_or_else(|| now.after(Duration::from_secs(1)));
        self.cluster.advance_to(next);
        self.others_act();
        self.wake_sleeper(false);
        if self.trouble.abort_at.is_some_and(|at| at <= self.cluster.now()) {
            self.trouble.abort_at = None;
            self.tell(Input::Command { command: Command::Abort });
        }
        if self.cluster.now() >= news_at {
            self.observe();
        }
        self.go_on();
        if deadline.is_some_and(|deadline| deadline <= self.cluster.now()) {
            self.tell(Input::Timeout);
        }
    }

    /// Does what others do until now.
    fn others_act(&mut self) {
        let now = self.cluster.now();
        for (_, ms) in self.trouble.clock_steps.extract_if(.., |(at, _)| *at <= now) {
            self.skew = self.skew.saturating_add(ms);
            self.checker.loses(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        }
        for (_, what) in self.trouble.meanwhile.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            match what {
                Meanwhile::Asks(request) => {
                    self.cluster.handle(&request);
                }
                Meanwhile::Pushes(image, size) => {
                    self.cluster.registry_mut().push(&image, size);
                }
                Meanwhile::Breaks(fault) => self.cluster.inject(fault),
                Meanwhile::Heals(fault) => {
                    self.cluster.heal(&fault);
                }
            }
        }
    }

    fn observe(&mut self) {
        self.news_at = self.cluster.now();
        if self.trouble.is_down(self.cluster.now()) {
            return;
        }
        for object in std::mem::take(&mut self.owed) {
            self.tell(Input::Observed { object, deleted: false });
        }
        let mut watches = std::mem::take(&mut self.watches);
        self.is_late = false;
        for watch in &mut watches {
            if self.chances.percent(self.trouble.late_percent) {
                self.is_late = true;
                continue;
            }
            if self.chances.percent(self.trouble.gap_percent) {
                watch.forget();
            }
            let mut seen = watch.poll(&mut self.cluster);
            if self.chances.percent(self.trouble.relisted_percent) {
                watch.forget();
                seen.extend(watch.list(&mut self.cluster));
            }
            for (object, deleted) in seen {
                if self.chances.percent(self.trouble.repeated_percent) {
                    self.tell(Input::Observed { object: object.clone(), deleted });
                }
                let lags = !deleted && self.chances.percent(self.trouble.stale_percent);
                let before = lags.then(|| self.as_it_was(&object)).flatten();
                let Some(before) = before else {
                    self.tell(Input::Observed { object, deleted });
                    continue;
                };
                self.tell(Input::Observed { object: object.clone(), deleted });
                self.tell(Input::Observed { object: before, deleted: false });
                self.owed.push(object);
            }
        }
        self.watches = watches;
    }

    /// An object as it was before its last change.
    fn as_it_was(&self, object: &Value) -> Option<Value> {
        let key = ResourceKey::of(object)?;
        let store = self.cluster.store();
        let changes = store.changes_since(store.compacted()).ok()?;
        let last = changes.filter(|change| change.key == key).last()?;
        last.previous.as_deref().filter(|before| uid(before) == uid(object)).cloned()
    }

    /// Goes on with the actions whose time has come.
    fn go_on(&mut self) {
        let now = self.cluster.now();
        let due: Vec<Running> = self.running.extract_if(.., |running| running.at <= now).collect();
        for mut running in due {
            let id = running.action.id;
            if self.trouble.is_down(now) || self.chances.percent(self.trouble.unreachable_percent) {
                self.complete(id, self.trouble_outcome(FailureKind::Transient));
                continue;
            }
            let Some(mut outcome) = self.perform(&mut running) else {
                self.running.push(running);
                continue;
            };
            let changes = id.0 < READ_ID_FIRST && matches!(outcome, Outcome::Succeeded { .. });
            if changes && self.chances.percent(self.trouble.lost_replies_percent) {
                outcome = self.trouble_outcome(FailureKind::Unknown);
            }
            // What was seen before the action ended comes before its end.
            self.observe();
            self.complete(id, outcome);
        }
    }

    fn perform(&mut self, running: &mut Running) -> Option<Outcome> {
        match &running.action.kind {
            ActionKind::Observe { scopes } => {
                self.watches = scopes.iter().cloned().map(Watch::new).collect();
                Some(Outcome::Succeeded { applied: Vec::new() })
            }
            ActionKind::Look { .. } => {
                let mut seen = Vec::new();
                for scope in self.plan.watch_scopes(&self.policy.health) {
                    seen.extend(Watch::new(scope).list(&mut self.cluster));
                }
                for (object, deleted) in seen {
                    self.tell(Input::Observed { object, deleted });
                }
                Some(Outcome::Succeeded { applied: Vec::new() })
            }
            ActionKind::SaveRecord { change } => {
                // Doing it twice has the effect of doing it once.
                if self.records.last() != Some(change) {
                    self.records.push(change.clone());
                }
                Some(Outcome::Succeeded { applied: Vec::new() })
            }
            _ => {
                let now = self.now();
                running.step(&mut self.cluster, &self.rollout, now)
            }
        }
    }

    fn complete(&mut self, id: backstay_rollout::ActionId, outcome: Outcome) {
        self.checker.ended(id);
        self.tell(Input::Completed { id, outcome });
    }

    pub(crate) fn tell(&mut self, input: Input) {
        let phase = |rollout: &Rollout| rollout.state().map(|state| state.phase);
        let before = phase(&self.rollout);
        let now = self.now();
        if let Err(error) = self.rollout.handle(input, now) {
            self.checker.took_too_long(now, &format!("the machine refused an input: {error}"));
        }
        if let Some(next) = phase(&self.rollout).filter(|next| Some(*next) != before) {
            self.checker.decided(next, &self.rollout, now);
        }
    }

    /// The host dies: what it had not made durable is lost, requests on their way may or may not arrive.
    fn crash(&mut self) -> Result<(), ResumeError> {
        if self.chances.percent(50) {
            self.journal.truncate(self.durable);
        }
        self.requests_arrive_or_not();
        let later = self.cluster.now().after(Duration::from_millis(500 + self.chances.below(5_000)));
        self.cluster.advance_to(later);
        self.begin_anew()?;
        Ok(())
    }

    pub(crate) fn requests_arrive_or_not(&mut self) {
        for mut running in std::mem::take(&mut self.running) {
            if running.action.id.0 < READ_ID_FIRST && self.chances.percent(50) {
                let _ = self.perform(&mut running);
            }
        }
    }

    /// Another process goes on from the journal; returns the machine of the one before.
    pub(crate) fn begin_anew(&mut self) -> Result<Rollout, ResumeError> {
        self.durable = self.journal.len();
        self.watches.clear();
        self.owed.clear();
        self.checker.crashed(&self.journal);
        if !self.trouble.clock_steps.is_empty() {
            // On another machine, whose clock is another one.
            self.skew = i64::try_from(self.chances.below(60_000)).unwrap_or(0) - 40_000;
            self.checker.loses(Duration::from_secs(60));
        }
        let (plan, policy, now) = (self.plan.clone(), self.policy.clone(), self.now());
        let next = if self.journal.is_empty() {
            Rollout::new(plan, policy, now)
        } else {
            Rollout::resume(plan, policy, self.journal.clone(), now)?
        };
        Ok(std::mem::replace(&mut self.rollout, next))
    }

    pub(crate) fn trouble_outcome(&self, failure: FailureKind) -> Outcome {
        Outcome::Failed { failure, causes: vec![self.unreachable()], applied: Vec::new() }
    }

    fn unreachable(&self) -> Cause {
        Cause {
            code: CauseCode::ApiUnreachable,
            class: Class::Recoverable,
            object: ResourceKey::new("backstay.dev/v1", "Release", &self.plan.namespace, &self.plan.release),
            pod: None,
            container: None,
            message: "connection reset by the rehearsal".to_owned(),
            hint: CauseCode::ApiUnreachable.hint().to_owned(),
            first_seen: self.now(),
        }
    }
}

enum Turn {
    Goes,
    Waits(Option<Timestamp>),
    Over(Verdict),
}
