//! One pod per fault, as a real kubelet and scheduler reported it two to three minutes after its creation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

use std::path::Path;

use backstay_health::{Assessment, CauseCode, Circumstances, Class, Policy, Related, assess};
use backstay_object::{ResourceKey, Timestamp, kind, name, text_at, uid};
use serde_json::Value;

fn zoo() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/zoo.ndjson");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["object"].take()).collect()
}

fn judge(objects: &[Value], pod: &Value, provided: &[ResourceKey]) -> Assessment {
    let about = |event: &&Value| text_at(event, &["involvedObject", "uid"]) == Some(uid(pod));
    let related = Related { owned: Vec::new(), events: objects.iter().filter(about).collect() };
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let policy = Policy::default();
    let (since, now) = (time("2026-11-21T03:31:00Z"), time("2026-11-21T03:34:30Z"));
    assess(pod, &related, &Circumstances { provided, ..Circumstances::new(now, since, &policy) })
}

/// How sure a finding makes us, without the numbers.
fn class_of(class: Class) -> &'static str {
    match class {
        Class::FatalNow => "now",
        Class::AfterGrace { .. } => "after grace",
        Class::Recoverable => "never",
    }
}

fn check(
    objects: &[Value],
    pod_name: &str,
    provided: &[ResourceKey],
    expected: Option<(CauseCode, &str, &str)>,
) {
    let pod = objects.iter().find(|object| kind(object) == "Pod" && name(object) == pod_name);
    let assessment = judge(objects, pod.unwrap_or_else(|| panic!("no pod {pod_name}")), provided);
    let found = assessment.findings.first().map(|finding| {
        let container = finding.cause.container.as_deref().unwrap_or("");
        (finding.cause.code, class_of(finding.cause.class), container)
    });
    assert_eq!(found, expected, "{pod_name}: {assessment:#?}");
    for finding in &assessment.findings {
        assert!(!finding.cause.message.trim().is_empty(), "{pod_name} says nothing: {finding:?}");
        assert_eq!(finding.cause.pod.as_deref(), Some(pod_name), "{finding:?}");
    }
}

#[test]
fn every_fault_is_called_by_its_name() {
    use CauseCode::{
        ConfigMissing, ContainerCreateFailed, CrashLoop, DeadlineExceeded, Evicted, ImageNameInvalid,
        ImageNotFound, ImagePullDenied, ImagePullFailed, MountFailed, OutOfMemory, ProbeFailing,
        Unschedulable, VolumeNotBound,
    };
    let objects = zoo();
    let groups: &[(CauseCode, &str, &str, &[&str])] = &[
        (ContainerCreateFailed, "now", "c", &["apparmor", "cmd-missing", "nonroot", "subpath-bad"]),
        (ConfigMissing, "after grace", "c", &["cfg-key", "cfg-missing", "envfrom-missing", "secret-missing"]),
        (
            CrashLoop,
            "now",
            "c",
            &[
                "cap",
                "cmd-126",
                "cmd-127",
                "exit-0",
                "exit-1",
                "liveness",
                "post-start",
                "readonly",
                "startup",
                "term-message",
            ],
        ),
        (CrashLoop, "now", "b", &["two-containers"]),
        (CrashLoop, "now", "i", &["init-fail"]),
        (CrashLoop, "now", "s", &["sidecar-crash"]),
        (OutOfMemory, "now", "c", &["oom"]),
        (DeadlineExceeded, "now", "", &["deadline"]),
        (Evicted, "now", "", &["ephemeral"]),
        (ImageNameInvalid, "now", "c", &["img-invalid-name"]),
        (
            ImageNotFound,
            "after grace",
            "c",
            &["img-digest", "img-never", "img-not-found", "img-repo-unknown"],
        ),
        (ImagePullDenied, "after grace", "c", &["img-pull-secret-missing", "img-unauthorized"]),
        (ImagePullFailed, "after grace", "c", &["img-429", "img-503", "img-dns", "img-refused"]),
        (
            ProbeFailing,
            "never",
            "c",
            &["probe-exec", "probe-grpc", "probe-http", "probe-refused", "probe-timeout"],
        ),
        (
            Unschedulable,
            "after grace",
            "",
            &["hostport-b", "sched-affinity", "sched-cpu", "sched-mem", "sched-name", "sched-selector"],
        ),
        (VolumeNotBound, "after grace", "", &["vol-pvc-missing"]),
        (MountFailed, "after grace", "", &["vol-cm-key", "vol-hostpath-type", "vol-nfs", "vol-secret"]),
    ];
    for (code, class, container, pods) in groups {
        for pod in *pods {
            check(&objects, pod, &[], Some((*code, class, container)));
        }
    }
    for pod in ["bad-user", "hostport-a", "sa-missing", "init-hang", "sched-gate"] {
        check(&objects, pod, &[], None);
    }
    let judged = groups.iter().map(|(.., pods)| pods.len()).sum::<usize>() + 5;
    assert_eq!(judged, objects.iter().filter(|object| kind(object) == "Pod").count(), "a fault was left out");
}

#[test]
fn a_key_missing_in_what_the_release_brings_is_certain_at_once() {
    let objects = zoo();
    let ours = [ResourceKey::new("v1", "ConfigMap", "zoo", "cm")];
    check(&objects, "cfg-key", &ours, Some((CauseCode::ConfigMissing, "now", "c")));
    check(&objects, "vol-cm-key", &ours, Some((CauseCode::MountFailed, "now", "")));
    let elsewhere = [ResourceKey::new("v1", "ConfigMap", "other", "cm")];
    check(&objects, "cfg-key", &elsewhere, Some((CauseCode::ConfigMissing, "after grace", "c")));
}
