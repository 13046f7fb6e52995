//! Where Helm keeps its files (`pkg/helmpath`, `pkg/cli/environment.go`): the same files, so that what one has added
//! the other finds.

use std::env;
use std::path::PathBuf;

use crate::args::GlobalArgs;

/// The files and folders that Helm and Backstay share.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The names of repositories.
    pub(crate) repository_config: PathBuf,
    /// Their indexes.
    pub(crate) repository_cache: PathBuf,
    /// Archives by their digest (Helm 4).
    pub(crate) content_cache: PathBuf,
    /// Log-ins of registries.
    pub(crate) registry_config: PathBuf,
}

impl Settings {
    /// Flags first, then Helm's variables, then the XDG folders.
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let or = |flag: &Option<PathBuf>, default: PathBuf| flag.clone().unwrap_or(default);
        Self {
            repository_config: or(&global.repository_config, config_home().join("repositories.yaml")),
            repository_cache: or(&global.repository_cache, cache_home().join("repository")),
            content_cache: or(&global.content_cache, cache_home().join("content")),
            registry_config: or(&global.registry_config, config_home().join("registry/config.json")),
        }
    }

    /// The cached index of a repository.
    pub(crate) fn index_file(&self, repository: &str) -> PathBuf {
        self.repository_cache.join(format!("{repository}-index.yaml"))
    }

    /// The names of a repository's charts, one a line: shells complete from it.
    pub(crate) fn charts_file(&self, repository: &str) -> PathBuf {
        self.repository_cache.join(format!("{repository}-charts.txt"))
    }
}

/// The folder of Helm's caches.
pub(crate) fn cache_home() -> PathBuf {
    home("HELM_CACHE_HOME", "XDG_CACHE_HOME", ".cache", "Library/Caches")
}

/// The folder of Helm's configuration.
pub(crate) fn config_home() -> PathBuf {
    home("HELM_CONFIG_HOME", "XDG_CONFIG_HOME", ".config", "Library/Preferences")
}

/// The folder of Helm's data.
pub(crate) fn data_home() -> PathBuf {
    home("HELM_DATA_HOME", "XDG_DATA_HOME", ".local/share", "Library")
}

fn home(helm: &str, xdg: &str, below_home: &str, on_macos: &str) -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(helm).unwrap_or_else(|| {
        let base = set(xdg).unwrap_or_else(|| {
            let folder = if cfg!(target_os = "macos") { on_macos } else { below_home };
            env::home_dir().unwrap_or_default().join(folder)
        });
        base.join("helm")
    })
}
