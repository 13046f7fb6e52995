//! Flags of the commands that change or show releases.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use kube::api::PropagationPolicy;
use serde::{Deserialize, Serialize};

use super::chart::{NameArgs, RenderArgs};
use super::global::OutputFormat;
use super::notify::NotifyArgs;

/// Reads Go's durations, and `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// Computed from the manifests.
    Auto,
    /// Given.
    Given(Duration),
}

fn timeout(text: &str) -> Result<Timeout, String> {
    if text == "auto" {
        return Ok(Timeout::Auto);
    }
    duration(text).map(Timeout::Given)
}

fn duration(text: &str) -> Result<Duration, String> {
    backstay_core::object::parse_duration(text).map_err(|error| error.to_string())
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("{text} must be formatted as key=value"))?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// What is waited for (Helm 4's strategies; Helm 3's plain `--wait` is `watcher`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitStrategy {
    /// Every object.
    #[value(alias = "true")]
    Watcher,
    /// Only hooks.
    #[value(name = "hookOnly", aliases = ["false", "hookonly"])]
    HookOnly,
    /// Every object, by Helm 3's rules.
    Legacy,
}

/// What becomes of the dependents of a deleted object (Helm's words).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cascade {
    /// They are deleted after it, in the background.
    Background,
    /// They are kept.
    Orphan,
    /// They are deleted before it, and waited for.
    #[default]
    Foreground,
}

impl Cascade {
    pub(crate) const fn propagation(self) -> PropagationPolicy {
        match self {
            Self::Background => PropagationPolicy::Background,
            Self::Orphan => PropagationPolicy::Orphan,
            Self::Foreground => PropagationPolicy::Foreground,
        }
    }
}

/// What a dry run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    /// A real run.
    #[value(alias = "false")]
    None,
    /// Render only.
    #[value(alias = "true")]
    Client,
    /// Let the server check every object.
    Server,
}

/// When a suspicion becomes a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailFast {
    /// Only the deadline decides.
    Off,
    /// As soon as it is certain.
    Default,
    /// Sooner: what usually does not heal counts as certain.
    Strict,
}

/// Flags of everything that applies a revision.
#[derive(Args, Clone, Debug)]
pub(crate) struct ApplyArgs {
    /// Create the namespace if it is not there
    #[arg(long)]
    pub(crate) create_namespace: bool,
    /// Time for the rollout: a duration such as 5m, or `auto` to compute it from the manifests
    #[arg(long, value_parser = timeout, value_name = "DURATION")]
    pub(crate) timeout: Option<Timeout>,
    /// Total for this command, waiting for others and the way back included: a CI job's limit less a little
    #[arg(long, env = "BACKSTAY_DEADLINE", value_parser = duration, value_name = "DURATION")]
    pub(crate) deadline: Option<Duration>,
    /// How long everything has to stay ready, without a restart, before it counts as deployed
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub(crate) bake: Option<Duration>,
    #[command(flatten)]
    pub(crate) tell: NotifyArgs,
    /// Only show what would be done: client or server
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "client", default_value = "none", hide_default_value = true)]
    pub(crate) dry_run: DryRun,
    /// Do not run hooks
    #[arg(long)]
    pub(crate) no_hooks: bool,
    /// Take over fields that other tools own
    #[arg(long, conflicts_with = "force_replace")]
    pub(crate) force_conflicts: bool,
    /// Write whole objects instead of applying them: what other tools set on them is lost
    #[arg(long, visible_alias = "force")]
    pub(crate) force_replace: bool,
    /// Take over objects that exist and belong to no release or to another one
    #[arg(long)]
    pub(crate) take_ownership: bool,
    /// Text for the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Labels of the release's record: a=b,c=d; on an upgrade added to those before, `a=null` takes one away
    #[arg(short = 'l', long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// When a failure counts as certain
    #[arg(long, value_enum)]
    pub(crate) fail_fast: Option<FailFast>,
    /// File with what a team has decided: tries, graces, time limits, receivers of messages; flags win over it. Without it,
    /// the backstay.yaml beside the chart counts
    #[arg(long, env = "BACKSTAY_POLICY", value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// What suits a purpose: production, development, canary, crd-install, or a profile of the policy file
    #[arg(long, env = "BACKSTAY_PROFILE", value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// What a HelmRelease among the files has decided.
    #[arg(skip)]
    pub(crate) decided: crate::flux::Decided,
    /// Rules of readiness of your own as WebAssembly (docs/policy.md); may be repeated
    #[arg(long, env = "BACKSTAY_POLICY_MODULE", value_name = "FILE", value_delimiter = ',')]
    pub(crate) policy_module: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) grace: super::diagnose::GraceArgs,
    /// Record what the cluster shows, for `backstay diagnose --replay`
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Keep evidence of a failure in this folder, too
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence_dir: Option<PathBuf>,
    /// Most revisions to keep; 0 keeps all
    #[arg(long, env = "HELM_MAX_HISTORY", default_value_t = 10)]
    pub(crate) history_max: u32,
    #[command(flatten)]
    pub(crate) locking: LockArgs,
    /// Do not print the chart's notes
    #[arg(long)]
    pub(crate) hide_notes: bool,
    /// table, or json for one event a line
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// What happens with a release that another run holds or left.
#[derive(Args, Clone, Debug)]
pub(crate) struct LockArgs {
    /// What to do with a rollout that a dead run left unfinished
    #[arg(long, value_enum, default_value = "rollback")]
    pub(crate) on_interrupted: OnInterrupted,
    #[command(flatten)]
    pub(crate) busy: BusyArgs,
}

/// What happens while another rollout holds the release.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct BusyArgs {
    /// How long to wait while another rollout holds the release
    #[arg(long, value_parser = duration, value_name = "DURATION", default_value = "0s", hide_default_value = true)]
    pub(crate) wait_for_lock: Duration,
    /// Take the release over although another rollout may still be alive
    #[arg(long)]
    pub(crate) take_over: bool,
}

/// What happens with a rollout that a dead run left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInterrupted {
    /// Go back to what worked.
    #[default]
    Rollback,
    /// Go on where it was.
    Continue,
    /// Leave it and say so.
    Refuse,
}

/// `backstay resume`.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// Release name
    pub(crate) name: String,
    /// Go on, or go back
    #[arg(long, value_enum, default_value = "continue")]
    pub(crate) on_interrupted: OnInterrupted,
    #[command(flatten)]
    pub(crate) tell: NotifyArgs,
    /// File with what a team has decided; of it, who is told how it ended
    #[arg(long, env = "BACKSTAY_POLICY", value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) busy: BusyArgs,
    /// table, or json for one event a line
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// How values of the revision before are reused (Helm `reuseValues`).
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReuseArgs {
    /// Only the chart's values and those given now
    #[arg(long)]
    pub(crate) reset_values: bool,
    /// The values of the revision before, with those given now on top
    #[arg(long)]
    pub(crate) reuse_values: bool,
    /// The chart's new values, those given before, then those given now
    #[arg(long)]
    pub(crate) reset_then_reuse_values: bool,
}

/// `backstay deploy`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DeployArgs {
    /// Release name and chart (a folder or a .tgz); the chart alone with --generate-name or --name-template
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required_unless_present_any = ["plan", "group", "values"])]
    pub(crate) name_and_chart: Vec<String>,
    #[command(flatten)]
    pub(crate) name: NameArgs,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
    #[command(flatten)]
    pub(crate) apply: ApplyArgs,
    #[command(flatten)]
    pub(crate) reuse: ReuseArgs,
    /// Run the chart's tests once everything is ready; one that fails is a failure, and what worked comes back
    #[arg(long)]
    pub(crate) test: bool,
    /// Carry out exactly what `plan --out FILE` kept, or refuse because something has changed since
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// Deploy the releases of this file, in the order of their needs (docs/fleet.md)
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    pub(crate) group: Option<PathBuf>,
    /// With --group: how many releases at once
    #[arg(long, value_name = "NUMBER", requires = "group")]
    pub(crate) concurrency: Option<usize>,
    /// With --group: what becomes of the others when one fails
    #[arg(long, value_enum, requires = "group")]
    pub(crate) on_failure: Option<crate::group::OnFailure>,
}

/// Whether and for what is waited, and what happens on failure.
#[derive(Args, Clone, Debug)]
pub(crate) struct WaitArgs {
    /// Wait until the objects are ready
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    pub(crate) wait: Option<WaitStrategy>,
    /// Wait for Jobs, too
    #[arg(long)]
    pub(crate) wait_for_jobs: bool,
    /// Go back on failure (Helm 4's name of --atomic)
    #[arg(long, visible_alias = "atomic")]
    pub(crate) rollback_on_failure: bool,
}

/// `backstay install`.
#[derive(Args, Debug)]
pub(crate) struct InstallArgs {
    /// Release name and chart (a folder or a .tgz); the chart alone with --generate-name or --name-template
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required = true)]
    pub(crate) name_and_chart: Vec<String>,
    #[command(flatten)]
    pub(crate) name: NameArgs,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
    #[command(flatten)]
    pub(crate) apply: ApplyArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    /// Use the name of an uninstalled or failed release again
    #[arg(long)]
    pub(crate) replace: bool,
}

/// `backstay upgrade`.
#[derive(Args, Debug)]
pub(crate) struct UpgradeArgs {
    /// Release name
    pub(crate) name: String,
    /// Chart folder or .tgz
    pub(crate) chart: String,
    /// Install the release if it does not exist
    #[arg(short = 'i', long)]
    pub(crate) install: bool,
    /// Delete what a failed upgrade created
    #[arg(long)]
    pub(crate) cleanup_on_fail: bool,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
    #[command(flatten)]
    pub(crate) apply: ApplyArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) reuse: ReuseArgs,
}

/// `backstay rollback`.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    /// Release name
    pub(crate) name: String,
    /// Revision to go back to; without it, the one before
    pub(crate) revision: Option<u32>,
    #[command(flatten)]
    pub(crate) busy: BusyArgs,
    /// Delete what a failed rollback created
    #[arg(long)]
    pub(crate) cleanup_on_fail: bool,
    /// Wait until the objects are ready
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    pub(crate) wait: Option<WaitStrategy>,
    /// Wait for Jobs, too
    #[arg(long)]
    pub(crate) wait_for_jobs: bool,
    /// Time for the rollback
    #[arg(long, value_parser = timeout, value_name = "DURATION")]
    pub(crate) timeout: Option<Timeout>,
    /// Total for this command
    #[arg(long, env = "BACKSTAY_DEADLINE", value_parser = duration, value_name = "DURATION")]
    pub(crate) deadline: Option<Duration>,
    /// Do not run hooks
    #[arg(long)]
    pub(crate) no_hooks: bool,
    /// Take over fields that other tools own
    #[arg(long, conflicts_with = "force_replace")]
    pub(crate) force_conflicts: bool,
    /// Write whole objects instead of applying them: what other tools set on them is lost
    #[arg(long, visible_alias = "force")]
    pub(crate) force_replace: bool,
    /// Only show what would be done
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "client", default_value = "none", hide_default_value = true)]
    pub(crate) dry_run: DryRun,
    /// Text for the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Refused
    #[arg(long, hide = true)]
    pub(crate) recreate_pods: bool,
    /// Always
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = ["true", "false", "auto"])]
    pub(crate) server_side: Option<String>,
    /// When a failure counts as certain
    #[arg(long, value_enum)]
    pub(crate) fail_fast: Option<FailFast>,
    #[command(flatten)]
    pub(crate) grace: super::diagnose::GraceArgs,
    #[command(flatten)]
    pub(crate) tell: NotifyArgs,
    /// File with what a team has decided: graces, receivers of messages; flags win over it
    #[arg(long, env = "BACKSTAY_POLICY", value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Record what the cluster shows, for `backstay diagnose --replay`
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Keep evidence of a failure in this folder, too
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence_dir: Option<PathBuf>,
    /// Most revisions to keep; 0 keeps all
    #[arg(long, env = "HELM_MAX_HISTORY", default_value_t = 10)]
    pub(crate) history_max: u32,
    /// table, or json for one event a line
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay uninstall`.
#[derive(Args, Debug)]
pub(crate) struct UninstallArgs {
    /// Release names
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Keep the history; the release is marked uninstalled
    #[arg(long)]
    pub(crate) keep_history: bool,
    /// Only show what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Text for the history that is kept
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// A release that does not exist is fine
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
    /// Do not run hooks
    #[arg(long)]
    pub(crate) no_hooks: bool,
    /// What becomes of what the objects own, such as pods
    #[arg(long, value_enum, default_value = "foreground")]
    pub(crate) cascade: Cascade,
    /// Wait until everything is gone (it always is; kept for Helm's command lines)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "watcher", hide = true)]
    pub(crate) wait: Option<String>,
    /// Time for the uninstall
    #[arg(long, value_parser = duration, default_value = "5m", value_name = "DURATION")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) tell: NotifyArgs,
    /// File with what a team has decided; of it, who is told how it ended
    #[arg(long, env = "BACKSTAY_POLICY", value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// table, or json for one event a line
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Releases of every namespace
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only names
    #[arg(short = 'q', long)]
    pub(crate) short: bool,
    /// Without the header line
    #[arg(long)]
    pub(crate) no_headers: bool,
    /// Only failed releases
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only deployed releases
    #[arg(long)]
    pub(crate) deployed: bool,
    /// Only releases with a pending operation
    #[arg(long)]
    pub(crate) pending: bool,
    /// Only uninstalled releases
    #[arg(long)]
    pub(crate) uninstalled: bool,
    /// Only superseded releases
    #[arg(long)]
    pub(crate) superseded: bool,
    /// Only releases that are being uninstalled
    #[arg(long)]
    pub(crate) uninstalling: bool,
    /// Only releases whose name fits this regular expression
    #[arg(short = 'f', long, value_name = "PATTERN")]
    pub(crate) filter: Option<String>,
    /// Only releases whose record has these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Sort by the time of the last change
    #[arg(short = 'd', long)]
    pub(crate) date: bool,
    /// The other way round
    #[arg(short = 'r', long)]
    pub(crate) reverse: bool,
    /// Leave out so many at the beginning
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    pub(crate) offset: usize,
    /// Every status (the default; Helm 3's flag)
    #[arg(short = 'a', long, hide = true)]
    pub(crate) all: bool,
    /// Layout of times, in Go's form: '2006-01-02 15:04:05Z0700'
    #[arg(long, value_name = "LAYOUT")]
    pub(crate) time_format: Option<String>,
    /// Most releases to show; 0 shows all
    #[arg(short = 'm', long, default_value_t = 256)]
    pub(crate) max: usize,
    /// table, json or yaml
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// Release name
    pub(crate) name: String,
    /// Most revisions to show
    #[arg(long, default_value_t = 256)]
    pub(crate) max: usize,
    /// A column with the revision that was gone back to
    #[arg(long)]
    pub(crate) show_rollback_revision: bool,
    /// table, json or yaml
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Release name
    pub(crate) name: String,
    /// Revision; without it, the last
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    pub(crate) revision: u32,
    /// Without effect (Helm 3's flag)
    #[arg(long, hide = true)]
    pub(crate) show_desc: bool,
    /// Without effect (Helm 3's flag)
    #[arg(long, hide = true)]
    pub(crate) show_resources: bool,
    /// table, json or yaml
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay get`.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// What to show
    #[command(subcommand)]
    pub(crate) what: GetWhat,
}

/// One release, one revision.
#[derive(Args, Debug)]
pub(crate) struct GetOne {
    /// Release name
    pub(crate) name: String,
    /// Revision; without it, the last
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    pub(crate) revision: u32,
}

/// What `backstay get` shows.
#[derive(Debug, Subcommand)]
pub(crate) enum GetWhat {
    /// The values given to a revision
    Values {
        #[command(flatten)]
        one: GetOne,
        /// With the chart's own values
        #[arg(short = 'a', long)]
        all: bool,
        /// table, json or yaml
        #[arg(short = 'o', long, value_enum, default_value = "table")]
        output: OutputFormat,
    },
    /// Everything of a revision
    All {
        #[command(flatten)]
        one: GetOne,
        /// Go template to print it by, e.g. '{{.Release.Name}}'
        #[arg(long, value_name = "TEMPLATE")]
        template: Option<String>,
    },
    /// Chart, versions, labels and state of a revision
    Metadata {
        #[command(flatten)]
        one: GetOne,
        /// table, json or yaml
        #[arg(short = 'o', long, value_enum, default_value = "table")]
        output: OutputFormat,
    },
    /// The manifest of a revision
    Manifest(GetOne),
    /// The hooks of a revision
    Hooks(GetOne),
    /// The notes of a revision
    Notes(GetOne),
}
