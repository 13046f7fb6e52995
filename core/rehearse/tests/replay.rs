//! Real rollouts, recorded version by version on a real node, judged as a rollout would: what is said of them, and when.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

use std::path::Path;

use backstay_health::{CauseCode, FailFast, Policy};
use backstay_rehearse::{Judgement, Recording, ReplayOutcome, replay};

fn recorded(file: &str) -> Recording {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../health/tests/recordings").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Recording::read(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// How it ends, and when, in seconds since the recording's start.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Deployed(f64),
    Condemned(CauseCode, &'static str, f64),
}

/// Seconds of the cluster's events are whole and arrive late: times are compared to a second and a half.
fn check(file: &str, judgement: &Judgement, expected: Expected) {
    let is_near = |wanted: f64| judgement.decided_at.is_some_and(|at| (at - wanted).abs() <= 1.5);
    let is_right = match expected {
        Expected::Deployed(at) => judgement.verdict == ReplayOutcome::Deployed && is_near(at),
        Expected::Condemned(code, object, at) => {
            let ends_so = judgement.object.as_deref().is_some_and(|found| found.ends_with(object));
            judgement.verdict == ReplayOutcome::Condemned
                && judgement.code == Some(code)
                && ends_so
                && is_near(at)
        }
    };
    assert!(is_right, "{file}: {judgement:#?} instead of {expected:?}");
    let (first, last) = (judgement.first_seen, judgement.decided_at);
    assert!(first.is_none() || first <= last, "{file} is decided before it is seen: {judgement:#?}");
}

#[test]
fn recorded_rollouts_are_judged_right_and_in_time() {
    use CauseCode::{
        ConfigMissing, CrashLoop, HookFailed, ImageNotFound, ImagePullFailed, JobFailed, MountFailed,
        ProbeFailing, QuotaExceeded, Unschedulable, VolumeNotBound,
    };
    use Expected::{Condemned, Deployed};
    let web = "Deployment/shop/web";
    let policy = Policy::at(FailFast::Default);
    for (file, since, expected) in [
        ("f1-image-not-found.ndjson", 20.0, Condemned(ImageNotFound, web, 26.0)),
        ("f1b-registry-down.ndjson", 10.0, Condemned(ImagePullFailed, web, 76.6)),
        ("f2-crash.ndjson", 15.0, Condemned(CrashLoop, web, 61.0)),
        ("f2i-install.ndjson", -1.0, Condemned(CrashLoop, web, 42.6)),
        ("f3-config-key.ndjson", 20.0, Condemned(ConfigMissing, web, 26.1)),
        ("f4-unschedulable.ndjson", 10.0, Condemned(Unschedulable, web, 192.2)),
        ("f5-quota.ndjson", 20.0, Condemned(QuotaExceeded, web, 30.1)),
        ("f6-never-ready.ndjson", 10.0, Condemned(ProbeFailing, web, 82.0)),
        ("f7-hook-job.ndjson", 10.0, Condemned(HookFailed, "Job/shop/web-hook", 22.6)),
        ("f7b-plain-job.ndjson", 15.0, Condemned(JobFailed, "Job/shop/web-job-2", 27.0)),
        ("f8-pvc.ndjson", 20.0, Condemned(VolumeNotBound, "PersistentVolumeClaim/shop/web-data", 28.9)),
        ("f9-mount.ndjson", 20.0, Condemned(MountFailed, web, 64.4)),
        ("f12-sts.ndjson", 15.0, Condemned(CrashLoop, "StatefulSet/shop/web-db", 66.8)),
        ("g13-image-pushed-late.ndjson", 12.0, Condemned(ImageNotFound, web, 17.5)),
        ("h1-slow-start.ndjson", 14.0, Deployed(89.7)),
        ("h2-crash-until-dependency.ndjson", 22.4, Deployed(62.6)),
        ("h5-secret-volume-late.ndjson", 12.0, Deployed(47.6)),
        ("h8-node-labelled-late.ndjson", 6.0, Deployed(36.2)),
        ("h9-scaled-by-other.ndjson", 14.0, Deployed(56.9)),
        ("h11-pod-deleted.ndjson", 6.0, Deployed(40.3)),
    ] {
        let recording = recorded(file);
        check(file, &replay(&recording, &policy, None), expected);
        check(file, &replay(&recording, &policy, Some(since)), expected);
    }
}

#[test]
fn an_image_grace_saves_the_image_that_was_pushed_late() {
    let patient = Policy { image_grace_ms: 60_000, ..Policy::default() };
    let judgement = replay(&recorded("g13-image-pushed-late.ndjson"), &patient, None);
    assert_eq!(judgement.verdict, ReplayOutcome::Deployed, "{judgement:#?}");
}

/// Recorded by `backstay deploy --record` on a real node (`tests/cluster/tests/healing`): all of them were deployed.
#[test]
fn what_healed_is_deployed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../health/tests/recordings/healed");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let recording = recorded(&format!("healed/{name}"));
        for level in [FailFast::Default, FailFast::Off] {
            let judgement = replay(&recording, &Policy::at(level), None);
            if judgement.verdict != ReplayOutcome::Deployed {
                wrong.push(format!("{name} at {level:?}: {judgement:?}"));
            }
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 25, "only {count} recordings are there");
}
