//! Starting containers: crash back-off, image, configuration, creation.

use std::time::Duration;

use backstay_object::{bool_at, list_at, namespace, text_at, uid};
use serde_json::Value;

use super::kubelet::speaker;
use super::{Ended, PodRun, Retry, Run, Running, Work, ending, mounts, probes, pull, specs, status};
use crate::events::Said;
use crate::faults::FaultCode;
use crate::world::Ctx;

/// First and longest back-off of crashes and of pulls, in milliseconds; it is forgotten after twice the longest
/// (client-go `flowcontrol.Backoff` as the kubelet makes it).
pub(super) const FIRST_BACKOFF: u64 = 10_000;
pub(super) const LONGEST_BACKOFF: u64 = 300_000;

pub(super) fn lengthen(length: u64) -> u64 {
    length.saturating_mul(2).min(LONGEST_BACKOFF)
}

/// A duration in Go's words, exact to the millisecond: `400ms`, `1.25s`, `5m0s`.
pub(super) fn go_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        return if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") };
    }
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let seconds = format!("{}.{:03}", millis / 1000 % 60, millis % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// One container's part of an attempt to start it.
pub(super) struct Attempt<'a> {
    pub(super) pod: &'a Value,
    pub(super) spec: &'a Value,
    pub(super) image: &'a str,
    pub(super) node: &'a str,
    pub(super) field: String,
}

impl Attempt<'_> {
    pub(super) fn says(&self, ctx: &mut Ctx<'_>, warning: bool, reason: &str, message: &str) {
        ctx.event(self.pod, speaker(self.node), Said { warning, reason, message, field: &self.field });
    }

    /// Says that the container could not be started, and keeps reason and message for the status.
    pub(super) fn refuse(
        &self,
        ctx: &mut Ctx<'_>,
        container: &mut Run,
        reason: &str,
        message: &str,
        error: &str,
    ) {
        self.says(ctx, true, "Failed", &format!("Error: {error}"));
        container.waiting = Some((reason.to_owned(), message.to_owned()));
    }
}

/// Begins to start a container, or finds out why that cannot be now.
pub(super) fn try_start(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun, index: usize) {
    let Some(spec) = specs(pod).nth(index) else { return };
    let node = run.node.clone();
    let Some(container) = run.containers.get_mut(index) else { return };
    let image = text_at(spec, &["image"]).unwrap_or("");
    if container.image != image {
        image.clone_into(&mut container.image);
        container.pull_backoff = None;
    }
    let attempt = Attempt { pod, spec, image, node: &node, field: ending::field_path(container) };
    let outcome = match crash_backoff(ctx, &attempt, container) {
        Some(retry) => Outcome::Later(retry),
        None => pull::image_ready(ctx, &attempt, container, index),
    };
    match outcome {
        Outcome::Later(retry) => run.again(ctx, pod, retry),
        Outcome::Pull(work) => run.work = Some(work),
        Outcome::Ready => create(ctx, pod, run, index),
    }
}

/// What comes next for a container that is to be started.
pub(super) enum Outcome {
    Later(Retry),
    Pull(Work),
    Ready,
}

/// Whether the container has to wait because it crashed (kubelet `doBackOff`).
fn crash_backoff(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>, container: &mut Run) -> Option<Retry> {
    let ended = container.ended.as_ref()?.to;
    let known = container
        .backoff
        .filter(|(_, since)| ended.since(*since) <= Duration::from_millis(2 * LONGEST_BACKOFF));
    let Some((length, _)) = known else {
        container.backoff = Some((FIRST_BACKOFF, ctx.now));
        container.backoff_seen = false;
        return None;
    };
    let until = ended.after(Duration::from_millis(length));
    if until <= ctx.now {
        container.backoff = Some((lengthen(length), ctx.now));
        container.backoff_seen = false;
        return None;
    }
    let place = status::full_name(attempt.pod);
    let said = format!("Back-off restarting failed container {} in pod {place}", container.name);
    attempt.says(ctx, true, "BackOff", &said);
    let message = format!(
        "back-off {} restarting failed container={} pod={place}",
        go_duration(Duration::from_millis(length)),
        container.name
    );
    container.waiting = Some(("CrashLoopBackOff".to_owned(), message));
    let seen = std::mem::replace(&mut container.backoff_seen, true);
    Some(if seen { Retry::At(until) } else { Retry::Soon })
}

/// The kubelet's present work is done.
pub(super) fn finish(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) {
    match run.work.take() {
        Some(Work::Pull { container, queued, from, until }) => {
            let took = (until.since(from), until.since(queued));
            if pull::finish_pull(ctx, pod, run, container, took) {
                create(ctx, pod, run, container);
            } else {
                run.again(ctx, pod, Retry::Usual);
            }
        }
        Some(Work::Start { container, .. }) => started(ctx, pod, run, container),
        None => {}
    }
}

/// Begins to create a container whose image is there, unless its configuration lacks something.
fn create(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun, index: usize) {
    let node = run.node.clone();
    let (Some(spec), Some(container)) = (specs(pod).nth(index), run.containers.get_mut(index)) else {
        return;
    };
    let image = text_at(spec, &["image"]).unwrap_or("");
    let attempt = Attempt { pod, spec, image, node: &node, field: ending::field_path(container) };
    if let Some(error) = config_error(ctx, &attempt) {
        attempt.refuse(ctx, container, "CreateContainerConfigError", &error, &error);
        return run.again(ctx, pod, Retry::Usual);
    }
    let purpose = format!("create {}#{}", container.name, container.restarts);
    let wait = ctx.between(uid(pod), &purpose, 120, 450);
    run.work = Some(Work::Start { container: index, until: ctx.now.after(Duration::from_millis(wait)) });
}

/// What is to go wrong with the container.
pub(super) fn container_faults(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>) -> Vec<FaultCode> {
    ctx.faults_of(attempt.pod, text_at(attempt.spec, &["name"]))
}

/// What the container's environment needs and is not there.
fn config_error(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>) -> Option<String> {
    let space = namespace(attempt.pod);
    let env = list_at(attempt.spec, &["env"]).iter().filter_map(|env| env.get("valueFrom"));
    let sources = list_at(attempt.spec, &["envFrom"]).iter().chain(env);
    let mut first = None;
    for source in sources {
        for (field, kind) in [
            ("configMapRef", "ConfigMap"),
            ("secretRef", "Secret"),
            ("configMapKeyRef", "ConfigMap"),
            ("secretKeyRef", "Secret"),
        ] {
            let Some(reference) = source.get(field) else { continue };
            let name = text_at(reference, &["name"]).unwrap_or("");
            first.get_or_insert((kind, name));
            if bool_at(reference, &["optional"]) == Some(true) {
                continue;
            }
            let Some(object) = ctx.store.find("", kind, space, name) else {
                return Some(format!("{} \"{name}\" not found", kind.to_ascii_lowercase()));
            };
            if let Some(key) = text_at(reference, &["key"]).filter(|key| !mounts::has_key(object, key)) {
                return Some(format!("couldn't find key {key} in {kind} {space}/{name}"));
            }
        }
    }
    if !container_faults(ctx, attempt).contains(&FaultCode::MissingConfig) {
        return None;
    }
    Some(match first {
        Some((kind, name)) => format!("couldn't find key settings in {kind} {space}/{name}"),
        None => format!("configmap \"{}-config\" not found", text_at(attempt.spec, &["name"]).unwrap_or("")),
    })
}

/// The container was created; it runs, or its program cannot be started.
fn started(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun, index: usize) {
    let (node, taken) = (run.node.clone(), run.start);
    let (Some(spec), Some(container)) = (specs(pod).nth(index), run.containers.get_mut(index)) else {
        return;
    };
    let image = text_at(spec, &["image"]).unwrap_or("");
    let attempt = Attempt { pod, spec, image, node: &node, field: ending::field_path(container) };
    if let Some(ended) = container.ended.take() {
        container.last = Some(ended);
        container.restarts = container.restarts.saturating_add(1);
    }
    let seed = ctx.world.seed;
    let id = status::digest(seed, &format!("{}/{}#{}", uid(pod), container.name, container.restarts));
    container.id = format!("containerd://{id}");
    container.waiting = None;
    attempt.says(ctx, false, "Created", "Container created");
    let conduct = ctx.conduct_of(pod, spec, container.init, container.restarts);
    if let Some(error) = &conduct.start_error {
        attempt.refuse(ctx, container, "RunContainerError", error, error);
        container.ended = Some(Ended {
            code: 128,
            reason: "StartError".to_owned(),
            message: error.clone(),
            from: backstay_object::Timestamp(0),
            to: ctx.now,
            id: container.id.clone(),
        });
        run.notice(ctx);
        return run.again(ctx, pod, Retry::Usual);
    }
    attempt.says(ctx, false, "Started", "Container started");
    let ends = conduct.ends.clone();
    container.running = Some(Running {
        since: ctx.now,
        ends_at: ends.as_ref().map(|(after, ..)| ctx.now.after(Duration::from_millis(*after))),
        exit_code: ends.as_ref().map_or(0, |(_, code, _)| *code),
        exit_reason: ends.map_or_else(String::new, |(_, _, reason)| reason),
        conduct,
        told: false,
    });
    probes::begin(ctx, spec, taken, container);
    run.notice(ctx);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_the_words_of_go() {
        for (millis, text) in [
            (0, "0s"),
            (400, "400ms"),
            (1250, "1.25s"),
            (10_000, "10s"),
            (80_000, "1m20s"),
            (300_000, "5m0s"),
            (3_600_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }
}
