//! `create`: a chart to begin with (Helm `pkg/chart/v2/util/create.go`): the same files, values and objects, in our own words.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::args::CreateArgs;
use crate::charts::files_of;
use crate::exit::{Exit, Stop};
use crate::sources::data_home;

/// What stands for the chart's name in a starter.
const PLACEHOLDER: &str = "<CHARTNAME>";
/// Helm's limit.
const NAME_MOST: usize = 250;

/// The chart, file by file.
const FILES: [(&str, &str); 12] = [
    ("Chart.yaml", include_str!("starter/Chart.yaml")),
    ("values.yaml", include_str!("starter/values.yaml")),
    (".helmignore", include_str!("starter/helmignore")),
    ("templates/_helpers.tpl", include_str!("starter/_helpers.tpl")),
    ("templates/NOTES.txt", include_str!("starter/NOTES.txt")),
    ("templates/deployment.yaml", include_str!("starter/deployment.yaml")),
    ("templates/hpa.yaml", include_str!("starter/hpa.yaml")),
    ("templates/httproute.yaml", include_str!("starter/httproute.yaml")),
    ("templates/ingress.yaml", include_str!("starter/ingress.yaml")),
    ("templates/service.yaml", include_str!("starter/service.yaml")),
    ("templates/serviceaccount.yaml", include_str!("starter/serviceaccount.yaml")),
    ("templates/tests/test-connection.yaml", include_str!("starter/test-connection.yaml")),
];

pub(crate) fn create(arguments: &CreateArgs) -> anyhow::Result<()> {
    let folder = Path::new(&arguments.name);
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    check(name)?;
    anstream::println!("Creating {}", arguments.name);
    // As in Helm only the chart's own folder is made: one above it that is missing is a slip.
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    anyhow::ensure!(above.is_dir(), "stat {}: no such file or directory", above.display());
    let files = match &arguments.starter {
        // An absolute path is taken as it is.
        Some(starter) => from(&data_home().join("starters").join(starter), name)?,
        None => {
            FILES.iter().map(|(path, text)| (PathBuf::from(path), named(text, name).into_bytes())).collect()
        }
    };
    anyhow::ensure!(
        folder.is_dir() || !folder.exists(),
        "file {} already exists and is not a directory",
        folder.display()
    );
    for (path, content) in files {
        let path = folder.join(path);
        if path.exists() {
            anstream::eprintln!("WARNING: File {:?} already exists. Overwriting.", path.display());
        }
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        written
            .and_then(|()| std::fs::write(&path, content))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    // Helm makes the folder, too.
    std::fs::create_dir_all(folder.join("charts"))?;
    Ok(())
}

fn named(text: &str, name: &str) -> String {
    text.replace(PLACEHOLDER, name)
}

/// Helm's rule (`validateChartName`).
fn check(name: &str) -> anyhow::Result<()> {
    if name.is_empty() || name.len() > NAME_MOST {
        return Err(Stop::with(
            Exit::Failed,
            format!("chart name must be between 1 and {NAME_MOST} characters"),
        ));
    }
    let fits = |letter: char| letter.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&letter);
    if !name.chars().all(fits) {
        let words = "chart name must match the regular expression \"^[a-zA-Z0-9._-]+$\"";
        return Err(Stop::with(Exit::Failed, words));
    }
    Ok(())
}

/// The files of a starter: templates and values get the name, the description is new (Helm `CreateFrom`).
fn from(starter: &Path, name: &str) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let shown = starter.display().to_string();
    let files = files_of(&shown).with_context(|| format!("could not load {shown}"))?;
    let mut found = Vec::new();
    for file in files {
        let is_text = file.path.starts_with("templates/") || file.path == "values.yaml";
        let content = match std::str::from_utf8(&file.content) {
            Ok(text) if is_text => named(text, name).into_bytes(),
            _ => file.content.to_vec(),
        };
        if file.path != "Chart.yaml" {
            found.push((PathBuf::from(file.path), content));
        }
    }
    let description = format!(
        "apiVersion: v2\nappVersion: 0.1.0\ndescription: A Helm chart for Kubernetes\nname: {name}\ntype: application\nversion: 0.1.0\n"
    );
    found.push((PathBuf::from("Chart.yaml"), description.into_bytes()));
    Ok(found)
}
