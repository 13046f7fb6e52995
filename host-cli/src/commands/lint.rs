//! `lint`: a chart looked over with Helm's rules, in Helm's layout.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use backstay_core::chart::{KubeVersion, LintInput, LintMessage, Severity, lint as look_over};
use backstay_core::gotemplate::{Compatibility, Environment, Map};

use crate::args::{GlobalArgs, LintArgs};
use crate::charts;
use crate::cluster::wall_now;
use crate::exit::{Exit, Stop};

pub(crate) async fn lint(global: &GlobalArgs, arguments: &LintArgs) -> anyhow::Result<ExitCode> {
    let compatibility = charts::compatibility(&arguments.compat);
    let kube_version = match &arguments.kube_version {
        Some(text) => {
            Some(KubeVersion::parse(text, compatibility).map_err(|error| Stop::refused(error.to_string()))?)
        }
        None => None,
    };
    let mut paths = arguments.paths.clone();
    if arguments.with_subcharts {
        for path in &arguments.paths {
            subcharts(&Path::new(path).join("charts"), &mut paths);
        }
    }
    let values = charts::values(&arguments.values, compatibility).await?;
    let least = if arguments.strict { Severity::Warning } else { Severity::Error };
    let (mut failed, mut remarkable) = (0, 0);
    for path in &paths {
        let found = one(global, arguments, path, &values, compatibility, kube_version.as_ref());
        let (is_failed, is_remarkable) = match &found {
            Ok(messages) => (
                messages.iter().any(|message| message.severity >= least),
                messages.iter().any(|message| message.severity > Severity::Info),
            ),
            Err(_) => (true, true),
        };
        failed += usize::from(is_failed);
        remarkable += usize::from(is_remarkable);
        if !arguments.quiet || is_remarkable {
            anstream::println!("==> Linting {path}");
            show(&found, arguments.quiet);
            anstream::println!();
        }
    }
    let summary = format!("{} chart(s) linted, {failed} chart(s) failed", paths.len());
    if failed > 0 {
        return Err(Stop::with(Exit::Failed, summary));
    }
    if !arguments.quiet || remarkable > 0 {
        anstream::println!("{summary}");
    }
    Ok(ExitCode::SUCCESS)
}

fn show(found: &anyhow::Result<Vec<LintMessage>>, quiet: bool) {
    match found {
        Err(error) => anstream::println!("Error {error:#}"),
        Ok(messages) => {
            for message in messages.iter().filter(|message| !quiet || message.severity > Severity::Info) {
                anstream::println!("{message}");
                // Beside Helm's output, which other programs read.
                if let Some(hint) = &message.hint {
                    anstream::eprintln!("hint: {hint}");
                }
            }
        }
    }
}

fn one(
    global: &GlobalArgs,
    arguments: &LintArgs,
    path: &str,
    values: &Map,
    compatibility: Compatibility,
    kube_version: Option<&KubeVersion>,
) -> anyhow::Result<Vec<LintMessage>> {
    let folder = Path::new(path);
    let is_archive = path.ends_with(".tgz") || path.ends_with(".tar.gz");
    if !is_archive && let Err(error) = std::fs::metadata(folder.join("Chart.yaml")) {
        let file = folder.join("Chart.yaml");
        anyhow::bail!("unable to check Chart.yaml file in chart: stat {}: {}", file.display(), words(&error));
    }
    let files = charts::files_of(path)?;
    let has_templates =
        files.iter().any(|file| file.path.starts_with("templates/")) || folder.join("templates").is_dir();
    let mut environment = Environment::offline(i128::from(wall_now().0) * 1_000_000, charts::seed()?);
    environment.compatibility = compatibility;
    environment.lint = true;
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    Ok(look_over(&LintInput {
        folder: cleaned(&absolute).display().to_string(),
        files: &files,
        has_templates,
        values,
        namespace: global.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        kube_version: kube_version.cloned(),
        skip_schema_validation: arguments.skip_schema_validation,
        environment: &environment,
    }))
}

/// Without `.` and `..`, as Go's `filepath.Abs` gives it.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        if matches!(part, std::path::Component::ParentDir) {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

/// An error of the system in Go's words.
fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Every chart below a folder, in the order of names.
fn subcharts(folder: &Path, paths: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name == "Chart.yaml" {
            paths.push(folder.display().to_string());
        } else if name.ends_with(".tgz") || name.ends_with(".tar.gz") {
            paths.push(entry.display().to_string());
        } else if entry.is_dir() && !entry.is_symlink() {
            subcharts(&entry, paths);
        }
    }
}
