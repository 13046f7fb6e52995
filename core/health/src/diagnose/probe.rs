//! Probes that fail. Never a verdict by themselves: an application may need any time to start, and says so by its probe
//! only. The rollout's patience ends it (`core/rollout/src/progress.rs`).

use alloc::string::String;
use core::time::Duration;

use backstay_object::{Timestamp, at, bool_at, condition_is_true, int_at};
use serde_json::Value;

use super::pod::Container;
use super::{Scene, Trouble, events, time_at};
use crate::code::CauseCode;
use crate::types::Class;

/// How long a container without any event about its probe may be unready before that is worth a mention, in milliseconds.
const SILENCE_MS: u64 = 10_000;

/// A container that runs and is not ready.
pub(super) fn look<'a>(scene: &mut Scene<'a>, container: &Container<'a>) {
    let status = container.status;
    let Some(started) = time_at(status, &["state", "running", "startedAt"]) else { return };
    let waits = bool_at(status, &["ready"]) != Some(true) && (!container.is_init || container.is_to_run_on());
    if !waits || condition_is_true(container.pod, "Ready") {
        return;
    }
    let complaints =
        scene.events.with_reason(container.pod, &["Unhealthy", "ProbeWarning"]).filter(|event| {
            // Complaints about an earlier start say nothing about this one.
            container.is_meant_by(event) && events::last_seen(event).is_none_or(|at| at >= started)
        });
    let allowed_ms = allowed_ms(container);
    let (seen, message) = match complaints.max_by_key(|event| events::last_seen(event)) {
        Some(event) => (events::first_seen(event).max(Some(started)), String::from(events::message(event))),
        None => match unheard(scene, started, allowed_ms) {
            Some(at) => (Some(at), String::from("running, but its probe has not succeeded yet")),
            None => return,
        },
    };
    scene
        .suspect(Trouble { seen, ..container.trouble(CauseCode::ProbeFailing, Class::Recoverable, message) });
}

/// Events get lost and expire: a container with a probe that is not ready for so long does not succeed in it.
fn unheard(scene: &Scene<'_>, started: Timestamp, allowed_ms: Option<u64>) -> Option<Timestamp> {
    let silent = Duration::from_millis(allowed_ms?.saturating_add(SILENCE_MS));
    let from = started.after(silent);
    (scene.circumstances.now >= from).then_some(from)
}

/// The time that a container's probes take until they give up on it; `None` when it has none that we know of. The defaults
/// are those of `kubernetes pkg/apis/core/v1/defaults.go`.
fn allowed_ms(container: &Container<'_>) -> Option<u64> {
    let spec = container.spec?;
    let probes = ["startupProbe", "readinessProbe"].map(|name| at(spec, &[name]).map(probe_ms));
    match probes {
        [None, None] => None,
        [startup, readiness] => Some(startup.unwrap_or(0).saturating_add(readiness.unwrap_or(0))),
    }
}

fn probe_ms(probe: &Value) -> u64 {
    let number = |field: &str, default: u64| {
        int_at(probe, &[field]).and_then(|number| u64::try_from(number).ok()).unwrap_or(default)
    };
    let tries = number("failureThreshold", 3).max(number("successThreshold", 1));
    let seconds = number("initialDelaySeconds", 0)
        .saturating_add(tries.saturating_mul(number("periodSeconds", 10).max(number("timeoutSeconds", 1))));
    seconds.saturating_mul(1000)
}
