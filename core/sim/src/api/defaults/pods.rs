//! Defaults of pods and of the kinds that make pods.

use backstay_object::{at, at_mut, int_at, list_at, map_at, set_at, text_at};
use serde_json::Value;

use super::Fill::{Flag, Number, Text};
use super::{default, each, fill, is, pull_policy};

use crate::json::json;

pub(super) fn deployment(object: &mut Value) {
    let spec = &["spec"];
    if at(object, spec).is_none() {
        return;
    }
    fill(
        object,
        &[(&["spec", "replicas"], Number(1)), (&["spec", "strategy", "type"], Text("RollingUpdate"))],
    );
    if is(object, &["spec", "strategy", "type"], "RollingUpdate") {
        fill(
            object,
            &[
                (&["spec", "strategy", "rollingUpdate", "maxUnavailable"], Text("25%")),
                (&["spec", "strategy", "rollingUpdate", "maxSurge"], Text("25%")),
            ],
        );
    }
    fill(
        object,
        &[
            (&["spec", "revisionHistoryLimit"], Number(10)),
            (&["spec", "progressDeadlineSeconds"], Number(600)),
        ],
    );
    template(object, &["spec", "template"]);
}

pub(super) fn stateful_set(object: &mut Value) {
    fill(
        object,
        &[
            (&["spec", "replicas"], Number(1)),
            (&["spec", "podManagementPolicy"], Text("OrderedReady")),
            (&["spec", "updateStrategy", "type"], Text("RollingUpdate")),
        ],
    );
    if is(object, &["spec", "updateStrategy", "type"], "RollingUpdate") {
        default(object, &["spec", "updateStrategy", "rollingUpdate", "partition"], json!(0));
    }
    default(object, &["spec", "revisionHistoryLimit"], json!(10));
    for field in ["whenDeleted", "whenScaled"] {
        default(object, &["spec", "persistentVolumeClaimRetentionPolicy", field], json!("Retain"));
    }
    each(object, &["spec", "volumeClaimTemplates"], |claim| {
        fill(
            claim,
            &[
                (&["apiVersion"], Text("v1")),
                (&["kind"], Text("PersistentVolumeClaim")),
                (&["spec", "volumeMode"], Text("Filesystem")),
                (&["status", "phase"], Text("Pending")),
            ],
        );
    });
    template(object, &["spec", "template"]);
    for field in ["replicas", "availableReplicas"] {
        default(object, &["status", field], json!(0));
    }
}

pub(super) fn daemon_set(object: &mut Value) {
    default(object, &["spec", "updateStrategy", "type"], json!("RollingUpdate"));
    if is(object, &["spec", "updateStrategy", "type"], "RollingUpdate") {
        fill(
            object,
            &[
                (&["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"], Number(1)),
                (&["spec", "updateStrategy", "rollingUpdate", "maxSurge"], Number(0)),
            ],
        );
    }
    default(object, &["spec", "revisionHistoryLimit"], json!(10));
    template(object, &["spec", "template"]);
    for field in ["currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"] {
        default(object, &["status", field], json!(0));
    }
}

pub(super) fn job(object: &mut Value) {
    job_spec(object, &["spec"]);
    template(object, &["spec", "template"]);
}

fn job_spec(object: &mut Value, path: &[&str]) {
    let Some(spec) = at_mut(object, path) else { return };
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        default(spec, &["completions"], json!(1));
    }
    fill(
        spec,
        &[
            (&["parallelism"], Number(1)),
            (&["completionMode"], Text("NonIndexed")),
            (&["suspend"], Flag(false)),
        ],
    );
    if int_at(spec, &["backoffLimitPerIndex"]).is_some() {
        default(spec, &["backoffLimit"], json!(i32::MAX));
    } else {
        default(spec, &["backoffLimit"], json!(6));
    }
    let replacement =
        if at(spec, &["podFailurePolicy"]).is_some() { "Failed" } else { "TerminatingOrFailed" };
    default(spec, &["podReplacementPolicy"], json!(replacement));
}

pub(super) fn cron_job(object: &mut Value) {
    fill(
        object,
        &[
            (&["spec", "concurrencyPolicy"], Text("Allow")),
            (&["spec", "suspend"], Flag(false)),
            (&["spec", "successfulJobsHistoryLimit"], Number(3)),
            (&["spec", "failedJobsHistoryLimit"], Number(1)),
        ],
    );
    template(object, &["spec", "jobTemplate", "spec", "template"]);
}

pub(super) fn pod(object: &mut Value) {
    if let Some(spec) = at_mut(object, &["spec"]) {
        fill(
            spec,
            &[
                (&["enableServiceLinks"], Flag(true)),
                (&["preemptionPolicy"], Text("PreemptLowerPriority")),
                (&["priority"], Number(0)),
            ],
        );
        for list in ["containers", "initContainers"] {
            each(spec, &[list], requests_from_limits);
        }
        add_tolerations(spec);
        pod_spec(spec);
    }
    default(object, &["status", "phase"], json!("Pending"));
    let class = qos_class(object);
    default(object, &["status", "qosClass"], json!(class));
}

fn requests_from_limits(container: &mut Value) {
    let Some(limits) = map_at(container, &["resources", "limits"]).cloned() else { return };
    for (name, amount) in limits {
        default(container, &["resources", "requests", &name], amount);
    }
}

/// Pods stay five minutes on a node that is not ready (admission plugin `DefaultTolerationSeconds`).
fn add_tolerations(spec: &mut Value) {
    let mut tolerations = list_at(spec, &["tolerations"]).to_vec();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let covered = tolerations.iter().any(|toleration| {
            text_at(toleration, &["key"]).is_none_or(|present| present.is_empty() || present == key)
                && matches!(text_at(toleration, &["effect"]), None | Some("" | "NoExecute"))
        });
        if !covered {
            tolerations.push(
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}),
            );
        }
    }
    set_at(spec, &["tolerations"], Value::Array(tolerations));
}

fn qos_class(pod: &Value) -> &'static str {
    let containers: Vec<&Value> = list_at(pod, &["spec", "containers"])
        .iter()
        .chain(list_at(pod, &["spec", "initContainers"]))
        .collect();
    let has = |container: &Value, field: &str| {
        map_at(container, &["resources", field])
            .is_some_and(|map| map.contains_key("cpu") || map.contains_key("memory"))
    };
    if !containers.iter().any(|container| has(container, "requests") || has(container, "limits")) {
        return "BestEffort";
    }
    let guaranteed = containers.iter().all(|container| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = at(container, &["resources", "limits", name]);
            limit.is_some() && limit == at(container, &["resources", "requests", name])
        })
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}

/// Defaults of a pod template at a path.
pub(super) fn template(object: &mut Value, path: &[&str]) {
    let Some(template) = at_mut(object, path) else { return };
    if let Some(spec) = at_mut(template, &["spec"]) {
        pod_spec(spec);
    }
}

fn pod_spec(spec: &mut Value) {
    fill(
        spec,
        &[
            (&["restartPolicy"], Text("Always")),
            (&["dnsPolicy"], Text("ClusterFirst")),
            (&["schedulerName"], Text("default-scheduler")),
            (&["terminationGracePeriodSeconds"], Number(30)),
        ],
    );
    default(spec, &["securityContext"], json!({}));
    if let Some(account) = at(spec, &["serviceAccountName"]).cloned() {
        set_at(spec, &["serviceAccount"], account);
    } else if let Some(account) = at(spec, &["serviceAccount"]).cloned() {
        set_at(spec, &["serviceAccountName"], account);
    }
    let host_network = backstay_object::bool_at(spec, &["hostNetwork"]) == Some(true);
    for list in ["containers", "initContainers"] {
        each(spec, &[list], |item| container(item, host_network));
    }
    each(spec, &["volumes"], volume);
}

fn container(container: &mut Value, host_network: bool) {
    fill(
        container,
        &[
            (&["terminationMessagePath"], Text("/dev/termination-log")),
            (&["terminationMessagePolicy"], Text("File")),
        ],
    );
    default(container, &["resources"], json!({}));
    let policy = pull_policy(text_at(container, &["image"]).unwrap_or(""));
    default(container, &["imagePullPolicy"], json!(policy));
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = at_mut(container, &[name]) {
            fill(
                probe,
                &[
                    (&["timeoutSeconds"], Number(1)),
                    (&["periodSeconds"], Number(10)),
                    (&["successThreshold"], Number(1)),
                    (&["failureThreshold"], Number(3)),
                ],
            );
            http_get(probe);
            if at(probe, &["grpc"]).is_some() {
                default(probe, &["grpc", "service"], json!(""));
            }
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(action) = at_mut(container, &["lifecycle", hook]) {
            http_get(action);
        }
    }
    each(container, &["ports"], |port| {
        default(port, &["protocol"], json!("TCP"));
        if host_network && let Some(number) = int_at(port, &["containerPort"]) {
            default(port, &["hostPort"], json!(number));
        }
    });
    each(container, &["env"], |variable| {
        if at(variable, &["valueFrom", "fieldRef"]).is_some() {
            default(variable, &["valueFrom", "fieldRef", "apiVersion"], json!("v1"));
        }
        if at(variable, &["valueFrom", "resourceFieldRef"]).is_some() {
            default(variable, &["valueFrom", "resourceFieldRef", "divisor"], json!("0"));
        }
    });
}

fn http_get(action: &mut Value) {
    if at(action, &["httpGet"]).is_some() {
        fill(action, &[(&["httpGet", "path"], Text("/")), (&["httpGet", "scheme"], Text("HTTP"))]);
    }
}

fn volume(volume: &mut Value) {
    let named_only = volume.as_object().is_some_and(|map| map.len() == 1 && map.contains_key("name"));
    if named_only {
        set_at(volume, &["emptyDir"], json!({}));
    }
    for source in ["secret", "configMap", "projected", "downwardAPI"] {
        if at(volume, &[source]).is_some() {
            default(volume, &[source, "defaultMode"], json!(420));
        }
    }
    if at(volume, &["hostPath"]).is_some() {
        default(volume, &["hostPath", "type"], json!(""));
    }
    each(volume, &["projected", "sources"], |source| {
        if at(source, &["serviceAccountToken"]).is_some() {
            default(source, &["serviceAccountToken", "expirationSeconds"], json!(3600));
        }
        each(source, &["downwardAPI", "items"], |item| {
            if at(item, &["fieldRef"]).is_some() {
                default(item, &["fieldRef", "apiVersion"], json!("v1"));
            }
        });
    });
    each(volume, &["downwardAPI", "items"], |item| {
        if at(item, &["fieldRef"]).is_some() {
            default(item, &["fieldRef", "apiVersion"], json!("v1"));
        }
    });
}
