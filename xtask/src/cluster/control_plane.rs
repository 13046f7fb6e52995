//! etcd, kube-apiserver, kube-controller-manager, kube-scheduler: on loopback, with their state in the cluster's folder.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::NODE;
use super::ports::Ports;
use super::process::Process;
use super::state::State;
use crate::{run, tools};

/// How long the API server may take until it is ready: it needs 5 s on two idle cores.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// Who has a token: name of the kubeconfig file, user, groups. Controller manager and scheduler are administrators as well:
/// without the service accounts' own credentials their plain users may too little.
const USERS: &[(&str, &str, &str)] = &[
    ("kubeconfig", "admin", "system:masters"),
    ("controller-manager.kubeconfig", "controller-manager", "system:masters"),
    ("scheduler.kubeconfig", "scheduler", "system:masters"),
];

/// The administrator's kubeconfig of the cluster in a folder.
pub(crate) fn kubeconfig(folder: &Path) -> PathBuf {
    folder.join("kubeconfig")
}

/// Starts the control plane and waits until it is ready.
pub(crate) fn start(folder: &Path, state: &mut State, ports: Ports) -> anyhow::Result<()> {
    write_credentials(folder, ports.api)?;
    let path = |name: &str| folder.join(name).display().to_string();
    let etcd = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    let process = Process::start(
        "etcd",
        &tools::ETCD.program("etcd")?,
        [
            format!("--data-dir={}", path("etcd")),
            format!("--listen-client-urls={etcd}"),
            format!("--advertise-client-urls={etcd}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            // The data lives as long as the tests: losing it in a power failure is no loss, and waiting for disks is.
            "--unsafe-no-fsync".to_owned(),
        ],
        &[],
        folder,
    )?;
    state.add(process, folder)?;
    let process = Process::start(
        "kube-apiserver",
        &tools::KUBERNETES.program("kube-apiserver")?,
        [
            format!("--etcd-servers={etcd}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", ports.api),
            // It makes itself a certificate there; the same key signs service account tokens.
            format!("--cert-dir={}", path("certs")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", path("certs/apiserver.key")),
            format!("--service-account-signing-key-file={}", path("certs/apiserver.key")),
            format!("--token-auth-file={}", path("tokens.csv")),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // Pods get no token: nothing inside the test cluster speaks to the API.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
            format!("--audit-policy-file={}", path("audit-policy.json")),
            format!("--audit-log-path={}", path("log/audit.jsonl")),
        ],
        &[],
        folder,
    )?;
    state.add(process, folder)?;
    wait_ready(folder, state)?;
    for (name, port, more) in [
        (
            "kube-controller-manager",
            ports.controller_manager,
            vec![
                format!("--service-account-private-key-file={}", path("certs/apiserver.key")),
                "--use-service-account-credentials=false".to_owned(),
                // Claims without a class of their own get a folder under /tmp, see `defaults`.
                "--enable-hostpath-provisioner=true".to_owned(),
            ],
        ),
        ("kube-scheduler", ports.scheduler, Vec::new()),
    ] {
        let file = path(&format!("{}.kubeconfig", name.trim_start_matches("kube-")));
        let flags = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"];
        let mut arguments: Vec<String> = flags.iter().map(|flag| format!("--{flag}={file}")).collect();
        arguments.extend(["--bind-address=127.0.0.1".to_owned(), format!("--secure-port={port}")]);
        arguments.push("--leader-elect=false".to_owned());
        arguments.extend(more);
        let process = Process::start(name, &tools::KUBERNETES.program(name)?, arguments, &[], folder)?;
        state.add(process, folder)?;
    }
    defaults(folder)
}

/// What every cluster has and the plain control plane has not: a default storage class that can provide volumes.
fn defaults(folder: &Path) -> anyhow::Result<()> {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/host-path", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
    });
    create(folder, &class)
}

/// Creates an object from its JSON.
pub(crate) fn create(folder: &Path, object: &serde_json::Value) -> anyhow::Result<()> {
    let file = folder.join("object.json");
    fs::write(&file, object.to_string()).with_context(|| format!("{}: cannot be written", file.display()))?;
    kubectl(folder, &["create", "-f", &file.display().to_string()])?;
    fs::remove_file(&file)?;
    Ok(())
}

/// Runs kubectl as administrator and gives its output.
pub(crate) fn kubectl(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(tools::KUBERNETES.program("kubectl")?);
    // kubectl keeps a cache in the home folder otherwise.
    command.arg("--kubeconfig").arg(kubeconfig(folder)).arg("--cache-dir").arg(folder.join("kubectl-cache"));
    run::read(command.args(["--request-timeout", "10s"]).args(arguments))
}

fn wait_ready(folder: &Path, state: &State) -> anyhow::Result<()> {
    until(READY_LIMIT, folder, state, || kubectl(folder, &["get", "--raw", "/readyz"]).map(|_| true))
}

/// Waits until something is so. Fails at once when a process of the cluster ends, and with the last error when it takes too long.
pub(crate) fn until(
    limit: Duration,
    folder: &Path,
    state: &State,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        for process in &state.processes {
            process.check(folder)?;
        }
        let seen = is_so();
        if matches!(seen, Ok(true)) {
            return Ok(());
        }
        if started.elapsed() > limit {
            return match seen {
                Err(error) => Err(error).context(format!("not ready within {} s", limit.as_secs())),
                Ok(_) => bail!(
                    "not ready within {} s; the logs are in {}",
                    limit.as_secs(),
                    folder.join("log").display()
                ),
            };
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Tokens nobody can guess, a kubeconfig for each of their owners, and the audit policy.
fn write_credentials(folder: &Path, api_port: u16) -> anyhow::Result<()> {
    let node_user = format!("system:node:{NODE}");
    let node = ("node.kubeconfig", node_user.as_str(), "system:nodes");
    let mut tokens = String::new();
    for (file, user, group) in USERS.iter().chain([&node]) {
        let token = random_token()?;
        tokens += &format!("{token},{user},{user},{group}\n");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "backstay-test",
            "clusters": [{"name": "backstay-test", "cluster": {
                "server": format!("https://127.0.0.1:{api_port}"),
                "certificate-authority": folder.join("certs/apiserver.crt"),
            }}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "backstay-test", "context": {"cluster": "backstay-test", "user": user}}],
        });
        write_private(&folder.join(file), &serde_json::to_string_pretty(&config)?)?;
    }
    write_private(&folder.join("tokens.csv"), &tokens)?;
    // One line per answered request is what counts a client's requests.
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    });
    write_private(&folder.join("audit-policy.json"), &policy.to_string())
}

fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut options = File::options();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(file);
    opened
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .with_context(|| format!("{}: cannot be written", file.display()))
}

fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 20];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("/dev/urandom cannot be read")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
