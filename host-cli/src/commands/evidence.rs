//! Evidence on disk and with the release's record: written before an undo, shown later.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use backstay_core::object::{Timestamp, list_at, text_at};
use backstay_core::rollout::Verdict;
use serde::{Deserialize, Serialize};

use crate::args::{EvidenceArgs, GlobalArgs};
use crate::cluster::Cluster;
use crate::execute::{EvidenceBundle, attached_to};
use crate::exit::{Exit, Stop};
use crate::paths;
use crate::records;
use crate::storage;
use crate::table::print_structured;

/// What is kept of one failed revision.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EvidenceFile {
    /// Format of this file.
    pub(crate) v: u32,
    pub(crate) release: String,
    pub(crate) namespace: String,
    pub(crate) revision: u32,
    /// When the run ended.
    pub(crate) at: String,
    pub(crate) verdict: Verdict,
    pub(crate) objects: Vec<EvidenceBundle>,
    /// What was left out of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shortened: Option<String>,
}

/// Writes evidence below the state folder, and into `also` if given. Returns where it is.
pub(crate) fn write(file: &EvidenceFile, cluster: &str, also: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = folder(cluster, &file.namespace, &file.release).join(format!("{}.json", file.revision));
    write_to(file, &path)?;
    if let Some(folder) = also {
        let name = format!("{}-{}-{}.json", file.namespace, file.release, file.revision);
        write_to(file, &folder.join(name))?;
    }
    Ok(path)
}

fn write_to(file: &EvidenceFile, path: &Path) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let bytes = serde_json::to_vec_pretty(file)?;
    std::fs::write(path, bytes).with_context(|| format!("cannot write evidence to {}", path.display()))
}

/// Releases of one name may be on several clusters.
fn folder(cluster: &str, namespace: &str, release: &str) -> PathBuf {
    paths::state_dir().join("evidence").join(cluster).join(namespace).join(release)
}

pub(crate) async fn show(global: &GlobalArgs, arguments: &EvidenceArgs) -> anyhow::Result<ExitCode> {
    let (cluster, namespace) = Cluster::named(global).await?;
    let name = &arguments.name;
    let folder = folder(&cluster, &namespace, name);
    let wanted = arguments.revision.or(arguments.of);
    let here = match wanted.or_else(|| newest(&folder)) {
        Some(revision) => read(&folder.join(format!("{revision}.json")))?,
        None => None,
    };
    let there = match attached(global, &namespace, name, wanted).await {
        Ok(there) => there,
        Err(error) if here.is_some() => {
            anstream::eprintln!(
                "shown as this machine has it; the release's records cannot be read: {error:#}"
            );
            None
        }
        Err(error) => return Err(error),
    };
    // This machine's is whole; the record's may be of a later revision, or of a later release of the same name.
    let file = match (here, there) {
        (Some(here), Some(there)) => {
            let is_later =
                |file: &EvidenceFile| at_of(file) > at_of(&here) || file.revision > here.revision;
            if is_later(&there) { there } else { here }
        }
        (here, there) => here.or(there).ok_or_else(|| {
            Stop::with(
                Exit::Failed,
                format!(
                    "no evidence is kept of {name} in namespace {namespace}, neither with its revisions nor on this machine"
                ),
            )
        })?,
    };
    print_structured(arguments.output, &serde_json::to_value(&file)?, || print(&file))
}

fn at_of(file: &EvidenceFile) -> Option<Timestamp> {
    Timestamp::parse(&file.at).ok()
}

/// What this machine has kept.
fn read(path: &Path) -> anyhow::Result<Option<EvidenceFile>> {
    let Ok(bytes) = std::fs::read(path) else { return Ok(None) };
    let document: serde_json::Value = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is damaged; delete it", path.display()))?;
    let file =
        serde_json::from_value(document).with_context(|| format!("{} has another format", path.display()))?;
    Ok(Some(file))
}

/// What lies with the release's revisions, of the given one or of the newest that has some.
async fn attached(
    global: &GlobalArgs,
    namespace: &str,
    release: &str,
    revision: Option<u32>,
) -> anyhow::Result<Option<EvidenceFile>> {
    let cluster = Cluster::connect(global).await?;
    let records = records::list(&storage::api(&cluster.client, Some(namespace)), Some(release)).await?;
    let kept = records
        .iter()
        .filter(|record| revision.is_none_or(|revision| record.release.version == revision))
        .filter_map(|record| Some((record, attached_to(record)?)));
    let newest = kept.max_by_key(|(record, _)| record.release.version);
    Ok(newest.map(|(record, (attached, entry, verdict))| EvidenceFile {
        v: 1,
        release: release.to_owned(),
        namespace: namespace.to_owned(),
        revision: record.release.version,
        at: entry.at.to_rfc3339_seconds(),
        verdict,
        objects: attached.objects,
        shortened: attached.shortened,
    }))
}

fn print(file: &EvidenceFile) {
    anstream::println!("{} {} revision {}, {}", file.release, file.namespace, file.revision, file.at);
    if let Some(shortened) = &file.shortened {
        anstream::println!("({shortened})");
    }
    for bundle in &file.objects {
        anstream::println!("\n{}{}", bundle.object, if bundle.of_undo { "  (on the way back)" } else { "" });
        print_bundle(bundle);
    }
}

/// Events, pods, containers and logs of one object.
pub(crate) fn print_bundle(bundle: &EvidenceBundle) {
    if !bundle.changes.is_empty() {
        anstream::println!("  changed by this revision:");
    }
    for change in &bundle.changes {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".to_owned());
        anstream::println!("    {}: {} -> {}", change.field, side(&change.before), side(&change.after));
    }
    for event in &bundle.events {
        anstream::println!(
            "  {} {} {} {}: {} (x{})",
            event.last_seen,
            event.kind,
            event.about,
            event.reason,
            event.message,
            event.count
        );
    }
    for pod in &bundle.pods {
        anstream::println!("  pod {}  {}", pod.name, text_at(&pod.status, &["phase"]).unwrap_or("Unknown"));
        containers(&pod.status);
        for log in &pod.logs {
            anstream::println!(
                "    log of {}{}",
                log.container,
                if log.previous { " (run before)" } else { "" }
            );
            log.lines.iter().for_each(|line| anstream::println!("      {line}"));
        }
    }
}

/// What each container of a pod waited for, or how it ended.
fn containers(status: &serde_json::Value) {
    for list in ["initContainerStatuses", "containerStatuses"] {
        for container in list_at(status, &[list]) {
            let name = text_at(container, &["name"]).unwrap_or_default();
            for (state, word) in [("waiting", "waiting"), ("terminated", "ended")] {
                let Some(reason) = text_at(container, &["state", state, "reason"]) else { continue };
                let message = text_at(container, &["state", state, "message"]).unwrap_or_default();
                anstream::println!("    container {name} {word}: {reason}  {message}");
            }
        }
    }
}

/// The newest revision of a release with evidence.
fn newest(folder: &Path) -> Option<u32> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.filter_map(|entry| entry.ok()?.path().file_stem()?.to_str()?.parse::<u32>().ok()).max()
}
