//! Starting containers: crash back-off, image, configuration, creation.

use std::time::Duration;

use backstay_object::{bool_at, format_duration, list_at, namespace, text_at, uid};
use serde_json::Value;

use super::kubelet::speaker;
use super::{Ended, PodRun, Retry, Run, Running, Work, ending, mounts, probes, specs, status};
use crate::events::{Said, warning};
use crate::faults::FaultCode;
use crate::images::{ImageName, PullFault};
use crate::world::Ctx;

/// First and longest back-off of crashes and of pulls, in milliseconds; it is forgotten after twice the longest
/// (client-go `flowcontrol.Backoff` as the kubelet makes it).
const FIRST_BACKOFF: u64 = 10_000;
const LONGEST_BACKOFF: u64 = 300_000;

fn lengthen(length: u64) -> u64 {
    length.saturating_mul(2).min(LONGEST_BACKOFF)
}

/// One container's part of an attempt to start it.
struct Attempt<'a> {
    pod: &'a Value,
    spec: &'a Value,
    image: &'a str,
    node: &'a str,
    field: String,
}

impl Attempt<'_> {
    fn says(&self, ctx: &mut Ctx<'_>, warning: bool, reason: &str, message: &str) {
        ctx.event(self.pod, speaker(self.node), Said { warning, reason, message, field: &self.field });
    }

    /// Says that the container could not be started, and keeps reason and message for the status.
    fn refuse(&self, ctx: &mut Ctx<'_>, container: &mut Run, reason: &str, message: &str, error: &str) {
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
    let attempt = Attempt { pod, spec, image, node: &node, field: ending::field_path(container) };
    let outcome = match crash_backoff(ctx, &attempt, container) {
        Some(retry) => Outcome::Later(retry),
        None => image_ready(ctx, &attempt, container, index),
    };
    match outcome {
        Outcome::Later(retry) => run.again(ctx, pod, retry),
        Outcome::Pull(work) => run.work = Some(work),
        Outcome::Ready => create(ctx, pod, run, index),
    }
}

enum Outcome {
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
        format_duration(Duration::from_millis(length)),
        container.name
    );
    container.waiting = Some(("CrashLoopBackOff".to_owned(), message));
    let seen = std::mem::replace(&mut container.backoff_seen, true);
    Some(if seen { Retry::At(until) } else { Retry::Soon })
}

/// Whether the image is on the node; else begins to pull it, unless that has just failed.
fn image_ready(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>, container: &mut Run, index: usize) -> Outcome {
    let image = attempt.image;
    let Ok(name) = ImageName::parse(image) else {
        let why = ImageName::parse(image).err().unwrap_or("invalid reference format");
        let message = format!(
            "Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": {why}"
        );
        attempt.says(ctx, true, "InspectFailed", &message);
        attempt.refuse(ctx, container, "InvalidImageName", &message, "InvalidImageName");
        return Outcome::Later(Retry::Usual);
    };
    let policy = text_at(attempt.spec, &["imagePullPolicy"]).unwrap_or("IfNotPresent");
    let faulty = pull_fault(ctx, attempt).is_some() || slow_pull(ctx, attempt).is_some();
    let images = ctx.world.nodes.get(attempt.node).map(|node| &node.images);
    let present = images.is_some_and(|images| images.contains(&name.full()));
    match (policy, present) {
        ("Never", false) => {
            let message = format!("Container image \"{image}\" is not present with pull policy of Never");
            attempt.says(ctx, true, "ErrImageNeverPull", &message);
            attempt.refuse(ctx, container, "ErrImageNeverPull", &message, "ErrImageNeverPull");
            return Outcome::Later(Retry::Usual);
        }
        ("Never", true) => {}
        // A fault of the registry is meant to be met, even when the node has the image already.
        ("IfNotPresent", true) if !faulty => {}
        _ => return pull(ctx, attempt, container, (index, &name)),
    }
    let message =
        format!("Container image \"{image}\" already present on machine and can be accessed by the pod");
    attempt.says(ctx, false, "Pulled", &message);
    Outcome::Ready
}

/// Begins to pull, or waits because that has just failed.
fn pull(
    ctx: &mut Ctx<'_>,
    attempt: &Attempt<'_>,
    container: &mut Run,
    (index, name): (usize, &ImageName),
) -> Outcome {
    let image = attempt.image;
    if let Some((length, since, error)) = &container.pull_backoff
        && ctx.now.since(*since) < Duration::from_millis(*length)
    {
        let said = format!("Back-off pulling image \"{image}\"");
        let message = format!("{said}: ErrImagePull: {error}");
        attempt.says(ctx, false, "BackOff", &said);
        attempt.refuse(ctx, container, "ImagePullBackOff", &message, "ImagePullBackOff");
        return Outcome::Later(Retry::Usual);
    }
    missing_secrets(ctx, attempt);
    attempt.says(ctx, false, "Pulling", &format!("Pulling image \"{image}\""));
    let free_at = ctx.world.nodes.get(attempt.node).map_or(ctx.now, |node| node.pull_free_at);
    // Who waits for the same image finds it there when its turn comes.
    let shared =
        free_at > ctx.now && container.pull_backoff.is_none() && others_pull(ctx, attempt.node, image);
    let short = ctx.between(uid(attempt.pod), &format!("resolve {image}"), 150, 500);
    let millis = match (slow_pull(ctx, attempt), pulled(ctx, attempt, name)) {
        (Some(millis), Ok(_)) => millis,
        (None, Ok(size)) if !shared => short + ctx.world.registry.pull_millis(size),
        _ => short,
    };
    let from = free_at.max(ctx.now);
    let until = from.after(Duration::from_millis(millis));
    ctx.world.nodes.entry(attempt.node.to_owned()).or_default().pull_free_at = until;
    Outcome::Pull(Work::Pull { container: index, queued: ctx.now, from, until })
}

fn others_pull(ctx: &Ctx<'_>, node: &str, image: &str) -> bool {
    ctx.world.pods.iter().filter(|(_, run)| run.node == node).any(|(uid, run)| match run.work {
        Some(Work::Pull { container, .. }) => ctx
            .store
            .by_uid(uid)
            .and_then(|pod| specs(pod).nth(container))
            .is_some_and(|spec| text_at(spec, &["image"]) == Some(image)),
        _ => false,
    })
}

/// Says when pull secrets of the pod are not there.
fn missing_secrets(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>) {
    let space = namespace(attempt.pod);
    let missing: Vec<&str> = list_at(attempt.pod, &["spec", "imagePullSecrets"])
        .iter()
        .filter_map(|secret| text_at(secret, &["name"]))
        .filter(|name| ctx.store.find("", "Secret", space, name).is_none())
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            missing.join(", ")
        );
        ctx.event(attempt.pod, speaker(attempt.node), warning("FailedToRetrieveImagePullSecret", &message));
    }
}

fn container_faults(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>) -> Vec<FaultCode> {
    ctx.faults_of(attempt.pod, text_at(attempt.spec, &["name"]))
}

fn pull_fault(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>) -> Option<PullFault> {
    container_faults(ctx, attempt).into_iter().find_map(|code| match code {
        FaultCode::ImageNotFound => Some(PullFault::NotFound),
        FaultCode::RegistryUnreachable => Some(PullFault::Unreachable),
        FaultCode::RegistryDenied => Some(PullFault::Unauthorized),
        FaultCode::RegistryBusy => Some(PullFault::TooManyRequests),
        _ => None,
    })
}

fn slow_pull(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>) -> Option<u64> {
    container_faults(ctx, attempt).into_iter().find_map(|code| match code {
        FaultCode::SlowPull(millis) => Some(millis),
        _ => None,
    })
}

/// What the registry answers: bytes, or an error.
fn pulled(ctx: &mut Ctx<'_>, attempt: &Attempt<'_>, name: &ImageName) -> Result<u64, PullFault> {
    match pull_fault(ctx, attempt) {
        Some(fault) => Err(fault),
        None => ctx.world.registry.find(name),
    }
}

/// The kubelet's present work is done.
pub(super) fn finish(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) {
    match run.work.take() {
        Some(Work::Pull { container, queued, from, until }) => {
            let took = (until.since(from), until.since(queued));
            if finish_pull(ctx, pod, run, container, took) {
                create(ctx, pod, run, container);
            } else {
                run.again(ctx, pod, Retry::Usual);
            }
        }
        Some(Work::Start { container, .. }) => started(ctx, pod, run, container),
        None => {}
    }
}

fn finish_pull(
    ctx: &mut Ctx<'_>,
    pod: &Value,
    run: &mut PodRun,
    index: usize,
    took: (Duration, Duration),
) -> bool {
    let node = run.node.clone();
    let (Some(spec), Some(container)) = (specs(pod).nth(index), run.containers.get_mut(index)) else {
        return false;
    };
    let image = text_at(spec, &["image"]).unwrap_or("");
    let attempt = Attempt { pod, spec, image, node: &node, field: ending::field_path(container) };
    let Ok(name) = ImageName::parse(image) else { return false };
    match pulled(ctx, &attempt, &name) {
        Ok(size) => {
            let message = format!(
                "Successfully pulled image \"{image}\" in {} ({} including waiting). Image size: {size} bytes.",
                format_duration(took.0),
                format_duration(took.1)
            );
            attempt.says(ctx, false, "Pulled", &message);
            container.pull_backoff = None;
            ctx.world.nodes.entry(node.clone()).or_default().images.insert(name.full());
            true
        }
        Err(fault) => {
            let error = name.pull_error(fault);
            attempt.says(ctx, true, "Failed", &format!("Failed to pull image \"{image}\": {error}"));
            attempt.refuse(ctx, container, "ErrImagePull", &error, "ErrImagePull");
            let length = match &container.pull_backoff {
                Some((length, since, _))
                    if ctx.now.since(*since) <= Duration::from_millis(2 * LONGEST_BACKOFF) =>
                {
                    lengthen(*length)
                }
                _ => FIRST_BACKOFF,
            };
            container.pull_backoff = Some((length, ctx.now, error));
            false
        }
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
