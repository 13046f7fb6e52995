//! Charts and values from files, and manifests as objects: the adapter between the command line and `core/chart`, which
//! reads no files itself.

mod folder;
mod names;
mod objects;
mod post;
mod render;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use backstay_core::chart::{
    Chart, ChartError, Parts, SourceFile, ValueSources, from_archive, from_files, unpack,
};
use backstay_core::gotemplate::{Compatibility, Map};

use crate::args::{GlobalArgs, RenderArgs, SourceArgs, ValueArgs};
use crate::exit::Stop;
use crate::sources::{self, Settings};

pub(crate) use folder::Unread;
pub(crate) use names::name_and_chart;
pub(crate) use objects::revision_of;
pub(crate) use post::post_render;
pub(crate) use render::{
    RenderInput, Rendered, ahead, every_error, render, render_begun, render_offline, seed, told,
    unreadable_text,
};

/// Which Helm `--compat` names.
pub(crate) fn compatibility(name: &str) -> Compatibility {
    if name == "helm3" { Compatibility::Helm3 } else { Compatibility::Helm4 }
}

/// Loads a chart that can be installed from a folder or an archive.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) fn load(reference: &str) -> anyhow::Result<Chart> {
    installable(load_any(reference)?)
}

fn installable(chart: Chart) -> anyhow::Result<Chart> {
    // Helm's words name the chart's parts themselves.
    chart.check_installable().map_err(|error| Stop::refused(error.to_string()))?;
    Ok(chart)
}

/// Loads any chart, library charts too.
pub(crate) fn load_any(reference: &str) -> anyhow::Result<Chart> {
    let chart = if is_folder(reference)? {
        from_files(folder(reference, None)?)
    } else {
        from_archive(&archive(reference)?)
    };
    chart.map_err(|error| unusable(reference, &error))
}

fn unusable(reference: &str, error: &ChartError) -> anyhow::Error {
    Stop::refused(format!("chart {reference}: {error}"))
}

/// Loads a chart that can be installed, from wherever its reference leads.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) async fn load_from(
    global: &GlobalArgs,
    reference: &str,
    render: &RenderArgs,
) -> anyhow::Result<Chart> {
    load(&path_of(global, reference, render).await?)
}

/// A chart of which nothing is kept but what it renders to: files that no template asks for are not read.
pub(crate) struct Found {
    reference: String,
    source: Source,
    pub(crate) unread: Unread,
}

enum Source {
    Folder {
        /// Those that can be worked on before the chart is loaded.
        parts: Vec<SourceFile>,
        /// All, until it is loaded: it does not keep every text.
        files: Cell<Vec<SourceFile>>,
    },
    Archive(Vec<u8>),
}

impl Found {
    /// Reads the files, or what they are packed in.
    ///
    /// Errors end with exit code 4: nothing has been changed.
    pub(crate) async fn new(
        global: &GlobalArgs,
        reference: &str,
        render: &RenderArgs,
    ) -> anyhow::Result<Self> {
        let reference = path_of(global, reference, render).await?;
        let unread = Unread::default();
        let source = if is_folder(&reference)? {
            let files = folder(&reference, Some(&unread))?;
            let parts = files.iter().filter(|file| Parts::takes(&file.path)).cloned().collect();
            Source::Folder { parts, files: Cell::new(files) }
        } else {
            Source::Archive(archive(&reference)?)
        };
        Ok(Self { reference, source, unread })
    }

    /// What can be worked on before anything of the chart is known.
    pub(crate) fn parts(&self) -> Parts<'_> {
        match &self.source {
            Source::Folder { parts, .. } => Parts::of_folder(parts),
            Source::Archive(_) => Parts::default(),
        }
    }

    /// Loads the chart; its files go into it.
    ///
    /// Errors end with exit code 4: nothing has been changed.
    pub(crate) fn load(&self) -> anyhow::Result<Chart> {
        let chart = match &self.source {
            Source::Folder { files, .. } => from_files(files.take()),
            Source::Archive(bytes) => from_archive(bytes),
        };
        installable(chart.map_err(|error| unusable(&self.reference, &error))?)
    }
}

async fn path_of(global: &GlobalArgs, reference: &str, render: &RenderArgs) -> anyhow::Result<String> {
    render.helm.check()?;
    let path = locate(global, reference, &render.source).await?;
    if render.helm.dependency_update && is_folder(&path)? {
        let transport = &render.source.transport;
        crate::commands::fetch_dependencies(global, Path::new(&path), transport)
            .await
            .map_err(|error| Stop::refused(format!("chart {reference}: {error:#}")))?;
    }
    Ok(path)
}

/// The path of a chart, fetched if it is not on this machine.
pub(crate) async fn locate(
    global: &GlobalArgs,
    reference: &str,
    source: &SourceArgs,
) -> anyhow::Result<String> {
    let located = sources::locate(&Settings::new(global), reference, source).await?;
    let path = located.path.into_os_string().into_string();
    path.map_err(|path| Stop::refused(format!("{}: the path is not UTF-8", path.display())))
}

/// The files of a chart in a folder or an archive.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) fn files_of(reference: &str) -> anyhow::Result<Vec<SourceFile>> {
    if is_folder(reference)? {
        return folder(reference, None);
    }
    let files =
        unpack(&archive(reference)?).map_err(|error| Stop::refused(format!("chart {reference}: {error}")))?;
    Ok(files.into_iter().map(|file| SourceFile { path: file.name, content: file.data }).collect())
}

fn is_folder(reference: &str) -> anyhow::Result<bool> {
    let metadata = fs::metadata(reference).map_err(|error| {
        Stop::refused(format!("chart {reference}: {error}; give the folder of a chart or a .tgz archive"))
    })?;
    Ok(metadata.is_dir())
}

fn folder(reference: &str, unread: Option<&Unread>) -> anyhow::Result<Vec<SourceFile>> {
    folder::read(Path::new(reference), unread)
        .map_err(|error| Stop::refused(format!("chart {reference}: {error:#}")))
}

fn archive(reference: &str) -> anyhow::Result<Vec<u8>> {
    fs::read(reference).map_err(|error| Stop::refused(format!("chart {reference}: {error}")))
}

/// Reads the values given on the command line, in Helm's order.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) async fn values(arguments: &ValueArgs, compatibility: Compatibility) -> anyhow::Result<Map> {
    let mut files = arguments.below.clone();
    for name in &arguments.values {
        let bytes = match arguments.read.get(name) {
            Some(bytes) => bytes.clone(),
            None => read_values_file(name).await.map_err(|error| Stop::refused(format!("{error:#}")))?,
        };
        files.push((name.clone(), bytes));
    }
    let sources = ValueSources {
        files,
        json: arguments.set_json.clone(),
        set: arguments.set.clone(),
        string: arguments.set_string.clone(),
        file: arguments.set_file.clone(),
        literal: arguments.set_literal.clone(),
    };
    // Reading is not a thing that waits, so what lies elsewhere is noted, fetched and found in the next round.
    let mut fetched = BTreeMap::new();
    loop {
        let mut missing = None;
        let mut read_file = |path: &str| match fetched.get(path) {
            Some(text) => Ok(String::clone(text)),
            None if path == "-" || is_address(path) => {
                missing = Some(path.to_owned());
                Err(String::new())
            }
            None => fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
        };
        let merged = sources.merge(compatibility, &mut read_file);
        let Some(path) = missing else { return merged.map_err(|error| Stop::refused(error.to_string())) };
        let bytes = read_values_file(&path).await.map_err(|error| Stop::refused(format!("{error:#}")))?;
        let text = String::from_utf8(bytes).map_err(|_| Stop::refused(format!("{path}: is not UTF-8")))?;
        fetched.insert(path, text);
    }
}

/// Reads what does not lie here, once: both who looks for objects and who looks for values need it.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) async fn read_elsewhere(arguments: &mut ValueArgs) -> anyhow::Result<()> {
    for name in &arguments.values {
        if (name == "-" || is_address(name)) && !arguments.read.contains_key(name) {
            let bytes = read_values_file(name).await.map_err(|error| Stop::refused(format!("{error:#}")))?;
            arguments.read.insert(name.clone(), bytes);
        }
    }
    Ok(())
}

async fn read_values_file(name: &str) -> anyhow::Result<Vec<u8>> {
    if name == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    if is_address(name) {
        return sources::fetch_values(name).await;
    }
    fs::read(name).map_err(|error| anyhow::anyhow!("open {name}: {}", in_gos_words(&error)))
}

/// What the system said, as Go says it: `no such file or directory`.
pub(crate) fn in_gos_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Whether a values file is an address. Helm takes names with a scheme it does not know for paths.
fn is_address(name: &str) -> bool {
    name.split_once("://").is_some_and(|(scheme, _)| ["http", "https"].contains(&scheme))
}
