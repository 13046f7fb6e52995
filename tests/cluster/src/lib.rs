//! What the acceptance tests stand on: two worlds, one set of commands.
//!
//! A [`World`] is a cluster with a namespace of its own: the sandbox in a temporary file, or a real control plane named by
//! `BACKSTAY_TEST_KUBECONFIG` (which `cargo xtask test` sets). Everything a test creates goes with its world.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot do its work has to fail loudly"
)]

pub mod disturb;
mod process;
mod proxy;
mod receiver;
mod served;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

pub use process::{Run, Started, binary, tool};
pub use proxy::{Cut, Proxy, Weather};
pub use receiver::Receiver;
pub use served::Served;

/// How long one command may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Where a test runs.
#[derive(Debug)]
pub struct World {
    /// The namespace of this test.
    pub namespace: String,
    cluster: Cluster,
    directory: PathBuf,
}

#[derive(Debug)]
enum Cluster {
    Sandbox(PathBuf),
    Real(PathBuf),
}

/// What a test needs of the cluster's nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// Pods only have to become ready.
    Any,
    /// Containers have to run: pulls, crashes, probes, logs.
    Real,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl World {
    /// The sandbox, in a file of its own.
    #[must_use]
    pub fn sandbox(test: &str) -> Self {
        let directory = temporary(test);
        let file = directory.join("sandbox.json");
        Self { namespace: unique(test), cluster: Cluster::Sandbox(file), directory }
    }

    /// The real control plane, or `None` (and a line that says so) where there is none.
    #[must_use]
    pub fn real(test: &str, node: Node) -> Option<Self> {
        let simulated = std::env::var("BACKSTAY_TEST_NODE").is_ok_and(|node| node == "simulated");
        if node == Node::Real && simulated {
            eprintln!("LEFT OUT on the cluster: {test} needs a real node, this one is simulated");
            return None;
        }
        let Some(kubeconfig) = std::env::var_os("BACKSTAY_TEST_KUBECONFIG") else {
            eprintln!(
                "SKIPPED on the real cluster: BACKSTAY_TEST_KUBECONFIG is not set; `cargo xtask test` sets it"
            );
            return None;
        };
        Some(Self {
            namespace: unique(test),
            cluster: Cluster::Real(kubeconfig.into()),
            directory: temporary(test),
        })
    }

    /// Whether this is the sandbox.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        matches!(self.cluster, Cluster::Sandbox(_))
    }

    /// A folder of this test.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The flags that point a command at this world.
    fn flags(&self) -> Vec<String> {
        match &self.cluster {
            Cluster::Sandbox(file) => vec![format!("--sandbox={}", file.display())],
            Cluster::Real(kubeconfig) => vec![format!("--kubeconfig={}", kubeconfig.display())],
        }
    }

    /// Starts `backstay` with arguments; the namespace is given.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Started {
        let mut words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        words.extend(["-n".to_owned(), self.namespace.clone()]);
        words.extend(self.flags());
        Started::new(&binary(), &words, &[("XDG_STATE_HOME", self.directory.join("state").as_os_str())])
    }

    /// Runs `backstay` to its end.
    #[must_use]
    pub fn backstay(&self, arguments: &[&str]) -> Run {
        self.start(arguments).finish(PATIENCE)
    }

    /// Runs `backstay` as on another machine, which knows nothing but the cluster.
    #[must_use]
    pub fn backstay_elsewhere(&self, arguments: &[&str]) -> Run {
        let mut words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        words.extend(["-n".to_owned(), self.namespace.clone()]);
        words.extend(self.flags());
        let state = self.directory.join("elsewhere");
        Started::new(&binary(), &words, &[("XDG_STATE_HOME", state.as_os_str())]).finish(PATIENCE)
    }

    /// Runs `backstay` with arguments that name their cluster themselves.
    #[must_use]
    pub fn backstay_on(&self, arguments: &[&str]) -> Run {
        let state = self.directory.join("state");
        Started::new(&binary(), arguments, &[("XDG_STATE_HOME", state.as_os_str())]).finish(PATIENCE)
    }

    /// Deploys the test chart with values.
    #[must_use]
    pub fn deploy(&self, release: &str, values: &[&str]) -> Run {
        self.with_chart(&["deploy", release], values)
    }

    /// Runs a command on the test chart with values set.
    #[must_use]
    pub fn with_chart(&self, command: &[&str], values: &[&str]) -> Run {
        let words = self.chart_words(command, values);
        self.backstay(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The words of a command on the test chart.
    #[must_use]
    pub fn chart_words(&self, command: &[&str], values: &[&str]) -> Vec<String> {
        let mut words: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        words.insert(2.min(words.len()), chart("app").display().to_string());
        for value in values {
            words.push("--set".to_owned());
            words.push((*value).to_owned());
        }
        words
    }

    /// Opens the API for kubectl and helm: the real one, or the sandbox served on a free port as long as this lives.
    #[must_use]
    pub fn api(&self) -> Served {
        self.api_at("max")
    }

    /// The same; a sandbox's time passes as fast as everybody else's.
    #[must_use]
    pub fn api_in_real_time(&self) -> Served {
        self.api_at("1x")
    }

    fn api_at(&self, speed: &str) -> Served {
        match &self.cluster {
            Cluster::Real(kubeconfig) => Served::real(kubeconfig, &self.namespace),
            Cluster::Sandbox(file) => Served::sandbox(file, &self.directory, &self.namespace, speed),
        }
    }

    /// Objects of a kind in the namespace, e.g. `deployments.apps`.
    #[must_use]
    pub fn list(&self, kind: &str) -> Vec<Value> {
        let list = self.api().kubectl_json(&["get", kind]);
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// One object.
    #[must_use]
    pub fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.list(kind).into_iter().find(|object| object["metadata"]["name"] == name)
    }

    /// The history as our own code reads it: revision, status, description.
    #[must_use]
    pub fn history(&self, release: &str) -> Vec<(u64, String, String)> {
        let run = self.backstay(&["history", release, "-o", "json"]);
        if run.code != 0 {
            return Vec::new();
        }
        rows(&run.json())
    }
}

/// The rows of a history: revision, status, description.
#[must_use]
pub fn rows(history: &Value) -> Vec<(u64, String, String)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let rows = history.as_array().cloned().unwrap_or_default();
    rows.iter()
        .map(|row| (row["revision"].as_u64().unwrap_or(0), text(row, "status"), text(row, "description")))
        .collect()
}

/// A chart of `tests/charts`.
#[must_use]
pub fn chart(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts").join(name)
}

fn unique(test: &str) -> String {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let short: String = test
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(30)
        .collect();
    format!("t-{short}-{}-{number}", std::process::id())
}

fn temporary(test: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("backstay-{}", unique(test)));
    std::fs::create_dir_all(&directory).expect("a temporary folder can be made");
    directory
}

impl Drop for World {
    fn drop(&mut self) {
        if let Cluster::Real(kubeconfig) = &self.cluster {
            let served = Served::real(kubeconfig, &self.namespace);
            let _ = served.kubectl(&[
                "delete",
                "namespace",
                &self.namespace,
                "--wait=false",
                "--ignore-not-found",
            ]);
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
