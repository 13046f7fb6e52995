//! Are the recommended times true? A thousand random workloads, calculated and then rolled out by the real machine on the
//! model cluster, in virtual time.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use backstay_core::object::Timestamp;
use backstay_core::plan::{Inputs, Plan, timing_of};
use backstay_core::planner::{Before, plan_of};
use backstay_core::rehearse::{Rehearsal, Trouble};
use backstay_core::rollout::{Policy, Remediation, Verdict, Waiting};
use backstay_core::sim::Cluster;
use serde_json::{Value, json};

/// The model's nodes pull 50 MB a second and need up to 0.9 s beside the bytes.
const BANDWIDTH_MB_S: u64 = 50;

/// A small generator of numbers (xorshift), so that every run sees the same workloads.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, least: u64, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        least + self.0 % (most - least + 1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(1, 100) <= percent
    }
}

struct Case {
    kind: &'static str,
    old: Option<Value>,
    new: Value,
    inputs: Inputs,
}

/// What a container takes until it answers, in milliseconds, and what its probes allow.
struct Container {
    spec: Value,
    allowed_ms: u64,
    least_period_ms: u64,
}

fn container(dice: &mut Dice) -> Container {
    let mut spec = json!({"name": "main", "image": "registry.example/app:new"});
    let (mut allowed_ms, mut least_period_ms) = (0, 10_000);
    let probe = |dice: &mut Dice, failures: u64| {
        let (initial, period, failures) = (dice.roll(0, 15), dice.roll(1, 10), dice.roll(2, failures));
        let probe = json!({
            "initialDelaySeconds": initial, "periodSeconds": period, "failureThreshold": failures,
            "tcpSocket": {"port": 80},
        });
        (probe, (initial + period * (failures - 1)) * 1000, period * 1000)
    };
    let startup = dice.chance(30);
    if startup {
        let (probe, ms, period_ms) = probe(dice, 12);
        spec["startupProbe"] = probe;
        (allowed_ms, least_period_ms) = (ms, period_ms);
    }
    if dice.chance(85) || !startup {
        let (mut probe, ms, period_ms) = probe(dice, 6);
        probe["successThreshold"] = dice.roll(1, 3).into();
        spec["readinessProbe"] = probe;
        if !startup {
            (allowed_ms, least_period_ms) = (ms, period_ms);
        }
    }
    Container { spec, allowed_ms, least_period_ms }
}

fn case(dice: &mut Dice) -> Case {
    let kind = match dice.roll(0, 9) {
        0..=4 => "Deployment",
        5..=6 => "StatefulSet",
        7..=8 => "DaemonSet",
        _ => "Job",
    };
    let mut images = BTreeMap::new();
    let mut image = |dice: &mut Dice, name: &str| {
        let name = format!("registry.example/{name}:new");
        images.insert(name.clone(), dice.roll(5, 900));
        name
    };
    let main = container(dice);
    // Where nobody measured, a program may take what its probes allow; most take a good part of it.
    let known = dice.chance(50);
    let start_ms = if known {
        dice.roll(500, main.allowed_ms.max(1000))
    } else {
        (main.allowed_ms * dice.roll(40, 100) / 100).saturating_sub(main.least_period_ms / 4).max(500)
    };
    let mut pod = json!({"containers": [main.spec], "terminationGracePeriodSeconds": dice.roll(2, 8)});
    pod["containers"][0]["image"] = image(dice, "app").into();
    let mut inits = Vec::new();
    for index in 0..dice.roll(0, 2) {
        let name = format!("init{index}");
        inits.push(json!({"name": name, "image": image(dice, &name)}));
    }
    pod["initContainers"] = inits.into();
    let job_ms = dice.roll(2_000, 60_000);
    let mut annotations = json!({"sandbox.backstay.dev/ready-after": format!("{start_ms}ms")});
    if kind == "Job" {
        annotations = json!({"sandbox.backstay.dev/exit-after": format!("{job_ms}ms"), "sandbox.backstay.dev/exit-code": "0"});
        pod["restartPolicy"] = "Never".into();
        pod["containers"][0] = json!({"name": "main", "image": pod["containers"][0]["image"]});
        pod.as_object_mut().unwrap().remove("initContainers");
    }
    let labels = json!({"app": "x"});
    let mut object = json!({
        "apiVersion": if kind == "Job" { "batch/v1" } else { "apps/v1" }, "kind": kind, "metadata": {"name": "x"},
        "spec": {"template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod}},
    });
    shape(dice, kind, &mut object["spec"]);
    if kind != "Job" {
        object["spec"]["selector"] = json!({"matchLabels": labels});
    }
    let old = (kind != "Job" && dice.chance(50)).then(|| {
        let mut old = object.clone();
        old["spec"]["template"]["spec"] = json!({
            "containers": [{"name": "main", "image": "registry.example/old:1"}], "terminationGracePeriodSeconds": 5,
        });
        old["spec"]["template"]["metadata"]["annotations"] = json!({});
        old
    });
    let inputs = Inputs {
        images,
        bandwidth_mb_s: BANDWIDTH_MB_S,
        pull_overhead_ms: 900,
        scheduling_ms: 2_500,
        nodes: 2,
        start_ms: known.then_some(start_ms),
        init_ms: Some(4_000),
        job_ms: Some(job_ms),
        buffer_ms: 5_000,
        least_ms: 0,
        ..Inputs::default()
    };
    Case { kind, old, new: object, inputs }
}

fn shape(dice: &mut Dice, kind: &str, spec: &mut Value) {
    match kind {
        "Deployment" => {
            let surge = dice.roll(0, 2);
            let unavailable = dice.roll(u64::from(surge == 0), 2);
            spec["replicas"] = dice.roll(1, 8).into();
            spec["strategy"] = if dice.chance(15) {
                json!({"type": "Recreate"})
            } else if dice.chance(30) {
                json!({"type": "RollingUpdate"})
            } else {
                json!({"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
            };
            spec["progressDeadlineSeconds"] = 3600.into();
            spec["minReadySeconds"] = (dice.roll(0, 10) * dice.roll(0, 1)).into();
        }
        "StatefulSet" => {
            spec["serviceName"] = "x".into();
            spec["replicas"] = dice.roll(1, 5).into();
            if dice.chance(30) {
                spec["podManagementPolicy"] = "Parallel".into();
            }
            if dice.chance(30) {
                spec["updateStrategy"] = json!({"rollingUpdate": {"partition": dice.roll(0, 3)}});
            }
            spec["minReadySeconds"] = (dice.roll(0, 10) * dice.roll(0, 1)).into();
        }
        "DaemonSet" => spec["minReadySeconds"] = (dice.roll(0, 10) * dice.roll(0, 1)).into(),
        _ => {
            spec["completions"] = dice.roll(1, 5).into();
            spec["parallelism"] = dice.roll(1, 3).into();
        }
    }
}

fn patient() -> Policy {
    Policy {
        waiting: Waiting::All,
        remediation: Remediation::None,
        cleanup_on_fail: false,
        hooks: true,
        forward_ms: 4 * 3_600_000,
        bake_ms: 0,
        patience_ms: Some(3_600_000),
        undo_ms: 0,
        deadline: None,
        no_return: Default::default(),
        evidence_ms: 1_000,
        attempts: 5,
        validate: true,
        health: backstay_core::health::Policy::default(),
    }
}

fn run(cluster: Cluster, plan: Plan) -> (Cluster, Verdict, u64) {
    let (cluster, report) = Rehearsal::new(cluster, plan, patient(), Trouble::default()).run().unwrap();
    let took_ms = u64::try_from(report.to.since(report.from).as_millis()).unwrap();
    (cluster, report.verdict, took_ms)
}

/// What was recommended and what it took; `None` for a workload that did not become ready.
fn measured(case: &Case, seed: u64) -> Option<(u64, u64, u64)> {
    let mut cluster = Cluster::new(seed, Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    for (name, size_mb) in &case.inputs.images {
        assert!(cluster.registry_mut().push(name, size_mb * 1_000_000));
    }
    let mut before = Before::Nothing;
    if let Some(old) = &case.old {
        let plan = plan_of("x", "default", &old.to_string(), &Before::Nothing).unwrap();
        let (left, verdict, _) = run(cluster, plan);
        assert_eq!(verdict, Verdict::Deployed, "{old}");
        cluster = left;
        before = Before::Manifest(old.to_string());
    }
    let plan = plan_of("x", "default", &case.new.to_string(), &before).unwrap();
    let timing = timing_of(&plan, &case.inputs);
    let (_, verdict, took_ms) = run(cluster, plan);
    (verdict == Verdict::Deployed).then_some((timing.expected_ms, timing.recommended_ms, took_ms))
}

/// A part of them in every test run; all of them with `BACKSTAY_TEST_WORKLOADS=1000`.
#[test]
fn recommended_times_are_enough_and_not_much_more() {
    let workloads = std::env::var("BACKSTAY_TEST_WORKLOADS").ok().and_then(|count| count.parse().ok());
    check(workloads.unwrap_or(120));
}

fn check(workloads: u64) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut ratios: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let (mut unhealthy, mut expected) = (0, Vec::new());
    for seed in 0..workloads {
        let case = case(&mut dice);
        let Some((expected_ms, recommended_ms, took_ms)) = measured(&case, seed) else {
            unhealthy += 1;
            continue;
        };
        assert!(
            recommended_ms >= took_ms,
            "workload {seed}: recommended {recommended_ms} ms, took {took_ms} ms\n{:#}\nold {:#?}",
            case.new,
            case.old,
        );
        let percent = recommended_ms * 100 / took_ms.max(1);
        expected.push(expected_ms * 100 / took_ms.max(1));
        ratios.entry(case.kind).or_default().push(percent);
        ratios
            .entry(if case.inputs.start_ms.is_some() { "start measured" } else { "start unknown" })
            .or_default()
            .push(percent);
        ratios.entry("all").or_default().push(percent);
    }
    for (name, ratios) in &mut ratios {
        ratios.sort_unstable();
        let at = |share: usize| ratios[(ratios.len() - 1) * share / 100];
        println!(
            "{name}: {} workloads, recommended/actual median {} %, 90th {} %",
            ratios.len(),
            at(50),
            at(90)
        );
    }
    expected.sort_unstable();
    println!(
        "expected/actual median {} %; {unhealthy} of {workloads} were not healthy",
        expected[expected.len() / 2]
    );
    let all = &ratios["all"];
    assert!(all[all.len() / 2] <= 150, "median {} %", all[all.len() / 2]);
    assert!(unhealthy * 20 <= workloads, "{unhealthy} workloads were not healthy");
}
