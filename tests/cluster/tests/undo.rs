//! The way back: to what was proven healthy, and only through what this run changed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use backstay_tests_cluster::{Node, Run, Served, World, chart};

/// In both worlds, where the nodes can do what is needed.
fn on_both(name: &str, check: impl Fn(&World)) {
    check(&World::sandbox(name));
    if let Some(world) = World::real(name, Node::Real) {
        check(&world);
    }
}

fn tag(world: &World) -> String {
    let deployment = world.get("deployments.apps", "app").expect("the deployment is there");
    let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
    image.rsplit(':').next().unwrap().to_owned()
}

fn statuses(world: &World) -> Vec<String> {
    let history = world.history("app");
    history.into_iter().map(|(revision, status, _)| format!("{revision} {status}")).collect()
}

const BROKEN: &str = "tag=does-not-exist";

/// The test chart with one more ConfigMap, `extra`, whose metadata is given.
fn with_extra(world: &World, metadata: &str) -> String {
    let folder = world.directory().join("app-with-extra");
    std::fs::create_dir_all(folder.join("templates")).unwrap();
    let from = chart("app");
    for file in ["Chart.yaml", "values.yaml", "templates/app.yaml"] {
        std::fs::copy(from.join(file), folder.join(file)).unwrap();
    }
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: extra, {metadata}}}\ndata: {{a: ours}}\n"
    );
    std::fs::write(folder.join("templates/extra.yaml"), text).unwrap();
    folder.display().to_string()
}

fn deploy(world: &World, chart: &str, more: &[&str]) -> Run {
    let mut words = vec!["deploy", "app", chart, "--create-namespace"];
    words.extend(more);
    world.backstay(&words)
}

#[test]
fn it_goes_to_the_last_revision_that_was_proven() {
    on_both("proven", |world| {
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        // Called deployed by Helm's rule, because nobody waits for it.
        world.with_chart(&["upgrade", "app"], &["tag=also-not-there"]).exits(0);
        assert_eq!(statuses(world), ["1 superseded", "2 deployed"]);
        for round in 0..4 {
            let words = ["deploy", "app", "--history-max", "2"];
            let run = world.with_chart(&words, &[BROKEN]).exits(1);
            assert_eq!(tag(world), "1.4.0", "round {round}: {}", run.text());
            let left = statuses(world);
            assert!(
                left.len() <= 5 && left.last().is_some_and(|last| last.ends_with("deployed")),
                "{left:?}"
            );
        }
        world.deploy("app", &["tag=1.5.0"]).exits(0);
        assert_eq!(tag(world), "1.5.0");
    });
}

#[test]
fn pruning_keeps_the_proven_revision() {
    on_both("pruned", |world| {
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        for number in 0..4 {
            let tag = format!("tag=not-there-{number}");
            world.with_chart(&["upgrade", "app", "--history-max", "2"], &[&tag]).exits(0);
        }
        let left = statuses(world);
        assert!(left.len() < 5 && left.contains(&"1 superseded".to_owned()), "{left:?}");
        world
            .with_chart(&["deploy", "app", "--history-max", "2"], &[BROKEN])
            .exits(1)
            .shows("running revision 1");
        assert_eq!(tag(world), "1.4.0");
    });
}

#[test]
fn the_same_command_again_really_tries_again() {
    on_both("again", |world| {
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        let values = ["needs=word", "tag=1.5.0"];
        world.deploy("app", &values).exits(1).shows("config-missing");
        world.deploy("app", &values).exits(1).shows("config-missing");
        assert_eq!(tag(world), "1.4.0");
        world.api().kubectl(&["create", "configmap", "word", "--from-literal=word=hello"]).exits(0);
        world.deploy("app", &values).exits(0);
        assert_eq!(tag(world), "1.5.0");
    });
}

#[test]
fn what_asks_to_be_kept_is_kept() {
    on_both("kept", |world| {
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        let extra = with_extra(world, "annotations: {helm.sh/resource-policy: keep}");
        deploy(world, &extra, &["--set", BROKEN]).exits(1);
        assert_eq!(tag(world), "1.4.0");
        assert!(world.get("configmaps", "extra").is_some(), "the undo deleted what asks to be kept");
        deploy(world, &extra, &[]).exits(0);
        // No longer in the chart, and then no release any more.
        world.deploy("app", &[]).exits(0);
        assert!(world.get("configmaps", "extra").is_some(), "the upgrade deleted what asks to be kept");
        deploy(world, &extra, &[]).exits(0);
        world.backstay(&["uninstall", "app"]).exits(0);
        assert!(world.get("configmaps", "extra").is_some(), "the uninstall deleted what asks to be kept");
        assert!(world.get("deployments.apps", "app").is_none());
    });
}

#[test]
fn what_was_adopted_gets_its_former_content_back() {
    on_both("adopted", |world| {
        world.api().kubectl(&["create", "namespace", &world.namespace]).exits(0);
        world.api().kubectl(&["create", "configmap", "extra", "--from-literal=a=theirs"]).exits(0);
        let before = world.get("configmaps", "extra").unwrap();
        let extra = with_extra(world, "labels: {app: app}");
        deploy(world, &extra, &[]).exits(4).shows("extra");
        let is_as_before = |what: &str| {
            let after = world.get("configmaps", "extra").unwrap_or_else(|| panic!("{what}: it is gone"));
            assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"], "{what}");
            assert_eq!(after["data"], before["data"], "{what}");
            for field in ["labels", "annotations"] {
                let none =
                    |value: &serde_json::Value| value.as_object().is_none_or(serde_json::Map::is_empty);
                assert!(none(&after["metadata"][field]), "{what}: {after}");
            }
        };
        // A first install that fails, and an upgrade that fails.
        deploy(world, &extra, &["--take-ownership", "--force-conflicts", "--set", BROKEN]).exits(1);
        is_as_before("install");
        world.deploy("app", &[]).exits(0);
        deploy(world, &extra, &["--take-ownership", "--force-conflicts", "--set", BROKEN]).exits(1);
        is_as_before("upgrade");
        deploy(world, &extra, &["--take-ownership", "--force-conflicts"]).exits(0);
        assert_eq!(world.get("configmaps", "extra").unwrap()["data"]["a"], "ours");
    });
}

#[test]
fn a_finalizer_that_never_goes_is_named() {
    on_both("finalizer", |world| {
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        let extra = with_extra(world, "finalizers: [team.example/hold]");
        let run = deploy(world, &extra, &["--set", BROKEN, "--timeout", "60s"]);
        let release =
            ["patch", "configmap", "extra", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#];
        world.api().kubectl(&release).exits(0);
        assert!(matches!(run.code, 1 | 2), "exit {}: {}", run.code, run.text());
        assert!(run.text().contains("finalizer"), "{}", run.text());
        // What can go back is back all the same, and the next run is not held up.
        assert_eq!(tag(world), "1.4.0", "{}", run.text());
        world.deploy("app", &["tag=1.5.0"]).exits(0);
        assert!(world.get("configmaps", "extra").is_none());
    });
}

/// A rollout that waits for pods that never become ready, beside somebody else on the same API.
fn waiting(world: &World, variables: &[(&str, &str)], meanwhile: impl Fn(&Served)) -> Run {
    // The sandbox's containers answer every probe, unless they are told not to.
    let fault = r"podAnnotations.sandbox\.backstay\.dev/fault=never-ready";
    let values = ["path=/nothing-here", fault, "text=two", "strategy.type=Recreate"];
    world.with_chart(&["deploy", "app", "--create-namespace"], &["strategy.type=Recreate"]).exits(0);
    let api = world.api_in_real_time();
    let words = world.chart_words(&["deploy", "app", "-o", "json"], &values);
    let state = world.directory().join("state").display().to_string();
    let variables: Vec<_> =
        [("XDG_STATE_HOME", state.as_str())].into_iter().chain(variables.iter().copied()).collect();
    let started = api.start_backstay(&words, &variables);
    let _ = started.wait_for("\"verifying\"", Duration::from_secs(60));
    std::thread::sleep(Duration::from_secs(2));
    meanwhile(&api);
    started.signal("TERM");
    started.finish(Duration::from_secs(120))
}

#[test]
fn what_others_wrote_meanwhile_stays_and_is_named() {
    on_both("three-way", |world| {
        let run = waiting(world, &[], |api| {
            let patch = r#"{"data":{"text":"theirs","more":"theirs"}}"#;
            let words =
                ["patch", "configmap", "app", "--type=merge", "--field-manager=somebody", "-p", patch];
            api.kubectl(&words).exits(0);
        })
        .exits(1)
        .shows("somebody");
        assert!(run.text().contains(".data.text"), "{}", run.text());
        let map = world.get("configmaps", "app").unwrap();
        assert_eq!(
            (map["data"]["text"].as_str(), map["data"]["more"].as_str()),
            (Some("theirs"), Some("theirs"))
        );
        let deployment = world.get("deployments.apps", "app").unwrap();
        let probe =
            &deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"];
        assert_eq!(probe, "/", "the rest was not undone");
    });
}

#[test]
fn a_grace_that_is_over_leaves_it_resumable() {
    // On a real node the way back is often over before any grace is.
    let world = &World::sandbox("grace");
    waiting(world, &[("BACKSTAY_GRACE", "1")], |_| {}).exits(6).shows("BACKSTAY_GRACE");
    let path = |world: &World| {
        let deployment = world.get("deployments.apps", "app").unwrap();
        deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"].clone()
    };
    world.backstay(&["resume", "app", "--on-interrupted=rollback"]).exits(1).shows("running revision 1");
    assert_eq!(path(world), "/");
    assert_eq!(world.get("configmaps", "app").unwrap()["data"]["text"], "hello");
}

#[test]
fn a_damaged_journal_is_refused_and_nothing_is_changed() {
    damaged_journals("journal", "1");
}

/// With this grace the way back has begun, and has a revision of its own.
#[test]
fn a_damaged_journal_of_a_way_back_is_refused_and_nothing_is_changed() {
    damaged_journals("journal-way-back", "6");
}

/// A rollout was left resumable; then its journal is not what was written any more.
fn damaged_journals(name: &str, grace_seconds: &str) {
    let world = &World::sandbox(name);
    waiting(world, &[("BACKSTAY_GRACE", grace_seconds)], |_| {}).exits(6);
    let secret = "sh.helm.release.v1.app.v2";
    let read = |api: &Served, key: &str| {
        let template = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
        api.kubectl(&["get", "secret", secret, "-o", &template]).exits(0).stdout
    };
    let write = |api: &Served, journal: &str, sum: Option<&str>| {
        let mut patch = serde_json::json!({"stringData": {"backstay.journal": journal}});
        match sum {
            Some(sum) => patch["stringData"]["backstay.sum"] = sum.into(),
            None => patch["data"] = serde_json::json!({"backstay.sum": null}),
        }
        let words = ["patch", "secret", secret, "--type=merge", "-p", &patch.to_string()];
        api.kubectl(&words).exits(0);
    };
    let api = world.api();
    let (whole, sum) = (read(&api, "backstay.journal"), read(&api, "backstay.sum").trim().to_owned());
    let kept = api.kubectl_json(&["get", "secret", secret])["data"].clone();
    drop(api);
    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() > 6, "{whole}");
    let without = |missing: usize| {
        let kept = lines.iter().enumerate().filter(|(number, _)| *number != missing);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let gap = |missing: usize| format!("has entry {} where entry {missing} is expected", missing + 1);
    let last = lines.len() - 1;
    let altered = "was changed or damaged after it was written".to_owned();
    let newer = whole.replacen("\"format\":1", "\"format\":9", 1);
    let flipped = whole.replacen("\"attempt\":1", "\"attempt\":3", 1);
    // Also where whoever took an entry away left no checksum behind that would tell.
    for (what, journal, sum, says) in [
        ("an entry is missing", without(4), Some(sum.as_str()), altered.clone()),
        ("a byte is another", flipped, Some(sum.as_str()), altered),
        (
            "the first entry is missing, no checksum",
            without(0),
            None,
            "does not begin with its first entry".into(),
        ),
        ("an entry is missing, no checksum", without(5), None, gap(5)),
        ("the last but one is missing, no checksum", without(last - 1), None, gap(last - 1)),
        ("it is of a newer version, no checksum", newer, None, "format 9, this version reads up to 1".into()),
    ] {
        let api = world.api();
        write(&api, &journal, sum);
        let before = everything(&api);
        drop(api);
        let resumed = world.backstay_elsewhere(&["resume", "app"]);
        assert_eq!(resumed.code, 4, "{what}: {}", resumed.text());
        let deployed = world.deploy("app", &["tag=1.5.0"]);
        assert_eq!(deployed.code, 4, "{what}: {}", deployed.text());
        for said in [resumed.text(), deployed.text()] {
            for words in
                [says.as_str(), "revision 2 of app cannot be resumed", "--take-over", "nothing was changed"]
            {
                assert!(said.contains(words), "{what}: {words:?} is not said: {said}");
            }
        }
        assert_eq!(everything(&world.api()), before, "{what}");
    }
    // As it was written it can still be gone on with.
    let patch = serde_json::json!({"data": kept}).to_string();
    world.api().kubectl(&["patch", "secret", secret, "--type=merge", "-p", &patch]).exits(0);
    world.backstay(&["resume", "app", "--on-interrupted=rollback"]).exits(1).shows("running revision 1");
}

/// Names and versions of all that a rollout could change; a Lease is taken even to look.
fn everything(api: &Served) -> Vec<String> {
    let kinds = "configmaps,secrets,services,deployments.apps,replicasets.apps,pods,jobs.batch";
    let list = api.kubectl_json(&["get", kinds]);
    let of = |object: &serde_json::Value| {
        let meta = &object["metadata"];
        // Time passes in a sandbox, too: what its nodes write is not ours.
        let version = if object["kind"] == "Pod" { &meta["uid"] } else { &meta["generation"] };
        let data = &object["data"];
        format!("{} {} {version} {data}", object["kind"], meta["name"])
    };
    list["items"].as_array().expect("items").iter().map(of).collect()
}
