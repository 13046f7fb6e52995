//! Rivals, and helm itself.

use std::time::{Duration, Instant};

use backstay_tests_cluster::disturb::{CASES, KubectlProxy, is_thorough, picture};
use backstay_tests_cluster::{Node, PATIENCE, Started, World, chart};
use serde_json::Value;

use crate::ALONE;

fn start(world: &World, values: &[&str], more: &[&str]) -> Started {
    let mut words = world.chart_words(&["deploy", "app"], values);
    words.extend(more.iter().map(|word| (*word).to_owned()));
    world.start(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn statuses(world: &World) -> Vec<String> {
    let history = world.history("app");
    history.into_iter().map(|(revision, status, _)| format!("{revision} {status}")).collect()
}

fn text_of(picture: &Value) -> String {
    let objects = picture["objects"].as_array().expect("objects");
    let map = objects.iter().find(|object| object["kind"] == "ConfigMap").expect("the ConfigMap");
    map["is"]["data"]["text"].as_str().expect("its text").to_owned()
}

/// The same picture with another text.
fn with_text(picture: &Value, from: &str, to: &str) -> Value {
    serde_json::from_str(&picture.to_string().replace(&format!("{from:?}"), &format!("{to:?}")))
        .expect("JSON")
}

#[test]
fn a_rival_waits_or_is_told_who_is_at_work() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(calm) = World::real("rival", Node::Real) else { return };
    calm.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
    calm.deploy("app", &["text=one"]).exits(0);
    let peace = picture(&calm);
    let rounds = if is_thorough() { 6 } else { 1 };
    let mut tried = 0;
    for more in [&["--wait-for-lock", "90s"][..], &[]] {
        for _ in 0..rounds {
            let world = World::real("rival", Node::Real).expect("the cluster is still there");
            world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
            let rivals = ["one", "two"].map(|text| (text, start(&world, &[&format!("text={text}")], more)));
            let ended = rivals.map(|(text, started)| (text, started.finish(PATIENCE)));
            let told = format!("{more:?} {ended:#?}");
            let done: Vec<&str> =
                ended.iter().filter(|(_, run)| run.code == 0).map(|(text, _)| *text).collect();
            for (_, run) in ended.iter().filter(|(_, run)| run.code != 0) {
                let text = run.text();
                assert_eq!(run.code, 5, "{told}");
                assert!(
                    ["holds the release", "same moment", "same time", "is being changed"]
                        .iter()
                        .any(|words| text.contains(words)),
                    "{told}"
                );
            }
            assert!(!done.is_empty() && (more.is_empty() || done.len() == 2), "{told}");
            let found = picture(&world);
            let text = text_of(&found);
            assert!(done.contains(&text.as_str()), "{told}\n{found}");
            assert_eq!(with_text(&found, &text, "one"), peace, "{told}");
            assert_eq!(world.history("app").len(), 1 + done.len(), "{told}");
            tried += 1;
        }
    }
    println!("rival deploys: {tried} tried, {tried} clean");
}

#[test]
fn a_run_that_slept_through_its_lease_writes_nothing_more() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(world) = World::real("slept", Node::Real) else { return };
    world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
    let started = start(&world, &["path=/nothing-here", "text=two"], &["-o", "json"]);
    let _ = started.wait_for("\"verifying\"", Duration::from_secs(60));
    started.signal("STOP");
    world
        .with_chart(&["deploy", "app", "--take-over"], &["text=three"])
        .exits(0)
        .shows("taken over, as asked");
    let before = (picture(&world), statuses(&world));
    started.signal("CONT");
    let ended = started.finish(Duration::from_secs(120));
    assert!(matches!(ended.code, 5 | 6), "exit {}: {}", ended.code, ended.text());
    assert_eq!((picture(&world), statuses(&world)), before, "{}", ended.text());
    assert_eq!(text_of(&before.0), "three");
}

#[test]
fn helm_run_in_the_middle_is_refused_or_has_its_way() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if World::real("helm-amid", Node::Real).is_none() {
        return;
    }
    let values = ["hook.enabled=true", "hook.command=sleep 6", "tag=1.5.0", "text=two"];
    let (mut peace, chart) = (None, chart("app").display().to_string());
    let helms: &[&str] = if is_thorough() { &["", "helm3", "helm4"] } else { &["", "helm4"] };
    for helm in helms {
        let world = World::real("helm-amid", Node::Real).expect("the cluster is still there");
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        let started = start(&world, &values, &["-o", "json"]);
        let _ = started.wait_for("create-hook", Duration::from_secs(60));
        if !helm.is_empty() {
            let Some(run) = world.api().helm(helm, &["upgrade", "app", &chart, "--set", "text=helm"]) else {
                continue;
            };
            assert!(run.code != 0 && run.text().contains("in progress"), "{}", run.text());
        }
        started.finish(PATIENCE).exits(0);
        let peace = peace.get_or_insert_with(|| picture(&world));
        assert_eq!(picture(&world), *peace, "{helm} upgrade");
    }
    for helm in helms.iter().filter(|helm| !helm.is_empty()) {
        let world = World::real("helm-amid", Node::Real).expect("the cluster is still there");
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        let started = start(&world, &values, &["-o", "json"]);
        let _ = started.wait_for("create-hook", Duration::from_secs(60));
        let Some(run) = world.api().helm(helm, &["rollback", "app", "1"]) else { continue };
        run.exits(0);
        // Helm takes no Lease: its revision is what tells.
        let ended = started.finish(PATIENCE).exits(6).shows("was made by another program meanwhile");
        assert_eq!(statuses(&world), ["1 superseded", "2 failed", "3 deployed"], "{}", ended.text());
        assert_eq!(text_of(&picture(&world)), "hello");
        world.deploy("app", &["text=three"]).exits(0);
        assert_eq!(statuses(&world), ["1 superseded", "2 failed", "3 superseded", "4 deployed"]);
    }
    println!("helm in the middle: {} tried, {} clean", 2 * helms.len() - 2, 2 * helms.len() - 2);
}

#[test]
fn what_a_killed_helm_left_pending_is_explained_and_taken_over() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if World::real("helm-dead", Node::Real).is_none() {
        return;
    }
    let api = KubectlProxy::start();
    let peace = CASES[1].in_peace(api.address);
    for helm in ["helm3", "helm4"] {
        let world = World::real("helm-dead", Node::Real).expect("the cluster is still there");
        let (served, chart) = (world.api(), chart("app").display().to_string());
        let Some(installed) = served.helm(helm, &["install", "app", &chart, "--create-namespace"]) else {
            continue;
        };
        installed.exits(0);
        let words =
            ["upgrade", "app", &chart, "--set", "path=/nothing-here,text=helm", "--wait", "--timeout", "5m"];
        let started = served.start_helm(helm, &words).expect("it is installed");
        let until = Instant::now() + Duration::from_secs(60);
        while statuses(&world).last().map(String::as_str) != Some("2 pending-upgrade") {
            assert!(Instant::now() < until, "{helm}: {:?}", statuses(&world));
        }
        std::thread::sleep(Duration::from_secs(2));
        started.signal("KILL");
        started.finish(Duration::from_secs(10)).exits(-1);
        let values = ["tag=1.5.0", "text=two"];
        world
            .deploy("app", &values)
            .exits(5)
            .shows("is being changed by helm (revision 2, pending-upgrade")
            .shows("--take-over");
        assert_eq!(statuses(&world).last().map(String::as_str), Some("2 pending-upgrade"));
        world.with_chart(&["deploy", "app", "--take-over"], &values).exits(0);
        assert_eq!(statuses(&world), ["1 superseded", "2 failed", "3 deployed"], "{helm}");
        assert_eq!(picture(&world), peace.picture, "{helm}");
        let _ = served
            .helm(helm, &["status", "app"])
            .expect("it is installed")
            .exits(0)
            .shows("STATUS: deployed");
    }
}
