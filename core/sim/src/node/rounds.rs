//! Rounds of the kubelet: what is written, mounted and started in one look at a pod, and when the next one comes.

use std::time::Duration;

use backstay_object::{Timestamp, int_at, text_at, uid};
use serde_json::Value;

use super::kubelet::speaker;
use super::{PodRun, Retry, Run, Sandbox, ending, mounts, restart_policy, specs, start, status};
use crate::events::normal;
use crate::world::Ctx;

/// One round of the kubelet.
pub(super) fn sync(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) {
    status::write(ctx, pod, run);
    if past_deadline(ctx, pod, run) {
        let message = "Pod was active on the node longer than the specified deadline";
        run.failed = Some(("DeadlineExceeded".to_owned(), message.to_owned()));
        ctx.event(pod, speaker(&run.node), normal("DeadlineExceeded", message));
        return ending::begin(ctx, pod, run);
    }
    if let Some(at) = run.mount_at
        && (at > ctx.now || !mounts::mount(ctx, pod, run))
    {
        return;
    }
    match run.sandbox {
        Sandbox::None => {
            let delay = ctx.between(uid(pod), "sandbox", 400, 1200);
            run.sandbox = Sandbox::Starting(ctx.now.after(Duration::from_millis(delay)));
        }
        Sandbox::Up(_) => begin_round(ctx, pod, run),
        Sandbox::Starting(_) | Sandbox::Down(_) => {}
    }
}

/// Whether `activeDeadlineSeconds` have passed; else has the kubelet look again then.
fn past_deadline(ctx: &Ctx<'_>, pod: &Value, run: &mut PodRun) -> bool {
    let Some(seconds) = int_at(pod, &["spec", "activeDeadlineSeconds"]).and_then(|s| u64::try_from(s).ok())
    else {
        return false;
    };
    let end = run.start.after(Duration::from_secs(seconds));
    if end > ctx.now {
        run.sync_by(end);
    }
    end <= ctx.now
}

/// Begins to start, in order, what should be running.
pub(super) fn begin_round(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) {
    run.tried.clear();
    run.retry = None;
    run.rounds = run.rounds.wrapping_add(1);
    next(ctx, pod, run);
}

/// Goes on with the round: the next container that should be started, or the end of the round.
pub(super) fn next(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) {
    while run.work.is_none() && run.ending.is_none() {
        if matches!(status::phase(pod, run), "Succeeded" | "Failed") {
            status::write(ctx, pod, run);
            return ending::begin(ctx, pod, run);
        }
        let Some(index) = wanted(pod, run).into_iter().find(|index| !run.tried.contains(index)) else {
            let at = run.retry.map(|retry| retry_at(ctx, pod, run, retry));
            if let Some(at) = at {
                run.sync_by(at);
            }
            return;
        };
        run.tried.push(index);
        start::try_start(ctx, pod, run, index);
    }
}

/// The containers that should be running and are not, in order (kubelet `computePodActions`).
fn wanted(pod: &Value, run: &PodRun) -> Vec<usize> {
    let policy = restart_policy(pod);
    let again = |container: &Run, policy: &str| match &container.ended {
        None => true,
        Some(ended) => policy == "Always" || (policy == "OnFailure" && ended.code != 0),
    };
    let mut wanted = Vec::new();
    let initialized = run.initialized();
    for (index, container) in run.containers.iter().enumerate() {
        if container.sidecar {
            if container.running.is_none() {
                wanted.push(index);
            }
            if !initialized && !container.passed_init() {
                return wanted;
            }
        } else if container.init {
            if initialized || container.passed_init() {
                continue;
            }
            let policy = if policy == "Always" { "OnFailure" } else { policy };
            if container.running.is_none() && again(container, policy) {
                wanted.push(index);
            }
            return wanted;
        } else if container.running.is_none() && again(container, policy) {
            wanted.push(index);
        }
    }
    wanted
}

impl PodRun {
    /// Notes how the round has to be repeated: the earliest of all containers counts.
    pub(super) fn again(&mut self, ctx: &Ctx<'_>, pod: &Value, retry: Retry) {
        let earlier = match self.retry {
            Some(present) => retry_at(ctx, pod, self, retry) < retry_at(ctx, pod, self, present),
            None => true,
        };
        if earlier {
            self.retry = Some(retry);
        }
    }
}

/// When a round is repeated: 10 to 15 s later after an error (kubelet `backOffPeriod` with jitter), when a back-off ends, or
/// with the next relist.
fn retry_at(ctx: &Ctx<'_>, pod: &Value, run: &PodRun, retry: Retry) -> Timestamp {
    match retry {
        Retry::Usual => {
            let wait = ctx.between(uid(pod), &format!("retry {}", run.rounds), 10_000, 15_000);
            ctx.now.after(Duration::from_millis(wait))
        }
        Retry::Soon => run.relist_after(ctx.world.seed, ctx.now),
        Retry::At(at) => at.max(ctx.now.after(Duration::from_millis(1))),
    }
}

/// Takes over what has changed in a running container's conduct: a fault that was injected or healed.
pub(super) fn refresh_conduct(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) {
    if run.over || run.ending.is_some() {
        return;
    }
    let now = ctx.now;
    for (spec, container) in specs(pod).zip(&mut run.containers) {
        let restarts = container.restarts;
        let Some(running) = &mut container.running else { continue };
        if running.told {
            continue;
        }
        let fresh = ctx.conduct_of(pod, spec, container.init, restarts);
        let old = &running.conduct;
        let same =
            (old.unready, old.unlive, old.ready_after) == (fresh.unready, fresh.unlive, fresh.ready_after);
        if !same {
            for probe in container.probes.iter_mut().flatten() {
                probe.next = probe.next.or(Some(now));
            }
        }
        let ends_differ = old.ends != fresh.ends;
        if ends_differ {
            running.ends_at = fresh.ends.as_ref().map(|(after, ..)| {
                let after = Duration::from_millis(*after);
                let due = running.since.after(after);
                if due < now { now.after(after.min(Duration::from_secs(2))) } else { due }
            });
            if let Some((_, code, reason)) = &fresh.ends {
                running.exit_code = *code;
                running.exit_reason.clone_from(reason);
            }
        }
        let mut log = std::mem::take(&mut running.conduct.log);
        if ends_differ && let (Some(end), Some((_, last))) = (running.ends_at, fresh.log.last()) {
            log.push((u64::try_from(end.since(running.since).as_millis()).unwrap_or(u64::MAX), last.clone()));
        }
        running.conduct = fresh;
        running.conduct.log = log;
    }
}

/// Acts on images that were changed in place: a running container is restarted, a waiting one is tried at once.
pub(super) fn refresh_images(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) {
    if run.over || run.ending.is_some() {
        return;
    }
    let seconds = int_at(pod, &["spec", "terminationGracePeriodSeconds"]).and_then(|s| u64::try_from(s).ok());
    let latest = ctx.now.after(Duration::from_secs(seconds.unwrap_or(30)));
    let node = run.node.clone();
    let mut look = false;
    for (spec, container) in specs(pod).zip(&mut run.containers) {
        let changed = !container.image.is_empty() && text_at(spec, &["image"]) != Some(&container.image);
        match &container.running {
            Some(running) if changed && !running.told => {
                let message = format!("Container {} definition changed, will be restarted", container.name);
                ending::kill(ctx, pod, spec, container, &node, ("Killing", &message), latest);
            }
            None => look |= changed,
            Some(_) => {}
        }
    }
    if look {
        run.sync_by(ctx.now);
    }
}
