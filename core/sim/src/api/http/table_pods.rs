//! Table cells of pods and of the kinds that make pods (source of the rules: Kubernetes `printers/internalversion`).

use backstay_object::{Timestamp, at, condition_is_true, int_at, is_deleting, list_at, name, text_at};
use serde_json::{Value, json};

use super::selector::selector_text;
use super::table::human;

/// Cells of a pod.
pub(super) fn pod_cells(pod: &Value, age: &str) -> Vec<Value> {
    let statuses = list_at(pod, &["status", "containerStatuses"]);
    let total = list_at(pod, &["spec", "containers"]).len();
    let ready =
        statuses.iter().filter(|status| backstay_object::bool_at(status, &["ready"]) == Some(true)).count();
    let restarts: i64 = statuses.iter().filter_map(|status| int_at(status, &["restartCount"])).sum();
    vec![
        json!(name(pod)),
        json!(format!("{ready}/{total}")),
        json!(pod_reason(pod)),
        json!(restarts.to_string()),
        json!(age),
        json!(text_at(pod, &["status", "podIP"]).unwrap_or("<none>")),
        json!(text_at(pod, &["spec", "nodeName"]).unwrap_or("<none>")),
        json!(text_at(pod, &["status", "nominatedNodeName"]).unwrap_or("<none>")),
        json!("<none>"),
    ]
}

/// The one word kubectl shows for a pod.
fn pod_reason(pod: &Value) -> String {
    let mut reason = text_at(pod, &["status", "reason"])
        .or_else(|| text_at(pod, &["status", "phase"]))
        .unwrap_or("Unknown")
        .to_owned();
    if let Some(text) = init_reason(pod) {
        reason = text;
    } else {
        let mut running = false;
        for status in list_at(pod, &["status", "containerStatuses"]).iter().rev() {
            if let Some(text) = waiting_or_terminated(status) {
                reason = text;
            } else if backstay_object::bool_at(status, &["ready"]) == Some(true)
                && at(status, &["state", "running"]).is_some()
            {
                running = true;
            }
        }
        if reason == "Completed" && running {
            reason = if condition_is_true(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
        }
    }
    if is_deleting(pod) { "Terminating".to_owned() } else { reason }
}

fn init_reason(pod: &Value) -> Option<String> {
    let total = list_at(pod, &["spec", "initContainers"]).len();
    for (index, status) in list_at(pod, &["status", "initContainerStatuses"]).iter().enumerate() {
        if int_at(status, &["state", "terminated", "exitCode"]) == Some(0)
            || (backstay_object::bool_at(status, &["started"]) == Some(true)
                && at(status, &["state", "running"]).is_some())
        {
            continue;
        }
        return Some(match waiting_or_terminated(status) {
            Some(reason) if reason != "PodInitializing" => format!("Init:{reason}"),
            _ => format!("Init:{index}/{total}"),
        });
    }
    None
}

fn waiting_or_terminated(status: &Value) -> Option<String> {
    if let Some(reason) = text_at(status, &["state", "waiting", "reason"]).filter(|reason| !reason.is_empty())
    {
        return Some(reason.to_owned());
    }
    let terminated = at(status, &["state", "terminated"])?;
    Some(match text_at(terminated, &["reason"]).filter(|reason| !reason.is_empty()) {
        Some(reason) => reason.to_owned(),
        None => match int_at(terminated, &["signal"]).filter(|signal| *signal != 0) {
            Some(signal) => format!("Signal:{signal}"),
            None => format!("ExitCode:{}", int_at(terminated, &["exitCode"]).unwrap_or(0)),
        },
    })
}

/// Cells of Deployments, ReplicaSets, StatefulSets and DaemonSets.
pub(super) fn workload_cells(kind: &str, object: &Value, age: &str) -> Vec<Value> {
    let number = |path: &[&str]| int_at(object, path).unwrap_or(0);
    let wanted = int_at(object, &["spec", "replicas"]).unwrap_or(1);
    let ready = number(&["status", "readyReplicas"]);
    let containers = list_at(object, &["spec", "template", "spec", "containers"]);
    let joined = |field: &str| {
        containers.iter().filter_map(|container| text_at(container, &[field])).collect::<Vec<_>>().join(",")
    };
    let selector = at(object, &["spec", "selector"]).map(selector_text).unwrap_or_default();
    let mut cells = vec![json!(name(object))];
    match kind {
        "Deployment" => cells.extend([
            json!(format!("{ready}/{wanted}")),
            json!(number(&["status", "updatedReplicas"])),
            json!(number(&["status", "availableReplicas"])),
        ]),
        "ReplicaSet" => cells.extend([json!(wanted), json!(number(&["status", "replicas"])), json!(ready)]),
        "StatefulSet" => cells.push(json!(format!("{ready}/{wanted}"))),
        _ => {
            cells.extend([
                json!(number(&["status", "desiredNumberScheduled"])),
                json!(number(&["status", "currentNumberScheduled"])),
                json!(number(&["status", "numberReady"])),
                json!(number(&["status", "updatedNumberScheduled"])),
                json!(number(&["status", "numberAvailable"])),
                json!(super::table::labels_text(object, &["spec", "template", "spec", "nodeSelector"])),
                json!(age),
            ]);
            return cells;
        }
    }
    cells.extend([json!(age), json!(joined("name")), json!(joined("image"))]);
    if kind != "StatefulSet" {
        cells.push(json!(selector));
    }
    cells
}

/// Cells of a Job.
pub(super) fn job_cells(job: &Value, age: &str, now: Timestamp) -> Vec<Value> {
    let status = if condition_is_true(job, "Complete") {
        "Complete"
    } else if condition_is_true(job, "Failed") {
        "Failed"
    } else if is_deleting(job) {
        "Terminating"
    } else if condition_is_true(job, "Suspended") {
        "Suspended"
    } else {
        "Running"
    };
    let succeeded = int_at(job, &["status", "succeeded"]).unwrap_or(0);
    let time = |field: &str| text_at(job, &["status", field]).and_then(|time| Timestamp::parse(time).ok());
    let duration =
        time("startTime").map(|start| human(time("completionTime").unwrap_or(now).since(start).as_secs()));
    vec![
        json!(name(job)),
        json!(status),
        json!(format!("{succeeded}/{}", int_at(job, &["spec", "completions"]).unwrap_or(1))),
        json!(duration.unwrap_or_default()),
        json!(age),
    ]
}
