//! Every rule finds what it is for, and a good chart is left alone.

use alloc::collections::BTreeSet;
use alloc::vec;

use serde_json::{Value, json};

use super::*;

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    into.remove(key);
                } else {
                    merge(into.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

/// A Deployment nobody can say anything against.
fn good(patch: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container(&json!({}))]}},
        },
    });
    merge(&mut object, patch);
    object
}

fn container(patch: &Value) -> Value {
    let mut container = json!({
        "name": "web", "image": "web:1.2.3", "ports": [{"name": "http", "containerPort": 80}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        "startupProbe": {"httpGet": {"port": "http", "path": "/"}},
        "readinessProbe": {"httpGet": {"port": "http", "path": "/ready"}},
        "livenessProbe": {"httpGet": {"port": "http", "path": "/live"}},
    });
    merge(&mut container, patch);
    container
}

fn with(patch: &Value) -> Value {
    pod(&json!({"containers": [container(patch)]}))
}

fn pod(spec: &Value) -> Value {
    good(&json!({"spec": {"template": {"spec": spec}}}))
}

fn object(kind: &str, patch: &Value) -> Value {
    let mut object = json!({"apiVersion": api(kind), "kind": kind, "metadata": {"name": "x"}});
    merge(&mut object, patch);
    object
}

fn api(kind: &str) -> &'static str {
    match kind {
        "StatefulSet" | "DaemonSet" => "apps/v1",
        "Job" => "batch/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "PodDisruptionBudget" => "policy/v1",
        "Ingress" => "networking.k8s.io/v1",
        "CustomResourceDefinition" => "apiextensions.k8s.io/v1",
        "RoleBinding" => "rbac.authorization.k8s.io/v1",
        _ => "v1",
    }
}

fn hook(kind: &str, annotations: &Value, spec: &Value) -> Value {
    object(kind, &json!({"metadata": {"annotations": annotations}, "spec": spec}))
}

fn planned(values: &[Value]) -> Vec<PlannedObject> {
    let of = |value: &Value| {
        let mut object = PlannedObject::new(value.clone(), "t.yaml").unwrap();
        object.key.namespace = "prod".to_owned();
        object
    };
    values.iter().map(of).collect()
}

fn codes(objects: &[Value], previous: &[Value], facts: &Facts) -> BTreeSet<String> {
    let is_hook = |value: &&Value| annotation(value, "helm.sh/hook").is_some();
    let hooks: Vec<Value> = objects.iter().filter(is_hook).cloned().collect();
    let own: Vec<Value> = objects.iter().filter(|value| !is_hook(value)).cloned().collect();
    let found = lint("prod", &planned(&own), &planned(&hooks), &planned(previous), facts);
    for finding in &found {
        let rule = rule_of(&finding.code).unwrap();
        assert_eq!((finding.severity, finding.why.as_str()), (rule.severity, rule.why));
        assert!(!finding.message.is_empty() && !finding.fix.is_empty());
    }
    found.into_iter().map(|finding| finding.code).collect()
}

/// Chart, what runs, facts.
type Example = (&'static str, Vec<Value>, Vec<Value>, Facts);

fn one(code: &'static str, value: Value) -> Example {
    (code, vec![value], vec![], Facts::default())
}

fn many(code: &'static str, values: &[Value]) -> Example {
    (code, values.to_vec(), vec![], Facts::default())
}

fn change(code: &'static str, old: Value, new: Value) -> Example {
    (code, vec![new], vec![old], Facts::default())
}

fn of_probes() -> Vec<Example> {
    vec![
        one("no-readiness-probe", with(&json!({"readinessProbe": null}))),
        one("no-liveness-probe", with(&json!({"livenessProbe": null}))),
        one(
            "liveness-stricter-than-readiness",
            with(&json!({"startupProbe": null, "livenessProbe": {"failureThreshold": 1}})),
        ),
        one("same-liveness-and-readiness", with(&json!({"livenessProbe": {"httpGet": {"path": "/ready"}}}))),
        one("probe-timeout-above-period", with(&json!({"readinessProbe": {"timeoutSeconds": 11}}))),
        one("probe-success-threshold", with(&json!({"livenessProbe": {"successThreshold": 2}}))),
        one("probe-port-unknown", with(&json!({"readinessProbe": {"httpGet": {"port": "web"}}}))),
        one("progress-deadline-below-min-ready", good(&json!({"spec": {"minReadySeconds": 600}}))),
        one("stop-longer-than-grace", with(&json!({"lifecycle": {"preStop": {"sleep": {"seconds": 30}}}}))),
        one("image-latest", with(&json!({"image": "registry:5000/web"}))),
        one("image-pull-never", with(&json!({"imagePullPolicy": "Never"}))),
        one("request-above-limit", with(&json!({"resources": {"limits": {"cpu": "50m"}}}))),
        one("no-requests", with(&json!({"resources": null}))),
        one("duplicate-env", with(&json!({"env": [{"name": "A"}, {"name": "A"}]}))),
        one("secret-in-env", with(&json!({"env": [{"name": "DB_PASSWORD", "value": "x"}]}))),
        one("config-missing", with(&json!({"envFrom": [{"configMapRef": {"name": "c"}}]}))),
        one("pull-secret-missing", pod(&json!({"imagePullSecrets": [{"name": "r"}]}))),
        one("service-account-missing", pod(&json!({"serviceAccountName": "a"}))),
        one("claim-missing", pod(&json!({"volumes": [{"persistentVolumeClaim": {"claimName": "c"}}]}))),
    ]
}

fn of_objects() -> Vec<Example> {
    let job = json!({"template": {"spec": {"containers": []}}});
    let upgrade = json!({"helm.sh/hook": "pre-upgrade"});
    vec![
        one("hook-without-deadline", hook("Job", &upgrade, &job)),
        one("hook-without-delete-policy", hook("Job", &upgrade, &job)),
        one("hook-retries-by-default", hook("Job", &upgrade, &job)),
        one("migration-is-not-undone", hook("Job", &upgrade, &job)),
        one("hook-unknown-event", hook("Job", &json!({"helm.sh/hook": "pre-deploy"}), &job)),
        one(
            "hook-weight-not-a-number",
            hook("Job", &json!({"helm.sh/hook": "test", "helm.sh/hook-weight": "a"}), &job),
        ),
        one("hook-is-workload", hook("StatefulSet", &upgrade, &json!({}))),
        one("fixed-node-port", object("Service", &json!({"spec": {"ports": [{"nodePort": 30080}]}}))),
        one("service-selects-nothing", object("Service", &json!({"spec": {"selector": {"app": "x"}}}))),
        one(
            "ingress-backend-missing",
            object(
                "Ingress",
                &json!({"spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "s"}}}]}}]}}),
            ),
        ),
        one(
            "autoscaler-target-missing",
            object(
                "HorizontalPodAutoscaler",
                &json!({"spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "q"}}}),
            ),
        ),
        one(
            "autoscaler-bounds",
            object("HorizontalPodAutoscaler", &json!({"spec": {"minReplicas": 3, "maxReplicas": 2}})),
        ),
        one(
            "pdb-selects-nothing",
            object("PodDisruptionBudget", &json!({"spec": {"selector": {"matchLabels": {"app": "x"}}}})),
        ),
        one(
            "removed-api",
            json!({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "x"}}),
        ),
        one("secret-in-config-map", object("ConfigMap", &json!({"data": {"api-key": "x"}}))),
        one("selector-mismatch", good(&json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}}))),
        many("duplicate-object", &[good(&json!({})), good(&json!({}))]),
        one("other-namespace", object("ConfigMap", &json!({"metadata": {"namespace": "other"}}))),
        one(
            "resource-policy-keep",
            object("ConfigMap", &json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}})),
        ),
        one(
            "resource-policy-unknown",
            object("ConfigMap", &json!({"metadata": {"annotations": {"helm.sh/resource-policy": "delete"}}})),
        ),
        one(
            "no-surge-no-unavailable",
            good(&json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}})),
        ),
        one(
            "single-replica-goes-away",
            good(&json!({"spec": {"replicas": 1, "strategy": {"rollingUpdate": {"maxUnavailable": 1}}}})),
        ),
        one(
            "on-delete-strategy",
            object("DaemonSet", &json!({"spec": {"updateStrategy": {"type": "OnDelete"}}})),
        ),
        one("zero-replicas", good(&json!({"spec": {"replicas": 0}}))),
        one("crd-in-templates", object("CustomResourceDefinition", &json!({}))),
    ]
}

fn of_relations() -> Vec<Example> {
    let mount = |spec: &Value| {
        let mut object = pod(&json!({"volumes": [{"persistentVolumeClaim": {"claimName": "x"}}]}));
        merge(&mut object, &json!({"spec": spec}));
        object
    };
    let claim = object("PersistentVolumeClaim", &json!({"spec": {"accessModes": ["ReadWriteOnce"]}}));
    let target = json!({"kind": "Deployment", "name": "web"});
    let scaler = object(
        "HorizontalPodAutoscaler",
        &json!({"spec": {"maxReplicas": 3, "scaleTargetRef": target, "metrics": [{"resource": {"target": {"averageUtilization": 50}}}]}}),
    );
    let definition =
        object("CustomResourceDefinition", &json!({"spec": {"group": "e.org", "names": {"kind": "Thing"}}}));
    let thing = json!({"apiVersion": "e.org/v1", "kind": "Thing", "metadata": {"name": "x"}});
    let budget = |spec: Value| {
        object(
            "PodDisruptionBudget",
            &json!({"spec": {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": spec}}),
        )
    };
    let service =
        object("Service", &json!({"spec": {"selector": {"app": "web"}, "ports": [{"targetPort": "grpc"}]}}));
    let forced = Facts { force: true, undo: true, ..Facts::default() };
    let small = json!({"cpu": "50m", "memory": "1Gi"});
    let quota = json!({"metadata": {"name": "q"}, "status": {"hard": {"pods": "10"}, "used": {"pods": "9"}}});
    vec![
        many("recreate-with-claim", &[mount(&json!({"strategy": {"type": "Recreate"}})), claim.clone()]),
        many("rolling-update-with-claim", &[mount(&json!({})), claim.clone()]),
        many("claim-template-shared", &[mount(&json!({})), claim]),
        many("replicas-with-autoscaler", &[good(&json!({})), scaler.clone()]),
        many("autoscaler-without-requests", &[with(&json!({"resources": null})), scaler]),
        many("crd-beside-its-resources", &[definition, thing]),
        many("pdb-blocks", &[good(&json!({})), budget(json!("100%"))]),
        many("service-port-unknown", &[good(&json!({})), service]),
        ("force-with-undo", vec![good(&json!({}))], vec![], forced.clone()),
        ("force-on-stateful-set", vec![object("StatefulSet", &json!({}))], vec![], forced),
        (
            "request-above-node",
            vec![good(&json!({}))],
            vec![],
            Facts { nodes: vec![small], ..Facts::default() },
        ),
        ("quota-exceeded", vec![good(&json!({}))], vec![], Facts { quotas: vec![quota], ..Facts::default() }),
        (
            "deprecated-api",
            vec![
                json!({"apiVersion": "autoscaling/v2beta2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "x"}}),
            ],
            vec![],
            Facts { kubernetes: Some((1, 25)), ..Facts::default() },
        ),
    ]
}

fn of_changes() -> Vec<Example> {
    let labels = json!({"app": "new"});
    let renamed =
        json!({"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}});
    let set = |size: &str| {
        object("StatefulSet", &json!({"spec": {"volumeClaimTemplates": [{"spec": {"size": size}}]}}))
    };
    let job = |image: &str| {
        object("Job", &json!({"spec": {"template": {"spec": {"containers": [{"image": image}]}}}}))
    };
    let service = |ip: &str| object("Service", &json!({"spec": {"clusterIP": ip}}));
    let claim = |class: &str| object("PersistentVolumeClaim", &json!({"spec": {"storageClassName": class}}));
    let binding = |role: &str| object("RoleBinding", &json!({"roleRef": {"name": role}}));
    let config = |text: &str| object("ConfigMap", &json!({"immutable": true, "data": {"a": text}}));
    vec![
        change("immutable-selector", good(&json!({})), good(&renamed)),
        change("immutable-stateful-set", set("1Gi"), set("2Gi")),
        change("immutable-job", job("a:1"), job("a:2")),
        change("immutable-service", service("10.0.0.1"), service("10.0.0.2")),
        change("immutable-claim", claim("fast"), claim("slow")),
        change("immutable-role-ref", binding("a"), binding("b")),
        change("immutable-config", config("a"), config("b")),
    ]
}

#[test]
fn surplus_pods_need_room_only_where_old_ones_cannot_go_first() {
    let quota = |used: &str| json!({"metadata": {"name": "q"}, "status": {"hard": {"pods": "4"}, "used": {"pods": used}}});
    let web = |more: &Value| good(&json!({"spec": more}));
    for (more, used, is_told) in [
        // A quarter of four may be missing: they make room.
        (json!({"replicas": 4}), "4", false),
        (
            json!({"replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}),
            "4",
            false,
        ),
        (
            json!({"replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}),
            "4",
            true,
        ),
        (json!({"replicas": 4, "strategy": {"type": "Recreate"}}), "4", false),
        // A quarter of two is none.
        (json!({"replicas": 2}), "4", true),
        (json!({"replicas": 2}), "2", false),
    ] {
        let facts = Facts { quotas: vec![quota(used)], ..Facts::default() };
        let objects = [web(&more)];
        let found = codes(&objects, &objects, &facts);
        assert_eq!(found.contains("quota-exceeded"), is_told, "{more} {used}: {found:?}");
    }
}

#[test]
fn every_rule_finds_what_it_is_for() {
    let examples: Vec<Example> =
        [of_probes(), of_objects(), of_relations(), of_changes()].into_iter().flatten().collect();
    for (code, objects, previous, facts) in &examples {
        let found = codes(objects, previous, facts);
        assert!(found.contains(*code), "{code}: {found:?}");
        // Each of the relations ends when what it is about is taken away.
        assert!(!codes(&[good(&json!({}))], &[], &Facts::default()).contains(*code), "{code}");
    }
    let shown: BTreeSet<&str> = examples.iter().map(|(code, ..)| *code).collect();
    // Those come from the times.
    let of_times = ["timeout-too-short", "deadline-beyond-timeout", "progress-deadline-too-short"];
    let of_hosts = ["access-missing", "access-optional", "server-refuses", "way-back-closed"];
    for rule in RULES.iter().filter(|rule| !of_times.contains(&rule.code) && !of_hosts.contains(&rule.code)) {
        assert!(shown.contains(rule.code), "no example of {}", rule.code);
    }
    assert!(RULES.len() >= 40, "{}", RULES.len());
}

#[test]
fn a_good_workload_is_left_alone() {
    assert_eq!(codes(&[good(&json!({}))], &[good(&json!({}))], &Facts::default()), BTreeSet::new());
    // What the server chose itself is no change.
    let plain = object("Service", &json!({"spec": {"ports": []}}));
    let chosen = object("Service", &json!({"spec": {"ports": [], "clusterIP": "10.0.0.1"}}));
    assert!(codes(&[plain], &[chosen], &Facts::default()).is_empty());
}

#[test]
fn one_object_can_be_left_out_of_a_rule() {
    let ignored =
        json!({"metadata": {"annotations": {"backstay.dev/ignore": "image-latest, zero-replicas"}}});
    let mut object = with(&json!({"image": "web"}));
    assert!(codes(&[object.clone()], &[], &Facts::default()).contains("image-latest"));
    merge(&mut object, &ignored);
    assert!(codes(&[object], &[], &Facts::default()).is_empty());
}

#[test]
fn every_rule_has_its_page() {
    extern crate std;
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let read = |name: &str| std::fs::read_to_string(docs.join(name)).unwrap_or_default();
    let (index, contents) = (read("lint.md"), read("SUMMARY.md"));
    for rule in RULES {
        let code = rule.code;
        let page = read(&alloc::format!("lint/{code}.md"));
        // A sentence of its own begins with a capital there.
        let severity = alloc::format!("{:?}, one of the rules of", rule.severity);
        let title = alloc::format!("# {code}\n");
        for part in [
            title.as_str(),
            &severity,
            "\n## What was seen and why it matters\n",
            rule.why.get(1..).unwrap_or_default(),
            "\n## What usually fixes it\n",
            rule.fix.get(1..).unwrap_or_default(),
            "\n## When it is meant\n",
        ] {
            assert!(page.contains(part), "docs/lint/{code}.md lacks {part:?}");
        }
        let severity = alloc::format!("{:?}", rule.severity).to_lowercase();
        let row = alloc::format!("| [`{code}`](lint/{code}.md) | {severity} | {}. |", rule.why);
        assert!(index.contains(&row), "docs/lint.md lacks\n{row}");
        let entry = alloc::format!("  - [{code}](lint/{code}.md)\n");
        assert!(contents.contains(&entry), "docs/SUMMARY.md lacks {entry}");
    }
    let pages = std::fs::read_dir(docs.join("lint")).unwrap().count();
    assert_eq!(pages, RULES.len(), "docs/lint has pages without a rule");
}
