//! What a user relies on when something goes wrong on the way: points of no return, deadlines, fields of others.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use backstay_tests_cluster::{Node, World};

/// In both worlds, where the nodes can do what is needed.
fn on_both(name: &str, node: Node, check: impl Fn(&World)) {
    check(&World::sandbox(name));
    if let Some(world) = World::real(name, node) {
        check(&world);
    }
}

fn tag(world: &World) -> String {
    let deployment = world.get("deployments.apps", "app").expect("the deployment is there");
    let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
    image.rsplit(':').next().unwrap().to_owned()
}

#[test]
fn a_failure_after_a_point_of_no_return_asks() {
    on_both("no-return", Node::Real, |world| {
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        let values = ["hook.enabled=true", "hook.irreversible=true", "hook.tag=1.4.0", "tag=does-not-exist"];
        let run = world.deploy("app", &values).exits(3).shows("point of no return").shows("image-not-found");
        run.shows("backstay rollback app 1")
            .shows("job/app-migrate ran and is marked backstay.dev/irreversible");
        assert_eq!(tag(world), "does-not-exist");
        let policy = world.directory().join("policy.yaml");
        std::fs::write(&policy, "afterIrreversible: undo\n").unwrap();
        let policy = policy.display().to_string();
        world
            .with_chart(&["deploy", "app", "--policy", &policy], &values)
            .exits(1)
            .shows("running revision 1");
        assert_eq!(tag(world), "1.4.0");
        // Without the mark the same failure goes back by itself.
        world.deploy("app", &["hook.enabled=true", "hook.tag=1.4.0", "tag=does-not-exist"]).exits(1);
    });
}

#[test]
fn fields_of_others_are_named_and_taken_only_on_demand() {
    on_both("fields", Node::Any, |world| {
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        let patch = [
            "patch",
            "configmap",
            "app",
            "--type=merge",
            "--field-manager=somebody",
            "-p",
            r#"{"data":{"text":"theirs"}}"#,
        ];
        world.api().kubectl(&patch).exits(0);
        let run = world
            .deploy("app", &["text=ours"])
            .exits(4)
            .shows(".data.text (somebody)")
            .shows("--force-conflicts");
        assert!(run.text().contains("nothing was changed"), "{}", run.text());
        assert_eq!(world.get("configmaps", "app").unwrap()["data"]["text"], "theirs");
        let words = ["deploy", "app", "--force-replace"];
        world.with_chart(&words, &["text=replaced"]).exits(0).shows("warning: --force-replace");
        assert_eq!(world.get("configmaps", "app").unwrap()["data"]["text"], "replaced");
        world.api().kubectl(&patch).exits(0);
        world
            .with_chart(&["deploy", "app", "--force-conflicts"], &["text=ours"])
            .exits(0)
            .shows("warning: --force-conflicts");
        assert_eq!(world.get("configmaps", "app").unwrap()["data"]["text"], "ours");
        world.with_chart(&["deploy", "app", "--force-conflicts", "--force"], &[]).exits(64);
    });
}

#[test]
fn an_uninstall_leaves_dependents_when_told_so() {
    on_both("cascade", Node::Any, |world| {
        world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
        world.backstay(&["uninstall", "app", "--cascade=orphan"]).exits(0);
        assert!(world.get("deployments.apps", "app").is_none());
        assert_eq!(world.list("replicasets.apps").len(), 1, "the ReplicaSet was not kept");
    });
}

#[test]
fn a_deadline_contains_the_way_back_or_leaves_it_resumable() {
    let world = World::sandbox("deadline");
    world.with_chart(&["deploy", "app", "--create-namespace"], &[]).exits(0);
    // Far too short for this: it goes back within it, or stops where another run can go on.
    let run = world.with_chart(&["deploy", "app", "--deadline", "1s"], &["tag=1.5.0"]);
    assert!(matches!(run.code, 1 | 6), "exit {}\n{}", run.code, run.text());
    if run.code == 6 {
        run.shows("backstay resume app -n");
        world.backstay(&["resume", "app", "--on-interrupted=rollback"]).exits(1).shows("running revision 1");
    }
    assert_eq!(tag(&world), "1.4.0");
}
