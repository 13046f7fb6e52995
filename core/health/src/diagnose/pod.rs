//! The pods of the new revision, container by container.

use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::{Timestamp, kind, list_at, text_at};
use serde_json::Value;

use super::{Scene, Trouble, config, crash, create, image, probe, scheduling, time_at, volume};
use crate::code::CauseCode;
use crate::revision::new_pods;
use crate::types::Class;

/// A container of a pod, with what the kubelet says of it.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    pub(super) pod: &'a Value,
    pub(super) status: &'a Value,
    pub(super) spec: Option<&'a Value>,
    pub(super) is_init: bool,
}

impl<'a> Container<'a> {
    pub(super) fn name(&self) -> &'a str {
        text_at(self.status, &["name"]).unwrap_or("")
    }

    pub(super) fn waiting_reason(&self) -> Option<&'a str> {
        text_at(self.status, &["state", "waiting", "reason"])
    }

    pub(super) fn waiting_message(&self) -> &'a str {
        text_at(self.status, &["state", "waiting", "message"]).unwrap_or("")
    }

    /// Whether an event about the pod means this container. Those that name none may.
    pub(super) fn is_meant_by(&self, event: &Value) -> bool {
        let Some(path) = text_at(event, &["involvedObject", "fieldPath"]) else { return true };
        let named = path.split_once('{').and_then(|(_, rest)| rest.strip_suffix('}'));
        named.is_none_or(|named| named == self.name())
    }

    /// When the kubelet last wrote the pod's status, if the object still says so: what it shows is not older than that.
    pub(super) fn status_written_at(&self) -> Option<Timestamp> {
        status_written_at(self.pod)
    }

    /// Whether the kubelet wrote the pod's status at a time or later.
    pub(super) fn is_told_since(&self, time: Timestamp) -> bool {
        self.status_written_at().is_some_and(|at| at >= time)
    }

    /// A trouble that shows at this container.
    pub(super) fn trouble(&self, code: CauseCode, class: Class, message: String) -> Trouble<'a> {
        let container = Some(self.name());
        Trouble { pod: Some(self.pod), container, ..Trouble::new(code, class, message) }
    }

    /// Whether it is to run for ever: a container of a pod that always restarts, or a sidecar.
    pub(super) fn is_to_run_on(&self) -> bool {
        let policy = |of: Option<&'a Value>| of.and_then(|of| text_at(of, &["restartPolicy"]));
        match policy(self.spec) {
            Some(own) => own == "Always",
            None => !self.is_init && restarts_always(self.pod),
        }
    }
}

/// When a pod's status was last written, if the object still says so.
pub(super) fn status_written_at(pod: &Value) -> Option<Timestamp> {
    let entries = list_at(pod, &["metadata", "managedFields"]);
    let by_kubelet = |entry: &&Value| text_at(entry, &["subresource"]) == Some("status");
    entries.iter().filter(by_kubelet).filter_map(|entry| time_at(entry, &["time"])).max()
}

/// Whether the pod's containers are started again and again, by the pod's own policy.
pub(super) fn restarts_always(pod: &Value) -> bool {
    text_at(pod, &["spec", "restartPolicy"]).unwrap_or("Always") == "Always"
}

/// The pods that an object's verdict may rest on: its new revision's, or itself.
pub(super) fn judged_pods<'a>(scene: &Scene<'a>) -> Vec<&'a Value> {
    if kind(scene.object) == "Pod" {
        return alloc::vec![scene.object];
    }
    new_pods(scene.object, scene.related, scene.circumstances.since)
}

/// All containers that the kubelet reports, in the order in which they start.
pub(super) fn containers(pod: &Value) -> impl Iterator<Item = Container<'_>> {
    let of = move |statuses: &'static str, specs: &'static str| {
        list_at(pod, &["status", statuses]).iter().map(move |status| {
            let name = text_at(status, &["name"]);
            let spec = list_at(pod, &["spec", specs]).iter().find(|spec| text_at(spec, &["name"]) == name);
            Container { pod, status, spec, is_init: specs == "initContainers" }
        })
    };
    of("initContainerStatuses", "initContainers").chain(of("containerStatuses", "containers"))
}

/// Looks at every pod of the new revision.
pub(super) fn look<'a>(scene: &mut Scene<'a>, pods: &[&'a Value]) {
    for pod in pods.iter().copied() {
        if matches!(text_at(pod, &["status", "phase"]), Some("Failed" | "Succeeded")) {
            continue;
        }
        scheduling::look(scene, pod);
        volume::mounts(scene, pod);
        create::sandbox(scene, pod);
        for container in containers(pod) {
            match container.waiting_reason() {
                Some(reason) if image::is_image_reason(reason) => image::waiting(scene, &container, reason),
                Some("CreateContainerConfigError") => config::waiting(scene, &container),
                Some(reason) if create::is_create_reason(reason) => create::waiting(scene, &container),
                _ => probe::look(scene, &container),
            }
        }
    }
    crash::look(scene, pods);
}
