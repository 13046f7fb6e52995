//! `dependency list`: what a chart needs and what is there (Helm `pkg/action/dependency.go`).

use std::fs;
use std::path::{Path, PathBuf};

use backstay_core::chart::{Chart, Dependency, from_archive};
use backstay_core::gotemplate::semver::{Constraint, Version};

use crate::charts;
use crate::table::{Table, shortened};

pub(super) fn list(reference: &str, width: usize) -> anyhow::Result<()> {
    let chart = charts::load_any(reference)?;
    let folder = Path::new(reference.trim_end_matches('/'));
    let Some(wanted) = &chart.metadata.dependencies else {
        anstream::println!("WARNING: no dependencies at {}", folder.join("charts").display());
        return Ok(());
    };
    let mut table = Table::new(&["NAME", "VERSION", "REPOSITORY", "STATUS"], true);
    for one in wanted {
        let status = status(folder, one, &chart);
        table.row([&one.name, &one.version, &one.repository, status].map(|cell| shortened(cell, width)));
    }
    table.print();
    anstream::println!();
    for path in entries(&folder.join("charts")) {
        let is_archive = path.extension().is_some_and(|extension| extension == "tgz");
        if !path.is_dir() && !is_archive {
            continue;
        }
        match path.to_str().map(charts::load_any) {
            Some(Ok(found)) if wanted.iter().any(|one| one.name == found.name()) => {}
            Some(Ok(_)) => {
                anstream::println!("WARNING: {:?} is not in Chart.yaml.", path.display().to_string())
            }
            _ => anstream::println!("WARNING: {:?} is not a chart.", path.display().to_string()),
        }
    }
    Ok(())
}

/// Helm shows hidden files only when they are asked for.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')))
        .collect();
    paths.sort();
    paths
}

fn status(folder: &Path, wanted: &Dependency, chart: &Chart) -> &'static str {
    let prefix = format!("{}-", wanted.name);
    let version_of = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some(name.strip_prefix(&prefix)?.strip_suffix(".tgz")?.to_owned())
    };
    let archives: Vec<PathBuf> =
        entries(&folder.join("charts")).into_iter().filter(|path| version_of(path).is_some()).collect();
    let chosen = match archives.as_slice() {
        [] => None,
        [one] => Some(one),
        many => {
            let is_version = |path: &&PathBuf| {
                version_of(path).is_some_and(|version| Version::parse_strict(&version).is_ok())
            };
            let versions: Vec<&PathBuf> = many.iter().filter(is_version).collect();
            if versions.len() > 1 {
                return "too many matches";
            }
            versions.first().copied()
        }
    };
    if let Some(path) = chosen {
        let loaded = fs::read(path).ok().and_then(|bytes| from_archive(&bytes).ok());
        return match loaded {
            None => "corrupt",
            Some(found) if found.name() != wanted.name => "misnamed",
            Some(found) => fits(&found.metadata.version, &wanted.version).unwrap_or("ok"),
        };
    }
    match chart.dependencies.iter().find(|there| there.name() == wanted.name) {
        None => "missing",
        Some(found) => fits(&found.metadata.version, &wanted.version).unwrap_or("unpacked"),
    }
}

/// What is wrong with a version, if anything is.
fn fits(version: &str, range: &str) -> Option<&'static str> {
    if version == range {
        return None;
    }
    match (Constraint::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) if range.check(&version) => None,
        (Ok(_), Ok(_)) => Some("wrong version"),
        _ => Some("invalid version"),
    }
}
