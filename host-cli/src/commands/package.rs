//! `package`: a chart's folder becomes an archive (Helm `pkg/action/package.go`).

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use backstay_core::chart::{Metadata, SourceFile, from_archive};
use backstay_core::gotemplate::semver::Version;
use serde_json::Value;

use crate::args::{GlobalArgs, PackageArgs, VerifyChartArgs};
use crate::charts;
use crate::cluster::wall_now;
use crate::provenance::{Signer, passphrase_of, verify_file};
use crate::sources::{pack, write_file};

pub(crate) async fn package(global: &GlobalArgs, arguments: &PackageArgs) -> anyhow::Result<ExitCode> {
    let signer = signer(arguments)?;
    for path in &arguments.paths {
        std::fs::metadata(path).with_context(|| format!("stat {path}"))?;
        if arguments.dependency_update {
            super::fetch_dependencies(global, Path::new(path), &arguments.transport).await?;
        }
        let change =
            Change { version: arguments.version.as_deref(), app_version: arguments.app_version.as_deref() };
        let (name, archive) = packed(Path::new(path), &change)?;
        let folder = match &arguments.destination {
            here if here.as_os_str() == "." => env::current_dir()?,
            other => other.clone(),
        };
        let file = folder.join(&name);
        write_file(&file, &archive)?;
        if let Some(signer) = &signer {
            let chart = from_archive(&archive).context("failed to load chart for signing")?;
            let metadata = backstay_core::yaml::to_yaml(&chart.metadata.to_json())?;
            let provenance = signer.sign(&archive, &name, &metadata, wall_now())?;
            write_file(&folder.join(format!("{name}.prov")), provenance.as_bytes())?;
        }
        anstream::println!("Successfully packaged chart and saved it to: {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// `verify`: who signed an archive (Helm `pkg/action/verify.go`).
pub(crate) fn verify(arguments: &VerifyChartArgs) -> anyhow::Result<ExitCode> {
    let verified = verify_file(&arguments.archive, arguments.keyring.as_deref(), wall_now())?;
    anstream::print!("{verified}");
    Ok(ExitCode::SUCCESS)
}

/// The key to sign with, unlocked before anything is packed.
fn signer(arguments: &PackageArgs) -> anyhow::Result<Option<Signer>> {
    if !arguments.sign {
        return Ok(None);
    }
    let key = arguments.key.as_deref().filter(|key| !key.is_empty());
    let key = key.context("--key is required for signing a package")?;
    let signer = Signer::load(arguments.keyring.as_deref(), key, |name| match &arguments.passphrase_file {
        Some(file) => passphrase_of(file),
        None => anyhow::bail!(
            "the key of {name:?} has a passphrase; give it with --passphrase-file (- for standard input): it is not \
             asked for, because it would be shown"
        ),
    });
    signer.map(Some)
}

/// What is changed on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change<'a> {
    pub(super) version: Option<&'a str>,
    pub(super) app_version: Option<&'a str>,
}

/// The name and bytes of a chart folder's archive. All its dependencies must be there.
pub(super) fn packed(path: &Path, change: &Change<'_>) -> anyhow::Result<(String, Vec<u8>)> {
    let chart = charts::load_any(path.to_str().context("the path is not UTF-8")?)?;
    let declared = chart.metadata.dependencies.iter().flatten().map(|dependency| dependency.name.as_str());
    let missing: Vec<&str> =
        declared.filter(|name| !chart.dependencies.iter().any(|there| there.name() == *name)).collect();
    anyhow::ensure!(
        missing.is_empty(),
        "found in Chart.yaml, but missing in charts/ directory: {}; fetch them with `backstay dependency update`",
        missing.join(", ")
    );
    let (name, archive, _) = packed_as_is(path, change)?;
    Ok((name, archive))
}

/// The name, bytes and version of a chart folder's archive, whatever is in it.
pub(super) fn packed_as_is(path: &Path, change: &Change<'_>) -> anyhow::Result<(String, Vec<u8>, String)> {
    let path = path.to_str().context("the path is not UTF-8")?;
    let mut metadata = charts::load_any(path)?.metadata;
    if let Some(version) = change.version.filter(|version| !version.is_empty()) {
        version.clone_into(&mut metadata.version);
    }
    Version::parse(&metadata.version)?;
    if let Some(version) = change.app_version.filter(|version| !version.is_empty()) {
        version.clone_into(&mut metadata.app_version);
    }
    let text = chart_yaml(&metadata)?;
    let mut files = vec![("Chart.yaml".to_owned(), text.into_bytes())];
    // Helm's order: what describes the chart, its templates, all else, its dependencies.
    let mut others: Vec<SourceFile> = charts::files_of(path)?;
    others.retain(|file| file.path != "Chart.yaml");
    others.sort_by(|a, b| rank(&a.path).cmp(&rank(&b.path)).then_with(|| a.path.cmp(&b.path)));
    files.extend(others.into_iter().map(|file| (file.path, file.content.to_vec())));
    let archive = pack(&metadata.name, &files, seconds()?).map_err(|error| anyhow::anyhow!(error))?;
    Ok((format!("{}-{}.tgz", metadata.name, metadata.version), archive, metadata.version))
}

fn rank(path: &str) -> u8 {
    match path {
        "Chart.lock" => 0,
        "values.yaml" => 1,
        "values.schema.json" => 2,
        path if path.starts_with("templates/") => 3,
        path if path.starts_with("charts/") => 5,
        _ => 4,
    }
}

/// `Chart.yaml` as Helm writes it. Version 1 has its dependencies in another file.
fn chart_yaml(metadata: &Metadata) -> anyhow::Result<String> {
    let mut document = metadata.to_json();
    if metadata.api_version == "v1"
        && let Value::Object(map) = &mut document
    {
        map.remove("dependencies");
    }
    Ok(backstay_core::yaml::to_yaml(&document)?)
}

/// The time of the files: `SOURCE_DATE_EPOCH`, for archives that are the same each time, or now.
fn seconds() -> anyhow::Result<u64> {
    match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if !text.is_empty() => {
            text.parse().map_err(|_| anyhow::anyhow!("invalid SOURCE_DATE_EPOCH: {text:?}"))
        }
        _ => Ok(wall_now().0 / 1000),
    }
}
