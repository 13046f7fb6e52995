//! `pull`, `push` and `registry`: charts between here and where they are kept.

use std::fs;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use backstay_core::chart::{from_archive, unpack};
use backstay_core::object::Timestamp;

use crate::args::{GlobalArgs, PullArgs, PushArgs, RegistryCommand, RegistryLoginArgs, TransportArgs};
use crate::cluster::wall_now;
use crate::notify::Hidden;
use crate::sources::{self, Parcel, Reference, Settings, Wanted, write_file};

pub(crate) async fn pull(global: &GlobalArgs, arguments: &PullArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::new(global);
    for reference in &arguments.charts {
        let mut wanted = Wanted::of(&arguments.source.verify);
        wanted.provenance |= arguments.prov;
        let fetched = sources::fetch(&settings, reference, &arguments.source, &wanted).await?;
        if let Some(verified) = &fetched.verified {
            anstream::print!("{verified}");
        }
        if arguments.untar {
            let folder = arguments.destination.join(&arguments.untardir);
            expand(&folder, &fetched.bytes, reference)?;
            continue;
        }
        let path = arguments.destination.join(&fetched.file_name);
        write_file(&path, &fetched.bytes)?;
        if let Some(provenance) = &fetched.provenance {
            write_file(&arguments.destination.join(format!("{}.prov", fetched.file_name)), provenance)?;
        } else if arguments.prov {
            anstream::eprintln!("WARNING: Verification not found for {reference}: it has no provenance file");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Unpacks a chart into a folder of its name; what is there already is not touched.
fn expand(folder: &Path, archive: &[u8], reference: &str) -> anyhow::Result<()> {
    let chart = from_archive(archive).map_err(|error| anyhow::anyhow!("{reference}: {error}"))?;
    let files = unpack(archive).map_err(|error| anyhow::anyhow!("{reference}: {error}"))?;
    let name = chart.name();
    anyhow::ensure!(
        !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != "..",
        "{reference}: {name:?} is no name for a folder"
    );
    let root = folder.join(name);
    anyhow::ensure!(
        fs::symlink_metadata(&root).is_err(),
        "failed to untar: a file or directory with the name {} already exists",
        root.display()
    );
    for file in files {
        // The names were checked when the archive was unpacked: none is absolute or leads out of the folder.
        let path = root.join(&file.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::write(&path, &file.data).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

pub(crate) async fn push(global: &GlobalArgs, arguments: &PushArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::new(global);
    let remote = arguments.remote.trim_end_matches('/');
    anyhow::ensure!(
        remote.starts_with("oci://"),
        "scheme prefix missing from remote (e.g. \"oci://\"): charts are pushed to registries only"
    );
    let archive = fs::read(&arguments.archive).with_context(|| arguments.archive.display().to_string())?;
    let chart = from_archive(&archive).map_err(|error| {
        anyhow::anyhow!(
            "{}: {error}; give an archive made by `backstay package`",
            arguments.archive.display()
        )
    })?;
    let reference =
        Reference::parse(&format!("{remote}/{}:{}", chart.metadata.name, chart.metadata.version))?;
    let provenance = provenance_beside(&arguments.archive)?;
    let client = sources::registry(&settings, &reference, &arguments.transport)?;
    let parcel = Parcel {
        archive: archive.into(),
        provenance: provenance.map(Into::into),
        metadata: &chart.metadata,
        created: modified(&arguments.archive).to_rfc3339(),
    };
    let digest = client.push(&reference, &parcel).await?;
    anstream::println!("Pushed: {}\nDigest: {digest}", reference.shown());
    if reference.tag.contains('+') {
        anstream::println!(
            "{} contains an underscore: registries know no `+`, so it stands for the one of the version.",
            reference.shown()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// When the archive was made: pushing it again gives the same manifest, as with Helm.
fn modified(archive: &Path) -> Timestamp {
    let time = fs::metadata(archive).and_then(|metadata| metadata.modified()).ok();
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or_else(wall_now, |since| Timestamp(since.as_secs() * 1000))
}

fn provenance_beside(archive: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let mut path = archive.as_os_str().to_owned();
    path.push(".prov");
    let path = PathBuf::from(path);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

pub(crate) async fn registry(global: &GlobalArgs, command: &RegistryCommand) -> anyhow::Result<ExitCode> {
    let settings = Settings::new(global);
    match command {
        RegistryCommand::Login(arguments) => login(&settings, arguments).await,
        RegistryCommand::Logout { host } => {
            sources::forget_login(&settings.registry_config, host_of(host))?;
            anstream::eprintln!("Removing login credentials for {}", host_of(host));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Log-ins are for a whole registry; a path behind the host is left out, as Helm does with a warning.
fn host_of(text: &str) -> &str {
    let text = text.strip_prefix("oci://").unwrap_or(text);
    text.split('/').next().unwrap_or(text)
}

async fn login(settings: &Settings, arguments: &RegistryLoginArgs) -> anyhow::Result<ExitCode> {
    let host = host_of(&arguments.host);
    if host != arguments.host {
        anstream::eprintln!("WARNING: a log-in is for a whole registry; {host} is used");
    }
    let (username, password) = asked_login(arguments)?;
    let transport = TransportArgs {
        username: Some(username.clone()),
        password: Some(Hidden(password.clone())),
        ca_file: arguments.ca_file.clone(),
        cert_file: arguments.cert_file.clone(),
        key_file: arguments.key_file.clone(),
        insecure_skip_tls_verify: arguments.insecure,
        plain_http: arguments.plain_http,
    };
    let reference = Reference::of_host(host);
    let client = sources::registry(settings, &reference, &transport)?;
    client.ping().await.with_context(|| format!("authenticating to {host:?}"))?;
    sources::keep_login(&settings.registry_config, host, &username, &password)?;
    anstream::println!("Login Succeeded");
    Ok(ExitCode::SUCCESS)
}

fn asked_login(arguments: &RegistryLoginArgs) -> anyhow::Result<(String, String)> {
    let username = match &arguments.username {
        Some(name) if !name.is_empty() => name.clone(),
        _ => asked("Username: ")?,
    };
    let password = if arguments.password_stdin {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    } else if let Some(password) = &arguments.password {
        anstream::eprintln!(
            "WARNING: a password on the command line can be seen by others; use --password-stdin"
        );
        password.0.clone()
    } else {
        anyhow::bail!(
            "give the password with --password-stdin: it is not asked for, because it would be shown"
        );
    };
    anyhow::ensure!(!username.is_empty() && !password.is_empty(), "user name and password are needed");
    Ok((username, password))
}

fn asked(question: &str) -> anyhow::Result<String> {
    anyhow::ensure!(std::io::stdin().is_terminal(), "username required; give it with --username");
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
