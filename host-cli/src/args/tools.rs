//! Flags of the commands around charts: fetching, packing, repositories, registries. All are Helm's.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::global::OutputFormat;
use super::source::{SourceArgs, TransportArgs, VerifyArgs};
use crate::notify::Hidden;

fn duration(text: &str) -> Result<Duration, String> {
    backstay_core::object::parse_duration(text).map_err(|error| error.to_string())
}

/// `backstay pull`.
#[derive(Args, Debug)]
pub(crate) struct PullArgs {
    /// Charts: an address, or a name in a repository
    #[arg(required = true, value_name = "CHART")]
    pub(crate) charts: Vec<String>,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Folder for the archive
    #[arg(short = 'd', long, value_name = "DIR", default_value = ".")]
    pub(crate) destination: PathBuf,
    /// Unpack the archive instead of keeping it
    #[arg(long)]
    pub(crate) untar: bool,
    /// Folder to unpack into, below --destination
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) untardir: PathBuf,
    /// Fetch the provenance file, too, without checking it
    #[arg(long)]
    pub(crate) prov: bool,
}

/// `backstay push`.
#[derive(Args, Debug)]
pub(crate) struct PushArgs {
    /// Archive of a chart
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,
    /// Where to: oci://HOST/PATH
    #[arg(value_name = "REMOTE")]
    pub(crate) remote: String,
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
}

/// `backstay package`.
#[derive(Args, Debug)]
pub(crate) struct PackageArgs {
    /// Folders of charts
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// Version to give to the chart
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// appVersion to give to the chart
    #[arg(long, value_name = "VERSION")]
    pub(crate) app_version: Option<String>,
    /// Folder for the archive
    #[arg(short = 'd', long, value_name = "DIR", default_value = ".")]
    pub(crate) destination: PathBuf,
    /// Fetch the dependencies first
    #[arg(short = 'u', long)]
    pub(crate) dependency_update: bool,
    /// Sign the archive: a provenance file is written beside it
    #[arg(long)]
    pub(crate) sign: bool,
    /// Name of the key to sign with, or a part of it
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<String>,
    /// File with the private key (`gpg --export-secret-keys`)
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,
    /// File with the passphrase of the key; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
}

/// `backstay verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyChartArgs {
    /// Archive of a chart, with its provenance file beside it
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,
    /// Public keys to check it by; without it, GnuPG's pubring.gpg or pubring.kbx
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,
}

/// `backstay dependency`.
#[derive(Debug, Subcommand)]
pub(crate) enum DependencyCommand {
    /// Show the dependencies of a chart and what is in charts/
    #[command(visible_alias = "ls")]
    List {
        /// Folder or archive of a chart
        #[arg(default_value = ".")]
        chart: String,
        /// Widest column
        #[arg(long, default_value_t = 80, value_name = "CHARACTERS")]
        max_col_width: usize,
    },
    /// Fetch what Chart.yaml asks for into charts/ and write Chart.lock
    #[command(visible_alias = "up")]
    Update(DependencyArgs),
    /// Fetch what Chart.lock says into charts/
    Build(DependencyArgs),
}

/// Flags of `dependency update` and `build`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DependencyArgs {
    /// Folder of a chart
    #[arg(default_value = ".")]
    pub(crate) chart: PathBuf,
    /// Do not fetch the indexes of named repositories anew
    #[arg(long)]
    pub(crate) skip_refresh: bool,
    #[command(flatten)]
    pub(crate) verify: VerifyArgs,
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
}

/// `backstay repo`.
#[derive(Debug, Subcommand)]
pub(crate) enum RepoCommand {
    /// Give a chart repository a name
    Add(RepoAddArgs),
    /// Fetch the indexes of repositories anew
    #[command(visible_alias = "up")]
    Update {
        /// Names; without one, every repository
        names: Vec<String>,
        /// Most time for an index
        #[arg(long, value_parser = duration, default_value = "2m", value_name = "DURATION")]
        timeout: Duration,
        /// One failure fails the command (it always does; Helm 3's flag)
        #[arg(long, hide = true)]
        fail_on_repo_update_fail: bool,
    },
    /// List repositories
    #[command(visible_alias = "ls")]
    List {
        /// Without the header line
        #[arg(long)]
        no_headers: bool,
        /// table, json or yaml
        #[arg(short = 'o', long, value_enum, default_value = "table")]
        output: OutputFormat,
    },
    /// Forget repositories
    #[command(visible_alias = "rm")]
    Remove {
        /// Names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Write the index of a folder of archives
    Index {
        /// The folder
        folder: PathBuf,
        /// Address of the repository
        #[arg(long, default_value = "", hide_default_value = true)]
        url: String,
        /// Index that this one is merged into
        #[arg(long, value_name = "FILE")]
        merge: Option<PathBuf>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// `backstay repo add`.
#[derive(Args, Debug)]
pub(crate) struct RepoAddArgs {
    /// Name
    pub(crate) name: String,
    /// Address
    pub(crate) url: String,
    /// Replace a repository of that name
    #[arg(long)]
    pub(crate) force_update: bool,
    /// Read the password from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Send user name and password to every host, not only to the repository's
    #[arg(long)]
    pub(crate) pass_credentials: bool,
    /// Take official repositories that are gone for ever, too
    #[arg(long)]
    pub(crate) allow_deprecated_repos: bool,
    /// Ignored (Helm 3's flag)
    #[arg(long, hide = true)]
    pub(crate) no_update: bool,
    /// Most time for the index
    #[arg(long, value_parser = duration, default_value = "2m", value_name = "DURATION")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
}

/// `backstay search`.
#[derive(Debug, Subcommand)]
pub(crate) enum SearchCommand {
    /// Look for charts in the repositories that have a name
    Repo(SearchRepoArgs),
    /// Look for charts in a hub (refused: it would tell a third party what you look for)
    Hub {
        /// Words
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// `backstay search repo`.
#[derive(Args, Debug)]
pub(crate) struct SearchRepoArgs {
    /// Text to look for
    #[arg(value_name = "TEXT")]
    pub(crate) words: Vec<String>,
    /// The word is a regular expression
    #[arg(short = 'r', long)]
    pub(crate) regexp: bool,
    /// Every version
    #[arg(short = 'l', long)]
    pub(crate) versions: bool,
    /// Pre-releases, too
    #[arg(long)]
    pub(crate) devel: bool,
    /// Range of versions
    #[arg(long, value_name = "RANGE")]
    pub(crate) version: Option<String>,
    /// Widest column
    #[arg(long, default_value_t = 50, value_name = "CHARACTERS")]
    pub(crate) max_col_width: usize,
    /// Finding nothing fails
    #[arg(long)]
    pub(crate) fail_on_no_result: bool,
    /// table, json or yaml
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
}

/// `backstay registry`.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Log in to a registry
    Login(RegistryLoginArgs),
    /// Forget a log-in
    Logout {
        /// Host and port
        host: String,
    },
}

/// `backstay registry login`.
#[derive(Args, Debug)]
pub(crate) struct RegistryLoginArgs {
    /// Host and port
    pub(crate) host: String,
    /// User name
    #[arg(short = 'u', long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Password or token
    #[arg(short = 'p', long, value_name = "PASSWORD")]
    pub(crate) password: Option<Hidden>,
    /// Read the password from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Do not check the registry's certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Speak plain HTTP
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// Certificate authority to check the registry by
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate to show
    #[arg(long, value_name = "FILE")]
    pub(crate) cert_file: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// `backstay version`.
#[derive(Args, Debug)]
pub(crate) struct VersionArgs {
    /// Only the number
    #[arg(long)]
    pub(crate) short: bool,
    /// Go template to print it by, e.g. '{{.Version}}'
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) template: Option<String>,
}

/// `backstay env`.
#[derive(Args, Debug)]
pub(crate) struct EnvArgs {
    /// One variable; without it, all
    pub(crate) name: Option<String>,
}

/// `backstay create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Name of the chart; a path makes it there
    pub(crate) name: String,
    /// Begin with this chart instead: a name below Helm's folder of starters, or an absolute path
    #[arg(short = 'p', long, value_name = "STARTER")]
    pub(crate) starter: Option<String>,
}

/// `backstay man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The folder to write the pages into
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `backstay completion`.
#[derive(Args, Debug)]
pub(crate) struct CompletionArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
    /// Without descriptions (they are left out where the shell's script has none)
    #[arg(long, hide = true)]
    pub(crate) no_descriptions: bool,
}

/// `backstay test`.
#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    /// Release name
    pub(crate) name: String,
    /// Show what the tests wrote
    #[arg(long)]
    pub(crate) logs: bool,
    /// Only these tests, or not these: name=a,name=b or !name=c
    #[arg(long, value_name = "FILTER", value_delimiter = ',')]
    pub(crate) filter: Vec<String>,
    /// Most time for each test
    #[arg(long, value_parser = duration, default_value = "5m", value_name = "DURATION")]
    pub(crate) timeout: Duration,
    /// Ignored: notes are never shown here (Helm 3's flag)
    #[arg(long, hide = true)]
    pub(crate) hide_notes: bool,
}
