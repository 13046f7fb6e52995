//! What one observation costs: taking it into the view and judging the workload behind it again, with few and with many
//! objects known. Run it with `cargo run --release -p backstay-rollout --example observation_cost`.

use std::time::Instant;

use backstay_health::Circumstances;
use backstay_object::{ResourceKey, Timestamp};
use backstay_rollout::{ClusterView, Policy, Remediation, Waiting};
use serde_json::{Value, json};

/// How many pods each Deployment has. With its ReplicaSet and itself that makes five objects.
const PODS: usize = 3;
/// The median counts: what else the machine does must not.
const OBSERVATIONS: usize = 10_001;

fn main() {
    println!(
        "median nanoseconds of one observation, of two workloads only and of all in turn (their memory is cold)"
    );
    println!("{:>8}  {:>16}  {:>16}", "objects", "two workloads", "all in turn");
    let policy = policy();
    for objects in [10, 100, 1_000, 10_000, 100_000] {
        let workloads = objects / (PODS + 2);
        let mut view = ClusterView::default();
        for number in 0..workloads {
            fill(&mut view, number);
        }
        let circumstances = Circumstances::new(Timestamp(60_000), Timestamp(0), &policy.health);
        let _ = view.look_again(&circumstances, &policy);
        let near = measure(&mut view, 2, &circumstances, &policy);
        let far = measure(&mut view, workloads, &circumstances, &policy);
        println!("{objects:>8}  {near:>16}  {far:>16}");
    }
}

fn measure(
    view: &mut ClusterView,
    workloads: usize,
    circumstances: &Circumstances<'_>,
    policy: &Policy,
) -> u128 {
    let mut all = Vec::with_capacity(OBSERVATIONS);
    for step in 0..OBSERVATIONS {
        // Somewhere else every time, in an order that is always the same.
        let place = step.wrapping_mul(2_654_435_761) % workloads;
        let seen = pod(place, step % PODS, step % 2 == 0);
        let begin = Instant::now();
        view.observe(seen, false);
        let changed = view.look_again(circumstances, policy);
        all.push(begin.elapsed().as_nanos());
        std::hint::black_box(changed);
    }
    all.sort_unstable();
    all.get(OBSERVATIONS / 2).copied().unwrap_or_default()
}

fn policy() -> Policy {
    Policy {
        waiting: Waiting::All,
        remediation: Remediation::Undo,
        cleanup_on_fail: true,
        hooks: true,
        forward_ms: 300_000,
        bake_ms: 0,
        patience_ms: None,
        undo_ms: 300_000,
        deadline: None,
        no_return: Default::default(),
        evidence_ms: 10_000,
        attempts: 3,
        validate: false,
        health: backstay_health::Policy::default(),
    }
}

fn fill(view: &mut ClusterView, number: usize) {
    let deployment = deployment(number);
    if let Some(key) = ResourceKey::of(&deployment) {
        view.track(&key, false);
    }
    view.observe(deployment, false);
    view.observe(replica_set(number), false);
    for index in 0..PODS {
        view.observe(pod(number, index, true), false);
    }
}

fn name(number: usize) -> String {
    format!("shop-backend-service-{number:06}")
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "shop"}},
        "spec": {"containers": [{"name": "app", "image": "registry.example.com/shop/backend:1.2.3",
            "ports": [{"containerPort": 8080}], "env": [{"name": "MODE", "value": "live"}]}]},
    })
}

fn deployment(number: usize) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name(number), "namespace": "shop", "uid": format!("d-{number}"), "generation": 2,
            "creationTimestamp": "1970-01-01T00:00:01Z", "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"replicas": PODS, "progressDeadlineSeconds": 600, "template": template()},
        "status": {"observedGeneration": 2, "replicas": PODS, "updatedReplicas": PODS, "readyReplicas": PODS - 1,
            "availableReplicas": PODS - 1},
    })
}

fn replica_set(number: usize) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": format!("{}-6b7f", name(number)), "namespace": "shop", "uid": format!("r-{number}"),
            "generation": 1, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": name(number),
                "uid": format!("d-{number}"), "controller": true}]},
        "spec": {"replicas": PODS, "template": template()},
        "status": {"observedGeneration": 1, "replicas": PODS},
    })
}

fn pod(number: usize, index: usize, ready: bool) -> Value {
    let word = if ready { "True" } else { "False" };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{}-6b7f-{index}", name(number)), "namespace": "shop",
            "uid": format!("p-{number}-{index}"), "creationTimestamp": "1970-01-01T00:00:02Z",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet",
                "name": format!("{}-6b7f", name(number)), "uid": format!("r-{number}"), "controller": true}]},
        "spec": {"containers": [{"name": "app", "image": "registry.example.com/shop/backend:1.2.3"}]},
        "status": {"phase": "Running",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": word}],
            "containerStatuses": [{"name": "app", "ready": ready, "restartCount": 0,
                "state": {"running": {"startedAt": "1970-01-01T00:00:03Z"}}}]},
    })
}
