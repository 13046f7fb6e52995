//! No false alarm: what looks bad and heals ends `deployed` at the default level, each case with three seeds.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

mod common;
mod healing;

use backstay_health::Policy as HealthPolicy;
use backstay_object::Timestamp;
use backstay_plan::PlannedObject;
use backstay_rehearse::{Meanwhile, Rehearsal, Trouble};
use backstay_sim::Cluster;
use common::*;
use healing::*;

/// One case: what goes wrong, with whom, and what the release is.
struct Case {
    what: &'static str,
    /// Faults of the model, in their text form.
    faults: &'static [&'static str],
    /// The new revision.
    after: Vec<PlannedObject>,
    hooks: Vec<PlannedObject>,
    /// Seconds after the start, and what others do then.
    meanwhile: Vec<(u64, Meanwhile)>,
    trouble: Trouble,
    /// From when until when the API is away, in seconds after the start.
    down: Vec<(u64, u64)>,
    image_grace_ms: u64,
    /// A first install instead of an upgrade.
    first: bool,
    /// More on the cluster before the upgrade.
    prepare: fn(&mut Cluster),
    /// What the old revision was.
    before: Vec<PlannedObject>,
}

fn case(what: &'static str, faults: &'static [&'static str]) -> Case {
    Case {
        what,
        faults,
        after: shop(BETTER),
        hooks: Vec::new(),
        meanwhile: Vec::new(),
        trouble: Trouble::default(),
        down: Vec::new(),
        image_grace_ms: 0,
        first: false,
        prepare: |_| {},
        before: shop(GOOD),
    }
}

impl Case {
    fn after(self, after: Vec<PlannedObject>) -> Self {
        Self { after, ..self }
    }

    /// Replaces the web server.
    fn web(self, web: PlannedObject) -> Self {
        let mut after = shop(BETTER);
        after[2] = web;
        Self { after, ..self }
    }

    fn meanwhile(mut self, seconds: u64, what: Meanwhile) -> Self {
        self.meanwhile.push((seconds, what));
        self
    }

    fn trouble(self, trouble: Trouble) -> Self {
        Self { trouble, ..self }
    }

    /// Runs it and says what was wrong with the end.
    fn run(&self, seed: u64) -> Result<(), String> {
        let mut cluster = Cluster::new(seed, start());
        if !self.first {
            let (installed, report) =
                rehearse(cluster, install(self.before.clone(), vec![]), Trouble::default());
            if in_a_word(&report.verdict) != "deployed" {
                return Err(format!("the first revision: {}", in_a_word(&report.verdict)));
            }
            cluster = installed;
        }
        (self.prepare)(&mut cluster);
        for fault in self.faults {
            cluster.inject(fault.parse().unwrap());
        }
        let now = cluster.now();
        let at = |seconds: u64| -> Timestamp { now.after(std::time::Duration::from_secs(seconds)) };
        let trouble = Trouble {
            seed,
            meanwhile: self.meanwhile.iter().map(|(seconds, what)| (at(*seconds), what.clone())).collect(),
            api_down: self.down.iter().map(|(from, until)| (at(*from), at(*until))).collect(),
            ..self.trouble.clone()
        };
        let plan = if self.first {
            install(self.after.clone(), self.hooks.clone())
        } else {
            upgrade(self.before.clone(), self.after.clone(), self.hooks.clone())
        };
        let mut policy = policy();
        policy.health = HealthPolicy { image_grace_ms: self.image_grace_ms, ..policy.health };
        let (_, report) = Rehearsal::new(cluster, plan, policy, trouble).run().unwrap();
        let word = in_a_word(&report.verdict);
        if word == "deployed" && report.violations.is_empty() {
            return Ok(());
        }
        let story: Vec<String> = report
            .story
            .iter()
            .rev()
            .take(12)
            .map(|moment| format!("{:>6.1} {:?}", moment.at.since(now).as_secs_f64(), moment.event))
            .collect();
        Err(format!("{word} {:?}\n      {}", report.violations, story.join("\n      ")))
    }
}

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        for seed in [7, 8, 9] {
            if let Err(why) = case.run(seed) {
                wrong.push(format!("{} (seed {seed}): {why}", case.what));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn slow_starts_heal() {
    check(&[
        case("slow start with startupProbe", &["slow-start(35000)@deployment/web"]).web(probed(
            BETTER,
            "startupProbe",
            30,
        )),
        case("slow start without startupProbe", &["slow-start(35000)@deployment/web"]),
        case("two minutes until ready, as its startupProbe allows", &["slow-start(120000)@deployment/web"])
            .web(probed(BETTER, "startupProbe", 90)),
        case("slow database", &["slow-start(60000)@statefulset/db"]).after(both_new()),
        case("readiness that comes after a minute", &["never-ready@deployment/web~60s"]),
        case("liveness that fails for a while", &["never-live@deployment/web~20s"]).web(probed(
            BETTER,
            "livenessProbe",
            3,
        )),
        case("slow pull", &["slow-pull(90000)@deployment/web"]),
        Case { first: true, ..case("slow pull on the first install", &["slow-pull(60000)@deployment/web"]) },
        case("init containers that take their time", &["slow-pull(30000)@deployment/web/init"])
            .web(with_init(BETTER)),
        case("old pods that end slowly", &[]).web(slow_to_end(BETTER)),
    ]);
}

#[test]
fn crashes_heal() {
    check(&[
        case("one crash", &["crash-until-restart(1)@deployment/web"]),
        case("two crashes", &["crash-until-restart(2)@deployment/web"]),
        case("healed at the third restart", &["crash-until-restart(3)@deployment/web"]),
        case("leader election: ends once after it was ready", &["crash-after(6000)@deployment/web~10s"]),
        case("out of memory once", &["oom@deployment/web~5s"]),
        case("ended by a signal once", &["exit(143)@deployment/web~5s"]),
        case("init container that is tried again", &["crash-until-restart(2)@deployment/web/init"])
            .web(with_init(BETTER)),
        case("crash of one database of three", &["crash@pod/db-2~60s"]).after(databases(3)),
        case("crash of the database once", &["crash-until-restart(1)@statefulset/db"]).after(both_new()),
    ]);
}

#[test]
fn crashes_beside_others_heal() {
    check(&[
        case(
            "crash until the database of the release answers",
            &["crash@deployment/web~60s", "slow-start(55000)@statefulset/db"],
        )
        .after(both_new()),
        case(
            "crash until the database is pulled",
            &["crash@deployment/web~70s", "slow-pull(60000)@statefulset/db"],
        )
        .after(both_new()),
        Case {
            first: true,
            ..case(
                "first install: crash until the database answers",
                &["crash@deployment/web~60s", "slow-start(55000)@statefulset/db"],
            )
        },
    ]);
}

#[test]
fn registries_heal() {
    check(&[
        case("registry away for 20 s", &["registry-unreachable@deployment/web~20s"]),
        case("registry throttles for 30 s", &["registry-busy@deployment/web~30s"]),
        case(
            "registry throttles both",
            &["registry-busy@deployment/web~20s", "registry-busy@statefulset/db~20s"],
        )
        .after(both_new()),
        Case {
            image_grace_ms: 60_000,
            ..case("image not there for 20 s, with a grace", &["image-not-found@deployment/web~20s"])
        },
        Case {
            image_grace_ms: 60_000,
            prepare: |cluster| {
                cluster.registry_mut().push(GOOD, 10_000_000);
            },
            ..case("image pushed 20 s late, with a grace", &[])
        }
        .meanwhile(20, Meanwhile::Pushes(BETTER.into(), 10_000_000)),
    ]);
}

#[test]
fn clusters_heal() {
    check(&[
        case("no room for 90 s", &["unschedulable@deployment/web~90s"]),
        case("a node is labelled 30 s late", &[])
            .web(selecting(BETTER, "ssd"))
            .meanwhile(30, patch(&format!("/api/v1/nodes/{NODE}"), LABELLED)),
        case("a node is added after 90 s", &[])
            .web(selecting(BETTER, "ssd"))
            .meanwhile(90, post("/api/v1/nodes", NEW_NODE)),
        case("a node is away for 30 s", &["node-down@node/*~30s"]),
        // A ReplicaSet that was refused may pause for very long; a touch makes it try again.
        Case { prepare: narrow_quota, ..case("quota that old pods free, found after 60 s", &[]) }
            .web(making_room(BETTER))
            .meanwhile(60, patch(WEB, r#"{"metadata":{"annotations":{"touched":"yes"}}}"#)),
        Case { prepare: narrow_quota, ..case("quota that is raised after 3 s", &[]) }
            .web(making_room(BETTER))
            .meanwhile(3, patch(QUOTA, WIDE)),
        case("claim bound 40 s late", &["pvc-pending@pvc/more~40s"]).after(with_claim()),
        Case {
            first: true,
            ..case("claims of a first install bound late", &["pvc-pending@pvc/data-db-0~60s"])
        },
        Case {
            prepare: with_late_secret,
            ..case("volume that mounts late", &["missing-volume@deployment/web~20s"])
        }
        .web(with_secret_volume()),
        case("Secret volume created 20 s late", &[])
            .web(with_secret_volume())
            .meanwhile(20, post(SECRETS, LATE_SECRET)),
        case("Secret for a variable created 20 s late", &[])
            .web(with_secret_variable())
            .meanwhile(20, post(SECRETS, LATE_SECRET)),
        case("webhook of the deployment down for 20 s", &["webhook-down@deployment/web~20s"]),
        case("webhook of the database down for 40 s", &["webhook-down@statefulset/db~40s"]).after(both_new()),
        case("webhook of the database down for 75 s", &["webhook-down@statefulset/db~75s"]).after(both_new()),
        case(
            "a container without a probe that crashes once after 3 s",
            &["crash-after(3000)@deployment/web~4s"],
        )
        .web(without_probe(BETTER)),
        case("Job of the release fails twice and is tried again", &["job-fails(2)@job/import"])
            .after(with_job(4)),
        Case {
            hooks: vec![retried_hook()],
            ..case("hook that fails once and is tried again", &["job-fails(1)@job/migrate"])
        },
    ]);
}

#[test]
fn others_do_no_harm() {
    check(&[
        case("autoscaler: four replicas", &[]).meanwhile(3, scale(4)),
        case("scaled down to one by somebody else", &[]).meanwhile(3, scale(1)),
        case("scaled up and down again", &["slow-start(10000)@deployment/web"])
            .meanwhile(2, scale(5))
            .meanwhile(12, scale(2)),
        case("pods deleted by hand", &["slow-start(8000)@deployment/web"]).meanwhile(4, delete_pods("web")),
        case("pods deleted by hand, twice", &["slow-start(8000)@deployment/web"])
            .meanwhile(4, delete_pods("web"))
            .meanwhile(14, delete_pods("web")),
        case("database deleted by hand", &["slow-start(5000)@statefulset/db"])
            .after(both_new())
            .meanwhile(4, delete_pods("db")),
        case("eviction", &[]).after(both_new()).meanwhile(6, evict("db-0")),
        case("labels added by somebody else", &[])
            .meanwhile(2, patch(WEB, r#"{"metadata":{"labels":{"team":"a"}}}"#)),
        case("restarted by somebody else", &["slow-start(6000)@deployment/web"])
            .meanwhile(3, patch(WEB, RESTART)),
    ]);
}

#[test]
fn the_way_to_the_api_heals() {
    let slow: &[&str] = &["slow-start(20000)@deployment/web"];
    let percent = |unreachable_percent, lost_replies_percent, repeated_percent, relisted_percent| Trouble {
        unreachable_percent,
        lost_replies_percent,
        repeated_percent,
        relisted_percent,
        ..Trouble::default()
    };
    check(&[
        case("one request in five gets no answer", slow).trouble(percent(20, 0, 0, 0)),
        case("two requests in five get no answer", slow).trouble(percent(40, 0, 0, 0)),
        case("one reply in three is lost", slow).trouble(percent(0, 33, 0, 0)),
        case("every other observation comes twice", slow).trouble(percent(0, 0, 50, 0)),
        case("watches are opened anew again and again", slow).trouble(percent(0, 0, 0, 40)),
        case("everything at once", &["crash-until-restart(2)@deployment/web"])
            .trouble(percent(20, 20, 30, 20)),
        Case { down: vec![(0, 4)], ..case("API away at the start", slow) },
        Case { down: vec![(5, 25)], ..case("API restarts while we wait", slow) },
        Case { down: vec![(3, 10), (12, 20), (22, 30)], ..case("API away three times", slow) },
        case("backstay itself dies twice", slow)
            .trouble(Trouble { crash_after: vec![12, 30], ..Trouble::default() }),
    ]);
}

/// The names of all cases, read from this file.
fn names() -> Vec<&'static str> {
    let tests = include_str!("heals.rs").split("/// The names of all cases").next().unwrap();
    let made = tests.split("case(").skip(2);
    made.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).collect()
}

#[test]
fn the_list_is_complete() {
    let names = names();
    let mut distinct = names.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), names.len(), "a name is used twice");
    assert!(names.len() >= 40, "only {} cases", names.len());
    // What was promised to be among them, by the words of the promise.
    for (promised, name) in [
        ("slow start with startupProbe", "slow start with startupProbe"),
        ("one crash then ready", "one crash"),
        (
            "crash until the database of the same release answers",
            "crash until the database of the release answers",
        ),
        ("registry 503 then ok", "registry away for 20 s"),
        ("image pushed 20 s late with a grace", "image pushed 20 s late, with a grace"),
        ("node added after 90 s", "a node is added after 90 s"),
        ("quota freed by old pods", "quota that old pods free, found after 60 s"),
        ("leader election restart", "leader election: ends once after it was ready"),
        ("init container retries", "init container that is tried again"),
        ("webhook briefly down", "webhook of the deployment down for 20 s"),
        ("webhook down, found at the controller's next try", "webhook of the database down for 75 s"),
        ("API server restart in the wait", "API restarts while we wait"),
        ("Secret created late", "Secret volume created 20 s late"),
        ("PVC bound late", "claim bound 40 s late"),
        ("eviction", "eviction"),
        ("HPA changing replicas", "autoscaler: four replicas"),
        ("a Deployment scaled by somebody else", "scaled down to one by somebody else"),
    ] {
        assert!(names.contains(&name), "{promised} is missing: {names:#?}");
    }
}
