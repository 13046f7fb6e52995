//! What objects say of themselves: Jobs that failed, Deployments past their deadline, pods that ended.

use alloc::format;
use alloc::string::String;

use backstay_object::{condition, condition_is_true, kind, text_at};
use serde_json::Value;

use super::{Scene, Trouble, time_at};
use crate::code::CauseCode;
use crate::types::{Class, Readiness};

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
        _ => scene.declare(Trouble::new(CauseCode::NoProgress, Class::FatalNow, readiness.message.as_str())),
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
    let message = ended(pod);
    scene.declare(Trouble { pod: Some(pod), ..Trouble::new(code, Class::FatalNow, message) });
}

/// How a pod ended, in words: its own reason, or the first container that ended badly.
pub(super) fn ended(pod: &Value) -> String {
    let text = |field: &str| text_at(pod, &["status", field]);
    match (text("reason"), text("message")) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (Some(text), None) | (None, Some(text)) => String::from(text),
        (None, None) => String::from("the pod ended without success"),
    }
}

/// Adds what the findings so far say about why.
fn with_explanation(scene: &Scene<'_>, message: &str) -> String {
    match scene.findings.first() {
        Some(finding) => {
            let pod = finding.cause.pod.as_deref().map(|pod| format!("pod {pod}: ")).unwrap_or_default();
            format!("{message} ({pod}{}: {})", finding.cause.code, finding.cause.message)
        }
        None => String::from(message),
    }
}
