//! The arithmetic by kind, as tables.

use serde_json::{Value, json};

use super::*;

/// Inputs that make sums easy to read: a pull takes 30 s, nothing else is added.
fn plain() -> Inputs {
    Inputs { scheduling_ms: 0, buffer_ms: 0, least_ms: 0, ..Inputs::default() }
}

fn check(object: &Value, way: Way, most_s: u64) {
    let work = work_of(object, way, &plain()).unwrap();
    let terms: Vec<_> = work.terms.iter().map(|term| (&term.what, term.times, term.most_ms)).collect();
    assert_eq!(work.most_ms, most_s * 1000, "{way:?} {object}\n{terms:#?}");
    assert!(work.expected_ms <= work.most_ms, "{object}");
    assert_eq!(work.most_ms, work.terms.iter().map(|term| term.most_ms).sum::<u64>());
}

/// A workload whose pod takes 30 s pull + 10 + 5 x 3 = 55 s, its stop 12 s.
fn workload(kind: &str, spec: &Value) -> Value {
    let container = json!({"name": "a", "image": "a:1", "readinessProbe": {"initialDelaySeconds": 10, "periodSeconds": 5, "failureThreshold": 3}});
    let template = json!({"spec": {"containers": [container], "terminationGracePeriodSeconds": 10}});
    let mut object = json!({"kind": kind, "spec": {"template": template}});
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

#[test]
fn rounds_by_kind() {
    use Way::{Create, Replace, Restore};
    let one = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    for (kind, spec, way, most_s) in [
        ("Deployment", json!({"replicas": 4}), Create, 55),
        ("Deployment", json!({"replicas": 4}), Replace, 2 * 55),
        ("Deployment", json!({"replicas": 4, "strategy": {"type": "Recreate"}}), Replace, 55 + 12),
        // three nodes pull, six rounds probe
        ("Deployment", json!({"replicas": 6, "strategy": one}), Replace, 3 * 30 + 6 * 25),
        ("Deployment", json!({"replicas": 6, "strategy": one}), Restore, 6 * 25),
        ("Deployment", json!({"replicas": 0}), Replace, 0),
        ("StatefulSet", json!({"replicas": 3}), Create, 3 * 55),
        ("StatefulSet", json!({"replicas": 3, "podManagementPolicy": "Parallel"}), Create, 55),
        ("StatefulSet", json!({"replicas": 3, "podManagementPolicy": "Parallel"}), Replace, 3 * 67),
        (
            "StatefulSet",
            json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}),
            Replace,
            67,
        ),
        ("StatefulSet", json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}), Replace, 0),
        ("DaemonSet", json!({"minReadySeconds": 5}), Create, 60),
        ("DaemonSet", json!({"minReadySeconds": 5}), Replace, 3 * 72),
        ("DaemonSet", json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 3}}}), Replace, 55),
    ] {
        check(&workload(kind, &spec), way, most_s);
    }
}

#[test]
fn jobs_go_in_rounds_until_their_deadline() {
    let spec = json!({"containers": [{"name": "a", "image": "a:1"}]});
    for (fields, job_ms, most_ms, failed_after_ms) in [
        (json!({}), None, 30_000 + 302_000, None),
        (json!({"activeDeadlineSeconds": 60}), None, 65_000, Some(65_000)),
        (json!({"activeDeadlineSeconds": 60}), Some(5_000), 37_000, Some(65_000)),
        (
            json!({"completions": 5, "parallelism": 2, "backoffLimit": 0}),
            Some(5_000),
            3 * 37_000,
            Some(35_000),
        ),
        (json!({"backoffLimit": 1}), Some(5_000), 37_000, Some(2 * 35_000 + 10_000)),
    ] {
        let mut object = json!({"kind": "Job", "spec": fields});
        object["spec"]["template"] = json!({"spec": spec});
        let work = work_of(&object, Way::Create, &Inputs { job_ms, ..plain() }).unwrap();
        assert_eq!((work.most_ms, work.failed_after_ms), (most_ms, failed_after_ms), "{object}");
    }
}

#[test]
fn probes_come_one_after_the_other() {
    let startup = json!({"periodSeconds": 2, "failureThreshold": 30});
    let readiness = json!({"periodSeconds": 5, "successThreshold": 3});
    for (container, start_ms, expected_ms, most_ms) in [
        (json!({}), None, 33_000, 35_000),
        (json!({"readinessProbe": readiness}), None, 30_000 + 5_000 + 10_000, 30_000 + 15_000 + 10_000),
        (
            json!({"readinessProbe": readiness}),
            Some(12_000),
            30_000 + 15_000 + 10_000,
            30_000 + 17_000 + 10_000,
        ),
        (json!({"startupProbe": startup}), None, 34_000, 90_000),
        (json!({"startupProbe": startup, "readinessProbe": readiness}), None, 46_500, 90_000 + 25_000),
        (
            json!({"startupProbe": startup, "readinessProbe": readiness}),
            Some(7_000),
            50_500,
            30_000 + 9_000 + 15_000,
        ),
    ] {
        let object = json!({"kind": "Pod", "spec": {"containers": [container]}});
        let work = work_of(&object, Way::Create, &Inputs { start_ms, ..plain() }).unwrap();
        assert_eq!((work.expected_ms, work.most_ms), (expected_ms, most_ms), "{object} {:#?}", work.terms);
    }
}

#[test]
fn init_containers_and_sidecars_come_first() {
    let startup = json!({"periodSeconds": 1, "failureThreshold": 20});
    let pod = json!({"kind": "Pod", "spec": {
        "initContainers": [
            {"name": "wait", "image": "tool:1"},
            {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always", "startupProbe": startup},
        ],
        "containers": [{"name": "a", "image": "tool:1"}],
    }});
    // two images, 30 s for the init container, 20 s for the sidecar, 5 s for the container
    check(&pod, Way::Create, 60 + 30 + 20 + 5);
}

#[test]
fn an_old_pod_has_its_grace() {
    for (pod, expected_ms, most_ms) in [
        (json!({}), 2_000, 32_000),
        (json!({"terminationGracePeriodSeconds": 5}), 2_000, 7_000),
        (json!({"containers": [{"lifecycle": {"preStop": {"sleep": {"seconds": 9}}}}]}), 11_000, 32_000),
        (
            json!({"containers": [{"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "sleep 15; nginx -s quit"]}}}}]}),
            17_000,
            32_000,
        ),
    ] {
        let stop = pod::stop_term(&json!({"kind": "Pod", "spec": pod}));
        assert_eq!((stop.expected_ms, stop.most_ms), (expected_ms, most_ms), "{pod}");
    }
}

#[test]
fn patience_is_what_one_pod_may_take() {
    let probe = json!({"periodSeconds": 2, "failureThreshold": 3});
    let template = json!({"spec": {"containers": [{"readinessProbe": probe}]}});
    for (object, expected) in [
        (json!({"kind": "Deployment", "spec": {"replicas": 9, "template": template}}), Some(66_000)),
        (json!({"kind": "StatefulSet", "spec": {"replicas": 9, "template": template}}), Some(98_000)),
        (json!({"kind": "Job", "spec": {"template": template}}), None),
        (json!({"kind": "ConfigMap"}), None),
    ] {
        assert_eq!(patience(&object).map(|(time_ms, _)| time_ms), expected, "{object}");
    }
}
