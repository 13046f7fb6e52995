//! The node: a real one (registry, containerd, kubelet; needs root), or one that exists in the API only (kwok).

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::control_plane::{create, kubectl, until};
use super::network::Bridge;
use super::ports::Ports;
use super::process::Process;
use super::state::State;
use super::{NODE, image, machine};
use crate::{run, tools};

/// How long the node may take until it is ready: 4 to 18 s on two idle cores.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// Starts a real node and waits until it is ready.
pub(crate) fn start_real(folder: &Path, state: &mut State, ports: Ports) -> anyhow::Result<()> {
    let bridge = machine::enter()?;
    state.bridge = Some(bridge.name.clone());
    state.save(folder)?;
    bridge.write_cni(folder)?;
    start_registry(folder, state, ports.registry)?;
    start_containerd(folder, state, ports.registry)?;
    start_kubelet(folder, state, &bridge, ports.node)?;
    wait_ready(folder, state)
}

/// Starts kwok and gives it a node: pods become ready by its stages, and no image is ever pulled.
pub(crate) fn start_simulated(folder: &Path, state: &mut State, ports: Ports) -> anyhow::Result<()> {
    let process = Process::start(
        "kwok",
        &tools::KWOK.program("kwok")?,
        [
            format!("--kubeconfig={}", folder.join("kubeconfig").display()),
            "--manage-all-nodes=true".to_owned(),
            format!("--server-address=127.0.0.1:{}", ports.node),
            "--cidr=10.213.64.0/24".to_owned(),
            "--node-ip=10.213.64.1".to_owned(),
        ],
        &[("HOME", folder.display().to_string())],
        folder,
    )?;
    state.add(process, folder)?;
    let capacity = json!({"cpu": "8", "memory": "16Gi", "pods": "110"});
    create(
        folder,
        &json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}},
            "status": {"allocatable": capacity, "capacity": capacity},
        }),
    )?;
    wait_ready(folder, state)
}

fn wait_ready(folder: &Path, state: &State) -> anyhow::Result<()> {
    // The taint goes a moment after the condition comes.
    let shown = "jsonpath={.status.conditions[?(@.type=='Ready')].status} {.spec.taints[*].key}";
    until(READY_LIMIT, folder, state, || {
        Ok(kubectl(folder, &["get", "node", NODE, "-o", shown])?.trim() == "True")
    })
    .context("the node")
}

fn start_registry(folder: &Path, state: &mut State, port: u16) -> anyhow::Result<()> {
    let root = folder.join("registry");
    image::write_all(&root)?;
    let config = json!({
        "version": 0.1, "log": {"level": "warn"}, "http": {"addr": format!("127.0.0.1:{port}")},
        "storage": {"filesystem": {"rootdirectory": root}, "delete": {"enabled": true}},
    });
    // The registry wants its version as the number 0.1, which JSON keeps.
    let file = folder.join("registry.yaml");
    fs::write(&file, config.to_string())?;
    let arguments = ["serve".to_owned(), file.display().to_string()];
    let quiet = [("OTEL_TRACES_EXPORTER", "none".to_owned())];
    let process =
        Process::start("registry", &tools::REGISTRY.program("registry")?, arguments, &quiet, folder)?;
    state.registry = Some(format!("127.0.0.1:{port}"));
    state.add(process, folder)
}

fn start_containerd(folder: &Path, state: &mut State, registry_port: u16) -> anyhow::Result<()> {
    // One registry answers for all hosts, without asking the network: `_default` holds for every host, and `server`
    // replaces the host itself.
    let hosts = folder.join("certs.d/_default");
    fs::create_dir_all(&hosts)?;
    fs::write(hosts.join("hosts.toml"), format!("server = \"http://127.0.0.1:{registry_port}\"\n"))?;
    let snapshotter = if overlay_works(folder) { "overlayfs" } else { "native" };
    let folder_text = folder.display();
    let pause = image::PAUSE;
    fs::write(
        folder.join("containerd.toml"),
        format!(
            r#"version = 3
root = "{folder_text}/containerd/root"
state = "{folder_text}/containerd/state"
[grpc]
  address = "{folder_text}/containerd/sock"
[plugins.'io.containerd.internal.v1.opt']
  path = "{folder_text}/containerd/opt"
# Its socket has one place for the whole machine.
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "{snapshotter}"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{pause}"
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "{folder_text}/certs.d"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE, as in many sandboxes, every pod would fail to start.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "{folder_text}/cni"
"#
        ),
    )?;
    let program = tools::CONTAINERD.program("containerd")?;
    // It looks for its shim and for runc on PATH.
    let path = format!(
        "{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        tools::CONTAINERD.home()?.display()
    );
    let arguments = ["--config".to_owned(), folder.join("containerd.toml").display().to_string()];
    let process = Process::start("containerd", &program, arguments, &[("PATH", path)], folder)?;
    state.add(process, folder)?;
    until(Duration::from_secs(60), folder, state, || ctr(folder, &["version"]).map(|_| true))
        .context("containerd")
}

/// Runs ctr against the cluster's containerd.
pub(crate) fn ctr(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(tools::CONTAINERD.program("ctr")?);
    command.arg("--address").arg(folder.join("containerd/sock")).args([
        "--timeout",
        "5s",
        "--namespace",
        "k8s.io",
    ]);
    run::read(command.args(arguments))
}

fn start_kubelet(folder: &Path, state: &mut State, bridge: &Bridge, port: u16) -> anyhow::Result<()> {
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": bridge.address, "port": port, "readOnlyPort": 0, "healthzPort": 0,
        // The API server has no client certificate; the address is reachable from this machine alone.
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": format!("unix://{}/containerd/sock", folder.display()),
        "cgroupDriver": "cgroupfs", "failCgroupV1": false, "failSwapOn": false,
        "cgroupsPerQOS": false, "enforceNodeAllocatable": [], "resolvConf": "",
        "makeIPTablesUtilChains": false, "serializeImagePulls": false,
        "podLogsDir": folder.join("pod-logs"), "volumePluginDir": folder.join("volume-plugins"),
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    });
    let file = folder.join("kubelet.json");
    fs::write(&file, config.to_string())?;
    let process = Process::start(
        "kubelet",
        &tools::KUBERNETES.program("kubelet")?,
        [
            format!("--config={}", file.display()),
            format!("--kubeconfig={}", folder.join("node.kubeconfig").display()),
            format!("--hostname-override={NODE}"),
            format!("--root-dir={}", folder.join("kubelet").display()),
            format!("--cert-dir={}", folder.join("kubelet/pki").display()),
            format!("--node-ip={}", bridge.address),
        ],
        &[],
        folder,
    )?;
    state.add(process, folder)
}

/// Whether layers can be laid over each other here; they cannot where the folder itself lies on such layers.
fn overlay_works(folder: &Path) -> bool {
    let place = folder.join("overlay-check");
    let parts = ["lower", "upper", "work", "merged"].map(|part| place.join(part));
    if parts.iter().any(|part| fs::create_dir_all(part).is_err()) {
        return false;
    }
    let [lower, upper, work, merged] = parts.map(|part| part.display().to_string());
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let mounted =
        run::read(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options, &merged])).is_ok();
    // A failure to unmount is met again, and reported, when the cluster is taken down.
    let unmounted = mounted && run::read(Command::new("umount").arg(&merged)).is_ok();
    if unmounted || !mounted {
        let _gone = fs::remove_dir_all(&place);
    }
    mounted
}
