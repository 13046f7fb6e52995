//! Where the charts come from: repositories at fixed commits, and the charts other charts depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use backstay_chart::Chart;

use crate::ours;

/// A repository at a commit.
#[derive(Debug)]
pub(crate) struct Source {
    /// `owner/name` on GitHub.
    pub(crate) repository: String,
    commit: String,
}

impl Source {
    /// The name of its folder.
    pub(crate) fn folder(&self) -> String {
        self.repository.replace('/', "+")
    }
}

/// Reads `sources.tsv`.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Source>> {
    let text = fs::read_to_string(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    let rows = text.lines().filter(|line| !line.is_empty()).map(|line| {
        let (repository, commit) =
            line.split_once('\t').with_context(|| format!("{}: no commit: {line}", file.display()))?;
        Ok(Source { repository: repository.to_owned(), commit: commit.to_owned() })
    });
    rows.collect()
}

/// Brings in the charts of all sources, and gives each chart the charts it depends on. What is there is kept.
pub(crate) fn bring(sources: &[Source], mirror: Option<&Path>, into: &Path) -> anyhow::Result<()> {
    let mut is_new = false;
    for source in sources {
        let folder = into.join(source.folder());
        let mark = folder.join(".commit");
        if fs::read_to_string(&mark).is_ok_and(|commit| commit == source.commit) {
            continue;
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        eprintln!("    {}", source.repository);
        extract(source, mirror, &folder).with_context(|| source.repository.clone())?;
        fs::write(mark, &source.commit)?;
        is_new = true;
    }
    if is_new { complete(sources, into) } else { Ok(()) }
}

fn extract(source: &Source, mirror: Option<&Path>, folder: &Path) -> anyhow::Result<()> {
    let repository = match mirror {
        Some(mirror) => mirror.join(source.folder()).join("repo"),
        None => {
            let repository = folder.join(".git");
            git(&repository, &["init", "--quiet", "--bare"])?;
            let url = format!("https://github.com/{}", source.repository);
            git(&repository, &["fetch", "--quiet", "--depth", "1", &url, &source.commit])?;
            repository
        }
    };
    let listed = git(&repository, &["ls-tree", "-r", "-z", "--name-only", &source.commit])?;
    for root in roots(&listed) {
        if !unpack(&repository, &source.commit, &root, folder)? {
            eprintln!("    {}/{root}: left out, its files are not all there", source.repository);
            let _ = fs::remove_dir_all(folder.join(&root));
        }
    }
    Ok(())
}

/// Unpacks a folder; whether all of it was there. Test snapshots are left out: they are large and no part of a chart.
fn unpack(repository: &Path, commit: &str, root: &str, folder: &Path) -> anyhow::Result<bool> {
    let mut archive = Command::new("git");
    archive.arg("--git-dir").arg(repository).args(["archive", commit, "--", root]);
    archive.arg(":(exclude,glob)**/__snapshot*/**").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut archive = archive.spawn().context("git cannot be started")?;
    let piped = archive.stdout.take().context("git writes nothing")?;
    let mut tar = Command::new("tar");
    let unpacked = tar.arg("-x").arg("-C").arg(folder).stdin(piped).stderr(Stdio::null()).status()?;
    Ok(archive.wait()?.success() && unpacked.success())
}

/// The folders of charts that are no other chart's dependencies; `.` is the repository itself.
fn roots(listed: &str) -> Vec<String> {
    let all: BTreeSet<&str> = listed
        .split('\0')
        .filter_map(|path| {
            let folder = path.strip_suffix("Chart.yaml")?;
            if folder.is_empty() { Some(".") } else { folder.strip_suffix('/') }
        })
        .collect();
    let is_dependency = |path: &str| {
        path.match_indices("/charts/").any(|(at, _)| all.contains(&path[..at]))
            || path.starts_with("charts/") && all.contains(".")
    };
    all.iter().filter(|path| !is_dependency(path)).map(|path| (*path).to_owned()).collect()
}

fn git(repository: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    let output = command.arg("--git-dir").arg(repository).args(arguments).output()?;
    if !output.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The folders of charts below a folder, sorted; charts in `charts/` of a chart do not count.
pub(crate) fn charts(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let is_chart = folder.join("Chart.yaml").is_file();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() && name != ".git" && !(is_chart && name == "charts") {
                open.push(entry.path());
            }
        }
        if is_chart {
            found.push(folder);
        }
    }
    found.sort();
    Ok(found)
}

/// Charts by name, each with the first number of its version and its folder.
type Known = BTreeMap<String, Vec<(String, PathBuf)>>;

/// The first number of a version or of a range of versions.
fn major(version: &str) -> &str {
    let start = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let end = start.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(start.len());
    &start[..end]
}

/// Copies into each chart's `charts/` what it depends on and what the sources have: Helm does not render without.
fn complete(sources: &[Source], into: &Path) -> anyhow::Result<()> {
    let mut known = Known::new();
    let mut all = Vec::new();
    for source in sources {
        for folder in charts(&into.join(source.folder()))? {
            if let Ok(chart) = ours::load(&folder) {
                let version = major(&chart.metadata.version).to_owned();
                known.entry(chart.name().to_owned()).or_default().push((version, folder.clone()));
                all.push(folder);
            }
        }
    }
    for folder in all {
        complete_one(&folder, &known, into, 0)?;
    }
    Ok(())
}

/// How deep dependencies are followed.
const DEPTH_MOST: usize = 5;

fn complete_one(folder: &Path, known: &Known, into: &Path, depth: usize) -> anyhow::Result<()> {
    let Ok(chart) = ours::load(folder) else { return Ok(()) };
    let has = |chart: &Chart, name: &str| chart.dependencies.iter().any(|child| child.name() == name);
    let own = folder.strip_prefix(into)?.components().next();
    for dependency in chart.metadata.dependencies.iter().flatten() {
        let name = &dependency.name;
        let target = folder.join("charts").join(name);
        if depth == DEPTH_MOST || has(&chart, name) || target.exists() || name.contains('/') {
            continue;
        }
        let candidates = known.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let is_own = |path: &Path| path.strip_prefix(into).is_ok_and(|path| path.components().next() == own);
        // Of the same repository and version if there is one, else of the same version, else any.
        let wanted = major(&dependency.version);
        let best = candidates.iter().max_by_key(|(version, path)| (version == wanted, is_own(path)));
        let Some((_, found)) = best else { continue };
        if folder.starts_with(found) {
            continue;
        }
        copy(found, &target)?;
        complete_one(&target, known, into, depth + 1)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else if entry.path().is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
