//! The kubelet's work on one pod: taking it, looking at it in rounds, and what falls due in between.
//!
//! As in the real one a round writes the status first, with what the round before found out, then mounts, starts the
//! sandbox and, one after the other, the containers; while it pulls or starts, nothing else is done for the pod. A
//! relist of the runtime once a second notices what has changed and begins the next round.

use std::time::Duration;

use backstay_object::{
    ResourceKey, bool_at, condition_is_true, is_deleting, list_at, name, namespace, text_at, uid,
};
use serde_json::Value;

use super::{Ended, PodRun, Run, Sandbox, Work, ending, probes, rounds, specs, start, status};
use crate::events::Source;
use crate::store::{LogLine, LogQuery};
use crate::world::{Ctx, Duty, Task};

/// Rounds and completions done at one point in time, at most; more would be a mistake of the model.
const STEPS: usize = 200;

/// The kubelet of a node as the source of events.
pub(super) fn speaker(node: &str) -> Source<'_> {
    Source { component: "kubelet", host: node }
}

/// Looks at one pod on its node: called when the pod changed and when something of it is due.
pub(crate) fn run_pod(ctx: &mut Ctx<'_>, namespace: &str, name: &str) {
    let Some(pod) = ctx.get("v1", "Pod", namespace, name) else { return };
    let Some(node) = text_at(&pod, &["spec", "nodeName"]).filter(|node| !node.is_empty()) else { return };
    let task = Task::new(Duty::Pod, namespace, name);
    // Whoever brings a node back has its pods looked at again.
    let down = ctx.world.nodes.get(node).is_some_and(|node| node.down_since.is_some());
    if down || ctx.store.find("", "Node", "", node).is_none() {
        return;
    }
    let key = uid(&pod).to_owned();
    let taken = ctx.world.pods.remove(&key).or_else(|| accept(ctx, &pod, node));
    let Some(mut run) = taken else { return };
    rounds::refresh_conduct(ctx, &pod, &mut run);
    rounds::refresh_images(ctx, &pod, &mut run);
    for _ in 0..STEPS {
        if !step(ctx, &pod, &mut run) {
            break;
        }
    }
    if ctx.store.by_uid(&key).is_none() {
        return;
    }
    if !run.over && run.all_ready() && !condition_is_true(&pod, "Ready") {
        // Somebody else said otherwise while the node was lost.
        status::write(ctx, &pod, &run);
    }
    let due = run.next_due().into_iter().chain(ctx.next_healing(&pod).filter(|_| !run.over)).min();
    if let Some(at) = due {
        ctx.world.timers.set(task, at.max(ctx.now.after(Duration::from_millis(1))));
    }
    ctx.world.pods.insert(key, run);
}

/// The pod object has left the store: forgets what the kubelet and the event recorder know about it.
pub(crate) fn pod_gone(ctx: &mut Ctx<'_>, pod: &Value) {
    ctx.world.pods.remove(uid(pod));
    ctx.world.recorder.forget(uid(pod));
    ctx.world.failures.remove(&Task::new(Duty::Schedule, namespace(pod), name(pod)));
}

/// The kubelet takes a pod that is new to it. Pods that are over already are only removed when asked.
fn accept(ctx: &mut Ctx<'_>, pod: &Value, node: &str) -> Option<PodRun> {
    if status::finished(pod) {
        if is_deleting(pod) {
            ending::remove(ctx, pod);
        }
        return None;
    }
    let init = list_at(pod, &["spec", "initContainers"]).len();
    let containers = specs(pod).enumerate().map(|(index, spec)| Run::new(spec, index < init)).collect();
    let delay = ctx.between(uid(pod), "take", 10, 120);
    Some(PodRun {
        node: node.to_owned(),
        start: ctx.now,
        ip: address(ctx, pod, node),
        sandbox: Sandbox::None,
        mount_tries: 0,
        mount_at: Some(ctx.now.after(Duration::from_millis(delay))),
        containers,
        sync_at: Some(ctx.now.after(Duration::from_millis(delay))),
        work: None,
        tried: Vec::new(),
        retry: None,
        ending: None,
        rounds: 0,
        failed: None,
        over: false,
        removed: false,
    })
}

/// A free address of the node's range, or the node's own.
fn address(ctx: &mut Ctx<'_>, pod: &Value, node: &str) -> String {
    if bool_at(pod, &["spec", "hostNetwork"]) == Some(true) {
        return status::host_address(ctx, node);
    }
    let range = ctx.store.find("", "Node", "", node).and_then(|node| text_at(node, &["spec", "podCIDR"]));
    let range =
        range.and_then(|range| range.rsplit_once('.')).map_or("10.244.0", |(start, _)| start).to_owned();
    let taken: Vec<String> = ctx
        .world
        .pods
        .values()
        .filter(|run| run.node == node && !run.over)
        .map(|run| run.ip.clone())
        .collect();
    let next = &mut ctx.world.nodes.or_default(node.to_owned()).next_address;
    for _ in 0..253 {
        *next = if *next < 2 || *next >= 254 { 2 } else { *next + 1 };
        let address = format!("{range}.{next}");
        if !taken.contains(&address) {
            return address;
        }
    }
    format!("{range}.254")
}

impl Run {
    fn new(spec: &Value, init: bool) -> Self {
        Self {
            name: text_at(spec, &["name"]).unwrap_or("").to_owned(),
            init,
            image: String::new(),
            sidecar: init && super::conduct::is_sidecar(spec),
            running: None,
            ended: None,
            last: None,
            waiting: None,
            restarts: 0,
            id: String::new(),
            backoff: None,
            backoff_seen: false,
            pull_backoff: None,
            probes: [None; 3],
            ready: false,
            started: false,
        }
    }

    /// Whether an init container lets the next one begin.
    pub(super) fn passed_init(&self) -> bool {
        if self.sidecar {
            self.running.is_some() && self.started
        } else {
            self.running.is_none() && self.ended.as_ref().is_some_and(|ended| ended.code == 0)
        }
    }
}

impl PodRun {
    fn all_ready(&self) -> bool {
        self.containers.iter().all(|run| run.ready || (run.init && !run.sidecar))
    }

    /// Whether the containers proper may run: all init containers have passed, or one of them runs or ran already.
    pub(super) fn initialized(&self) -> bool {
        self.containers.iter().filter(|run| run.init).all(Run::passed_init)
            || self.containers.iter().any(|run| !run.init && (run.running.is_some() || run.ended.is_some()))
    }

    /// The runtime's next relist will notice something.
    pub(super) fn notice(&mut self, ctx: &Ctx<'_>) {
        let at = self.relist_after(ctx.world.seed, ctx.now);
        self.sync_by(at);
    }
}

/// Does one thing that is due now; answers whether there was one.
fn step(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) -> bool {
    if flush(ctx, pod, run) || ending::step(ctx, pod, run) {
        return true;
    }
    if run.over || run.ending.is_some() {
        return sync_is_due(ctx, run) && {
            run.sync_at = None;
            status::write(ctx, pod, run);
            true
        };
    }
    if let Sandbox::Starting(until) = run.sandbox
        && until <= ctx.now
    {
        run.sandbox = Sandbox::Up(until);
        status::write(ctx, pod, run);
        run.notice(ctx);
        rounds::begin_round(ctx, pod, run);
        return true;
    }
    if let Some(Work::Pull { until, .. } | Work::Start { until, .. }) = run.work
        && until <= ctx.now
    {
        start::finish(ctx, pod, run);
        rounds::next(ctx, pod, run);
        return true;
    }
    if probes::step(ctx, pod, run) {
        return true;
    }
    if run.work.is_none() && (sync_is_due(ctx, run) || run.mount_at.is_some_and(|at| at <= ctx.now)) {
        run.sync_at = None;
        rounds::sync(ctx, pod, run);
        return true;
    }
    false
}

fn sync_is_due(ctx: &Ctx<'_>, run: &PodRun) -> bool {
    run.sync_at.is_some_and(|at| at <= ctx.now)
}

/// Log lines and ends of containers that are due.
fn flush(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) -> bool {
    let now = ctx.now;
    let mut died = false;
    for (spec, container) in specs(pod).zip(&mut run.containers) {
        let Some(running) = &mut container.running else { continue };
        let end = running.ends_at.filter(|end| *end <= now);
        let (since, until) = (running.since, end.unwrap_or(now));
        running.conduct.log.retain(|(after, text)| {
            let at = since.after(Duration::from_millis(*after));
            if at <= until {
                let line = LogLine { at, run: container.restarts, text: text.clone() };
                ctx.store.append_log(uid(pod), &container.name, line);
            }
            at > until
        });
        let Some(end) = end else { continue };
        let ended = Ended {
            code: running.exit_code,
            reason: running.exit_reason.clone(),
            message: last_words(ctx, pod, spec, (&container.name, container.restarts, running.exit_code)),
            from: running.since,
            to: end,
            id: container.id.clone(),
        };
        container.stop(ended);
        died = true;
    }
    if died {
        run.notice(ctx);
    }
    died
}

/// The end of the log, for containers that want it as their termination message (`FallbackToLogsOnError`; at most 80 lines
/// of 2048 bytes together).
fn last_words(ctx: &Ctx<'_>, pod: &Value, spec: &Value, (container, run, code): (&str, u32, i64)) -> String {
    if code == 0 || text_at(spec, &["terminationMessagePolicy"]) != Some("FallbackToLogsOnError") {
        return String::new();
    }
    let query = LogQuery { tail_lines: Some(80), ..LogQuery::default() };
    let text = ctx.store.read_log(uid(pod), container, run, &query);
    let start = (text.len().saturating_sub(2048)..=text.len()).find(|at| text.is_char_boundary(*at));
    start.and_then(|start| text.get(start..)).unwrap_or("").to_owned()
}

impl Run {
    /// The run is over.
    pub(super) fn stop(&mut self, ended: Ended) {
        self.running = None;
        self.ended = Some(ended);
        self.waiting = None;
        self.ready = false;
        self.started = false;
        self.probes = [None; 3];
    }
}

/// The place of a pod in the store.
pub(super) fn key_of(pod: &Value) -> ResourceKey {
    ResourceKey::new("v1", "Pod", namespace(pod), name(pod))
}
