//! The requests: every call with the repository's charts and with small manifests, and what is no request.

use serde_json::{Value, json};

use crate::{charts, drive};

/// A name and the request's text.
pub(crate) type Vector = (String, String);

/// Small manifests, one for every way to become ready.
const MANIFESTS: &[(&str, &str)] = &[
    (
        "deployment",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 6\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: shop/web:1.4.2\n        readinessProbe: {httpGet: {path: /, port: 80}, initialDelaySeconds: 10, periodSeconds: 5, failureThreshold: 3}\n",
    ),
    (
        "no probe",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'shop/web:latest'}]}\n",
    ),
    (
        "statefulset",
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  serviceName: db\n  replicas: 3\n  minReadySeconds: 5\n  selector: {matchLabels: {app: db}}\n  template:\n    metadata: {labels: {app: db}}\n    spec:\n      terminationGracePeriodSeconds: 60\n      initContainers: [{name: init, image: 'db:1'}]\n      containers: [{name: db, image: 'db:1', startupProbe: {tcpSocket: {port: 1}, failureThreshold: 30}}]\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n",
    ),
    (
        "daemonset",
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n  updateStrategy: {rollingUpdate: {maxUnavailable: 25%}}\n  selector: {matchLabels: {app: agent}}\n  template:\n    metadata: {labels: {app: agent}}\n    spec: {containers: [{name: agent, image: 'agent:2'}]}\n",
    ),
    (
        "job",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: seed}\nspec:\n  completions: 4\n  parallelism: 2\n  backoffLimit: 1\n  template:\n    spec: {restartPolicy: Never, containers: [{name: seed, image: 'seed:1'}]}\n",
    ),
    (
        "hook",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {helm.sh/hook: 'pre-install,pre-upgrade', helm.sh/hook-weight: '-5'}\nspec:\n  template:\n    spec: {restartPolicy: Never, containers: [{name: migrate, image: 'migrate:1'}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {password: hunter2}\n",
    ),
    (
        "service and more",
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: NodePort, selector: {app: x}, ports: [{port: 80, nodePort: 30080}]}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p}\nspec: {maxUnavailable: 0, selector: {matchLabels: {app: x}}}\n---\napiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i}\nspec: {}\n",
    ),
    ("nothing", "\n---\n# only a comment\n"),
];

/// Texts that are no requests, or ask for what there is not.
const BROKEN: &[(&str, &str)] = &[
    ("a blank", " "),
    ("half an object", "{\"call\": \"version\""),
    ("null", "null"),
    ("a list", "[1, 2]"),
    ("a number out of range", "{\"call\": \"timeout\", \"input\": {\"rule\": {\"pods\": 1e999}}}"),
    ("no call", "{\"input\": {}}"),
    ("a call that is a number", "{\"call\": 7}"),
    ("an unknown call", "{\"call\": \"nope\", \"input\": {}}"),
    (
        "a misspelt field",
        "{\"call\": \"plan\", \"input\": {\"release\": \"a\", \"manifest\": \"\", \"hoks\": \"\"}}",
    ),
    ("a manifest that is no YAML", "{\"call\": \"parse-manifest\", \"input\": {\"manifest\": \"a: b: c\"}}"),
    ("a rollout of nothing", "{\"call\": \"rollout\", \"input\": {\"at\": 0}}"),
    ("a state that is none", "{\"call\": \"rollout\", \"input\": {\"at\": 0, \"state\": \"{}\"}}"),
    (
        "a journal that is cut",
        "{\"call\": \"rollout\", \"input\": {\"at\": 0, \"of\": {\"release\": \"a\", \"manifest\": \"\"}, \"journal\": [{\"seq\": 3, \"at\": 0, \"decided\": \"abort-requested\"}]}}",
    ),
    ("letters of all kinds", "{\"call\": \"äöü€😀\\u0000\\ud83d\\ude00\"}"),
];

/// A chart's archive: `Chart.yaml` and a file that is no text.
const ARCHIVE: &str = "H4sIAAAAAAAC/+3TPQrCQBCG4a33FDnBZjYsEdJ6B/spggbyI0kMeHnjKohoY5WA+j7NDF8zxfBpuj1oP7qzNrVZiER5CPcZvU+RkD/3W+7F+8wkYlZwGkbt43nzn/RY7cp+qLq2SKbMttqURaJ2emTeiRNr8Kv/T+tu3y1742P/JXvtv2wkCP1fw3yhAwAAAAAAAAAAAAAAAN/sCvz8MmIAKAAA";

/// A rollout as it was seen, second by second: its pod cannot find its image.
const RECORDING: &str = r#"{"t": 0, "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "a", "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}, "status": {"phase": "Pending"}}}
{"t": 9.5, "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "a", "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}, "status": {"phase": "Pending", "containerStatuses": [{"name": "web", "image": "web:1", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ErrImagePull", "message": "web:1: not found"}}}]}}}
"#;

/// All of them.
pub(crate) fn all() -> Vec<Vector> {
    let mut vectors = Vec::new();
    let mut add = |name: String, call: &str, input: Value| {
        vectors.push((name, json!({"call": call, "input": input}).to_string()));
    };
    add("version".to_owned(), "version", json!({}));
    let mut manifests: Vec<(String, String)> =
        MANIFESTS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    for (name, input) in charts::cases() {
        if name.starts_with("tests/charts") && name.ends_with("plain") {
            manifests.push((name.clone(), rendered(&input)));
        }
        // What makes keys or stretches passwords takes seconds where WebAssembly is interpreted.
        if !name.starts_with("certificate") && !name.starts_with("derived") {
            add(format!("render {name}"), "render", input);
        }
    }
    for (pods, delay, period, failures, buffer) in
        [(6, 10_000, 5_000, 3, 60_000), (1, 0, 1, 1, 0), (0, 0, 0, 0, 0), (u64::MAX, 1, 1, 1, 1)]
    {
        let rule = json!({
            "pods": pods, "initial_delay_ms": delay, "period_ms": period, "failure_threshold": failures,
            "buffer_ms": buffer,
        });
        add(format!("timeout by the rule, {pods} pods"), "timeout", json!({"rule": rule}));
    }
    let (_, deployment) = MANIFESTS[0];
    let tried =
        [("spec.replicas", 12), ("spec.template.spec.containers[0].readinessProbe.periodSeconds", 20)]
            .map(|(field, value)| json!({"object": "deployment/web", "field": field, "value": value}));
    let input = json!({"manifest": deployment, "inputs": {"overrides": tried}});
    add("timeout, numbers tried out".to_owned(), "timeout", input);
    add("lint, the rules".to_owned(), "lint", json!({"rules": true}));
    for (name, manifest) in &manifests {
        for (what, call, input) in asked(manifest) {
            add(format!("{call}, {name}{what}"), call, input);
        }
    }
    let (_, hooked) = MANIFESTS[5];
    let runs = json!({"manifest": hooked, "install": true, "faults": ["image-not-found@job/migrate"]});
    vectors.push(("rehearsals".to_owned(), json!({"call": "rehearsals", "input": runs}).to_string()));
    vectors.push(("unpack".to_owned(), json!({"call": "unpack", "input": {"archive": ARCHIVE}}).to_string()));
    for fail_fast in ["default", "strict"] {
        let input = json!({"recording": RECORDING, "fail_fast": fail_fast});
        let request = json!({"call": "replay", "input": input}).to_string();
        vectors.push((format!("replay, {fail_fast}"), request));
    }
    vectors.extend(BROKEN.iter().map(|(name, text)| (format!("broken: {name}"), (*text).to_owned())));
    for (name, requests) in drive::all() {
        for (number, request) in requests.into_iter().enumerate() {
            vectors.push((format!("rollout, {name}, request {number}"), request));
        }
    }
    vectors
}

/// What is asked about every manifest.
fn asked(manifest: &str) -> Vec<(&'static str, &'static str, Value)> {
    let before = manifest.replace("1.4.2", "1.4.1").replace(":1'", ":0'");
    let of = |more: Value| {
        let mut input = json!({"release": "shop", "manifest": manifest});
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    vec![
        ("", "parse-manifest", json!({"manifest": manifest})),
        ("", "plan", of(json!({}))),
        (", upgrade", "plan", of(json!({"previous": before, "namespace": "prod"}))),
        ("", "timeout", of(json!({"install": true}))),
        (", upgrade", "timeout", of(json!({"previous": before, "timeout_ms": 30_000}))),
        ("", "lint", json!({"manifest": manifest})),
        (", sarif", "lint", json!({"manifest": manifest, "previous": before, "sarif": true})),
        ("", "preview", of(json!({"previous": before, "timeout_ms": 300_000}))),
        ("", "rbac", json!({"manifest": manifest})),
        (", healthy", "rehearse", of(json!({"previous": before, "seed": 7}))),
        (", image not found", "rehearse", of(json!({"faults": ["image-not-found@deployment/web"]}))),
    ]
}

/// The manifest of a chart with its hooks, as text.
fn rendered(input: &Value) -> String {
    let request = json!({"call": "render", "input": input}).to_string();
    let answer: Value = serde_json::from_str(&backstay_core::call::call(&request)).unwrap();
    answer["ok"]["manifest"].as_str().unwrap().to_owned()
}
