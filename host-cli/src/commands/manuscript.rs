//! A chart or a file with manifests, as the text that `backstay template` prints: what the commands that look ahead read.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use backstay_core::chart::Capabilities;
use backstay_core::gotemplate::Map;
use backstay_core::planner::Lines;
use backstay_core::release::validate_name;

use crate::args::{GlobalArgs, RenderArgs};
use crate::charts::{self, RenderInput};
use crate::cluster::wall_now;
use crate::exit::Stop;

/// What was read.
pub(crate) struct Manuscript {
    /// Objects and hooks, as YAML documents.
    pub(crate) text: String,
    /// Its lines, and those of the chart's templates.
    pub(crate) lines: Lines,
    /// The files of `crds/`, as YAML documents.
    pub(crate) definitions: String,
    /// Templates by `CHART/templates/NAME`, with their path on disk.
    pub(crate) files: BTreeMap<String, String>,
}

/// Reads a chart, rendered without a cluster, or manifests.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) async fn read(
    global: &GlobalArgs,
    reference: &Path,
    render: &RenderArgs,
    release: &str,
    is_upgrade: bool,
) -> anyhow::Result<Manuscript> {
    let name = reference.display().to_string();
    let is_archive = name.ends_with(".tgz") || name.ends_with(".tar.gz");
    if name == "-" || (reference.is_file() && !is_archive) {
        let text = manifests(&name)?;
        let lines = Lines::of(&text);
        return Ok(Manuscript { text, lines, definitions: String::new(), files: BTreeMap::new() });
    }
    let name = charts::locate(global, &name, &render.source).await?;
    let values = charts::values(&render.values, charts::compatibility(&render.compat)).await?;
    of_chart(global, &name, render, &values, release, is_upgrade)
}

/// Renders a chart without a cluster.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) fn of_chart(
    global: &GlobalArgs,
    name: &str,
    render: &RenderArgs,
    values: &Map,
    release: &str,
    is_upgrade: bool,
) -> anyhow::Result<Manuscript> {
    let compatibility = charts::compatibility(&render.compat);
    validate_name(release).map_err(|error| Stop::refused(error.to_string()))?;
    let chart = charts::load(name)?;
    let input = RenderInput {
        release: release.to_owned(),
        namespace: global.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        revision: 1 + u32::from(is_upgrade),
        is_upgrade,
        compatibility,
        skip_schema: render.skip_schema_validation,
        include_crds: false,
        subchart_notes: render.helm.render_subchart_notes,
        capabilities: Capabilities::default(),
        dns: render.helm.enable_dns,
        now: wall_now(),
    };
    let mut rendered = charts::render_offline(&chart, values, &input, charts::seed()?)
        .map_err(|error| Stop::refused(charts::told(&error)))?;
    charts::post_render(render, &mut rendered)?;
    let text = rendered.template_text(true, false);
    let is_folder = Path::new(name).is_dir();
    let (mut templates, mut files) = (Vec::new(), BTreeMap::new());
    for file in charts::files_of(name)? {
        let source = format!("{}/{}", chart.metadata.name, file.path);
        let path =
            if is_folder { format!("{}/{}", name.trim_end_matches('/'), file.path) } else { source.clone() };
        if let Ok(content) = String::from_utf8(file.content.to_vec()) {
            files.insert(source.clone(), path);
            templates.push((source, content));
        }
    }
    let lines = Lines::of(&text).with_templates(templates);
    let definitions: Vec<_> = rendered.crds.iter().map(|crd| crd.content.text()).collect();
    Ok(Manuscript { text, lines, definitions: definitions.join("\n---\n"), files })
}

/// The text of a file, or of standard input.
pub(crate) fn manifests(name: &str) -> anyhow::Result<String> {
    let read = if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(name)
    };
    read.map_err(|error| Stop::refused(format!("manifests {name}: {error}")))
}
