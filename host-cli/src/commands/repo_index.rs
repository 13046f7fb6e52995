//! `repo index`: the index of a folder of archives (Helm `IndexDirectory`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backstay_core::chart::from_archive;
use backstay_core::gotemplate::semver::Version;
use serde_json::{Map, Value, json};

use crate::cluster::wall_now;
use crate::sources::{Index, resolve_address, sha256, write_file};

type Entries = BTreeMap<String, Vec<Map<String, Value>>>;

/// Writes `index.yaml` into a folder. What is no chart is passed over, as with Helm.
pub(super) fn index(folder: &Path, url: &str, merge: Option<&Path>, as_json: bool) -> anyhow::Result<()> {
    let mut entries = Entries::new();
    for archive in archives(folder)? {
        if let Some(entry) = entry(folder, &archive, url)? {
            let name = entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            entries.entry(name).or_default().push(entry);
        }
    }
    if let Some(path) = merge {
        match fs::read(path) {
            Ok(bytes) => {
                add(&mut entries, &Index::read(&bytes).map_err(|e| anyhow::anyhow!("merge failed: {e}"))?)
            }
            // Helm makes an empty one.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write(path, &Entries::new(), as_json)?;
            }
            Err(error) => return Err(error).with_context(|| format!("merge failed: {}", path.display())),
        }
    }
    for versions in entries.values_mut() {
        versions.sort_by(|a, b| newer(b, a));
    }
    write(&folder.join("index.yaml"), &entries, as_json)
}

fn newer(a: &Map<String, Value>, b: &Map<String, Value>) -> std::cmp::Ordering {
    let version = |entry: &Map<String, Value>| {
        Version::parse(entry.get("version").and_then(Value::as_str).unwrap_or_default()).ok()
    };
    match (version(a), version(b)) {
        (Some(a), Some(b)) => a.compare(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// What the folder has wins over what is merged in.
fn add(entries: &mut Entries, other: &Index) {
    for (name, versions) in &other.entries {
        let own = entries.entry(name.clone()).or_default();
        for version in versions {
            let same = |entry: &Map<String, Value>| {
                entry.get("version").and_then(Value::as_str) == Some(version.version())
            };
            if !own.iter().any(same) {
                own.push(version.document.clone());
            }
        }
    }
}

/// Archives of the folder and of the folders in it.
fn archives(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let list = |folder: &Path| -> anyhow::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
        paths.sort();
        Ok(paths)
    };
    let is_archive =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension == "tgz") && path.is_file();
    let here = list(folder)?;
    let mut found: Vec<PathBuf> = here.iter().filter(|path| is_archive(path)).cloned().collect();
    for inner in here.iter().filter(|path| path.is_dir()) {
        found.extend(list(inner)?.into_iter().filter(is_archive));
    }
    Ok(found)
}

fn entry(folder: &Path, path: &Path, url: &str) -> anyhow::Result<Option<Map<String, Value>>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let Ok(chart) = from_archive(&bytes) else { return Ok(None) };
    let below = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let address = if url.is_empty() { below } else { resolve_address(url, &below) };
    let Value::Object(mut entry) = chart.metadata.to_json() else { return Ok(None) };
    entry.insert("urls".to_owned(), json!([address]));
    entry.insert("created".to_owned(), wall_now().to_rfc3339().into());
    entry.insert("digest".to_owned(), sha256(&bytes).into());
    Ok(Some(entry))
}

fn write(path: &Path, entries: &Entries, as_json: bool) -> anyhow::Result<()> {
    let document = json!({ "apiVersion": "v1", "entries": entries, "generated": wall_now().to_rfc3339() });
    let text = if as_json {
        serde_json::to_string_pretty(&document)?
    } else {
        backstay_core::yaml::to_yaml(&document)?
    };
    write_file(path, text.as_bytes())
}
