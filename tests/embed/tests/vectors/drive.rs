//! Rollouts as a host in another language drives them, against a cluster of a few lines: what is applied is ready at the
//! next look, unless its image is the bad one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The image that no registry has.
const BAD: &str = "shop/web:bad";

/// More steps than any of these rollouts has.
const STEPS_MOST: usize = 60;

const BEGIN_MS: u64 = 1_767_225_600_000;

/// Rollouts by name, each as the requests it takes.
pub(crate) fn all() -> Vec<(&'static str, Vec<String>)> {
    let before = manifest("shop/web:1");
    [
        ("a first install", manifest("shop/web:1"), None, "deployed"),
        ("an upgrade", manifest("shop/web:2"), Some(&before), "deployed"),
        ("an upgrade that goes back", manifest(BAD), Some(&before), "rolled-back"),
        ("a first install that leaves nothing", manifest(BAD), None, "cleaned-up"),
    ]
    .into_iter()
    .map(|(name, manifest, before, verdict)| {
        let (requests, ended) = drive(&manifest, before);
        assert_eq!(ended, verdict, "{name}");
        (name, requests)
    })
    .collect()
}

fn manifest(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: [{{name: web, image: '{image}'}}]}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{image: '{image}'}}\n"
    )
}

/// The few lines of cluster.
#[derive(Default)]
struct Cluster {
    objects: BTreeMap<String, Value>,
    count: u64,
}

fn name_of(key: &Value) -> String {
    format!("{}/{}", key["kind"].as_str().unwrap(), key["name"].as_str().unwrap())
}

impl Cluster {
    fn apply(&mut self, key: &Value, object: &Value) -> Value {
        self.count += 1;
        let known = self.objects.get(&name_of(key));
        let mut object = object.clone();
        let generation = known.map_or(0, |known| known["metadata"]["generation"].as_u64().unwrap()) + 1;
        object["metadata"]["generation"] = json!(generation);
        object["metadata"]["uid"] = known
            .map_or_else(|| json!(format!("uid-{}", self.count)), |known| known["metadata"]["uid"].clone());
        object["metadata"]["resourceVersion"] = json!(self.count.to_string());
        object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        if key["kind"] == "Deployment" {
            object["status"] = status(&object, generation);
        }
        let applied = json!({"key": key, "uid": object["metadata"]["uid"], "generation": generation});
        self.objects.insert(name_of(key), object);
        applied
    }
}

fn status(object: &Value, generation: u64) -> Value {
    let bad = object["spec"]["template"]["spec"]["containers"][0]["image"] == BAD;
    let (ready, progressing, reason) =
        if bad { (0, "False", "ProgressDeadlineExceeded") } else { (1, "True", "NewReplicaSetAvailable") };
    json!({
        "observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready,
        "availableReplicas": ready, "conditions": [
            {"type": "Available", "status": if bad { "False" } else { "True" }},
            {"type": "Progressing", "status": progressing, "reason": reason, "message": "as told"},
        ],
    })
}

fn ask(requests: &mut Vec<String>, input: Value) -> Value {
    let request = json!({"call": "rollout", "input": input}).to_string();
    let answer: Value = serde_json::from_str(&backstay_core::call::call(&request)).unwrap();
    requests.push(request);
    assert!(answer["error"].is_null(), "{}", answer["error"]);
    answer["ok"].clone()
}

fn drive(manifest: &str, before: Option<&String>) -> (Vec<String>, String) {
    let mut requests = Vec::new();
    let mut cluster = Cluster::default();
    if let Some(before) = before {
        // What runs already: the same host brings it.
        let (earlier, _) = run(manifest_of(before, None), &mut cluster);
        drop(earlier);
    }
    let (mut asked, verdict) = run(manifest_of(manifest, before), &mut cluster);
    requests.append(&mut asked);
    (requests, verdict)
}

fn manifest_of(manifest: &str, previous: Option<&String>) -> Value {
    json!({"release": "shop", "namespace": "prod", "manifest": manifest, "previous": previous})
}

fn run(of: Value, cluster: &mut Cluster) -> (Vec<String>, String) {
    let mut requests = Vec::new();
    let mut at = BEGIN_MS;
    let mut answer = ask(&mut requests, json!({"at": at, "of": of}));
    for _ in 0..STEPS_MOST {
        if let Some(verdict) = answer["verdict"]["verdict"].as_str() {
            return (requests, verdict.to_owned());
        }
        let mut inputs = Vec::new();
        for action in answer["actions"].as_array().unwrap() {
            inputs.append(&mut perform(cluster, action));
        }
        at = if inputs.is_empty() { answer["wake_at"].as_u64().unwrap() } else { at + 100 };
        if inputs.is_empty() {
            inputs.push(json!({"input": "timeout"}));
        }
        answer = ask(&mut requests, json!({"at": at, "state": answer["state"], "inputs": inputs}));
    }
    panic!("no verdict after {STEPS_MOST} steps: {}", answer["waiting_on"]);
}

/// Does an action; what is seen of the cluster comes before the action's end.
fn perform(cluster: &mut Cluster, action: &Value) -> Vec<Value> {
    let mut applied = Vec::new();
    let mut inputs = Vec::new();
    for work in action["work"].as_array().unwrap() {
        let key = &work["key"];
        match work["do"].as_str().unwrap() {
            "apply" | "create-hook" => applied.push(cluster.apply(key, &work["object"])),
            "delete" => {
                if let Some(object) = cluster.objects.remove(&name_of(key)) {
                    inputs.push(json!({"input": "observed", "object": object, "deleted": true}));
                }
            }
            _ => {}
        }
    }
    inputs.extend(cluster.objects.values().map(|object| json!({"input": "observed", "object": object})));
    let outcome = json!({"outcome": "succeeded", "applied": applied});
    inputs.push(json!({"input": "completed", "id": action["id"], "outcome": outcome}));
    inputs
}
