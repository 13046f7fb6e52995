//! Pods that no node takes.

use alloc::format;
use alloc::string::String;

use backstay_object::{condition, text_at};
use serde_json::Value;

use super::pod::containers;
use super::{Scene, Trouble, after_grace, events, time_at};
use crate::code::CauseCode;
use crate::policy::FailFast;
use crate::revision::created_at;
use crate::types::Class;

/// How long a pod may go without any scheduler's word before that is worth a mention, in milliseconds.
const SILENCE_MS: u64 = 10_000;

const DEFAULT_SCHEDULER: &str = "default-scheduler";

/// What an autoscaler says of a pod for which it brings a node: the cluster autoscaler and GKE; Karpenter.
const NODE_IS_COMING: &[&str] = &["TriggeredScaleUp", "Nominated"];

pub(super) fn look<'a>(scene: &mut Scene<'a>, pod: &'a Value) {
    let Some(scheduled) = condition(pod, "PodScheduled") else {
        unseen(scene, pod);
        return;
    };
    let text = |field: &str| text_at(scheduled, &[field]);
    if text("status") != Some("False") {
        return;
    }
    let policy = scene.circumstances.policy;
    let seen = time_at(scheduled, &["lastTransitionTime"]);
    let mut message = String::from(text("message").unwrap_or("no node takes it"));
    let (code, class) = match text("reason") {
        // Held back on purpose: whoever closed the gate opens it.
        Some("SchedulingGated") => return,
        Some("Unschedulable") if waits_for_claim(&message) => {
            (CauseCode::VolumeNotBound, after_grace(policy.volume_grace_ms))
        }
        Some("Unschedulable") => match scene.events.last(pod, NODE_IS_COMING) {
            Some(event) => {
                message = format!("{message} ({})", events::message(event));
                (CauseCode::Unschedulable, after_grace(policy.autoscaler_grace_ms))
            }
            None if policy.fail_fast == FailFast::Strict && no_node_could_ever(&message) => {
                (CauseCode::Unschedulable, Class::FatalNow)
            }
            None => (CauseCode::Unschedulable, after_grace(policy.unschedulable_grace_ms)),
        },
        _ => (CauseCode::Unschedulable, Class::Recoverable),
    };
    scene.suspect(Trouble { pod: Some(pod), seen, ..Trouble::new(code, class, message) });
}

/// Whether every node is of the wrong sort, which no pod that ends can change: `0/2 nodes are available: 2 node(s) didn't
/// match Pod's node affinity/selector.` Nodes that are full, not ready or tainted by the cluster itself may come round.
fn no_node_could_ever(message: &str) -> bool {
    let Some((count, reasons)) =
        message.strip_prefix("0/").and_then(|rest| rest.split_once(" nodes are available: "))
    else {
        return false;
    };
    // What follows the first sentence is about claims and preemption.
    let reasons = reasons.split(". ").next().unwrap_or(reasons).trim_end_matches('.');
    let mismatched = reasons.split(", ").filter_map(|reason| {
        let (nodes, why) = reason.split_once(' ')?;
        let is_lasting = why.contains("didn't match Pod's node affinity/selector")
            || why.contains("didn't match the requested node name")
            || (why.contains("untolerated taint") && !why.contains("node.kubernetes.io/"));
        nodes.parse::<u64>().ok().filter(|_| is_lasting)
    });
    count.parse::<u64>().is_ok_and(|count| count > 0 && mismatched.sum::<u64>() == count)
}

/// The scheduler's words for a claim that is absent or not bound (`scheduler/framework/plugins/volumebinding`).
fn waits_for_claim(message: &str) -> bool {
    (message.contains("persistentvolumeclaim") && message.contains("not found"))
        || message.contains("unbound immediate PersistentVolumeClaims")
}

/// No condition at all: there is no scheduler of the name that the pod asks for, or it is down.
fn unseen<'a>(scene: &mut Scene<'a>, pod: &'a Value) {
    let Some(created) = created_at(pod) else { return };
    let now = scene.circumstances.now;
    let age = now.since(created.max(scene.circumstances.since));
    // Whoever runs its containers has been told to, by a scheduler or without one.
    let is_taken = text_at(pod, &["spec", "nodeName"]).is_some() || containers(pod).next().is_some();
    let is_pending = text_at(pod, &["status", "phase"]) == Some("Pending");
    let scheduler = text_at(pod, &["spec", "schedulerName"]).unwrap_or(DEFAULT_SCHEDULER);
    // The cluster's own is there, and only busy; of another one it is worth saying at once who is waited for.
    let is_busy = scheduler == DEFAULT_SCHEDULER && age.as_millis() < u128::from(SILENCE_MS);
    if is_busy || is_taken || !is_pending {
        return;
    }
    let message = format!("no scheduler has looked at the pod; it asks for \"{scheduler}\"");
    let class = after_grace(scene.circumstances.policy.unschedulable_grace_ms);
    let trouble = Trouble::new(CauseCode::Unschedulable, class, message);
    scene.suspect(Trouble { pod: Some(pod), seen: Some(created), ..trouble });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_of_the_wrong_sort_are_hopeless() {
        for (message, hopeless) in [
            (
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1",
                true,
            ),
            (
                "0/3 nodes are available: 1 node(s) had untolerated taint {team: a}, 2 node(s) didn't match Pod's node \
                 affinity/selector. no new claims to deallocate, preemption: 0/3 nodes are available",
                true,
            ),
            (
                "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector.",
                false,
            ),
            (
                "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
                false,
            ),
            ("0/0 nodes are available: .", false),
            ("no nodes available to schedule pods", false),
        ] {
            assert_eq!(no_node_could_ever(message), hopeless, "{message}");
        }
    }
}
