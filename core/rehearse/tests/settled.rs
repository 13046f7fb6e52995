//! Containers without a probe: a recording of a rollout is judged as the rollout itself was, by the same rule.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

mod common;

use std::time::Duration;

use backstay_health::{FailFast, Policy as HealthPolicy};
use backstay_plan::PlannedObject;
use backstay_rehearse::{Judgement, Recording, Rehearsal, ReplayOutcome, Trouble, record_line, replay};
use backstay_rollout::{Policy, Remediation};
use backstay_sim::Cluster;
use backstay_sim::api::Request;
use backstay_sim::store::ChangeKind;
use common::*;

/// A web server without a probe that does this.
fn unprobed(command: &str) -> PlannedObject {
    let mut planned = deployment("web", "registry.example/web:v1", 1);
    let container = &mut planned.object["spec"]["template"]["spec"]["containers"][0];
    container.as_object_mut().unwrap().remove("readinessProbe");
    container["command"] = serde_json::json!(["sh", "-c", command]);
    planned
}

/// How the machine itself ends a first install of it.
fn lived(planned: &PlannedObject, faults: &[&str]) -> String {
    let mut cluster = Cluster::new(7, start());
    faults.iter().for_each(|fault| cluster.inject(fault.parse().unwrap()));
    let policy = Policy { remediation: Remediation::None, ..policy() };
    let plan = install(vec![planned.clone()], vec![]);
    let (_, report) = Rehearsal::new(cluster, plan, policy, Trouble::default()).run().unwrap();
    in_a_word(&report.verdict)
}

/// What a client sees when somebody else installs it, for so many seconds.
fn recorded(planned: &PlannedObject, faults: &[&str], seconds: u64) -> Recording {
    let mut cluster = Cluster::new(7, start());
    faults.iter().for_each(|fault| cluster.inject(fault.parse().unwrap()));
    let request = Request {
        method: "POST".into(),
        path: "/apis/apps/v1/namespaces/default/deployments".into(),
        content_type: "application/json".into(),
        body: planned.object.to_string().into_bytes(),
        ..Request::default()
    };
    let response = cluster.handle(&request);
    assert_eq!(response.status, 201);
    let (mut text, mut seen) = (String::new(), 0);
    for step in 0..=seconds * 10 {
        cluster.advance_to(start().after(Duration::from_millis(step * 100)));
        for change in cluster.store().changes_since(seen).unwrap() {
            let deleted = change.kind == ChangeKind::Deleted;
            text.push_str(&record_line(step as f64 / 10.0, &change.object, deleted));
            text.push('\n');
        }
        seen = cluster.store().resource_version();
    }
    // The last sight once more, as `--record` ends: it was looked until then.
    let last = cluster.store().find("apps", "Deployment", "default", "web").unwrap();
    text.push_str(&record_line(seconds as f64, last, false));
    Recording::read(&text).unwrap()
}

/// How a replay ended, in the words of a rollout that leaves things in place.
fn in_words(judgement: &Judgement) -> String {
    match (judgement.verdict, judgement.code) {
        (ReplayOutcome::Deployed, _) => "deployed".into(),
        (ReplayOutcome::Condemned, Some(code)) => format!("left-in-place {code}"),
        (_, code) => format!("undecided {code:?}"),
    }
}

#[test]
fn a_recording_is_judged_as_the_rollout_was() {
    for (command, faults, word) in [
        ("sleep infinity", &[][..], "deployed"),
        ("sleep 1; exit 1", &[], "left-in-place crash-loop"),
        ("sleep 3; exit 1", &[], "left-in-place crash-loop"),
        ("sleep 4; exit 1", &[], "left-in-place crash-loop"),
        ("sleep infinity", &["crash-until-restart(1)@deployment/web"], "deployed"),
        ("sleep infinity", &["crash-until-restart(2)@deployment/web"], "deployed"),
        ("sleep infinity", &["crash-after(3000)@deployment/web"], "left-in-place crash-loop"),
        ("sleep infinity", &["crash-after(3000)@deployment/web~20s"], "deployed"),
    ] {
        let planned = unprobed(command);
        assert_eq!(lived(&planned, faults), word, "live: {command} {faults:?}");
        let judgement = replay(&recorded(&planned, faults, 200), &HealthPolicy::at(FailFast::Default), None);
        assert_eq!(in_words(&judgement), word, "replayed: {command} {faults:?}: {judgement:#?}");
    }
}

#[test]
fn a_recording_that_ends_early_counts_what_ran_on() {
    let at = |command: &str, seconds| {
        let recording = recorded(&unprobed(command), &[], seconds);
        let judgement = replay(&recording, &HealthPolicy::default(), None);
        (in_words(&judgement), judgement.decided_at)
    };
    let (word, decided) = at("sleep infinity", 60);
    assert_eq!(word, "deployed");
    // Whether its end is seen or not: it was ready from the same moment on.
    let ready = decided.unwrap().ceil() as u64;
    assert_eq!(at("sleep infinity", ready + 1), (word, decided));
    // It crashed once after three seconds, and ends in its second run before that has lasted as long.
    let words: Vec<String> = (ready + 3..ready + 8).map(|seconds| at("sleep 3; exit 1", seconds).0).collect();
    assert!(words.iter().all(|word| word.starts_with("undecided")), "{words:?}");
}
