//! The releases of the soak: the shop and what else people deploy, each in the versions `v1` and `v2`.

use backstay_plan::PlannedObject;
use serde_json::{Value, json};

use crate::common::{config, deployment, hook, planned, service, shop, stateful_set};

/// A release: its name and its objects by version; its hooks.
pub(crate) type Named = (&'static str, fn(&str) -> Vec<PlannedObject>, fn() -> Vec<PlannedObject>);

fn none() -> Vec<PlannedObject> {
    Vec::new()
}

fn image(name: &str, version: &str) -> String {
    format!("registry.example/{name}:{version}")
}

fn web(version: &str, replicas: u32) -> PlannedObject {
    deployment("web", &image("web", version), replicas)
}

/// A web server with something else about its spec or template.
fn web_with(version: &str, replicas: u32, change: impl Fn(&mut Value)) -> PlannedObject {
    let mut web = web(version, replicas);
    change(&mut web.object["spec"]);
    web
}

fn in_wave(mut object: PlannedObject, wave: u32) -> PlannedObject {
    object.object["metadata"]["annotations"] = json!({"backstay.dev/wave": wave.to_string()});
    object
}

fn secret(name: &str, text: &str) -> PlannedObject {
    planned(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"text": text}}),
    )
}

fn claim(name: &str) -> PlannedObject {
    planned(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    }))
}

fn daemon_set(name: &str, image: &str) -> PlannedObject {
    let template = deployment(name, image, 1).object["spec"]["template"].clone();
    planned(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template}
    }))
}

fn job_spec(image: &str) -> Value {
    json!({"backoffLimit": 1, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "job", "image": image, "command": ["sh", "-c", "sleep 3; exit 0"]}]
    }}})
}

fn job(name: &str, image: &str) -> PlannedObject {
    planned(
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": job_spec(image)}),
    )
}

fn cron_job(name: &str, image: &str) -> PlannedObject {
    planned(json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job_spec(image)}}
    }))
}

fn budget(name: &str) -> PlannedObject {
    planned(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": name}}}
    }))
}

fn autoscaler(name: &str) -> PlannedObject {
    planned(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name},
        "spec": {
            "minReplicas": 2, "maxReplicas": 4,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]
        }
    }))
}

fn ingress(name: &str) -> PlannedObject {
    planned(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name},
        "spec": {"defaultBackend": {"service": {"name": name, "port": {"number": 80}}}}
    }))
}

fn rights(name: &str) -> Vec<PlannedObject> {
    vec![
        planned(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})),
        planned(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
        })),
        planned(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]
        })),
    ]
}

fn joined(parts: Vec<Vec<PlannedObject>>) -> Vec<PlannedObject> {
    parts.into_iter().flatten().collect()
}

fn migration() -> Vec<PlannedObject> {
    vec![hook("migrate", "pre-install,pre-upgrade,pre-rollback", "sleep 2; exit 0")]
}

fn many_hooks() -> Vec<PlannedObject> {
    let mut hooks = vec![
        hook("lock", "pre-upgrade,pre-rollback", "exit 0"),
        hook("migrate", "pre-upgrade", "sleep 1; exit 0"),
        hook("smoke", "post-install,post-upgrade", "exit 0"),
        hook("unlock", "post-upgrade,post-rollback", "exit 0"),
    ];
    for (weight, hook) in hooks.iter_mut().enumerate() {
        hook.object["metadata"]["annotations"]["helm.sh/hook-weight"] = weight.to_string().into();
    }
    hooks
}

/// All of them; every one is an install, an upgrade, a rollback and an uninstall in turn.
pub(crate) const ALL: &[Named] = &[
    ("shop", |v| shop(&image("web", v)), none),
    ("shop with a migration", |v| shop(&image("web", v)), migration),
    ("web", |v| vec![web(v, 1)], none),
    ("web with a configuration", |v| vec![config("conf", v), web(v, 2)], none),
    ("web with a secret", |v| vec![secret("keys", v), web(v, 2)], none),
    ("web for the world", |v| vec![service("web"), web(v, 2), ingress("web")], none),
    ("five of a kind", |v| vec![service("web"), web(v, 5)], none),
    ("recreated", |v| vec![web_with(v, 2, |spec| spec["strategy"] = json!({"type": "Recreate"}))], none),
    ("without surge", |v| vec![web_with(v, 3, |spec| spec["strategy"] = rolling(0, 1))], none),
    ("all at once", |v| vec![web_with(v, 3, |spec| spec["strategy"] = rolling(3, 3))], none),
    ("ready for a while", |v| vec![web_with(v, 2, |spec| spec["minReadySeconds"] = json!(5))], none),
    ("with a budget", |v| vec![web(v, 2), budget("web")], none),
    ("with an autoscaler", |v| vec![web(v, 2), autoscaler("web")], none),
    ("with a sidecar", |v| vec![web_with(v, 2, |spec| add(spec, "containers", plain("logs")))], none),
    ("with preparations", |v| vec![web_with(v, 2, |spec| add(spec, "initContainers", prepares()))], none),
    ("with a slow start", |v| vec![web_with(v, 1, starts_slowly)], none),
    ("with rights", |v| joined(vec![rights("web"), vec![web(v, 1)]]), none),
    (
        "web and worker",
        |v| vec![config("conf", v), web(v, 2), deployment("worker", &image("worker", v), 1)],
        none,
    ),
    ("three tiers", three_tiers, migration),
    ("six services", |v| services(6, v), none),
    ("database", |v| vec![service("db"), stateful_set("db", &image("db", v), 1)], none),
    ("database of three", |v| vec![service("db"), stateful_set("db", &image("db", v), 3)], none),
    ("database at once", |v| vec![parallel(stateful_set("db", &image("db", v), 2))], none),
    ("agent", |v| vec![config("conf", v), daemon_set("agent", &image("agent", v))], none),
    ("nightly", |v| vec![config("conf", v), cron_job("nightly", &image("nightly", v))], none),
    ("a job each time", |v| vec![web(v, 1), job(&format!("load-{v}"), &image("load", v))], none),
    ("with a claim", |v| vec![claim("files"), web_with(v, 1, mounts)], none),
    (
        "in waves",
        |v| {
            vec![config("conf", v), in_wave(stateful_set("db", &image("db", v), 1), 1), in_wave(web(v, 2), 2)]
        },
        none,
    ),
    (
        "in waves with a migration",
        |v| vec![web(v, 2), in_wave(service("web"), 1), in_wave(api(v), 2)],
        migration,
    ),
    (
        "something new",
        |v| if v == "v1" { vec![web(v, 1)] } else { vec![web(v, 1), config("new", v), api(v)] },
        none,
    ),
    (
        "something gone",
        |v| if v == "v1" { vec![web(v, 1), config("old", v), api(v)] } else { vec![web(v, 1)] },
        none,
    ),
    ("another name", |v| vec![deployment(&format!("web-{v}"), &image("web", v), 2)], none),
    ("what is kept", |v| if v == "v1" { vec![web(v, 1), kept()] } else { vec![web(v, 1)] }, none),
    ("configurations alone", |v| (0..4).map(|number| config(&format!("conf-{number}"), v)).collect(), none),
    ("wide", wide, none),
    ("many hooks", |v| vec![service("web"), web(v, 2)], many_hooks),
];

fn rolling(surge: u32, unavailable: u32) -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
}

fn plain(name: &str) -> Value {
    json!({"name": name, "image": format!("registry.example/{name}:v1")})
}

fn prepares() -> Value {
    json!({"name": "prepare", "image": "registry.example/prepare:v1", "command": ["sh", "-c", "sleep 1; exit 0"]})
}

fn add(spec: &mut Value, list: &str, container: Value) {
    let pod = &mut spec["template"]["spec"];
    match pod[list].as_array_mut() {
        Some(present) => present.push(container),
        None => pod[list] = json!([container]),
    }
}

fn starts_slowly(spec: &mut Value) {
    spec["template"]["spec"]["containers"][0]["startupProbe"] =
        json!({"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2, "failureThreshold": 30});
}

fn mounts(spec: &mut Value) {
    spec["strategy"] = json!({"type": "Recreate"});
    let pod = &mut spec["template"]["spec"];
    pod["volumes"] = json!([{"name": "files", "persistentVolumeClaim": {"claimName": "files"}}]);
    pod["containers"][0]["volumeMounts"] = json!([{"name": "files", "mountPath": "/files"}]);
}

fn parallel(mut set: PlannedObject) -> PlannedObject {
    set.object["spec"]["podManagementPolicy"] = "Parallel".into();
    set
}

fn api(version: &str) -> PlannedObject {
    deployment("api", &image("api", version), 1)
}

fn kept() -> PlannedObject {
    let mut kept = config("kept", "as it is");
    kept.object["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    kept
}

fn three_tiers(version: &str) -> Vec<PlannedObject> {
    vec![
        config("conf", version),
        service("web"),
        service("api"),
        stateful_set("db", &image("db", "v1"), 1),
        api(version),
        web(version, 2),
    ]
}

fn services(count: usize, version: &str) -> Vec<PlannedObject> {
    let name = |number: usize| format!("svc-{number}");
    let both =
        |number| [service(&name(number)), deployment(&name(number), &image(&name(number), version), 1)];
    (0..count).flat_map(both).collect()
}

fn wide(version: &str) -> Vec<PlannedObject> {
    let mut objects: Vec<PlannedObject> =
        (0..20).map(|number| config(&format!("conf-{number}"), version)).collect();
    objects.push(web(version, 1));
    objects
}
