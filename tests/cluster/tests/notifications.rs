//! Who asked to be told is told, by every command that changes a release, and nothing else comes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::time::Duration;

use backstay_tests_cluster::{Receiver, World};
use serde_json::Value;

/// The event in a request's body.
fn event(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn rollback_uninstall_and_resume_tell_too() {
    let world = World::sandbox("notify");
    let receiver = Receiver::start();
    let webhook = format!("webhook={}", receiver.address);
    let policy = world.directory().join("policy.yaml");
    fs::write(&policy, format!("notify:\n  - webhook: {}\n", receiver.address)).unwrap();
    let policy = policy.display().to_string();
    world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
    world.deploy("app", &["tag=1.5.0"]).exits(0);
    assert_eq!(receiver.told().len(), 0, "nobody asked");
    world.backstay(&["rollback", "app", "1", "--wait", "--notify", &webhook]).exits(0);
    world.backstay(&["rollback", "app", "2", "--wait", "--policy", &policy]).exits(0);
    // Left unfinished, then finished.
    let words = world.chart_words(&["deploy", "app", "--sandbox-speed", "1x"], &["path=/nothing-here"]);
    let started = world.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let _ = started.wait_for("waiting", Duration::from_secs(60));
    // Two of a kind may arrive as one.
    started.signal("INT");
    started.signal("TERM");
    started.finish(Duration::from_secs(60)).exits(6);
    world.backstay(&["resume", "app", "--on-interrupted=rollback", "--notify", &webhook]).exits(1);
    world.backstay(&["uninstall", "app", "--notify", &webhook]).exits(0);
    let told: Vec<Value> = receiver.told().iter().map(|request| event(request)).collect();
    let verdicts: Vec<&str> = told.iter().filter_map(|event| event["data"]["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["deployed", "deployed", "rolled-back", "uninstalled"]);
    assert_eq!(told[0]["data"]["revision"], 3);
    assert_eq!(told[2]["data"]["cause"]["code"], "aborted", "{:#}", told[2]);
}

#[test]
fn who_cannot_be_told_changes_nothing_and_who_cannot_be_understood_is_refused() {
    let world = World::sandbox("notify-bad");
    // Nobody listens on port 9 of the loopback.
    let nobody = "webhook=http://127.0.0.1:9/t0ken";
    let run = world
        .with_chart(&["deploy", "app", "--create-namespace", "--notify", nobody], &[])
        .exits(0)
        .shows("was not delivered");
    assert!(!run.text().contains("t0ken"), "{}", run.text());
    for command in [&["rollback", "app", "1"][..], &["uninstall", "app"], &["resume", "app"]] {
        let words = [command, &["--notify", "pigeon=coop"]].concat();
        world.backstay(&words).exits(4).shows("--notify");
    }
    assert_eq!(world.history("app").len(), 1);
}

#[test]
fn a_rollback_has_graces() {
    let world = World::sandbox("rollback-grace");
    world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
    world.with_chart(&["upgrade", "app"], &["tag=does-not-exist"]).exits(0);
    world.deploy("app", &["tag=1.5.0"]).exits(0);
    let took = |words: &[&str]| {
        let run = world.backstay(
            &[&["rollback", "app", "2", "--wait", "--timeout=5m", "--output=json"], words].concat(),
        );
        let condemned = run.events().into_iter().find(|event| event["type"] == "condemned");
        condemned.expect("the image is not there")["t"].as_f64().unwrap()
    };
    let (usual, patient) = (took(&[]), took(&["--grace=image=60s"]));
    assert!(usual < 10.0 && (60.0..75.0).contains(&patient), "{usual} s, and {patient} s with a grace");
}
