//! `template`: a chart rendered with Helm's bytes, without a cluster unless one is asked for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use backstay_core::chart::{
    Ahead, Capabilities, Chart, KubeVersion, RenderError, Rendered, TemplateCache, manifest, path_match,
    split,
};
use backstay_core::gotemplate::{Compatibility, Map};
use backstay_core::plan::PlannedObject;
use backstay_core::release::validate_name;
use kube::api::{DynamicObject, Patch, PatchParams};

use crate::args::{GlobalArgs, TemplateArgs};
use crate::charts::{self, Found, RenderInput, Unread};
use crate::cluster::{Cluster, UnknownKind, wall_now};
use crate::exit::{Exit, Stop};

/// How many bytes are given to the system at once.
const OUTPUT_AT_ONCE: usize = 64 * 1024;

/// What Helm adds to errors of rendering.
const DEBUG_HINT: &str = "\n\nUse --debug flag to render out invalid YAML";

pub(crate) async fn template(global: &GlobalArgs, arguments: &TemplateArgs) -> anyhow::Result<ExitCode> {
    let compatibility = charts::compatibility(&arguments.render.compat);
    let now = wall_now();
    // Helm's name of a release that has none; -g changes nothing here, as in Helm.
    let (release, reference) = charts::name_and_chart(
        &arguments.name_and_chart,
        &arguments.name,
        Some("release-name"),
        compatibility,
        now,
    )?;
    let found = Found::new(global, &reference, &arguments.render).await?;
    let given = charts::values(&arguments.render.values, compatibility).await;
    let draft = RenderInput {
        dns: arguments.render.helm.enable_dns,
        release,
        namespace: global.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        revision: 1,
        is_upgrade: arguments.is_upgrade,
        compatibility,
        skip_schema: arguments.render.skip_schema_validation,
        include_crds: arguments.include_crds,
        subchart_notes: arguments.render.helm.render_subchart_notes,
        capabilities: Capabilities::default(),
        now,
    };
    let release = draft.release.clone();
    let rendered = if arguments.is_online() {
        let (chart, values, input) = ready(&found, given, draft, arguments)?;
        online_render(global, &found, &chart, &values, input, arguments).await
    } else {
        let (mut before, mut rendered) = (Some((given, draft)), None);
        charts::ahead(found.parts(), compatibility, &mut |cache, ahead| {
            if let Some((given, draft)) = before.take() {
                rendered = Some(ready(&found, given, draft, arguments).and_then(|(chart, values, input)| {
                    show_every_error(&found.unread, &chart, &values, &input, arguments)?;
                    let rendered = render(global, arguments, &chart, &values, &input, (cache, ahead));
                    // The process ends soon; taking every value apart first would only take time.
                    std::mem::forget((chart, values, input));
                    rendered
                }));
            }
        });
        rendered.context("nothing was rendered")?
    };
    // A template that got nothing for a file may have failed for that.
    found.unread.check()?;
    let rendered = rendered?;
    rendered.warnings.iter().for_each(|warning| anstream::eprintln!("{warning}"));
    if let Some(folder) = &arguments.output_dir {
        return write_files(folder, &release, &rendered, arguments);
    }
    if arguments.show_only.is_empty() {
        print(rendered.template_parts(!arguments.no_hooks, arguments.skip_tests))?;
    } else {
        let text = rendered.template_text(!arguments.no_hooks, arguments.skip_tests);
        print([chosen(&text, &arguments.show_only, compatibility)?.as_str()])?;
    }
    std::mem::forget((rendered, found));
    Ok(ExitCode::SUCCESS)
}

/// The chart, its values and what else it is rendered with, or what is wrong with the first of them.
fn ready(
    found: &Found,
    given: anyhow::Result<Map>,
    draft: RenderInput,
    arguments: &TemplateArgs,
) -> anyhow::Result<(Chart, Map, RenderInput)> {
    let chart = found.load()?;
    let (release, compatibility) = (&draft.release, draft.compatibility);
    validate_name(release).map_err(|error| {
        let check = if compatibility == Compatibility::Helm4 { "release name check failed: " } else { "" };
        Stop::refused(format!("{check}release name {release:?}: {error}"))
    })?;
    let values = given?;
    let capabilities = capabilities(arguments, compatibility)?;
    Ok((chart, values, RenderInput { capabilities, ..draft }))
}

/// Writes manifests as they are: what looks like a colour in them belongs to the chart.
fn print<T: AsRef<str>>(parts: impl IntoIterator<Item = T>) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(OUTPUT_AT_ONCE, std::io::stdout().lock());
    let written = parts.into_iter().try_for_each(|part| out.write_all(part.as_ref().as_bytes()));
    match written.and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write the manifest"),
    }
}

fn capabilities(arguments: &TemplateArgs, compatibility: Compatibility) -> anyhow::Result<Capabilities> {
    let mut capabilities = Capabilities::default().with_api_versions(&arguments.api_versions);
    if let Some(version) = &arguments.kube_version {
        if arguments.is_online() {
            anstream::eprintln!("--kube-version has no effect: the cluster says its version");
        }
        capabilities.kube_version =
            KubeVersion::parse(version, compatibility).map_err(|error| Stop::refused(error.to_string()))?;
    }
    Ok(capabilities)
}

/// Renders with what the cluster answers, and lets it check the objects where asked for.
async fn online_render(
    global: &GlobalArgs,
    found: &Found,
    chart: &Chart,
    values: &Map,
    mut input: RenderInput,
    arguments: &TemplateArgs,
) -> anyhow::Result<Rendered> {
    let cluster = Cluster::connect(global).await?;
    input.namespace.clone_from(&cluster.namespace);
    input.capabilities = cluster.capabilities(input.compatibility).await?;
    show_every_error(&found.unread, chart, values, &input, arguments)?;
    let found = charts::render(&cluster, chart, values, &input, true, &arguments.render).await?;
    check(&cluster, &found.objects, &found.definitions).await?;
    Ok(found.rendered)
}

/// Renders without a cluster. Errors carry Helm's hint; with --debug what is no YAML is printed.
fn render(
    global: &GlobalArgs,
    arguments: &TemplateArgs,
    chart: &Chart,
    values: &Map,
    input: &RenderInput,
    begun: (&mut TemplateCache, &Ahead<'_>),
) -> anyhow::Result<Rendered> {
    let seed = charts::seed()?;
    let mut rendered = match charts::render_begun(chart, values, input, seed, begun) {
        Ok(rendered) => rendered,
        Err(error) => {
            if global.debug && matches!(error, RenderError::Manifest(_)) {
                anstream::println!("{}", charts::unreadable_text(chart, values, input, seed).trim());
            }
            return Err(Stop::refused(worded(&error, global.debug)));
        }
    };
    charts::post_render(&arguments.render, &mut rendered)?;
    Ok(rendered)
}

/// Helm's words, Helm's hint where it prints one, and ours below.
fn worded(error: &RenderError, debug: bool) -> String {
    let mut text = error.to_string();
    let after_rendering_began = matches!(
        error,
        RenderError::KubeVersion { .. }
            | RenderError::Parse { .. }
            | RenderError::Template { .. }
            | RenderError::Manifest(_)
    );
    if after_rendering_began && !debug {
        text.push_str(DEBUG_HINT);
    }
    if let RenderError::Template { hint: Some(hint), .. } = error {
        text.push_str("\n\n");
        text.push_str(hint);
    }
    text
}

/// With `--all-errors`: ends with all errors, numbered, when there are any.
fn show_every_error(
    unread: &Unread,
    chart: &Chart,
    values: &Map,
    input: &RenderInput,
    arguments: &TemplateArgs,
) -> anyhow::Result<()> {
    if !arguments.all_errors {
        return Ok(());
    }
    let errors = charts::every_error(chart, values, input)?;
    unread.check()?;
    let looks_up = errors.iter().any(|error| matches!(error, RenderError::NeedsLookup(_)));
    if errors.is_empty() || looks_up && arguments.is_online() {
        return Ok(());
    }
    let mut text = format!("{} error{} in the chart", errors.len(), if errors.len() == 1 { "" } else { "s" });
    for (index, error) in errors.iter().enumerate() {
        let told = charts::told(error).replace("\n\n", "\n").replace('\n', "\n   ");
        // Writing to a String cannot fail.
        let _written = write!(text, "\n{}. {told}", index + 1);
    }
    Err(Stop::with(Exit::Failed, text))
}

/// Lets the server check every object, with all refusals at once. Nothing is changed.
async fn check(
    cluster: &Cluster,
    objects: &[PlannedObject],
    definitions: &[PlannedObject],
) -> anyhow::Result<()> {
    let parameters = PatchParams::apply("backstay").dry_run().force();
    let brings_kinds =
        definitions.iter().chain(objects).any(|object| object.key.kind == "CustomResourceDefinition");
    let mut refusals = Vec::new();
    for object in definitions.iter().chain(objects) {
        let api = match cluster.discovery.api(&object.key).await {
            // Its definition comes with this chart: nobody can check it yet.
            Err(error) if brings_kinds && error.is::<UnknownKind>() => continue,
            other => other,
        };
        let checked = match api {
            Ok(api) => {
                let patch = Patch::Apply(&object.object);
                let result: Result<DynamicObject, _> = api.patch(&object.key.name, &parameters, &patch).await;
                result.map(drop).map_err(anyhow::Error::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = checked {
            refusals.push(format!("{} ({}): {error:#}", object.key, object.source));
        }
    }
    if refusals.is_empty() {
        return Ok(());
    }
    Err(Stop::refused(format!("the server refuses the chart's objects:\n{}", refusals.join("\n"))))
}

/// The documents of templates that match, in the order of the patterns (Helm `--show-only`).
fn chosen(text: &str, patterns: &[String], compatibility: Compatibility) -> anyhow::Result<String> {
    let documents = split(text, compatibility);
    let mut shown = String::new();
    for pattern in patterns {
        let matching = documents
            .iter()
            .filter(|document| template_of(document).is_some_and(|path| path_match(pattern, path)));
        let before = shown.len();
        for document in matching {
            // Writing to a String cannot fail.
            let _written = write!(shown, "---\n{document}\n");
        }
        if shown.len() == before {
            return Err(Stop::refused(format!("could not find template {pattern} in chart")));
        }
    }
    Ok(shown)
}

/// The template a document says it comes from, without the chart's name.
fn template_of(document: &str) -> Option<&str> {
    let (_, rest) = document.split_once("# Source: ")?;
    rest.lines().next()?.split_once('/').map(|(_, path)| path)
}

/// Writes one file per template, as `helm template --output-dir` does; hooks come last.
fn write_files(
    folder: &Path,
    release: &str,
    rendered: &Rendered,
    arguments: &TemplateArgs,
) -> anyhow::Result<ExitCode> {
    if arguments.render.post_renderer.is_some() {
        return Err(Stop::refused("--post-renderer prints one manifest: it does not go with --output-dir"));
    }
    let is_test = |events: &[String]| events.iter().any(|event| event == "test");
    let crds = rendered.crds.iter().filter(|_| arguments.include_crds);
    let hooks = rendered
        .hooks
        .iter()
        .filter(|hook| !(arguments.no_hooks || arguments.skip_tests && is_test(&hook.events)));
    // Definitions stay outside of the release's folder, as in Helm.
    let mut outside = Files { folder, begun: BTreeSet::new() };
    for crd in crds {
        outside.add(&crd.source, &crd.content.text())?;
    }
    let inside = if arguments.release_name { folder.join(release) } else { folder.to_path_buf() };
    let mut files = Files { folder: &inside, begun: outside.begun };
    for object in &rendered.objects {
        files.add(&object.source, &object.text)?;
    }
    for hook in hooks {
        files.add(&hook.source, &hook.text)?;
    }
    anstream::println!();
    Ok(ExitCode::SUCCESS)
}

/// The files of one `--output-dir`: the first document of a template begins its file anew.
struct Files<'a> {
    folder: &'a Path,
    begun: BTreeSet<PathBuf>,
}

impl Files<'_> {
    fn add(&mut self, source: &str, text: &str) -> anyhow::Result<()> {
        let file = self.folder.join(source);
        let parent = file.parent().unwrap_or(self.folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let is_new = self.begun.insert(file.clone());
        let mut open = fs::OpenOptions::new();
        let opened = open.create(true).write(true).append(!is_new).truncate(is_new).open(&file);
        let document = manifest([(source, text)]);
        opened
            .and_then(|mut opened| std::io::Write::write_all(&mut opened, document.as_bytes()))
            .with_context(|| format!("cannot write {}", file.display()))?;
        anstream::println!("wrote {}", file.display());
        Ok(())
    }
}
