//! A folder for one test: its own home of Helm's files, its own sandbox, its own charts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};

pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("backstay-sources-{name}-{}", std::process::id()));
        let _old = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("chart/templates")).unwrap();
        fs::write(folder.join("chart/Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.0.1\n").unwrap();
        let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-web'}\n\
                        data: {version: '{{ .Chart.Version }}'}\n";
        fs::write(folder.join("chart/templates/map.yaml"), template).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The archive of the test's chart with a version.
    pub(crate) fn archive(&self, version: &str) -> Vec<u8> {
        let path = self.path(&format!("archives/web-{version}.tgz"));
        if !path.exists() {
            let (chart, folder) = (self.path("chart"), self.path("archives"));
            let chart = chart.to_str().unwrap();
            self.ok(&["package", chart, "--version", version, "-d", folder.to_str().unwrap()]);
        }
        fs::read(path).unwrap()
    }

    /// The sha256 of that archive.
    pub(crate) fn digest(&self, version: &str) -> String {
        Sha256::digest(self.archive(version)).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn run_program(&self, program: &Path, words: &[&str]) -> Output {
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(&self.0)
            .env("HELM_CONFIG_HOME", self.path("config"))
            .env("HELM_CACHE_HOME", self.path("cache"))
            .env("HELM_DATA_HOME", self.path("data"))
            .env("HELM_PLUGINS", self.path("plugins"))
            .env("DOCKER_CONFIG", self.path("docker"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("BACKSTAY_SANDBOX", self.path("sandbox.json"));
        for name in ["HELM_REPOSITORY_CONFIG", "HELM_REPOSITORY_CACHE", "HELM_REGISTRY_CONFIG"] {
            command.env_remove(name);
        }
        for name in ["HELM_CONTENT_CACHE", "BACKSTAY_POLICY", "BACKSTAY_NOTIFY", "BACKSTAY_COMPAT"] {
            command.env_remove(name);
        }
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let mut words = words.to_vec();
        if ["deploy", "install", "upgrade", "history", "test"].contains(&words[0]) {
            words.push("--sandbox");
        }
        self.run_program(Path::new(env!("CARGO_BIN_EXE_backstay")), &words)
    }

    /// What a command prints that has to succeed.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(
            output.status.success(),
            "{words:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The exit code and what is told by a command that has to fail.
    pub(crate) fn fails(&self, words: &[&str]) -> (i32, String) {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A program that `cargo xtask setup` builds.
pub(crate) fn tool(path: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let base = set("BACKSTAY_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("backstay")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache/backstay")))?;
    let path = base.join("tools").join(path);
    path.exists().then_some(path)
}
