//! A small release on a small cluster.
#![allow(dead_code, reason = "every test uses another part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use std::collections::BTreeMap;

use backstay_health::Policy as HealthPolicy;
use backstay_object::{ResourceKey, Timestamp};
use backstay_plan::{Operation, Plan, PlanInput, PlannedObject, PreviousRevision, build};
use backstay_rehearse::{Rehearsal, Report, Trouble};
use backstay_rollout::{Policy, Remediation, Verdict, Waiting};
use backstay_sim::Cluster;
use serde_json::{Value, json};

pub(crate) fn start() -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z").unwrap()
}

pub(crate) fn policy() -> Policy {
    Policy {
        waiting: Waiting::All,
        remediation: Remediation::Undo,
        cleanup_on_fail: true,
        hooks: true,
        forward_ms: 300_000,
        bake_ms: 0,
        patience_ms: None,
        undo_ms: 120_000,
        deadline: None,
        no_return: Default::default(),
        evidence_ms: 10_000,
        attempts: 5,
        validate: true,
        health: HealthPolicy::default(),
    }
}

pub(crate) fn planned(object: Value) -> PlannedObject {
    let mut planned = PlannedObject::new(object, "shop/templates/all.yaml").unwrap();
    planned.key.namespace = "default".into();
    planned
}

/// A deployment of a web server; `change` makes another revision of it.
pub(crate) fn deployment(name: &str, image: &str, replicas: u32) -> PlannedObject {
    planned(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "web", "image": image,
                    "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2}
                }]}
            }
        }
    }))
}

pub(crate) fn stateful_set(name: &str, image: &str, replicas: u32) -> PlannedObject {
    planned(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "db", "image": image,
                    "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 2},
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}]
                }]}
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            }]
        }
    }))
}

pub(crate) fn config(name: &str, text: &str) -> PlannedObject {
    planned(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}}),
    )
}

pub(crate) fn service(name: &str) -> PlannedObject {
    planned(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 80}]}
    }))
}

pub(crate) fn hook(name: &str, event: &str, command: &str) -> PlannedObject {
    planned(json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "annotations": {
            "helm.sh/hook": event, "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"
        }},
        "spec": {"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "job", "image": "registry.example/migrate:v1", "command": ["sh", "-c", command]}]
        }}}
    }))
}

/// The shop of these tests: a web server of the given image, a database, a configuration, a service.
pub(crate) fn shop(image: &str) -> Vec<PlannedObject> {
    vec![
        config("conf", image),
        service("web"),
        deployment("web", image, 2),
        stateful_set("db", "registry.example/db:v1", 1),
    ]
}

pub(crate) fn install(objects: Vec<PlannedObject>, hooks: Vec<PlannedObject>) -> Plan {
    plan(Operation::Install, 1, objects, hooks, None, BTreeMap::new())
}

pub(crate) fn upgrade(
    before: Vec<PlannedObject>,
    objects: Vec<PlannedObject>,
    hooks: Vec<PlannedObject>,
) -> Plan {
    let before = PreviousRevision { revision: 1, objects: before, hooks: Vec::new() };
    plan(Operation::Upgrade, 2, objects, hooks, Some(before), BTreeMap::new())
}

pub(crate) fn plan(
    operation: Operation,
    to: u32,
    objects: Vec<PlannedObject>,
    hooks: Vec<PlannedObject>,
    before: Option<PreviousRevision>,
    live: BTreeMap<ResourceKey, Option<Value>>,
) -> Plan {
    build(PlanInput {
        release: "shop".into(),
        namespace: "default".into(),
        operation,
        to,
        objects,
        hooks,
        current: before.clone(),
        healthy: before,
        live,
    })
    .unwrap()
}

pub(crate) fn rehearse(cluster: Cluster, plan: Plan, trouble: Trouble) -> (Cluster, Report) {
    let (cluster, report) = Rehearsal::new(cluster, plan, policy(), trouble).run().unwrap();
    assert_eq!(report.violations, [], "{:#?}", report.story);
    (cluster, report)
}

/// A cluster on which the first revision of the shop runs.
pub(crate) fn running_shop(seed: u64) -> Cluster {
    let (cluster, report) = rehearse(
        Cluster::new(seed, start()),
        install(shop("registry.example/web:v1"), vec![]),
        Trouble::default(),
    );
    assert_eq!(report.verdict, Verdict::Deployed, "{:#?}", report.story);
    cluster
}

/// A verdict in a word, with the code of its cause.
pub(crate) fn in_a_word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Deployed => "deployed".into(),
        Verdict::Uninstalled => "uninstalled".into(),
        Verdict::RolledBack { cause, .. } => format!("rolled-back {}", cause.code),
        Verdict::CleanedUp { cause } => format!("cleaned-up {}", cause.code),
        Verdict::LeftInPlace { cause } => format!("left-in-place {}", cause.code),
        Verdict::UndoFailed { cause, undo_cause } => {
            format!("undo-failed {} {}", cause.code, undo_cause.code)
        }
        Verdict::Refused { causes } => format!(
            "refused {}",
            causes.iter().map(|cause| cause.code.to_string()).collect::<Vec<_>>().join(" ")
        ),
        Verdict::Held { .. } => "held".into(),
        Verdict::Unreachable { .. } => "unreachable".into(),
        Verdict::Interrupted { .. } => "interrupted".into(),
    }
}

/// The image of the web deployment.
pub(crate) fn image(cluster: &Cluster) -> Option<String> {
    let key = ResourceKey::new("apps/v1", "Deployment", "default", "web");
    let object = cluster.store().get(&key)?;
    object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().map(str::to_owned)
}
