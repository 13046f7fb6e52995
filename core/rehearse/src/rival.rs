//! Two hosts: one sleeps, another takes the release over, and the sleeper wakes up believing that nothing has happened.
//!
//! What the native host does with a Lease is a number here: each host that takes the release over raises it, and a host may
//! write only while the number is its own. A request on its way when the Lease runs out has arrived by then or never will.

use std::time::Duration;

use backstay_object::Timestamp;
use backstay_rollout::{ActionKind, Command, FailureKind, Input, Outcome, Output, ResumeError, Rollout};

use crate::client::Watch;
use crate::execute::Running;
use crate::host::{READ_ID_FIRST, Rehearsal};
use crate::trouble::{Rival, Sleep};

/// For how long a silent host is believed to live (`DURATION_SECONDS` of the native host's Lease).
const LEASE: Duration = Duration::from_secs(30);
/// More outputs than a host can give that is refused its first write.
const OUTPUTS_MOST: u32 = 200;
/// How often a woken host is let believe that time passes, before its next sign of life would tell it the truth.
const PATIENCE: u32 = 6;

/// A host that has lost the release and does not know it.
#[derive(Debug)]
pub(crate) struct Sleeper {
    pub(crate) rollout: Rollout,
    /// The number it holds the release by.
    pub(crate) generation: u64,
    pub(crate) wakes_at: Timestamp,
}

impl Rehearsal {
    /// Whether a host may write: it holds the release.
    pub(crate) fn holds(&self, generation: u64) -> bool {
        generation == self.generation
    }

    /// The host stands still. What is on its way arrives; nobody hears the reply.
    pub(crate) fn sleep(&mut self, sleep: Sleep) -> Result<(), ResumeError> {
        let began = self.cluster.now();
        self.checker.loses(Duration::from_millis(sleep.ms));
        let wakes_at = began.after(Duration::from_millis(sleep.ms));
        let Some(rival) = sleep.rival.filter(|_| self.sleeper.is_none()) else {
            self.cluster.advance_to(wakes_at);
            return Ok(());
        };
        let generation = self.generation;
        self.requests_arrive_or_not();
        let takes_over = began.after(LEASE + Duration::from_millis(self.chances.below(8_000)));
        self.cluster.advance_to(takes_over);
        // Nothing that was only in the sleeper's memory is known to the next one.
        self.journal.truncate(self.durable);
        let rollout = self.begin_anew()?;
        self.sleeper = Some(Sleeper { rollout, generation, wakes_at: wakes_at.max(takes_over) });
        self.generation += 1;
        if rival == Rival::GoesBack {
            self.tell(Input::Command { command: Command::Abort });
        }
        Ok(())
    }

    /// The sleeper wakes up when its time has come, or at the latest when everything is over.
    pub(crate) fn wake_sleeper(&mut self, at_the_end: bool) {
        let now = self.cluster.now();
        let Some(mut sleeper) = self.sleeper.take_if(|sleeper| at_the_end || sleeper.wakes_at <= now) else {
            return;
        };
        let mut time = self.now();
        let mut patience = PATIENCE;
        self.show_all(&mut sleeper.rollout, time);
        for _ in 0..OUTPUTS_MOST {
            let input = match sleeper.rollout.poll_output() {
                Output::Act { action } if action.id.0 >= READ_ID_FIRST => {
                    if matches!(action.kind, ActionKind::Look { .. } | ActionKind::Observe { .. }) {
                        self.show_all(&mut sleeper.rollout, time);
                    }
                    let outcome = Outcome::Succeeded { applied: Vec::new() };
                    Input::Completed { id: action.id, outcome }
                }
                Output::Act { action } => {
                    if !self.holds(sleeper.generation) {
                        return;
                    }
                    self.checker.intruded(&action, time);
                    let mut running = Running::new(action, now);
                    let _ = running.step(&mut self.cluster, &sleeper.rollout, time);
                    return;
                }
                Output::Record { .. } | Output::Event { .. } => continue,
                Output::Finished { .. } => return,
                Output::Wait { .. } if patience == 0 => return,
                Output::Wait { deadline, .. } => {
                    patience -= 1;
                    self.next_of_sleeper(&sleeper.rollout, deadline, &mut time)
                }
            };
            if sleeper.rollout.handle(input, time).is_err() {
                return;
            }
        }
    }

    /// What a woken host hears first: that the replies it waited for never came, then that time passes.
    fn next_of_sleeper(&self, rollout: &Rollout, deadline: Option<Timestamp>, time: &mut Timestamp) -> Input {
        let waited_for = rollout.state().and_then(|state| state.in_flight.keys().next().copied());
        if let Some(id) = waited_for {
            return Input::Completed { id, outcome: self.trouble_outcome(FailureKind::Unknown) };
        }
        let soon = time.after(Duration::from_secs(60));
        *time = deadline.map_or(soon, |deadline| deadline.min(soon)).max(*time);
        Input::Timeout
    }

    fn show_all(&mut self, rollout: &mut Rollout, time: Timestamp) {
        for scope in self.plan().watch_scopes(&rollout.policy().health) {
            for (object, deleted) in Watch::new(scope).list(&mut self.cluster) {
                // A machine that refuses what it sees goes no further: that is all that matters here.
                let _ = rollout.handle(Input::Observed { object, deleted }, time);
            }
        }
    }
}
