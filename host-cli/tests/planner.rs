//! The commands that look ahead, as a user runs them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The chart of the tests.
fn chart(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/charts").join(name).display().to_string()
}

fn backstay(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backstay")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_rule_of_thumb_gives_210_seconds() {
    let rule = ["timeout", "--rule", "--pods", "6", "--initial-delay", "10s", "--period", "5s"];
    let more = ["--failure-threshold", "3", "--buffer", "60s"];
    let output = backstay(&[&rule[..], &more].concat());
    assert_eq!(text(&output), "210 s = 6 pods x (10s + 5s x 3) + 1m\n");
}

#[test]
fn a_chart_has_times_with_lines() {
    let chart = chart("shop");
    let output = backstay(&["timeout", &chart, "-o", "json"]);
    let timing: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |field: &str| timing[field].as_u64().unwrap();
    assert!(number("expected_ms") <= number("recommended_ms"), "{timing}");
    assert_eq!(number("total_ms"), number("recommended_ms") + number("undo_ms"));
    let terms = timing["objects"].as_array().unwrap().iter().flat_map(|one| one["terms"].as_array().unwrap());
    for term in terms.filter(|term| term["field"] != "") {
        assert!(term["line"].as_u64().is_some_and(|line| line > 0), "{term}");
    }
    let said = text(&backstay(&["timeout", &chart, "--timeout", "10s"]));
    assert!(said.contains("WARNING timeout-too-short"), "{said}");
}

#[test]
fn lint_adds_its_rules_beside_helms_output() {
    let chart = chart("shop");
    let output = backstay(&["lint", &chart]);
    assert!(output.status.success());
    let (told, beside) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(told.starts_with("==> Linting") && !told.contains("no-liveness-probe"), "{told}");
    assert!(beside.contains("[no-liveness-probe]"), "{beside}");
    let ignored = text(&backstay(&["lint", &chart, "--ignore", "no-liveness-probe"]));
    assert!(!ignored.contains("no-liveness-probe"), "{ignored}");
    let sarif: Value = serde_json::from_slice(&backstay(&["lint", &chart, "-o", "sarif"]).stdout).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
    let file = uri.strip_prefix("file://").unwrap_or(uri);
    assert!(Path::new(file).is_file(), "{result}");
    assert_eq!(uri.starts_with("file://"), Path::new(file).is_absolute(), "{result}");
    assert_eq!(backstay(&["lint", &chart, "--fail-on", "info"]).status.code(), Some(1));
    assert_eq!(backstay(&["lint", &chart, "--ignore", "no-such-rule"]).status.code(), Some(64));
}

#[test]
fn sarif_has_what_helm_finds_and_files_from_where_the_tool_runs() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sarif-{}", std::process::id()));
    let templates = folder.join("broken/templates");
    std::fs::create_dir_all(&templates).unwrap();
    std::fs::write(folder.join("broken/Chart.yaml"), "apiVersion: v2\nname: broken\nversion: 1.0.0\n")
        .unwrap();
    std::fs::write(templates.join("a.yaml"), "a: {{ include \"no such thing\" . }}\n").unwrap();
    let absolute = folder.join("broken").display().to_string();
    for given in ["broken", "./broken", absolute.as_str()] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        let output = command.current_dir(&folder).args(["lint", given, "-o", "sarif"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{given}");
        let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let helms = results.iter().find(|result| result["level"] == "error").unwrap();
        assert_eq!(helms["ruleId"], "helm-lint", "{given}: {helms}");
        assert!(helms["message"]["text"].as_str().unwrap().contains("no such thing"), "{given}: {helms}");
        let uri = &helms["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert!(uri.as_str().unwrap().starts_with("broken/"), "{given}: {uri}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A sandbox of its own, forgotten with the folder.
struct Sandbox(std::path::PathBuf);

impl Sandbox {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("backstay-planner-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let flag = format!("--sandbox={}", self.0.join("cluster.json").display());
        backstay(&[arguments, &[&flag]].concat())
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // What is left in the folder for temporary files harms nobody.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_plan_says_what_a_deploy_does_and_changes_nothing() {
    let sandbox = Sandbox::new("plan");
    let chart = chart("shop");
    let output = sandbox.run(&["plan", "shop", &chart]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let told = text(&output);
    for part in [
        "to create, 0 to change",
        "wave 0",
        "way back: everything that was created is deleted",
        "recommended",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!text(&sandbox.run(&["list"])).contains("shop-"), "nothing was installed");
    assert_eq!(sandbox.run(&["deploy", "shop", &chart]).status.code(), Some(0));
    let output = sandbox.run(&["plan", "shop", &chart, "--set", "web.replicas=3", "-o", "json"]);
    let preview: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&preview["from"], &preview["fatal"]), (&Value::from(1), &Value::from(false)), "{preview}");
    assert_eq!(preview["undo"]["revision"], 1, "{preview}");
    assert!(!preview.to_string().contains("stringData"), "Secrets are not shown");
}

#[test]
fn a_plan_the_server_refuses_ends_with_4() {
    let sandbox = Sandbox::new("refused");
    std::fs::create_dir_all(sandbox.0.join("bad/templates")).unwrap();
    sandbox.file("bad/Chart.yaml", "apiVersion: v2\nname: bad\nversion: 1.0.0\n");
    sandbox.file(
        "bad/templates/web.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: a}}\n  \
         template:\n    metadata: {labels: {app: b}}\n    spec: {containers: [{name: a, image: 'a:1'}]}\n",
    );
    let chart = sandbox.0.join("bad").display().to_string();
    let output = sandbox.run(&["plan", "bad", &chart]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(4), "{told}");
    for part in ["[server-refuses]", "bad/templates/web.yaml:5: deployment/web: {", "[selector-mismatch]"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_rehearsal_names_a_workload_by_its_end() {
    let output = backstay(&["rehearse", &chart("shop"), "--fault", "image-not-found@web", "-o", "json"]);
    let runs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let exits = (&runs[0]["exit"], &runs[1]["exit"]);
    assert_eq!(exits, (&Value::from(0), &Value::from(1)), "{}", text(&output));
    assert!(runs[1]["detected_ms"].as_u64() < runs[0]["took_ms"].as_u64().map(|ms| ms + 60_000));
}

#[test]
fn the_smallest_role_is_printed() {
    let told = text(&backstay(&["rbac", &chart("shop"), "-n", "prod"]));
    for part in ["kind: Role", "namespace: prod", "- statefulsets", "- secrets"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
