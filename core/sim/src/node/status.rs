//! What the kubelet writes into a pod's status.

use backstay_object::{Timestamp, condition, int_at, list_at, name, namespace, text_at, uid};
use serde_json::{Map, Value};

use super::{Ended, PodRun, Run, Sandbox, restart_policy, specs};
use crate::images::ImageName;
use crate::json::json;
use crate::world::{Ctx, chance};

/// Writes the pod's status as the kubelet sees it now.
pub(super) fn write(ctx: &mut Ctx<'_>, pod: &Value, run: &PodRun) {
    // The stored pod may have changed since the kubelet began to look at it.
    let Some(stored) = ctx.store.by_uid(uid(pod)).cloned() else { return };
    let mut status = match stored.get("status") {
        Some(Value::Object(status)) => status.clone(),
        _ => Map::new(),
    };
    let generation = int_at(&stored, &["metadata", "generation"]).unwrap_or(1);
    let host = host_address(ctx, &run.node);
    status.insert("hostIP".to_owned(), json!(host));
    status.insert("hostIPs".to_owned(), json!([{"ip": host}]));
    status.insert("startTime".to_owned(), stamp(run.start));
    status.insert("observedGeneration".to_owned(), json!(generation));
    if matches!(run.sandbox, Sandbox::Up(_) | Sandbox::Down(_)) {
        status.insert("podIP".to_owned(), json!(run.ip));
        status.insert("podIPs".to_owned(), json!([{"ip": run.ip}]));
    }
    let computed = phase(&stored, run);
    let seen =
        if run.over || !matches!(computed, "Succeeded" | "Failed") { computed } else { held_phase(run) };
    status.insert("phase".to_owned(), json!(seen));
    for (field, text) in
        [("reason", run.failed.as_ref().map(|it| &it.0)), ("message", run.failed.as_ref().map(|it| &it.1))]
    {
        match text {
            Some(text) => status.insert(field.to_owned(), json!(text)),
            None => status.remove(field),
        };
    }
    let conditions = conditions(ctx, &stored, run, computed, generation);
    status.insert("conditions".to_owned(), Value::Array(conditions));
    let has_init = run.containers.iter().any(|run| run.init);
    for (field, init) in [("initContainerStatuses", true), ("containerStatuses", false)] {
        let list: Vec<Value> = specs(&stored)
            .zip(&run.containers)
            .filter(|(_, container)| container.init == init)
            .map(|(spec, container)| container_status(ctx.world.seed, spec, run, container, has_init))
            .collect();
        if !list.is_empty() {
            status.insert(field.to_owned(), Value::Array(list));
        }
    }
    ctx.set_status(&stored, Value::Object(status));
}

/// The phase before it is held back: the real kubelet reports the end of a pod only once its sandbox is gone.
fn held_phase(run: &PodRun) -> &'static str {
    let ran =
        run.containers.iter().filter(|run| !run.init).all(|run| run.running.is_some() || run.ended.is_some());
    if ran { "Running" } else { "Pending" }
}

/// The phase that follows from the containers (kubelet `getPhase`).
pub(super) fn phase(pod: &Value, run: &PodRun) -> &'static str {
    if run.failed.is_some() {
        return "Failed";
    }
    let policy = restart_policy(pod);
    let good = |run: &Run| run.ended.as_ref().is_some_and(|ended| ended.code == 0);
    let stopped = run.over || run.ending.is_some_and(|ending| ending.done_at.is_some());
    let init = || run.containers.iter().filter(|run| run.init);
    let main = || run.containers.iter().filter(|run| !run.init);
    if stopped {
        return if main().all(good) && init().all(|run| run.sidecar || good(run)) {
            "Succeeded"
        } else {
            "Failed"
        };
    }
    let init_failed =
        init().any(|run| !run.sidecar && run.running.is_none() && run.ended.is_some() && !good(run));
    if init_failed && policy == "Never" {
        return "Failed";
    }
    if !run.initialized() {
        return "Pending";
    }
    if main().any(|run| run.running.is_none() && run.ended.is_none()) {
        return "Pending";
    }
    if main().any(|run| run.running.is_some()) || policy == "Always" {
        return "Running";
    }
    match (main().all(good), policy) {
        (true, _) => "Succeeded",
        (false, "Never") => "Failed",
        (false, _) => "Running",
    }
}

fn conditions(ctx: &Ctx<'_>, pod: &Value, run: &PodRun, phase: &str, generation: i64) -> Vec<Value> {
    let over = match phase {
        "Succeeded" => Some("PodCompleted"),
        "Failed" => Some("PodFailed"),
        _ => None,
    };
    let names = |wanted: &dyn Fn(&Run) -> bool| -> String {
        let names: Vec<&str> =
            run.containers.iter().filter(|run| wanted(run)).map(|run| run.name.as_str()).collect();
        names.join(" ")
    };
    let incomplete = names(&|run: &Run| run.init && !run.passed_init());
    let unready = names(&|run: &Run| (!run.init || run.sidecar) && !run.ready);
    let initialized = if phase == "Succeeded" {
        ("True", Some("PodCompleted"), None)
    } else if incomplete.is_empty() || main_ran(run) {
        ("True", None, None)
    } else {
        (
            "False",
            Some("ContainersNotInitialized"),
            Some(format!("containers with incomplete status: [{incomplete}]")),
        )
    };
    let ready = match over {
        Some(reason) => ("False", Some(reason), None),
        None if unready.is_empty() => ("True", None, None),
        None => (
            "False",
            Some("ContainersNotReady"),
            Some(format!("containers with unready status: [{unready}]")),
        ),
    };
    let network = if matches!(run.sandbox, Sandbox::Up(_)) { "True" } else { "False" };
    let gate = gate_missing(pod);
    let pod_ready = match (&gate, ready.0) {
        (Some(gate), "True") => (
            "False",
            Some("ReadinessGatesNotReady"),
            Some(format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.")),
        ),
        _ => ready.clone(),
    };
    let mut list: Vec<Value> = [
        ("PodReadyToStartContainers", (network, None, None)),
        ("Initialized", initialized),
        ("Ready", pod_ready),
        ("ContainersReady", ready),
        ("PodScheduled", ("True", None, None)),
    ]
    .into_iter()
    .map(|(kind, (status, reason, message))| {
        let old = condition(pod, kind);
        let since = old
            .filter(|old| text_at(old, &["status"]) == Some(status))
            .and_then(|old| old.get("lastTransitionTime").cloned())
            .unwrap_or_else(|| stamp(ctx.now));
        let mut made = json!({
            "type": kind,
            "status": status,
            "lastProbeTime": null,
            "lastTransitionTime": since,
            "observedGeneration": generation,
        });
        if let (Some(reason), Some(map)) = (reason, made.as_object_mut()) {
            map.insert("reason".to_owned(), json!(reason));
        }
        if let (Some(message), Some(map)) = (message, made.as_object_mut()) {
            map.insert("message".to_owned(), json!(message));
        }
        made
    })
    .collect();
    // What others wrote (readiness gates, the disruption controller) stays.
    for other in list_at(pod, &["status", "conditions"]) {
        if !list.iter().any(|own| own.get("type") == other.get("type")) {
            list.push(other.clone());
        }
    }
    list
}

/// A readiness gate whose condition is not `True`.
fn gate_missing(pod: &Value) -> Option<String> {
    list_at(pod, &["spec", "readinessGates"])
        .iter()
        .filter_map(|gate| text_at(gate, &["conditionType"]))
        .find(|gate| !backstay_object::condition_is_true(pod, gate))
        .map(str::to_owned)
}

fn main_ran(run: &PodRun) -> bool {
    run.containers.iter().any(|run| !run.init && (run.running.is_some() || run.ended.is_some()))
}

fn container_status(seed: u64, spec: &Value, pod: &PodRun, run: &Run, has_init: bool) -> Value {
    let image = text_at(spec, &["image"]).unwrap_or("");
    let full = ImageName::parse(image).map_or_else(|_| image.to_owned(), |name| name.full());
    let started = !run.id.is_empty();
    let mut status = json!({
        "name": run.name,
        "image": if started { full.as_str() } else { image },
        "imageID": if started { image_id(seed, image) } else { String::new() },
        "ready": run.ready,
        "started": run.started,
        "restartCount": run.restarts,
        "state": {},
        "lastState": {},
    });
    let Some(map) = status.as_object_mut() else { return status };
    if started {
        map.insert("containerID".to_owned(), json!(run.id));
        map.insert("resources".to_owned(), spec.get("resources").cloned().unwrap_or_else(|| json!({})));
    }
    let stopped = pod.over || pod.ending.is_some();
    let (state, last) = match (&run.running, &run.ended, &run.waiting) {
        (Some(running), _, _) => (json!({"running": {"startedAt": stamp(running.since)}}), run.last.as_ref()),
        (None, Some(ended), Some(waiting)) if !stopped => (waiting_state(waiting), Some(ended)),
        (None, Some(ended), _) => (json!({"terminated": terminated(ended)}), run.last.as_ref()),
        (None, None, _) if pod.over => (
            json!({"terminated": {
                "exitCode": 137,
                "finishedAt": null,
                "startedAt": null,
                "reason": "ContainerStatusUnknown",
                "message": "The container could not be located when the pod was terminated",
            }}),
            None,
        ),
        (None, None, Some(waiting)) if !stopped => (waiting_state(waiting), None),
        (None, None, _) => {
            let reason = if has_init { "PodInitializing" } else { "ContainerCreating" };
            (json!({"waiting": {"reason": reason}}), None)
        }
    };
    map.insert("state".to_owned(), state);
    if let Some(last) = last {
        map.insert("lastState".to_owned(), json!({"terminated": terminated(last)}));
    }
    status
}

fn waiting_state((reason, message): &(String, String)) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

fn terminated(ended: &Ended) -> Value {
    let mut state = json!({
        "containerID": ended.id,
        "exitCode": ended.code,
        "reason": ended.reason,
        "startedAt": stamp(ended.from),
        "finishedAt": stamp(ended.to),
    });
    if let (false, Some(map)) = (ended.message.is_empty(), state.as_object_mut()) {
        map.insert("message".to_owned(), json!(ended.message));
    }
    state
}

fn stamp(at: Timestamp) -> Value {
    Value::String(at.to_rfc3339_seconds())
}

/// 64 hexadecimal digits that follow from a name.
pub(super) fn digest(seed: u64, text: &str) -> String {
    ["a", "b", "c", "d"].iter().map(|part| format!("{:016x}", chance(seed, text, part))).collect()
}

fn image_id(seed: u64, image: &str) -> String {
    match ImageName::parse(image) {
        Ok(name) if name.digest => name.full(),
        Ok(name) => format!("{}@sha256:{}", name.repository(), digest(seed, &name.full())),
        Err(_) => String::new(),
    }
}

/// The node's address as its object says.
pub(super) fn host_address(ctx: &Ctx<'_>, node: &str) -> String {
    ctx.store
        .find("", "Node", "", node)
        .and_then(|node| {
            list_at(node, &["status", "addresses"])
                .iter()
                .find(|address| text_at(address, &["type"]) == Some("InternalIP"))
                .and_then(|address| text_at(address, &["address"]))
                .map(str::to_owned)
        })
        .unwrap_or_else(|| "192.0.2.1".to_owned())
}

/// Whether the kubelet has nothing to do with a pod any more.
pub(super) fn finished(pod: &Value) -> bool {
    matches!(text_at(pod, &["status", "phase"]), Some("Succeeded" | "Failed"))
}

/// `name_namespace(uid)`, as the kubelet writes a pod in messages.
pub(super) fn full_name(pod: &Value) -> String {
    format!("{}_{}({})", name(pod), namespace(pod), uid(pod))
}
