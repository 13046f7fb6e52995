//! Baking and patience: what has to hold after everything was ready, and how long no progress is borne.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

mod common;

use backstay_rehearse::{Rehearsal, Report, Trouble};
use backstay_rollout::{Event, Phase, Policy};
use backstay_sim::Cluster;
use common::*;

const GOOD: &str = "registry.example/web:v1";
const BETTER: &str = "registry.example/web:v2";

fn run(faults: &[&str], policy: Policy, trouble: Trouble) -> (Cluster, Report) {
    let mut cluster = running_shop(7);
    for fault in faults {
        cluster.inject(fault.parse().unwrap());
    }
    let plan = upgrade(shop(GOOD), shop(BETTER), vec![]);
    let (cluster, report) = Rehearsal::new(cluster, plan, policy, trouble).run().unwrap();
    assert_eq!(report.violations, [], "{:#?}", report.story);
    (cluster, report)
}

fn baked(report: &Report) -> bool {
    report.story.iter().any(|moment| matches!(moment.event, Event::Entered { phase: Phase::Baking }))
}

#[test]
fn what_does_not_hold_goes_back() {
    for (what, faults, bake_ms, forward_ms, verdict, bakes, took_s) in [
        ("nothing is wrong", vec![], 30_000, 300_000, "deployed", true, 30..75),
        ("not asked for", vec!["crash-after(20000)@deployment/web"], 0, 300_000, "deployed", false, 0..45),
        (
            "a crash after it was ready",
            vec!["crash-after(20000)@deployment/web"],
            60_000,
            300_000,
            "rolled-back not-stable",
            true,
            10..90,
        ),
        (
            "a crash after the window",
            vec!["crash-after(90000)@deployment/web"],
            30_000,
            300_000,
            "deployed",
            true,
            30..75,
        ),
        ("the window does not fit", vec![], 290_000, 300_000, "rolled-back deadline-exceeded", true, 0..90),
    ] {
        let policy = Policy { bake_ms, forward_ms, ..policy() };
        let (cluster, report) = run(&faults, policy, Trouble::default());
        assert_eq!(in_a_word(&report.verdict), verdict, "{what}: {:#?}", report.story);
        assert_eq!(baked(&report), bakes, "{what}");
        let image_after = if verdict == "deployed" { BETTER } else { GOOD };
        assert_eq!(image(&cluster).as_deref(), Some(image_after), "{what}");
        let took = report.to.since(report.from).as_secs();
        assert!(took_s.contains(&took), "{what}: {took} s");
    }
}

#[test]
fn a_host_that_dies_while_baking_comes_to_the_same_end() {
    for (faults, verdict) in
        [(vec![], "deployed"), (vec!["crash-after(20000)@deployment/web"], "rolled-back not-stable")]
    {
        for crash_after in (1..90).step_by(4) {
            let policy = Policy { bake_ms: 60_000, ..policy() };
            let trouble = Trouble { crash_after: vec![crash_after], ..Trouble::default() };
            let (_, report) = run(&faults, policy, trouble);
            assert_eq!(in_a_word(&report.verdict), verdict, "{crash_after}: {:#?}", report.story);
        }
    }
}

#[test]
fn no_progress_is_judged_by_the_probe_and_not_by_the_timeout() {
    // One pod of the shop may take 30 s to pull, 2 s x 3 to be probed, with 30 s of reserve: 66 s.
    for (what, faults, patience_ms, verdict, took_s) in [
        ("never ready", vec!["never-ready@deployment/web"], None, "rolled-back probe-failing", 66..100),
        ("slow, but in time", vec!["slow-start(50000)@deployment/web"], None, "deployed", 50..180),
        ("too slow", vec!["slow-start(100000)@deployment/web"], None, "rolled-back probe-failing", 66..100),
        (
            "too slow, with patience",
            vec!["slow-start(100000)@deployment/web"],
            Some(120_000),
            "deployed",
            100..300,
        ),
    ] {
        let policy = Policy { patience_ms, forward_ms: 900_000, ..policy() };
        let (_, report) = run(&faults, policy, Trouble::default());
        assert_eq!(in_a_word(&report.verdict), verdict, "{what}: {:#?}", report.story);
        let took = report.to.since(report.from).as_secs();
        assert!(took_s.contains(&took), "{what}: {took} s");
    }
}

#[test]
fn replicas_that_advance_restart_the_patience_and_never_the_deadline() {
    let many = |image| {
        let rest = shop(image).into_iter().filter(|object| object.key.kind != "Deployment");
        rest.chain([deployment("web", image, 8)]).collect::<Vec<_>>()
    };
    for (forward_ms, verdict) in [(900_000, "deployed"), (100_000, "rolled-back deadline-exceeded")] {
        let (mut cluster, report) =
            rehearse(Cluster::new(5, start()), install(many(GOOD), vec![]), Trouble::default());
        assert_eq!(in_a_word(&report.verdict), "deployed");
        // Four batches of 50 s each: longer than the patience of 66 s in sum, never in one.
        cluster.inject("slow-start(50000)@deployment/web".parse().unwrap());
        let policy = Policy { forward_ms, ..policy() };
        let plan = upgrade(many(GOOD), many(BETTER), vec![]);
        let (_, report) = Rehearsal::new(cluster, plan, policy, Trouble::default()).run().unwrap();
        assert_eq!(report.violations, []);
        assert_eq!(in_a_word(&report.verdict), verdict, "{:#?}", report.story);
    }
}
