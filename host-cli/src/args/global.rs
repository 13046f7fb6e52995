//! Flags that every command has: which cluster, which namespace, how to speak.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::group::Member;
use crate::reporter::Annotate;

/// Which cluster and how to speak. The names and environment variables are Helm's (`pkg/cli/environment.go`).
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct GlobalArgs {
    /// Namespace of the release
    #[arg(short = 'n', long, global = true, env = "HELM_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Path of the kubeconfig file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use
    #[arg(long, global = true, env = "HELM_KUBECONTEXT", value_name = "NAME")]
    pub(crate) kube_context: Option<String>,
    /// Bearer token
    #[arg(
        long,
        global = true,
        env = "HELM_KUBETOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        hide = true
    )]
    pub(crate) kube_token: Option<String>,
    /// User to impersonate
    #[arg(long, global = true, env = "HELM_KUBEASUSER", value_name = "USER", hide = true)]
    pub(crate) kube_as_user: Option<String>,
    /// Group to impersonate; may be repeated
    #[arg(long, global = true, value_name = "GROUP", hide = true)]
    pub(crate) kube_as_group: Vec<String>,
    /// Address of the API server
    #[arg(long, global = true, env = "HELM_KUBEAPISERVER", value_name = "URL", hide = true)]
    pub(crate) kube_apiserver: Option<String>,
    /// Certificate authority of the API server
    #[arg(long, global = true, env = "HELM_KUBECAFILE", value_name = "FILE", hide = true)]
    pub(crate) kube_ca_file: Option<PathBuf>,
    /// Server name to check the certificate against
    #[arg(long, global = true, env = "HELM_KUBETLS_SERVER_NAME", value_name = "NAME", hide = true)]
    pub(crate) kube_tls_server_name: Option<String>,
    /// Do not check the certificate of the API server
    #[arg(long, global = true, env = "HELM_KUBEINSECURE_SKIP_TLS_VERIFY", hide = true)]
    pub(crate) kube_insecure_skip_tls_verify: bool,
    /// Colours: auto, always or never
    #[arg(long, visible_alias = "colour", global = true, env = "HELM_COLOR", value_name = "WHEN", hide = true,
        default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub(crate) color: String,
    /// Without effect: the server says itself when it is asked too often
    #[arg(long, global = true, value_name = "NUMBER", hide = true)]
    pub(crate) burst_limit: Option<i64>,
    /// Without effect: the server says itself when it is asked too often
    #[arg(long, global = true, value_name = "NUMBER", hide = true)]
    pub(crate) qps: Option<f32>,
    /// File with the names of chart repositories
    #[arg(long, global = true, env = "HELM_REPOSITORY_CONFIG", value_name = "FILE", hide = true)]
    pub(crate) repository_config: Option<PathBuf>,
    /// Folder with the indexes of chart repositories
    #[arg(long, global = true, env = "HELM_REPOSITORY_CACHE", value_name = "DIR", hide = true)]
    pub(crate) repository_cache: Option<PathBuf>,
    /// Folder with fetched charts
    #[arg(long, global = true, env = "HELM_CONTENT_CACHE", value_name = "DIR", hide = true)]
    pub(crate) content_cache: Option<PathBuf>,
    /// File with the log-ins of registries
    #[arg(long, global = true, env = "HELM_REGISTRY_CONFIG", value_name = "FILE", hide = true)]
    pub(crate) registry_config: Option<PathBuf>,
    /// Use the cluster in a file instead of a real one
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) sandbox: Option<Option<PathBuf>>,
    /// Pace of the sandbox's own time: 1x is real, `max` does not wait at all
    #[arg(long, global = true, value_name = "SPEED", default_value = "max")]
    pub(crate) sandbox_speed: String,
    /// Show every decision and what it was made from
    #[arg(long, global = true, env = "HELM_DEBUG")]
    pub(crate) debug: bool,
    /// Plain lines even on a terminal
    #[arg(long, global = true)]
    pub(crate) plain: bool,
    /// Mark failures in a hosted pipeline, and write the job's summary
    #[arg(long, global = true, env = "BACKSTAY_ANNOTATE", value_name = "SYSTEM")]
    pub(crate) annotate: Option<Annotate>,
    /// The part of a group that this run is, and to whom it tells its end.
    #[arg(skip)]
    pub(crate) member: Option<Member>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    #[default]
    Table,
    /// One JSON document, or one event a line while something runs.
    Json,
    /// YAML.
    Yaml,
}
