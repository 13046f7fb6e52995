//! A real Kubernetes on this machine: everything listens on loopback or on a bridge of its own, has free ports and one
//! folder, and is ended by the ids in that folder's `cluster.json`. Several clusters can run side by side.

mod control_plane;
mod image;
mod keeper;
mod machine;
mod network;
mod node;
mod ports;
mod process;
mod state;
mod take_down;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::{Args, Subcommand};

use self::state::State;
use crate::setup;

/// The name of the only node.
const NODE: &str = "node1";

/// `cargo xtask cluster …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a cluster and wait until it is ready
    Up(Options),
    /// Stop the cluster and remove its folder
    Down(Place),
    /// Say what runs
    Status(Place),
    /// Stop a process of the cluster, e.g. kube-apiserver, and start it again
    Restart {
        #[command(flatten)]
        place: Place,
        /// Its name in `cargo xtask cluster status`
        name: String,
    },
    /// Print the kubeconfig's path: export KUBECONFIG=$(cargo xtask cluster kubeconfig)
    Kubeconfig(Place),
    /// Take the cluster down when a process ends
    #[command(hide = true)]
    Keep {
        #[command(flatten)]
        place: Place,
        /// The process to wait for
        #[arg(long)]
        owner: i32,
    },
}

/// Which cluster.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct Place {
    /// The cluster's folder; clusters with different folders are different clusters [default: one per user]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
}

/// What kind of cluster.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Control plane only: pods stay pending
    #[arg(long, conflicts_with = "simulated_node")]
    pub(crate) no_node: bool,
    /// A node that exists in the API only, even where a real one could run
    #[arg(long)]
    pub(crate) simulated_node: bool,
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(state::default_folder)
    }
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Up(options) => {
            let cluster = up(options)?;
            println!("ready; export KUBECONFIG={}", cluster.kubeconfig().display());
            cluster.leave_running()
        }
        Command::Down(place) => take_down::take_down(&place.folder()),
        Command::Status(place) => status(&place.folder()),
        Command::Restart { place, name } => restart(&place.folder(), name),
        Command::Kubeconfig(place) => {
            let folder = place.folder();
            if State::load(&folder)?.is_none() {
                bail!("{}: no cluster; start one with `cargo xtask cluster up`", folder.display());
            }
            println!("{}", control_plane::kubeconfig(&folder).display());
            Ok(())
        }
        Command::Keep { place, owner } => keeper::run(&place.folder(), *owner),
    }
}

/// A running cluster. It is taken down when this is dropped, unless it is told to keep running.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    state: State,
    owned: bool,
}

/// The API server's log of requests in a cluster's folder, a line of JSON for each that was answered.
pub(crate) const AUDIT_LOG: &str = "log/audit.jsonl";

impl Cluster {
    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        control_plane::kubeconfig(&self.folder)
    }

    /// Where everything of it is kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether containers really run.
    pub(crate) fn has_real_node(&self) -> bool {
        self.state.registry.is_some()
    }

    /// `127.0.0.1:PORT` of the registry images are pulled from; none without a real node.
    pub(crate) fn registry(&self) -> Option<&str> {
        self.state.registry.as_deref()
    }

    /// What the node is: `real`, or what it is instead and why.
    pub(crate) fn node(&self) -> &str {
        &self.state.node
    }

    /// Takes it down.
    pub(crate) fn down(mut self) -> anyhow::Result<()> {
        self.owned = false;
        take_down::take_down(&self.folder)
    }

    /// Lets it run on after this process.
    fn leave_running(mut self) -> anyhow::Result<()> {
        self.state.bound = false;
        self.state.save(&self.folder)?;
        self.owned = false;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.owned
            && let Err(error) = take_down::take_down(&self.folder)
        {
            eprintln!("xtask: {error:#}");
        }
    }
}

/// Starts a cluster and waits until it is ready. What was started of one that fails is ended again.
pub(crate) fn up(options: &Options) -> anyhow::Result<Cluster> {
    let folder = options.place.folder();
    if let Some(there) = State::load(&folder)? {
        if there.processes.iter().any(process::Process::is_alive) {
            bail!("{}: a cluster runs there already; `cargo xtask cluster down` ends it", folder.display());
        }
        println!("    cleaning up after a cluster that ended without being taken down");
        take_down::take_down(&folder)?;
    }
    if folder.exists() && fs::read_dir(&folder)?.next().is_some() {
        bail!("{}: is not empty and no cluster; name another folder with --dir", folder.display());
    }
    let plan = NodePlan::of(options);
    setup::build_tools(Some(plan.tools()))?;
    let folder = state::make_folder(&folder)?;
    let state = State { node: plan.describe(), bound: true, ..State::default() };
    state.save(&folder)?;
    let mut cluster = Cluster { folder, state, owned: true };
    keeper::start(&cluster.folder)?;
    let ports = ports::Ports::choose()?;
    let started = Instant::now();
    control_plane::start(&cluster.folder, &mut cluster.state, ports)
        .map_err(|error| keep_logs(&cluster.folder, error))?;
    println!("    control plane ready after {:.1} s", started.elapsed().as_secs_f64());
    let node = match plan {
        NodePlan::Real => node::start_real(&cluster.folder, &mut cluster.state, ports),
        NodePlan::Simulated(_) => node::start_simulated(&cluster.folder, &mut cluster.state, ports),
        NodePlan::None => Ok(()),
    };
    node.map_err(|error| keep_logs(&cluster.folder, error))?;
    println!("    node: {}, ready after {:.1} s", cluster.state.node, started.elapsed().as_secs_f64());
    Ok(cluster)
}

/// The folder goes with the failed cluster; its logs are what tells why.
fn keep_logs(folder: &Path, error: anyhow::Error) -> anyhow::Error {
    let kept = std::env::temp_dir().join(format!("backstay-cluster-logs-{}", std::process::id()));
    match fs::rename(folder.join("log"), &kept) {
        Ok(()) => error.context(format!("the cluster did not start; its logs are in {}", kept.display())),
        Err(_) => error.context("the cluster did not start"),
    }
}

/// What the node will be.
enum NodePlan {
    Real,
    /// With the reason why not a real one.
    Simulated(String),
    None,
}

impl NodePlan {
    fn of(options: &Options) -> Self {
        if options.no_node {
            return Self::None;
        }
        if options.simulated_node {
            return Self::Simulated("as asked".to_owned());
        }
        setup::why_no_node().map_or(Self::Real, Self::Simulated)
    }

    fn tools(&self) -> &'static [&'static str] {
        match self {
            Self::Real => &["kubernetes", "etcd", "containerd", "registry"],
            Self::Simulated(_) => &["kubernetes", "etcd", "kwok"],
            Self::None => &["kubernetes", "etcd"],
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Real => "real".to_owned(),
            Self::Simulated(why) => format!(
                "simulated by kwok ({why}): no image is pulled, no container runs, so pull errors, crashes, probes and logs are left out"
            ),
            Self::None => "none, as asked: pods stay pending".to_owned(),
        }
    }
}

/// Restarts a process. Whoever needs it has to bear that it is away for a moment: that is what this is for.
fn restart(folder: &Path, name: &str) -> anyhow::Result<()> {
    let Some(mut state) = State::load(folder)? else { bail!("{}: no cluster", folder.display()) };
    let Some(process) = state.process(name) else { bail!("the cluster has no process {name:?}") };
    let process = process.restart(Duration::from_secs(5), folder)?;
    state.replace(process, folder)
}

fn status(folder: &Path) -> anyhow::Result<()> {
    let Some(state) = State::load(folder)? else {
        println!("no cluster in {}", folder.display());
        return Ok(());
    };
    println!("cluster in {}; node: {}", folder.display(), state.node);
    for process in &state.processes {
        println!("    {:<24} {}", process.name, if process.is_alive() { "runs" } else { "ended" });
    }
    if let Some(registry) = &state.registry {
        println!("    images come from {registry}, whatever their host");
    }
    println!("{}", control_plane::kubectl(folder, &["get", "nodes", "-o", "wide"])?.trim_end());
    Ok(())
}
