//! The scheduler: places pods on nodes, or says why no node takes them.

mod claims;
mod fit;
mod spread;

use std::sync::Arc;
use std::time::Duration;

use backstay_object::{
    condition, controller_owner, int_at, is_deleting, list_at, name, set_at, text_at, uid,
};
use serde_json::Value;

use super::kubelet::key_of;
use super::status::finished;
use crate::events::{normal, warning};
use crate::faults::FaultCode;
use crate::json::json;
use crate::ordered::Map;
use crate::world::{Ctx, Duty, Task};

use claims::Claims;
pub(crate) use fit::Load;
use fit::Refusal;

/// How often an unschedulable pod is looked at although nothing has changed (kube-scheduler flushes after 5 minutes).
const FLUSH: Duration = Duration::from_secs(300);

/// Tries to place one pod that has no node.
pub(crate) fn schedule(ctx: &mut Ctx<'_>, namespace: &str, name: &str) {
    let Some(pod) = ctx.get("v1", "Pod", namespace, name) else { return };
    let placed = text_at(&pod, &["spec", "nodeName"]).is_some_and(|node| !node.is_empty());
    let own = text_at(&pod, &["spec", "schedulerName"]).unwrap_or("default-scheduler") == "default-scheduler";
    if placed || !own || is_deleting(&pod) || finished(&pod) {
        return;
    }
    if !list_at(&pod, &["spec", "schedulingGates"]).is_empty() {
        let message = "Scheduling is blocked due to non-empty scheduling gates";
        return set_condition(ctx, &pod, "False", Some(("SchedulingGated", message)));
    }
    let nodes: Vec<Arc<Value>> = ctx.store.list("", "Node", None).cloned().collect();
    match choose(ctx, &pod, &nodes) {
        Choice::Node(node) => bind(ctx, &pod, &node),
        Choice::WaitForClaims => {}
        Choice::Nothing(message) => {
            ctx.scheduler_event(&pod, "Scheduling", warning("FailedScheduling", &message));
            set_condition(ctx, &pod, "False", Some(("Unschedulable", &message)));
            let task = Task::new(Duty::Schedule, namespace, name);
            if let Some(healed) = ctx.next_healing(&pod) {
                ctx.world.timers.set(task.clone(), healed.after(Duration::from_millis(1)));
            }
            ctx.due(task, FLUSH);
        }
    }
}

/// Something has changed that may let waiting pods be placed.
pub(crate) fn wake_unscheduled(ctx: &mut Ctx<'_>) {
    let waiting: Vec<(String, String)> = ctx.world.index.unscheduled.iter().cloned().collect();
    for (namespace, name) in waiting {
        let delay = ctx.between(&name, "schedule", 5, 30);
        ctx.due(Task::new(Duty::Schedule, &namespace, &name), Duration::from_millis(delay));
    }
}

enum Choice {
    Node(String),
    WaitForClaims,
    Nothing(String),
}

fn choose(ctx: &mut Ctx<'_>, pod: &Value, nodes: &[Arc<Value>]) -> Choice {
    let total = nodes.len();
    if total == 0 {
        return Choice::Nothing("no nodes available to schedule pods".to_owned());
    }
    let unbound = match claims::look(ctx, pod) {
        Claims::Missing(why) => {
            return Choice::Nothing(format!("0/{total} nodes are available: {why}. not found"));
        }
        Claims::Bound(volumes) => Ok(volumes),
        Claims::Wait { node, volumes } => Err((node, volumes)),
    };
    let faulty = ctx.faults_of(pod, None).contains(&FaultCode::Unschedulable);
    let (volumes, decided) = match &unbound {
        Ok(volumes) => (volumes, None),
        Err((node, volumes)) => (volumes, node.as_deref()),
    };
    let wants = fit::requests(pod);
    let empty = Load::default();
    let mut refusals = Vec::new();
    let mut best: Option<(Rank, String)> = None;
    for node in nodes {
        let load = ctx.world.index.load_of(name(node)).unwrap_or(&empty);
        let mut refused = fit::refusals(ctx, pod, node, &wants, load);
        if refused.is_empty() && !claims::reachable(volumes, node) {
            refused.push(Refusal::lasting("node(s) didn't match PersistentVolume's node affinity"));
        }
        if refused.is_empty() && faulty {
            refused.push(Refusal::lasting("Insufficient cpu"));
        }
        if !refused.is_empty() {
            refusals.push(refused);
            continue;
        }
        if decided == Some(name(node)) {
            return Choice::WaitForClaims;
        }
        let rank = rank(ctx, pod, node, load);
        if best.as_ref().is_none_or(|(present, _)| rank < *present) {
            best = Some((rank, name(node).to_owned()));
        }
    }
    match (best, unbound) {
        (None, _) => Choice::Nothing(sentence(total, &refusals)),
        (Some((_, node)), Ok(_)) => Choice::Node(node),
        (Some((_, node)), Err(_)) => {
            claims::select(ctx, pod, &node);
            Choice::WaitForClaims
        }
    }
}

/// Smaller is better: fewer pods of the same controller, then less load, then by chance.
type Rank = (u32, u64, u64);

fn rank(ctx: &Ctx<'_>, pod: &Value, node: &Value, load: &Load) -> Rank {
    let owner = controller_owner(pod).and_then(|owner| text_at(owner, &["uid"])).unwrap_or("");
    let siblings = load.siblings(owner);
    (siblings, load.share(node), ctx.chance(uid(pod), name(node)))
}

/// The words of the scheduler: reasons with how many nodes they concern, and what preemption would say.
fn sentence(total: usize, refusals: &[Vec<Refusal>]) -> String {
    let count = |texts: &mut dyn Iterator<Item = &str>| {
        let mut counts = Map::<String, usize>::new();
        for text in texts {
            *counts.or_default(text.to_owned()) += 1;
        }
        let mut parts: Vec<String> =
            counts.into_iter().map(|(text, count)| format!("{count} {text}")).collect();
        parts.sort();
        parts.join(", ")
    };
    let reasons = count(&mut refusals.iter().flatten().map(|refusal| refusal.text.as_str()));
    let preemption = count(&mut refusals.iter().map(|refused| {
        if refused.iter().any(|refusal| refusal.lasting) {
            "Preemption is not helpful for scheduling"
        } else {
            "No preemption victims found for incoming pod"
        }
    }));
    format!(
        "0/{total} nodes are available: {reasons}. no new claims to deallocate, preemption: 0/{total} nodes are available: {preemption}."
    )
}

fn bind(ctx: &mut Ctx<'_>, pod: &Value, node: &str) {
    let at = ctx.now;
    let condition = scheduled(ctx, pod, "True", None);
    let bound = ctx.store.update(&key_of(pod), at, |pod| {
        set_at(pod, &["spec", "nodeName"], json!(node));
        put(pod, condition);
    });
    if bound.is_ok() {
        let message =
            format!("Successfully assigned {}/{} to {node}", backstay_object::namespace(pod), name(pod));
        ctx.scheduler_event(pod, "Binding", normal("Scheduled", &message));
    }
}

fn set_condition(ctx: &mut Ctx<'_>, pod: &Value, status: &str, why: Option<(&str, &str)>) {
    let made = scheduled(ctx, pod, status, why);
    // Gone in the meantime: nothing is left to place.
    let _ = ctx.store.update_status(&key_of(pod), ctx.now, |pod| put(pod, made));
}

/// The condition `PodScheduled`; its transition time moves with its status only.
fn scheduled(ctx: &Ctx<'_>, pod: &Value, status: &str, why: Option<(&str, &str)>) -> Value {
    let since = condition(pod, "PodScheduled")
        .filter(|old| text_at(old, &["status"]) == Some(status))
        .and_then(|old| old.get("lastTransitionTime").cloned())
        .unwrap_or_else(|| ctx.time());
    let mut made = json!({
        "type": "PodScheduled",
        "status": status,
        "lastProbeTime": null,
        "lastTransitionTime": since,
        "observedGeneration": int_at(pod, &["metadata", "generation"]).unwrap_or(1),
    });
    if let (Some((reason, message)), Some(map)) = (why, made.as_object_mut()) {
        map.insert("reason".to_owned(), json!(reason));
        map.insert("message".to_owned(), json!(message));
    }
    made
}

fn put(pod: &mut Value, condition: Value) {
    let mut conditions = list_at(pod, &["status", "conditions"]).to_vec();
    conditions.retain(|present| text_at(present, &["type"]) != Some("PodScheduled"));
    conditions.push(condition);
    set_at(pod, &["status", "conditions"], Value::Array(conditions));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_scheduler() {
        let short = |text: &str| vec![Refusal { text: text.to_owned(), lasting: false }];
        let never = |text: &str| vec![Refusal::lasting(text)];
        for (refusals, expected) in [
            (
                vec![never("Insufficient cpu"), never("Insufficient cpu")],
                "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            ),
            (
                vec![
                    short("Insufficient memory"),
                    never("node(s) didn't match Pod's node affinity/selector"),
                ],
                "0/2 nodes are available: 1 Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
            ),
        ] {
            assert_eq!(sentence(2, &refusals), expected);
        }
    }
}
