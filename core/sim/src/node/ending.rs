//! The end of a pod: asked for by a deletion, by a deadline, or because its containers are done.

use std::time::Duration;

use backstay_object::{Timestamp, at, int_at, is_deleting, list_at, text_at, uid};
use serde_json::Value;

use super::kubelet::{key_of, speaker};
use super::{Ending, PodRun, Run, Sandbox, conduct, specs, status};
use crate::events::Said;
use crate::store::DeleteOptions;
use crate::world::Ctx;

/// Seconds a pod has to end.
fn grace(pod: &Value) -> Duration {
    let seconds = int_at(pod, &["metadata", "deletionGracePeriodSeconds"])
        .or_else(|| int_at(pod, &["spec", "terminationGracePeriodSeconds"]))
        .and_then(|seconds| u64::try_from(seconds).ok())
        .unwrap_or(30);
    Duration::from_secs(seconds)
}

/// Begins to stop all containers; sidecars go after the others.
pub(super) fn begin(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) {
    run.ending = Some(Ending { since: ctx.now, done_at: None });
    run.work = None;
    run.sync_at = None;
    run.mount_at = None;
    run.retry = None;
    stop(ctx, pod, run, false);
}

/// Stops the containers, or once they have ended the sidecars.
fn stop(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun, sidecars: bool) {
    let since = run.ending.map_or(ctx.now, |ending| ending.since);
    let end = since.after(grace(pod));
    let node = run.node.clone();
    let specs: Vec<&Value> = specs(pod).collect();
    for (index, container) in run.containers.iter_mut().enumerate() {
        if container.running.is_none() || container.sidecar != sidecars {
            continue;
        }
        let spec = specs.get(index).copied().unwrap_or(&Value::Null);
        let message = format!("Stopping container {}", container.name);
        kill(ctx, pod, spec, container, &node, ("Killing", &message), end);
    }
}

/// Tells a container to end, at the latest at a given time, and says so.
pub(super) fn kill(
    ctx: &mut Ctx<'_>,
    pod: &Value,
    spec: &Value,
    container: &mut Run,
    node: &str,
    (reason, message): (&str, &str),
    latest: Timestamp,
) {
    let field = field_path(container);
    ctx.event(pod, speaker(node), Said { warning: false, reason, message, field: &field });
    let now = ctx.now;
    let latest = latest.max(now);
    let Some(running) = &mut container.running else { return };
    running.told = true;
    for probe in container.probes.iter_mut().flatten() {
        probe.next = None;
    }
    let stops =
        running.conduct.stops_after.map(|after| now.after(pre_stop(spec) + Duration::from_millis(after)));
    match stops.filter(|stops| *stops <= latest) {
        Some(stops) if running.ends_at.is_none_or(|present| present > stops) => {
            running.ends_at = Some(stops);
            running.exit_code = 0;
            "Completed".clone_into(&mut running.exit_reason);
        }
        None if running.ends_at.is_none_or(|present| present > latest) => killed(running, latest),
        _ => {}
    }
}

fn killed(running: &mut super::Running, at: Timestamp) {
    running.ends_at = Some(at);
    running.exit_code = 137;
    "Error".clone_into(&mut running.exit_reason);
}

/// How long a `preStop` hook takes before the container is told to end.
fn pre_stop(spec: &Value) -> Duration {
    let Some(hook) = at(spec, &["lifecycle", "preStop"]) else { return Duration::ZERO };
    if let Some(seconds) = int_at(hook, &["sleep", "seconds"]).and_then(|seconds| u64::try_from(seconds).ok())
    {
        return Duration::from_secs(seconds);
    }
    let words: Vec<&str> = list_at(hook, &["exec", "command"]).iter().filter_map(Value::as_str).collect();
    match conduct::script(&words) {
        conduct::Script::Ends { after, .. } | conduct::Script::Server { after, .. } => {
            Duration::from_millis(after)
        }
        conduct::Script::Forever { .. } => Duration::MAX,
        conduct::Script::Unknown => Duration::from_millis(20),
    }
}

/// `spec.containers{web}`, the part of the pod an event is about.
pub(super) fn field_path(container: &Run) -> String {
    let list = if container.init { "initContainers" } else { "containers" };
    format!("spec.{list}{{{}}}", container.name)
}

/// What is due now of the pod's end.
pub(super) fn step(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) -> bool {
    let deleting = is_deleting(pod);
    if run.over {
        if deleting && !run.removed {
            run.removed = true;
            remove(ctx, pod);
            return true;
        }
        return false;
    }
    let Some(ending) = run.ending else {
        if deleting {
            begin(ctx, pod, run);
        }
        return deleting;
    };
    if deleting {
        // The grace may have been shortened since.
        let latest = ending.since.after(grace(pod)).max(ctx.now);
        for running in run.containers.iter_mut().filter_map(|container| container.running.as_mut()) {
            if running.told && running.ends_at.is_none_or(|end| end > latest) {
                killed(running, latest);
            }
        }
    }
    match ending.done_at {
        None if run.containers.iter().all(|container| container.running.is_none()) => {
            let wait = ctx.between(uid(pod), "teardown", 300, 1300);
            run.ending = Some(Ending { done_at: Some(ctx.now.after(Duration::from_millis(wait))), ..ending });
            run.sync_at = None;
            status::write(ctx, pod, run);
            true
        }
        None if run.containers.iter().all(|container| container.running.is_none() || container.sidecar) => {
            let told =
                run.containers.iter().filter_map(|container| container.running.as_ref()).all(|run| run.told);
            if !told {
                stop(ctx, pod, run, true);
            }
            !told
        }
        Some(done) if done <= ctx.now => {
            if matches!(run.sandbox, Sandbox::Up(_) | Sandbox::Starting(_)) {
                run.sandbox = Sandbox::Down(ctx.now);
            }
            run.over = true;
            run.sync_at = None;
            run.ending = None;
            status::write(ctx, pod, run);
            true
        }
        _ => false,
    }
}

/// Confirms the deletion: the object goes unless finalizers keep it.
pub(super) fn remove(ctx: &mut Ctx<'_>, pod: &Value) {
    let options =
        DeleteOptions { uid: text_at(pod, &["metadata", "uid"]).map(str::to_owned), ..DeleteOptions::now() };
    // Gone already: just as well.
    let _ = ctx.store.delete(&key_of(pod), &options, ctx.now);
}
