//! Backstay's side: the library in this process.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use backstay_chart::{
    Chart, IgnoreRules, KubeVersion, RenderInput, SourceFile, ValueSources, from_files, render,
};
use backstay_gotemplate::{Compatibility, Environment};

use crate::helm::{KUBE_VERSION, NAMESPACE, RELEASE};

/// How deep folders may be nested: deeper ones are a loop of links.
const DEPTH_MOST: usize = 40;

/// Reads a chart's folder. An error is the text after Helm's `Error: `.
pub(crate) fn load(folder: &Path) -> Result<Chart, String> {
    let files = files(folder).map_err(|error| format!("{error:#}"))?;
    from_files(files).map_err(|error| error.to_string())
}

fn files(folder: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let rules = fs::read_to_string(folder.join(".helmignore")).unwrap_or_default();
    let rules = IgnoreRules::parse(&rules).unwrap_or_default();
    let mut files = Vec::new();
    collect(folder, "", &rules, 0, &mut files)?;
    Ok(files)
}

fn collect(
    folder: &Path,
    prefix: &str,
    rules: &IgnoreRules,
    depth: usize,
    files: &mut Vec<SourceFile>,
) -> anyhow::Result<()> {
    anyhow::ensure!(depth < DEPTH_MOST, "{}: nested too deep", folder.display());
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = fs::metadata(entry.path()).with_context(|| format!("{}", entry.path().display()))?;
        if metadata.is_dir() {
            if !rules.ignores(&name, true) {
                collect(&entry.path(), &format!("{name}/"), rules, depth + 1, files)?;
            }
        } else if !rules.ignores_file(&name) {
            anyhow::ensure!(
                metadata.is_file(),
                "cannot load irregular file {} as it has file mode type bits set",
                entry.path().display()
            );
            files.push(SourceFile { path: name, content: fs::read(entry.path())?.into() });
        }
    }
    Ok(())
}

/// What `backstay template` prints, or its error.
pub(crate) fn template(
    chart: &Path,
    values: Option<&Path>,
    compatibility: Compatibility,
    schemas: bool,
) -> Result<String, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
    let mut environment = Environment::offline(i128::try_from(now.as_nanos()).unwrap_or_default(), [1; 32]);
    // As in the program, so that what is done by others is compared, too.
    environment.beside = |help, own| {
        std::thread::scope(|scope| {
            scope.spawn(help);
            own();
        });
    };
    environment.compatibility = compatibility;
    let mut input = RenderInput::new(RELEASE, NAMESPACE, &environment);
    input.skip_schema_validation = !schemas;
    input.capabilities.kube_version =
        KubeVersion::parse(KUBE_VERSION, compatibility).map_err(|error| error.to_string())?;
    let mut sources = ValueSources::default();
    if let Some(file) = values {
        let content = fs::read(file).map_err(|error| error.to_string())?;
        sources.files.push((file.display().to_string(), content));
    }
    input.values = sources
        .merge(compatibility, &mut |name| fs::read_to_string(name).map_err(|error| error.to_string()))
        .map_err(|error| error.to_string())?;
    let rendered = render(&load(chart)?, &input).map_err(|error| error.to_string())?;
    Ok(rendered.template_text(true, false))
}
