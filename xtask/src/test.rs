//! `cargo xtask test`: all checks, in the order in which they fail soonest.

use std::process::Command;
use std::time::Instant;

use clap::Args;

use crate::{cluster, paths, run, setup, wasm};

/// What to leave out.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leave out the acceptance tests on a real cluster (they need programs built with Go)
    #[arg(long)]
    no_cluster: bool,
}

/// The package of acceptance tests. It is outside the workspace's ordinary tests: it needs a cluster.
const ACCEPTANCE: &str = "tests/cluster";

/// Points the acceptance tests at a throw-away cluster that runs already.
const KUBECONFIG: &str = "BACKSTAY_TEST_KUBECONFIG";

/// Runs the checks and stops at the first that fails.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let started = Instant::now();
    run::step("format", || cargo(&["fmt", "--all", "--check"]))?;
    let given = std::env::var_os(KUBECONFIG).is_some();
    run::step("set-up", || setup::run(&setup::Options { no_cluster: options.no_cluster || given }))?;
    run::step("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run::step("unit tests", || cargo(&["test", "--workspace"]))?;
    run::step("wasm", || wasm::run(&wasm::Options::default()))?;
    if options.no_cluster {
        println!("==> cluster: left out, as asked");
    } else {
        run::step("cluster", || acceptance(given))?;
    }
    println!("all checks passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// The acceptance tests on a cluster of their own, or on the one that is given.
fn acceptance(given: bool) -> anyhow::Result<()> {
    let manifest = paths::repository().join(ACCEPTANCE).join("Cargo.toml");
    if !manifest.exists() {
        println!("    {ACCEPTANCE}: no such package yet");
        return Ok(());
    }
    let mut command = Command::new("cargo");
    command.current_dir(paths::repository());
    // One after the other: they share the cluster, and their times are part of what they check.
    command.args(["test", "--manifest-path"]).arg(&manifest).args([
        "--",
        "--include-ignored",
        "--test-threads",
        "1",
    ]);
    for tool in crate::tools::ALL.iter().filter(|tool| tool.folder.starts_with("helm")) {
        if tool.is_built()? {
            command.env(format!("BACKSTAY_TEST_{}", tool.folder.to_uppercase()), tool.program("helm")?);
        }
    }
    if given {
        println!("    on the cluster of {KUBECONFIG}");
        return run::seen(&mut command);
    }
    let folder = std::env::temp_dir().join(format!("backstay-test-{}", std::process::id()));
    let place = cluster::Place { dir: Some(folder) };
    let cluster = cluster::up(&cluster::Options { place, ..cluster::Options::default() })?;
    cluster::keep(&cluster)?;
    command.env(KUBECONFIG, cluster.kubeconfig());
    command.env("BACKSTAY_TEST_NODE", if cluster.has_real_node() { "real" } else { "simulated" });
    command.env("BACKSTAY_TEST_AUDIT_LOG", cluster.audit_log());
    if let Some(registry) = cluster.registry() {
        command.env("BACKSTAY_TEST_REGISTRY", registry);
    }
    let tested = run::seen(&mut command);
    if !cluster.has_real_node() {
        println!("    left out: the node is {}", cluster.node());
    }
    let down = cluster.down();
    tested.and(down)
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    run::seen(Command::new("cargo").current_dir(paths::repository()).args(arguments))
}
