//! Points of no return, and deadlines that include the way back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Duration;

use backstay_plan::PlannedObject;
use backstay_rehearse::{Rehearsal, Trouble};
use backstay_rollout::{NoReturn, Policy, Verdict};
use backstay_sim::Cluster;
use common::*;

const GOOD: &str = "registry.example/web:v1";
const MISSING: &str = "registry.example/web:missing";

fn shop(image: &str) -> Vec<PlannedObject> {
    vec![config("conf", image), deployment("web", image, 2)]
}

fn irreversible(event: &str, script: &str) -> PlannedObject {
    let mut planned = hook("migrate", event, script);
    planned.object["metadata"]["annotations"]["backstay.dev/irreversible"] = "true".into();
    planned
}

fn running_shop() -> Cluster {
    let (mut cluster, report) =
        rehearse(Cluster::new(11, start()), install(shop(GOOD), vec![]), Trouble::default());
    assert_eq!(in_a_word(&report.verdict), "deployed");
    cluster.registry_mut().push("registry.example/web:v2", 10_000_000);
    cluster
}

/// What an upgrade ends in, which image it leaves, and whether it stopped at a point of no return.
fn check(what: &str, hooks: Vec<PlannedObject>, trouble: Trouble, policy: Policy, expected: (&str, &str)) {
    let plan = upgrade(shop(GOOD), shop(MISSING), hooks);
    let (cluster, report) = Rehearsal::new(running_shop(), plan, policy, trouble).run().unwrap();
    assert_eq!(report.violations, [], "{what}: {:#?}", report.story);
    assert_eq!(
        (in_a_word(&report.verdict).as_str(), image(&cluster).as_deref().unwrap()),
        expected,
        "{what}"
    );
}

#[test]
fn a_failure_after_a_point_of_no_return_is_left_to_a_person() {
    let undo = || Policy { no_return: NoReturn::Undo, ..policy() };
    let calm = Trouble::default;
    let left = ("left-in-place image-not-found", MISSING);
    let back = ("rolled-back image-not-found", GOOD);
    check("no hook", vec![], calm(), policy(), back);
    check("an ordinary hook", vec![hook("migrate", "pre-upgrade", "exit 0")], calm(), policy(), back);
    check("irreversible", vec![irreversible("pre-upgrade", "exit 0")], calm(), policy(), left);
    check("the policy says undo", vec![irreversible("pre-upgrade", "exit 0")], calm(), undo(), back);
    check("not reached", vec![irreversible("post-upgrade", "exit 0")], calm(), policy(), back);
    check("not of this operation", vec![irreversible("pre-install", "exit 0")], calm(), policy(), back);
    let failed = ("rolled-back hook-failed", GOOD);
    check("it failed by itself", vec![irreversible("pre-upgrade", "exit 1")], calm(), policy(), failed);
    let mut unpulled = irreversible("pre-upgrade", "exit 0");
    unpulled.object["spec"]["template"]["spec"]["containers"][0]["image"] = MISSING.into();
    check("it never started", vec![unpulled], calm(), policy(), back);
    let both = vec![irreversible("pre-upgrade", "exit 0"), second(hook("later", "pre-upgrade", "exit 1"))];
    check("a later hook failed", both, calm(), policy(), ("left-in-place hook-failed", GOOD));
    for after in [5, 15, 25, 35, 45] {
        let crashes = Trouble { crash_after: vec![after, after + 7], seed: after, ..Trouble::default() };
        check("a crash", vec![irreversible("pre-upgrade", "exit 0")], crashes, policy(), left);
    }
}

fn second(mut hook: PlannedObject) -> PlannedObject {
    hook.object["metadata"]["annotations"]["helm.sh/hook-weight"] = "5".into();
    hook
}

#[test]
fn a_deadline_contains_the_way_back() {
    let never = |deadline_s: u64| {
        let mut cluster = running_shop();
        cluster.inject("never-ready@deployment/web".parse().unwrap());
        let deadline = cluster.now().after(Duration::from_secs(deadline_s));
        let policy =
            Policy { deadline: Some(deadline), undo_ms: 60_000, patience_ms: Some(3_600_000), ..policy() };
        let plan = upgrade(shop(GOOD), shop("registry.example/web:v2"), vec![]);
        let (cluster, report) = Rehearsal::new(cluster, plan, policy, Trouble::default()).run().unwrap();
        assert_eq!(report.violations, [], "{deadline_s}: {:#?}", report.story);
        (report.to <= deadline, in_a_word(&report.verdict), image(&cluster), report.verdict)
    };
    for seconds in [90, 120, 200, 360] {
        let (in_time, verdict, image, _) = never(seconds);
        assert!(in_time, "{seconds} s were not enough");
        assert!(verdict.starts_with("rolled-back"), "{seconds} s: {verdict}");
        assert_eq!(image.as_deref(), Some(GOOD), "{seconds} s");
    }
    let (_, _, image, verdict) = never(60);
    assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
    assert_eq!(image.as_deref(), Some(GOOD));
}
