//! Flags for charts and their values.

use std::path::PathBuf;

use clap::Args;

/// The values given to a chart, weakest first (Helm `pkg/cli/values/options.go`).
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Values")]
pub(crate) struct ValueArgs {
    /// File with values, `-` for standard input; may be repeated, later ones win
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
}

/// Flags of everything that renders a chart.
#[derive(Args, Clone, Debug)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    /// Render as this Helm does: helm4 or helm3
    #[arg(long, env = "BACKSTAY_COMPAT", default_value = "helm4", value_parser = ["helm4", "helm3"])]
    pub(crate) compat: String,
    /// Do not check values against the chart's schema
    #[arg(long)]
    pub(crate) skip_schema_validation: bool,
    /// Do not install the chart's crds/ folder
    #[arg(long)]
    pub(crate) skip_crds: bool,
}

/// `backstay template`.
#[derive(Args, Debug)]
pub(crate) struct TemplateArgs {
    /// Release name and chart, or the chart alone
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required = true)]
    pub(crate) name_and_chart: Vec<String>,
    #[command(flatten)]
    pub(crate) render: RenderArgs,
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
}
