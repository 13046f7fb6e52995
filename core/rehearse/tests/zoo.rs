//! One pod per fault, each as a recording of its own: what `diagnose --replay` says of a single look.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

use std::path::Path;

use backstay_health::{CauseCode, FailFast, Policy};
use backstay_rehearse::{Judgement, Recording, ReplayOutcome, replay};
use serde_json::Value;

use ReplayOutcome::{Condemned, Deployed, Undecided};

fn zoo() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../health/tests/recordings/zoo.ndjson");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn alone(zoo: &[Value], pod: &str) -> Judgement {
    let is_its = |line: &&Value| {
        let object = &line["object"];
        object["involvedObject"]["name"] == pod
            || (object["kind"] == "Pod" && object["metadata"]["name"] == pod)
    };
    let lines: Vec<String> = zoo.iter().filter(is_its).map(Value::to_string).collect();
    replay(&Recording::read(&lines.join("\n")).unwrap(), &Policy::at(FailFast::Default), None)
}

#[test]
fn every_pod_alone_has_its_code_and_container() {
    use CauseCode::{
        ConfigMissing, ContainerCreateFailed, CrashLoop, DeadlineExceeded, Evicted, ImageNameInvalid,
        ImageNotFound, ImagePullDenied, ImagePullFailed, MountFailed, OutOfMemory, ProbeFailing,
        Unschedulable, VolumeNotBound,
    };
    let zoo = zoo();
    let mut judged = 0;
    let mut wrong = Vec::new();
    for (verdict, code, container, pods) in [
        (Condemned, Some(ContainerCreateFailed), "c", "apparmor cmd-missing nonroot subpath-bad"),
        (Condemned, Some(ConfigMissing), "c", "cfg-key cfg-missing envfrom-missing secret-missing"),
        (
            Condemned,
            Some(CrashLoop),
            "c",
            "cap cmd-126 cmd-127 exit-0 exit-1 liveness post-start readonly startup term-message",
        ),
        (Condemned, Some(CrashLoop), "b", "two-containers"),
        (Condemned, Some(CrashLoop), "i", "init-fail"),
        (Condemned, Some(CrashLoop), "s", "sidecar-crash"),
        (Condemned, Some(OutOfMemory), "c", "oom"),
        (Condemned, Some(DeadlineExceeded), "", "deadline"),
        (Condemned, Some(Evicted), "", "ephemeral"),
        (Condemned, Some(ImageNameInvalid), "c", "img-invalid-name"),
        (Condemned, Some(ImageNotFound), "c", "img-digest img-never img-not-found img-repo-unknown"),
        (Condemned, Some(ImagePullDenied), "c", "img-pull-secret-missing img-unauthorized"),
        (Condemned, Some(ImagePullFailed), "c", "img-429 img-503 img-dns img-refused"),
        (Condemned, Some(MountFailed), "", "vol-cm-key vol-hostpath-type vol-nfs vol-secret"),
        // Their graces are not over at the only look.
        (Undecided, Some(ProbeFailing), "c", "probe-exec probe-grpc probe-http probe-refused probe-timeout"),
        (
            Undecided,
            Some(Unschedulable),
            "",
            "hostport-b sched-affinity sched-cpu sched-mem sched-name sched-selector",
        ),
        (Undecided, Some(VolumeNotBound), "", "vol-pvc-missing"),
        (Undecided, None, "", "init-hang sched-gate"),
        (Deployed, None, "", "bad-user hostport-a sa-missing"),
    ] {
        for pod in pods.split(' ') {
            judged += 1;
            let found = alone(&zoo, pod);
            let seen = found.container.as_deref().unwrap_or("");
            if found.verdict != verdict || found.code != code || seen != container || found.message.is_empty()
            {
                wrong.push(format!("{pod}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        judged,
        zoo.iter().filter(|line| line["object"]["kind"] == "Pod").count(),
        "a fault was left out"
    );
}
