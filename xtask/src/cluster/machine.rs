//! What a node changes on the machine outside its folder: kernel settings (the kubelet and the CNI plugins set them) and a
//! few folders with fixed places. The first node notes how things were, the last one to go puts them back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::network::{self, Bridge};

/// In a place that a restart empties, as it resets the kernel's settings.
const NOTE: &str = "/run/backstay-cluster.json";
const LOCK: &str = "/run/backstay-cluster.lock";

/// Below /proc/sys.
const SETTINGS: &[&str] = &[
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
];

/// Files and folders with places that cannot be chosen; what is inside comes before what it is in.
const PLACES: &[&str] = &[
    "/run/containerd/runc/k8s.io",
    "/run/containerd/runc",
    "/run/containerd/s",
    "/run/containerd",
    "/usr/libexec/kubernetes/kubelet-plugins/volume/exec",
    "/usr/libexec/kubernetes/kubelet-plugins/volume",
    "/usr/libexec/kubernetes/kubelet-plugins",
    "/usr/libexec/kubernetes",
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/var/lib/kubelet/device-plugins/kubelet.sock",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
    "/var/log/containers",
];

/// How the machine was before the first node.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    settings: Vec<(String, String)>,
    missing: Vec<PathBuf>,
}

/// Makes a bridge, and notes how the machine is when it is the first one.
pub(crate) fn enter() -> anyhow::Result<Bridge> {
    let _held = lock()?;
    if !Path::new(NOTE).exists() {
        let value = |name: &&str| {
            Some(((*name).to_owned(), fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?))
        };
        let note = Note {
            settings: SETTINGS.iter().filter_map(value).collect(),
            missing: places().into_iter().filter(|place| !place.exists()).collect(),
        };
        fs::write(NOTE, serde_json::to_vec(&note)?).with_context(|| format!("{NOTE}: cannot be written"))?;
    }
    Bridge::create()
}

/// Removes a bridge and, when it was the last one, puts the machine back as it was.
pub(crate) fn leave(bridge: &str) -> anyhow::Result<()> {
    let _held = lock()?;
    network::remove(bridge)?;
    if network::any()? || !Path::new(NOTE).exists() {
        return Ok(());
    }
    let note: Note =
        serde_json::from_slice(&fs::read(NOTE)?).with_context(|| format!("{NOTE}: is not readable"))?;
    for (name, value) in &note.settings {
        let file = Path::new("/proc/sys").join(name);
        if fs::read_to_string(&file).ok().as_ref() != Some(value) {
            fs::write(&file, value).with_context(|| format!("{}: cannot be set back", file.display()))?;
        }
    }
    for place in &note.missing {
        // A folder that somebody else uses by now is not empty and stays.
        let _stays_when_used = if place.is_dir() { fs::remove_dir(place) } else { fs::remove_file(place) };
    }
    fs::remove_file(NOTE).with_context(|| format!("{NOTE}: cannot be removed"))
}

/// The fixed places, and the control group of containers in each hierarchy (cgroup v1 has many, v2 one).
fn places() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies =
        fs::read_dir(root).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let groups = hierarchies.filter(|path| path.is_dir() && !path.is_symlink()).chain([root.to_path_buf()]);
    PLACES.iter().map(PathBuf::from).chain(groups.map(|hierarchy| hierarchy.join("k8s.io"))).collect()
}

/// Held until the file is closed.
fn lock() -> anyhow::Result<File> {
    let file = File::create(LOCK).with_context(|| format!("{LOCK}: cannot be made"))?;
    file.lock().with_context(|| format!("{LOCK}: cannot be locked"))?;
    Ok(file)
}
