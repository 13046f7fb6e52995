//! Containers that the runtime will not create or start.

use alloc::string::{String, ToString};

use backstay_object::{list_at, text_at};
use serde_json::Value;

use super::pod::{Container, restarts_always};
use super::{START_RETRY_MS, Scene, Trouble, after_grace, events};
use crate::code::CauseCode;
use crate::policy::Policy;
use crate::types::Class;

/// Refusals that go away: the runtime is busy with an earlier try, or a device is still being attached.
const PASSING: &[&str] = &[
    "deadline exceeded",
    "failed to reserve container name",
    "timed out",
    "timeout",
    "connection refused",
    "unavailable",
    "resource temporarily",
    "device or resource busy",
    "no space left on device",
    "too many open files",
];

/// Whether a container waits because of the runtime (`kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go`).
pub(super) fn is_create_reason(reason: &str) -> bool {
    matches!(
        reason,
        "CreateContainerError" | "RunContainerError" | "PreCreateHookError" | "PreStartHookError"
    )
}

pub(super) fn waiting<'a>(scene: &mut Scene<'a>, container: &Container<'a>) {
    let words = container.waiting_message();
    let class = if restarts_always(container.pod) {
        class_of(words, scene.circumstances.policy)
    } else {
        // A Job counts its own tries.
        Class::Recoverable
    };
    let said = scene
        .events
        .with_reason(container.pod, &["Failed"])
        .filter(|event| container.is_meant_by(event) && events::message(event).starts_with("Error:"));
    let said = said.filter_map(events::first_seen).min();
    let seen = said.or_else(|| container.status_written_at());
    let again = said.is_some() || container.is_told_since(scene.circumstances.applied_at);
    let (class, seen) = scene.unless_old(container.pod, again, (class, seen), START_RETRY_MS);
    scene.suspect(Trouble {
        seen,
        ..container.trouble(CauseCode::ContainerCreateFailed, class, words.to_string())
    });
}

/// The runtime's no is final, unless it says that it is only busy.
pub(super) fn class_of(words: &str, policy: &Policy) -> Class {
    let lower = words.to_ascii_lowercase();
    if PASSING.iter().any(|sign| lower.contains(sign)) {
        after_grace(policy.mount_grace_ms)
    } else {
        Class::FatalNow
    }
}

/// The pod's own sandbox: usually the network plug-in, which heals when its agent is up.
pub(super) fn sandbox<'a>(scene: &mut Scene<'a>, pod: &'a Value) {
    let has_begun = list_at(pod, &["status", "containerStatuses"])
        .iter()
        .chain(list_at(pod, &["status", "initContainerStatuses"]))
        .any(|status| {
            ["running", "terminated"]
                .iter()
                .any(|state| status.pointer("/state").is_some_and(|at| at.get(state).is_some()))
        });
    let is_up = backstay_object::condition_is_true(pod, "PodReadyToStartContainers");
    if has_begun || is_up || text_at(pod, &["status", "phase"]) != Some("Pending") {
        return;
    }
    let Some(event) = scene.events.last(pod, &["FailedCreatePodSandBox", "FailedCreatePodContainer"]) else {
        return;
    };
    let message = String::from(events::message(event));
    let trouble = Trouble::new(CauseCode::ContainerCreateFailed, Class::Recoverable, message);
    scene.suspect(Trouble { pod: Some(pod), seen: events::first_seen(event), ..trouble });
}
