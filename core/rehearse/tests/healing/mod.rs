//! What others do, and releases that have something to heal.
#![allow(unreachable_pub, dead_code, reason = "a part of one test")]
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use backstay_plan::PlannedObject;
use backstay_rehearse::Meanwhile;
use backstay_sim::Cluster;
use backstay_sim::api::Request;
use serde_json::{Value, json};

use crate::common::*;

pub(crate) const GOOD: &str = "registry.example/web:v1";
pub(crate) const BETTER: &str = "registry.example/web:v2";
pub(crate) const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";
pub(crate) const SECRETS: &str = "/api/v1/namespaces/default/secrets";
pub(crate) const QUOTA: &str = "/api/v1/namespaces/default/resourcequotas/narrow";
pub(crate) const NODE: &str = "sandbox-1";
pub(crate) const LABELLED: &str = r#"{"metadata":{"labels":{"disk":"ssd"}}}"#;
pub(crate) const WIDE: &str = r#"{"spec":{"hard":{"pods":"20"}}}"#;
pub(crate) const RESTART: &str =
    r#"{"spec":{"template":{"metadata":{"annotations":{"restarted":"2026-01-01"}}}}}"#;
pub(crate) const LATE_SECRET: &str =
    r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"late"},"stringData":{"word":"x"}}"#;
pub(crate) const NEW_NODE: &str = r#"{"apiVersion":"v1","kind":"Node",
    "metadata":{"name":"node-9","labels":{"disk":"ssd","kubernetes.io/hostname":"node-9"}}}"#;

fn asks(method: &str, path: &str, content_type: &str, body: &str) -> Meanwhile {
    Meanwhile::Asks(Box::new(Request {
        method: method.into(),
        path: path.into(),
        content_type: content_type.into(),
        user_agent: "somebody/1".into(),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    }))
}

pub(crate) fn patch(path: &str, body: &str) -> Meanwhile {
    asks("PATCH", path, "application/merge-patch+json", body)
}

pub(crate) fn post(path: &str, body: &str) -> Meanwhile {
    asks("POST", path, "application/json", body)
}

/// Scales as an autoscaler does.
pub(crate) fn scale(replicas: u32) -> Meanwhile {
    patch(&format!("{WEB}/scale"), &json!({"spec": {"replicas": replicas}}).to_string())
}

pub(crate) fn evict(pod: &str) -> Meanwhile {
    let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "default"}});
    post(&format!("/api/v1/namespaces/default/pods/{pod}/eviction"), &body.to_string())
}

/// Deletes all pods of an application at once.
pub(crate) fn delete_pods(app: &str) -> Meanwhile {
    let Meanwhile::Asks(mut request) =
        asks("DELETE", "/api/v1/namespaces/default/pods", "application/json", "{}")
    else {
        unreachable!("it is a request")
    };
    request.query.push(("labelSelector".into(), format!("app={app}")));
    Meanwhile::Asks(request)
}

fn create(cluster: &mut Cluster, path: &str, body: &str) {
    let Meanwhile::Asks(request) = post(path, body) else { return };
    assert_eq!(cluster.handle(&request).status, 201);
}

/// A quota that leaves room for the three pods that run, and none more.
pub(crate) fn narrow_quota(cluster: &mut Cluster) {
    let body = r#"{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"narrow"},"spec":{"hard":{"pods":"3"}}}"#;
    create(cluster, "/api/v1/namespaces/default/resourcequotas", body);
}

pub(crate) fn with_late_secret(cluster: &mut Cluster) {
    create(cluster, SECRETS, LATE_SECRET);
}

fn web(image: &str, change: impl FnOnce(&mut Value)) -> PlannedObject {
    let mut planned = deployment("web", image, 2);
    change(&mut planned.object["spec"]);
    planned
}

/// With one more probe of the readiness probe's address.
pub(crate) fn probed(image: &str, probe: &str, failures: u32) -> PlannedObject {
    web(image, |spec| {
        spec["template"]["spec"]["containers"][0][probe] =
            json!({"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2, "failureThreshold": failures});
    })
}

/// Ready, to Kubernetes, from the moment it runs.
pub(crate) fn without_probe(image: &str) -> PlannedObject {
    web(image, |spec| {
        spec["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("readinessProbe");
    })
}

pub(crate) fn with_init(image: &str) -> PlannedObject {
    web(image, |spec| {
        spec["template"]["spec"]["initContainers"] = json!([{"name": "init", "image": "registry.example/init:v1", "command": ["sh", "-c", "sleep 1; exit 0"]}]);
    })
}

pub(crate) fn slow_to_end(image: &str) -> PlannedObject {
    web(image, |spec| {
        spec["template"]["spec"]["terminationGracePeriodSeconds"] = 60.into();
        spec["template"]["spec"]["containers"][0]["lifecycle"] =
            json!({"preStop": {"exec": {"command": ["sleep", "20"]}}});
    })
}

pub(crate) fn selecting(image: &str, disk: &str) -> PlannedObject {
    web(image, |spec| spec["template"]["spec"]["nodeSelector"] = json!({"disk": disk}))
}

/// One pod may be missing, so that the old ones make room.
pub(crate) fn making_room(image: &str) -> PlannedObject {
    web(image, |spec| {
        spec["strategy"] =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}});
    })
}

pub(crate) fn with_secret_volume() -> PlannedObject {
    web(BETTER, |spec| {
        let pod = &mut spec["template"]["spec"];
        pod["volumes"] = json!([{"name": "late", "secret": {"secretName": "late"}}]);
        pod["containers"][0]["volumeMounts"] = json!([{"name": "late", "mountPath": "/late"}]);
    })
}

pub(crate) fn with_secret_variable() -> PlannedObject {
    web(BETTER, |spec| {
        spec["template"]["spec"]["containers"][0]["env"] =
            json!([{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "late", "key": "word"}}}]);
    })
}

/// The shop with a new database, too.
pub(crate) fn both_new() -> Vec<PlannedObject> {
    let mut shop = shop(BETTER);
    shop[3] = stateful_set("db", "registry.example/db:v2", 1);
    shop
}

pub(crate) fn databases(replicas: u32) -> Vec<PlannedObject> {
    let mut shop = shop(BETTER);
    shop[3] = stateful_set("db", "registry.example/db:v1", replicas);
    shop
}

/// The shop with a claim that the web server mounts.
pub(crate) fn with_claim() -> Vec<PlannedObject> {
    let mut shop = shop(BETTER);
    shop[2] = web(BETTER, |spec| {
        let pod = &mut spec["template"]["spec"];
        pod["volumes"] = json!([{"name": "more", "persistentVolumeClaim": {"claimName": "more"}}]);
        pod["containers"][0]["volumeMounts"] = json!([{"name": "more", "mountPath": "/more"}]);
    });
    shop.push(planned(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "more"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    })));
    shop
}

fn job(name: &str, tries: u32) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": tries, "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "job", "image": "registry.example/migrate:v1", "command": ["sh", "-c", "sleep 1; exit 0"]}]
        }}}
    })
}

pub(crate) fn with_job(tries: u32) -> Vec<PlannedObject> {
    let mut shop = shop(BETTER);
    shop.push(planned(job("import", tries)));
    shop
}

pub(crate) fn retried_hook() -> PlannedObject {
    let mut hook = job("migrate", 3);
    hook["metadata"]["annotations"] = json!({
        "helm.sh/hook": "pre-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"
    });
    planned(hook)
}
