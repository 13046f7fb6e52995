//! Flags for charts and their values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use backstay_core::plan::Severity;
use clap::{Args, Subcommand, ValueEnum};

use super::helm::{HelmArgs, TemplateHelmArgs};
use super::source::SourceArgs;

/// The values given to a chart, weakest first (Helm `pkg/cli/values/options.go`).
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Values")]
pub(crate) struct ValueArgs {
    /// File or http(s) address with values or a HelmRelease, `-` for standard input; may be repeated, later ones win
    #[arg(short = 'f', long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) values: Vec<String>,
    /// Set a value: a=b,c.d[0]=e
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Set a value that stays text
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set_string: Vec<String>,
    /// Set a value to the content of a file
    #[arg(long, value_name = "KEY=FILE")]
    pub(crate) set_file: Vec<String>,
    /// Set a value from JSON
    #[arg(long, value_name = "KEY=JSON")]
    pub(crate) set_json: Vec<String>,
    /// Set a value to text taken literally
    #[arg(long, value_name = "KEY=TEXT")]
    pub(crate) set_literal: Vec<String>,
    /// Documents with values below all of these: those of a HelmRelease.
    #[arg(skip)]
    pub(crate) below: Vec<(String, Vec<u8>)>,
    /// What was read already: standard input gives its text only once.
    #[arg(skip)]
    pub(crate) read: BTreeMap<String, Vec<u8>>,
}

/// Flags of everything that renders a chart.
#[derive(Args, Clone, Debug)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) helm: HelmArgs,
    /// Render as this Helm does: helm4 or helm3
    #[arg(long, env = "BACKSTAY_COMPAT", default_value = "helm4", value_parser = ["helm4", "helm3"])]
    pub(crate) compat: String,
    /// Do not check values against the chart's schema
    #[arg(long)]
    pub(crate) skip_schema_validation: bool,
    /// Do not install the chart's crds/ folder
    #[arg(long)]
    pub(crate) skip_crds: bool,
    /// Program that gets the manifest on its standard input and prints the one to use (hooks are not given to it)
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) post_renderer: Option<String>,
    /// Argument of the post-renderer; may be repeated
    #[arg(long, value_name = "ARGUMENT", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) post_renderer_args: Vec<String>,
    /// Labels and annotations of every object, from a HelmRelease.
    #[arg(skip)]
    pub(crate) common: crate::flux::CommonMetadata,
}

/// Where the name of a release comes from when it is not given (Helm `Install.NameAndChart`).
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct NameArgs {
    /// Make a name of the chart's and the time
    #[arg(short = 'g', long)]
    pub(crate) generate_name: bool,
    /// Go template that gives the name
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) name_template: Option<String>,
}

/// `backstay template`.
#[derive(Args, Debug)]
pub(crate) struct TemplateArgs {
    /// Release name and chart, or the chart alone
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required = true)]
    pub(crate) name_and_chart: Vec<String>,
    #[command(flatten)]
    pub(crate) name: NameArgs,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
    #[command(flatten)]
    pub(crate) without_effect: TemplateHelmArgs,
    /// Only the manifests of these templates
    #[arg(short = 's', long, value_name = "TEMPLATE")]
    pub(crate) show_only: Vec<String>,
    /// Include the chart's crds/ folder
    #[arg(long)]
    pub(crate) include_crds: bool,
    /// Leave out tests
    #[arg(long)]
    pub(crate) skip_tests: bool,
    /// Leave out hooks
    #[arg(long)]
    pub(crate) no_hooks: bool,
    /// Set .Release.IsUpgrade instead of .Release.IsInstall
    #[arg(long)]
    pub(crate) is_upgrade: bool,
    /// Kubernetes version for .Capabilities
    #[arg(long, value_name = "VERSION")]
    pub(crate) kube_version: Option<String>,
    /// API versions for .Capabilities
    #[arg(short = 'a', long, value_name = "VERSION", value_delimiter = ',')]
    pub(crate) api_versions: Vec<String>,
    /// Write one file per template into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// With --output-dir: below a folder of the release's name
    #[arg(long)]
    pub(crate) release_name: bool,
    /// client renders without a cluster; server asks it for versions and look-ups and lets it check every object
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "client", default_value = "client", hide_default_value = true)]
    pub(crate) dry_run: TemplateDryRun,
    /// The same as --dry-run=server (Helm's old flag)
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) validate: bool,
    /// Show every independent error of the chart, not only the first
    #[arg(long)]
    pub(crate) all_errors: bool,
}

impl TemplateArgs {
    /// Whether a cluster takes part.
    pub(crate) fn is_online(&self) -> bool {
        self.validate || self.dry_run == TemplateDryRun::Server
    }
}

/// What `template --dry-run` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateDryRun {
    /// No cluster.
    #[value(aliases = ["true", "none", "false"])]
    Client,
    /// A cluster that is asked, not changed.
    Server,
}

/// `backstay lint`.
#[derive(Args, Debug)]
pub(crate) struct LintArgs {
    /// Folders or archives of charts
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    /// Lint as this Helm does: helm4 or helm3
    #[arg(long, env = "BACKSTAY_COMPAT", default_value = "helm4", value_parser = ["helm4", "helm3"])]
    pub(crate) compat: String,
    /// Warnings fail, too
    #[arg(long)]
    pub(crate) strict: bool,
    /// Only warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
    /// The charts below charts/, too
    #[arg(long)]
    pub(crate) with_subcharts: bool,
    /// Do not check values against the chart's schema
    #[arg(long)]
    pub(crate) skip_schema_validation: bool,
    /// Kubernetes version for .Capabilities and for what is deprecated
    #[arg(long, value_name = "VERSION")]
    pub(crate) kube_version: Option<String>,
    /// Leave out a rule of ours (docs/lint.md); may be repeated
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = rule)]
    pub(crate) ignore: Vec<String>,
    /// Rules of your own as WebAssembly (docs/policy.md); may be repeated
    #[arg(long, env = "BACKSTAY_POLICY_MODULE", value_name = "FILE", value_delimiter = ',')]
    pub(crate) policy_module: Vec<PathBuf>,
    /// Fail when a rule of ours finds something as bad as this, too
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOn>,
    /// table, json, or sarif for tools of code review
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: LintFormat,
}

/// From which severity on findings of ours fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// What the server refuses, or what cannot succeed.
    Error,
    /// And what works until it does not.
    Warning,
    /// Everything.
    Info,
}

impl FailOn {
    /// The same in the words of the core.
    pub(crate) const fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Info => Severity::Info,
        }
    }
}

/// How `lint` prints what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// For people: Helm's messages on standard output, ours beside them.
    Table,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// A code that exists: a misspelt one would leave nothing out.
pub(super) fn rule(code: &str) -> Result<String, String> {
    match backstay_core::plan::rule_of(code) {
        Some(rule) => Ok(rule.code.to_owned()),
        None => Err(format!("there is no rule {code:?}; docs/lint.md has them all")),
    }
}

/// What `backstay show` shows.
#[derive(Debug, Subcommand)]
pub(crate) enum ShowCommand {
    /// Everything
    All(ShowArgs),
    /// Chart.yaml
    Chart(ShowArgs),
    /// The default values
    Values {
        #[command(flatten)]
        show: ShowArgs,
        /// Only what this JSONPath leads to, e.g. '{.image.tag}'
        #[arg(long, value_name = "TEMPLATE")]
        jsonpath: Option<String>,
    },
    /// The README
    Readme(ShowArgs),
    /// The files of crds/
    Crds(ShowArgs),
}

/// The chart to show.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Folder, archive or address of a chart, or its name in a repository
    pub(crate) chart: String,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Show as this Helm does: helm4 or helm3
    #[arg(long, env = "BACKSTAY_COMPAT", default_value = "helm4", value_parser = ["helm4", "helm3"])]
    pub(crate) compat: String,
}
