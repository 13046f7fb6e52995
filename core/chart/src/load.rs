//! From files to a chart.

use std::collections::BTreeMap;

use backstay_yaml::{ReadError, decode_text};
use serde_json::Value;

use crate::archive;
use crate::chart::Chart;
use crate::content::Content;
use crate::error::{ChartError, ValuesError};
use crate::files::{ChartFile, SourceFile, filter};
use crate::metadata::Metadata;
use crate::values::read_documents;

/// How deep charts may lie in one another.
const MAX_NESTING: usize = 100;

/// A chart from the files of its folder.
///
/// # Errors
/// When a file cannot be read or the chart is not one that Helm would load.
pub fn from_files(files: Vec<SourceFile>) -> Result<Chart, ChartError> {
    load(filter(files)?, 0)
}

/// A chart from a `.tgz`. `.helmignore` was applied when it was packed and has no effect here.
///
/// # Errors
/// When the archive is damaged, too large or hostile, or the chart is not one that Helm would load.
pub fn from_archive(bytes: &[u8]) -> Result<Chart, ChartError> {
    load(archive::unpack(bytes)?, 0)
}

fn load(files: Vec<ChartFile>, depth: usize) -> Result<Chart, ChartError> {
    if depth > MAX_NESTING {
        return Err(ChartError::Archive("charts are nested too deep".into()));
    }
    let mut parts = Parts::default();
    for file in &files {
        if file.name == "Chart.yaml" {
            parts.metadata(file)?;
        }
    }
    for file in files {
        parts.take(file)?;
    }
    let Some(mut metadata) = parts.metadata else { return Err(ChartError::NoChartYaml) };
    metadata.validate()?;
    let mut chart = Chart {
        metadata,
        lock: parts.lock,
        templates: parts.templates,
        files: parts.files,
        values: parts.values,
        schema: parts.schema,
        dependencies: Vec::new(),
        warnings: parts.warnings,
        name_for_children: None,
    };
    for (name, files) in parts.subcharts {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let subchart =
            subchart(&name, files, chart.name(), depth).map_err(|source| ChartError::Subchart {
                name: name.clone(),
                chart: chart.name().to_owned(),
                source: Box::new(source),
            })?;
        chart.dependencies.push(subchart);
    }
    Ok(chart)
}

fn subchart(name: &str, files: Vec<ChartFile>, parent: &str, depth: usize) -> Result<Chart, ChartError> {
    if name.ends_with(".tgz") {
        let first = files.first().ok_or(ChartError::NoChartYaml)?;
        if first.name != name {
            return Err(ChartError::Archive(format!(
                "error unpacking subchart tar in {parent}: expected {name}, got {}",
                first.name
            )));
        }
        return load(archive::unpack(&first.data)?, depth + 1);
    }
    let inside = files.into_iter().filter_map(|file| {
        let (_, rest) = file.name.split_once('/')?;
        Some(ChartFile { name: rest.to_owned(), data: file.data })
    });
    load(inside.collect(), depth + 1)
}

#[derive(Default)]
struct Parts {
    metadata: Option<Metadata>,
    lock: Option<Value>,
    templates: Vec<ChartFile>,
    files: Vec<ChartFile>,
    values: Option<backstay_gotemplate::Map>,
    schema: Option<Content>,
    subcharts: BTreeMap<String, Vec<ChartFile>>,
    warnings: Vec<String>,
}

impl Parts {
    fn metadata(&mut self, file: &ChartFile) -> Result<(), ChartError> {
        let value = yaml(file)?;
        let metadata = self.metadata.get_or_insert_with(Metadata::default);
        metadata.read(&value).map_err(|message| match message.strip_prefix("validation: ") {
            Some(rest) => ChartError::Validation(rest.to_owned()),
            None => ChartError::Shape { file: file.name.clone(), message },
        })?;
        if metadata.api_version.is_empty() {
            // Charts of Helm 2 had none.
            metadata.api_version = "v1".into();
        }
        Ok(())
    }

    fn is_v1(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| metadata.api_version == "v1")
    }

    fn take(&mut self, file: ChartFile) -> Result<(), ChartError> {
        match file.name.as_str() {
            "Chart.yaml" => {}
            "Chart.lock" => self.lock = Some(yaml(&file)?),
            "values.yaml" => self.values = Some(values(&file)?),
            "values.schema.json" => self.schema = Some(file.data),
            "requirements.yaml" => {
                if !self.is_v1() {
                    self.warnings.push(
                        "Warning: Dependencies are handled in Chart.yaml since apiVersion \"v2\". We recommend \
                         migrating dependencies to Chart.yaml."
                            .into(),
                    );
                }
                let value = yaml(&file)?;
                let metadata = self.metadata.get_or_insert_with(Metadata::default);
                metadata
                    .read(&value)
                    .map_err(|message| ChartError::Shape { file: file.name.clone(), message })?;
                if self.is_v1() {
                    self.files.push(file);
                }
            }
            "requirements.lock" => {
                self.lock = Some(yaml(&file)?);
                if self.is_v1() {
                    self.files.push(file);
                } else {
                    self.warnings.push(
                        "Warning: Dependency locking is handled in Chart.lock since apiVersion \"v2\". We recommend \
                         migrating to Chart.lock."
                            .into(),
                    );
                }
            }
            name if name.starts_with("templates/") => self.templates.push(file),
            name => match name.strip_prefix("charts/") {
                Some(_) if name.ends_with(".prov") => self.files.push(file),
                Some(inside) => {
                    let chart = inside.split('/').next().unwrap_or(inside).to_owned();
                    let file = ChartFile { name: inside.to_owned(), data: file.data.clone() };
                    self.subcharts.entry(chart).or_default().push(file);
                }
                None => self.files.push(file),
            },
        }
        Ok(())
    }
}

fn yaml(file: &ChartFile) -> Result<Value, ChartError> {
    let wrong = |error: ReadError| ChartError::Yaml {
        file: file.name.clone(),
        line: error.line,
        message: error.kind.to_string(),
    };
    let text = decode_text(&file.data).map_err(wrong)?;
    crate::chart_yaml::read(&text).map_err(wrong)
}

fn values(file: &ChartFile) -> Result<backstay_gotemplate::Map, ChartError> {
    read_documents(&file.name, &file.data).map_err(|error| match error {
        ValuesError::Yaml { name, line, message, .. } => ChartError::Yaml { file: name, line, message },
        other => ChartError::Shape { file: file.name.clone(), message: other.to_string() },
    })
}
