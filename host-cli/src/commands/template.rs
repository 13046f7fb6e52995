//! `template`: a chart rendered without a cluster, with Helm's bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use backstay_core::chart::{Capabilities, KubeVersion, Rendered, manifest, path_match};

use crate::args::{GlobalArgs, TemplateArgs};
use crate::charts::{self, RenderInput, render_offline};
use crate::cluster::wall_now;
use crate::exit::Stop;

pub(crate) fn template(global: &GlobalArgs, arguments: &TemplateArgs) -> anyhow::Result<ExitCode> {
    let (name, reference) = match arguments.name_and_chart.as_slice() {
        [name, chart] => (name.as_str(), chart),
        [chart, ..] => ("release-name", chart),
        [] => return Err(Stop::refused("give a chart")),
    };
    let compatibility = charts::compatibility(&arguments.render.compat);
    let chart = charts::load(reference)?;
    let values = charts::values(&arguments.render.values, compatibility)?;
    let mut capabilities = Capabilities::default().with_api_versions(&arguments.api_versions);
    if let Some(version) = &arguments.kube_version {
        capabilities.kube_version =
            KubeVersion::parse(version, compatibility).map_err(|error| Stop::refused(error.to_string()))?;
    }
    let input = RenderInput {
        release: name.to_owned(),
        namespace: global.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        revision: 1,
        is_upgrade: arguments.is_upgrade,
        compatibility,
        skip_schema: arguments.render.skip_schema_validation,
        include_crds: arguments.include_crds,
        capabilities,
        now: wall_now(),
    };
    let rendered = render_offline(&chart, &values, &input)?;
    rendered.warnings.iter().for_each(|warning| anstream::eprintln!("{warning}"));
    let documents = chosen(&rendered, arguments)?;
    if let Some(folder) = &arguments.output_dir {
        return write_files(folder, &documents);
    }
    let is_whole = arguments.show_only.is_empty();
    let text = if is_whole {
        rendered.template_text(!arguments.no_hooks, arguments.skip_tests)
    } else {
        manifest(documents)
    };
    anstream::print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// The documents asked for, with the templates they come from, in the order they are printed.
fn chosen<'a>(rendered: &'a Rendered, arguments: &TemplateArgs) -> anyhow::Result<Vec<(&'a str, &'a str)>> {
    let is_test = |events: &[String]| events.iter().any(|event| event == "test");
    let hooks = rendered
        .hooks
        .iter()
        .filter(|hook| !(arguments.no_hooks || arguments.skip_tests && is_test(&hook.events)));
    let crds = rendered
        .crds
        .iter()
        .filter(|_| arguments.include_crds)
        .map(|crd| (crd.source.as_str(), crd.content.as_str()));
    let objects = rendered.objects.iter().map(|object| (object.source.as_str(), object.text.as_str()));
    let all: Vec<(&str, &str)> =
        crds.chain(objects).chain(hooks.map(|hook| (hook.source.as_str(), hook.text.as_str()))).collect();
    if arguments.show_only.is_empty() {
        return Ok(all);
    }
    let mut found = Vec::new();
    for pattern in &arguments.show_only {
        // Sources begin with the chart's name, which patterns leave out.
        let of_pattern =
            |source: &str| source.split_once('/').is_some_and(|(_, path)| path_match(pattern, path));
        let before = found.len();
        found.extend(all.iter().filter(|(source, _)| of_pattern(source)));
        if found.len() == before {
            return Err(Stop::refused(format!(
                "could not find template {pattern} in chart; it does not exist or renders to nothing"
            )));
        }
    }
    Ok(found)
}

/// Writes one file per template, as `helm template --output-dir` does.
fn write_files(folder: &Path, documents: &[(&str, &str)]) -> anyhow::Result<ExitCode> {
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for (source, text) in documents {
        files.entry(source).or_default().push_str(&manifest([(*source, *text)]));
    }
    for (path, text) in files {
        let file = folder.join(path);
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        anstream::println!("wrote {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}
