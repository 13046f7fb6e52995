//! `cargo xtask soak`: many seeds of the rollouts in `core/rehearse/tests/soak`, on all cores. All of them are run,
//! also when some are wrong. Before them every interleaving of the small world in `core/rehearse/tests/explore.rs` with all four
//! troubles together.

use std::process::{Child, Command};
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{paths, run};

/// How much.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many seeds
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
}

const TEST: [&str; 6] = ["test", "--release", "--package", "backstay-rehearse", "--test", "soak"];

const EXPLORE: [&str; 9] = [
    "test",
    "--release",
    "--package",
    "backstay-rehearse",
    "--test",
    "explore",
    "--",
    "every_interleaving",
    "--nocapture",
];

/// A crash, a lost reply, an abort and a rival in one world.
const ALL_TROUBLES: &str = "claR";

/// How many `cargo xtask test` runs.
const IN_TESTS: u64 = 3000;

impl Options {
    pub(crate) const fn in_tests() -> Self {
        Self { seeds: IN_TESTS, from: 0 }
    }
}

/// Runs the seeds; a seed that breaks an invariant is named by its test.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let began = Instant::now();
    run::seen(Command::new("cargo").current_dir(paths::repository()).args(TEST).arg("--no-run"))?;
    // On all cores by itself.
    let mut explore = Command::new("cargo");
    explore.current_dir(paths::repository()).args(EXPLORE).env("BACKSTAY_EXPLORE", ALL_TROUBLES);
    run::seen(&mut explore)?;
    let workers = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = options.seeds.div_ceil(workers).max(1);
    let end = options.from + options.seeds;
    let mut children: Vec<Child> = Vec::new();
    for worker in 0..workers {
        let from = (options.from + worker * share).min(end);
        let range = format!("{from}..{}", (from + share).min(end));
        let mut command = Command::new("cargo");
        command
            .current_dir(paths::repository())
            .args(TEST)
            .args(["--", "every_seed", "--nocapture"])
            .env("BACKSTAY_SOAK", range);
        children.push(command.spawn().context("cargo cannot be started")?);
    }
    let mut failed = 0;
    for mut child in children {
        failed += u32::from(!child.wait()?.success());
    }
    if failed > 0 {
        bail!(
            "{failed} of {workers} workers found a seed that breaks an invariant; BACKSTAY_SOAK=SEED..SEED+1 repeats it"
        );
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} seeds clean in {seconds:.0} s ({:.0} a second)",
        options.seeds,
        options.seeds as f64 / seconds
    );
    Ok(())
}
