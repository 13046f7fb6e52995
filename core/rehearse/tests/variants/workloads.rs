//! The recorded Deployments as if they had been other workloads: their ReplicaSets are left out, the pods belong to the workload
//! itself and carry the labels by which its controller tells revisions apart.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{check_all, lines};

/// What is known of a Deployment while its recording is gone through.
#[derive(Default)]
struct Seen {
    deployment: Option<Value>,
    sets: BTreeMap<String, Value>,
    /// The revision that serves: the last that was complete.
    serving: u64,
}

fn count(object: &Value, field: &str) -> u64 {
    object["status"][field].as_u64().unwrap_or(0)
}

fn revision(set: &Value) -> u64 {
    set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str().unwrap().parse().unwrap()
}

impl Seen {
    /// The workload as its controller would have described it.
    fn workload(&mut self, kind: &str) -> Option<Value> {
        let deployment = self.deployment.as_ref()?;
        let desired = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
        let template = &deployment["spec"]["template"]["spec"];
        let new = self.sets.values().find(|set| &set["spec"]["template"]["spec"] == template);
        let generation = deployment["metadata"]["generation"].as_u64().unwrap_or(1);
        let observed = if new.is_some() { generation } else { generation - 1 };
        let updated = new.map_or(self.serving, revision);
        let (made, ready) = new.map_or((0, 0), |set| (count(set, "replicas"), count(set, "readyReplicas")));
        let is_refused = new.is_some_and(|set| set["status"]["conditions"][0]["type"] == "ReplicaFailure");
        let (made, ready) = (made.min(desired), ready.min(desired));
        let others: u64 = self.sets.values().map(|set| count(set, "readyReplicas")).sum::<u64>() - ready;
        let unready = (made - ready).max(u64::from(is_refused));
        let ready_in_all = (ready + others).min(desired - unready);
        if new.is_some() && ready == desired {
            self.serving = updated;
        }
        let mut meta = deployment["metadata"].clone();
        meta["annotations"]["deprecated.daemonset.template.generation"] = json!(updated.to_string());
        let there = desired - u64::from(is_refused);
        let status = match kind {
            "StatefulSet" => json!({
                "observedGeneration": observed, "replicas": there.min(made + others), "readyReplicas": ready_in_all,
                "availableReplicas": ready_in_all, "updatedReplicas": made,
                "currentReplicas": if self.serving == updated { desired } else { desired - made },
                "currentRevision": format!("web-{}", self.serving), "updateRevision": format!("web-{updated}"),
            }),
            _ => json!({
                "observedGeneration": observed, "desiredNumberScheduled": desired,
                "currentNumberScheduled": there.min(made + others),
                "updatedNumberScheduled": made, "numberReady": ready_in_all, "numberAvailable": ready_in_all,
                "numberUnavailable": desired - ready_in_all, "numberMisscheduled": 0,
            }),
        };
        Some(json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": meta, "status": status,
            "spec": {"replicas": desired, "selector": deployment["spec"]["selector"], "template": deployment["spec"]["template"],
                "updateStrategy": {"type": "RollingUpdate"}},
        }))
    }
}

fn turned(file: &str, kind: &str) -> Vec<Value> {
    let recorded = lines(file);
    let sets = recorded.iter().map(|line| &line["object"]).filter(|object| object["kind"] == "ReplicaSet");
    let revisions: BTreeMap<String, u64> =
        sets.map(|set| (set["metadata"]["uid"].as_str().unwrap().to_string(), revision(set))).collect();
    let mut seen = Seen::default();
    let mut owner = Value::Null;
    let mut turned = Vec::new();
    for mut line in recorded {
        let object = &mut line["object"];
        match object["kind"].as_str().unwrap() {
            "Deployment" => {
                owner = object["metadata"]["uid"].clone();
                seen.deployment = Some(object.clone());
            }
            "ReplicaSet" => {
                seen.sets.insert(object["metadata"]["uid"].to_string(), object.clone());
            }
            "Pod" => {
                let set = object["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap_or("");
                if let Some(revision) = revisions.get(set) {
                    object["metadata"]["ownerReferences"][0]["uid"] = owner.clone();
                    object["metadata"]["ownerReferences"][0]["kind"] = json!(kind);
                    object["metadata"]["ownerReferences"][0]["name"] = json!("web");
                    let labels = object["metadata"]["labels"].as_object_mut().unwrap();
                    labels.remove("pod-template-hash");
                    labels.insert("controller-revision-hash".into(), json!(format!("web-{revision}")));
                    labels.insert("pod-template-generation".into(), json!(revision.to_string()));
                }
            }
            "Event" => {
                let about = &mut object["involvedObject"];
                if about["kind"] == "ReplicaSet" || about["kind"] == "Deployment" {
                    *about = json!({"apiVersion": "apps/v1", "kind": kind, "name": "web",
                        "namespace": "shop", "uid": owner});
                }
            }
            _ => {}
        }
        if matches!(line["object"]["kind"].as_str(), Some("Deployment" | "ReplicaSet")) {
            let Some(workload) = seen.workload(kind) else { continue };
            line["object"] = workload;
        }
        // Versions of several objects became those of one: their order is that of the lines.
        line["object"]["metadata"]["resourceVersion"] = json!((turned.len() + 1).to_string());
        turned.push(line);
    }
    turned
}

/// What has no Deployment at its heart stays as it is.
const NOT_DEPLOYMENTS: &[&str] = &["f12-sts", "f7b-plain-job"];

#[test]
fn stateful_sets() {
    check_all("as a StatefulSet", 3.0, NOT_DEPLOYMENTS, |recorded| (turned(recorded.0, "StatefulSet"), 0.0));
}

#[test]
fn daemon_sets() {
    check_all("as a DaemonSet", 3.0, NOT_DEPLOYMENTS, |recorded| (turned(recorded.0, "DaemonSet"), 0.0));
}
