//! Running a group: whoever has what it needs begins, as many at once as allowed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backstay_core::health::CauseCode;
use backstay_core::rollout::Verdict;
use clap::Parser as _;
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use serde_json::Value;

use super::board::Member;
use super::file::{Entry, Group, OnFailure};
use super::{gravity, refuse};
use crate::args::{Arguments, CommandLine, DeployArgs, GlobalArgs, OutputFormat};
use crate::cluster::Cluster;
use crate::commands::deploy_one;
use crate::exit::{Exit, Stop, exit_of};
use crate::reporter::Summary;

/// How it is with a release of the group.
pub(super) enum State {
    /// Not begun.
    Waiting,
    Running,
    Ended(End),
}

/// How a release ended.
pub(super) struct End {
    pub(super) exit: Exit,
    /// Of its rollout, if one began.
    pub(super) summary: Option<Summary>,
    /// Why there was none, or what happened to it afterwards.
    pub(super) words: String,
    pub(super) took: Duration,
    /// What going back afterwards came to.
    pub(super) back: Option<Exit>,
    /// Whether it was left out.
    pub(super) skipped: bool,
}

impl End {
    pub(super) fn left_out(words: String) -> Self {
        Self { exit: Exit::Success, summary: None, words, took: Duration::ZERO, back: None, skipped: true }
    }

    fn is_deployed(&self) -> bool {
        self.exit == Exit::Success && !self.skipped
    }
}

/// Where a connection leads; releases with the same share it.
type Place = (Option<String>, Option<PathBuf>, Option<PathBuf>);

/// A group on its way.
pub(super) struct Run<'a> {
    pub(super) group: &'a Group,
    pub(super) globals: Vec<GlobalArgs>,
    arguments: Vec<Option<DeployArgs>>,
    pub(super) clusters: BTreeMap<Place, Result<Cluster, (Exit, String)>>,
    pub(super) states: Vec<State>,
    pub(super) silent: bool,
}

impl<'a> Run<'a> {
    /// Makes a command line of every entry: what is wrong with one is found before any begins.
    pub(super) fn new(global: &GlobalArgs, group: &'a Group, given: &DeployArgs) -> anyhow::Result<Self> {
        refuse(given)?;
        let silent = given.apply.output != OutputFormat::Table;
        let (mut globals, mut arguments) = (Vec::new(), Vec::new());
        for entry in &group.entries {
            let words = words(group, entry, given);
            let parsed = Arguments::try_parse_from(words)
                .map_err(|error| Stop::with(Exit::Usage, format!("{}: {error}", entry.id)))?;
            let CommandLine::Deploy(mut deploy) = parsed.command else { continue };
            // One message for all of them, at the end.
            deploy.apply.tell.silence();
            deploy.apply.dry_run = given.apply.dry_run;
            deploy.apply.policy = deploy.apply.policy.take().or_else(|| given.apply.policy.clone());
            arguments.push(Some(*deploy));
            globals.push(global_of(global, group, entry, silent));
        }
        let states = arguments.iter().map(|_| State::Waiting).collect();
        Ok(Self { group, globals, arguments, clusters: BTreeMap::new(), states, silent })
    }

    /// Deploys until all are done or a failure says stop.
    pub(super) async fn forward(&mut self) {
        let mut running: FuturesUnordered<LocalBoxFuture<'static, (usize, End)>> = FuturesUnordered::new();
        let mut stopped: Option<String> = None;
        loop {
            while stopped.is_none() && running.len() < self.group.concurrency {
                let Some(index) = self.next_ready() else { break };
                match self.begin(index).await {
                    Ok(future) => running.push(future),
                    Err(end) => self.end(index, *end, &mut stopped),
                }
            }
            let Some((index, end)) = running.next().await else { break };
            self.end(index, end, &mut stopped);
        }
        for index in 0..self.states.len() {
            if matches!(self.states.get(index), Some(State::Waiting)) {
                let why = self.failed_need(index).map(|need| format!("it needs {need}"));
                let words = why.or_else(|| stopped.clone()).unwrap_or_default();
                self.set(index, State::Ended(End::left_out(words)));
            }
        }
    }

    fn end(&mut self, index: usize, end: End, stopped: &mut Option<String>) {
        let id = self.id(index);
        if end.exit != Exit::Success {
            let aborted = end.summary.as_ref().and_then(Summary::cause);
            let by_a_person = aborted.is_some_and(|cause| cause.code == CauseCode::Aborted);
            if self.group.on_failure != OnFailure::Continue || by_a_person {
                stopped.get_or_insert_with(|| format!("{id} failed"));
            }
            if !end.words.is_empty() && !self.silent {
                anstream::eprintln!("{id}: {}", end.words);
            }
        }
        self.set(index, State::Ended(end));
    }

    /// The first that has not begun and whose needs are deployed.
    fn next_ready(&self) -> Option<usize> {
        let ready = |entry: &Entry| {
            entry.needs.iter().all(|need| {
                let at = self.group.entries.iter().position(|other| other.id == *need);
                matches!(at.and_then(|at| self.states.get(at)), Some(State::Ended(end)) if end.is_deployed())
            })
        };
        let mut entries = self.group.entries.iter().zip(&self.states);
        entries.position(|(entry, state)| matches!(state, State::Waiting) && ready(entry))
    }

    /// A need that did not come to a good end.
    fn failed_need(&self, index: usize) -> Option<String> {
        let entry = self.group.entries.get(index)?;
        let failed = |need: &&String| {
            let at = self.group.entries.iter().position(|other| other.id == **need);
            matches!(at.and_then(|at| self.states.get(at)), Some(State::Ended(end)) if !end.is_deployed())
        };
        entry.needs.iter().find(failed).cloned()
    }

    async fn begin(&mut self, index: usize) -> Result<LocalBoxFuture<'static, (usize, End)>, Box<End>> {
        let began = Instant::now();
        let failed = |exit, words| {
            let took = began.elapsed();
            Box::new(End { exit, summary: None, words, took, back: None, skipped: false })
        };
        let (Some(global), Some(arguments)) =
            (self.globals.get(index).cloned(), self.arguments.get_mut(index).and_then(Option::take))
        else {
            return Err(failed(Exit::Failed, "it was begun already".to_owned()));
        };
        let cluster = self.cluster(&global).await.map_err(|(exit, words)| failed(exit, words))?;
        self.set(index, State::Running);
        Ok(Box::pin(async move {
            let result = deploy_one(&cluster, &global, arguments).await;
            let summary = global.member.as_ref().and_then(Member::take);
            let (exit, words) = match (&result, &summary) {
                (Err(error), _) => (exit_of(error), format!("{error:#}")),
                (Ok(_), Some(summary)) => (Exit::from(&summary.verdict), String::new()),
                (Ok(_), None) => (Exit::Success, "only looked at".to_owned()),
            };
            (index, End { exit, summary, words, took: began.elapsed(), back: None, skipped: false })
        }))
    }

    /// The cluster of a release, with its namespace; connected once, what it said about its kinds kept.
    pub(super) async fn cluster(&mut self, global: &GlobalArgs) -> Result<Cluster, (Exit, String)> {
        let sandbox = global.sandbox.as_ref().map(|path| path.clone().unwrap_or_default());
        let place = (global.kube_context.clone(), global.kubeconfig.clone(), sandbox);
        if !self.clusters.contains_key(&place) {
            let connected = Cluster::connect(global).await;
            let kept = connected.map_err(|error| (exit_of(&error), format!("{error:#}")));
            self.clusters.insert(place.clone(), kept);
        }
        let found = self.clusters.get(&place).cloned();
        let mut cluster = found.unwrap_or_else(|| Err((Exit::Unreachable, "not connected".to_owned())))?;
        if let Some(namespace) = &global.namespace {
            cluster.namespace.clone_from(namespace);
        }
        Ok(cluster)
    }

    pub(super) fn set(&mut self, index: usize, state: State) {
        if let Some(place) = self.states.get_mut(index) {
            *place = state;
        }
    }

    pub(super) fn id(&self, index: usize) -> String {
        self.group.entries.get(index).map(|entry| entry.id.clone()).unwrap_or_default()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.ended().iter().any(|end| end.exit != Exit::Success)
    }

    /// The ends, in the order of the group.
    pub(super) fn ended(&self) -> Vec<&End> {
        let ended = self.states.iter().filter_map(|state| match state {
            State::Ended(end) => Some(end),
            State::Waiting | State::Running => None,
        });
        ended.collect()
    }

    /// The worst of all ends. What was left out because of another counts as that other.
    pub(super) fn exit(&self) -> Exit {
        let exits = self.ended().into_iter().flat_map(|end| [Some(end.exit), end.back]);
        exits.flatten().max_by_key(|exit| gravity(*exit)).unwrap_or(Exit::Success)
    }

    /// Writes the sandboxes.
    pub(super) fn save(&self) -> anyhow::Result<()> {
        let clusters = self.clusters.values().flatten();
        clusters.filter_map(|cluster| cluster.sandbox.as_ref()).try_for_each(|sandbox| sandbox.save())
    }
}

/// Whether the rollout of a release brought something that can go back.
pub(super) fn deployed(state: &State) -> Option<&Summary> {
    match state {
        State::Ended(end) => end.summary.as_ref().filter(|summary| summary.verdict == Verdict::Deployed),
        State::Waiting | State::Running => None,
    }
}

fn global_of(global: &GlobalArgs, group: &Group, entry: &Entry, silent: bool) -> GlobalArgs {
    let mut global = global.clone();
    let here = |path: &Path| group.folder.join(path);
    global.namespace = entry.namespace.clone().or(global.namespace);
    global.kube_context = entry.context.clone().or(global.kube_context);
    global.kubeconfig = entry.kubeconfig.as_deref().map(here).or(global.kubeconfig);
    global.sandbox = entry.sandbox.as_deref().map(|path| Some(here(path))).or(global.sandbox);
    global.member = Some(Member::new(&entry.id, silent));
    global
}

/// The command line of one release.
fn words(group: &Group, entry: &Entry, given: &DeployArgs) -> Vec<String> {
    let here = |path: &str| group.folder.join(path).display().to_string();
    let chart =
        if group.folder.join(&entry.chart).exists() { here(&entry.chart) } else { entry.chart.clone() };
    let mut words: Vec<String> =
        ["backstay", "deploy", &entry.name, &chart, "--hide-notes"].map(str::to_owned).into();
    let mut flag = |name: &str, value: &str| words.push(format!("{name}={value}"));
    for value in &entry.values {
        match value {
            Value::String(file) if file.contains("://") || file == "-" => flag("--values", file),
            Value::String(file) => flag("--values", &here(file)),
            map => flag("--set-json", &map.to_string()),
        }
    }
    entry.set.iter().for_each(|set| flag("--set", set));
    let beside = &given.render.values;
    beside.values.iter().for_each(|file| flag("--values", file));
    beside.set.iter().for_each(|set| flag("--set", set));
    beside.set_string.iter().for_each(|set| flag("--set-string", set));
    beside.set_json.iter().for_each(|set| flag("--set-json", set));
    if let Some(version) = &entry.version {
        flag("--version", version);
    }
    if let Some(policy) = &entry.policy {
        flag("--policy", &group.folder.join(policy).display().to_string());
    }
    if let Some(timeout) = &entry.timeout {
        flag("--timeout", timeout);
    }
    if entry.create_namespace || given.apply.create_namespace {
        words.push("--create-namespace".to_owned());
    }
    words.extend(entry.flags.iter().cloned());
    words
}
