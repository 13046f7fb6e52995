//! Flags that say where a chart comes from, and how its server is spoken to (Helm `addChartPathOptionsFlags`).

use std::path::PathBuf;

use clap::Args;

use crate::notify::Hidden;

/// How a server of charts is spoken to.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Chart source")]
pub(crate) struct TransportArgs {
    /// User name for the repository or registry
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Password for the repository or registry
    #[arg(long, value_name = "PASSWORD")]
    pub(crate) password: Option<Hidden>,
    /// Certificate authority to check the server by, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate to show to the server
    #[arg(long, value_name = "FILE")]
    pub(crate) cert_file: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Do not check the server's certificate
    #[arg(long)]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Speak plain HTTP to a registry
    #[arg(long)]
    pub(crate) plain_http: bool,
}

/// Which chart of which source.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Chart source")]
pub(crate) struct SourceArgs {
    /// Version of the chart, or a range such as ^1.2; without it, the newest release
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Pre-releases, too: the same as --version '>0.0.0-0'
    #[arg(long)]
    pub(crate) devel: bool,
    /// Address of the repository that has the chart
    #[arg(long, value_name = "URL")]
    pub(crate) repo: Option<String>,
    /// Send user name and password to every host, not only to the repository's
    #[arg(long)]
    pub(crate) pass_credentials: bool,
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
    #[command(flatten)]
    pub(crate) verify: VerifyArgs,
}

/// How the origin of an archive is checked.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Chart source")]
pub(crate) struct VerifyArgs {
    /// Check the chart's signature before it is used
    #[arg(long)]
    pub(crate) verify: bool,
    /// Public keys to check it by; without it, GnuPG's pubring.gpg or pubring.kbx
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,
}

impl SourceArgs {
    /// The version asked for; empty for the newest release. Helm: `--devel` counts only without `--version`.
    pub(crate) fn wanted(&self) -> &str {
        match self.version.as_deref().map(str::trim) {
            Some(version) if !version.is_empty() => version,
            _ if self.devel => ">0.0.0-0",
            _ => "",
        }
    }
}
