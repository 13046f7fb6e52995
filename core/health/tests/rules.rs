//! Rules of the user, annotations that say that nobody should wait, and when a custom resource's own word counts.

use backstay_health::{Circumstances, Class, Policy, Related, Status, assess};
use backstay_object::Timestamp;
use serde_json::{Value, json};

fn check(what: &str, object: &Value, policy: &Value, status: Status, class: Option<Class>) {
    let policy: Result<Policy, _> = serde_json::from_value(policy.clone());
    assert!(policy.is_ok(), "{what}: {policy:?}");
    let policy = policy.unwrap_or_default();
    let circumstances = Circumstances::new(Timestamp(100_000), Timestamp(0), &policy);
    let found = assess(object, &Related::default(), &circumstances);
    assert_eq!(found.readiness.status, status, "{what}: {}", found.readiness.message);
    assert_eq!(found.findings.first().map(|finding| finding.cause.class), class, "{what}");
}

fn object(version: &str, kind: &str, annotations: Value, status: Value) -> Value {
    json!({
        "apiVersion": version, "kind": kind, "status": status, "spec": {"replicas": 2},
        "metadata": {"name": "it", "namespace": "shop", "annotations": annotations},
    })
}

#[test]
fn a_user_knows_best() {
    let rule = |version: &str| {
        json!({"readinessRules": [{"apiVersion": version, "kind": "Database",
            "ready": "status.replicas >= spec.replicas", "failed": "status.phase == 'Broken'"}]})
    };
    let database = |status: Value| object("example.com/v1", "Database", json!({}), status);
    let all = "example.com/*";
    check("ready", &database(json!({"replicas": 2})), &rule("example.com/v1"), Status::Current, None);
    check("any version", &database(json!({"replicas": 2})), &rule(all), Status::Current, None);
    check("on its way", &database(json!({"replicas": 1})), &rule(all), Status::InProgress, None);
    check("nothing known", &database(json!({})), &rule(all), Status::InProgress, None);
    let broken = database(json!({"phase": "Broken", "replicas": 2}));
    check("failed", &broken, &rule(all), Status::Failed, Some(Class::FatalNow));
    check("another version", &database(json!({})), &rule("example.com/v2"), Status::Current, None);
    let legacy = json!({"readiness": "helm-legacy", "readinessRules": rule(all)["readinessRules"]});
    check("not by Helm's rules", &broken, &legacy, Status::Current, None);
    // Also for a kind that is otherwise ready once it is there.
    let gate = json!({"readinessRules": [{"apiVersion": "v1", "kind": "ConfigMap", "ready": "data.gate == 'open'"}]});
    let map = |gate: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": {"gate": gate}});
    check("an open gate", &map("open"), &gate, Status::Current, None);
    check("a closed gate", &map("closed"), &gate, Status::InProgress, None);
    for (policy, version, kind, expected) in [
        (&gate, "v1", "ConfigMap", true),
        (&gate, "v1", "Secret", false),
        (&gate, "example.com/v1", "ConfigMap", false),
        (&rule(all), "example.com/v3", "Database", true),
        (&legacy, "example.com/v1", "Database", false),
    ] {
        let policy: Policy = serde_json::from_value(policy.clone()).unwrap_or_default();
        assert_eq!(policy.has_rule_for(version, kind), expected, "{version} {kind}");
    }
    let wrong = json!({"readinessRules": [{"apiVersion": "v1", "kind": "Pod", "ready": "a = b"}]});
    let error = serde_json::from_value::<Policy>(wrong).unwrap_err().to_string();
    assert!(error.contains("at character 2"), "{error}");
}

#[test]
fn nobody_waits_for_what_says_so() {
    let waits = json!({"conditions": [{"type": "Ready", "status": "False", "message": "no"}]});
    for (key, value, status) in [
        ("argocd.argoproj.io/ignore-healthcheck", "true", Status::Current),
        ("argocd.argoproj.io/ignore-healthcheck", "false", Status::InProgress),
        ("pulumi.com/skipAwait", "true", Status::Current),
        ("kapp.k14s.io/disable-wait", "", Status::Current),
        ("config.kubernetes.io/local-config", "true", Status::InProgress),
    ] {
        let thing = object("example.com/v1", "Thing", json!({key: value}), waits.clone());
        check(key, &thing, &json!({}), status, None);
    }
}

#[test]
fn a_controller_may_try_again() {
    let not_ready = |time: Option<&str>| {
        let mut condition = json!({"type": "Ready", "status": "False", "reason": "SecretSyncedError"});
        if let Some(time) = time {
            condition["lastTransitionTime"] = json!(time);
        }
        object("external-secrets.io/v1", "ExternalSecret", json!({}), json!({"conditions": [condition]}))
    };
    let grace = Class::AfterGrace { grace_ms: 60_000 };
    let since = not_ready(Some("1970-01-01T00:00:50Z"));
    check("for a while", &since, &json!({}), Status::Failed, Some(grace));
    check("no time told", &not_ready(None), &json!({}), Status::Failed, Some(Class::Recoverable));
    let run = object(
        "tekton.dev/v1",
        "PipelineRun",
        json!({}),
        json!({"conditions": [
        {"type": "Succeeded", "status": "False", "message": "a task failed"}]}),
    );
    check("what ends", &run, &json!({}), Status::Failed, Some(Class::FatalNow));
}
