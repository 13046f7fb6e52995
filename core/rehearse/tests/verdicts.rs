//! What a rollout ends in, and what it leaves: one row a case.

mod common;

use backstay_object::ResourceKey;
use backstay_plan::{Operation, PreviousRevision};
use backstay_rehearse::Trouble;
use backstay_sim::Cluster;
use common::*;

const GOOD: &str = "registry.example/web:v1";
const BETTER: &str = "registry.example/web:v2";
const MISSING: &str = "registry.example/web:nope";

#[test]
fn upgrades_end_as_they_should() {
    let with = |image: &str, more: Vec<backstay_plan::PlannedObject>| {
        shop(image).into_iter().chain(more).collect::<Vec<_>>()
    };
    for (what, faults, after, hooks, verdict, image_after, at_most_s) in [
        ("a new image", vec![], shop(BETTER), vec![], "deployed", BETTER, 120),
        ("nothing changed", vec![], shop(GOOD), vec![], "deployed", GOOD, 20),
        ("a missing image", vec![], shop(MISSING), vec![], "rolled-back image-not-found", GOOD, 90),
        ("a crash", vec!["crash@deployment/web"], shop(BETTER), vec![], "rolled-back crash-loop", GOOD, 150),
        (
            "a crash that heals",
            vec!["crash-until-restart(2)@deployment/web"],
            shop(BETTER),
            vec![],
            "deployed",
            BETTER,
            150,
        ),
        (
            "a program that is not there",
            vec!["no-such-program@deployment/web"],
            shop(BETTER),
            vec![],
            "rolled-back container-create-failed",
            GOOD,
            90,
        ),
        (
            "never ready",
            vec!["never-ready@deployment/web"],
            shop(BETTER),
            vec![],
            "rolled-back probe-failing",
            GOOD,
            100,
        ),
        (
            "a pull that takes longer than there is time",
            vec!["slow-pull(900000)@deployment/web"],
            shop(BETTER),
            vec![],
            "rolled-back deadline-exceeded",
            GOOD,
            420,
        ),
        (
            "a good hook",
            vec![],
            shop(BETTER),
            vec![hook("migrate", "pre-upgrade", "sleep 2; exit 0")],
            "deployed",
            BETTER,
            120,
        ),
        (
            "a bad hook",
            vec![],
            shop(BETTER),
            vec![hook("migrate", "pre-upgrade", "exit 1")],
            "rolled-back hook-failed",
            GOOD,
            60,
        ),
        (
            "a new object beside a failure",
            vec![],
            with(MISSING, vec![config("extra", "x")]),
            vec![],
            "rolled-back image-not-found",
            GOOD,
            90,
        ),
        (
            "an object less",
            vec![],
            shop(BETTER).into_iter().filter(|object| object.key.name != "conf").collect(),
            vec![],
            "deployed",
            BETTER,
            120,
        ),
    ] {
        let mut cluster = running_shop(7);
        for fault in &faults {
            cluster.inject(fault.parse().unwrap());
        }
        let (cluster, report) = rehearse(cluster, upgrade(shop(GOOD), after, hooks), Trouble::default());
        let story: Vec<String> = report.story.iter().map(|moment| format!("{:?}", moment.event)).collect();
        assert_eq!(in_a_word(&report.verdict), verdict, "{what}: {story:#?}");
        assert_eq!(image(&cluster).as_deref(), Some(image_after), "{what}");
        let took = report.to.since(report.from).as_secs();
        assert!(took <= at_most_s, "{what}: {took} s");
        let extra = ResourceKey::new("v1", "ConfigMap", "default", "extra");
        assert!(cluster.store().get(&extra).is_none(), "{what}: what the failed run created is still there");
    }
}

#[test]
fn a_failed_first_install_leaves_nothing_of_its_own() {
    let mut cluster = Cluster::new(3, start());
    let bystander = config("bystander", "x").object;
    let request = backstay_sim::api::Request {
        method: "POST".into(),
        path: "/api/v1/namespaces/default/configmaps".into(),
        content_type: "application/json".into(),
        body: bystander.to_string().into_bytes(),
        ..Default::default()
    };
    assert_eq!(cluster.handle(&request).status, 201);
    let (cluster, report) = rehearse(cluster, install(shop(MISSING), vec![]), Trouble::default());
    assert_eq!(in_a_word(&report.verdict), "cleaned-up image-not-found");
    let left: Vec<String> = cluster
        .store()
        .all()
        .filter(|(key, _)| {
            key.namespace == "default"
                && matches!(
                    key.kind.as_str(),
                    "Deployment" | "StatefulSet" | "ConfigMap" | "Pod" | "ReplicaSet"
                )
        })
        .map(|(key, _)| key.to_string())
        .filter(|name| !name.contains("kube-root-ca"))
        .collect();
    assert_eq!(left, ["configmap/bystander"]);
}

#[test]
fn a_way_back_that_fails_is_told() {
    let before = vec![recreate(GOOD)];
    let (mut cluster, report) =
        rehearse(Cluster::new(5, start()), install(before.clone(), vec![]), Trouble::default());
    assert_eq!(in_a_word(&report.verdict), "deployed");
    // The old image is gone, too: only what was pushed exists in the repository now.
    cluster.registry_mut().push("registry.example/web:v9", 10_000_000);
    let (_, report) = rehearse(cluster, upgrade(before, vec![recreate(MISSING)], vec![]), Trouble::default());
    assert_eq!(in_a_word(&report.verdict), "undo-failed image-not-found image-not-found");
}

/// A deployment that stops its old pods first and always pulls.
fn recreate(image: &str) -> backstay_plan::PlannedObject {
    let mut planned = deployment("web", image, 1);
    planned.object["spec"]["strategy"] = serde_json::json!({"type": "Recreate"});
    planned.object["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always".into();
    planned
}

#[test]
fn what_somebody_else_took_over_is_not_deleted() {
    let mut cluster = running_shop(9);
    let path = "/api/v1/namespaces/default/configmaps/conf".to_owned();
    let mut theirs = config("conf", "theirs").object;
    theirs["metadata"]["annotations"] = serde_json::json!({"meta.helm.sh/release-name": "another"});
    let put = backstay_sim::api::Request {
        method: "PUT".into(),
        path,
        content_type: "application/json".into(),
        body: theirs.to_string().into_bytes(),
        ..Default::default()
    };
    assert_eq!(cluster.handle(&put).status, 200);
    let after = shop(BETTER).into_iter().filter(|object| object.key.name != "conf").collect();
    let (cluster, report) = rehearse(cluster, upgrade(shop(GOOD), after, vec![]), Trouble::default());
    assert_eq!(in_a_word(&report.verdict), "deployed");
    let key = ResourceKey::new("v1", "ConfigMap", "default", "conf");
    assert!(cluster.store().get(&key).is_some(), "an object of another release was deleted");
}

#[test]
fn a_hook_that_fails_on_the_way_back_fails_the_way_back() {
    for (event, command, verdict, image_after) in [
        ("pre-rollback", "exit 0", "rolled-back image-not-found", GOOD),
        ("post-rollback", "exit 0", "rolled-back image-not-found", GOOD),
        // As Helm does: what should have come before the former content was not done.
        ("pre-rollback", "exit 1", "undo-failed image-not-found hook-failed", MISSING),
        ("post-rollback", "exit 1", "undo-failed image-not-found hook-failed", GOOD),
        ("post-rollback", "sleep 1000", "undo-failed image-not-found deadline-exceeded", GOOD),
    ] {
        let hooks = vec![hook("back", event, command)];
        let before = PreviousRevision { revision: 1, objects: shop(GOOD), hooks: hooks.clone() };
        let plan = plan(Operation::Upgrade, 2, shop(MISSING), hooks, Some(before), Default::default());
        let (cluster, report) = rehearse(running_shop(7), plan, Trouble::default());
        assert_eq!(in_a_word(&report.verdict), verdict, "{event} {command}: {:#?}", report.story);
        assert_eq!(image(&cluster).as_deref(), Some(image_after), "{event} {command}");
        let last = report.records.last().map(|record| format!("{record:?}")).unwrap_or_default();
        let ended = if command == "exit 0" { "FinishUndo" } else { "FailUndo" };
        assert!(last.starts_with(ended), "{event} {command}: {last}");
    }
}
