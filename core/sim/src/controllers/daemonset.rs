//! DaemonSets: one pod on every node that takes it (rules of Kubernetes `pkg/controller/daemon`).

use std::sync::Arc;

use backstay_object::{int_at, is_deleting, label, labels_match, list_at, map_at, name, set_at, text_at};
use serde_json::Value;

use super::pods::{Pod, is_over, is_ready, phase};
use super::revision::HASH;
use super::{put_counts, scaled};
use crate::events::{source, warning};
use crate::json::json;
use crate::ordered::Map;
use crate::world::{Ctx, Task};

const COMPONENT: &str = "daemonset-controller";

pub(super) fn run(ctx: &mut Ctx<'_>, task: &Task) {
    let Some(set) = ctx.get("apps/v1", "DaemonSet", &task.namespace, &task.name) else {
        return ctx.forget_failures(task);
    };
    if is_deleting(&set) {
        return;
    }
    let revisions = ctx.revisions(&set);
    let Some(newest) = revisions.last() else { return ctx.retry(task.clone()) };
    let hash = label(newest, "controller.kubernetes.io/hash").unwrap_or("").to_owned();
    let nodes: Vec<Arc<Value>> = ctx.store.list("", "Node", None).cloned().collect();
    let pods = ctx.pods_of(&set);
    let refused = !place(ctx, &set, &nodes, &pods, &hash);
    if refused {
        ctx.retry(task.clone());
    } else {
        ctx.forget_failures(task);
        let pods = ctx.pods_of(&set);
        roll(ctx, &set, &nodes, &pods, &hash);
    }
    let pods = ctx.pods_of(&set);
    write_status(ctx, task, &set, &nodes, &pods, &hash);
    let used: Vec<&str> = pods.iter().filter_map(|pod| label(pod, HASH)).collect();
    ctx.trim_revisions(&set, &revisions, &used);
}

/// The node a pod of a DaemonSet is meant for.
fn node_of(pod: &Value) -> &str {
    if let Some(node) = text_at(pod, &["spec", "nodeName"]).filter(|node| !node.is_empty()) {
        return node;
    }
    let required = [
        "spec",
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ];
    list_at(pod, &required)
        .iter()
        .flat_map(|term| list_at(term, &["matchFields"]))
        .find(|field| field["key"] == "metadata.name")
        .and_then(|field| list_at(field, &["values"]).first())
        .and_then(Value::as_str)
        .unwrap_or("")
}

/// Tolerations every daemon has.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

fn tolerations(template: &Value) -> Vec<Value> {
    let mut list = list_at(template, &["spec", "tolerations"]).to_vec();
    for (key, effect) in TOLERATED {
        let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
        if !list.contains(&toleration) {
            list.push(toleration);
        }
    }
    list
}

fn tolerates(tolerations: &[Value], taint: &Value) -> bool {
    tolerations.iter().any(|toleration| {
        let text = |field| text_at(toleration, &[field]).unwrap_or("");
        let key = text("key");
        (text("effect").is_empty() || taint["effect"] == text("effect"))
            && (key.is_empty() || taint["key"] == key)
            && (text("operator") == "Exists" || text("value") == text_at(taint, &["value"]).unwrap_or(""))
    })
}

/// Whether the set wants a pod on a node (`should_run`), and whether one that is there may stay.
fn wants(set: &Value, node: &Value) -> (bool, bool) {
    let spec = &set["spec"]["template"]["spec"];
    let labels = map_at(node, &["metadata", "labels"]);
    if map_at(spec, &["nodeSelector"]).is_some_and(|wanted| !labels_match(wanted, labels)) {
        return (false, false);
    }
    let terms = list_at(
        spec,
        &["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"],
    );
    let holds = |term: &Value| {
        backstay_object::selector_matches(&json!({"matchExpressions": term["matchExpressions"]}), node)
    };
    if !terms.is_empty() && !terms.iter().any(holds) {
        return (false, false);
    }
    let tolerations = tolerations(&set["spec"]["template"]);
    let hostile = |effects: &[&str]| {
        list_at(node, &["spec", "taints"]).iter().any(|taint| {
            text_at(taint, &["effect"]).is_some_and(|effect| effects.contains(&effect))
                && !tolerates(&tolerations, taint)
        })
    };
    (!hostile(&["NoSchedule", "NoExecute"]), !hostile(&["NoExecute"]))
}

/// Creates missing pods and deletes those that are too many; `false` when one was refused.
fn place(ctx: &mut Ctx<'_>, set: &Value, nodes: &[Arc<Value>], pods: &[Pod], hash: &str) -> bool {
    let mut by_node: Map<&str, Vec<&Pod>> = Map::new();
    for pod in pods {
        by_node.or_default(node_of(pod)).push(pod);
    }
    for (node, pods) in &by_node {
        if !nodes.iter().any(|known| name(known) == *node) {
            for pod in pods.iter().filter(|pod| !is_deleting(pod)) {
                ctx.delete_pod(set, COMPONENT, pod);
            }
        }
    }
    for node in nodes {
        let present = by_node.get(name(node)).map(Vec::as_slice).unwrap_or_default();
        let (should_run, may_stay) = wants(set, node);
        let mut alive = Vec::new();
        for pod in present.iter().filter(|pod| !is_deleting(pod)) {
            if is_over(pod) {
                if phase(pod) == "Failed" {
                    let message = format!(
                        "Found failed daemon pod {}/{} on node {}, will try to kill it",
                        backstay_object::namespace(pod),
                        name(pod),
                        name(node)
                    );
                    ctx.event(set, source(COMPONENT), warning("FailedDaemonPod", &message));
                }
                ctx.delete_pod(set, COMPONENT, pod);
            } else {
                alive.push(*pod);
            }
        }
        if !may_stay || (!should_run && alive.is_empty()) {
            for pod in alive {
                ctx.delete_pod(set, COMPONENT, pod);
            }
        } else if present.is_empty() {
            if !create(ctx, set, node, hash) {
                return false;
            }
        } else {
            alive
                .sort_by_key(|pod| text_at(pod, &["metadata", "creationTimestamp"]).unwrap_or("").to_owned());
            for pod in alive.iter().skip(1).filter(|pod| label(pod, HASH) == Some(hash)) {
                ctx.delete_pod(set, COMPONENT, pod);
            }
        }
    }
    true
}

fn create(ctx: &mut Ctx<'_>, set: &Value, node: &Value, hash: &str) -> bool {
    let template = &set["spec"]["template"];
    let mut pod = ctx.pod_from(set, template);
    set_at(&mut pod, &["metadata", "labels", HASH], json!(hash));
    let generation = backstay_object::generation(set).unwrap_or(1).to_string();
    set_at(&mut pod, &["metadata", "labels", "pod-template-generation"], json!(generation));
    set_at(&mut pod, &["spec", "tolerations"], Value::Array(tolerations(template)));
    let field = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name(node)]}]});
    set_at(
        &mut pod,
        &["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"],
        json!({"nodeSelectorTerms": [field]}),
    );
    ctx.create_pod(set, COMPONENT, pod).is_ok()
}

/// Replaces pods of older revisions, as many at once as may be unavailable.
fn roll(ctx: &mut Ctx<'_>, set: &Value, nodes: &[Arc<Value>], pods: &[Pod], hash: &str) {
    let strategy = &set["spec"]["updateStrategy"];
    if text_at(strategy, &["type"]) == Some("OnDelete") {
        return;
    }
    let min_ready = int_at(set, &["spec", "minReadySeconds"]).unwrap_or(0);
    let wanted = nodes.iter().filter(|node| wants(set, node).0);
    let total = i64::try_from(wanted.clone().count()).unwrap_or(0);
    let rolling = &strategy["rollingUpdate"];
    let default = json!(1);
    let most = scaled(Some(rolling.get("maxUnavailable").unwrap_or(&default)), total, true);
    let surge = scaled(rolling.get("maxSurge"), total, true);
    // Without a surge of its own, a set that may have no pod missing still replaces one at a time.
    let most = if most == 0 || surge > 0 { most.max(1) } else { most };
    let mut missing = 0;
    let mut old: Vec<&Pod> = Vec::new();
    for node in wanted {
        let here: Vec<&Pod> =
            pods.iter().filter(|pod| node_of(pod) == name(node) && !is_deleting(pod)).collect();
        let good = here.iter().any(|pod| ctx.available(pod, min_ready).is_ok());
        missing += i64::from(!good);
        for pod in here.into_iter().filter(|pod| label(pod, HASH) != Some(hash)) {
            if good {
                old.push(pod);
            } else {
                // Not available anyhow: replacing it costs nothing.
                ctx.delete_pod(set, COMPONENT, pod);
            }
        }
    }
    for pod in old.into_iter().take(usize::try_from(most - missing).unwrap_or(0)) {
        ctx.delete_pod(set, COMPONENT, pod);
    }
}

fn write_status(ctx: &mut Ctx<'_>, task: &Task, set: &Value, nodes: &[Arc<Value>], pods: &[Pod], hash: &str) {
    let min_ready = int_at(set, &["spec", "minReadySeconds"]).unwrap_or(0);
    let (mut desired, mut current, mut wrong, mut ready, mut available, mut updated) = (0, 0, 0, 0, 0, 0);
    for node in nodes {
        let mut here: Vec<&Pod> =
            pods.iter().filter(|pod| node_of(pod) == name(node) && !is_deleting(pod)).collect();
        here.sort_by_key(|pod| !is_ready(pod));
        let first = here.first();
        if !wants(set, node).0 {
            wrong += i64::from(first.is_some());
            continue;
        }
        desired += 1;
        let Some(pod) = first else { continue };
        current += 1;
        updated += i64::from(label(pod, HASH) == Some(hash));
        ready += i64::from(is_ready(pod));
        match ctx.available(pod, min_ready) {
            Ok(()) => available += 1,
            Err(Some(at)) => {
                ctx.due(task.clone(), at.since(ctx.now).max(std::time::Duration::from_millis(100)))
            }
            Err(None) => {}
        }
    }
    let mut status = json!({
        "currentNumberScheduled": current,
        "desiredNumberScheduled": desired,
        "numberMisscheduled": wrong,
        "numberReady": ready,
        "observedGeneration": set["metadata"]["generation"],
    });
    put_counts(
        &mut status,
        &[
            ("numberAvailable", available),
            ("numberUnavailable", desired - available),
            ("updatedNumberScheduled", updated),
        ],
    );
    ctx.set_status(set, status);
}
