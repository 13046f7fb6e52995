//! What looks bad and heals. In texts NAMESPACE and PLACE stand for the world's namespace and a folder of the node.

use serde_json::{Value, json};

/// What happens while the rollout waits.
pub(crate) enum Meanwhile {
    Creates(Value),
    Kubectl(&'static [&'static str]),
    Evicts(&'static str),
    /// A process of the control plane.
    Restarts(&'static str),
    /// The registry of the namespace's name answers, or no longer.
    Registry(bool),
}

/// An upgrade, or an install where nothing was before.
pub(crate) struct Healing {
    pub(crate) name: &'static str,
    pub(crate) before: Vec<Value>,
    pub(crate) after: Vec<Value>,
    /// What is there beside the release.
    pub(crate) beside: Vec<Value>,
    /// Seconds after the start, and what happens then; what happens at 0 happens before.
    pub(crate) meanwhile: Vec<(u64, Meanwhile)>,
    /// Seconds that it takes at least; else nothing had to heal.
    pub(crate) at_least: u64,
    pub(crate) flags: Vec<&'static str>,
    /// What kubectl is told in the end.
    pub(crate) cleanup: Vec<&'static [&'static str]>,
}

const SERVE: &str = "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w";
const IMAGE: &str = "registry.example/shop/web:1.4.0";

fn healing(name: &'static str, after: Vec<Value>, at_least: u64) -> Healing {
    Healing {
        name,
        before: vec![web("1", "true")],
        after,
        beside: Vec::new(),
        meanwhile: Vec::new(),
        at_least,
        flags: Vec::new(),
        cleanup: Vec::new(),
    }
}

impl Healing {
    fn at(mut self, second: u64, what: Meanwhile) -> Self {
        self.meanwhile.push((second, what));
        self
    }
}

fn probe() -> Value {
    json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1})
}

/// A workload whose program does this before it serves.
fn workload(kind: &str, name: &str, revision: &str, before: &str) -> Value {
    let container = json!({
        "name": name, "image": IMAGE, "command": ["sh", "-c", format!("{before}; {SERVE}")],
        "env": [{"name": "REVISION", "value": revision}], "readinessProbe": probe(),
        "resources": {"requests": {"cpu": "10m"}},
    });
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    })
}

fn web(revision: &str, before: &str) -> Value {
    workload("Deployment", "web", revision, before)
}

fn pod(workload: &mut Value) -> &mut Value {
    &mut workload["spec"]["template"]["spec"]
}

/// With a volume at `/more`.
fn mounting(mut workload: Value, mut volume: Value) -> Value {
    volume["name"] = json!("more");
    let pod = pod(&mut workload);
    pod["volumes"] = json!([volume]);
    pod["containers"][0]["volumeMounts"] = json!([{"name": "more", "mountPath": "/more"}]);
    workload
}

/// With a volume that outlives its containers.
fn remembering(workload: Value) -> Value {
    mounting(workload, json!({"emptyDir": {}}))
}

/// With a folder of the node, which others see, too.
fn sharing(workload: Value) -> Value {
    mounting(workload, json!({"hostPath": {"path": "PLACE", "type": "Directory"}}))
}

fn unprobed(mut workload: Value) -> Value {
    pod(&mut workload)["containers"][0].as_object_mut().unwrap().remove("readinessProbe");
    workload
}

fn starting(mut workload: Value, failures: u32) -> Value {
    let mut probe = probe();
    probe["failureThreshold"] = json!(failures);
    pod(&mut workload)["containers"][0]["startupProbe"] = probe;
    workload
}

fn late_secret() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late"}, "stringData": {"word": "x"}})
}

fn crashing(times: u32) -> String {
    format!("echo x >> /more/runs; [ $(wc -l < /more/runs) -gt {times} ] || exit 1")
}

/// All but the one that disturbs the others.
pub(crate) fn all() -> Vec<Healing> {
    let mut all = starts();
    all.extend(crashes());
    all.extend(late());
    all.extend(others());
    all
}

fn starts() -> Vec<Healing> {
    vec![
        healing("slow-start-startup-probe", vec![starting(web("2", "sleep 75"), 120)], 70),
        healing("slow-start-readiness-probe", vec![web("2", "sleep 30")], 28),
        healing(
            "slow-start-of-a-set",
            vec![web("1", "true"), workload("StatefulSet", "db", "2", "sleep 40")],
            38,
        ),
        healing(
            "readiness-lost-once",
            vec![web(
                "2",
                "sleep 5; (sleep 2; rm /tmp/w/index.html; sleep 8; echo ok > /tmp/w/index.html) & true",
            )],
            5,
        ),
    ]
}

fn crashes() -> Vec<Healing> {
    let mut init = remembering(web("2", "true"));
    let container = json!({
        "name": "init", "image": IMAGE, "command": ["sh", "-c", crashing(2)],
        "volumeMounts": [{"name": "more", "mountPath": "/more"}],
    });
    pod(&mut init)["initContainers"] = json!([container]);
    let waits = "[ -f /more/answers ] || { echo no database >&2; exit 1; }";
    let mut job = sharing(web("2", "true"));
    job["apiVersion"] = json!("batch/v1");
    job["kind"] = json!("Job");
    job["metadata"]["name"] = json!("import");
    let mut template = job["spec"]["template"].clone();
    template["spec"]["restartPolicy"] = json!("Never");
    template["spec"]["containers"][0]["command"] = json!(["sh", "-c", crashing(1)]);
    template["spec"]["containers"][0].as_object_mut().unwrap().remove("readinessProbe");
    job["spec"] = json!({"backoffLimit": 4, "template": template});
    vec![
        healing("one-crash", vec![remembering(web("2", &crashing(1)))], 1),
        healing("two-crashes", vec![remembering(web("2", &crashing(2)))], 10),
        healing("healed-at-the-third-restart", vec![remembering(web("2", &crashing(3)))], 30),
        healing(
            "crashes-once-without-a-probe",
            vec![unprobed(remembering(web("2", &format!("sleep 3; {}", crashing(1)))))],
            10,
        ),
        Healing {
            before: Vec::new(),
            ..healing(
                "crash-until-the-database-answers",
                vec![
                    sharing(web("1", waits)),
                    sharing(workload("StatefulSet", "db", "1", "sleep 50; touch /more/answers")),
                ],
                50,
            )
        },
        healing("init-container-tried-again", vec![init], 10),
        healing("job-tried-again", vec![web("1", "true"), job], 5),
    ]
}

fn late() -> Vec<Healing> {
    let mut variable = web("2", "true");
    pod(&mut variable)["containers"][0]["env"] =
        json!([{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "late", "key": "word"}}}]);
    let secret = mounting(web("2", "true"), json!({"secret": {"secretName": "late"}}));
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "more"},
        "spec": {"storageClassName": "", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}},
            "selector": {"matchLabels": {"for": "NAMESPACE"}}},
    });
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "NAMESPACE", "labels": {"for": "NAMESPACE"}},
        "spec": {"storageClassName": "", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Mi"},
            "hostPath": {"path": "PLACE"}, "persistentVolumeReclaimPolicy": "Retain"},
    });
    let mut selecting = web("2", "true");
    pod(&mut selecting)["nodeSelector"] = json!({"healing": "NAMESPACE"});
    let mut roomy = web("1", "true");
    roomy["spec"]["replicas"] = json!(2);
    roomy["spec"]["strategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}});
    let mut new = roomy.clone();
    pod(&mut new)["containers"][0]["env"][0]["value"] = json!("2");
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "narrow"}, "spec": {"hard": {"pods": "2"}}});
    vec![
        healing("secret-volume-late", vec![secret], 18).at(18, Meanwhile::Creates(late_secret())),
        healing("secret-variable-late", vec![variable], 18).at(18, Meanwhile::Creates(late_secret())),
        Healing {
            cleanup: vec![&["delete", "persistentvolume", "NAMESPACE", "--wait=false"]],
            ..healing(
                "claim-bound-late",
                vec![
                    claim,
                    mounting(web("2", "true"), json!({"persistentVolumeClaim": {"claimName": "more"}})),
                ],
                25,
            )
        }
        .at(25, Meanwhile::Creates(volume)),
        Healing {
            cleanup: vec![&["label", "node", "--all", "healing-"]],
            ..healing("node-labelled-late", vec![selecting], 40)
        }
        .at(40, Meanwhile::Kubectl(&["label", "node", "--all", "healing=NAMESPACE", "--overwrite"])),
        Healing { before: vec![roomy], ..healing("quota-freed-by-old-pods", vec![new], 1) }.beside(quota),
        registry("registry-away-for-20-s", 20),
        registry("registry-away-for-30-s", 30),
        webhook("webhook-down-for-20-s", 20),
        webhook("webhook-down-for-45-s", 45),
        webhook("webhook-down-for-70-s", 70),
    ]
}

impl Healing {
    fn beside(mut self, object: Value) -> Self {
        self.beside.push(object);
        self
    }
}

/// The registry does not answer, for so many seconds.
fn registry(name: &'static str, seconds: u64) -> Healing {
    let mut new = web("2", "true");
    pod(&mut new)["containers"][0]["image"] = json!("NAMESPACE.example/shop/web:1.4.0");
    pod(&mut new)["containers"][0]["imagePullPolicy"] = json!("Always");
    healing(name, vec![new], seconds).at(0, Meanwhile::Registry(false)).at(seconds, Meanwhile::Registry(true))
}

/// Nobody answers for the pods of the namespace, for so many seconds.
fn webhook(name: &'static str, seconds: u64) -> Healing {
    let down = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "NAMESPACE"},
        "webhooks": [{
            "name": "pods.healing.example", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "timeoutSeconds": 2, "clientConfig": {"url": "https://127.0.0.1:9/pods"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "NAMESPACE"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
        }],
    });
    let up: &[&str] = &["delete", "validatingwebhookconfiguration", "NAMESPACE"];
    // It is away from the moment the rollout begins.
    healing(name, vec![web("2", "true")], seconds)
        .at(0, Meanwhile::Creates(down))
        .at(seconds, Meanwhile::Kubectl(up))
}

fn others() -> Vec<Healing> {
    let slow = || vec![web("2", "sleep 12")];
    let scale = |replicas: &'static [&'static str]| Meanwhile::Kubectl(replicas);
    vec![
        healing("scaled-by-somebody-else", slow(), 12)
            .at(4, scale(&["scale", "deployment/web", "--replicas=3"]))
            .at(9, scale(&["scale", "deployment/web", "--replicas=2"])),
        healing("scaled-to-nothing-and-back", slow(), 6)
            .at(4, scale(&["scale", "deployment/web", "--replicas=0"]))
            .at(7, scale(&["scale", "deployment/web", "--replicas=1"])),
        healing("evicted", slow(), 14).at(8, Meanwhile::Evicts("web")),
        healing("pods-deleted-by-hand", slow(), 14)
            .at(8, Meanwhile::Kubectl(&["delete", "pods", "-l", "app=web", "--wait=false"])),
        healing("restarted-by-somebody-else", slow(), 14)
            .at(6, Meanwhile::Kubectl(&["rollout", "restart", "deployment/web"])),
        healing("labelled-by-somebody-else", slow(), 12)
            .at(4, Meanwhile::Kubectl(&["label", "deployment/web", "team=a"])),
    ]
}

/// It takes the API from everybody.
pub(crate) fn api_server() -> Healing {
    healing("api-server-restarts", vec![web("2", "sleep 20")], 18)
        .at(6, Meanwhile::Restarts("kube-apiserver"))
}
