//! What is rendered: each chart with its own values and with each values file of its `ci/` folder.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::helm::hex;
use crate::sources::{self, Source};

/// A chart with one set of values.
#[derive(Debug)]
pub(crate) struct Case {
    /// `owner/name` of the repository.
    pub(crate) repository: String,
    /// The chart's folder in the repository.
    pub(crate) path: String,
    /// The same on this machine.
    pub(crate) chart: PathBuf,
    /// The values file, relative to the chart; none for the chart's own values.
    pub(crate) values: Option<String>,
    /// A digest of the chart's files.
    pub(crate) digest: String,
}

impl Case {
    /// The values file on this machine.
    pub(crate) fn values_file(&self) -> Option<PathBuf> {
        self.values.as_ref().map(|values| self.chart.join(values))
    }

    /// How it is called in lists.
    pub(crate) fn name(&self) -> String {
        let values = self.values.as_deref().unwrap_or("-");
        format!("{}/{} {values}", self.repository, self.path)
    }
}

/// All cases of the sources, in the order of their names.
pub(crate) fn find(sources: &[Source], folder: &Path, only: Option<&str>) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for source in sources {
        let root = folder.join(source.folder());
        for chart in sources::charts(&root)? {
            let path = chart.strip_prefix(&root)?.display().to_string();
            if only.is_some_and(|only| !format!("{}/{path}", source.repository).contains(only)) {
                continue;
            }
            let digest = digest(&chart)?;
            let files = std::iter::once(None).chain(values_files(&chart).into_iter().map(Some));
            cases.extend(files.map(|values| Case {
                repository: source.repository.clone(),
                path: path.clone(),
                chart: chart.clone(),
                values,
                digest: digest.clone(),
            }));
        }
    }
    Ok(cases)
}

fn values_files(chart: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(chart.join("ci")) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| format!("ci/{}", entry.file_name().to_string_lossy()))
        .filter(|name| name.ends_with("-values.yaml") || name.ends_with("/values.yaml"))
        .collect();
    found.sort();
    found
}

/// The SHA-256 of the paths and contents of a folder's files.
fn digest(folder: &Path) -> anyhow::Result<String> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let name = file.strip_prefix(folder)?.display();
        // Devices, pipes and links to nowhere have no content.
        if !file.is_file() {
            hash.update(format!("{name}\0-\0"));
            continue;
        }
        let content = fs::read(&file)?;
        hash.update(format!("{name}\0{}\0", content.len()));
        hash.update(content);
    }
    Ok(hex(&hash.finalize())[..16].to_owned())
}
