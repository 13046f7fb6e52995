//! What a running cluster consists of, kept in its folder as `cluster.json`: whatever is not written there is not ours and
//! is never touched.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::process::Process;

const FILE: &str = "cluster.json";

/// The parts of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// In the order in which they were started.
    pub(crate) processes: Vec<Process>,
    /// The network bridge of the pods.
    pub(crate) bridge: Option<String>,
    /// `127.0.0.1:PORT` of the registry that answers for every image name.
    pub(crate) registry: Option<String>,
    /// What the node is: `real`, or why not.
    pub(crate) node: String,
    /// Whether it ends with the process that started it.
    pub(crate) bound: bool,
}

impl State {
    /// The state of the cluster in a folder; nothing when there is none.
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Option<Self>> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read(&file).with_context(|| format!("{}: cannot be read", file.display()))?;
        serde_json::from_slice(&text)
            .map(Some)
            .with_context(|| format!("{}: is not a cluster's state", file.display()))
    }

    /// Keeps the state, replacing the file as a whole.
    pub(crate) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let (file, new) = (folder.join(FILE), folder.join(".cluster.json.new"));
        fs::write(&new, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("{}: cannot be written", new.display()))?;
        fs::rename(&new, &file).with_context(|| format!("{}: cannot be written", file.display()))
    }

    /// Forgets the cluster.
    pub(crate) fn remove(folder: &Path) -> anyhow::Result<()> {
        fs::remove_file(folder.join(FILE))
            .with_context(|| format!("{}: cannot forget the cluster", folder.display()))
    }

    /// Adds a process and keeps the state at once, so that a crash of ours leaves nothing unknown behind.
    pub(crate) fn add(&mut self, process: Process, folder: &Path) -> anyhow::Result<()> {
        self.processes.push(process);
        self.save(folder)
    }

    /// Puts a process in the place of the one of the same name, and keeps the state at once.
    pub(crate) fn replace(&mut self, process: Process, folder: &Path) -> anyhow::Result<()> {
        self.processes.retain(|former| former.name != process.name);
        self.add(process, folder)
    }

    /// The process of that name.
    pub(crate) fn process(&self, name: &str) -> Option<&Process> {
        self.processes.iter().find(|process| process.name == name)
    }
}

/// The folder of the cluster that is meant when none is named; one per user.
pub(crate) fn default_folder() -> PathBuf {
    std::env::temp_dir().join(format!("backstay-cluster-{}", rustix::process::geteuid().as_raw()))
}

/// Makes the folder for our eyes only: it holds the tokens of an administrator. One that belongs to somebody else is refused.
pub(crate) fn make_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("{}: cannot be found", folder.display()))?;
    let facts = fs::metadata(&folder)?;
    if facts.uid() != rustix::process::geteuid().as_raw() {
        bail!("{}: belongs to another user; name another folder with --dir", folder.display());
    }
    // A socket's path may have 107 bytes, and containerd's is the longest.
    if folder.as_os_str().len() > 70 {
        bail!("{}: the path is too long for sockets; name a shorter one with --dir", folder.display());
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    for part in ["log", "volumes"] {
        fs::create_dir_all(folder.join(part))
            .with_context(|| format!("{}: cannot be written", folder.display()))?;
    }
    Ok(folder)
}
