//! Containers without a probe: when they count as ready.
#![allow(clippy::unwrap_used, reason = "a test: what is wrong with it must stop it")]

use std::time::Duration;

use backstay_health::{Circumstances, Policy, ReadinessRules};
use backstay_object::{ResourceKey, Timestamp};
use backstay_rollout::{ClusterView, Measure};
use serde_json::{Value, json};

/// What the kubelet tells of a container. Times in seconds since the start.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// It runs since then.
    Runs(u64),
    /// It runs since then; the run before crashed and lasted from when until when.
    RunsAgain(u64, u64, u64),
    /// The same, but the run before ended by itself.
    RunsAfterEnd(u64, u64, u64),
    /// It has ended, and the pod still counts as ready.
    Ended(u64),
    /// It waits to be started again.
    BackOff,
}

/// A rollout that begins at 100 s.
struct Case {
    what: &'static str,
    kind: &'static str,
    /// What of the pod is other than in a plain one.
    pod_spec: Value,
    /// Seconds, and what was told then.
    told: &'static [(u64, Told)],
    policy: Policy,
    /// From when on it counted, to the second, looking every second until 160 s.
    ready: Option<u64>,
}

fn case(what: &'static str, told: &'static [(u64, Told)], ready: Option<u64>) -> Case {
    Case { what, kind: "Deployment", pod_spec: json!({}), told, policy: Policy::default(), ready }
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z").unwrap().after(Duration::from_secs(seconds))
}

fn text(seconds: u64) -> String {
    time(seconds).to_rfc3339()
}

fn status(told: Told) -> Value {
    let ended = |from, until, code| json!({"terminated": {"startedAt": text(from), "finishedAt": text(until), "exitCode": code}});
    let running = |since| json!({"running": {"startedAt": text(since)}});
    let (state, last, restarts) = match told {
        Told::Runs(since) => (running(since), json!({}), 0),
        Told::RunsAgain(since, from, until) => (running(since), ended(from, until, 1), 1),
        Told::RunsAfterEnd(since, from, until) => (running(since), ended(from, until, 0), 1),
        Told::Ended(at) => (ended(at - 3, at, 0), json!({}), 0),
        Told::BackOff => (json!({"waiting": {"reason": "CrashLoopBackOff"}}), json!({}), 1),
    };
    json!([{"name": "app", "ready": true, "state": state, "lastState": last, "restartCount": restarts}])
}

/// The objects of a workload with one pod that Kubernetes calls ready.
fn objects(case: &Case, told: Told) -> Vec<Value> {
    let meta = |name: &str, owner: Option<(&str, &str)>| {
        let owners =
            owner.map(|(kind, uid)| json!([{"kind": kind, "name": uid, "uid": uid, "controller": true}]));
        json!({"name": name, "namespace": "shop", "uid": name, "generation": 1, "labels": {"pod-template-hash": "a"},
            "ownerReferences": owners.unwrap_or_else(|| json!([])), "creationTimestamp": text(100)})
    };
    let mut spec = json!({"containers": [{"name": "app", "image": "app:v1"}]});
    for (field, value) in case.pod_spec.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let pod = |owner| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta("web-1", owner), "spec": spec,
            "status": {"phase": "Running", "containerStatuses": status(told), "startTime": text(100),
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": text(100)}]}})
    };
    if case.kind == "Pod" {
        return vec![pod(None)];
    }
    let counts = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}]});
    let of = |kind: &str, name: &str, owner| {
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": meta(name, owner), "status": counts,
            "spec": {"replicas": 1, "template": {"metadata": {"labels": {"pod-template-hash": "a"}}, "spec": spec}}})
    };
    vec![
        of("Deployment", "web", None),
        of("ReplicaSet", "web-a", Some(("Deployment", "web"))),
        pod(Some(("ReplicaSet", "web-a"))),
    ]
}

fn look(view: &mut ClusterView, second: u64, policy: &Policy) {
    let circumstances = Circumstances::new(time(second), time(100), policy);
    view.reassess(&Measure { circumstances, patience_ms: None, baking_since: None });
}

fn ready_from(case: &Case) -> Option<u64> {
    let key = match case.kind {
        "Pod" => ResourceKey::new("v1", "Pod", "shop", "web-1"),
        kind => ResourceKey::new("apps/v1", kind, "shop", "web"),
    };
    let mut view = ClusterView::default();
    view.track(&key, false);
    let mut ready = None;
    for second in 100..160 {
        for (_, told) in case.told.iter().filter(|(at, _)| *at == second) {
            objects(case, *told).into_iter().for_each(|object| view.observe(object, false));
        }
        look(&mut view, second, &case.policy);
        let is_current = view.assessment(&key).is_some_and(|one| one.readiness.is_current());
        assert!(!is_current || view.settles_at(&key).is_none(), "{}: ready, and still to run on", case.what);
        ready = if is_current { ready.or(Some(second)) } else { None };
    }
    ready
}

#[test]
fn a_container_without_a_probe_counts_once_it_has_run_on() {
    use Told::{BackOff, Ended, Runs, RunsAfterEnd, RunsAgain};
    let once: &[(u64, Told)] = &[(102, Runs(102))];
    let probed = |probe: &str| json!({"containers": [{"name": "app", probe: {"tcpSocket": {"port": 80}}}]});
    let with = |policy: Policy, ready| Case { policy, ..case("another policy", once, ready) };
    for case in [
        case("runs", once, Some(107)),
        Case { pod_spec: probed("readinessProbe"), ..case("a readiness probe asks", once, Some(102)) },
        Case { pod_spec: probed("startupProbe"), ..case("a startup probe asks", once, Some(102)) },
        Case { pod_spec: probed("livenessProbe"), ..case("liveness says nothing of ready", once, Some(107)) },
        Case { kind: "Pod", ..case("a bare pod", once, Some(107)) },
        case("its start is told late: from the first sight on", &[(110, Runs(102))], Some(115)),
        case("it has run for long", &[(125, Runs(102))], Some(125)),
        case(
            "one crash: longer than the run before",
            &[(102, Runs(102)), (106, RunsAgain(106, 102, 105))],
            Some(114),
        ),
        case("a run that ended by itself is no crash", &[(106, RunsAfterEnd(106, 102, 105))], Some(111)),
        case("a crash before the rollout says nothing", &[(106, RunsAgain(106, 80, 98))], Some(111)),
        case("ended, while its controller counts it as ready", &[(102, Runs(102)), (105, Ended(105))], None),
        case("waits to be started again", &[(102, Runs(102)), (105, BackOff)], None),
        case(
            "crashes after three seconds, again and again",
            &[
                (102, Runs(102)),
                (105, BackOff),
                (107, RunsAgain(107, 102, 105)),
                (110, BackOff),
                (121, RunsAgain(121, 107, 110)),
                (124, BackOff),
                (145, RunsAgain(145, 121, 124)),
                (148, BackOff),
            ],
            None,
        ),
        with(Policy { settle_grace_ms: 0, ..Policy::default() }, Some(102)),
        with(Policy { settle_grace_ms: 20_000, ..Policy::default() }, Some(122)),
        with(Policy { readiness: ReadinessRules::HelmLegacy, ..Policy::default() }, Some(102)),
        with(Policy { readiness: ReadinessRules::HelmWatcher, ..Policy::default() }, Some(102)),
    ] {
        assert_eq!(ready_from(&case), case.ready, "{} ({:?})", case.what, case.policy.readiness);
    }
}

#[test]
fn it_is_known_when_it_will_count() {
    let case = case("one crash", &[(106, Told::RunsAgain(106, 102, 105))], None);
    let key = ResourceKey::new("apps/v1", "Deployment", "shop", "web");
    let mut view = ClusterView::default();
    view.track(&key, false);
    objects(&case, case.told[0].1).into_iter().for_each(|object| view.observe(object, false));
    look(&mut view, 106, &case.policy);
    assert_eq!(view.outlives_at(&key), Some(time(111)), "the run before lasted three seconds, give or take");
    assert_eq!(view.settles_at(&key), Some(time(114)));
}
