//! Which charts `cargo xtask bench render` measures: the ones named, or the heaviest public ones.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use crate::{corpus, paths};

/// The charts in what was named.
pub(super) fn named(places: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let is_chart =
        |path: &Path| path.join("Chart.yaml").is_file() || path.extension().is_some_and(|e| e == "tgz");
    let mut found = Vec::new();
    for place in places {
        let place = place.canonicalize().with_context(|| format!("{}: cannot be found", place.display()))?;
        if is_chart(&place) {
            found.push(place);
            continue;
        }
        let entries = fs::read_dir(&place).with_context(|| format!("{}: is no folder", place.display()))?;
        let mut inside: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
        inside.retain(|path| is_chart(path));
        inside.sort();
        found.append(&mut inside);
    }
    if found.is_empty() {
        bail!("there is no chart in the folders given; a chart is a folder with a Chart.yaml, or a .tgz");
    }
    Ok(found)
}

/// The charts of `tests/corpus/heaviest.tsv`: those of the corpus that took Helm 4 the most processor time. What is not in
/// the cache is brought in; what is not the chart that the list means is an error.
pub(super) fn heaviest(folder: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    let list = paths::repository().join("tests/corpus/heaviest.tsv");
    let text = fs::read_to_string(&list).with_context(|| format!("{}: cannot be read", list.display()))?;
    let folder = match folder {
        Some(folder) => folder.to_path_buf(),
        None => paths::cache()?.join("corpus"),
    };
    let rows: Vec<(PathBuf, &str)> = text
        .lines()
        .map(|line| {
            let mut fields = line.split('\t');
            let (Some(repository), Some(path), Some(digest)) = (fields.next(), fields.next(), fields.next())
            else {
                bail!("{}: not repository, path and digest: {line}", list.display());
            };
            let chart = folder.join("charts").join(repository.replace('/', "+")).join(path);
            Ok((chart.components().collect(), digest))
        })
        .collect::<anyhow::Result<_>>()?;
    if rows.iter().any(|(chart, _)| !chart.join("Chart.yaml").is_file()) {
        corpus::bring(&folder)?;
    }
    for (chart, expected) in &rows {
        let found = digest(chart).with_context(|| format!("{}: cannot be read", chart.display()))?;
        if found != *expected {
            bail!(
                "{}: its files have the digest {found}, not {expected}; `cargo xtask corpus` brings them in",
                chart.display()
            );
        }
    }
    Ok(rows.into_iter().map(|(chart, _)| chart).collect())
}

/// SHA-256 of the paths and contents of a folder's files, but those that bringing it in left there.
fn digest(folder: &Path) -> anyhow::Result<String> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if [".git", ".commit"].iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else if entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let content = fs::read(&file)?;
        hash.update(format!("{}\0{}\0", file.strip_prefix(folder)?.display(), content.len()));
        hash.update(content);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(digest.chars().take(16).collect())
}
