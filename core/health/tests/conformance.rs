//! Readiness as other tools' own test cases have it. The cases are other projects' files and are not part of this repository;
//! where they are not at hand the test says so.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use backstay_health::{ReadinessRules, Related, Status, readiness};
use backstay_object::Timestamp;
use serde_json::Value;

/// Cases in which we differ on purpose; each has its reason in `docs/readiness.md`. At most ten.
const EXCEPTIONS: &[&str] = &[
    "testdata/ingress-unassigned.yaml",
    "testdata/hpa-v1-progressing-with-no-annotations.yaml",
    "testdata/hpa-v1-degraded.yaml",
    "testdata/hpa-v1-degraded-failedgetobjectmetric.yaml",
    "jobInProgress",
];
/// How many of Argo CD's cases agree at least, in percent.
const ARGO_PERCENT: usize = 85;

/// What a case wants, in the words of the file.
fn agrees(expected: &str, ours: Status) -> bool {
    match expected {
        "ready" | "current" => ours == Status::Current,
        "in-progress" | "not-ready" => {
            matches!(ours, Status::InProgress | Status::Terminating | Status::NotFound)
        }
        "failed" => ours == Status::Failed,
        "terminating" => ours == Status::Terminating,
        // We have no such state: what stands still on purpose is as its spec wants it, or waits for a person.
        "suspended" => matches!(ours, Status::Current | Status::InProgress),
        // Argo CD says so of objects whose status says nothing yet, or nothing certain.
        "unknown" => matches!(ours, Status::Unknown | Status::InProgress),
        // An object whose controller reports that what it stands for is gone; being made is a way out of that.
        "missing" | "not-found" => matches!(ours, Status::NotFound | Status::InProgress | Status::Failed),
        _ => false,
    }
}

fn rules_for(source: &str) -> ReadinessRules {
    if source.contains("kstatus") || source.contains("cli-utils") || source.contains("watcher") {
        ReadinessRules::HelmWatcher
    } else if source.contains("helm") {
        ReadinessRules::HelmLegacy
    } else {
        ReadinessRules::Backstay
    }
}

fn judge(row: &Value, rules: ReadinessRules, now: Timestamp) -> Status {
    let others: Vec<Value> = row["related"].as_array().cloned().unwrap_or_default();
    let related = Related { owned: others.iter().collect(), ..Related::default() };
    readiness(&row["object"], &related, rules, now).status
}

#[test]
fn others_cases() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/oracle/readiness.jsonl");
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: other tools' readiness cases are not at hand");
        return;
    };
    let now = Timestamp::parse("2026-06-01T00:00:00Z").unwrap();
    let (mut total, mut alike) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| row[field].as_str().unwrap_or("");
        let (source, expected, id) = (text("source"), text("expected"), text("id"));
        let is_argo = source.contains("resource_customizations");
        let group = if is_argo { "argo-cd" } else { "others" };
        let ours = judge(&row, rules_for(source), now);
        *total.entry(group).or_default() += 1;
        if agrees(expected, ours) {
            *alike.entry(group).or_default() += 1;
        } else if !EXCEPTIONS.contains(&id) {
            if std::env::var_os("BACKSTAY_SHOW_CASES").is_some() {
                eprintln!("{id}: {expected}, ours {ours:?} ({})", text("message"));
            }
            if !is_argo || (expected == "ready" && ours == Status::Failed) {
                wrong.push(format!("{source} {id}: {expected}, ours {ours:?}"));
            }
        }
    }
    let (argo, all) =
        (alike.get("argo-cd").copied().unwrap_or(0), total.get("argo-cd").copied().unwrap_or(0));
    eprintln!(
        "argo-cd: {argo} of {all} agree; others: {:?} of {:?}",
        alike.get("others"),
        total.get("others")
    );
    assert!(EXCEPTIONS.len() <= 10);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(argo * 100 >= all * ARGO_PERCENT, "argo-cd: {argo} of {all}");
}
