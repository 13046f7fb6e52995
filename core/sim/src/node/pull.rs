//! Pulling images, one after the other on each node.

use std::time::Duration;

use backstay_object::{list_at, namespace, text_at, uid};
use serde_json::Value;

use super::kubelet::speaker;
use super::start::{
    Attempt, FIRST_BACKOFF, LONGEST_BACKOFF, Outcome, container_faults, go_duration, lengthen,
};
use super::{PodRun, Retry, Run, Work, ending, specs};
use crate::events::warning;
use crate::faults::FaultCode;
use crate::images::{ImageName, PullFault};
use crate::world::Ctx;

/// Whether the image is on the node; else begins to pull it, unless that has just failed.
pub(super) fn image_ready(
    ctx: &mut Ctx<'_>,
    attempt: &Attempt<'_>,
    container: &mut Run,
    index: usize,
) -> Outcome {
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
    let waited =
        free_at > ctx.now && container.pull_backoff.is_none() && others_pull(ctx, attempt.node, image);
    let present = ctx.world.nodes.get(attempt.node).is_some_and(|node| node.images.contains(&name.full()));
    let shared = waited || present;
    let short = ctx.between(uid(attempt.pod), &format!("resolve {image}"), 150, 500);
    let millis = match (slow_pull(ctx, attempt), pulled(ctx, attempt, name)) {
        (Some(millis), Ok(_)) => millis,
        (None, Ok(size)) if !shared => short + ctx.world.registry.pull_millis(size),
        _ => short,
    };
    let from = free_at.max(ctx.now);
    let until = from.after(Duration::from_millis(millis));
    ctx.world.nodes.or_default(attempt.node.to_owned()).pull_free_at = until;
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

/// The pull is over; whether the image is there.
pub(super) fn finish_pull(
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
                go_duration(took.0),
                go_duration(took.1)
            );
            attempt.says(ctx, false, "Pulled", &message);
            container.pull_backoff = None;
            ctx.world.nodes.or_default(node.clone()).images.insert(name.full());
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
