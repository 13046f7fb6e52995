//! Policies as a user gives them: tries, strategies, profiles, the file beside the chart. Each row is a first install that
//! works, an upgrade that does not, and what is left.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

mod place;

use backstay_core::object::Timestamp;
use backstay_core::release::Record;
use place::{Place, SANDBOX};

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'registry.example/web:{{ .Values.tag }}'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: smoke, annotations: {helm.sh/hook: test}}
spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [sh, -c, 'exit {{ .Values.code }}']}]}
";

impl Place {
    fn new(name: &str) -> Self {
        let place = Self::empty(&format!("policy-{name}"), SANDBOX);
        place.file("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
        place.file("chart/values.yaml", "tag: '1'\ncode: 0\n");
        place.file("chart/templates/web.yaml", WEB);
        place
    }
}

/// What the second command ends with, and what is left of the release.
fn check(name: &str, policy: &str, (first, second): (&str, &str), exit: i32, history: &str, says: &[&str]) {
    let place = Place::new(name);
    place.file("backstay.yaml", policy);
    if !first.is_empty() {
        let (code, text) = place.run(first);
        assert_eq!(code, 0, "{name}: {first}\n{text}");
    }
    let (code, text) = place.run(second);
    assert_eq!(code, exit, "{name}: {second}\n{text}");
    for part in says {
        assert!(text.contains(part), "{name} lacks {part:?}\n{text}");
    }
    assert_eq!(place.history("web"), history, "{name}\n{text}");
}

const DEPLOY: &str = "deploy web ./chart";
const BROKEN: &str = "deploy web ./chart --set tag=nope";

#[test]
fn a_failure_is_remedied_as_the_policy_says() {
    check("default", "", (DEPLOY, BROKEN), 1, "superseded failed deployed", &["policy: "]);
    check("none", "remediation: none", (DEPLOY, BROKEN), 3, "deployed failed", &[]);
    check(
        "retries",
        "remediation: {retries: 2, retryInterval: 1m}",
        (DEPLOY, BROKEN),
        1,
        "superseded failed superseded failed superseded failed deployed",
        &["try 1 failed; again in 1m, 2 tries left", "try 2 failed; again in 1m, the last try"],
    );
    check(
        "last-failure-stays",
        "remediation: {retries: 1, remediateLastFailure: false, retryInterval: 1s}",
        (DEPLOY, BROKEN),
        3,
        "superseded failed deployed failed",
        &["the last try"],
    );
    check("uninstall", "upgrade: {remediation: uninstall}", (DEPLOY, BROKEN), 1, "none", &["uninstalled"]);
    check(
        "uninstall-keeps-history",
        "upgrade: {remediation: {strategy: uninstall, keepHistory: true}}",
        (DEPLOY, BROKEN),
        1,
        "superseded uninstalled",
        &[],
    );
    check(
        "uninstall-then-install",
        "upgrade: {remediation: {strategy: uninstall, retries: 1, retryInterval: 1s}}\ninstall: {remediation: none}",
        (DEPLOY, BROKEN),
        3,
        "failed",
        &[],
    );
    check(
        "install-only",
        "install: {remediation: none}",
        (DEPLOY, BROKEN),
        1,
        "superseded failed deployed",
        &[],
    );
    check("first", "install: {remediation: none}", ("", BROKEN), 3, "failed", &[]);
    // A word of the command line wins over the strategy, not over the tries.
    check(
        "flag-wins",
        "remediation: {strategy: none, retries: 1, retryInterval: 1s}",
        (DEPLOY, "upgrade web ./chart --atomic --set tag=nope --timeout 2m"),
        1,
        "superseded failed superseded failed deployed",
        &[],
    );
    check(
        "helm-command",
        "remediation: rollback",
        (DEPLOY, "upgrade web ./chart --set tag=nope --timeout 2m"),
        1,
        "superseded failed deployed",
        &[],
    );
    // What was refused is not tried again; nor is there a try that no time is left for.
    check(
        "refused",
        "remediation: {retries: 3}",
        (DEPLOY, "deploy web ./chart --values missing.yaml"),
        4,
        "deployed",
        &[],
    );
    check(
        "no-time",
        "remediation: {retries: unlimited, retryInterval: 30m}",
        (DEPLOY, "deploy web ./chart --set tag=nope --deadline 10m"),
        1,
        "superseded failed deployed",
        &[],
    );
}

#[test]
fn tests_decide_as_the_policy_says() {
    let failing = "deploy web ./chart --set code=3,tag=2";
    check("tests", "test: {enable: true}", (DEPLOY, failing), 1, "superseded failed deployed", &["smoke"]);
    check(
        "tests-ignored",
        "test: {enable: true, ignoreFailures: true}",
        (DEPLOY, failing),
        0,
        "superseded deployed",
        &["the policy says to go on", "smoke"],
    );
    check("tests-off", "", (DEPLOY, failing), 0, "superseded deployed", &[]);
    let canary = "deploy web ./chart --set code=3,tag=2 --profile canary";
    check("tests-canary", "", (DEPLOY, canary), 1, "superseded failed deployed", &["smoke"]);
}

#[test]
fn a_profile_and_the_file_beside_the_chart_are_found() {
    let development = "deploy web ./chart --set tag=nope --profile development";
    check("development", "bake: 1s", (DEPLOY, development), 3, "deployed failed", &[]);
    check(
        "unknown",
        "",
        (DEPLOY, "deploy web ./chart --profile fast"),
        4,
        "deployed",
        &["no profile \"fast\""],
    );
    check("named", "profile: development", (DEPLOY, BROKEN), 3, "deployed failed", &[]);
    let other = "deploy web ./chart --set tag=nope --policy /dev/null";
    check("none-at-all", "profile: development", (DEPLOY, other), 1, "superseded failed deployed", &[]);
    let place = Place::new("inside");
    place.file("backstay.yaml", "bakee: 1s\n");
    place.file("chart/backstay.yaml", "remediation: none\n");
    assert_eq!(place.run(DEPLOY).0, 0);
    let (code, text) = place.run(BROKEN);
    assert!(code == 3 && text.contains("chart/backstay.yaml"), "{code} {text}");
    // An archive has only what lies next to it.
    assert_eq!(place.run("package chart -d .").0, 0);
    let (code, text) = place.run("deploy web web-1.0.0.tgz");
    assert!(code == 4 && text.contains("backstay.yaml:1: unknown field \"bakee\""), "{code} {text}");
    let (code, text) = place.run("deploy web ./chart -n team-dev --create-namespace --policy /dev/null");
    assert!(code == 0 && text.contains("advice: going back takes away what failed"), "{text}");
}

#[test]
fn a_rule_counts_also_for_what_is_otherwise_ready_at_once() {
    let rules = "readinessRules:\n- {apiVersion: v1, kind: ConfigMap, ready: \"data.gate == 'open'\", failed: \"data.gate == 'broken'\"}\n";
    let helms = format!("{rules}readiness: helm-watcher\n");
    let deploy = |gate: &str, more: &str| format!("deploy web ./chart --set tag=2,gate={gate}{more}");
    for (name, policy, gate, more, exit, history, says) in [
        ("ready", rules, "open", "", 0, "superseded deployed", ""),
        ("failed", rules, "broken", "", 1, "superseded failed deployed", "configmap/gate"),
        ("not-ready", rules, "closed", " --timeout 3m", 1, "superseded failed deployed", "configmap/gate"),
        ("no-rule", "", "broken", "", 0, "superseded deployed", ""),
        ("not-helms", &helms, "broken", "", 0, "superseded deployed", ""),
    ] {
        let place = Place::new(&format!("rule-{name}"));
        place.file("backstay.yaml", policy);
        let gated =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gate}\ndata: {gate: '{{ .Values.gate }}'}\n";
        place.file("chart/templates/gate.yaml", gated);
        let (code, text) = place.run("deploy web ./chart --set tag=1,gate=open");
        assert_eq!(code, 0, "{name}: {text}");
        let (code, text) = place.run(&deploy(gate, more));
        assert_eq!(code, exit, "{name}: {text}");
        assert!(text.contains(says), "{name}: {text}");
        assert_eq!(place.history("web"), history, "{name}: {text}");
    }
}

#[test]
fn a_way_back_that_would_be_refused_is_told_before() {
    let place = Place::new("way-back");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gate}\nimmutable: {{ .Values.locked }}\ndata: {tag: '{{ .Values.tag }}'}\n";
    place.file("chart/templates/gate.yaml", map);
    let (code, text) = place.run("deploy web ./chart --set tag=1,locked=false");
    assert!(code == 0 && !text.contains("way-back-closed"), "{text}");
    for line in ["plan web ./chart --set tag=2,locked=true", "deploy web ./chart --set tag=2,locked=true"] {
        let (code, text) = place.run(line);
        assert!(
            code == 0 && text.contains("becomes immutable") && text.contains("way-back-closed"),
            "{line}: {text}"
        );
    }
    let (code, text) = place.run("plan web ./chart --set tag=2,locked=true");
    assert!(code == 0 && !text.contains("way-back-closed"), "{text}");
}

#[test]
fn a_version_that_the_server_no_longer_has_is_told_before() {
    let place = Place::new("removed");
    let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: {{ .Values.least }}, \
                  selector: {matchLabels: {app: web}}}\n";
    place.file("chart/templates/budget.yaml", budget);
    let (code, text) = place.run("deploy web ./chart --set tag=1,least=0");
    assert!(code == 0 && !text.contains("way-back-closed"), "{text}");
    // As if the release was made before the cluster's own upgrade.
    let file = place.folder.join("cluster.json");
    let mut model: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let objects = model["store"]["objects"].as_array_mut().unwrap();
    let secret =
        objects.iter_mut().find(|object| object["metadata"]["name"] == "sh.helm.release.v1.web.v1").unwrap();
    let mut record = Record::from_secret(secret).unwrap();
    record.release.manifest = record.release.manifest.replace("policy/v1\n", "policy/v1beta1\n");
    let data = record.to_secret(Timestamp::default()).unwrap()["data"].clone();
    secret["data"] = data;
    std::fs::write(&file, model.to_string()).unwrap();
    for line in ["plan web ./chart --set tag=2,least=1", "deploy web ./chart --set tag=2,least=1"] {
        let (code, text) = place.run(line);
        let says = "revision 1 has it as policy/v1beta1, which the server no longer has";
        assert!(code == 0 && text.contains(says) && text.contains("way-back-closed"), "{line}: {text}");
    }
    let (code, text) = place.run("plan web ./chart --set tag=3,least=2");
    assert!(code == 0 && !text.contains("way-back-closed"), "{text}");
}
