//! Nodes that stop answering, and come back (rules of the node lifecycle controller and the taint manager).

use std::time::Duration;

use backstay_object::{ResourceKey, Timestamp, is_deleting, list_at, name, namespace, set_at, text_at, uid};
use serde_json::Value;

use crate::events::{normal, source};
use crate::faults::FaultCode;
use crate::json::json;
use crate::store::DeleteOptions;
use crate::world::{Ctx, Duty, Task};

/// Without a heartbeat for so long a node counts as lost (`--node-monitor-grace-period` of Kubernetes 1.36).
const GRACE: Duration = Duration::from_secs(50);
/// How often a lost node is looked at again (`--node-monitor-period`).
const PERIOD: Duration = Duration::from_secs(5);
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const COMPONENT: &str = "node-controller";

pub(super) fn run(ctx: &mut Ctx<'_>, node_name: &str) {
    let Some(node) = ctx.get("v1", "Node", "", node_name) else {
        return remove_pods(ctx, node_name);
    };
    let down = ctx.fault_on(FaultCode::NodeDown, "node", "", node_name);
    let now = ctx.now;
    let run = ctx.world.nodes.or_default(node_name.to_owned());
    match (down, run.down_since) {
        (true, None) => {
            run.down_since = Some(now);
            ctx.due(Task::of(Duty::Node, &node), GRACE);
        }
        (true, Some(since)) if now >= since.after(GRACE) => lost(ctx, &node),
        (true, Some(since)) => ctx.due(Task::of(Duty::Node, &node), since.after(GRACE).since(now)),
        (false, Some(_)) => {
            run.down_since = None;
            back(ctx, &node);
        }
        (false, None) => {}
    }
}

fn set_conditions(ctx: &mut Ctx<'_>, node: &Value, truth: &str, reason: &str, message: &str) {
    let now = ctx.time();
    let mut conditions = list_at(node, &["status", "conditions"]).to_vec();
    for condition in &mut conditions {
        let ready = condition["type"] == "Ready";
        // Pressure conditions are false on a node that answers.
        let truth = if ready || truth == "Unknown" { truth } else { "False" };
        if condition["status"] != truth {
            condition["status"] = json!(truth);
            condition["lastTransitionTime"] = now.clone();
            if ready || truth == "Unknown" {
                condition["reason"] = json!(reason);
                condition["message"] = json!(message);
            }
        }
    }
    let mut status = node["status"].clone();
    status["conditions"] = Value::Array(conditions);
    ctx.set_status(node, status);
}

fn set_taints(ctx: &mut Ctx<'_>, node: &Value, lost: bool) {
    let Some(key) = ResourceKey::of(node) else { return };
    let now = ctx.time();
    // The node was there a moment ago.
    let _ = ctx.store.update(&key, ctx.now, |node| {
        let mut taints = list_at(node, &["spec", "taints"]).to_vec();
        let present = taints.iter().any(|taint| taint["key"] == UNREACHABLE);
        if lost && !present {
            taints.push(json!({"key": UNREACHABLE, "effect": "NoSchedule", "timeAdded": now}));
            taints.push(json!({"key": UNREACHABLE, "effect": "NoExecute", "timeAdded": now}));
        } else if !lost {
            taints.retain(|taint| taint["key"] != UNREACHABLE);
        }
        if taints.is_empty() {
            backstay_object::remove_at(node, &["spec", "taints"]);
        } else {
            set_at(node, &["spec", "taints"], Value::Array(taints));
        }
    });
}

fn pods_on(ctx: &Ctx<'_>, node: &str) -> Vec<Value> {
    let places: Vec<(String, String)> = ctx.world.index.pods_of_node(node).cloned().collect();
    places.iter().filter_map(|(space, pod)| ctx.get("v1", "Pod", space, pod)).collect()
}

/// The node counts as lost: it and its pods are not ready any more, and pods go when their toleration ends.
fn lost(ctx: &mut Ctx<'_>, node: &Value) {
    let first = backstay_object::condition_is_true(node, "Ready");
    if first {
        set_conditions(ctx, node, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.");
        set_taints(ctx, node, true);
        let message = format!("Node {} status is now: NodeNotReady", name(node));
        ctx.event(node, source(COMPONENT), normal("NodeNotReady", &message));
    }
    let tainted = ctx.get("v1", "Node", "", name(node)).and_then(|node| {
        let taint = list_at(&node, &["spec", "taints"]).iter().find(|taint| taint["key"] == UNREACHABLE)?;
        Timestamp::parse(text_at(taint, &["timeAdded"])?).ok()
    });
    for pod in pods_on(ctx, name(node)) {
        unready(ctx, &pod);
        if is_deleting(&pod) {
            continue;
        }
        let since = tainted.unwrap_or(ctx.now);
        match toleration(&pod) {
            Some(seconds) if since.after(Duration::from_secs(seconds)) <= ctx.now => evict(ctx, &pod),
            _ => {}
        }
    }
    // Further pods have their time later, and a fault may heal by itself: somebody has to look.
    ctx.due(Task::of(Duty::Node, node), PERIOD);
}

/// Seconds a pod stays on a lost node; `None` for ever.
fn toleration(pod: &Value) -> Option<u64> {
    let mut longest = Some(0);
    for toleration in list_at(pod, &["spec", "tolerations"]) {
        let text = |field| text_at(toleration, &[field]).unwrap_or("");
        let effect = text("effect").is_empty() || text("effect") == "NoExecute";
        if !effect || !(text("key").is_empty() || text("key") == UNREACHABLE) {
            continue;
        }
        match backstay_object::int_at(toleration, &["tolerationSeconds"]) {
            Some(seconds) => longest = longest.max(Some(u64::try_from(seconds).unwrap_or(0))),
            None => return None,
        }
    }
    // The API server adds five minutes to every pod that says nothing (`DefaultTolerationSeconds`).
    if longest == Some(0) { Some(300) } else { longest }
}

fn unready(ctx: &mut Ctx<'_>, pod: &Value) {
    if !backstay_object::condition_is_true(pod, "Ready") {
        return;
    }
    let now = ctx.time();
    let mut status = pod["status"].clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        if condition["type"] == "Ready" {
            condition["status"] = json!("False");
            condition["lastTransitionTime"] = now.clone();
        }
    }
    ctx.set_status(pod, status);
}

fn evict(ctx: &mut Ctx<'_>, pod: &Value) {
    let message = format!("Marking for deletion Pod {}/{}", namespace(pod), name(pod));
    ctx.event(pod, source("taint-eviction-controller"), normal("TaintManagerEviction", &message));
    if let Some(key) = ResourceKey::of(pod) {
        // Gone already: just as well.
        let _ = ctx.store.delete(&key, &DeleteOptions::default(), ctx.now);
    }
}

fn back(ctx: &mut Ctx<'_>, node: &Value) {
    set_conditions(ctx, node, "True", "KubeletReady", "kubelet is posting ready status");
    set_taints(ctx, node, false);
    let message = format!("Node {} status is now: NodeReady", name(node));
    ctx.event(node, source("kubelet"), normal("NodeReady", &message));
    for pod in pods_on(ctx, name(node)) {
        ctx.soon(Task::of(Duty::Pod, &pod));
    }
}

/// Pods of a node that is gone are removed without asking anybody.
fn remove_pods(ctx: &mut Ctx<'_>, node_name: &str) {
    ctx.world.nodes.remove(node_name);
    for pod in pods_on(ctx, node_name) {
        let options = DeleteOptions { uid: Some(uid(&pod).to_owned()), ..DeleteOptions::now() };
        if let Some(key) = ResourceKey::of(&pod) {
            // Replaced already: just as well.
            let _ = ctx.store.delete(&key, &options, ctx.now);
        }
    }
}
