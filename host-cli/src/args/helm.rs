//! Flags that exist for Helm's command lines: some are done elsewhere by default, some are refused with their reason.
//! `docs/compatibility.md` lists all.

use clap::Args;

use crate::exit::Stop;

/// Of everything that renders a chart.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct HelmArgs {
    /// Fetch missing dependencies of a chart's folder first
    #[arg(long)]
    pub(crate) dependency_update: bool,
    /// Show the notes of subcharts, too
    #[arg(long)]
    pub(crate) render_subchart_notes: bool,
    /// The server checks objects when it gets them; there is no second check to leave out
    #[arg(long, hide = true)]
    pub(crate) disable_openapi_validation: bool,
    /// With --dry-run: leave out the content of Secrets
    #[arg(long)]
    pub(crate) hide_secret: bool,
    /// Let templates ask name servers (`getHostByName`)
    #[arg(long)]
    pub(crate) enable_dns: bool,
    /// Always
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = ["true", "false", "auto"])]
    pub(crate) server_side: Option<String>,
}

impl HelmArgs {
    /// Refuses what is not done.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let _no_effect = self.disable_openapi_validation;
        server_side(self.server_side.as_deref())
    }
}

/// Objects are applied on the server: only so can two owners of fields be told apart.
pub(crate) fn server_side(given: Option<&str>) -> anyhow::Result<()> {
    if given == Some("false") {
        return Err(Stop::refused(
            "--server-side=false is refused: objects are applied on the server, so that what others own is left alone",
        ));
    }
    Ok(())
}

/// Of `template`, where Helm takes every flag of `install` and uses none of these.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Without effect")]
pub(crate) struct TemplateHelmArgs {
    #[arg(long, hide = true, alias = "atomic")]
    pub(crate) rollback_on_failure: bool,
    #[arg(long, hide = true)]
    pub(crate) create_namespace: bool,
    #[arg(long, hide = true)]
    pub(crate) description: Option<String>,
    #[arg(long, hide = true, alias = "force")]
    pub(crate) force_replace: bool,
    #[arg(long, hide = true)]
    pub(crate) force_conflicts: bool,
    #[arg(short = 'l', long, hide = true)]
    pub(crate) labels: Vec<String>,
    #[arg(long, hide = true)]
    pub(crate) replace: bool,
    #[arg(long, hide = true)]
    pub(crate) take_ownership: bool,
    #[arg(long, hide = true)]
    pub(crate) timeout: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    pub(crate) wait: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) wait_for_jobs: bool,
    #[arg(long, hide = true)]
    pub(crate) hide_notes: bool,
}
