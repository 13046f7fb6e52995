//! `backstay diagnose RELEASE`: what is said of a release that is there, whoever made it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::{Duration, Instant};

use backstay_tests_cluster::{Node, Run, World, chart};
use serde_json::Value;

/// Begins everything that must not be told.
const SEED: &str = "s33d-f00d-n0b0dy";
const CRASH: &str = "database.before=echo 'fatal: s33d-f00d-n0b0dy-in-secret: no disk' >&2; sleep 1; exit 1";

/// Who makes the releases.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Backstay,
    Helm(&'static str),
}

const EVERYBODY: [By; 3] = [By::Backstay, By::Helm("helm3"), By::Helm("helm4")];

/// Makes or changes a release without waiting for anything; `false` where that helm is not installed.
fn release(world: &World, by: By, name: &str, values: &[&str]) -> bool {
    let chart = chart("failures").display().to_string();
    let seed = format!("seed={SEED}");
    let mut words = vec!["upgrade", "--install", name, &chart, "--set", &seed, "--create-namespace"];
    values.iter().for_each(|value| words.extend(["--set", value]));
    let run = match by {
        By::Backstay => Some(world.backstay(&words)),
        By::Helm(which) => world.api_in_real_time().helm(which, &words),
    };
    run.map(|run| run.exits(0)).is_some()
}

/// Diagnoses until it is said of all objects what is expected.
fn diagnosed(world: &World, name: &str, is_told: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let run = world.backstay(&["diagnose", name, "-o", "json"]);
        let told = run.json();
        assert_eq!(run.code, i32::from(told["healthy"] != true), "{}", run.text());
        if is_told(&told) {
            return told;
        }
        assert!(began.elapsed() < Duration::from_secs(100), "{told:#}");
        if world.is_sandbox() {
            // Its time passes while somebody serves it.
            let _served = world.api();
            std::thread::sleep(Duration::from_millis(300));
        } else {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

fn keeps_secrets(run: &Run) {
    let text = run.text();
    assert!(!text.contains(SEED) && !text.contains("czMzZC1mMDBkLW4w"), "a secret is told:\n{text}");
}

fn check(world: &World) {
    for by in EVERYBODY {
        let name = match by {
            By::Backstay => "ours",
            By::Helm(which) => which,
        };
        if !release(world, by, name, &["database.enabled=true"]) {
            continue;
        }
        let healthy = diagnosed(world, name, |told| told["healthy"] == true);
        assert_eq!(
            (&healthy["revision"], &healthy["objects"]),
            (&1.into(), &Value::Array(vec![])),
            "{healthy:#}"
        );
        let text = world.backstay(&["diagnose", name]).exits(0);
        assert!(text.stdout.contains("healthy, 5 objects"), "{by:?}: {}", text.text());

        assert!(release(world, by, name, &["database.enabled=true", "key=nope", CRASH]));
        // Before the third restart a crash is a suspicion, beside that of the probe.
        let crashes = |told: &Value| {
            let mut first = told["objects"].as_array().unwrap().iter().map(|object| &object["causes"][0]);
            first.any(|cause| cause["code"] == "crash-loop" && cause["certain"] == true)
        };
        let told = diagnosed(world, name, crashes);
        explains(&told, by);
        let run = world.backstay(&["diagnose", name]).exits(1);
        for part in ["2 of 5 objects not ready", "config-missing", "nope", "crash-loop", "no disk", "hint: "]
        {
            assert!(run.stdout.contains(part), "{by:?}: {part:?} is missing in\n{}", run.text());
        }
        keeps_secrets(&run);
        keeps_secrets(&world.backstay(&["diagnose", name, "-o", "json"]));
        keeps_secrets(&world.backstay(&["diagnose", name, "-o", "yaml"]));
    }
}

/// Each unready object with its cause, its evidence and a hint.
fn explains(told: &Value, by: By) {
    assert_eq!(told["revision"], 2, "{told:#}");
    let objects = told["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 2, "{by:?}: {told:#}");
    for (kind, code, container, message) in [
        ("/Deployment/", "config-missing", "web", "nope"),
        ("/StatefulSet/", "crash-loop", "db", "exit code 1"),
    ] {
        let object = objects.iter().find(|one| one["object"].as_str().unwrap().contains(kind)).unwrap();
        let cause = &object["causes"][0];
        assert!(cause["code"] == code && cause["container"] == container, "{by:?}: {cause:#}");
        assert!(cause["message"].as_str().unwrap().contains(message), "{by:?}: {cause:#}");
        for field in ["pod", "hint", "first_seen"] {
            assert!(
                cause[field].as_str().is_some_and(|text| !text.is_empty()),
                "{by:?}: no {field} in {cause:#}"
            );
        }
        let evidence = &object["evidence"];
        let pods = evidence["pods"].as_array().unwrap();
        assert!(pods.iter().any(|pod| pod["name"] == cause["pod"]), "{by:?}: {evidence:#}");
        assert!(!evidence["events"].as_array().unwrap().is_empty(), "{by:?}: {evidence:#}");
    }
    let logs = objects.iter().find(|one| one["object"].as_str().unwrap().contains("/StatefulSet/")).unwrap();
    assert!(logs["evidence"]["pods"][0]["logs"].to_string().contains("no disk"), "{by:?}: {logs:#}");
}

#[test]
fn a_release_is_diagnosed_whoever_made_it_on_the_sandbox() {
    check(&World::sandbox("diagnose"));
}

#[test]
fn a_release_is_diagnosed_whoever_made_it_on_a_real_node() {
    if let Some(world) = World::real("diagnose", Node::Real) {
        check(&world);
    }
}

/// Just deployed, and without a probe: it has to run on for a moment, and is healthy then.
fn just_deployed(world: &World) {
    let chart = chart("failures").display().to_string();
    let words = ["deploy", "plain", &chart, "--set", "probe=false", "--create-namespace"];
    world.backstay(&words).exits(0);
    let run = world.backstay(&["diagnose", "plain"]).exits(0);
    assert!(run.stdout.contains("healthy"), "{}", run.text());
    // Helm calls it deployed at once; each start is seen for a second.
    let crashing = ["upgrade", "plain", &chart, "--set", "probe=false", "--set", "before=sleep 2; exit 1"];
    world.backstay(&crashing).exits(0);
    let told = diagnosed(world, "plain", |told| told.to_string().contains("crash-loop"));
    assert_eq!(told["healthy"], false);
}

#[test]
fn containers_without_a_probe_on_the_sandbox() {
    just_deployed(&World::sandbox("diagnose-plain"));
}

#[test]
fn containers_without_a_probe_on_a_real_node() {
    if let Some(world) = World::real("diagnose-plain", Node::Real) {
        just_deployed(&world);
    }
}

#[test]
fn what_is_not_there_is_said() {
    let world = World::sandbox("diagnose-nothing");
    let run = world.backstay(&["diagnose", "nobody"]);
    assert!(run.code != 0 && run.stderr.contains("nobody"), "{} {}", run.code, run.text());
}
