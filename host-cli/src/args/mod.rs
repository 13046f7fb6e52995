//! The command line. Helm's commands and flags keep their names and meaning, of version 3 and 4; what is ours has a
//! long name.

mod chart;
#[cfg(test)]
mod compatibility;
mod diagnose;
mod global;
mod helm;
mod notify;
mod plan;
mod quick;
mod release;
mod sandbox;
mod source;
mod tools;

pub(crate) use chart::{
    LintArgs, LintFormat, NameArgs, RenderArgs, ShowArgs, ShowCommand, TemplateArgs, ValueArgs,
};
pub(crate) use diagnose::{DiagnoseArgs, EvidenceArgs};
pub(crate) use global::{GlobalArgs, OutputFormat};
pub(crate) use helm::server_side;
pub(crate) use plan::{DiffArgs, PlanArgs, RbacArgs, RehearseArgs, TimeoutArgs, UiArgs};
pub(crate) use release::{
    ApplyArgs, Cascade, DeployArgs, DryRun, FailFast, GetArgs, GetOne, GetWhat, HistoryArgs, InstallArgs,
    ListArgs, LockArgs, OnInterrupted, ResumeArgs, ReuseArgs, RollbackArgs, StatusArgs, Timeout,
    UninstallArgs, UpgradeArgs, WaitArgs, WaitStrategy,
};
pub(crate) use sandbox::SandboxCommand;
pub(crate) use source::{SourceArgs, TransportArgs, VerifyArgs};
pub(crate) use tools::{
    CompletionArgs, CreateArgs, DependencyArgs, DependencyCommand, EnvArgs, ManArgs, PackageArgs, PullArgs,
    PushArgs, RegistryCommand, RegistryLoginArgs, RepoAddArgs, RepoCommand, SearchCommand, SearchRepoArgs,
    TestArgs, VerifyChartArgs, VersionArgs,
};

use clap::{Parser, Subcommand};

use crate::commands::VERSION_LINE;

/// Deploys a Helm chart so that the release becomes healthy or goes back to what worked.
#[derive(Debug, Parser)]
#[command(
    name = "backstay",
    version = VERSION_LINE,
    about,
    arg_required_else_help = true,
    subcommand_required = true,
    propagate_version = false,
    after_help = "Three commands to begin with:\n  \
        backstay deploy shop ./chart --sandbox       try it: no cluster needed\n  \
        backstay deploy shop ./chart -n prod         deploy, or go back to what worked\n  \
        backstay history shop -n prod                what was deployed, and what failed\n\n\
        Exit codes: 0 deployed, 1 failed and the previous state is back, 2 the way back failed,\n\
        3 failed and left in place, 4 refused before any change, 5 another rollout holds the release,\n\
        6 interrupted and can be resumed, 7 cluster unreachable, 64 wrong usage.\n\
        Commands that only read end with 0 or 1."
)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: CommandLine,
    /// Flags of every command.
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl Arguments {
    /// Reads the command line of this process.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let line = plan::with_plan_file(std::env::args_os());
        Self::quick(&line).map_or_else(|| Self::try_parse_from(line), Ok)
    }
}

impl CommandLine {
    /// Whether the command only answers a question: it ends with 0 or 1 (or 64), never with a code of a rollout.
    pub(crate) fn only_reads(&self) -> bool {
        match self {
            Self::List(_) | Self::History(_) | Self::Status(_) | Self::Get(_) | Self::Evidence(_) => true,
            Self::Template(_) | Self::Lint(_) | Self::Show(_) | Self::Diagnose(_) => true,
            Self::Timeout(_) | Self::Rehearse(_) | Self::Rbac(_) | Self::Diff(_) | Self::Ui(_) => true,
            // Its exit code is that of the deploy's refusal.
            Self::Plan(_) => false,
            Self::Sandbox(command) => command.only_reads(),
            // Helm's own codes: 0 or 1.
            Self::Pull(_) | Self::Push(_) | Self::Package(_) | Self::Dependency(_) => true,
            Self::Repo(_) | Self::Search(_) | Self::Registry(_) => true,
            Self::Version(_) | Self::Env(_) | Self::Completion(_) | Self::Test(_) => true,
            Self::Create(_) | Self::Man(_) | Self::Verify(_) => true,
            Self::Deploy(_) | Self::Install(_) | Self::Upgrade(_) => false,
            Self::Rollback(_) | Self::Uninstall(_) | Self::Resume(_) => false,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum CommandLine {
    /// Install or upgrade a release; go back to what worked if it does not become healthy
    Deploy(Box<DeployArgs>),
    /// Install a chart
    Install(Box<InstallArgs>),
    /// Upgrade a release
    Upgrade(Box<UpgradeArgs>),
    /// Go back to a revision
    Rollback(RollbackArgs),
    /// Finish a rollout that was interrupted
    Resume(ResumeArgs),
    /// Uninstall a release
    #[command(visible_aliases = ["un"], aliases = ["del", "delete"])]
    Uninstall(UninstallArgs),
    /// List releases
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show the revisions of a release
    #[command(visible_alias = "hist")]
    History(HistoryArgs),
    /// Show the state of a release
    Status(StatusArgs),
    /// Show the values, manifest, hooks, notes or metadata of a release
    Get(GetArgs),
    /// Render a chart without a cluster
    Template(Box<TemplateArgs>),
    /// Look a chart over for mistakes
    Lint(Box<LintArgs>),
    /// Show what a deploy would do, how it is undone, how long it may take, and what is wrong with it
    Plan(Box<PlanArgs>),
    /// Show what a deploy would change of the live objects and of the revision before, Secrets masked
    Diff(Box<DiffArgs>),
    /// Run a chart on the model cluster, healthy and with faults
    Rehearse(Box<RehearseArgs>),
    /// Print the smallest roles that deploying a chart needs
    Rbac(Box<RbacArgs>),
    /// Say how long a rollout may take, and why
    Timeout(Box<TimeoutArgs>),
    /// Serve the planner page on this machine, with a chart in it
    Ui(Box<UiArgs>),
    /// Show what a chart says about itself
    #[command(subcommand, visible_alias = "inspect")]
    Show(ShowCommand),
    /// Run the chart's tests of a release
    Test(TestArgs),
    /// Make a chart to begin with
    Create(CreateArgs),
    /// Fetch a chart
    #[command(visible_alias = "fetch")]
    Pull(Box<PullArgs>),
    /// Push a chart to a registry
    Push(Box<PushArgs>),
    /// Pack a chart's folder into an archive
    Package(Box<PackageArgs>),
    /// Check who signed a chart's archive
    Verify(VerifyChartArgs),
    /// The charts a chart needs
    #[command(subcommand, visible_aliases = ["dep", "dependencies"])]
    Dependency(DependencyCommand),
    /// Chart repositories that have a name
    #[command(subcommand)]
    Repo(RepoCommand),
    /// Look for charts
    #[command(subcommand)]
    Search(SearchCommand),
    /// Log in to registries
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Show the version of this program
    Version(VersionArgs),
    /// Show Helm's variables with the values that count
    Env(EnvArgs),
    /// Write the completions of a shell
    Completion(CompletionArgs),
    /// Write the manual pages
    #[command(hide = true)]
    Man(ManArgs),
    /// Show the evidence kept of a failed revision
    Evidence(EvidenceArgs),
    /// Say what keeps a release from being healthy, and why
    Diagnose(DiagnoseArgs),
    /// The cluster in a file: show it, forget it, or serve it to kubectl and helm
    #[command(subcommand)]
    Sandbox(SandboxCommand),
}
