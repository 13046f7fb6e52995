//! What a user can rely on: each promise on the sandbox and on a real control plane. Exit code, history, what is left in the
//! cluster, and the text a person sees.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use backstay_tests_cluster::{Node, World, rows};

/// One promise, in both worlds. `Node::Real`: it needs containers that pull, crash and are probed, which simulated nodes
/// do not do.
macro_rules! promise {
    ($name:ident, $check:expr) => {
        promise!($name, Node::Any, $check);
    };
    ($name:ident, $node:expr, $check:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn on_the_sandbox() {
                $check(&World::sandbox(stringify!($name)));
            }

            #[test]
            fn on_a_real_cluster() {
                if let Some(world) = World::real(stringify!($name), $node) {
                    $check(&world);
                }
            }
        }
    };
}

/// The history as our own code reads it; a real helm has to read the same.
fn statuses(world: &World, release: &str) -> Vec<String> {
    let ours = world.history(release);
    if let Some(theirs) =
        world.api().helm("helm4", &["history", release, "-o", "json"]).filter(|_| !ours.is_empty())
    {
        assert_eq!(rows(&theirs.exits(0).json()), ours, "helm reads another history");
    }
    ours.into_iter().map(|(revision, status, _)| format!("{revision} {status}")).collect()
}

/// The image of the deployment, and how many pods are ready.
fn running(world: &World, name: &str) -> (String, u64) {
    let deployment = world.get("deployments.apps", name).expect("the deployment is there");
    let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
    (
        image.rsplit(':').next().unwrap().to_owned(),
        deployment["status"]["readyReplicas"].as_u64().unwrap_or(0),
    )
}

fn make_namespace(world: &World) {
    world.api().kubectl(&["create", "namespace", &world.namespace]).exits(0);
}

promise!(p01_install_upgrade_nothing_uninstall, |world: &World| {
    world.deploy("app", &["hook.enabled=true"]).exits(4).shows("not found");
    let new = world
        .with_chart(&["deploy", "app", "--create-namespace"], &["hook.enabled=true"])
        .exits(0)
        .shows("app revision 1 deployed");
    assert!(new.text().contains("app says hello."), "{}", new.text());
    assert_eq!(running(world, "app"), ("1.4.0".to_owned(), 2));
    world.deploy("app", &["tag=1.5.0"]).exits(0).shows("app revision 2 deployed");
    assert_eq!(running(world, "app"), ("1.5.0".to_owned(), 2));
    world.deploy("app", &["tag=1.5.0"]).exits(0).shows("nothing had to be changed");
    assert_eq!(statuses(world, "app"), ["1 superseded", "2 superseded", "3 deployed"]);
    world.backstay(&["list"]).exits(0).shows("app");
    world.backstay(&["uninstall", "app"]).exits(0).shows("app uninstalled");
    let left: Vec<String> = ["deployments.apps", "services", "configmaps", "secrets", "jobs.batch"]
        .iter()
        .flat_map(|kind| world.list(kind))
        .map(|object| object["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        .filter(|name| name != "kube-root-ca.crt" && !name.starts_with("default-token"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
});

promise!(p02_missing_tag_is_rolled_back, Node::Real, |world: &World| {
    world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
    let run = world.with_chart(&["deploy", "app", "--output", "json"], &["tag=does-not-exist"]).exits(1);
    let events = run.events();
    let condemned = events.iter().find(|event| event["type"] == "condemned").expect("a verdict is told");
    assert_eq!(condemned["code"], "image-not-found", "{condemned}");
    let decided_after = condemned["t"].as_f64().unwrap() - condemned["first_seen"].as_f64().unwrap();
    assert!(decided_after <= 3.0, "decided {decided_after} s after the kubelet's report");
    let message = condemned["message"].as_str().unwrap();
    assert!(message.contains("does-not-exist") && message.contains("not found"), "{message}");
    assert_eq!(running(world, "app"), ("1.4.0".to_owned(), 2));
    assert_eq!(statuses(world, "app"), ["1 superseded", "2 failed", "3 deployed"]);
    world.backstay(&["evidence", "app"]).exits(0).shows("ErrImagePull").shows("does-not-exist");
    let people = world.deploy("app", &["tag=does-not-exist"]).exits(1);
    for text in ["image-not-found", "app is running revision", "NOT deployed", "Evidence kept", "exit 1"] {
        assert!(people.text().contains(text), "{text:?} is missing in\n{}", people.text());
    }
});

promise!(p03_failed_first_install_leaves_nothing, Node::Real, |world: &World| {
    make_namespace(world);
    world.api().kubectl(&["create", "configmap", "bystander", "--from-literal=a=b"]).exits(0);
    world
        .deploy("app", &["tag=does-not-exist"])
        .exits(1)
        .shows("app is NOT installed")
        .shows("image-not-found");
    assert!(world.get("deployments.apps", "app").is_none());
    assert!(world.get("services", "app").is_none());
    assert!(world.get("configmaps", "bystander").is_some());
    assert_eq!(world.history("app"), []);
    let listed = world.backstay(&["list", "--all", "-o", "json"]).exits(0);
    assert_eq!(listed.json().as_array().map(Vec::len), Some(0), "{}", listed.text());
});

promise!(p04_node_port_taken, |world: &World| {
    let port = 30_000 + std::process::id() % 2_700;
    let port = format!("service.nodePort={port}");
    world.with_chart(&["deploy", "dev101", "--create-namespace"], &[&port]).exits(0);
    let before = world.get("services", "dev101").unwrap();
    let run = world.deploy("qa101", &[&port]);
    assert!(matches!(run.code, 1 | 4), "exit {}\n{}", run.code, run.text());
    let run = run.shows("provided port is already allocated");
    assert!(run.text().contains("port-allocated"), "{}", run.text());
    assert!(world.get("deployments.apps", "qa101").is_none() && world.get("services", "qa101").is_none());
    let after = world.get("services", "dev101").unwrap();
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(before["spec"], after["spec"]);
    assert_eq!(statuses(world, "dev101"), ["1 deployed"]);
});

promise!(p05_malformed_autoscaler, |world: &World| {
    let good = ["autoscaler.enabled=true"];
    world.with_chart(&["deploy", "app", "--create-namespace"], &good).exits(0);
    let run = world.deploy("app", &["autoscaler.enabled=true", "autoscaler.minReplicas=9", "tag=1.5.0"]);
    assert!(matches!(run.code, 1 | 4), "exit {}\n{}", run.code, run.text());
    run.shows("maxReplicas").shows("object-rejected");
    assert_eq!(running(world, "app").0, "1.4.0");
    assert_eq!(world.get("horizontalpodautoscalers.autoscaling", "app").unwrap()["spec"]["minReplicas"], 1);
});

promise!(p06_rollback_cannot_succeed, Node::Real, |world: &World| {
    make_namespace(world);
    world.api().kubectl(&["create", "configmap", "word", "--from-literal=word=hello"]).exits(0);
    let values = ["needs=word", "strategy.type=Recreate"];
    world.deploy("app", &values).exits(0);
    // What the old revision needs goes, too.
    world.api().kubectl(&["delete", "configmap", "word"]).exits(0);
    let run = world.deploy("app", &["needs=", "strategy.type=Recreate", "tag=does-not-exist"]).exits(2);
    for text in
        ["image-not-found", "config-missing", "BROKEN", "A person is needed", "Evidence kept", "exit 2"]
    {
        assert!(run.text().contains(text), "{text:?} is missing in\n{}", run.text());
    }
    assert_eq!(statuses(world, "app"), ["1 deployed", "2 failed", "3 failed"]);
    let evidence = world.backstay(&["evidence", "app"]).exits(0);
    assert!(
        evidence.text().contains("does-not-exist") && evidence.text().contains("word"),
        "{}",
        evidence.text()
    );
});

promise!(p07_wait_without_atomic_leaves_it, Node::Real, |world: &World| {
    let words = ["upgrade", "app", "--install", "--create-namespace", "--wait"];
    world
        .with_chart(&words, &["tag=does-not-exist"])
        .exits(3)
        .shows("left in place")
        .shows("image-not-found");
    assert_eq!(running(world, "app").0, "does-not-exist");
    assert_eq!(statuses(world, "app"), ["1 failed"]);
    let no_wait = world.with_chart(&["upgrade", "app", "--install"], &["tag=also-not-there"]).exits(0);
    assert!(no_wait.text().contains("deployed"), "{}", no_wait.text());
    assert_eq!(statuses(world, "app").last().map(String::as_str), Some("2 deployed"));
});

promise!(p08_interrupted, Node::Real, |world: &World| {
    // Old pods stop first, so that the way back takes a while.
    let recreate = "strategy.type=Recreate";
    world.with_chart(&["deploy", "app", "--create-namespace"], &[recreate]).exits(0);
    let never_ready = || {
        let words = ["deploy", "app", "--output", "json", "--sandbox-speed", "1x"];
        let words = world.chart_words(&words, &["path=/nothing-here", recreate]);
        let started = world.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let _ = started.wait_for("\"verifying\"", Duration::from_secs(60));
        std::thread::sleep(Duration::from_secs(3));
        started
    };
    let started = never_ready();
    started.signal("INT");
    let run = started.finish(Duration::from_secs(120)).exits(1);
    assert!(run.stdout.contains("aborted"), "{}", run.text());
    assert_eq!(statuses(world, "app"), ["1 superseded", "2 failed", "3 deployed"]);
    assert_eq!(running(world, "app"), ("1.4.0".to_owned(), 2));
    let started = never_ready();
    started.signal("INT");
    let _ = started.wait_for("\"restoring\"", Duration::from_secs(60));
    started.signal("INT");
    started.finish(Duration::from_secs(60)).exits(6);
    // A run that is dead is taken over once it has been quiet for half a minute.
    let mut last = world.deploy("app", &["tag=1.5.0"]);
    for _ in 0..12 {
        if last.code != 5 {
            break;
        }
        std::thread::sleep(Duration::from_secs(5));
        last = world.deploy("app", &["tag=1.5.0"]);
    }
    last.exits(0).shows("its run is gone");
    assert_eq!(running(world, "app"), ("1.5.0".to_owned(), 2));
});

promise!(p09_bad_input_changes_nothing, |world: &World| {
    let directory = world.directory();
    std::fs::write(directory.join("bad.yaml"), "tag: [one\nreplicas: 2\n").unwrap();
    let bad = directory.join("bad.yaml").display().to_string();
    world.with_chart(&["deploy", "app", "-f", &bad], &[]).exits(4).shows("bad.yaml:");
    let broken = directory.join("broken");
    std::fs::create_dir_all(broken.join("templates")).unwrap();
    std::fs::write(broken.join("Chart.yaml"), "apiVersion: v2\nname: broken\nversion: 0.1.0\n").unwrap();
    std::fs::write(broken.join("templates/a.yaml"), "a: b\nc: {{ .Values.x.y.z }}\n").unwrap();
    world
        .backstay(&["deploy", "app", &broken.display().to_string()])
        .exits(4)
        .shows("broken/templates/a.yaml:2");
    world.with_chart(&["deploy", "app", "--no-such-flag"], &[]).exits(64).shows("--no-such-flag");
    world.backstay(&["deploy", "app", "./no/such/chart"]).exits(4).shows("no/such/chart");
    world.backstay(&["deploy", "app", "nowhere/chart"]).exits(4).shows("repo nowhere not found");
    assert_eq!(world.history("app"), []);
    if !world.is_sandbox() {
        let nowhere = directory.join("kubeconfig-nowhere");
        let text = "apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: \"http://127.0.0.1:1\"}}]\n\
                    users: [{name: a, user: {}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\n";
        std::fs::write(&nowhere, text).unwrap();
        let words = world.chart_words(&["deploy", "app"], &[]);
        let elsewhere = World::sandbox("nowhere");
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        let flag = format!("--kubeconfig={}", nowhere.display());
        words.push(&flag);
        elsewhere.backstay_on(&words).exits(7).shows("127.0.0.1:1");
        let missing = format!("--kubeconfig={}", directory.join("not-there").display());
        elsewhere.backstay_on(&["list", &missing]).exits(1).shows("not-there");
    }
});

promise!(p10_helm_goes_on_where_we_stopped, |world: &World| {
    world.with_chart(&["deploy", "app", "--create-namespace"], &["text=one"]).exits(0);
    world.deploy("app", &["text=two"]).exits(0);
    for helm in ["helm3", "helm4"] {
        let api = world.api();
        let Some(history) = api.helm(helm, &["history", "app", "-o", "json"]) else { continue };
        let ours = rows(&history.exits(0).json());
        assert!(ours.iter().any(|(_, status, _)| status == "deployed"), "{ours:?}");
        let _ = api.helm(helm, &["status", "app"]).unwrap().exits(0).shows("STATUS: deployed");
        let _ = api.helm(helm, &["get", "values", "app"]).unwrap().exits(0).shows("text: two");
        let _ = api.helm(helm, &["rollback", "app", "1"]).unwrap().exits(0);
        drop(api);
        let (_, status, description) = world.history("app").pop().unwrap();
        assert_eq!((status.as_str(), description.as_str()), ("deployed", "Rollback to 1"));
        world.deploy("app", &["text=two"]).exits(0);
        // And the other way round: what helm installed, we upgrade and roll back.
        let name = format!("{helm}-app");
        let chart = backstay_tests_cluster::chart("app").display().to_string();
        let api = world.api();
        let _ = api.helm(helm, &["install", &name, &chart, "--set", "text=helm"]).unwrap().exits(0);
        drop(api);
        world.deploy(&name, &["text=ours"]).exits(0);
        world.backstay(&["rollback", &name, "1", "--wait"]).exits(0);
        let text = world.get("configmaps", &name).unwrap()["data"]["text"].clone();
        assert_eq!(text, "helm");
        assert_eq!(statuses(world, &name), ["1 superseded", "2 superseded", "3 deployed"]);
    }
});

promise!(p11_killed_and_resumed, Node::Real, |world: &World| {
    world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
    world.backstay(&["resume", "app"]).exits(1).shows("nothing of app is unfinished");
    if world.is_sandbox() {
        // A sandbox is saved when a command ends: a killed one has changed nothing.
        return;
    }
    let words =
        world.chart_words(&["deploy", "app", "--output", "json"], &["path=/nothing-here", "text=two"]);
    let started = world.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let _ = started.wait_for("\"verifying\"", Duration::from_secs(60));
    started.signal("KILL");
    started.finish(Duration::from_secs(10)).exits(-1);
    // While it may still be alive nobody else may write.
    world.deploy("app", &["tag=1.5.0"]).exits(5).shows("holds the release since");
    let resumed = world.deploy("app", &["tag=1.5.0", "text=three"]);
    assert_eq!(resumed.code, 5);
    let words = ["deploy", "app", "--wait-for-lock", "60s"];
    let last = world.with_chart(&words, &["tag=1.5.0", "text=three"]).exits(0).shows("going back");
    assert!(last.text().contains("aborted"), "{}", last.text());
    assert_eq!(running(world, "app"), ("1.5.0".to_owned(), 2));
    assert_eq!(statuses(world, "app"), ["1 superseded", "2 failed", "3 superseded", "4 deployed"]);
});
