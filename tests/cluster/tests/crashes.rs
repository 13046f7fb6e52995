//! The host is killed at each of its writes in turn, before the write arrives and after it, on a real control plane. Taken up
//! again from another home, it must come to the same end as a run that nobody disturbed.
//!
//! A few points of each by default; `BACKSTAY_TEST_POINTS=all` tries every one, `BACKSTAY_TEST_CASE` a single case.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::SocketAddr;

use backstay_tests_cluster::disturb::{
    CASES, Case, KubectlProxy, Peace, Table, is_thorough, is_wanted, same_as, sample,
};
use backstay_tests_cluster::{Cut, Node, Run, World};

#[test]
fn a_kill_at_any_write_ends_as_if_nothing_had_happened() {
    if World::real("crashes", Node::Real).is_none() {
        return;
    }
    let api = KubectlProxy::start();
    let mut table = Table::default();
    for case in CASES.iter().filter(|case| is_wanted(case)) {
        let peace = case.in_peace(api.address);
        for (number, cut) in [Cut::Before, Cut::After].into_iter().enumerate() {
            // The sample alternates; all points are tried both ways.
            let ways: &[Way] = match (is_thorough(), number) {
                (true, _) => &[Way::SameAgain, Way::Resume],
                (false, 0) => &[Way::Resume],
                (false, _) => &[Way::SameAgain],
            };
            for way in ways {
                let points: Vec<_> = sample(peace.writes, 1)
                    .into_iter()
                    .map(|at| killed(api.address, case, &peace, at, cut, *way))
                    .collect();
                table.add(&format!("{}: killed {cut:?} a write, {way:?}", case.name), &points);
            }
        }
    }
    table.finish("kill -9 at each write");
}

/// How it is taken up again.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The same command.
    SameAgain,
    /// `backstay resume`.
    Resume,
}

fn killed(api: SocketAddr, case: &Case, peace: &Peace, at: u32, cut: Cut, way: Way) -> Result<(), String> {
    let point = format!("{}, {cut:?} write {at} of {}, {way:?}", case.name, peace.writes);
    let world = World::real("crashes", Node::Real).expect("the cluster is still there");
    case.prepare(&world);
    case.kill_at(&world, api, at, cut).map_err(|why| format!("{point}: {why}"))?;
    same_as(peace, case, &point, &again(case, &world, way), &world)
}

/// Takes it up from a machine that knows nothing of the first run.
fn again(case: &Case, world: &World, way: Way) -> Run {
    if matches!(way, Way::Resume) {
        let resumed = world.backstay(&["resume", "app", "--take-over"]);
        // Killed before its first write, or after its last: then the command itself is what is left to do.
        let pending = world.history("app").into_iter().any(|(_, status, _)| status.starts_with("pending"));
        if pending || !resumed.text().contains("is unfinished") {
            return resumed;
        }
    }
    case.run(world, &["--take-over"])
}
