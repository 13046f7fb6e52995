//! The host is killed at each of its writes in turn, before the write arrives and after it, on a real control plane. Run again, it
//! must come to the same end as a run that nobody disturbed.
//!
//! Every point by default is every third; `BACKSTAY_TEST_CRASH_STEP=1` tries them all.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backstay_tests_cluster::{Cut, Node, PATIENCE, Proxy, Started, World, binary, chart, tool};

/// One undisturbed rollout, to be disturbed.
struct Case {
    name: &'static str,
    /// Values of the revision that runs before; none for an install.
    before: Option<&'static [&'static str]>,
    /// Values of the rollout that is killed.
    values: &'static [&'static str],
    /// How it ends undisturbed, and the tag that runs then.
    exit: i32,
    tag: Option<&'static str>,
}

const CASES: [Case; 3] = [
    Case { name: "install", before: None, values: &["hook.enabled=true"], exit: 0, tag: Some("1.4.0") },
    Case {
        name: "upgrade",
        before: Some(&[]),
        values: &["tag=1.5.0", "text=two"],
        exit: 0,
        tag: Some("1.5.0"),
    },
    Case {
        name: "rolled-back",
        before: Some(&[]),
        values: &["tag=does-not-exist", "text=two"],
        exit: 1,
        tag: Some("1.4.0"),
    },
];

#[test]
fn a_kill_at_any_write_ends_as_if_nothing_had_happened() {
    let step: u32 =
        std::env::var("BACKSTAY_TEST_CRASH_STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(3);
    let Some(first) = World::real("crashes", Node::Real) else { return };
    let api = KubectlProxy::start(&first);
    for case in &CASES {
        let calm = run(&first, api.address, case, None);
        assert!(calm.writes > 3, "{}: only {} writes", case.name, calm.writes);
        let mut tried = 0;
        for at in (1..=calm.writes).step_by(step as usize) {
            for cut in [Cut::Before, Cut::After] {
                let world = World::real("crashes", Node::Real).expect("the cluster is still there");
                run(&world, api.address, case, Some((at, cut)));
                tried += 1;
            }
        }
        println!("{}: {} writes, {tried} points tried, {tried} clean", case.name, calm.writes);
    }
}

struct Calm {
    writes: u32,
}

/// Runs a case, disturbed at a point or not, and checks its end.
fn run(world: &World, api: SocketAddr, case: &Case, at: Option<(u32, Cut)>) -> Calm {
    let point = format!("{} {at:?}", case.name);
    if let Some(before) = case.before {
        world.with_chart(&["deploy", "app", "--create-namespace"], before).exits(0);
    }
    let proxy = Proxy::start(api, at);
    let started = deploy_through(world, &proxy, case.values);
    let Some(_) = at else {
        let run = started.finish(PATIENCE);
        assert_eq!(run.code, case.exit, "{point}: {}", run.text());
        check(world, case, &point);
        // The world is used again.
        world.backstay(&["uninstall", "app"]).exits(0);
        return Calm { writes: proxy.writes() };
    };
    let until = Instant::now() + Duration::from_secs(60);
    while !proxy.has_cut() && !started.has_ended() {
        assert!(Instant::now() < until, "{point}: the write never came: {:#?}", proxy.seen());
        std::thread::sleep(Duration::from_millis(2));
    }
    if !started.has_ended() {
        started.signal("KILL");
    }
    let _killed = started.finish(Duration::from_secs(20));
    // The same command again, from a machine that knows nothing of the first run.
    let words = ["deploy", "app", "--create-namespace", "--take-over"];
    let again = world.with_chart(&words, case.values);
    assert_eq!(again.code, case.exit, "{point}: {}\n{:#?}", again.text(), proxy.seen());
    check(world, case, &point);
    Calm { writes: proxy.writes() }
}

fn check(world: &World, case: &Case, point: &str) {
    let deployment = world.get("deployments.apps", "app");
    let image = deployment.map(|deployment| {
        let image =
            deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
        image.rsplit(':').next().unwrap().to_owned()
    });
    assert_eq!(image.as_deref(), case.tag, "{point}");
    let text = world.get("configmaps", "app").map(|map| map["data"]["text"].clone());
    let expected = if case.exit == 0 && case.values.contains(&"text=two") { "two" } else { "hello" };
    assert_eq!(text.unwrap(), expected, "{point}");
    let history = world.history("app");
    let deployed = history.iter().filter(|(_, status, _)| status == "deployed").count();
    assert_eq!(deployed, 1, "{point}: {history:?}");
    assert!(!history.iter().any(|(_, status, _)| status.starts_with("pending")), "{point}: {history:?}");
}

fn deploy_through(world: &World, proxy: &Proxy, values: &[&str]) -> Started {
    let kubeconfig = world.directory().join("kubeconfig-proxy");
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: a, cluster: {{server: \"http://{}\"}}}}]\nusers: [{{name: a, user: {{}}}}]\n\
         contexts: [{{name: a, context: {{cluster: a, user: a}}}}]\ncurrent-context: a\n",
        proxy.address()
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let chart = chart("app").display().to_string();
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let mut words = vec!["deploy", "app", &chart, "--create-namespace", "-n", &world.namespace, &kubeconfig];
    for value in values {
        words.extend(["--set", value]);
    }
    let state = world.directory().join("state-of-the-killed");
    Started::new(&binary(), &words, &[("XDG_STATE_HOME", state.as_os_str())])
}

/// `kubectl proxy`: the API in plain HTTP on a loopback port.
struct KubectlProxy {
    _process: Started,
    address: SocketAddr,
}

impl KubectlProxy {
    fn start(world: &World) -> Self {
        let kubeconfig = std::env::var("BACKSTAY_TEST_KUBECONFIG").unwrap();
        let words = ["proxy", "--port=0", "--kubeconfig", &kubeconfig];
        let process = Started::new(&tool("kubectl").unwrap(), &words, &[]);
        let line = process.wait_for("Starting to serve on", Duration::from_secs(20));
        let address = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(!world.is_sandbox());
        Self { _process: process, address }
    }
}
