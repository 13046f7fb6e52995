//! `show`: what a chart says about itself, with Helm's bytes (`pkg/action/show.go`).

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use backstay_core::chart::ChartFile;
use backstay_core::gotemplate::{Compatibility, map_to_json};
use serde_json::Value;

use super::jsonpath;
use crate::args::{GlobalArgs, ShowArgs, ShowCommand};
use crate::charts;

/// The parts of a chart that are asked for.
struct Parts {
    chart: bool,
    values: bool,
    readme: bool,
    crds: bool,
    /// Whether they are parted from each other.
    all: bool,
}

pub(crate) async fn show(global: &GlobalArgs, command: &ShowCommand) -> anyhow::Result<ExitCode> {
    let none = Parts { chart: false, values: false, readme: false, crds: false, all: false };
    let (arguments, parts) = match command {
        ShowCommand::All(arguments) => {
            (arguments, Parts { chart: true, values: true, readme: true, crds: true, all: true })
        }
        ShowCommand::Chart(arguments) => (arguments, Parts { chart: true, ..none }),
        ShowCommand::Values { show, jsonpath } => match jsonpath.as_deref().filter(|path| !path.is_empty()) {
            Some(path) => return values_at(global, show, path).await,
            None => (show, Parts { values: true, ..none }),
        },
        ShowCommand::Readme(arguments) => (arguments, Parts { readme: true, ..none }),
        ShowCommand::Crds(arguments) => (arguments, Parts { crds: true, ..none }),
    };
    let path = charts::locate(global, &arguments.chart, &arguments.source).await?;
    let text = text_of(&path, arguments, &parts)?;
    // Files are shown byte for byte, also where they are no text.
    std::io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// `show values --jsonpath`. A chart without values has nothing to lead to, and Helm says nothing then.
async fn values_at(global: &GlobalArgs, arguments: &ShowArgs, template: &str) -> anyhow::Result<ExitCode> {
    let path = charts::locate(global, &arguments.chart, &arguments.source).await?;
    let values = charts::load_any(&path)?.values;
    if let Some(values) = values {
        let values = Value::Object(map_to_json(&values));
        let text = jsonpath::evaluate(template, &values)
            .with_context(|| format!("error parsing jsonpath {template}"))?;
        anstream::print!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}

fn text_of(path: &str, arguments: &ShowArgs, parts: &Parts) -> anyhow::Result<Vec<u8>> {
    let compatibility = charts::compatibility(&arguments.compat);
    let chart = charts::load_any(path)?;
    let mut text = Vec::new();
    let mut line = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        text.push(b'\n');
    };
    if parts.chart {
        line(backstay_core::yaml::to_yaml(&chart.metadata.to_json())?.as_bytes());
    }
    if parts.values && chart.values.is_some() {
        if parts.all {
            line(b"---");
        }
        let files = charts::files_of(path)?;
        if let Some(file) = files.iter().find(|file| file.path == "values.yaml") {
            line(&ChartFile::new("values.yaml", file.content.clone()).data);
        }
    }
    let readme = chart.files.iter().find(|file| {
        ["readme.md", "readme.txt", "readme"].iter().any(|name| file.name.eq_ignore_ascii_case(name))
    });
    if let Some(readme) = readme.filter(|_| parts.readme) {
        if parts.all {
            line(b"---");
        }
        line(&readme.data);
    }
    if parts.crds {
        for (index, crd) in chart.crds().iter().enumerate() {
            let parted = match compatibility {
                Compatibility::Helm4 => true,
                // Helm 3 parts only what comes before.
                Compatibility::Helm3 => parts.all && index == 0,
            };
            if parted && !crd.content.starts_with(b"---") {
                line(b"---");
            }
            line(&crd.content);
        }
    }
    Ok(text)
}
