//! An API that kubectl and helm can use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::process::{Run, Started, binary, tool};

/// The API of a world, as long as this value lives.
#[derive(Debug)]
pub struct Served {
    kubeconfig: PathBuf,
    namespace: String,
    server: Option<Started>,
}

impl Served {
    pub(crate) fn real(kubeconfig: &Path, namespace: &str) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), namespace: namespace.to_owned(), server: None }
    }

    pub(crate) fn sandbox(file: &Path, directory: &Path, namespace: &str, speed: &str) -> Self {
        let kubeconfig = directory.join("kubeconfig");
        let words = [
            "sandbox".to_owned(),
            "serve".to_owned(),
            format!("--write-kubeconfig={}", kubeconfig.display()),
            format!("--sandbox={}", file.display()),
            format!("--sandbox-speed={speed}"),
        ];
        let server = Started::new(&binary(), &words, &[]);
        let _ = server.wait_for("serving", Duration::from_secs(30));
        Self { kubeconfig, namespace: namespace.to_owned(), server: Some(server) }
    }

    /// The file that leads to it.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Starts `backstay` on it, beside whoever else uses it, with more variables.
    #[must_use]
    pub fn start_backstay(&self, words: &[String], variables: &[(&str, &str)]) -> Started {
        let mut words = words.to_vec();
        words.extend(["-n".to_owned(), self.namespace.clone()]);
        words.push(format!("--kubeconfig={}", self.kubeconfig.display()));
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (*name, std::ffi::OsStr::new(*value))).collect();
        Started::new(&binary(), &words, &variables)
    }

    /// Runs kubectl in the namespace.
    #[must_use]
    pub fn kubectl(&self, arguments: &[&str]) -> Run {
        let kubectl = tool("kubectl").expect("kubectl is installed");
        self.run(&kubectl, "--kubeconfig", arguments)
    }

    /// Runs kubectl with `-o json` and reads its answer.
    #[must_use]
    pub fn kubectl_json(&self, arguments: &[&str]) -> Value {
        let mut words = arguments.to_vec();
        words.extend(["-o", "json"]);
        self.kubectl(&words).exits(0).json()
    }

    /// Runs a helm, `helm3` or `helm4`; `None` where it is not installed.
    #[must_use]
    pub fn helm(&self, which: &str, arguments: &[&str]) -> Option<Run> {
        let Some(helm) = tool(which) else {
            eprintln!("SKIPPED: {which} is not installed; `cargo xtask setup` builds it");
            return None;
        };
        Some(self.run(&helm, "--kubeconfig", arguments))
    }

    /// Starts a helm and leaves it running; `None` where it is not installed.
    #[must_use]
    pub fn start_helm(&self, which: &str, arguments: &[&str]) -> Option<Started> {
        let Some(helm) = tool(which) else {
            eprintln!("SKIPPED: {which} is not installed; `cargo xtask setup` builds it");
            return None;
        };
        Some(self.start(&helm, "--kubeconfig", arguments))
    }

    fn run(&self, program: &Path, flag: &str, arguments: &[&str]) -> Run {
        self.start(program, flag, arguments).finish(crate::PATIENCE)
    }

    fn start(&self, program: &Path, flag: &str, arguments: &[&str]) -> Started {
        let mut words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        words.extend([
            format!("{flag}={}", self.kubeconfig.display()),
            "-n".to_owned(),
            self.namespace.clone(),
        ]);
        Started::new(program, &words, &[])
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The server saves the sandbox when it is told to stop.
        if let Some(server) = self.server.take() {
            server.signal("INT");
            let _ = server.finish(Duration::from_secs(30));
        }
    }
}
