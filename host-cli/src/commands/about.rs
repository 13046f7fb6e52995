//! `version`, `env` and `completion`: the program about itself.

use std::env;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;
use serde_json::json;

use crate::args::{Arguments, CompletionArgs, EnvArgs, GlobalArgs, ManArgs, VersionArgs};
use crate::sources::{Settings, cache_home, config_home, data_home};

/// The version as Helm writes its own.
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));
/// The commit it was built from, where the build says so: BACKSTAY_COMMIT, or git's for a release (build.rs).
const COMMIT: Option<&str> = option_env!("BACKSTAY_COMMIT");

/// What `--version` prints after the name.
pub(crate) const VERSION_LINE: &str = env!("BACKSTAY_VERSION_LINE");

pub(crate) fn version(arguments: &VersionArgs) -> anyhow::Result<ExitCode> {
    let commit = COMMIT.unwrap_or_default();
    if let Some(template) = arguments.template.as_deref().filter(|text| !text.is_empty()) {
        // Helm ends it without a newline, too.
        anstream::print!("{}", filled(template, commit)?);
        return Ok(ExitCode::SUCCESS);
    }
    match (arguments.short, commit.get(..7)) {
        (true, Some(short)) => anstream::println!("{VERSION}+g{short}"),
        (true, None) => anstream::println!("{VERSION}"),
        (false, _) => {
            let commit = if commit.is_empty() { String::new() } else { format!(", commit {commit}") };
            anstream::println!("backstay {VERSION}{commit}, with the rules of Helm 3.22 and 4.3");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Helm's fields. We know no Go, and say which Kubernetes our client speaks instead.
fn filled(template: &str, commit: &str) -> anyhow::Result<String> {
    let data = json!({
        "Version": VERSION,
        "GitCommit": commit,
        "GitTreeState": "",
        "GoVersion": "",
        "KubeClientVersion": "",
    });
    super::go_template::filled("version", template, &data)
}

/// Helm's variables with the values that count (`EnvSettings.EnvVars`).
pub(crate) fn environment(global: &GlobalArgs, arguments: &EnvArgs) -> anyhow::Result<ExitCode> {
    let variables = variables(global);
    match &arguments.name {
        Some(name) => {
            let value = variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
            // Helm prints an empty line for names it does not know.
            anstream::println!("{}", value.unwrap_or_default());
        }
        None => variables.iter().for_each(|(name, value)| anstream::println!("{name}=\"{value}\"")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Sorted by name.
fn variables(global: &GlobalArgs) -> Vec<(&'static str, String)> {
    let settings = Settings::new(global);
    let or = |name: &str, default: &str| {
        env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let path = |path: &std::path::Path| path.display().to_string();
    let own = env::current_exe().ok().map(|path| path.display().to_string()).unwrap_or_default();
    let flag_path = |value: &Option<std::path::PathBuf>| value.as_deref().map(path).unwrap_or_default();
    let kubeconfig = global.kubeconfig.as_deref().map_or_else(|| or("KUBECONFIG", ""), path);
    let mut found = vec![
        ("HELM_BIN", own),
        ("HELM_BURST_LIMIT", or("HELM_BURST_LIMIT", "100")),
        ("HELM_CACHE_HOME", path(&cache_home())),
        ("HELM_CONFIG_HOME", path(&config_home())),
        ("HELM_CONTENT_CACHE", path(&settings.content_cache)),
        ("HELM_DATA_HOME", path(&data_home())),
        ("HELM_DEBUG", global.debug.to_string()),
        ("HELM_KUBEAPISERVER", text(&global.kube_apiserver)),
        ("HELM_KUBEASGROUPS", global.kube_as_group.join(",")),
        ("HELM_KUBEASUSER", text(&global.kube_as_user)),
        ("HELM_KUBECAFILE", flag_path(&global.kube_ca_file)),
        ("HELM_KUBECONTEXT", text(&global.kube_context)),
        ("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", global.kube_insecure_skip_tls_verify.to_string()),
        ("HELM_KUBETLS_SERVER_NAME", text(&global.kube_tls_server_name)),
        // A token is not printed, whoever asks.
        ("HELM_KUBETOKEN", global.kube_token.as_ref().map(|_| "(set)".to_owned()).unwrap_or_default()),
        ("HELM_MAX_HISTORY", or("HELM_MAX_HISTORY", "10")),
        ("HELM_NAMESPACE", global.namespace.clone().unwrap_or_else(|| "default".to_owned())),
        ("HELM_PLUGINS", or("HELM_PLUGINS", &path(&data_home().join("plugins")))),
        ("HELM_QPS", or("HELM_QPS", "0.00")),
        ("HELM_REGISTRY_CONFIG", path(&settings.registry_config)),
        ("HELM_REPOSITORY_CACHE", path(&settings.repository_cache)),
        ("HELM_REPOSITORY_CONFIG", path(&settings.repository_config)),
    ];
    if !kubeconfig.is_empty() {
        found.push(("KUBECONFIG", kubeconfig));
    }
    found
}

/// Writes a page for the program and one for each command, `backstay-get-values.1`.
pub(crate) fn manual(arguments: &ManArgs) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn completion(arguments: &CompletionArgs) -> ExitCode {
    let mut command = Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "backstay", &mut std::io::stdout());
    let _same = arguments.no_descriptions;
    ExitCode::SUCCESS
}
