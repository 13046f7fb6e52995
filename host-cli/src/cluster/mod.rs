//! The way to a cluster: a real one by kubeconfig, or the sandbox. Above this, nobody can tell them apart.

mod clock;
mod discovery;
mod facts;
mod patience;
mod renew;
mod sandbox;
mod serve;

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

pub(crate) use clock::{Clock, wall_now};
pub(crate) use discovery::{Discovery, UnknownKind};
pub(crate) use sandbox::{Sandbox, SandboxSpeed};
pub(crate) use serve::serve;

use crate::args::GlobalArgs;
use crate::exit::{Exit, Stop};
use crate::paths;
use crate::storage::{self, Driver};

/// A cluster to work on.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) discovery: Rc<Discovery>,
    pub(crate) clock: Clock,
    pub(crate) namespace: String,
    /// The API server's address, for messages.
    pub(crate) server: String,
    /// Tells it from other clusters in names of files.
    pub(crate) slug: String,
    /// The sandbox behind the client, if it is one.
    pub(crate) sandbox: Option<Arc<Sandbox>>,
}

/// A text as a part of a file's name: its end, where it is long.
fn slug(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let from = plain.len().saturating_sub(120);
    plain[from..].trim_matches('-').to_owned()
}

fn slug_of_sandbox(path: &std::path::Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    format!("sandbox-{}", slug(&whole.display().to_string()))
}

fn slug_of_server(url: &str) -> String {
    slug(url.split_once("://").map_or(url, |(_, rest)| rest))
}

impl Cluster {
    /// Connects to what the flags name.
    ///
    /// Errors end with exit code 7: nothing has been changed.
    pub(crate) async fn connect(global: &GlobalArgs) -> anyhow::Result<Self> {
        if Driver::of_environment()? == Driver::Memory {
            return Self::in_memory(global).await;
        }
        if let Some(path) = &global.sandbox {
            return Self::sandboxed(global, path.as_deref());
        }
        let config =
            config(global).await.map_err(|error| Stop::with(Exit::Unreachable, format!("{error:#}")))?;
        let namespace = global.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let server = config.cluster_url.to_string();
        let client = Client::try_from(config.clone())
            .context("this kubeconfig cannot be used")
            .map_err(|error| Stop::with(Exit::Unreachable, format!("{error:#}")))?;
        let client = patience::patient(client, &config, &namespace);
        Ok(Self {
            discovery: Rc::new(Discovery::new(client.clone())),
            client,
            clock: Clock::wall(),
            namespace,
            slug: slug_of_server(&server),
            server,
            sandbox: None,
        })
    }

    /// What the flags name, without asking it: its name in names of files, and the namespace.
    pub(crate) async fn named(global: &GlobalArgs) -> anyhow::Result<(String, String)> {
        let namespace = |otherwise: &str| global.namespace.clone().unwrap_or_else(|| otherwise.to_owned());
        if Driver::of_environment()? == Driver::Memory {
            return Ok(("memory".to_owned(), namespace("default")));
        }
        if let Some(path) = &global.sandbox {
            let path = path.clone().unwrap_or_else(paths::sandbox_file);
            return Ok((slug_of_sandbox(&path), namespace("default")));
        }
        let config = config(global).await?;
        Ok((slug_of_server(&config.cluster_url.to_string()), namespace(&config.default_namespace)))
    }

    fn sandboxed(global: &GlobalArgs, path: Option<&std::path::Path>) -> anyhow::Result<Self> {
        let path = path.map_or_else(paths::sandbox_file, std::path::Path::to_path_buf);
        let speed = global
            .sandbox_speed
            .parse::<SandboxSpeed>()
            .map_err(|message| Stop::with(Exit::Usage, message))?;
        Ok(Self::on_model(global, Sandbox::open(&path, speed)?, slug_of_sandbox(&path)))
    }

    fn on_model(global: &GlobalArgs, sandbox: Arc<Sandbox>, slug: String) -> Self {
        let namespace = global.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let client = Client::new(sandbox.service(), &namespace);
        Self {
            discovery: Rc::new(Discovery::new(client.clone())),
            client,
            clock: Clock::Model(sandbox.clock()),
            namespace,
            server: "the sandbox".to_owned(),
            slug,
            sandbox: Some(sandbox),
        }
    }

    /// `HELM_DRIVER=memory`: a model that ends with the command, with the releases of `HELM_MEMORY_DRIVER_DATA` in it. Helm,
    /// too, takes a false cluster then (`pkg/cmd/root.go` `loadReleasesInMemory`).
    async fn in_memory(global: &GlobalArgs) -> anyhow::Result<Self> {
        let cluster = Self::on_model(global, Sandbox::in_memory(), "memory".to_owned());
        for release in storage::releases_given()? {
            crate::records::put_given(&cluster.client, release).await?;
        }
        Ok(cluster)
    }
}

/// Where there is no kubeconfig: a pod's own account, or the address that was given, which is all that Helm needs.
fn bare(global: &GlobalArgs, error: KubeconfigError) -> Result<Config, KubeconfigError> {
    if let Ok(config) = Config::incluster() {
        return Ok(config);
    }
    let is_missing = matches!(error, KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath);
    let server = global.kube_apiserver.as_ref().filter(|_| is_missing).and_then(|server| server.parse().ok());
    server.map(Config::new).ok_or(error)
}

async fn config(global: &GlobalArgs) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context: global.kube_context.clone(), cluster: None, user: None };
    let mut config = match &global.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).with_context(|| format!("cannot read kubeconfig {}", path.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.with_context(|| format!("cannot use kubeconfig {}", path.display()))?
        }
        None => match Config::from_kubeconfig(&options).await {
            Ok(config) => config,
            Err(error) => bare(global, error).context(
                "Kubernetes cluster unreachable: no usable kubeconfig: set KUBECONFIG or give --kubeconfig, or try --sandbox, which needs no cluster",
            )?,
        },
    };
    if let Some(server) = &global.kube_apiserver {
        config.cluster_url =
            server.parse().with_context(|| format!("--kube-apiserver {server} is not a URL"))?;
    }
    if let Some(token) = &global.kube_token {
        config.auth_info.token = Some(token.clone().into());
    }
    if let Some(user) = &global.kube_as_user {
        config.auth_info.impersonate = Some(user.clone());
    }
    if !global.kube_as_group.is_empty() {
        config.auth_info.impersonate_groups = Some(global.kube_as_group.clone());
    }
    if let Some(name) = &global.kube_tls_server_name {
        config.tls_server_name = Some(name.clone());
    }
    if let Some(path) = &global.kube_ca_file {
        config.root_cert = Some(certificates(path)?);
    }
    config.accept_invalid_certs |= global.kube_insecure_skip_tls_verify;
    // What may be asked again is known in `patience`; watches end there and in `watch`.
    config.default_retry = false;
    config.read_timeout = None;
    Ok(config)
}

/// The certificates of a PEM file, in DER.
fn certificates(path: &std::path::Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read --kube-ca-file {}", path.display()))?;
    let mut found = Vec::new();
    let mut body: Option<String> = None;
    for line in text.lines().map(str::trim) {
        match line {
            "-----BEGIN CERTIFICATE-----" => body = Some(String::new()),
            "-----END CERTIFICATE-----" => {
                let encoded = body.take().unwrap_or_default();
                let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded)
                    .with_context(|| format!("{}: a certificate is not base64", path.display()))?;
                found.push(bytes);
            }
            line => {
                if let Some(body) = &mut body {
                    body.push_str(line);
                }
            }
        }
    }
    anyhow::ensure!(!found.is_empty(), "{} holds no certificate", path.display());
    Ok(found)
}
