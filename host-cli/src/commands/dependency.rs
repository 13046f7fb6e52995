//! `dependency`: the charts a chart needs, fetched into `charts/` (Helm `pkg/downloader/manager.go`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use backstay_core::chart::{Chart, Dependency};
use backstay_core::gotemplate::semver::{Constraint, Version};

use super::dependency_list;
use super::dependency_lock::{Lock, Locked, digest};
use super::package::{Change, packed_as_is};
use super::repo;
use crate::args::{DependencyArgs, DependencyCommand, GlobalArgs, SourceArgs, TransportArgs, VerifyArgs};
use crate::charts;
use crate::sources::{self, Reference, Repository, RepositoryFile, Settings, Wanted, shown, write_file};

/// Most time for an index, as with `repo update`.
const INDEX_TIME: Duration = Duration::from_secs(120);

pub(crate) async fn dependency(global: &GlobalArgs, command: &DependencyCommand) -> anyhow::Result<ExitCode> {
    match command {
        DependencyCommand::List { chart, max_col_width } => dependency_list::list(chart, *max_col_width)?,
        DependencyCommand::Update(arguments) => {
            update(global, arguments, Manner { tells: true, ..Manner::default() }).await?
        }
        DependencyCommand::Build(arguments) => build(global, arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Fetches what a chart's folder needs, without a word.
pub(crate) async fn fetch_dependencies(
    global: &GlobalArgs,
    chart: &Path,
    transport: &TransportArgs,
) -> anyhow::Result<()> {
    let arguments = DependencyArgs {
        chart: chart.to_path_buf(),
        skip_refresh: false,
        verify: VerifyArgs::default(),
        transport: transport.clone(),
    };
    update(global, &arguments, Manner::default()).await
}

/// Where a dependency is.
#[derive(Clone, Debug)]
enum Place {
    /// In `charts/` already.
    Here,
    /// In another folder of this machine.
    Folder(PathBuf),
    /// In a registry.
    Registry(String),
    /// In a repository: one with a name, or one that is only an address.
    Repository(Box<Repository>),
}

/// What one run works with.
struct Work<'a> {
    settings: Settings,
    arguments: &'a DependencyArgs,
    chart: Chart,
    /// The dependencies of Chart.yaml with aliases of repositories replaced by addresses.
    wanted: Vec<Dependency>,
    places: Vec<Place>,
    /// The indexes that were read, by the address of the repository.
    indexes: BTreeMap<String, Vec<u8>>,
    manner: Manner,
}

/// How a run goes about it.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    /// Whether it says what it does.
    tells: bool,
    /// With `--verify`, a chart without a provenance file passes with a warning (Helm's `dependency build`).
    if_possible: bool,
}

/// Fetches the newest versions that Chart.yaml allows, and writes the lock file.
async fn update(global: &GlobalArgs, arguments: &DependencyArgs, manner: Manner) -> anyhow::Result<()> {
    let Some(mut work) = Work::new(global, arguments, manner)? else { return Ok(()) };
    work.read_indexes().await?;
    let mut locked = work.resolve().await?;
    work.save_all(&mut locked).await?;
    let new = digest(&work.wanted, &locked)?;
    if work.chart.lock.as_ref().and_then(Lock::digest_of) == Some(new.as_str()) {
        return Ok(());
    }
    Lock { digest: new, dependencies: locked }.write(&arguments.chart, &work.chart.metadata.api_version)
}

/// Fetches the versions of the lock file; without one, as `update` does.
async fn build(global: &GlobalArgs, arguments: &DependencyArgs) -> anyhow::Result<()> {
    let manner = Manner { tells: true, if_possible: true };
    let Some(mut work) = Work::new(global, arguments, manner)? else { return Ok(()) };
    let Some(lock) = work.chart.lock.clone() else { return update(global, arguments, manner).await };
    let mut locked = Lock::dependencies_of(&lock);
    if Lock::digest_of(&lock) != Some(digest(&work.wanted, &locked)?.as_str()) {
        if work.chart.metadata.api_version == "v1" {
            anyhow::bail!(
                "the lock file (requirements.lock) is out of sync with the dependencies file (requirements.yaml). \
                 Please update the dependencies"
            );
        }
        anyhow::bail!(
            "the lock file (Chart.lock) is out of sync with the dependencies file (Chart.yaml). Please update the \
             dependencies with 'backstay dependency update'"
        );
    }
    work.read_indexes().await?;
    work.save_all(&mut locked).await
}

impl<'a> Work<'a> {
    /// `None` where the chart needs nothing.
    fn new(
        global: &GlobalArgs,
        arguments: &'a DependencyArgs,
        manner: Manner,
    ) -> anyhow::Result<Option<Self>> {
        let folder = &arguments.chart;
        let metadata =
            fs::metadata(folder).with_context(|| format!("could not find {}", folder.display()))?;
        anyhow::ensure!(metadata.is_dir(), "only unpacked charts can be updated");
        let chart = charts::load_any(folder.to_str().context("the path is not UTF-8")?)?;
        let Some(mut wanted) = chart.metadata.dependencies.clone() else { return Ok(None) };
        let settings = Settings::new(global);
        let places = places(&settings, folder, &mut wanted)?;
        Ok(Some(Self { settings, arguments, chart, wanted, places, indexes: BTreeMap::new(), manner }))
    }

    fn tell(&self, line: &str) {
        if self.manner.tells {
            anstream::println!("{line}");
        }
    }

    /// The indexes of all repositories that are needed, fetched anew unless that is forbidden.
    async fn read_indexes(&mut self) -> anyhow::Result<()> {
        let mut named: BTreeMap<String, Repository> = BTreeMap::new();
        let mut unnamed: BTreeMap<String, Repository> = BTreeMap::new();
        for place in &self.places {
            if let Place::Repository(repository) = place {
                let group = if repository.name.is_empty() { &mut unnamed } else { &mut named };
                group.insert(repository.url.clone(), (**repository).clone());
            }
        }
        if !unnamed.is_empty() {
            self.tell("Getting updates for unmanaged Helm repositories...");
        }
        for (url, repository) in unnamed {
            let bytes = sources::read_index(&repository, INDEX_TIME).await.with_context(|| {
                format!("unable to get an update from the {:?} chart repository", shown(&url))
            })?;
            self.tell(&format!("...Successfully got an update from the {:?} chart repository", shown(&url)));
            self.indexes.insert(url, bytes);
        }
        if !self.arguments.skip_refresh && !named.is_empty() {
            self.tell("Hang tight while we grab the latest from your chart repositories...");
            repo::refresh(&self.settings, named.values(), INDEX_TIME, self.manner.tells).await?;
            self.tell("Update Complete. ⎈Happy Helming!⎈");
        }
        for (url, repository) in named {
            let path = self.settings.index_file(&repository.name);
            let bytes = fs::read(&path).with_context(|| {
                format!("no cached repository for {} found. (try 'backstay repo update')", repository.name)
            })?;
            self.indexes.insert(url, bytes);
        }
        Ok(())
    }

    /// The version of each dependency.
    async fn resolve(&self) -> anyhow::Result<Vec<Locked>> {
        let mut locked = Vec::new();
        let mut missing = Vec::new();
        for (dependency, place) in self.wanted.iter().zip(&self.places) {
            let Dependency { name, version, repository, .. } = dependency;
            let range = Constraint::parse(version).map_err(|error| {
                anyhow::anyhow!("dependency {name:?} has an invalid version/constraint format: {error}")
            })?;
            let found = match place {
                Place::Here => Some(version.clone()),
                Place::Folder(path) => {
                    let found = charts::load_any(path.to_str().context("the path is not UTF-8")?)?;
                    let found = found.metadata.version;
                    Version::parse(&found).is_ok_and(|version| range.check(&version)).then_some(found)
                }
                Place::Registry(url) => self.newest_in_registry(url, dependency).await?,
                Place::Repository(repository) => {
                    let bytes = self.indexes.get(&repository.url).map(Vec::as_slice).unwrap_or_default();
                    let versions = sources::versions_in(bytes, name).map_err(|error| {
                        anyhow::anyhow!("{name} chart not found in repo {}: {error}", shown(&repository.url))
                    })?;
                    let fits = |entry: &&sources::ChartVersion| {
                        entry.urls().next().is_some()
                            && Version::parse(entry.version()).is_ok_and(|version| range.check(&version))
                    };
                    versions.iter().find(fits).map(|entry| entry.version().to_owned())
                }
            };
            match found {
                Some(version) => {
                    locked.push(Locked { name: name.clone(), repository: repository.clone(), version });
                }
                None => missing.push(format!("{name:?} (repository {repository:?}, version {version:?})")),
            }
        }
        anyhow::ensure!(
            missing.is_empty(),
            "can't get a valid version for {} subchart(s): {}. Make sure a matching chart version exists in the repo, \
             or change the version constraint in Chart.yaml",
            missing.len(),
            missing.join(", ")
        );
        Ok(locked)
    }

    async fn newest_in_registry(&self, url: &str, dependency: &Dependency) -> anyhow::Result<Option<String>> {
        if Version::parse(&dependency.version).is_ok() {
            return Ok(Some(dependency.version.clone()));
        }
        let reference = Reference::parse(&format!("{}/{}", url.trim_end_matches('/'), dependency.name))?;
        let client = sources::registry(&self.settings, &reference, &self.arguments.transport)?;
        let versions = client.versions(&reference).await.with_context(|| {
            format!("could not retrieve list of tags for repository {}", dependency.repository)
        })?;
        let range = Constraint::parse(&dependency.version)?;
        Ok(versions.iter().find(|version| range.check(version)).map(|version| version.original().to_owned()))
    }

    /// Fetches every locked version, and only then changes `charts/`.
    async fn save_all(&self, locked: &mut [Locked]) -> anyhow::Result<()> {
        self.tell(&format!("Saving {} charts", locked.len()));
        let charts = self.arguments.chart.join("charts");
        let mut archives: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (at, lock) in locked.iter_mut().enumerate() {
            // The lists go side by side; a lock file written by hand may be in another order.
            let beside = self.wanted.get(at).filter(|wanted| wanted.name == lock.name).map(|_| at);
            let same = |wanted: &Dependency| wanted.name == lock.name && wanted.repository == lock.repository;
            let at = beside.or_else(|| self.wanted.iter().position(same));
            let place = at.and_then(|at| self.places.get(at)).with_context(|| {
                format!("the lock file names {}, which Chart.yaml does not need", lock.name)
            })?;
            match place {
                Place::Here => self.check_here(&charts, lock)?,
                Place::Folder(path) => {
                    let (name, bytes, version) = packed_as_is(path, &Change::default())?;
                    anyhow::ensure!(
                        Constraint::parse(&lock.version)?.check(&Version::parse(&version)?),
                        "can't get a valid version for dependency {}",
                        lock.name
                    );
                    lock.version = version;
                    archives.insert(name, bytes);
                }
                Place::Registry(_) | Place::Repository(_) => {
                    let (name, bytes) = self.fetch(place, lock).await?;
                    archives.insert(name, bytes);
                }
            }
        }
        fs::create_dir_all(&charts).with_context(|| charts.display().to_string())?;
        for (name, bytes) in &archives {
            write_file(&charts.join(name), bytes)?;
        }
        self.tell("Deleting outdated charts");
        self.delete_outdated(&charts, &archives)
    }

    fn check_here(&self, charts: &Path, lock: &Locked) -> anyhow::Result<()> {
        let name = &lock.name;
        self.tell(&format!(
            "Dependency {name} did not declare a repository. Assuming it exists in the charts directory"
        ));
        let path = charts.join(name);
        let chart = charts::load_any(path.to_str().context("the path is not UTF-8")?)
            .with_context(|| format!("unable to load chart '{}'", path.display()))?;
        anyhow::ensure!(
            Constraint::parse(&lock.version)?.check(&Version::parse(&chart.metadata.version)?),
            "dependency {name} at version {} does not satisfy the constraint {}",
            chart.metadata.version,
            lock.version
        );
        Ok(())
    }

    async fn fetch(&self, place: &Place, lock: &Locked) -> anyhow::Result<(String, Vec<u8>)> {
        let Locked { name, version, repository } = lock;
        self.tell(&format!("Downloading {name} from repo {}", shown(repository)));
        let wanted = Wanted {
            provenance: self.arguments.verify.verify,
            verify: self.arguments.verify.verify,
            if_possible: self.manner.if_possible,
            keyring: self.arguments.verify.keyring.clone(),
        };
        let fetched = match place {
            Place::Registry(url) => {
                let source = SourceArgs {
                    version: Some(version.clone()),
                    transport: self.arguments.transport.clone(),
                    ..SourceArgs::default()
                };
                let reference = format!("{}/{name}", url.trim_end_matches('/'));
                sources::fetch(&self.settings, &reference, &source, &wanted).await
            }
            Place::Repository(repository) => {
                let bytes = self.indexes.get(&repository.url).map(Vec::as_slice).unwrap_or_default();
                let versions = sources::versions_in(bytes, name)?;
                let same = |entry: &&sources::ChartVersion| same_version(entry.version(), version);
                let entry = versions
                    .iter()
                    .find(same)
                    .with_context(|| format!("could not find {name}: no matching version ({version})"))?;
                sources::fetch_entry(&self.settings, repository, entry, &wanted).await
            }
            Place::Here | Place::Folder(_) => anyhow::bail!("{name} is on this machine"),
        };
        let fetched = fetched.with_context(|| format!("could not download {name}"))?;
        // Nothing that is no chart comes into charts/.
        let chart = backstay_core::chart::from_archive(&fetched.bytes)
            .map_err(|error| anyhow::anyhow!("could not download {name}: {error}"))?;
        anyhow::ensure!(
            chart.name() == name,
            "{} holds the chart {}, not {name}; the repository is wrong",
            fetched.file_name,
            chart.name()
        );
        Ok((format!("{name}-{}.tgz", chart.metadata.version), fetched.bytes.to_vec()))
    }

    /// Archives of `charts/` that belong to no dependency any more. Folders are left alone, as with Helm.
    fn delete_outdated(&self, charts: &Path, archives: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
        for entry in fs::read_dir(charts).with_context(|| charts.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() || archives.contains_key(&name) {
                continue;
            }
            let Ok(bytes) = fs::read(&path) else { continue };
            let Ok(chart) = backstay_core::chart::from_archive(&bytes) else {
                anstream::eprintln!("Could not verify {} for deletion (Skipping)", path.display());
                continue;
            };
            let is_local =
                self.wanted.iter().any(|one| one.repository.is_empty() && one.name == chart.name());
            if !is_local {
                fs::remove_file(&path).with_context(|| format!("could not delete {}", path.display()))?;
            }
        }
        Ok(())
    }
}

fn same_version(a: &str, b: &str) -> bool {
    match (Version::parse(a), Version::parse(b)) {
        (Ok(a), Ok(b)) => a.compare(&b).is_eq(),
        _ => a == b,
    }
}

/// Where each dependency is; `@name` and `alias:name` become the address of the repository of that name.
fn places(settings: &Settings, chart: &Path, wanted: &mut [Dependency]) -> anyhow::Result<Vec<Place>> {
    let file = RepositoryFile::load(&settings.repository_config)?;
    let mut places = Vec::new();
    let mut missing = Vec::new();
    for dependency in wanted {
        let repository = dependency.repository.clone();
        if repository.is_empty() {
            places.push(Place::Here);
        } else if let Some(path) = repository.strip_prefix("file://") {
            let path = chart.join(path);
            anyhow::ensure!(path.exists(), "directory {} not found", path.display());
            places.push(Place::Folder(path));
        } else if repository.starts_with("oci://") {
            places.push(Place::Registry(repository));
        } else if let Some(name) = repository.strip_prefix('@').or_else(|| repository.strip_prefix("alias:"))
        {
            match file.get(name) {
                Some(found) => {
                    dependency.repository.clone_from(&found.url);
                    places.push(Place::Repository(Box::new(found.clone())));
                }
                None => missing.push(repository),
            }
        } else if repository.contains("://") {
            let slashless = |url: &str| url.trim_end_matches('/').to_owned();
            let named = file.repositories.iter().find(|one| slashless(&one.url) == slashless(&repository));
            let found = named.cloned().unwrap_or(Repository { url: repository, ..Repository::default() });
            places.push(Place::Repository(Box::new(found)));
        } else {
            missing.push(repository);
        }
    }
    anyhow::ensure!(
        missing.is_empty(),
        "no repository definition for {}. Please add them via 'backstay repo add'; repositories are given by address \
         or as \"@NAME\"",
        missing.join(", ")
    );
    Ok(places)
}
