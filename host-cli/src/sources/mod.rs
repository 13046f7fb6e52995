//! Where charts come from: folders, archives, repositories, registries (Helm `LocateChart`, `pkg/downloader`).
//!
//! Better than Helm on purpose: a digest that an index gives is compared with what was fetched, also without
//! `--verify`; credentials go to no other host than the one they are for, not even its subdomains.

mod address;
mod cache;
mod credentials;
mod files;
mod index;
mod oci;
mod pack;
mod proxy;
mod repositories;
mod settings;
mod tls;
mod web;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use crate::args::{SourceArgs, TransportArgs, VerifyArgs};
use crate::cluster::wall_now;
use crate::exit::Stop;
use crate::provenance::{self, Signed, Verified};
use address::Origin;
use tls::TlsOptions;
use web::{Credentials, Web};

pub(crate) use address::{resolve as resolve_address, shown};
pub(crate) use cache::sha256;
pub(crate) use credentials::{forget as forget_login, keep as keep_login};
pub(crate) use files::write as write_file;
pub(crate) use index::{ChartVersion, Index, versions_in};
pub(crate) use oci::{Parcel, Reference};
pub(crate) use pack::pack;
pub(crate) use repositories::{Repository, RepositoryFile};
pub(crate) use settings::{Settings, cache_home, config_home, data_home};

/// What servers are asked for (Helm sends the same).
const ACCEPT: &str = "application/gzip,application/octet-stream";

/// A chart on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// The folder or archive.
    pub(crate) path: PathBuf,
    /// How people know it: what they asked for.
    pub(crate) reference: String,
}

/// One place an archive is fetched from.
struct Remote {
    address: String,
    /// The sha256 that the index promises; empty where it promises none.
    digest: String,
    credentials: Credentials,
    tls: TlsOptions,
}

/// An archive as its server gave it, checked against its digest.
pub(crate) struct Fetched {
    pub(crate) bytes: Bytes,
    /// Its sha256.
    pub(crate) digest: String,
    /// Its name: `web-1.2.3.tgz`.
    pub(crate) file_name: String,
    /// Its provenance file, if it was wanted and is there.
    pub(crate) provenance: Option<Bytes>,
    /// Who signed it, if that was checked.
    pub(crate) verified: Option<Verified>,
}

impl Fetched {
    /// Checks the signature if that is wanted. `place` is where the provenance file should have been.
    fn checked(mut self, wanted: &Wanted, place: &str) -> anyhow::Result<Self> {
        if !wanted.verify {
            return Ok(self);
        }
        let Some(provenance) = &self.provenance else {
            let missing = format!("failed to fetch provenance {place:?}");
            if wanted.if_possible {
                anstream::eprintln!("WARNING: Verification not found for {}: {missing}", self.file_name);
                return Ok(self);
            }
            return Err(Stop::refused(missing));
        };
        let signed = Signed { archive: &self.bytes, provenance, name: &self.file_name };
        let verified = signed.verify(wanted.keyring.as_deref(), wall_now());
        self.verified = Some(verified.map_err(|error| Stop::refused(error.to_string()))?);
        Ok(self)
    }
}

/// What is wanted beside the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The provenance file.
    pub(crate) provenance: bool,
    /// A signature that holds, or an error.
    pub(crate) verify: bool,
    /// A chart that has no provenance file passes with a warning.
    pub(crate) if_possible: bool,
    /// Public keys to check it by; GnuPG's where none is given.
    pub(crate) keyring: Option<PathBuf>,
}

impl Wanted {
    /// What the flags of a command ask for.
    pub(crate) fn of(arguments: &VerifyArgs) -> Self {
        let VerifyArgs { verify, keyring } = arguments;
        Self { provenance: *verify, verify: *verify, if_possible: false, keyring: keyring.clone() }
    }
}

/// Finds the chart a reference names and fetches it if it is elsewhere.
///
/// Errors end with exit code 4: nothing has been changed. Their words are Helm's where Helm has any.
pub(crate) async fn locate(
    settings: &Settings,
    reference: &str,
    arguments: &SourceArgs,
) -> anyhow::Result<Located> {
    let reference = reference.trim();
    if let Some(path) = local(reference, arguments)? {
        if arguments.verify.verify {
            let keyring = arguments.verify.keyring.as_deref();
            let absolute = std::path::absolute(&path)?;
            provenance::verify_file(&absolute, keyring, wall_now())
                .map_err(|error| Stop::refused(error.to_string()))?;
        }
        return Ok(Located { path, reference: reference.to_owned() });
    }
    let wanted = Wanted::of(&arguments.verify);
    let fetched = fetch(settings, reference, arguments, &wanted).await?;
    let path = cache::put(&settings.content_cache, &fetched.digest, &fetched.bytes)?;
    Ok(Located { path, reference: reference.to_owned() })
}

/// The path of a chart on this machine, if it is one.
fn local(reference: &str, arguments: &SourceArgs) -> anyhow::Result<Option<PathBuf>> {
    if arguments.repo.as_deref().is_some_and(|repo| !repo.is_empty()) {
        return Ok(None);
    }
    if fs::metadata(reference).is_ok() {
        return Ok(Some(PathBuf::from(reference)));
    }
    if Path::new(reference).is_absolute() || reference.starts_with('.') {
        return Err(Stop::refused(format!("path {reference:?} not found")));
    }
    Ok(None)
}

/// Fetches the archive a reference names, from the cache where its digest is known.
pub(crate) async fn fetch(
    settings: &Settings,
    reference: &str,
    arguments: &SourceArgs,
    wanted: &Wanted,
) -> anyhow::Result<Fetched> {
    if reference.starts_with("oci://") {
        return pull(settings, reference, arguments, wanted).await;
    }
    let remote = resolve(settings, reference, arguments).await?;
    if remote.address.starts_with("oci://") {
        let mut arguments = arguments.clone();
        arguments.version = None;
        arguments.devel = false;
        return pull(settings, &remote.address, &arguments, wanted).await;
    }
    download(settings, &remote, wanted).await
}

/// A registry, spoken to with the log-in of flags or files.
pub(crate) fn registry(
    settings: &Settings,
    reference: &Reference,
    arguments: &TransportArgs,
) -> anyhow::Result<oci::Client> {
    let refused = |error: web::WebError| Stop::refused(error.to_string());
    let given = arguments.username.clone().zip(arguments.password.clone());
    let login = match given.filter(|(username, password)| !username.is_empty() && !password.0.is_empty()) {
        Some((username, password)) => {
            Some(credentials::Login { username, password: password.0, ..credentials::Login::default() })
        }
        None => credentials::find(&settings.registry_config, reference.server())
            .map_err(|error| Stop::refused(format!("{error:#}")))?,
    };
    let web = Web::new(&tls(arguments)).map_err(refused)?;
    Ok(oci::Client::new(web, reference.server(), arguments.plain_http, login))
}

async fn pull(
    settings: &Settings,
    reference: &str,
    arguments: &SourceArgs,
    wanted: &Wanted,
) -> anyhow::Result<Fetched> {
    let parsed = Reference::parse(reference).map_err(|error| Stop::refused(error.to_string()))?;
    let client = registry(settings, &parsed, &arguments.transport)?;
    let refused = |error: oci::RegistryError| Stop::refused(format!("{reference}: {error}"));
    let found = client.with_version(parsed, arguments.wanted()).await.map_err(refused)?;
    let cached = |digest: &str| cache::get(&settings.content_cache, digest).map(|(_, bytes)| bytes);
    let pulled = client.pull(&found, wanted.provenance, &cached).await.map_err(refused)?;
    // Helm says so on standard error, too.
    anstream::eprintln!("Pulled: {}\nDigest: {}", found.shown(), pulled.digest);
    let fetched = Fetched {
        bytes: pulled.archive,
        digest: pulled.archive_digest,
        file_name: found.file_name(),
        provenance: pulled.provenance,
        verified: None,
    };
    fetched.checked(wanted, &format!("oci://{}.prov", found.shown()))
}

async fn download(settings: &Settings, remote: &Remote, wanted: &Wanted) -> anyhow::Result<Fetched> {
    let refused = |error: web::WebError| Stop::refused(error.to_string());
    let web = Web::new(&remote.tls).map_err(refused)?;
    let known = cache::is_digest(&remote.digest).then(|| cache::get(&settings.content_cache, &remote.digest));
    let (bytes, digest) = match known.flatten() {
        Some((_, bytes)) => (bytes.into(), remote.digest.clone()),
        None => archive(&web, remote).await?,
    };
    let mut provenance = None;
    if wanted.provenance {
        let address = format!("{}.prov", remote.address);
        let found = web.get(&address, &remote.credentials, None, web::ARCHIVE_MOST).await;
        provenance = match found {
            Ok(bytes) => Some(bytes),
            Err(error) if error.status() == Some(http::StatusCode::NOT_FOUND) => None,
            Err(_) if wanted.verify => None,
            Err(error) => return Err(refused(error)),
        };
    }
    let file_name = address::file_name(&remote.address);
    let fetched = Fetched { bytes, digest, file_name, provenance, verified: None };
    fetched.checked(wanted, &format!("{}.prov", shown(&remote.address)))
}

/// An archive from its server, and its digest.
async fn archive(web: &Web, remote: &Remote) -> anyhow::Result<(Bytes, String)> {
    let bytes = web.get(&remote.address, &remote.credentials, Some(ACCEPT), web::ARCHIVE_MOST).await;
    let bytes = bytes.map_err(|error| Stop::refused(error.to_string()))?;
    let digest = sha256(&bytes);
    if !remote.digest.is_empty() && !remote.digest.eq_ignore_ascii_case(&digest) {
        return Err(Stop::refused(format!(
            "{} is not what the index promises: its sha256 is {digest}, the index says {}; it is not used",
            shown(&remote.address),
            remote.digest
        )));
    }
    Ok((bytes, digest))
}

/// The address of an archive, and what is told to its server.
async fn resolve(settings: &Settings, reference: &str, arguments: &SourceArgs) -> anyhow::Result<Remote> {
    let wanted = arguments.wanted();
    if let Some(repo) = arguments.repo.as_deref().filter(|repo| !repo.is_empty()) {
        return in_repository_at(repo, reference, wanted, arguments).await;
    }
    let file = RepositoryFile::load(&settings.repository_config)
        .map_err(|error| Stop::refused(format!("{error:#}")))?;
    if address::is_absolute(reference) {
        let owner = owner_of(settings, &file, reference);
        return Ok(match owner {
            Some(owner) => of_repository(owner, reference.to_owned(), String::new(), arguments),
            None => Remote {
                address: reference.to_owned(),
                digest: String::new(),
                credentials: credentials(arguments, reference),
                tls: tls(&arguments.transport),
            },
        });
    }
    let Some((name, chart)) = reference.split_once('/') else {
        return Err(Stop::refused(format!(
            "non-absolute URLs should be in form of repo_name/path_to_chart, got: {reference}; is the path right?"
        )));
    };
    let repository = file.get(name).ok_or_else(|| {
        Stop::refused(format!(
            "repo {name} not found, nor a file or folder {reference}; mend the path, or `backstay repo add {name} URL`"
        ))
    })?;
    if repository.url.is_empty() {
        return Err(Stop::refused(format!("no URL found for repository {name}")));
    }
    let index = settings.index_file(name);
    let bytes = fs::read(&index).map_err(|error| {
        Stop::refused(format!(
            "no cached repo found. (try 'backstay repo update'): {}: {error}",
            index.display()
        ))
    })?;
    let not_found = |error: index::IndexError| {
        Stop::refused(format!(
            "chart {chart:?} matching {wanted} not found in {name} index. (try 'backstay repo update'): {error}"
        ))
    };
    let versions = versions_in(&bytes, chart).map_err(not_found)?;
    let found = index::pick(chart, &versions, wanted).map_err(not_found)?;
    tell_of_another(chart, wanted, found);
    let Some(url) = found.urls().next() else {
        return Err(Stop::refused(format!("chart {reference:?} has no downloadable URLs")));
    };
    let address = address::resolve(&repository.url, url);
    Ok(of_repository(repository, address, found.digest().to_owned(), arguments))
}

/// Helm 4 warns in the same case: a plain version was asked for, and the index has only one that fits it as a range.
fn tell_of_another(chart: &str, wanted: &str, found: &ChartVersion) {
    if !wanted.is_empty() && !index::is_range(wanted) && found.version() != wanted {
        anstream::eprintln!(
            "WARNING: there is no version {wanted} of chart {chart}; {} is used",
            found.version()
        );
    }
}

/// `--repo URL`: the index is fetched, used and forgotten.
async fn in_repository_at(
    repo: &str,
    chart: &str,
    wanted: &str,
    arguments: &SourceArgs,
) -> anyhow::Result<Remote> {
    let name = shown(repo);
    let credentials = credentials(arguments, repo);
    let tls = tls(&arguments.transport);
    let broken = |reason: String| {
        Stop::refused(format!(
            "looks like {name:?} is not a valid chart repository or cannot be reached: {reason}"
        ))
    };
    let web = Web::new(&tls).map_err(|error| broken(error.to_string()))?;
    let bytes = web.get(&address::resolve(repo, "index.yaml"), &credentials, None, web::INDEX_MOST).await;
    let bytes = bytes.map_err(|error| broken(error.to_string()))?;
    let what = if wanted.is_empty() {
        format!("chart {chart:?}")
    } else {
        format!("chart {chart:?} version {wanted:?}")
    };
    let not_found = |error: index::IndexError| match error {
        index::IndexError::NoChartName
        | index::IndexError::NoVersions
        | index::IndexError::NoVersion(..)
        | index::IndexError::Range(_) => Stop::refused(format!("{what} not found in {name} repository")),
        other => broken(other.to_string()),
    };
    let versions = versions_in(&bytes, chart).map_err(not_found)?;
    let found = index::pick(chart, &versions, wanted).map_err(not_found)?;
    tell_of_another(chart, wanted, found);
    let Some(url) = found.urls().next() else {
        return Err(Stop::refused(format!("{what} has no downloadable URLs")));
    };
    Ok(Remote { address: address::resolve(repo, url), digest: found.digest().to_owned(), credentials, tls })
}

/// The named repository whose index has this very address: its credentials and certificates are used.
fn owner_of<'a>(settings: &Settings, file: &'a RepositoryFile, address: &str) -> Option<&'a Repository> {
    let holds = |repository: &&Repository| {
        let special = !repository.username.is_empty() || repository.tls() != TlsOptions::default();
        special
            && fs::read_to_string(settings.index_file(&repository.name)).is_ok_and(|text| {
                text.lines().any(|line| line.trim().trim_matches(['-', ' ', '"']) == address)
            })
    };
    file.repositories.iter().find(holds)
}

/// An archive of a named repository: what its entry says wins over flags.
fn of_repository(repository: &Repository, address: String, digest: String, arguments: &SourceArgs) -> Remote {
    let own = repository.tls();
    let given = tls(&arguments.transport);
    let mut credentials = credentials(arguments, &repository.url);
    if !repository.username.is_empty() && !repository.password.is_empty() {
        credentials.username.clone_from(&repository.username);
        credentials.password.clone_from(&repository.password);
        credentials.to_all = repository.pass_credentials_all;
    }
    let insecure = own.insecure || given.insecure;
    let files = TlsOptions { insecure: false, ..own.clone() };
    let tls = if files == TlsOptions::default() { given } else { own };
    Remote { address, digest, credentials, tls: TlsOptions { insecure, ..tls } }
}

/// What flags say of credentials, for the host of an address.
fn credentials(arguments: &SourceArgs, address: &str) -> Credentials {
    let password = arguments.transport.password.as_ref().map(|password| password.0.clone());
    Credentials {
        username: arguments.transport.username.clone().unwrap_or_default(),
        password: password.unwrap_or_default(),
        origin: address::read(address).ok().and_then(|(uri, _)| Origin::of(&uri)),
        to_all: arguments.pass_credentials,
    }
}

/// What flags say of certificates.
pub(crate) fn tls(arguments: &TransportArgs) -> TlsOptions {
    TlsOptions {
        ca_file: arguments.ca_file.clone(),
        cert_file: arguments.cert_file.clone(),
        key_file: arguments.key_file.clone(),
        insecure: arguments.insecure_skip_tls_verify,
    }
}

/// Fetches a file of values, as Helm does for `-f` and `--set-file` with an address.
pub(crate) async fn fetch_values(address: &str) -> anyhow::Result<Vec<u8>> {
    let web = Web::new(&TlsOptions::default())?;
    Ok(web.get(address, &Credentials::default(), None, web::VALUES_MOST).await?.to_vec())
}

/// Fetches one version of a repository.
pub(crate) async fn fetch_entry(
    settings: &Settings,
    repository: &Repository,
    entry: &ChartVersion,
    wanted: &Wanted,
) -> anyhow::Result<Fetched> {
    let Some(url) = entry.urls().next() else {
        return Err(Stop::refused(format!("chart {:?} has no downloadable URLs", entry.name())));
    };
    let address = address::resolve(&repository.url, url);
    let none = SourceArgs::default();
    if address.starts_with("oci://") {
        return pull(settings, &address, &none, wanted).await;
    }
    let remote = of_repository(repository, address, entry.digest().to_owned(), &none);
    download(settings, &remote, wanted).await
}

/// Fetches the index of a repository.
pub(crate) async fn read_index(repository: &Repository, timeout: Duration) -> anyhow::Result<Vec<u8>> {
    let web = Web::new(&repository.tls())?;
    let credentials = Credentials {
        username: repository.username.clone(),
        password: repository.password.clone(),
        origin: address::read(&repository.url).ok().and_then(|(uri, _)| Origin::of(&uri)),
        to_all: repository.pass_credentials_all,
    };
    let address = address::resolve(&repository.url, "index.yaml");
    let fetching = web.get(&address, &credentials, None, web::INDEX_MOST);
    let bytes = tokio::time::timeout(timeout, fetching).await;
    Ok(bytes.map_err(|_| anyhow::anyhow!("no index after {} s", timeout.as_secs()))??.to_vec())
}

/// Fetches the index of a repository into the cache, with the names of its charts beside it.
pub(crate) async fn fetch_index(
    settings: &Settings,
    repository: &Repository,
    timeout: Duration,
) -> anyhow::Result<()> {
    let bytes = read_index(repository, timeout).await?;
    // One that cannot be read must not replace one that can.
    let names = index::names(&bytes)?;
    let text: String = names.iter().map(|name| format!("{name}\n")).collect();
    files::write(&settings.charts_file(&repository.name), text.as_bytes())?;
    files::write(&settings.index_file(&repository.name), &bytes)
}
