//! What is kept and told of each failure: cause, pod, container, message, log lines and the change that brought it; and what
//! is never told: the values of Secrets and of what the release hands its containers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use backstay_tests_cluster::{Node, Receiver, Run, World, chart};
use serde_json::{Value, json};

/// Begins everything that must not be told.
const SEED: &str = "s33d-f00d-n0b0dy";

/// One failing upgrade of the chart `failures`, and what a person needs to know of it.
#[derive(Clone, Copy)]
struct Failure {
    id: &'static str,
    /// Values of both revisions.
    both: &'static [&'static str],
    /// Values of the revision that fails.
    fails: &'static [&'static str],
    flags: &'static [&'static str],
    code: &'static str,
    /// Kind and name of the object that is named.
    object: &'static str,
    container: Option<&'static str>,
    /// Part of the message.
    message: &'static str,
    /// Part of a log line.
    log: Option<&'static str>,
    /// The field whose change brought it.
    change: Option<&'static str>,
    /// Whether a test can make it happen on a real node; `cargo xtask bench failures` makes the others.
    real: bool,
}

const WEB: &str = "Deployment/shop";
const REFUSED: Failure = Failure {
    id: "",
    both: &[],
    fails: &[],
    flags: &[],
    code: "",
    object: WEB,
    container: None,
    message: "",
    log: None,
    change: None,
    real: true,
};
const IN_POD: Failure = Failure { container: Some("web"), ..REFUSED };
const CRASH: &str = "before=echo 'login as s33d-f00d-n0b0dy-in-env and s33d-f00d-n0b0dy-in-next'; echo 'fatal: no database' >&2; exit 1";

#[rustfmt::skip]
const FAILURES: &[Failure] = &[
    Failure { id: "f1", fails: &["tag=does-not-exist"], code: "image-not-found", message: "does-not-exist", change: Some("containers[web].image"), ..IN_POD },
    Failure { id: "f1b", fails: &["repository=unreachable.invalid/shop/web"], code: "image-pull-failed", message: "unreachable.invalid", change: Some("containers[web].image"), real: false, ..IN_POD },
    Failure { id: "f2", fails: &[CRASH], code: "crash-loop", message: "exit code 1", log: Some("fatal: no database"), change: Some("containers[web].command[2]"), ..IN_POD },
    Failure { id: "f3", fails: &["key=nope"], code: "config-missing", message: "nope", change: Some("configMapKeyRef.key"), ..IN_POD },
    Failure { id: "f4", fails: &["disk=none"], flags: &["--fail-fast=strict"], code: "unschedulable", container: None, message: "node", change: Some("nodeSelector.disk"), ..IN_POD },
    Failure { id: "f5", both: &["quota=100m"], fails: &["cpu=1"], code: "quota-exceeded", message: "exceeded quota", change: Some("requests.cpu"), ..REFUSED },
    Failure { id: "f6", fails: &["path=/nope", "fault=never-ready"], code: "probe-failing", message: "statuscode", change: Some("readinessProbe.httpGet.path"), ..IN_POD },
    Failure { id: "f7", fails: &["job=echo no schema >&2; exit 3"], code: "job-failed", object: "Job/shop-job-2", message: "backoff limit", log: Some("no schema"), ..REFUSED },
    Failure { id: "f8", fails: &["storageClass=nope"], code: "volume-not-bound", object: "PersistentVolumeClaim/shop", message: "nope", ..REFUSED },
    Failure { id: "f9", fails: &["secret=nope"], code: "mount-failed", container: None, message: "nope", change: Some("volumes"), ..IN_POD },
    Failure { id: "f10", fails: &["nodePort=TAKEN", "tag=1.5.0"], code: "port-allocated", object: "Service/shop", message: "already allocated", ..REFUSED },
    Failure { id: "f11", fails: &["autoscaler.min=5,autoscaler.max=3", "tag=1.5.0"], code: "object-rejected", object: "HorizontalPodAutoscaler/shop", message: "maxReplicas", ..REFUSED },
    Failure { id: "f12", both: &["database.enabled=true"], fails: &["database.before=echo no disk >&2; exit 1"], code: "crash-loop", object: "StatefulSet/shop-db", container: Some("db"), message: "exit code 1", log: Some("no disk"), change: Some("containers[db].command[2]"), ..REFUSED },
];

#[test]
fn every_failure_is_explained_and_nothing_secret_is_told_on_the_sandbox() {
    for failure in FAILURES {
        let world = World::sandbox(&format!("evidence-{}", failure.id));
        check(&world, failure, "plain");
        let world = World::sandbox(&format!("evidence-{}-json", failure.id));
        check(&world, failure, "json");
    }
}

#[test]
fn every_failure_is_explained_and_nothing_secret_is_told_on_a_real_node() {
    // Side by side: most of the time is spent waiting.
    std::thread::scope(|scope| {
        for failures in FAILURES.chunks(FAILURES.len().div_ceil(3)) {
            scope.spawn(move || {
                for failure in failures.iter().filter(|failure| failure.real) {
                    let Some(world) = World::real(&format!("evidence-{}", failure.id), Node::Real) else {
                        return;
                    };
                    check(&world, failure, "json");
                }
            });
        }
    });
}

#[test]
fn what_crashes_without_a_probe_is_never_called_deployed() {
    let crash = "echo no disk >&2; sleep 1; exit 1";
    let check = |world: &World| {
        let without = ["probe=false", "replicas=1", "database.enabled=true"];
        deploy(world, "shop", &without, &[]).exits(0);
        for place in ["before", "database.before"] {
            let value = format!("{place}={crash}");
            let values = [&without[..], &[&value]].concat();
            let run = deploy(world, "shop", &values, &[]).exits(1);
            assert!(run.text().contains("crash-loop") && run.text().contains("no disk"), "{}", run.text());
        }
    };
    check(&World::sandbox("no-probe"));
    if let Some(world) = World::real("no-probe", Node::Real) {
        check(&world);
    }
}

/// Deploys what works and what fails, and looks at everything that was told.
fn check(world: &World, failure: &Failure, output: &str) {
    let receiver = Receiver::start();
    let port = (31_000 + std::process::id() % 1_500).to_string();
    if failure.code == "port-allocated" {
        // A release of its own holds the port.
        deploy(world, "other", &[&format!("nodePort={port}")], &[]).exits(0);
    }
    let seed = format!("seed={SEED}");
    let both = [failure.both, &[seed.as_str()]].concat();
    deploy(world, "shop", &both, &[]).exits(0);
    tell_secret(world);
    let before = workloads(world);
    let fails: Vec<String> = failure.fails.iter().map(|value| value.replace("TAKEN", &port)).collect();
    let values: Vec<&str> = both.iter().copied().chain(fails.iter().map(String::as_str)).collect();
    let record = world.directory().join("told/recording.ndjson").display().to_string();
    let kept = world.directory().join("told").display().to_string();
    fs::create_dir_all(&kept).unwrap();
    let notify = format!("webhook={}", receiver.address);
    let slack = format!("slack={}", receiver.address);
    let mut flags =
        vec!["--record", &record, "--evidence-dir", &kept, "--notify", &notify, "--notify", &slack];
    flags.extend(failure.flags);
    flags.extend(if output == "json" { ["--output", "json"].as_slice() } else { &["--debug"] });
    let run = deploy(world, "shop", &values, &flags);
    let refused = matches!(failure.code, "port-allocated" | "object-rejected");
    assert_eq!(run.code, if refused { 4 } else { 1 }, "{}: {}", failure.id, run.text());
    for part in [failure.code, failure.message] {
        assert!(run.text().contains(part), "{}: {part:?} is missing in\n{}", failure.id, run.text());
    }
    if output == "json" {
        tells_the_cause(failure, &run);
    }
    assert_eq!(workloads(world), before, "{}: the former revision does not serve as before", failure.id);
    let told = receiver.told();
    assert_eq!(told.len(), 2, "{}: {told:?}", failure.id);
    assert!(told.iter().all(|message| message.contains(failure.code)), "{}: {told:?}", failure.id);
    if !refused {
        let words = ["evidence", "shop", "--revision", "2", "-o", "json"];
        explains(failure, &world.backstay(&words).exits(0).json());
        // It lies with the release, too.
        let elsewhere = world.backstay_elsewhere(&words).exits(0);
        explains(failure, &elsewhere.json());
        assert!(!elsewhere.text().contains(SEED), "{}: {}", failure.id, around(&elsewhere.text()));
    }
    let mut texts = vec![("the run".to_owned(), run.text())];
    texts.extend(told.into_iter().map(|message| ("a notification".to_owned(), message)));
    for words in [
        &["evidence", "shop"][..],
        &["diagnose", "shop"],
        &["history", "shop", "-o", "json"],
        &["status", "shop"],
    ] {
        texts.push((words.join(" "), world.backstay(words).text()));
    }
    for file in
        files(&world.directory().join("told")).into_iter().chain(files(&world.directory().join("state")))
    {
        texts.push((
            file.display().to_string(),
            String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned(),
        ));
    }
    for (place, text) in texts {
        assert!(!text.contains(SEED), "{}: a secret is told in {place}:\n{}", failure.id, around(&text));
        // Base64 of the seed's first 15 bytes: whole groups, whatever follows.
        assert!(!text.contains("czMzZC1mMDBkLW4w"), "{}: an encoded secret is told in {place}", failure.id);
    }
}

/// The event of the verdict names everything that was there to name.
fn tells_the_cause(failure: &Failure, run: &Run) {
    let events = run.events();
    let told = |kind: &str| events.iter().find(|event| event["type"] == kind);
    let cause = match told("condemned") {
        Some(condemned) => condemned.clone(),
        None => told("finished").expect("the end is told")["causes"][0].clone(),
    };
    let is_in = |field: &str, part: &str| cause[field].as_str().is_some_and(|text| text.contains(part));
    assert!(cause["code"] == failure.code, "{}: {cause}", failure.id);
    assert!(is_in("message", failure.message), "{}: {cause}", failure.id);
    let (kind, name) = failure.object.split_once('/').unwrap();
    assert!(
        is_in("object", kind) && cause["object"].as_str().unwrap().ends_with(&format!("/{name}")),
        "{}: {cause}",
        failure.id
    );
    assert!(is_in("hint", " "), "{}: no hint in {cause}", failure.id);
    if let Some(container) = failure.container {
        assert_eq!(cause["container"], container, "{}: {cause}", failure.id);
        assert!(is_in("pod", "shop"), "{}: {cause}", failure.id);
    }
}

/// The evidence holds what a person needs.
fn explains(failure: &Failure, evidence: &Value) {
    let id = failure.id;
    let text = evidence.to_string();
    assert!(text.contains(failure.code), "{id}: no cause in {evidence:#}");
    let (kind, name) = failure.object.split_once('/').unwrap();
    let is_named = |path: &Value| {
        path.as_str().is_some_and(|path| path.contains(kind) && path.ends_with(&format!("/{name}")))
    };
    let objects = evidence["objects"].as_array().unwrap();
    let object = objects.iter().find(|object| is_named(&object["object"]));
    assert!(object.is_some(), "{id}: {} is not in {evidence:#}", failure.object);
    let object = object.unwrap();
    assert!(text.contains(failure.message), "{id}: no message in {evidence:#}");
    let pods = object["pods"].as_array().unwrap();
    if let Some(container) = failure.container {
        let has = |pod: &Value| {
            ["containerStatuses", "initContainerStatuses"].iter().any(|list| {
                pod["status"][list]
                    .as_array()
                    .is_some_and(|list| list.iter().any(|found| found["name"] == container))
            })
        };
        assert!(pods.iter().any(has), "{id}: container {container} is not in {object:#}");
    }
    if let Some(line) = failure.log {
        let logs = pods.iter().flat_map(|pod| pod["logs"].as_array().unwrap());
        let mut lines = logs.flat_map(|log| log["lines"].as_array().unwrap());
        assert!(
            lines.any(|found| found.as_str().is_some_and(|found| found.contains(line))),
            "{id}: no {line:?} in {object:#}"
        );
    }
    if let Some(field) = failure.change {
        let changes = object["changes"].as_array().unwrap();
        let is_told =
            changes.iter().any(|change| change["field"].as_str().is_some_and(|found| found.contains(field)));
        assert!(is_told, "{id}: {field} is not in {changes:#?}");
    }
}

fn deploy(world: &World, release: &str, values: &[&str], flags: &[&str]) -> Run {
    let chart = chart("failures").display().to_string();
    let mut words = vec!["deploy", release, &chart, "--create-namespace"];
    values.iter().for_each(|value| words.extend(["--set", value]));
    words.extend(flags);
    world.backstay(&words)
}

/// Templates and ready pods of everything that serves.
fn workloads(world: &World) -> Vec<Value> {
    ["deployments.apps", "statefulsets.apps"]
        .iter()
        .flat_map(|kind| world.list(kind))
        .map(|object| {
            json!({"name": object["metadata"]["name"], "template": object["spec"]["template"], "ready": object["status"]["readyReplicas"]})
        })
        .collect()
}

/// An event about the Deployment, from now on for an hour, that tells what it should not.
fn tell_secret(world: &World) {
    let deployment = world.get("deployments.apps", "shop").unwrap();
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "shop.told", "namespace": world.namespace},
        "involvedObject": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "namespace": world.namespace, "uid": deployment["metadata"]["uid"]},
        "reason": "Told", "type": "Warning", "message": format!("a controller tells {SEED}-in-secret and {SEED}-in-args"),
        "firstTimestamp": "2099-01-01T00:00:00Z", "lastTimestamp": "2099-01-01T00:00:00Z", "count": 1, "source": {"component": "test"},
    });
    let file = world.directory().join("event.json");
    fs::write(&file, event.to_string()).unwrap();
    world.api().kubectl(&["create", "-f", &file.display().to_string()]).exits(0);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The place of a find, short enough to read.
fn around(text: &str) -> String {
    let at = text.find(SEED).unwrap_or(0);
    let from = text.char_indices().map(|(index, _)| index).find(|index| index + 300 >= at).unwrap_or(0);
    text[from..].chars().take(600).collect()
}
