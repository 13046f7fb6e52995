//! `lint`: a chart looked over with Helm's rules, in Helm's layout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use backstay_core::chart::{KubeVersion, LintInput, LintMessage, Severity, lint as look_over};
use backstay_core::gotemplate::{Compatibility, Environment, Map};
use backstay_core::plan::{Facts, Finding, Severity as Worst};
use backstay_core::planner::{documents, findings, findings_text, placed, sarif};
use serde_json::{Value, json};

use super::manuscript;
use crate::args::{GlobalArgs, LintArgs, LintFormat, RenderArgs, SourceArgs, ValueArgs};
use crate::charts;
use crate::cluster::wall_now;
use crate::exit::{Exit, Stop};
use crate::modules::{PolicyModules, Subject};

pub(crate) async fn lint(global: &GlobalArgs, arguments: &LintArgs) -> anyhow::Result<ExitCode> {
    let compatibility = charts::compatibility(&arguments.compat);
    let kube_version = match &arguments.kube_version {
        Some(text) => {
            Some(KubeVersion::parse(text, compatibility).map_err(|error| Stop::refused(error.to_string()))?)
        }
        None => None,
    };
    let mut paths = arguments.paths.clone();
    if arguments.with_subcharts {
        for path in &arguments.paths {
            subcharts(&Path::new(path).join("charts"), &mut paths);
        }
    }
    let values = charts::values(&arguments.values, compatibility).await?;
    let least = if arguments.strict { Severity::Warning } else { Severity::Error };
    let (mut failed, mut remarkable) = (0, 0);
    let mut report = Report::default();
    let is_table = arguments.output == LintFormat::Table;
    for path in &paths {
        let found = one(global, arguments, path, &values, compatibility, kube_version.as_ref());
        let ours = ours(global, arguments, path, &values, kube_version.as_ref())?;
        let (is_failed, is_remarkable) = match &found {
            Ok(messages) => (
                messages.iter().any(|message| message.severity >= least),
                messages.iter().any(|message| message.severity > Severity::Info),
            ),
            Err(_) => (true, true),
        };
        let ours_fail = arguments
            .fail_on
            .is_some_and(|least| ours.found.iter().any(|finding| finding.severity >= least.severity()));
        failed += usize::from(is_failed || ours_fail);
        remarkable += usize::from(is_remarkable);
        if is_table && (!arguments.quiet || is_remarkable) {
            anstream::println!("==> Linting {path}");
            show(&found, arguments.quiet);
            anstream::println!();
        }
        if is_table {
            // Beside Helm's output, which other programs read.
            let least = if arguments.quiet { Worst::Warning } else { Worst::Info };
            anstream::eprint!("{}", findings_text(&ours.found, least));
        }
        report.add(path, &found, ours);
    }
    report.print(arguments.output);
    let summary = format!("{} chart(s) linted, {failed} chart(s) failed", paths.len());
    if failed > 0 {
        return Err(Stop::with(Exit::Failed, summary));
    }
    if is_table && (!arguments.quiet || remarkable > 0) {
        anstream::println!("{summary}");
    }
    Ok(ExitCode::SUCCESS)
}

/// What our own rules found in one chart.
#[derive(Default)]
struct Ours {
    found: Vec<Finding>,
    files: BTreeMap<String, String>,
}

/// Our rules, and those of policy modules. A chart that cannot be rendered has Helm's messages alone.
fn ours(
    global: &GlobalArgs,
    arguments: &LintArgs,
    path: &str,
    values: &Map,
    kube_version: Option<&KubeVersion>,
) -> anyhow::Result<Ours> {
    let render = RenderArgs {
        values: ValueArgs::default(),
        helm: Default::default(),
        source: SourceArgs::default(),
        compat: arguments.compat.clone(),
        skip_schema_validation: arguments.skip_schema_validation,
        skip_crds: false,
        post_renderer: None,
        post_renderer_args: Vec::new(),
        common: Default::default(),
    };
    let Ok(written) = manuscript::of_chart(global, path, &render, values, "release-name", false) else {
        return Ok(Ours::default());
    };
    let number = |text: &str| text.trim_end_matches('+').parse().ok();
    let kubernetes =
        kube_version.and_then(|version| Some((number(&version.major)?, number(&version.minor)?)));
    let facts = Facts { kubernetes, undo: true, ..Facts::default() };
    let namespace = global.namespace.as_deref().unwrap_or("default");
    let found = findings(namespace, &written.text, None, &facts, &written.lines, &arguments.ignore);
    let mut found = found.unwrap_or_default();
    if !arguments.policy_module.is_empty() {
        let documents = documents(&written.text, namespace).unwrap_or_default();
        let subjects: Vec<Subject<'_>> = documents
            .iter()
            .map(|one| Subject { name: one.key.to_string(), source: &one.source, object: &one.object })
            .collect();
        found.extend(PolicyModules::new(&arguments.policy_module).lint(&subjects)?);
        found = placed(found, &written.lines, &arguments.ignore);
    }
    Ok(Ours { found, files: written.files })
}

/// Everything that was found, as data.
#[derive(Default)]
struct Report {
    charts: Vec<Value>,
    all: Ours,
}

impl Report {
    fn add(&mut self, path: &str, found: &anyhow::Result<Vec<LintMessage>>, ours: Ours) {
        let message = |message: &LintMessage| json!({"severity": message.severity.to_string(), "path": message.path, "text": message.text, "hint": message.hint});
        let (messages, error) = match found {
            Ok(messages) => (messages.iter().map(message).collect(), None),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        self.charts
            .push(json!({"chart": path, "messages": messages, "error": error, "findings": ours.found}));
        // Relative to where the tool runs, as readers of SARIF want it.
        let here = std::env::current_dir().unwrap_or_default();
        let nearer = |file: &Path| {
            let below = file.strip_prefix(&here).or_else(|_| file.strip_prefix("."));
            below.unwrap_or(file).display().to_string()
        };
        match found {
            Ok(messages) => {
                let told = messages.iter().filter(|message| message.severity > Severity::Info);
                let finding = |message: &LintMessage| {
                    helms_finding(message, nearer(&Path::new(path).join(&message.path)))
                };
                self.all.found.extend(told.map(finding));
            }
            Err(error) => {
                let message = LintMessage {
                    severity: Severity::Error,
                    path: path.to_owned(),
                    text: format!("{error:#}"),
                    hint: None,
                };
                self.all.found.push(helms_finding(&message, nearer(Path::new(path))));
            }
        }
        self.all.found.extend(ours.found);
        let files = ours.files.into_iter().map(|(template, file)| (template, nearer(Path::new(&file))));
        self.all.files.extend(files);
    }

    fn print(&self, format: LintFormat) {
        match format {
            LintFormat::Table => {}
            LintFormat::Json => anstream::println!("{}", Value::from(self.charts.clone())),
            LintFormat::Sarif => {
                anstream::println!("{}", sarif(&self.all.found, &self.all.files, env!("CARGO_PKG_VERSION")));
            }
        }
    }
}

/// What Helm itself says of a chart, beside our findings where a tool reads both.
fn helms_finding(message: &LintMessage, source: String) -> Finding {
    Finding {
        code: "helm-lint".into(),
        severity: if message.severity >= Severity::Error { Worst::Error } else { Worst::Warning },
        object: String::new(),
        source,
        field: String::new(),
        line: None,
        template_line: None,
        message: message.text.clone(),
        why: String::new(),
        fix: message.hint.clone().unwrap_or_default(),
    }
}

fn show(found: &anyhow::Result<Vec<LintMessage>>, quiet: bool) {
    match found {
        Err(error) => anstream::println!("Error {error:#}"),
        Ok(messages) => {
            for message in messages.iter().filter(|message| !quiet || message.severity > Severity::Info) {
                anstream::println!("{message}");
                // Beside Helm's output, which other programs read.
                if let Some(hint) = &message.hint {
                    anstream::eprintln!("hint: {hint}");
                }
            }
        }
    }
}

fn one(
    global: &GlobalArgs,
    arguments: &LintArgs,
    path: &str,
    values: &Map,
    compatibility: Compatibility,
    kube_version: Option<&KubeVersion>,
) -> anyhow::Result<Vec<LintMessage>> {
    let folder = Path::new(path);
    let is_archive = path.ends_with(".tgz") || path.ends_with(".tar.gz");
    if !is_archive && let Err(error) = std::fs::metadata(folder.join("Chart.yaml")) {
        let file = folder.join("Chart.yaml");
        anyhow::bail!("unable to check Chart.yaml file in chart: stat {}: {}", file.display(), words(&error));
    }
    let files = charts::files_of(path)?;
    let has_templates =
        files.iter().any(|file| file.path.starts_with("templates/")) || folder.join("templates").is_dir();
    let mut environment = Environment::offline(i128::from(wall_now().0) * 1_000_000, charts::seed()?);
    environment.compatibility = compatibility;
    environment.lint = true;
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    Ok(look_over(&LintInput {
        folder: cleaned(&absolute).display().to_string(),
        files: &files,
        has_templates,
        values,
        namespace: global.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        kube_version: kube_version.cloned(),
        skip_schema_validation: arguments.skip_schema_validation,
        environment: &environment,
    }))
}

/// Without `.` and `..`, as Go's `filepath.Abs` gives it.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        if matches!(part, std::path::Component::ParentDir) {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

/// An error of the system in Go's words.
fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Every chart below a folder, in the order of names.
fn subcharts(folder: &Path, paths: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name == "Chart.yaml" {
            paths.push(folder.display().to_string());
        } else if name.ends_with(".tgz") || name.ends_with(".tar.gz") {
            paths.push(entry.display().to_string());
        } else if entry.is_dir() && !entry.is_symlink() {
            subcharts(&entry, paths);
        }
    }
}
