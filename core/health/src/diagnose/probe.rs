//! Probes that fail. Never a verdict: an application may need any time to start, and says so by its probe only.

use alloc::string::String;

use backstay_object::{bool_at, condition_is_true};

use super::pod::Container;
use super::{Scene, Trouble, events, time_at};
use crate::code::CauseCode;
use crate::types::Class;

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
    let Some(event) = complaints.max_by_key(|event| events::last_seen(event)) else { return };
    let message = String::from(events::message(event));
    let seen = events::first_seen(event).max(Some(started));
    scene
        .suspect(Trouble { seen, ..container.trouble(CauseCode::ProbeFailing, Class::Recoverable, message) });
}
