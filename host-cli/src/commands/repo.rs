//! `repo`: chart repositories that have a name (Helm `pkg/cmd/repo_*.go`).

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::repo_index;
use crate::args::{GlobalArgs, OutputFormat, RepoAddArgs, RepoCommand};
use crate::sources::{Repository, RepositoryFile, Settings, fetch_index};
use crate::table::{Table, print_structured};

/// How long another process may hold the file of repositories, as with Helm.
const LOCKED_MOST: Duration = Duration::from_secs(30);

pub(crate) async fn repo(global: &GlobalArgs, command: &RepoCommand) -> anyhow::Result<ExitCode> {
    let settings = Settings::new(global);
    match command {
        RepoCommand::Add(arguments) => add(&settings, arguments).await,
        RepoCommand::Update { names, timeout, .. } => {
            update(&settings, names, *timeout).await?;
            Ok(ExitCode::SUCCESS)
        }
        RepoCommand::List { no_headers, output } => list(&settings, *no_headers, *output),
        RepoCommand::Remove { names } => remove(&settings, names).await,
        RepoCommand::Index { folder, url, merge, json } => {
            repo_index::index(folder, url, merge.as_deref(), *json)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Official repositories that are gone for ever, and what came after them (Helm `deprecatedRepos`).
const GONE: [(&str, &str); 2] = [
    ("//kubernetes-charts.storage.googleapis.com", "https://charts.helm.sh/stable"),
    ("//kubernetes-charts-incubator.storage.googleapis.com", "https://charts.helm.sh/incubator"),
];

async fn add(settings: &Settings, arguments: &RepoAddArgs) -> anyhow::Result<ExitCode> {
    let (name, url) = (&arguments.name, &arguments.url);
    if !arguments.allow_deprecated_repos {
        for (old, new) in GONE {
            anyhow::ensure!(!url.contains(old), "repo {url:?} is no longer available; try {new:?} instead");
        }
    }
    anyhow::ensure!(
        !name.contains('/'),
        "repository name ({name}) contains '/', please specify a different name without '/'"
    );
    let _ignored = arguments.no_update;
    let lock = lock(&settings.repository_config).await?;
    let mut file = RepositoryFile::load(&settings.repository_config)?;
    let new = entry(arguments)?;
    if let Some(existing) = file.get(name).filter(|_| !arguments.force_update) {
        anyhow::ensure!(
            *existing == new,
            "repository name ({name}) already exists, please specify a different name"
        );
        anstream::println!("{name:?} already exists with the same configuration, skipping");
        return Ok(ExitCode::SUCCESS);
    }
    fetch_index(settings, &new, arguments.timeout).await.with_context(|| {
        format!(
            "looks like {:?} is not a valid chart repository or cannot be reached",
            crate::sources::shown(url)
        )
    })?;
    match file.repositories.iter_mut().find(|repository| repository.name == *name) {
        Some(old) => *old = new,
        None => file.repositories.push(new),
    }
    file.save(&settings.repository_config)?;
    drop(lock);
    anstream::println!("{name:?} has been added to your repositories");
    Ok(ExitCode::SUCCESS)
}

fn entry(arguments: &RepoAddArgs) -> anyhow::Result<Repository> {
    let transport = &arguments.transport;
    let path = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    };
    let username = transport.username.clone().unwrap_or_default();
    let mut password = transport.password.as_ref().map(|password| password.0.clone()).unwrap_or_default();
    if !username.is_empty() && password.is_empty() {
        anyhow::ensure!(
            arguments.password_stdin,
            "give the password with --password-stdin: it is not asked for, because it would be shown"
        );
        std::io::stdin().read_to_string(&mut password)?;
        let length = password.trim_end_matches(['\r', '\n']).len();
        password.truncate(length);
    }
    Ok(Repository {
        name: arguments.name.clone(),
        url: arguments.url.clone(),
        username,
        password,
        cert_file: path(&transport.cert_file),
        key_file: path(&transport.key_file),
        ca_file: path(&transport.ca_file),
        insecure_skip_tls_verify: transport.insecure_skip_tls_verify,
        pass_credentials_all: arguments.pass_credentials,
    })
}

/// The lock that Helm takes, too. It ends with the file handle.
async fn lock(repository_config: &Path) -> anyhow::Result<File> {
    let path = repository_config.with_extension("lock");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = options.open(&path).with_context(|| path.display().to_string())?;
    let begin = tokio::time::Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if begin.elapsed() < LOCKED_MOST => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => {
                anyhow::bail!("{}: another process holds the repositories: {error}", path.display())
            }
        }
    }
}

/// Fetches indexes anew, all at once.
pub(super) async fn update(settings: &Settings, names: &[String], timeout: Duration) -> anyhow::Result<()> {
    let file = RepositoryFile::load(&settings.repository_config)?;
    anyhow::ensure!(!file.repositories.is_empty(), "no repositories found. You must add one before updating");
    for name in names {
        anyhow::ensure!(
            file.get(name).is_some(),
            "no repositories found matching '{name}'.  Nothing will be updated"
        );
    }
    anstream::println!("Hang tight while we grab the latest from your chart repositories...");
    let wanted = file.repositories.iter().filter(|one| names.is_empty() || names.contains(&one.name));
    refresh(settings, wanted, timeout, true).await?;
    anstream::println!("Update Complete. ⎈Happy Helming!⎈");
    Ok(())
}

/// Fetches the indexes of some repositories and says so, in Helm's words.
pub(super) async fn refresh(
    settings: &Settings,
    repositories: impl Iterator<Item = &Repository>,
    timeout: Duration,
    tells: bool,
) -> anyhow::Result<()> {
    let tell = |line: String| {
        if tells {
            anstream::println!("{line}");
        }
    };
    let one = async |repository: &Repository| {
        let url = crate::sources::shown(&repository.url);
        match fetch_index(settings, repository, timeout).await {
            Ok(()) => {
                tell(format!(
                    "...Successfully got an update from the {:?} chart repository",
                    repository.name
                ));
                None
            }
            Err(error) => {
                tell(format!(
                    "...Unable to get an update from the {:?} chart repository ({url}):\n\t{error:#}",
                    repository.name
                ));
                Some(url)
            }
        }
    };
    let failed: Vec<String> =
        futures::future::join_all(repositories.map(one)).await.into_iter().flatten().collect();
    anyhow::ensure!(failed.is_empty(), "failed to update the following repositories: [{}]", failed.join(" "));
    Ok(())
}

fn list(settings: &Settings, no_headers: bool, output: OutputFormat) -> anyhow::Result<ExitCode> {
    let file = RepositoryFile::load(&settings.repository_config)?;
    if file.repositories.is_empty() && output == OutputFormat::Table {
        anstream::eprintln!("no repositories to show");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["NAME", "URL"], !no_headers);
    let mut documents = Vec::new();
    for repository in &file.repositories {
        let url = crate::sources::shown(&repository.url);
        documents.push(json!({ "name": repository.name, "url": url }));
        table.row([repository.name.clone(), url]);
    }
    print_structured(output, &Value::Array(documents), || table.print())
}

async fn remove(settings: &Settings, names: &[String]) -> anyhow::Result<ExitCode> {
    let _lock = lock(&settings.repository_config).await?;
    let mut file = RepositoryFile::load(&settings.repository_config)?;
    anyhow::ensure!(!file.repositories.is_empty(), "no repositories configured");
    for name in names {
        let before = file.repositories.len();
        file.repositories.retain(|repository| repository.name != *name);
        anyhow::ensure!(file.repositories.len() < before, "no repo named {name:?} found");
        file.save(&settings.repository_config)?;
        for path in [settings.charts_file(name), settings.index_file(name)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("can't remove {}", path.display()));
                }
                _ => {}
            }
        }
        anstream::println!("{name:?} has been removed from your repositories");
    }
    Ok(ExitCode::SUCCESS)
}
