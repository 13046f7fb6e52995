//! What controllers of a real Kubernetes 1.36 did, step by step, and the model does, too. The expected lists were taken
//! from recordings of a real cluster: an install of two replicas, an upgrade 15 s later, the way back 300 s later.

mod common;

use backstay_object::{condition, list_at, name, text_at};
use common::{Model, WEB, deployment};
use serde_json::{Value, json};

/// The deployment of the recordings.
fn recorded(tag: &str) -> Value {
    let mut web = deployment(2, &format!("nginx:{tag}"));
    web["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(1);
    web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 2});
    web
}

fn to(tag: &str) -> Value {
    json!({"spec": {"template": {"spec": recorded(tag)["spec"]["template"]["spec"]}}})
}

/// The distinct values a look at the deployment has, in the order they come, within so many seconds.
fn seen(model: &mut Model, seconds: u64, look: impl Fn(&Value) -> String) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..seconds * 200 {
        let to = model.0.now().after(std::time::Duration::from_millis(5));
        model.0.advance_to(to);
        let now = look(&model.get(WEB));
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    seen
}

/// Events of the deployment, with its ReplicaSets named a, b, … in their order.
fn scalings(model: &mut Model) -> Vec<String> {
    let mut events = model.events("Deployment");
    let mut sets: Vec<String> = Vec::new();
    for event in &events {
        let set = event.split(' ').find(|word| word.starts_with("web-")).map(str::to_owned);
        sets.extend(set.filter(|set| !sets.contains(set)));
    }
    for event in &mut events {
        for (set, letter) in sets.iter().zip(["a", "b", "c"]) {
            *event = event
                .replace(set.as_str(), letter)
                .replace("Normal ScalingReplicaSet Scaled ", "")
                .replace("replica set ", "");
        }
    }
    events
}

#[test]
fn a_healthy_upgrade_scales_as_recorded() {
    let mut model = Model::new(1);
    model.create(recorded("1.27"));
    model.pass(30);
    model.patch(WEB, to("1.28"));
    model.pass(60);
    let there = [
        "up a from 0 to 2",
        "up b from 0 to 1",
        "down a from 2 to 1",
        "up b from 1 to 2",
        "down a from 1 to 0",
    ];
    assert_eq!(scalings(&mut model), there);
    model.patch(WEB, to("1.27"));
    model.pass(60);
    let back = ["up a from 0 to 1", "down b from 2 to 1", "up a from 1 to 2", "down b from 1 to 0"];
    assert_eq!(scalings(&mut model), [&there[..], &back[..]].concat());
}

#[test]
fn a_failing_upgrade_keeps_both_old_pods_as_recorded() {
    for (fault, pods) in
        [("image-not-found", 3), ("crash", 3), ("never-ready", 3), ("unschedulable", 3), ("quota", 2)]
    {
        let mut model = Model::new(2);
        model.create(recorded("1.27"));
        model.pass(30);
        model.0.inject(format!("{fault}@deployment/web").parse().unwrap());
        model.patch(WEB, to("1.28"));
        model.pass(300);
        assert_eq!(model.pods().len(), pods, "{fault}");
        assert_eq!(model.get(WEB)["status"]["availableReplicas"], 2, "{fault}");
        model.patch(WEB, to("1.27"));
        model.pass(60);
        assert_eq!(
            scalings(&mut model),
            ["up a from 0 to 2", "up b from 0 to 1", "down b from 1 to 0"],
            "{fault}"
        );
    }
}

#[test]
fn the_conditions_come_as_recorded() {
    let look = |web: &Value| {
        let reason = |kind: &str| {
            condition(web, kind).and_then(|one| text_at(one, &["reason"])).unwrap_or("").to_owned()
        };
        format!("{} {}", reason("Progressing"), reason("Available"))
    };
    let mut model = Model::new(3);
    model.create(recorded("1.27"));
    assert_eq!(
        seen(&mut model, 30, look),
        [
            " ",
            "NewReplicaSetCreated MinimumReplicasUnavailable",
            "ReplicaSetUpdated MinimumReplicasUnavailable",
            "NewReplicaSetAvailable MinimumReplicasAvailable",
        ]
    );
    model.patch(WEB, to("1.28"));
    assert_eq!(
        seen(&mut model, 30, look),
        [
            "NewReplicaSetAvailable MinimumReplicasAvailable",
            "NewReplicaSetCreated MinimumReplicasAvailable",
            "ReplicaSetUpdated MinimumReplicasAvailable",
            "NewReplicaSetAvailable MinimumReplicasAvailable",
        ]
    );
}

#[test]
fn a_stateful_set_gets_stuck_on_a_bad_revision_as_recorded() {
    let mut model = Model::new(4);
    model.create(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web-db", "namespace": "shop"},
        "spec": {"replicas": 2, "serviceName": "web-db", "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": "postgres:17"}]}}},
    }));
    let path = "/apis/apps/v1/namespaces/shop/statefulsets/web-db";
    assert!(model.seconds_until(path, "availableReplicas", 2, 60).is_some());
    let image = |tag: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "db", "image": format!("postgres:{tag}")}]}}}});
    model.patch(path, image("nope"));
    model.pass(60);
    model.patch(path, image("17"));
    model.pass(200);
    // Going back does not replace a pod that never became ready (Kubernetes issue 67250).
    let pods = model.pods();
    let stuck: Vec<(&str, bool)> =
        pods.iter().map(|pod| (name(pod), backstay_object::condition_is_true(pod, "Ready"))).collect();
    assert_eq!(stuck, [("web-db-0", true), ("web-db-1", false)]);
    let set = model.get(path);
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    assert_eq!(set["status"]["readyReplicas"], 1);
    assert_eq!(
        model.events("StatefulSet"),
        [
            "Normal SuccessfulCreate Create Pod web-db-0 in StatefulSet web-db successful",
            "Normal SuccessfulDelete Delete Pod web-db-1 in StatefulSet web-db successful",
            "Normal SuccessfulCreate Create Pod web-db-1 in StatefulSet web-db successful",
        ],
        "the second creation of web-db-1 is counted"
    );
    // Deleting it by hand is what helps.
    model.delete("/api/v1/namespaces/shop/pods/web-db-1", "Background");
    model.pass(60);
    assert_eq!(model.get(path)["status"]["readyReplicas"], 2);
    assert!(list_at(&model.get(path), &["status", "conditions"]).is_empty());
}
