//! What the network, the API server, others and helm do to a rollout, on a real control plane: verdict and cluster must be those
//! of a run that nobody disturbed.
//!
//! A few points of each by default; `BACKSTAY_TEST_POINTS=all` tries every one, `BACKSTAY_TEST_CASE` a single case.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod others;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use backstay_tests_cluster::disturb::{
    CASES, Case, KubectlProxy, Peace, Table, is_thorough, is_wanted, same_as, sample, start_words,
};
use backstay_tests_cluster::{Cut, Node, PATIENCE, Proxy, Weather, World};

/// One after the other: what is disturbed here must not be slow because of something else.
static ALONE: Mutex<()> = Mutex::new(());

/// The cases with how they end in peace; the sample has only the one that goes forth and back.
fn cases(api: SocketAddr, few: &[&str]) -> Vec<(&'static Case, Peace)> {
    let wanted = |case: &&Case| is_wanted(case) && (is_thorough() || few.contains(&case.name));
    CASES.iter().filter(wanted).map(|case| (case, case.in_peace(api))).collect()
}

/// What goes through the weather.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// The case's command.
    Command,
    /// `backstay resume`, after the command was killed at a write in the middle.
    Resume,
}

fn through(
    api: SocketAddr,
    (case, peace): (&Case, &Peace),
    work: Work,
    weather: Weather,
) -> Result<(), String> {
    let world = World::real("weather", Node::Real).expect("the cluster is still there");
    case.prepare(&world);
    let point = format!("{}, {work:?}, {weather:?}", case.name);
    let words = match work {
        Work::Command => case.words(&[]),
        Work::Resume => {
            let killed = case.kill_at(&world, api, peace.writes / 2, Cut::After);
            killed.map_err(|why| format!("{point}: {why}"))?;
            ["resume", "app", "--take-over"].map(String::from).to_vec()
        }
    };
    let proxy = Proxy::start(api, weather);
    let ended = start_words(&world, &proxy, words).finish(PATIENCE);
    if proxy.struck() == 0 {
        return Err(format!("{point}: nothing was disturbed\n{}", ended.text()));
    }
    same_as(peace, case, &format!("{point}, struck {} times", proxy.struck()), &ended, &world)
}

/// What is tried of a case: a line of the table, the work, and its weathers. The sample has one of each but the watches for the
/// case that goes forth and back, for the others what is likeliest to be wrong.
fn weathers(case: &Case, peace: &Peace) -> Vec<(&'static str, Work, Vec<Weather>)> {
    let lost =
        |cut| sample(peace.writes, 1).into_iter().map(|at| Weather::LosesOne(at, cut)).collect::<Vec<_>>();
    let storms = |all| {
        let seeds = sample(all, 1).into_iter();
        seeds.map(|seed| Weather::Storm { percent: 30, seed }).collect::<Vec<_>>()
    };
    let half_open = if is_thorough() { vec![Weather::HalfOpenWatches] } else { Vec::new() };
    let mut all = vec![
        ("connection lost after a write", Work::Command, lost(Cut::After)),
        ("429 and 500 for 30 % of requests", Work::Command, storms(12)),
        ("half-open watches", Work::Command, half_open),
    ];
    if is_thorough() || case.exit != 0 {
        all.push(("connection lost before a write", Work::Command, lost(Cut::Before)));
        all.push(("resumed with 429 and 500 for 30 %", Work::Resume, storms(4)));
    }
    all
}

#[test]
fn bad_weather_decides_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if World::real("weather", Node::Real).is_none() {
        return;
    }
    let api = KubectlProxy::start();
    let mut table = Table::default();
    for (case, peace) in cases(api.address, &["install", "upgrade that fails", "rollback"]) {
        for (what, work, weathers) in weathers(case, &peace) {
            let points: Vec<_> = weathers
                .into_iter()
                .map(|weather| through(api.address, (case, &peace), work, weather))
                .collect();
            if !points.is_empty() {
                table.add(&format!("{}: {what}", case.name), &points);
            }
        }
    }
    table.finish("bad weather");
}

/// Restarts a process of the cluster; `None` where nobody told how.
fn restart(name: &str) -> Option<()> {
    let (xtask, folder) =
        (std::env::var_os("BACKSTAY_TEST_XTASK")?, std::env::var_os("BACKSTAY_TEST_CLUSTER")?);
    let mut command = Command::new(xtask);
    let done = command.args(["cluster", "restart", name, "--dir"]).arg(folder).status().expect("xtask runs");
    assert!(done.success(), "{name} was not restarted");
    Some(())
}

#[test]
fn a_control_plane_that_restarts_decides_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if World::real("restart", Node::Real).is_none() {
        return;
    }
    if std::env::var_os("BACKSTAY_TEST_XTASK").is_none() {
        eprintln!("LEFT OUT: BACKSTAY_TEST_XTASK is not set, so that the API server cannot be restarted");
        return;
    }
    let api = KubectlProxy::start();
    let mut table = Table::default();
    let names: &[&str] = if is_thorough() { &["kube-apiserver", "etcd"] } else { &["kube-apiserver"] };
    for (case, peace) in cases(api.address, &["upgrade"]) {
        for name in names {
            let moments: &[&str] =
                if is_thorough() { &["\"applying\"", "\"verifying\""] } else { &["\"verifying\""] };
            let points: Vec<_> = moments.iter().map(|moment| restarted(case, &peace, name, moment)).collect();
            table.add(&format!("{}: {name} restarted", case.name), &points);
        }
    }
    table.finish("control plane restarted");
}

fn restarted(case: &Case, peace: &Peace, name: &str, moment: &str) -> Result<(), String> {
    let world = World::real("restart", Node::Real).expect("the cluster is still there");
    case.prepare(&world);
    let words = case.words(&["-o", "json"]);
    let started = world.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let _ = started.wait_for(moment, Duration::from_secs(60));
    restart(name).expect("it was restarted before");
    let ended = started.finish(PATIENCE);
    same_as(peace, case, &format!("{}, {name} restarted at {moment}", case.name), &ended, &world)
}
