//! The loop between the machine and the world.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use backstay_core::health::{Cause, CauseCode, Class};
use backstay_core::object::{ResourceKey, Timestamp};
use backstay_core::plan::WatchScope;
use backstay_core::rollout::{
    Action, ActionId, ActionKind, Command, Event, Input, JournalEntry, Outcome, Output, Rollout, Verdict,
};
use tokio::sync::mpsc;

use crate::cluster::Cluster;
use crate::commands::Recorder;
use crate::execute::{Executor, Work, done, failed, work_of};
use crate::records::{RecordFailure, Records};
use crate::reporter::Reporter;
use crate::signals::Signals;
use crate::watch::{Seen, Watches, look};

/// Ids from here on are read-only: nothing needs to be durable before them.
const READ_ONLY_FROM: u32 = 0x8000_0000;
/// How long a record is tried to be made durable while the server is away.
const FLUSH_RETRY: std::time::Duration = std::time::Duration::from_secs(2);
/// How long a process that stops at once tries to write down the last entries.
const LAST_WRITE: std::time::Duration = std::time::Duration::from_millis(1500);
/// For how long, and how often, the record that begins a rollout is tried to be written.
const FIRST_WRITE: std::time::Duration = std::time::Duration::from_secs(20);
const FIRST_RETRY: std::time::Duration = std::time::Duration::from_millis(500);
/// How long a sign of life may take: shorter than others wait for it.
const BEAT_LIMIT: std::time::Duration = std::time::Duration::from_secs(8);
/// How often a waiting rollout gives a sign of life. Others take it for dead after three missing ones.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(10);

/// Drives a rollout to its verdict.
pub(crate) struct Driver {
    pub(crate) cluster: Cluster,
    pub(crate) executor: Rc<Executor>,
    pub(crate) records: Rc<Records>,
    pub(crate) reporter: Box<dyn Reporter>,
    pub(crate) signals: Signals,
    /// When this process has to be gone, finished or not.
    pub(crate) until: Option<Timestamp>,
    /// When each object became ready, for the summary.
    pub(crate) ready_at: BTreeMap<ResourceKey, Timestamp>,
    /// Writes down what is seen, if asked for.
    pub(crate) recorder: Option<Recorder>,
}

/// Where running actions and watches report to.
struct Channels {
    seen: (mpsc::UnboundedSender<Seen>, mpsc::UnboundedReceiver<Seen>),
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
}

struct Ended {
    id: ActionId,
    outcome: Outcome,
    watches: Option<Watches>,
}

impl Driver {
    /// Runs the rollout to its end, or to the second signal.
    pub(crate) async fn run(&mut self, rollout: &mut Rollout) -> anyhow::Result<Verdict> {
        let mut channels = Channels { seen: mpsc::unbounded_channel(), ended: mpsc::unbounded_channel() };
        let mut open_watches: Vec<Watches> = Vec::new();
        let mut unwritten: Vec<JournalEntry> = Vec::new();
        let mut stop_requests = 0_u32;
        let mut killed_at = None;
        let mut last_beat = Instant::now();
        loop {
            let deadline = loop {
                match rollout.poll_output() {
                    Output::Record { entry } => {
                        for note in crate::hook_runs::notes(rollout, &entry) {
                            self.records.note_hook(&note);
                        }
                        unwritten.push(entry);
                    }
                    Output::Act { action } => {
                        if let Some(verdict) = self.make_durable(rollout, &action, &mut unwritten).await? {
                            return Ok(verdict);
                        }
                        self.start(rollout, action, &channels);
                    }
                    Output::Event { event } => self.tell(&event, rollout),
                    Output::Wait { deadline, .. } => break deadline,
                    Output::Finished { verdict } => {
                        self.records.append(&unwritten);
                        return Ok(verdict);
                    }
                }
            };
            self.reporter.waiting(rollout, self.cluster.clock.now());
            let input = tokio::select! {
                biased;
                Some(seen) = channels.seen.1.recv() => self.observed(seen),
                Some(ended) = channels.ended.1.recv() => {
                    // What was seen before the action ended comes before its end.
                    while let Ok(seen) = channels.seen.1.try_recv() {
                        let seen = self.observed(seen);
                        rollout.handle(seen, self.cluster.clock.now())?;
                    }
                    open_watches.extend(ended.watches);
                    Input::Completed { id: ended.id, outcome: ended.outcome }
                }
                () = self.signals.next() => {
                    stop_requests += 1;
                    if stop_requests > 1 {
                        return self.leave(&unwritten, "stopped by a second signal").await;
                    }
                    self.reporter.note("stopping: going back to what worked; once more stops at once and leaves it resumable");
                    killed_at = self.signals.grace.map(|grace| tokio::time::Instant::now() + grace);
                    Input::Command { command: Command::Abort }
                }
                () = sleep_real(killed_at) => {
                    return self.leave(&unwritten, "the grace after the signal is over (BACKSTAY_GRACE)").await;
                }
                () = sleep_until(&self.cluster, self.until) => {
                    return self.leave(&unwritten, "the time of --deadline is over").await;
                }
                () = sleep_until(&self.cluster, deadline) => Input::Timeout,
                () = refresh(self.reporter.refresh_every()) => continue,
                () = heartbeat_due(&self.cluster, last_beat, rollout) => {
                    last_beat = Instant::now();
                    match tokio::time::timeout(BEAT_LIMIT, self.records.heartbeat()).await {
                        Ok(Err(RecordFailure::Fenced(_))) => return Ok(Verdict::Interrupted { cause: self.fenced() }),
                        // The server is away for a moment; the next beat or record tells.
                        Err(_) | Ok(_) => continue,
                    }
                }
            };
            rollout.handle(input, self.cluster.clock.now())?;
        }
    }

    /// What was seen, without what must not be told, for the machine and for the recording.
    fn observed(&mut self, mut seen: Seen) -> Input {
        let now = self.cluster.clock.now();
        self.executor.secrets.clean_observed(&mut seen.object);
        let secrets = &self.executor.secrets;
        let problem = self.recorder.as_mut().and_then(|recorder| {
            let mut told = seen.object.clone();
            secrets.clean_value(&mut told);
            recorder.take(&told, seen.deleted, now).err()
        });
        if let Some(problem) = problem {
            // A full disk must not fail a rollout.
            self.reporter.note(&format!("the recording ends here: {problem:#}"));
            self.recorder = None;
        }
        Input::Observed { object: seen.object, deleted: seen.deleted }
    }

    /// Writes records down before an action that depends on them. Reading actions depend on nothing; an action that
    /// writes a record takes the entries along.
    async fn make_durable(
        &mut self,
        rollout: &Rollout,
        action: &Action,
        unwritten: &mut Vec<JournalEntry>,
    ) -> anyhow::Result<Option<Verdict>> {
        if action.id.0 >= READ_ONLY_FROM {
            return Ok(None);
        }
        // Also what is only issued again waits for a write: it tells a process that lost the release.
        let entries = std::mem::take(unwritten);
        let is_first = entries.first().is_some_and(|entry| entry.seq == 0);
        if !is_first && matches!(action.kind, ActionKind::SaveRecord { .. }) {
            self.records.append(&entries);
            return Ok(self.overtaken().await);
        }
        let began = Instant::now();
        let mut written =
            if is_first { self.records.begin(&entries).await } else { self.records.flush(&entries).await };
        loop {
            match written {
                Ok(()) if is_first => return Ok(None),
                Ok(()) => return Ok(self.overtaken().await),
                Err(RecordFailure::Held(holder)) => return Ok(Some(Verdict::Held { holder })),
                Err(RecordFailure::Fenced(_)) => {
                    return Ok(Some(Verdict::Interrupted { cause: self.fenced() }));
                }
                // Nothing has happened yet: after a blip it is tried again; after more, or without a right, say so and leave.
                Err(RecordFailure::Other(error))
                    if is_first && (began.elapsed() > FIRST_WRITE || !may_pass(&error)) =>
                {
                    return Err(error.context("nothing was changed"));
                }
                Err(RecordFailure::Other(_)) if is_first => {
                    self.cluster.clock.sleep(FIRST_RETRY).await;
                    written = self.records.begin(&[]).await;
                }
                Err(RecordFailure::Other(error)) => {
                    self.reporter.note(&format!("cannot write the journal, trying again: {error:#}"));
                    tokio::select! {
                        () = self.cluster.clock.sleep(FLUSH_RETRY) => {}
                        () = self.signals.next() => return Ok(Some(Verdict::Interrupted { cause: self.stopped("stopped by a signal") })),
                    }
                    if rollout.state().is_some_and(|state| {
                        self.cluster.clock.now()
                            > state.forward_deadline.after(std::time::Duration::from_millis(state.undo_ms))
                    }) {
                        return Ok(Some(Verdict::Interrupted { cause: self.unreachable(&error) }));
                    }
                    written = self.records.flush(&[]).await;
                }
            }
        }
    }

    fn tell(&mut self, event: &Event, rollout: &Rollout) {
        let now = self.cluster.clock.now();
        if let Event::Readiness { key, readiness, .. } = event {
            if readiness.is_current() {
                self.ready_at.entry(key.clone()).or_insert(now);
            } else {
                self.ready_at.remove(key);
            }
        }
        self.reporter.event(event, rollout, now);
    }

    fn start(&self, rollout: &Rollout, action: Action, channels: &Channels) {
        let (ended, seen) = (channels.ended.0.clone(), channels.seen.0.clone());
        let (cluster, executor) = (self.cluster.clone(), Rc::clone(&self.executor));
        let scopes = rollout.plan().watch_scopes(&rollout.policy().health);
        let work = work_of(rollout, &action, executor.manner);
        tokio::task::spawn_local(async move {
            let (outcome, watches) = perform(&cluster, &executor, &action, work, &scopes, &seen).await;
            // The receiver is gone when the rollout has ended; then nobody waits for this.
            let _ended = ended.send(Ended { id: action.id, outcome, watches });
        });
    }

    /// Stops before the end; what is decided is written down, so that another process can go on.
    async fn leave(&self, unwritten: &[JournalEntry], why: &str) -> anyhow::Result<Verdict> {
        // Without the last entries the journal is a little older and just as good.
        let _written = tokio::time::timeout(LAST_WRITE, self.records.flush(unwritten)).await;
        Ok(Verdict::Interrupted { cause: self.stopped(why) })
    }

    /// Leaves the release to the program that made a newer revision meanwhile: Helm takes no Lease. No answer tells nothing.
    async fn overtaken(&self) -> Option<Verdict> {
        let by = self.records.overtaken().await.ok().flatten()?;
        self.records.give_up(&by).await;
        let message = format!("{by}; this run stopped and left the release to it");
        Some(Verdict::Interrupted { cause: self.cause(CauseCode::Conflict, message) })
    }

    fn stopped(&self, why: &str) -> Cause {
        self.cause(CauseCode::Aborted, why.to_owned())
    }

    fn fenced(&self) -> Cause {
        self.cause(CauseCode::Conflict, "another process took this rollout over".to_owned())
    }

    fn unreachable(&self, error: &anyhow::Error) -> Cause {
        self.cause(CauseCode::ApiUnreachable, format!("the journal could not be written: {error:#}"))
    }

    fn cause(&self, code: CauseCode, message: String) -> Cause {
        let object =
            ResourceKey::new("backstay.dev/v1", "Release", &self.executor.namespace, &self.executor.release);
        let hint = code.hint().to_owned();
        Cause {
            code,
            class: Class::FatalNow,
            object,
            pod: None,
            container: None,
            message,
            hint,
            first_seen: self.cluster.clock.now(),
        }
    }
}

/// Whether a failed write may succeed when it is tried again.
fn may_pass(error: &anyhow::Error) -> bool {
    error.chain().find_map(|cause| cause.downcast_ref::<kube::Error>()).is_some_and(|error| match error {
        kube::Error::Api(status) => matches!(status.code, 401 | 429 | 500 | 502..=504),
        error => crate::exit::is_unreachable(error),
    })
}

async fn perform(
    cluster: &Cluster,
    executor: &Executor,
    action: &Action,
    work: Option<Work>,
    scopes: &[WatchScope],
    seen: &mpsc::UnboundedSender<Seen>,
) -> (Outcome, Option<Watches>) {
    let key = ResourceKey::new("backstay.dev/v1", "Release", &executor.namespace, &executor.release);
    let fail = |error: &anyhow::Error| failed(&key, error, cluster.clock.now());
    match (&action.kind, work) {
        (_, Some(work)) => (executor.execute(action, work).await, None),
        (ActionKind::Observe { scopes }, None) => match Watches::open(cluster, scopes, seen).await {
            Ok(watches) => (done(), Some(watches)),
            Err(error) => (fail(&error), None),
        },
        (_, None) => match look(cluster, scopes, seen).await {
            Ok(()) => (done(), None),
            Err(error) => (fail(&error), None),
        },
    }
}

/// Completes when it is time for a sign of life. A sandbox has one process at a time and needs none.
async fn heartbeat_due(cluster: &Cluster, last: Instant, rollout: &Rollout) {
    let is_waiting = rollout.state().is_some_and(|state| state.in_flight.is_empty());
    if cluster.sandbox.is_some() || !is_waiting {
        return std::future::pending().await;
    }
    tokio::time::sleep(HEARTBEAT.saturating_sub(last.elapsed())).await;
}

/// Completes when the reporter wants to draw again.
async fn refresh(every: Option<std::time::Duration>) {
    match every {
        Some(every) => tokio::time::sleep(every).await,
        None => std::future::pending().await,
    }
}

async fn sleep_real(until: Option<tokio::time::Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(cluster: &Cluster, deadline: Option<Timestamp>) {
    match deadline.filter(|deadline| *deadline != Timestamp::MAX) {
        Some(deadline) => cluster.clock.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
