//! The small world that `explore.rs` explores: a machine, what is durable, two objects and a hook, and what may go wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cluster;
mod key;

use std::collections::BTreeMap;
use std::sync::Arc;

use backstay_health::{Cause, CauseCode, Class};
use backstay_object::{ResourceKey, Timestamp};
use backstay_plan::{Plan, UndoWork};
use backstay_rollout::{
    Action, ActionKind, Applied, Command, FailureKind, HookStage, Input, JournalEntry, Outcome, Output,
    RecordChange, Rollout, State, Verdict, replay,
};
use serde_json::{Value, json};

use crate::common::{config, deployment, hook, policy, start, upgrade};

const READ_ONLY_FROM: u32 = 0x8000_0000;

/// What may still go wrong, each once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) crash: bool,
    pub(crate) lost_reply: bool,
    pub(crate) abort: bool,
    pub(crate) rival: bool,
    /// Who lost the release does what it does at once. It can change nothing any more, so that nobody notices when.
    pub(crate) prompt_loser: bool,
    /// Watches tell of a change at any later time instead of at once. Not used up.
    pub(crate) late: bool,
}

/// A request on its way, with the steps it means.
#[derive(Clone, Debug)]
struct Request {
    action: Action,
    /// Indexes of the plan's steps.
    steps: Vec<usize>,
    /// Whether the API has done it; its reply is on the way then.
    reply: Option<Outcome>,
}

/// A journal with what its replay gives, which is kept along: it determines what the next process does.
#[derive(Clone, Debug, Default)]
struct Journal {
    entries: Arc<Vec<JournalEntry>>,
    replayed: Option<Arc<State>>,
}

impl Journal {
    fn push(&mut self, entry: JournalEntry) {
        match &mut self.replayed {
            None => self.replayed = Some(Arc::new(State::begin(&entry).unwrap())),
            Some(state) => Arc::make_mut(state).apply(&entry).unwrap(),
        }
        Arc::make_mut(&mut self.entries).push(entry);
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A process that drives the rollout.
#[derive(Clone, Debug)]
struct Host {
    machine: Rollout,
    /// All it has decided, durable or not yet.
    journal: Journal,
    request: Option<Request>,
    /// When the machine wants to be woken.
    wake_at: Option<Timestamp>,
    /// Something changed that it was not told.
    unseen: bool,
    stopped: bool,
}

/// Takes one thing that can happen.
type Add<'a> = &'a mut dyn FnMut(&dyn Fn(&mut World));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Running,
    Complete,
    Failed,
}

/// The hook's Job: which action made it, and how far it is.
type Hook = Option<(u32, Job)>;

/// Everything there is.
#[derive(Clone)]
pub(crate) struct World {
    plan: Arc<Plan>,
    now: Timestamp,
    /// The last of them holds the release; earlier ones lost it.
    hosts: Vec<Host>,
    journal: Journal,
    records: BTreeMap<u32, &'static str>,
    /// Revision of the ConfigMap's content.
    conf: u32,
    /// The new Deployment: its uid, and whether it is ready.
    web: Option<(u32, bool)>,
    webs_made: u32,
    hook: Hook,
    troubles: Troubles,
    wrong: Option<String>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The plan is the same everywhere.
        let cluster = (&self.records, self.conf, self.web, self.webs_made, self.hook);
        (self.now, &self.hosts, &self.journal, cluster, self.troubles, &self.wrong).fmt(formatter)
    }
}

impl Host {
    fn new(machine: Rollout, journal: Journal) -> Self {
        Self { machine, journal, request: None, wake_at: None, unseen: true, stopped: false }
    }
}

impl World {
    pub(crate) fn new(troubles: Troubles) -> Self {
        let conf = |text: &str| config("conf", text);
        let migrate = hook("migrate", "pre-upgrade", "exit 0");
        let web = deployment("web", "registry.example/web:v1", 1);
        let plan = upgrade(vec![conf("one")], vec![conf("two"), web], vec![migrate]);
        let mut world = Self {
            plan: Arc::new(plan),
            now: start(),
            hosts: Vec::new(),
            journal: Journal::default(),
            records: BTreeMap::from([(1, "deployed")]),
            conf: 1,
            web: None,
            webs_made: 0,
            hook: None,
            troubles,
            wrong: None,
        };
        world.begin();
        world
    }

    /// A process begins: from nothing, or where the journal ends.
    fn begin(&mut self) {
        let machine = if self.journal.is_empty() {
            Rollout::new((*self.plan).clone(), policy(), self.now)
        } else {
            Rollout::resume((*self.plan).clone(), policy(), self.journal.entries.to_vec(), self.now).unwrap()
        };
        self.hosts.push(Host::new(machine, self.journal.clone()));
        self.poll(self.hosts.len() - 1);
    }

    /// How the process that holds the release ended.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let host = self.hosts.last()?;
        let mut machine = host.machine.clone();
        match machine.poll_output() {
            Output::Finished { verdict } if host.stopped => Some(verdict),
            _ => None,
        }
    }

    fn holds(&self, host: usize) -> bool {
        host + 1 == self.hosts.len()
    }

    fn fail(&mut self, what: impl Into<String>) {
        self.wrong.get_or_insert(what.into());
    }

    /// Everything that can happen next, each in a copy.
    pub(crate) fn successors(&self) -> Vec<Self> {
        let mut next = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            next.push(world);
        };
        let live: Vec<usize> = (0..self.hosts.len()).filter(|host| !self.hosts[*host].stopped).collect();
        for &host in &live {
            let alone = self.troubles.prompt_loser && !self.holds(host);
            match &self.hosts[host].request {
                Some(Request { reply: None, .. }) => {
                    add(&|world| world.perform(host));
                    if self.troubles.lost_reply && !alone {
                        add(&|world| world.lose(host, true));
                        add(&|world| world.lose(host, false));
                    }
                }
                Some(Request { reply: Some(_), .. }) => add(&|world| world.deliver(host)),
                None => {}
            }
            if self.hosts[host].unseen {
                add(&|world| world.tell(host));
            }
            if alone && (self.hosts[host].request.is_some() || self.hosts[host].unseen) {
                return next;
            }
        }
        if live.is_empty() {
            return next;
        }
        self.surroundings(&mut add);
        self.interventions(&live, &mut add);
        let quiet = |host: &usize| self.hosts[*host].request.is_none() && !self.hosts[*host].unseen;
        if live.iter().all(quiet) {
            let wakes = live.iter().filter_map(|host| Some((self.hosts[*host].wake_at?, *host)));
            if let Some((at, host)) = wakes.min().filter(|(at, _)| *at != Timestamp::MAX) {
                add(&|world| {
                    world.now = world.now.max(at);
                    world.hand(host, Input::Timeout);
                });
            }
        }
        next
    }

    /// What controllers and kubelets do by themselves.
    fn surroundings(&self, add: Add<'_>) {
        if let Some((mark, Job::Running)) = self.hook {
            for end in [Job::Complete, Job::Failed] {
                add(&|world| world.change(|world| world.hook = Some((mark, end))));
            }
        }
        if let Some((uid, false)) = self.web {
            add(&|world| world.change(|world| world.web = Some((uid, true))));
        }
    }

    /// Signals, crashes, rivals.
    fn interventions(&self, live: &[usize], add: Add<'_>) {
        let holder = self.hosts.len() - 1;
        if !live.contains(&holder) {
            return;
        }
        if self.troubles.abort {
            add(&|world| {
                world.troubles.abort = false;
                world.hand(holder, Input::Command { command: Command::Abort });
            });
        }
        let on_its_way = self.hosts[holder].request.as_ref().is_some_and(|request| request.reply.is_none());
        // A request on its way arrives before the next process begins, or never does.
        for arrives in [true, false] {
            if arrives && !on_its_way {
                continue;
            }
            if self.troubles.crash {
                add(&|world| {
                    world.troubles.crash = false;
                    if arrives {
                        world.perform(holder);
                    }
                    world.hosts[holder].stopped = true;
                    world.hosts[holder].request = None;
                    world.hosts.retain(|host| !host.stopped);
                    world.begin();
                });
            }
            if self.troubles.rival && !self.journal.is_empty() {
                add(&|world| {
                    world.troubles.rival = false;
                    if arrives {
                        world.perform(holder);
                    } else if on_its_way {
                        world.reply(holder, lost(world.now));
                    }
                    // It takes the release over to go back.
                    world.begin();
                    world.hand(holder + 1, Input::Command { command: Command::Abort });
                });
            }
        }
    }

    fn change(&mut self, how: impl Fn(&mut Self)) {
        how(self);
        for host in 0..self.hosts.len() {
            self.hosts[host].unseen = true;
            if !self.troubles.late && !self.hosts[host].stopped {
                self.tell(host);
            }
        }
    }

    fn hand(&mut self, host: usize, input: Input) {
        self.hosts[host].machine.handle(input, self.now).unwrap();
        self.poll(host);
    }

    /// Polls a host until it waits or is over. What it decides becomes durable before it is acted upon.
    fn poll(&mut self, at: usize) {
        loop {
            let holds = self.holds(at);
            let host = &mut self.hosts[at];
            match host.machine.poll_output() {
                Output::Record { entry } => host.journal.push(entry),
                Output::Event { .. } => {}
                Output::Act { action } => {
                    let reads = action.id.0 >= READ_ONLY_FROM;
                    if !reads && !holds {
                        // Its write is refused: another one holds the release.
                        host.stopped = true;
                        return;
                    }
                    let steps = host.machine.steps_of(&action.kind);
                    let first = host.request.replace(Request { action: action.clone(), steps, reply: None });
                    let journal = host.journal.clone();
                    if first.is_some() {
                        self.fail(format!("S2: {action:?} beside another"));
                    }
                    // A change of the record takes the entries along when it is done.
                    if !reads && !matches!(action.kind, ActionKind::SaveRecord { .. }) {
                        self.journal = journal;
                    }
                }
                Output::Wait { deadline, .. } => {
                    host.wake_at = deadline;
                    return;
                }
                Output::Finished { .. } => {
                    host.stopped = true;
                    if holds && !host.journal.is_empty() {
                        self.journal = host.journal.clone();
                    }
                    return;
                }
            }
        }
    }

    fn deliver(&mut self, host: usize) {
        let Some(Request { action, reply: Some(outcome), .. }) = self.hosts[host].request.take() else {
            return;
        };
        self.hand(host, Input::Completed { id: action.id, outcome });
    }

    fn reply(&mut self, host: usize, outcome: Outcome) {
        if let Some(request) = &mut self.hosts[host].request {
            request.reply = Some(outcome);
        }
    }

    /// The reply is lost, and the request with it unless it arrived.
    fn lose(&mut self, host: usize, arrived: bool) {
        self.troubles.lost_reply = false;
        if arrived {
            self.perform(host);
        }
        self.reply(host, lost(self.now));
    }

    /// Shows a host everything there is.
    fn tell(&mut self, host: usize) {
        self.hosts[host].unseen = false;
        for (object, deleted) in self.objects() {
            self.hosts[host].machine.handle(Input::Observed { object, deleted }, self.now).unwrap();
        }
        self.poll(host);
    }

    /// Panics when something that must never be so is so.
    pub(crate) fn check(&self) {
        if let Some(wrong) = &self.wrong {
            panic!("{wrong}\n{self:#?}");
        }
        for host in self.hosts.iter().filter(|host| !host.stopped) {
            let replayed = host.journal.replayed.as_deref();
            assert_eq!(replayed, host.machine.state(), "S6: the journal does not rebuild the state");
        }
    }

    /// Panics when the cluster is not what the verdict says.
    pub(crate) fn check_end(&self, verdict: &Verdict) {
        let web_is_ready = self.web.map(|(_, ready)| ready);
        let status = |revision: u32| self.records.get(&revision).copied();
        let cluster = (self.conf, web_is_ready, status(2), status(3));
        let right = match verdict {
            Verdict::Deployed => cluster == (2, Some(true), Some("deployed"), None),
            Verdict::RolledBack { recorded_as: Some(3), .. } => {
                cluster == (1, None, Some("failed"), Some("deployed"))
            }
            Verdict::RolledBack { recorded_as: None, .. } => cluster == (1, None, Some("failed"), None),
            Verdict::Refused { .. } => cluster == (1, None, None, None) && self.journal.is_empty(),
            _ => false,
        };
        assert!(
            !matches!(self.hook, Some((_, Job::Running))),
            "{verdict:?}, but the hook still runs\n{self:#?}"
        );
        assert!(right, "{verdict:?}, but the cluster has {cluster:?}\n{self:#?}");
        if !self.journal.is_empty() {
            let kept = replay(self.journal.entries.to_vec()).unwrap().verdict;
            assert_eq!(kept.as_ref(), Some(verdict), "S8: the journal ends differently");
        }
    }
}

fn lost(now: Timestamp) -> Outcome {
    let cause = Cause {
        code: CauseCode::ApiUnreachable,
        class: Class::Recoverable,
        object: ResourceKey::new("backstay.dev/v1", "Release", "default", "shop"),
        pod: None,
        container: None,
        message: "connection reset".into(),
        hint: String::new(),
        first_seen: now,
    };
    Outcome::Failed { failure: FailureKind::Unknown, causes: vec![cause], applied: vec![] }
}
