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
    assert!(Path::new(uri).is_file(), "{result}");
    assert_eq!(backstay(&["lint", &chart, "--fail-on", "info"]).status.code(), Some(1));
    assert_eq!(backstay(&["lint", &chart, "--ignore", "no-such-rule"]).status.code(), Some(64));
}
