//! Pods that a former attempt left behind: the next run of the same template is judged by what they do from then on (S14).
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

mod common;

use core::time::Duration;

use backstay_plan::{Operation, Plan, PlannedObject, PreviousRevision};
use backstay_rehearse::{Rehearsal, Report, Trouble};
use backstay_rollout::{Policy, Remediation};
use backstay_sim::{Cluster, Fault};
use common::*;
use serde_json::json;

const GOOD: &str = "registry.example/web:v1";
const BETTER: &str = "registry.example/web:v2";
const LATE: &str = "registry.example/web:late";

/// Runs a plan that stays where it is when it fails, with time for the longest back-off of a kubelet.
fn attempt(cluster: Cluster, plan: Plan) -> (Cluster, Report) {
    let policy = Policy { remediation: Remediation::None, forward_ms: 600_000, ..policy() };
    let (cluster, report) = Rehearsal::new(cluster, plan, policy, Trouble::default()).run().unwrap();
    assert_eq!(report.violations, [], "{:#?}", report.story);
    (cluster, report)
}

/// A web server that reads a key of the release's own ConfigMap.
fn with_key(key: &str) -> Vec<PlannedObject> {
    let mut conf = config("conf", "x");
    conf.object["data"][key] = json!("x");
    let mut web = deployment("web", GOOD, 2);
    web.object["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "colour"}}}]);
    vec![conf, service("web"), web, stateful_set("db", "registry.example/db:v1", 1)]
}

/// The second try of an upgrade: what the first left is what runs, the first revision is what was healthy.
fn again(left: Vec<PlannedObject>, objects: Vec<PlannedObject>, hooks: Vec<PlannedObject>) -> Plan {
    let before = PreviousRevision { revision: 2, objects: left, hooks: Vec::new() };
    plan(Operation::Upgrade, 3, objects, hooks, Some(before), Default::default())
}

#[test]
fn what_failed_before_the_run_does_not_condemn_it() {
    let migration = || vec![hook("migrate", "pre-upgrade", "sleep 45; exit 0")];
    let bad_key = || with_key("color");
    let crash = "crash@deployment/web";
    for (what, trouble, first, is_mended, second, hooks, verdict, at_most_s) in [
        ("an image that is pushed now", "", shop(LATE), true, shop(LATE), vec![], "deployed", 360),
        (
            "an image that is still missing",
            "",
            shop(LATE),
            false,
            shop(LATE),
            vec![],
            "left-in-place image-not-found",
            360,
        ),
        ("a crash that is over", crash, shop(BETTER), true, shop(BETTER), vec![], "deployed", 360),
        ("a key that is there now", "", bad_key(), true, with_key("colour"), vec![], "deployed", 60),
        // What fails on while a hook runs fails without what is applied after it.
        ("a key after a hook", "", bad_key(), true, with_key("colour"), migration(), "deployed", 120),
        (
            "a key that is missing",
            "",
            bad_key(),
            false,
            bad_key(),
            vec![],
            "left-in-place config-missing",
            60,
        ),
    ] {
        let mut cluster = running_shop(7);
        let fault = (!trouble.is_empty()).then(|| trouble.parse::<Fault>().unwrap());
        fault.iter().for_each(|fault| cluster.inject(fault.clone()));
        let (mut cluster, report) = attempt(cluster, upgrade(shop(GOOD), first.clone(), vec![]));
        assert!(in_a_word(&report.verdict).starts_with("left-in-place"), "{what}: {:?}", report.verdict);
        // The kubelet waits ever longer meanwhile.
        cluster.advance_to(report.to.after(Duration::from_secs(200)));
        if is_mended {
            if fault.is_none() {
                cluster.registry_mut().push(LATE, 10_000_000);
            }
            assert!(fault.iter().all(|fault| cluster.heal(fault)), "{what}");
        }
        let (_, report) = attempt(cluster, again(first, second, hooks));
        let story: Vec<String> = report.story.iter().map(|moment| format!("{:?}", moment.event)).collect();
        assert_eq!(in_a_word(&report.verdict), verdict, "{what}: {story:#?}");
        let took = report.to.since(report.from).as_secs();
        assert!(took <= at_most_s, "{what}: {took} s");
    }
}
