//! The way down: in the order in which nothing starts anything again, and only what `cluster.json` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::state::State;
use super::{control_plane, machine, network, node, process};
use crate::run;

/// Where the controller manager keeps the volumes it makes; the path is fixed in its source.
const VOLUMES: &str = "/tmp/hostpath_pv/";

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends the cluster in a folder and removes the folder. Goes on where a step fails and tells of all failures at the end;
/// the folder then stays, so that it can be tried again.
pub(crate) fn take_down(folder: &Path) -> anyhow::Result<()> {
    let Some(state) = State::load(folder)? else {
        println!("    no cluster in {}", folder.display());
        return Ok(());
    };
    // The mounts are listed under the real path.
    let folder = folder.canonicalize().with_context(|| format!("{}: cannot be found", folder.display()))?;
    let volumes = volumes(&folder, &state);
    let mut failures = Vec::new();
    let mut try_to = |what: &str, result: anyhow::Result<()>| {
        if let Err(error) = result {
            failures.push(format!("{what}: {error:#}"));
        }
    };
    for name in ["kwok", "kubelet", "kube-scheduler", "kube-controller-manager", "kube-apiserver"] {
        try_to(name, stop(&state, name));
    }
    if state.process("containerd").is_some_and(process::Process::is_alive) {
        try_to("containers", end_containers(&folder));
    }
    try_to("containerd", stop(&state, "containerd"));
    try_to("shims", end_shims(&folder));
    for name in ["registry", "etcd"] {
        try_to(name, stop(&state, name));
    }
    try_to("mounts", unmount_below(&folder));
    try_to("log links", remove_log_links(&folder));
    if let Some(bridge) = &state.bridge {
        try_to("bridge", machine::leave(bridge));
    }
    for volume in volumes.iter().filter(|volume| volume.exists()) {
        try_to("volume", fs::remove_dir_all(volume).map_err(Into::into));
    }
    // Only an existing place is one of ours, and only an empty one goes.
    let _stays_when_used = fs::remove_dir(VOLUMES);
    if !failures.is_empty() {
        bail!("{}: not everything could be ended: {}", folder.display(), failures.join("; "));
    }
    State::remove(&folder)?;
    fs::remove_dir_all(&folder).with_context(|| format!("{}: cannot be removed", folder.display()))
}

fn stop(state: &State, name: &str) -> anyhow::Result<()> {
    state.process(name).map_or(Ok(()), |process| process.stop(PATIENCE))
}

/// The volumes' folders on this machine, as the cluster still knows them.
fn volumes(folder: &Path, state: &State) -> Vec<PathBuf> {
    if !state.process("kube-apiserver").is_some_and(process::Process::is_alive) {
        return Vec::new();
    }
    let shown = "jsonpath={.items[*].spec.hostPath.path}";
    let paths =
        control_plane::kubectl(folder, &["get", "persistentvolumes", "-o", shown]).unwrap_or_default();
    let ours = |path: &&str| {
        path.strip_prefix(VOLUMES).is_some_and(|name| !name.is_empty() && !name.contains(['/', '.']))
    };
    paths.split_whitespace().filter(ours).map(PathBuf::from).collect()
}

fn end_containers(folder: &Path) -> anyhow::Result<()> {
    let list = |what: &str| -> anyhow::Result<Vec<String>> {
        Ok(node::ctr(folder, &[what, "list", "--quiet"])?.split_whitespace().map(str::to_owned).collect())
    };
    let containers = list("containers")?;
    for container in list("tasks")? {
        // One that just ended is what we want.
        let _ended = node::ctr(folder, &["tasks", "kill", "--signal", "SIGKILL", &container]);
    }
    // containerd clears away what has ended; its shims end with that.
    for _ in 0..30 {
        if process::with_argument(&socket(folder))?.is_empty() {
            break;
        }
        for container in list("tasks")? {
            let _gone = node::ctr(folder, &["tasks", "delete", "--force", &container]);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    network::forget(&containers)
}

/// Ends shims that are left: processes that name our containerd's socket.
fn end_shims(folder: &Path) -> anyhow::Result<()> {
    for shim in process::with_argument(&socket(folder))? {
        shim.stop(Duration::from_secs(1))?;
    }
    Ok(())
}

fn socket(folder: &Path) -> String {
    folder.join("containerd/sock").display().to_string()
}

/// Unmounts everything below the folder, the innermost first.
fn unmount_below(folder: &Path) -> anyhow::Result<()> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo cannot be read")?;
    for place in mounts_below(&table, folder).iter().rev() {
        run::read(Command::new("umount").arg("--lazy").arg(place))?;
    }
    Ok(())
}

/// Mount points below a folder in mount order. The fifth field of mountinfo is the mount point, with blanks as `\040`.
fn mounts_below(table: &str, folder: &Path) -> Vec<PathBuf> {
    let places = table.lines().filter_map(|line| line.split(' ').nth(4));
    places
        .map(|place| PathBuf::from(place.replace("\\040", " ")))
        .filter(|place| place.starts_with(folder))
        .collect()
}

/// The kubelet links the log of each container from a folder that all nodes of a machine share.
fn remove_log_links(folder: &Path) -> anyhow::Result<()> {
    let Ok(links) = fs::read_dir("/var/log/containers") else { return Ok(()) };
    for link in links {
        let link = link?.path();
        if fs::read_link(&link).is_ok_and(|target| target.starts_with(folder)) {
            fs::remove_file(&link)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_mounts() {
        let table = "1 0 0:1 / / rw - x x rw\n2 1 0:2 / /tmp/c/kubelet/a\\040b rw - x x rw\n\
                     3 1 0:2 / /tmp/cluster rw - x x rw\n4 2 0:3 / /tmp/c/kubelet/a\\040b/c rw - x x rw\n";
        let found = mounts_below(table, Path::new("/tmp/c"));
        assert_eq!(found, [Path::new("/tmp/c/kubelet/a b"), Path::new("/tmp/c/kubelet/a b/c")]);
    }
}
