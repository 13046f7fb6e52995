//! The invariants S1–S14 and L1 as checkers: they look at what the machine says and at what it left, and know nothing of
//! how it decides.
//!
//! S8 (a crash at every output ends in the same verdict) compares runs and lives with the tests; everything else is
//! checked in every rehearsal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use backstay_health::CauseCode;
use backstay_object::{ResourceKey, Timestamp, generation, uid};
use backstay_release::check_ownership;
use backstay_rollout::{
    Action, ActionId, ActionKind, Input, JournalEntry, JournalEvent, Output, Phase, Rollout, Waiting, replay,
};
use backstay_sim::Cluster;

/// Ids from here on are read-only actions.
const READ_ID_FIRST: u32 = 0x8000_0000;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which: `S1` to `S14`, or `L1`.
    pub invariant: &'static str,
    /// When.
    pub at: Timestamp,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}: {}", self.invariant, self.at.to_rfc3339(), self.what)
    }
}

/// What an object was before the run.
#[derive(Clone, Debug)]
struct Before {
    uid: String,
    generation: i64,
    ours: bool,
}

/// Watches one rehearsal.
#[derive(Debug)]
pub(crate) struct Checker {
    pub(crate) violations: Vec<Violation>,
    before: BTreeMap<ResourceKey, Before>,
    planned: BTreeSet<ResourceKey>,
    issued: BTreeSet<(ActionId, u32)>,
    in_flight: BTreeSet<ActionId>,
    changing_actions: u64,
    looks: Vec<Timestamp>,
    evidence_kept: bool,
    finished: bool,
    /// The latest time the host had: its clock may be set back.
    latest: Timestamp,
    /// Time the host lost by sleeping or by its clock being set forward.
    lost: Duration,
}

impl Checker {
    pub(crate) fn new(cluster: &Cluster, rollout: &Rollout) -> Self {
        let plan = rollout.plan();
        let before = cluster.store().all().map(|(key, object)| {
            let ours = check_ownership(object, &plan.release, &plan.namespace).is_ok();
            let before =
                Before { uid: uid(object).to_owned(), generation: generation(object).unwrap_or(0), ours };
            (key.clone(), before)
        });
        let hooks = plan.hooks.iter().chain(&plan.undo_hooks).map(|hook| hook.object.key.clone());
        Self {
            violations: Vec::new(),
            before: before.collect(),
            planned: plan.steps.iter().map(|step| step.key.clone()).chain(hooks).collect(),
            issued: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            changing_actions: 0,
            looks: Vec::new(),
            evidence_kept: false,
            finished: false,
            latest: Timestamp(0),
            lost: Duration::ZERO,
        }
    }

    /// The host lost time that it could not use.
    pub(crate) fn loses(&mut self, time: Duration) {
        self.lost += time;
    }

    /// How much it lost so far.
    pub(crate) fn lost(&self) -> Duration {
        self.lost
    }

    /// A host that lost the release acted on it.
    pub(crate) fn intruded(&mut self, action: &Action, now: Timestamp) {
        self.violated("S2", now, format!("{action:?} by a host that another one has taken the release from"));
    }

    /// The machine decided to enter a phase: judged by what it sees at that moment, not when its outputs are polled, because
    /// more may have been observed by then.
    pub(crate) fn decided(&mut self, next: Phase, rollout: &Rollout, now: Timestamp) {
        if let Phase::Applying { wave } = next {
            self.earlier_waves_are_ready(wave, rollout, now);
        }
    }

    fn violated(&mut self, invariant: &'static str, at: Timestamp, what: impl Into<String>) {
        self.violations.push(Violation { invariant, at, what: what.into() });
    }

    /// Looks at an output as it is polled.
    pub(crate) fn output(&mut self, output: &Output, rollout: &Rollout, now: Timestamp) {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if self.finished && !matches!(output, Output::Finished { .. } | Output::Event { .. }) {
            self.violated("S3", now, format!("{output:?} after the end"));
        }
        match output {
            Output::Record { entry } => self.record(entry, rollout),
            Output::Act { action } => self.action(action, rollout, now),
            Output::Finished { .. } => self.finished = true,
            Output::Event { .. } | Output::Wait { .. } => {}
        }
    }

    fn record(&mut self, entry: &JournalEntry, rollout: &Rollout) {
        // When it was decided: it may be polled later.
        let now = entry.at;
        match &entry.event {
            JournalEvent::Issued { id, attempt, .. } => {
                self.issued.insert((*id, *attempt));
            }
            JournalEvent::Condemned { cause } => {
                let deadline = rollout.state().map_or(Timestamp::MAX, |state| state.forward_deadline);
                // What became ready too late to stay so for a while was seen to: no look would tell more.
                let waited_for = cause.object.kind != "Release";
                if cause.code == CauseCode::DeadlineExceeded
                    && waited_for
                    && now >= deadline
                    && !self.looks.iter().any(|at| *at >= deadline)
                {
                    self.violated("S10", now, "the deadline was judged without a look taken after it");
                }
                self.old_pods_do_not_condemn(cause.pod.as_deref(), &cause.object, rollout, now);
            }
            JournalEvent::Entered { next } => self.reserve_is_whole(*next, rollout, now),
            _ => {}
        }
    }

    fn action(&mut self, action: &Action, rollout: &Rollout, now: Timestamp) {
        match &action.kind {
            ActionKind::Look { .. } => self.looks.push(now),
            ActionKind::CaptureEvidence { .. } => self.evidence_kept = true,
            ActionKind::DeleteCreated | ActionKind::Restore | ActionKind::DeletePods { .. }
                if !self.evidence_kept =>
            {
                self.violated("S12", now, format!("{:?} before evidence was kept", action.kind));
            }
            _ => {}
        }
        if action.id.0 >= READ_ID_FIRST {
            return;
        }
        if !self.issued.contains(&(action.id, action.attempt)) {
            self.violated(
                "S1",
                now,
                format!("action {} attempt {} without its record", action.id.0, action.attempt),
            );
        }
        self.in_flight.insert(action.id);
        if self.in_flight.len() > 1 {
            self.violated("S2", now, format!("actions {:?} are in flight together", self.in_flight));
        }
        self.changing_actions += 1;
        let plan = rollout.plan();
        let kinds = u64::from(plan.wave_count()) + 12 + 2 * (plan.hooks.len() + plan.undo_hooks.len()) as u64;
        if self.changing_actions > kinds * u64::from(rollout.policy().attempts) * 2 {
            self.violated("S9", now, format!("{} actions", self.changing_actions));
        }
    }

    fn earlier_waves_are_ready(&mut self, wave: u32, rollout: &Rollout, now: Timestamp) {
        if rollout.policy().waiting == Waiting::None {
            return;
        }
        for before in 0..wave {
            for index in rollout.plan().wave(before) {
                let Some(step) = rollout.plan().steps.get(index) else { continue };
                let waits = step.key.kind != "Job" || rollout.policy().waiting == Waiting::All;
                let ready = rollout
                    .view()
                    .assessment(&step.key)
                    .is_some_and(|assessment| assessment.readiness.is_current());
                if waits && !ready {
                    self.violated("S4", now, format!("wave {wave} begins while {} is not ready", step.key));
                }
            }
        }
    }

    fn reserve_is_whole(&mut self, next: Phase, rollout: &Rollout, now: Timestamp) {
        let Some(state) = rollout.state() else { return };
        let slack = self.lost + Duration::from_millis(rollout.policy().evidence_ms + 60_000);
        if next == Phase::RecordingFailure
            && state
                .undo_deadline
                .is_some_and(|end| end.since(now).as_millis() + 1 < u128::from(state.undo_ms))
        {
            self.violated("S13", now, "the way back begins with less than its share of time");
        }
        if matches!(next, Phase::Verifying { .. } | Phase::Applying { .. } | Phase::Baking)
            && now > state.forward_deadline.after(slack)
        {
            self.violated("S13", now, "the way forward goes on in the time of the way back");
        }
    }

    fn old_pods_do_not_condemn(
        &mut self,
        pod: Option<&str>,
        object: &ResourceKey,
        rollout: &Rollout,
        now: Timestamp,
    ) {
        let Some(pod) = pod else { return };
        let key = ResourceKey::new("v1", "Pod", &object.namespace, pod);
        let seen = rollout.view().object(&key).map(|pod| uid(pod).to_owned());
        let was_there =
            self.before.get(&key).is_some_and(|before| seen.is_none_or(|seen| seen == before.uid));
        // An unchanged object's pods are old and may well be what is wrong with it.
        let changed = rollout
            .plan()
            .steps
            .iter()
            .any(|step| step.key == *object && step.change == backstay_plan::Change::Change);
        if was_there && changed {
            self.violated("S14", now, format!("pod {pod} was there before this run and condemns it"));
        }
    }

    /// Notes the end of an action.
    pub(crate) fn ended(&mut self, id: ActionId) {
        self.in_flight.remove(&id);
    }

    /// The host died: nothing of what it had in flight will report.
    pub(crate) fn crashed(&mut self, journal: &[JournalEntry]) {
        self.in_flight.clear();
        self.latest = Timestamp(0);
        let phases: Vec<Phase> = journal
            .iter()
            .filter_map(|entry| match entry.event {
                JournalEvent::Entered { next } => Some(next),
                _ => None,
            })
            .collect();
        // Whatever was entered after it was entered because it was over.
        let captured =
            |pair: &[Phase]| matches!(pair, [Phase::CapturingEvidence | Phase::CapturingUndoEvidence, _]);
        self.evidence_kept = phases.windows(2).any(captured);
        self.issued = journal
            .iter()
            .filter_map(|entry| match &entry.event {
                JournalEvent::Issued { id, attempt, .. } => Some((*id, *attempt)),
                _ => None,
            })
            .collect();
    }

    /// The journal explains the state (S6).
    pub(crate) fn replayed(&mut self, journal: &[JournalEntry], rollout: &Rollout, now: Timestamp) {
        let Some(state) = rollout.state() else { return };
        match replay(journal.iter().cloned()) {
            Ok(replayed) if replayed == *state => {}
            Ok(replayed) => {
                self.violated("S6", now, format!("replay gives {replayed:?}, the machine has {state:?}"))
            }
            Err(error) => self.violated("S6", now, error.to_string()),
        }
    }

    /// After the end: nothing more happens whatever comes (S3, S7), and what was not the run's is as it was (S5, S11).
    pub(crate) fn at_the_end(&mut self, cluster: &Cluster, rollout: &mut Rollout) {
        let now = cluster.now();
        let objects: Vec<_> = cluster.store().all().take(200).map(|(_, object)| object.clone()).collect();
        for object in objects {
            let input = Input::Observed { object: (*object).clone(), deleted: false };
            if rollout.handle(input, now).is_err() {
                self.violated("S7", now, "an observation after the end was refused");
            }
            while let output @ (Output::Act { .. } | Output::Record { .. } | Output::Event { .. }) =
                rollout.poll_output()
            {
                if !matches!(output, Output::Event { .. }) {
                    self.violated("S7", now, format!("{output:?} after the end"));
                }
            }
        }
        self.bystanders_are_untouched(cluster);
    }

    fn bystanders_are_untouched(&mut self, cluster: &Cluster) {
        let before = std::mem::take(&mut self.before);
        for (key, before) in &before {
            let is_managed = matches!(
                key.kind.as_str(),
                "Event"
                    | "EndpointSlice"
                    | "Endpoints"
                    | "Lease"
                    | "Pod"
                    | "ReplicaSet"
                    | "ControllerRevision"
                    | "Node"
                    | "PersistentVolume"
            );
            if is_managed || self.planned.contains(key) {
                continue;
            }
            match cluster.store().get(key) {
                None if before.ours => {}
                None => {
                    self.violated("S5", cluster.now(), format!("{key} is gone and was not the release's"))
                }
                Some(object)
                    if uid(object) != before.uid || generation(object).unwrap_or(0) != before.generation =>
                {
                    self.violated(
                        "S11",
                        cluster.now(),
                        format!("{key} was changed and is not part of the plan"),
                    );
                }
                Some(_) => {}
            }
        }
        self.before = before;
    }

    pub(crate) fn took_too_long(&mut self, now: Timestamp, what: &str) {
        self.violated("L1", now, what);
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
