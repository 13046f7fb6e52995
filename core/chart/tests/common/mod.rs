//! Renders a chart folder with `helm template` arguments.

use std::path::Path;

use backstay_chart::{
    Ahead, Capabilities, Chart, KubeVersion, Parts, RenderInput, Rendered, SourceFile, TemplateCache,
    ValueSources, from_archive, from_files, render_ahead,
};
use backstay_gotemplate::{Compatibility, Environment};

/// Reads a chart folder or archive.
pub(crate) fn load(path: &Path) -> Result<Chart, String> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, "", &mut files);
    }
    load_of(path, &files)
}

fn load_of(path: &Path, files: &[SourceFile]) -> Result<Chart, String> {
    if path.is_file() {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        return from_archive(&bytes).map_err(|error| error.to_string());
    }
    from_files(files.to_vec()).map_err(|error| error.to_string())
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<SourceFile>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if let Ok(content) = std::fs::read(entry.path()) {
            files.push(SourceFile { path: name, content: content.into() });
        }
    }
}

/// What `helm template web CHART ARGUMENTS` prints; errors as `Error: …`. With helpers the chart is one that is worth their
/// help, for a comment.
pub(crate) fn template(
    chart: &Path,
    arguments: &[&str],
    folder: &Path,
    compatibility: Compatibility,
    helpers: bool,
) -> String {
    let mut environment = Environment::offline(0, [1; 32]);
    environment.compatibility = compatibility;
    let mut files = Vec::new();
    if chart.is_dir() {
        collect(chart, "", &mut files);
    }
    if helpers {
        environment.beside = |help, own| {
            std::thread::scope(|scope| {
                (0..2).for_each(|_| drop(scope.spawn(help)));
                own();
            });
        };
        let comment = format!("{{{{/* {} */}}}}", "long ".repeat(20_000));
        files.push(SourceFile { path: "templates/_long.tpl".into(), content: comment.as_bytes().into() });
    }
    let mut cache = TemplateCache::default();
    let functions = cache.functions(compatibility);
    let mut printed = Err("nothing was rendered".into());
    let mut own = |ahead: &Ahead<'_>| {
        printed = run(arguments, folder, &environment, |input| {
            let chart = load_of(chart, &files)?;
            render_ahead(&chart, input, &mut cache, helpers.then_some(ahead))
                .map_err(|error| error.to_string())
        });
    };
    let parts = if helpers { Parts::of_folder(&files) } else { Parts::default() };
    Ahead::work(parts, &functions, compatibility, environment.beside, &mut own);
    printed.unwrap_or_else(|error| format!("Error: {error}\n"))
}

fn run(
    arguments: &[&str],
    folder: &Path,
    environment: &Environment,
    render: impl FnOnce(&RenderInput<'_>) -> Result<Rendered, String>,
) -> Result<String, String> {
    let compatibility = environment.compatibility;
    let mut input = RenderInput::new("web", "default", environment);
    let mut sources = ValueSources::default();
    let mut skip_tests = false;
    let mut hooks = true;
    let mut arguments = arguments.iter();
    let mut versions = Vec::new();
    while let Some(argument) = arguments.next() {
        let mut next = || arguments.next().copied().unwrap_or_default().to_owned();
        match *argument {
            "--set" => sources.set.push(next()),
            "--set-string" => sources.string.push(next()),
            "--set-json" => sources.json.push(next()),
            "--set-literal" => sources.literal.push(next()),
            "-f" => {
                let name = next();
                let bytes = std::fs::read(folder.join(&name)).map_err(|error| error.to_string())?;
                sources.files.push((name, bytes));
            }
            "-n" => input.namespace = next(),
            "--kube-version" => {
                let version =
                    KubeVersion::parse(&next(), compatibility).map_err(|error| error.to_string())?;
                input.capabilities.kube_version = version;
            }
            "--api-versions" => versions.push(next()),
            "--include-crds" => input.include_crds = true,
            "--is-upgrade" => input.is_upgrade = true,
            "--skip-tests" => skip_tests = true,
            "--no-hooks" => hooks = false,
            other => panic!("unknown argument {other}"),
        }
    }
    let capabilities: Capabilities = input.capabilities.clone();
    input.capabilities = capabilities.with_api_versions(&versions);
    input.values = sources
        .merge(compatibility, &mut |name| {
            std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string())
        })
        .map_err(|error| error.to_string())?;
    let rendered = render(&input)?;
    Ok(rendered.template_text(hooks, skip_tests))
}
