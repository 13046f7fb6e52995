//! The recorded rollouts as other clients, other clusters and other workload kinds would have shown them: mechanically changed
//! copies. What healed may be condemned in none of them, and what failed fails in all of them for the same reason.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

mod client;
mod pairs;
mod polled;
mod workloads;

use std::path::Path;

use backstay_health::{CauseCode, FailFast, Policy};
use backstay_rehearse::{Judgement, Recording, ReplayOutcome, replay};
use serde_json::Value;

use CauseCode::{
    ConfigMissing, CrashLoop, HookFailed, ImageNotFound, ImagePullFailed, JobFailed, MountFailed,
    ProbeFailing, QuotaExceeded, Unschedulable, VolumeNotBound,
};

/// A recording: its name, when its change comes, the right code, and when it is decided by then.
pub(crate) type Recorded = (&'static str, f64, Option<CauseCode>, f64);

pub(crate) const ALL: &[Recorded] = &[
    ("f1-image-not-found", 20.0, Some(ImageNotFound), 26.0),
    ("f1b-registry-down", 10.0, Some(ImagePullFailed), 76.6),
    ("f2-crash", 15.0, Some(CrashLoop), 61.0),
    ("f2i-install", -1.0, Some(CrashLoop), 42.6),
    ("f3-config-key", 20.0, Some(ConfigMissing), 26.1),
    ("f4-unschedulable", 10.0, Some(Unschedulable), 192.2),
    ("f5-quota", 20.0, Some(QuotaExceeded), 30.1),
    ("f6-never-ready", 10.0, Some(ProbeFailing), 82.0),
    ("f7-hook-job", 10.0, Some(HookFailed), 22.6),
    ("f7b-plain-job", 15.0, Some(JobFailed), 27.0),
    ("f8-pvc", 20.0, Some(VolumeNotBound), 28.9),
    ("f9-mount", 20.0, Some(MountFailed), 64.4),
    ("f12-sts", 15.0, Some(CrashLoop), 66.8),
    ("h1-slow-start", 14.0, None, 89.7),
    ("h2-crash-until-dependency", 22.4, None, 62.6),
    ("h5-secret-volume-late", 12.0, None, 47.6),
    ("h8-node-labelled-late", 6.0, None, 36.2),
    ("h9-scaled-by-other", 14.0, None, 56.9),
    ("h11-pod-deleted", 6.0, None, 40.3),
];

/// The lines of a recording.
pub(crate) fn lines(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../health/tests/recordings")
        .join(file)
        .with_extension("ndjson");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn judge(lines: &[Value], since: Option<f64>) -> Judgement {
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let recording = Recording::read(&text).unwrap_or_else(|error| panic!("{error}"));
    replay(&recording, &Policy::at(FailFast::Default), since)
}

/// Whether a judgement is right, in words where it is not. `near` is how many seconds the decision may lie beside the time.
pub(crate) fn complaint(
    judgement: &Judgement,
    code: Option<CauseCode>,
    at: f64,
    near: f64,
) -> Option<String> {
    let (verdict, decided) = (judgement.verdict, judgement.decided_at.unwrap_or(-1.0));
    let wanted = if code.is_some() { ReplayOutcome::Condemned } else { ReplayOutcome::Deployed };
    let is_right = verdict == wanted && judgement.code == code && (decided - at).abs() <= near;
    (!is_right).then(|| {
        format!(
            "{verdict:?} {:?} at {decided} of {:?} ({}) instead of {wanted:?} {code:?} at {at}",
            judgement.code, judgement.object, judgement.message
        )
    })
}

/// Replays every recording in a changed form, with and without knowing when its change comes.
pub(crate) fn check_all(
    change: &str,
    near: f64,
    except: &[&str],
    make: impl Fn(&Recorded) -> (Vec<Value>, f64),
) {
    let mut wrong = Vec::new();
    for recorded @ (file, since, code, at) in ALL {
        if except.contains(file) {
            continue;
        }
        let (lines, moved) = make(recorded);
        for since in [None, Some(since + moved)] {
            let judgement = judge(&lines, since);
            let found = complaint(&judgement, *code, at + moved, near);
            wrong.extend(found.map(|found| format!("{file} {change} (since {since:?}): {found}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
