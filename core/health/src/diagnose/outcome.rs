//! What objects say of themselves: Jobs that failed, Deployments past their deadline, pods that ended.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::{Timestamp, condition, condition_is_true, int_at, kind, text_at};
use serde_json::Value;

use super::pod::{containers, status_written_at};
use super::{Scene, Trouble, time_at};
use crate::code::CauseCode;
use crate::types::{Circumstances, Class, Readiness};

/// An object whose status says that it failed.
pub(super) fn declared(scene: &mut Scene<'_>, readiness: &Readiness) {
    match kind(scene.object) {
        "Job" => job(scene, readiness),
        "Deployment" => progress(scene, readiness),
        "Pod" => pod(scene),
        // By Helm's rules these fail with their pods; the pods have findings of their own.
        "ReplicaSet" | "ReplicationController" | "StatefulSet" | "DaemonSet" => {}
        "PersistentVolumeClaim" => {
            scene.declare(Trouble::new(
                CauseCode::VolumeNotBound,
                Class::FatalNow,
                readiness.message.as_str(),
            ));
        }
        _ => {
            let (class, seen) = crate::readiness::certainty(scene.object, scene.circumstances.policy);
            let trouble = Trouble::new(CauseCode::NoProgress, class, readiness.message.as_str());
            scene.declare(Trouble { seen, ..trouble });
        }
    }
}

fn job(scene: &mut Scene<'_>, readiness: &Readiness) {
    let failed = ["Failed", "FailureTarget"].iter().find(|wanted| condition_is_true(scene.object, wanted));
    let seen = failed.and_then(|found| time_at(condition(scene.object, found)?, &["lastTransitionTime"]));
    let message = with_explanation(scene, &readiness.message);
    scene.declare(Trouble { seen, ..Trouble::new(CauseCode::JobFailed, Class::FatalNow, message) });
}

/// A deadline that passed before this rollout began says nothing about it.
fn progress(scene: &mut Scene<'_>, readiness: &Readiness) {
    let progressing = condition(scene.object, "Progressing");
    let seen = progressing.and_then(|found| {
        time_at(found, &["lastUpdateTime"]).or_else(|| time_at(found, &["lastTransitionTime"]))
    });
    let is_old = seen.is_some_and(|at| at < super::events::whole_seconds(scene.circumstances.since));
    let class = if is_old { Class::Recoverable } else { Class::FatalNow };
    let message = with_explanation(scene, &readiness.message);
    scene.declare(Trouble { seen, ..Trouble::new(CauseCode::NoProgress, class, message) });
}

/// A pod of its own that ended. What holds back one that has not ended is found by looking at its containers.
fn pod(scene: &mut Scene<'_>) {
    let pod = scene.object;
    if text_at(pod, &["status", "phase"]) != Some("Failed") {
        return;
    }
    let code = match text_at(pod, &["status", "reason"]) {
        Some("Evicted") => CauseCode::Evicted,
        Some("DeadlineExceeded") => CauseCode::DeadlineExceeded,
        _ => CauseCode::PodFailed,
    };
    let (message, seen) = (ended(pod), ended_at(pod));
    scene.declare(Trouble { pod: Some(pod), seen, ..Trouble::new(code, Class::FatalNow, message) });
}

/// Pods of a workload that have ended. Their controller replaces them, so one is no verdict; the same end again and again is.
pub(super) fn ended_pods<'a>(scene: &mut Scene<'a>, pods: &[&'a Value]) {
    let failed = |pod: &&&Value| text_at(pod, &["status", "phase"]) == Some("Failed");
    let is_evicted = |pod: &Value| text_at(pod, &["status", "reason"]) == Some("Evicted");
    if kind(scene.object) == "Pod" {
        return;
    }
    // Ended pods of before are litter.
    let Circumstances { applied_at, .. } = *scene.circumstances;
    let is_litter = |pod: &Value| {
        scene.circumstances.was_there(pod)
            && ended_at(pod).or_else(|| status_written_at(pod)) < Some(applied_at)
    };
    let pods: Vec<&'a Value> = pods.iter().copied().filter(|pod| !is_litter(pod)).collect();
    let evictions = pods.iter().filter(failed).filter(|pod| is_evicted(pod)).count();
    // As patient as with crashes: the first one and so many more.
    let limit = usize::try_from(scene.circumstances.policy.crash_restarts).unwrap_or(usize::MAX);
    let repeats = evictions > limit && kind(scene.object) != "Job";
    for pod in pods.iter().filter(failed) {
        let (code, class) = match (is_evicted(pod), repeats) {
            (true, true) => (CauseCode::Evicted, Class::FatalNow),
            (true, false) => (CauseCode::Evicted, Class::Recoverable),
            (false, _) => (CauseCode::PodFailed, Class::Recoverable),
        };
        let seen = ended_at(pod);
        scene.suspect(Trouble { pod: Some(pod), seen, ..Trouble::new(code, class, ended(pod)) });
    }
}

fn ended_at(pod: &Value) -> Option<Timestamp> {
    containers(pod)
        .filter_map(|container| time_at(container.status, &["state", "terminated", "finishedAt"]))
        .max()
}

/// How a pod ended, in words: its own reason, or the first container that ended badly.
fn ended(pod: &Value) -> String {
    let text = |field: &str| text_at(pod, &["status", field]).filter(|text| !text.is_empty());
    match (text("reason"), text("message")) {
        (Some(reason), Some(message)) => return format!("{reason}: {message}"),
        (Some(text), None) | (None, Some(text)) => return String::from(text),
        (None, None) => {}
    }
    let bad = containers(pod).find_map(|container| {
        let code =
            int_at(container.status, &["state", "terminated", "exitCode"]).filter(|code| *code != 0)?;
        Some((container, code))
    });
    let Some((container, code)) = bad else { return String::from("the pod ended without success") };
    let end = |field: &str| text_at(container.status, &["state", "terminated", field]).unwrap_or("").trim();
    let mut words = format!("container {} ended with exit code {code} ({})", container.name(), end("reason"));
    if !end("message").is_empty() {
        words.push_str(": ");
        words.push_str(end("message"));
    }
    words
}

/// Adds what the findings so far say about why.
fn with_explanation(scene: &Scene<'_>, message: &str) -> String {
    match scene.findings.iter().min_by_key(|finding| super::certainty(finding)) {
        Some(finding) => {
            let pod = finding.cause.pod.as_deref().map(|pod| format!("pod {pod}: ")).unwrap_or_default();
            format!("{message} ({pod}{}: {})", finding.cause.code, finding.cause.message)
        }
        None => String::from(message),
    }
}
