//! `cargo xtask test`: all checks, in the order in which they fail soonest.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use crate::cluster::AUDIT_LOG;
use crate::{book, cluster, paths, run, setup, soak, tools, wasm, web};

/// What to leave out.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leave out the acceptance tests on a real cluster (they need programs built with Go)
    #[arg(long)]
    no_cluster: bool,
    /// Only the acceptance tests
    #[arg(long)]
    acceptance: bool,
}

/// The package of acceptance tests: every promise on the sandbox and, where it is given one, on a real cluster.
const ACCEPTANCE: &str = "backstay-tests-cluster";

/// Points the acceptance tests at a throw-away cluster that runs already.
const KUBECONFIG: &str = "BACKSTAY_TEST_KUBECONFIG";

/// Runs the checks and stops at the first that fails.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let started = Instant::now();
    // Asked for before the tests build this program anew.
    let program = std::env::current_exe().context("where this program is")?;
    let given = std::env::var_os(KUBECONFIG).is_some();
    let set_up = setup::Options { no_cluster: options.no_cluster || given };
    run::step("set-up", || setup::run(&set_up))?;
    if given && !options.no_cluster {
        // The cluster is there; what speaks to it is not.
        run::step("clients", || setup::build_tools(Some(&["kubernetes", "helm4", "helm3"])))?;
    }
    if !options.acceptance {
        checks()?;
    }
    if options.no_cluster {
        run::step("acceptance on the sandbox only, as asked", || {
            run::seen(acceptance_tests().env_remove(KUBECONFIG))
        })?;
    } else {
        run::step("acceptance on the sandbox and on a cluster", || acceptance(given, &program))?;
    }
    println!("passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// What needs no cluster.
fn checks() -> anyhow::Result<()> {
    run::step("format", || cargo(&["fmt", "--all", "--check"]))?;
    run::step("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run::step("unit tests", || cargo(&["test", "--workspace", "--exclude", ACCEPTANCE]))?;
    run::step("guide", book::run)?;
    run::step("simulation", || soak::run(&soak::Options::in_tests()))?;
    run::step("wasm", || wasm::run(&wasm::Options { embed: true, ..wasm::Options::default() }))?;
    run::step("page", || web::run(&web::Options::default()))
}

/// The acceptance tests on a cluster of their own, or on the one that is given.
fn acceptance(given: bool, program: &Path) -> anyhow::Result<()> {
    let mut command = acceptance_tests();
    let (helm3, helm4) = (tools::HELM3.program("helm")?, tools::HELM4.program("helm")?);
    // The charts of the unit tests once more, against the programs themselves.
    let mut charts = Command::new("cargo");
    charts.current_dir(paths::repository()).args(["test", "--package", "backstay-chart", "--test", "charts"]);
    run::seen(charts.env("BACKSTAY_TEST_HELM3", &helm3).env("BACKSTAY_TEST_HELM4", &helm4))?;
    command.env("BACKSTAY_TEST_KUBECTL", tools::KUBERNETES.program("kubectl")?);
    command.env("BACKSTAY_TEST_HELM3", helm3).env("BACKSTAY_TEST_HELM4", helm4);
    if given {
        println!("    on the cluster of {KUBECONFIG}");
        return run::seen(&mut command);
    }
    let folder = std::env::temp_dir().join(format!("backstay-test-{}", std::process::id()));
    let place = cluster::Place { dir: Some(folder) };
    let cluster = cluster::up(&cluster::Options { place, ..cluster::Options::default() })?;
    command.env(KUBECONFIG, cluster.kubeconfig());
    command.env("BACKSTAY_TEST_NODE", if cluster.has_real_node() { "real" } else { "simulated" });
    command.env("BACKSTAY_TEST_AUDIT_LOG", cluster.folder().join(AUDIT_LOG));
    // What restarts the API server, and where.
    command.env("BACKSTAY_TEST_XTASK", program);
    command.env("BACKSTAY_TEST_CLUSTER", cluster.folder());
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

fn acceptance_tests() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(paths::repository()).args(["test", "--package", ACCEPTANCE]);
    command
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    run::seen(Command::new("cargo").current_dir(paths::repository()).args(arguments))
}
