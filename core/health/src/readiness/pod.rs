//! Pods that stand for themselves, and pods of sets by Helm's rules.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use backstay_object::{annotation, int_at, list_at, text_at};
use serde_json::Value;

use super::{Subject, state};
use crate::revision::created_at;
use crate::types::{Readiness, Status};

/// How long the scheduler gets by kstatus.
const SCHEDULING: Duration = Duration::from_secs(15);

pub(super) fn pod(subject: Subject<'_>) -> Readiness {
    let containers = list_at(subject.status, &["containerStatuses"]);
    let desired = i64::try_from(containers.len().max(1)).unwrap_or(1);
    let ready = containers.iter().filter(|found| found.get("ready") == Some(&Value::Bool(true))).count();
    let ready = i64::try_from(ready).unwrap_or(0);
    let (status, message) = match text_at(subject.status, &["phase"]) {
        Some("Succeeded") => (Status::Current, String::from("completed")),
        Some("Failed") => failed(subject, containers),
        Some("Running") => running(subject, containers),
        Some("Pending") => pending(subject, containers),
        _ => (Status::InProgress, String::from("not seen by a scheduler or kubelet yet")),
    };
    let ready = if status == Status::Current { desired } else { ready };
    Readiness { message, ..state(status, "", ready, desired) }
}

fn failed(subject: Subject<'_>, containers: &[Value]) -> (Status, String) {
    let code = |found: &Value| int_at(found, &["state", "terminated", "exitCode"]);
    let bad = containers.iter().find(|found| code(found).is_some_and(|code| code != 0));
    let reason = subject.condition("Ready").and_then(|found| text_at(found, &["reason"]));
    if !subject.is_ours() || (reason == Some("PodCompleted") && bad.is_none()) {
        return (Status::Current, String::from("completed, but not successfully"));
    }
    let text = |field: &str| text_at(subject.status, &[field]);
    let message = match (text("reason"), text("message"), bad) {
        (Some(reason), Some(message), _) => format!("{reason}: {message}"),
        (None, Some(text), _) | (Some(text), None, _) => String::from(text),
        (None, None, Some(bad)) => {
            format!(
                "container {} exited with {}",
                text_at(bad, &["name"]).unwrap_or(""),
                code(bad).unwrap_or(0)
            )
        }
        (None, None, None) => String::from("failed"),
    };
    (Status::Failed, message)
}

fn running(subject: Subject<'_>, containers: &[Value]) -> (Status, String) {
    if !subject.is_ours() {
        return if subject.is_true("Ready") {
            (Status::Current, String::from("ready"))
        } else if containers.iter().any(|found| waiting_reason(found) == Some("CrashLoopBackOff")) {
            (Status::Failed, String::from("containers in CrashLoopBackOff"))
        } else {
            (Status::InProgress, String::from("running, not ready"))
        };
    }
    if let Some(trouble) = trouble(subject, containers) {
        return trouble;
    }
    if runs_to_an_end(subject) {
        return (Status::InProgress, String::from("running to its end"));
    }
    if subject.is_true("Ready") {
        return (Status::Current, String::from("ready"));
    }
    let crashed = containers.iter().find(|found| {
        found.get("ready") != Some(&Value::Bool(true)) && found.pointer("/lastState/terminated").is_some()
    });
    match crashed {
        Some(found) => {
            let name = text_at(found, &["name"]).unwrap_or("");
            (Status::Failed, format!("container {name} has crashed"))
        }
        None => (Status::InProgress, String::from("running, not ready")),
    }
}

fn pending(subject: Subject<'_>, containers: &[Value]) -> (Status, String) {
    let scheduled = subject.condition("PodScheduled");
    let text = |field: &str| scheduled.and_then(|found| text_at(found, &[field]));
    if text("status") == Some("False") && text("reason") == Some("Unschedulable") {
        let message = String::from(text("message").unwrap_or("no node takes it"));
        // Without a time of creation it has waited long enough, as kstatus has it.
        let age = created_at(subject.object).map(|created| subject.now.since(created));
        let patient = age.is_some_and(|age| age <= SCHEDULING);
        return (if patient { Status::InProgress } else { Status::Failed }, message);
    }
    if subject.is_ours()
        && let Some(trouble) = trouble(subject, containers)
    {
        return trouble;
    }
    (Status::InProgress, String::from("starting"))
}

/// A container that is held back by an error, in a pod that is meant to run for ever.
fn trouble(subject: Subject<'_>, containers: &[Value]) -> Option<(Status, String)> {
    if runs_to_an_end(subject) {
        return None;
    }
    containers.iter().find_map(|found| {
        let reason = waiting_reason(found)?;
        let bad = reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff");
        let message = text_at(found, &["state", "waiting", "message"]).unwrap_or("");
        bad.then(|| (Status::Failed, format!("{reason}: {message}")))
    })
}

/// Whether the pod is one that ends. The annotation is Argo CD's way to say that it is not, in spite of its policy.
fn runs_to_an_end(subject: Subject<'_>) -> bool {
    let object = subject.object;
    if !matches!(text_at(subject.spec, &["restartPolicy"]), Some("Never" | "OnFailure")) {
        return false;
    }
    let is_hook =
        ["argocd.argoproj.io/hook", "helm.sh/hook"].iter().any(|key| annotation(object, key).is_some());
    let overridden = annotation(object, "argocd.argoproj.io/ignore-restart-policy") == Some("true");
    is_hook || !overridden
}

fn waiting_reason(container: &Value) -> Option<&str> {
    text_at(container, &["state", "waiting", "reason"])
}
