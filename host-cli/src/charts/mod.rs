//! Charts and values from files, and manifests as objects: the adapter between the command line and `core/chart`, which
//! reads no files itself.

mod objects;
mod render;

use std::fs;
use std::io::Read as _;
use std::path::Path;

use backstay_core::chart::{
    Chart, IgnoreRules, MAX_CHART_SIZE, SourceFile, ValueSources, from_archive, from_files,
};
use backstay_core::gotemplate::{Compatibility, Map};

use crate::args::ValueArgs;
use crate::exit::Stop;

pub(crate) use objects::revision_of;
pub(crate) use render::{RenderInput, Rendered, render, render_offline};

/// Which Helm `--compat` names.
pub(crate) fn compatibility(name: &str) -> Compatibility {
    if name == "helm3" { Compatibility::Helm3 } else { Compatibility::Helm4 }
}

/// Loads a chart from a folder or an archive.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) fn load(reference: &str) -> anyhow::Result<Chart> {
    let path = Path::new(reference);
    let metadata = fs::metadata(path).map_err(|error| {
        let remote = reference.starts_with("oci://") || reference.contains("://");
        let hint = if remote {
            "charts from registries and repositories are not fetched yet: use `helm pull` and give the archive"
        } else {
            "give the folder of a chart or a .tgz archive"
        };
        Stop::refused(format!("chart {reference}: {error}; {hint}"))
    })?;
    let loaded = if metadata.is_dir() {
        from_files(read_folder(path).map_err(|error| Stop::refused(format!("chart {reference}: {error:#}")))?)
    } else {
        let bytes = fs::read(path).map_err(|error| Stop::refused(format!("chart {reference}: {error}")))?;
        from_archive(&bytes)
    };
    let chart = loaded.map_err(|error| Stop::refused(format!("chart {reference}: {error}")))?;
    chart.check_installable().map_err(|error| Stop::refused(format!("chart {reference}: {error}")))?;
    Ok(chart)
}

/// Reads the files of a chart's folder; symbolic links are followed, as Helm does.
fn read_folder(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let rules = match fs::read_to_string(root.join(".helmignore")) {
        // A broken rule is told by the chart itself, with its line.
        Ok(text) => IgnoreRules::parse(&text).unwrap_or_default(),
        Err(_) => IgnoreRules::default(),
    };
    let mut files = Vec::new();
    let mut size = 0;
    read_into(root, "", &rules, &mut files, &mut size, 0)?;
    Ok(files)
}

/// How deep folders may be nested: deeper ones are a loop of links.
const DEPTH_MOST: usize = 64;

fn read_into(
    folder: &Path,
    prefix: &str,
    rules: &IgnoreRules,
    files: &mut Vec<SourceFile>,
    size: &mut usize,
    depth: usize,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        depth < DEPTH_MOST,
        "{}: folders are nested too deep; is there a loop of links?",
        folder.display()
    );
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let name =
            name.to_str().ok_or_else(|| anyhow::anyhow!("{}: the name is not UTF-8", path.display()))?;
        let relative = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let metadata = fs::metadata(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        if metadata.is_dir() {
            if !rules.ignores(&relative, true) {
                read_into(&path, &relative, rules, files, size, depth + 1)?;
            }
        } else if metadata.is_file() && !rules.ignores_file(&relative) {
            *size = size.saturating_add(usize::try_from(metadata.len()).unwrap_or(usize::MAX));
            anyhow::ensure!(
                *size <= MAX_CHART_SIZE,
                "its files are larger than {MAX_CHART_SIZE} bytes together; use .helmignore"
            );
            let content = fs::read(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            files.push(SourceFile { path: relative, content });
        }
    }
    Ok(())
}

/// Reads the values given on the command line, in Helm's order.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) fn values(arguments: &ValueArgs, compatibility: Compatibility) -> anyhow::Result<Map> {
    let mut files = Vec::new();
    for name in &arguments.values {
        let bytes = read_values_file(name).map_err(|error| Stop::refused(format!("{error:#}")))?;
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
    let mut read_file = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    sources.merge(compatibility, &mut read_file).map_err(|error| Stop::refused(error.to_string()))
}

fn read_values_file(name: &str) -> anyhow::Result<Vec<u8>> {
    if name == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    fs::read(name).map_err(|error| {
        let hint = if name.contains("://") {
            "; values from URLs are not fetched yet: download the file first"
        } else {
            ""
        };
        anyhow::anyhow!("values file {name}: {error}{hint}")
    })
}
