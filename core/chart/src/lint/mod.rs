//! Looking a chart over: Helm's rules of `helm lint`, in their order and words (`pkg/chart/v2/lint` v4.3, `pkg/lint` v3.22).

mod addresses;
mod chartfile;
mod deprecated;
mod names;
mod templates;

use std::fmt;

use backstay_gotemplate::{Compatibility, Environment, Map};

use crate::capabilities::KubeVersion;
use crate::chart::Chart;
use crate::files::SourceFile;
use crate::load::from_files;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Will likely work, but should not be so.
    Warning,
    /// Will likely not work.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        })
    }
}

/// A finding. It prints as Helm prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintMessage {
    /// How bad it is.
    pub severity: Severity,
    /// The file or folder it is about, as Helm names it.
    pub path: String,
    /// What is found.
    pub text: String,
    /// What Helm does not say: which value was missing, what was meant.
    pub hint: Option<String>,
}

impl fmt::Display for LintMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}] {}: {}", self.severity, self.path, self.text)
    }
}

/// What a chart is looked over with.
#[derive(Debug, Clone)]
pub struct LintInput<'a> {
    /// The chart's folder as messages name it.
    pub folder: String,
    /// Its files, before `.helmignore`.
    pub files: &'a [SourceFile],
    /// Whether there is a folder `templates/`, which may be empty.
    pub has_templates: bool,
    /// What the user gave.
    pub values: &'a Map,
    /// `.Release.Namespace`.
    pub namespace: String,
    /// `--kube-version`.
    pub kube_version: Option<KubeVersion>,
    /// `--skip-schema-validation`.
    pub skip_schema_validation: bool,
    /// Time, randomness, and which Helm to follow.
    pub environment: &'a Environment,
}

/// Looks a chart over.
///
/// Unlike Helm, which stops at the first template that fails, every independent error of the templates is told.
#[must_use]
pub fn lint(input: &LintInput<'_>) -> Vec<LintMessage> {
    let mut linter = Linter { found: Vec::new(), input };
    linter.chart_file();
    linter.values_file();
    let chart = from_files(input.files.to_vec());
    linter.templates(&chart);
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => {
            linter.error("", format!("unable to load chart\n\t{error}"));
            if !linter.is_helm3() && input.files.iter().any(|file| file.path.starts_with("crds/")) {
                linter.error("crds/", error.to_string());
            }
            return linter.found;
        }
    };
    linter.dependencies(&chart);
    if !linter.is_helm3() {
        linter.definitions(&chart);
    }
    linter.found
}

struct Linter<'a> {
    found: Vec<LintMessage>,
    input: &'a LintInput<'a>,
}

impl Linter<'_> {
    fn is_helm3(&self) -> bool {
        self.input.environment.compatibility == Compatibility::Helm3
    }

    fn file(&self, name: &str) -> Option<&SourceFile> {
        self.input.files.iter().find(|file| file.path == name)
    }

    fn add(&mut self, severity: Severity, path: &str, text: impl Into<String>) {
        self.found.push(LintMessage { severity, path: path.to_owned(), text: text.into(), hint: None });
    }

    fn error(&mut self, path: &str, text: impl Into<String>) {
        self.add(Severity::Error, path, text);
    }

    fn warn(&mut self, path: &str, text: impl Into<String>) {
        self.add(Severity::Warning, path, text);
    }

    fn dependencies(&mut self, chart: &Chart) {
        let folder = self.input.folder.clone();
        let declared = || chart.metadata.dependencies.iter().flatten();
        let undeclared: Vec<&str> = chart
            .dependencies
            .iter()
            .map(Chart::name)
            .filter(|name| !declared().any(|dependency| dependency.name == *name))
            .collect();
        if !undeclared.is_empty() {
            let names = undeclared.join(",");
            self.error(&folder, format!("chart metadata is missing these dependencies: {names}"));
        }
        let missing: Vec<&str> = declared()
            .map(|dependency| dependency.name.as_str())
            .filter(|name| !chart.dependencies.iter().any(|chart| chart.name() == *name))
            .collect();
        if !missing.is_empty() {
            let names = missing.join(",");
            self.warn(&folder, format!("chart directory is missing these dependencies: {names}"));
        }
    }
}
