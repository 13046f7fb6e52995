//! Startup, liveness and readiness probes.
//!
//! A probe whose answer cannot change any more is not asked again: the model would only repeat itself. A fault that is
//! injected or healed starts it anew.

use std::time::Duration;

use backstay_object::{Timestamp, at, int_at, list_at, text_at};
use serde_json::Value;

use super::kubelet::speaker;
use super::{LIVENESS, PodRun, Probe, READINESS, Run, STARTUP, ending, specs, status};
use crate::events::Said;
use crate::world::Ctx;

/// Field in the container's spec and word in messages, in the order of [`Run::probes`].
const KINDS: [(&str, &str); 3] =
    [("startupProbe", "Startup"), ("livenessProbe", "Liveness"), ("readinessProbe", "Readiness")];

fn seconds(spec: &Value, field: &str, default: u64) -> u64 {
    int_at(spec, &[field]).and_then(|number| u64::try_from(number).ok()).unwrap_or(default)
}

fn threshold(spec: &Value, field: &str, default: u32) -> u32 {
    int_at(spec, &[field]).and_then(|number| u32::try_from(number).ok()).unwrap_or(default).max(1)
}

/// Sets up the probes of a container that has just been started.
pub(super) fn begin(ctx: &Ctx<'_>, spec: &Value, taken: Timestamp, container: &mut Run) {
    container.probes = [None; 3];
    let present = |kind: usize| KINDS.get(kind).and_then(|(field, _)| spec.get(*field));
    for (kind, slot) in container.probes.iter_mut().enumerate() {
        if present(kind).is_some() {
            *slot = Some(Probe { next: None, good: 0, bad: 0, passed: kind == LIVENESS });
        }
    }
    container.started = present(STARTUP).is_none();
    container.ready = false;
    arm(ctx, spec, taken, container);
}

/// Gives the probes that may run now their first time.
fn arm(ctx: &Ctx<'_>, spec: &Value, taken: Timestamp, container: &mut Run) {
    let Some(since) = container.running.as_ref().map(|running| running.since) else { return };
    let started = container.started;
    for (kind, slot) in container.probes.iter_mut().enumerate() {
        let Some((probe, (field, _))) = slot.as_mut().zip(KINDS.get(kind)) else { continue };
        let Some(probe_spec) = spec.get(*field) else { continue };
        if (kind == STARTUP) == started || probe.next.is_some() {
            continue;
        }
        let initial = since.after(Duration::from_secs(seconds(probe_spec, "initialDelaySeconds", 0)));
        let after = initial.max(ctx.now.after(Duration::from_millis(1)));
        probe.next = Some(tick(taken, seconds(probe_spec, "periodSeconds", 10).max(1), after));
    }
    if started && container.probes.get(READINESS).is_some_and(Option::is_none) {
        container.ready = true;
    }
}

/// The probe's worker ticks since the kubelet has the pod: the first tick at or after a time.
fn tick(taken: Timestamp, period: u64, after: Timestamp) -> Timestamp {
    let period = period * 1000;
    let passed = after.0.saturating_sub(taken.0).div_ceil(period.max(1));
    Timestamp(taken.0.saturating_add(passed.saturating_mul(period)))
}

/// Asks one probe that is due.
pub(super) fn step(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun) -> bool {
    let now = ctx.now;
    let found = run.containers.iter().enumerate().find_map(|(index, container)| {
        container.running.as_ref()?;
        let due = |slot: &Option<Probe>| slot.and_then(|probe| probe.next).is_some_and(|next| next <= now);
        container.probes.iter().position(due).map(|kind| (index, kind))
    });
    let Some((index, kind)) = found else { return false };
    if let Some(spec) = specs(pod).nth(index) {
        ask(ctx, pod, run, spec, (index, kind));
    }
    true
}

fn ask(ctx: &mut Ctx<'_>, pod: &Value, run: &mut PodRun, spec: &Value, (index, kind): (usize, usize)) {
    let (node, taken, ip) = (run.node.clone(), run.start, run.ip.clone());
    let Some(container) = run.containers.get_mut(index) else { return };
    let Some((field, word)) = KINDS.get(kind) else { return };
    let probe_spec = spec.get(*field).unwrap_or(&Value::Null);
    let failure = failure(ctx.now, kind, spec, probe_spec, container, &ip);
    if let Some(why) = &failure {
        let message = format!("{word} probe failed: {why}");
        let path = ending::field_path(container);
        let said = Said { warning: true, reason: "Unhealthy", message: &message, field: &path };
        ctx.event(pod, speaker(&node), said);
    }
    let Some(probe) = container.probes.get_mut(kind).and_then(Option::as_mut) else { return };
    let before = probe.passed;
    let steady = count(probe, probe_spec, failure.is_none());
    let period = Duration::from_secs(seconds(probe_spec, "periodSeconds", 10).max(1));
    probe.next = if steady { None } else { Some(ctx.now.after(period)) };
    let (passed, exhausted) = (probe.passed, probe.bad >= threshold(probe_spec, "failureThreshold", 3));
    match kind {
        STARTUP if passed => {
            probe.next = None;
            container.started = true;
            arm(ctx, spec, taken, container);
        }
        READINESS => container.ready = passed,
        _ if exhausted => {
            let grace = seconds(probe_spec, "terminationGracePeriodSeconds", seconds_of_pod(pod));
            let latest = ctx.now.after(Duration::from_secs(grace));
            let message = format!(
                "Container {} failed {} probe, will be restarted",
                container.name,
                word.to_ascii_lowercase()
            );
            ending::kill(ctx, pod, spec, container, &node, ("Killing", &message), latest);
        }
        _ => {}
    }
    if before != passed {
        status::write(ctx, pod, run);
        // A sidecar that has started lets the next container begin.
        run.notice(ctx);
    }
}

fn seconds_of_pod(pod: &Value) -> u64 {
    pod.get("spec").map_or(30, |spec| seconds(spec, "terminationGracePeriodSeconds", 30))
}

/// Counts an answer; whether it will stay like this.
fn count(probe: &mut Probe, spec: &Value, good: bool) -> bool {
    if good {
        probe.good = probe.good.saturating_add(1);
        probe.bad = 0;
        probe.passed |= probe.good >= threshold(spec, "successThreshold", 1);
        return probe.passed;
    }
    probe.bad = probe.bad.saturating_add(1);
    probe.good = 0;
    if probe.bad >= threshold(spec, "failureThreshold", 3) {
        probe.passed = false;
    }
    false
}

/// What the probe's answer is, in the words of the kubelet's probers; `None` is a good answer.
fn failure(
    now: Timestamp,
    kind: usize,
    spec: &Value,
    probe: &Value,
    container: &Run,
    ip: &str,
) -> Option<String> {
    let running = container.running.as_ref()?;
    let conduct = &running.conduct;
    let up =
        conduct.ready_after.is_some_and(|after| running.since.after(Duration::from_millis(after)) <= now);
    let well = up && !(kind == READINESS && conduct.unready) && !(kind == LIVENESS && conduct.unlive);
    if well {
        return None;
    }
    let place = |path: &[&str]| format!("{ip}:{}", port(spec, at(probe, path)));
    let refused = |place: &str| format!("dial tcp {place}: connect: connection refused");
    Some(if let Some(get) = probe.get("httpGet") {
        if up {
            return Some("HTTP probe failed with statuscode: 503".to_owned());
        }
        let place = place(&["httpGet", "port"]);
        let scheme = text_at(get, &["scheme"]).unwrap_or("HTTP").to_ascii_lowercase();
        let path = text_at(get, &["path"]).unwrap_or("/");
        format!("Get \"{scheme}://{place}{path}\": {}", refused(&place))
    } else if probe.get("tcpSocket").is_some() {
        refused(&place(&["tcpSocket", "port"]))
    } else if probe.get("grpc").is_some() {
        if up {
            "service unhealthy (responded with \"NOT_SERVING\")".to_owned()
        } else {
            let place = place(&["grpc", "port"]);
            format!("timeout: failed to connect service \"{place}\" within 1s: context deadline exceeded")
        }
    } else {
        String::new()
    })
}

/// The number of a port that may be named.
fn port(spec: &Value, port: Option<&Value>) -> String {
    match port {
        Some(Value::String(name)) => list_at(spec, &["ports"])
            .iter()
            .find(|port| text_at(port, &["name"]) == Some(name))
            .and_then(|port| int_at(port, &["containerPort"]))
            .map_or_else(|| name.clone(), |port| port.to_string()),
        Some(port) => port.to_string(),
        None => "0".to_owned(),
    }
}
