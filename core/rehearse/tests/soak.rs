//! Random releases, random changes, random faults in the cluster and random troubles of the host, by seed. After every run the
//! invariants must have held, and what runs must be what the verdict says.
//!
//! `BACKSTAY_SOAK=FROM..TO` chooses the seeds (`cargo xtask soak` uses it); a seed that fails is named and fails again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::ops::Range;
use std::time::Duration;

use backstay_object::Timestamp;
use backstay_plan::PlannedObject;
use backstay_rehearse::{Meanwhile, Rehearsal, Trouble};
use backstay_rollout::Verdict;
use backstay_sim::api::Request;
use backstay_sim::{Cluster, Fault};
use common::*;

/// A seeded source of choices.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

const NAMES: [&str; 4] = ["web", "api", "worker", "cart"];
/// Faults that meet the new revision only, so that the way back is open.
const FAULTS: [&str; 12] = [
    "image-not-found",
    "crash",
    "crash-until-restart(1)",
    "crash-until-restart(2)",
    "slow-start(8000)",
    "never-ready",
    "no-such-program",
    "oom",
    "slow-pull(9000)",
    "registry-busy",
    "registry-unreachable",
    "exit(127)",
];

/// What a release consists of; `version` makes another revision of it.
struct Shape {
    deployments: Vec<(&'static str, u32)>,
    database: bool,
    services: bool,
    configs: u64,
    /// Whether the workloads go in waves of their own.
    waves: bool,
}

impl Shape {
    fn roll(dice: &mut Dice) -> Self {
        let count = 1 + dice.below(3);
        let deployments = NAMES.iter().take(usize::try_from(count).unwrap());
        let deployments =
            deployments.map(|name| (*name, 1 + u32::try_from(dice.below(3)).unwrap())).collect();
        Self {
            deployments,
            database: dice.one_in(3),
            services: dice.one_in(2),
            configs: dice.below(3),
            waves: dice.one_in(3),
        }
    }

    fn objects(&self, version: &str) -> Vec<PlannedObject> {
        let mut objects: Vec<PlannedObject> =
            (0..self.configs).map(|number| config(&format!("conf-{number}"), version)).collect();
        for (name, replicas) in &self.deployments {
            if self.services {
                objects.push(service(name));
            }
            let mut workload = deployment(name, &format!("registry.example/{name}:{version}"), *replicas);
            if self.waves {
                let wave = objects.len().to_string();
                workload.object["metadata"]["annotations"] = serde_json::json!({"backstay.dev/wave": wave});
            }
            objects.push(workload);
        }
        if self.database {
            objects.push(stateful_set("db", &format!("registry.example/db:{version}"), 1));
        }
        objects
    }

    /// The versions of the workloads' images as they are in the cluster, each once.
    fn versions(&self, cluster: &Cluster) -> Vec<String> {
        let mut kinds: Vec<(&str, &str)> =
            self.deployments.iter().map(|(name, _)| ("Deployment", *name)).collect();
        kinds.extend(self.database.then_some(("StatefulSet", "db")));
        let image = |(kind, name): (&str, &str)| {
            let key = backstay_object::ResourceKey::new("apps/v1", kind, "default", name);
            let image =
                cluster.store().get(&key)?["spec"]["template"]["spec"]["containers"][0]["image"].clone();
            Some(image.as_str()?.rsplit(':').next()?.to_owned())
        };
        let mut versions: Vec<String> =
            kinds.into_iter().map(|kind| image(kind).unwrap_or_else(|| "gone".into())).collect();
        versions.sort();
        versions.dedup();
        versions
    }
}

fn trouble(dice: &mut Dice, shape: &Shape, cluster: &Cluster) -> Trouble {
    let percent = |dice: &mut Dice| if dice.one_in(2) { u8::try_from(dice.below(25)).unwrap() } else { 0 };
    Trouble {
        seed: dice.next(),
        crash_after: (0..dice.below(4)).map(|_| 1 + dice.below(120)).collect(),
        abort_at: dice.one_in(5).then(|| cluster.now().after(Duration::from_millis(dice.below(30_000)))),
        lost_replies_percent: percent(dice),
        unreachable_percent: percent(dice),
        repeated_percent: percent(dice),
        late_percent: percent(dice),
        relisted_percent: percent(dice),
        api_down: (0..dice.below(3)).map(|_| outage(dice, cluster.now())).collect(),
        meanwhile: (0..dice.below(3)).map(|_| somebody(dice, shape, cluster.now())).collect(),
    }
}

/// The API server is away for a while.
fn outage(dice: &mut Dice, now: Timestamp) -> (Timestamp, Timestamp) {
    let from = now.after(Duration::from_millis(dice.below(40_000)));
    (from, from.after(Duration::from_millis(dice.below(15_000))))
}

/// Somebody else deletes the pods of a workload, or writes an annotation on it.
fn somebody(dice: &mut Dice, shape: &Shape, now: Timestamp) -> (Timestamp, Meanwhile) {
    let at = now.after(Duration::from_millis(dice.below(40_000)));
    let (name, _) = dice.pick(&shape.deployments);
    let mut request = Request { user_agent: "somebody/1".into(), ..Request::default() };
    if dice.one_in(2) {
        request.method = "DELETE".into();
        request.path = "/api/v1/namespaces/default/pods".into();
        request.content_type = "application/json".into();
        request.query.push(("labelSelector".into(), format!("app={name}")));
    } else {
        let note = serde_json::json!({"metadata": {"annotations": {"team.example/note": at.0.to_string()}}});
        request.method = "PATCH".into();
        request.path = format!("/apis/apps/v1/namespaces/default/deployments/{name}");
        request.content_type = "application/merge-patch+json".into();
        request.body = note.to_string().into_bytes();
    }
    (at, Meanwhile::Asks(Box::new(request)))
}

fn run(seed: u64) -> String {
    let mut dice = Dice(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) + 1);
    let shape = Shape::roll(&mut dice);
    let first = install(shape.objects("v1"), vec![]);
    let (mut cluster, report) = rehearse(Cluster::new(seed, start()), first, Trouble::default());
    assert_eq!(
        report.verdict,
        Verdict::Deployed,
        "seed {seed}: the first install fails: {:#?}",
        report.story
    );
    for _ in 0..dice.below(3) {
        let (name, _) = dice.pick(&shape.deployments);
        let heals = if dice.one_in(3) { format!("~{}s", 1 + dice.below(60)) } else { String::new() };
        let fault: Fault = format!("{}@deployment/{name}{heals}", dice.pick(&FAULTS)).parse().unwrap();
        cluster.inject(fault);
    }
    let hooks = match dice.below(4) {
        0 => vec![hook("migrate", "pre-upgrade", "sleep 1; exit 0")],
        1 => vec![hook("migrate", "pre-upgrade,post-upgrade", "exit 0")],
        2 if dice.one_in(3) => vec![hook("migrate", "pre-upgrade", "exit 1")],
        _ => vec![],
    };
    let plan = upgrade(shape.objects("v1"), shape.objects("v2"), hooks);
    let trouble = trouble(&mut dice, &shape, &cluster);
    let (left, report) = Rehearsal::new(cluster, plan, policy(), trouble.clone()).run().unwrap();
    assert_eq!(report.violations, [], "seed {seed} {trouble:?}: {:#?}", report.story);
    let runs = match &report.verdict {
        Verdict::Deployed => vec!["v2"],
        Verdict::RolledBack { .. } | Verdict::Refused { .. } => vec!["v1"],
        // The host was told by the cluster that it is away for too long before anything was changed.
        Verdict::Unreachable { .. } => vec!["v1"],
        other => panic!("seed {seed} {trouble:?}: {other:?}\n{:#?}", report.story),
    };
    assert_eq!(shape.versions(&left), runs, "seed {seed} {trouble:?}: {:?}", report.verdict);
    in_a_word(&report.verdict)
}

fn seeds() -> Range<u64> {
    let given = std::env::var("BACKSTAY_SOAK").ok();
    let range = given.as_deref().and_then(|text| text.split_once(".."));
    range.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?)).unwrap_or(0..150)
}

#[test]
fn every_seed_keeps_the_invariants() {
    let mut verdicts = std::collections::BTreeMap::<String, u64>::new();
    let seeds = seeds();
    for seed in seeds.clone() {
        *verdicts.entry(run(seed)).or_default() += 1;
    }
    println!("seeds {seeds:?}: {verdicts:?}");
    assert!(
        seeds.end - seeds.start < 100 || verdicts.len() > 3,
        "the worlds are too much alike: {verdicts:?}"
    );
}
