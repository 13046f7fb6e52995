//! Rules for templates and for the files of `crds/`.

use backstay_gotemplate::lower_text;
use backstay_yaml::from_yaml;
use serde_json::Value;

use super::{Linter, Severity, deprecated, names};
use crate::capabilities::Capabilities;
use crate::chart::Chart;
use crate::error::ChartError;
use crate::every::render_each;
use crate::files::ChartFile;
use crate::render::{RenderError, RenderInput, with_values};
use crate::schema::validate_schemas;

const FOLDER: &str = "templates/";

/// The part of an object that the rules look at.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    api_version: String,
    kind: String,
    name: String,
}

impl Linter<'_> {
    pub(super) fn templates(&mut self, chart: &Result<Chart, ChartError>) {
        if !self.input.has_templates && !self.is_helm3() {
            return self.warn(FOLDER, "directory does not exist");
        }
        let chart = match chart {
            Ok(chart) => chart,
            Err(error) => return self.error(FOLDER, error.to_string()),
        };
        let mut capabilities = Capabilities::default();
        if let Some(version) = &self.input.kube_version {
            capabilities.kube_version = version.clone();
        }
        let minor = capabilities.kube_version.minor.parse().unwrap_or(0);
        let mut input = RenderInput::new("test-release", &self.input.namespace, self.input.environment);
        input.values = self.input.values.clone();
        input.revision = 0;
        input.capabilities = capabilities;
        // Helm says nothing where values and dependencies do not go together: installing will.
        let Ok((processed, values, _)) = with_values(chart, &input) else { return };
        if !self.input.skip_schema_validation
            && let Err(text) = validate_schemas(&processed, &values)
        {
            return self.error(FOLDER, text);
        }
        let (rendered, errors) = render_each(&processed, values, &input);
        if !errors.is_empty() {
            for error in errors {
                let text = error.to_string();
                let hint = match error {
                    RenderError::Template { hint, .. } => hint.map(String::from),
                    _ => None,
                };
                self.found.push(super::LintMessage {
                    severity: Severity::Error,
                    path: FOLDER.to_owned(),
                    text,
                    hint,
                });
            }
            return;
        }
        for file in &processed.templates {
            let text = rendered.get(&format!("{}/{}", processed.name(), file.name));
            if !self.template(file, text.map_or("", String::as_str), minor) {
                return;
            }
        }
    }

    /// The rules for one file; whether to go on to the next one.
    fn template(&mut self, file: &ChartFile, rendered: &str, minor: u32) -> bool {
        let name = &file.name;
        let extension = extension(name);
        if ![".yaml", ".yml", ".tpl", ".txt"].contains(&extension) {
            self.error(
                name,
                format!(
                    "file extension '{extension}' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt"
                ),
            );
        }
        if self.is_helm3() {
            self.of_helm2(file);
        }
        let is_yaml = match lower_text(extension).as_str() {
            ".yaml" => !self.is_helm3() || extension == ".yaml",
            ".yml" => !self.is_helm3(),
            _ => false,
        };
        if !is_yaml || rendered.trim().is_empty() {
            return true;
        }
        if let Some(line) = rendered.lines().find(|line| !line.trim().is_empty())
            && line.starts_with([' ', '\t'])
        {
            self.warn(
                name,
                format!("document starts with an illegal indent: {line:?}, which may cause parsing problems"),
            );
        }
        for document in documents(rendered) {
            let head = match document.and_then(|text| head(&text)) {
                Ok(Some(head)) => head,
                Ok(None) => continue,
                Err(text) => {
                    self.error(name, format!("unable to parse YAML: {text}"));
                    return false;
                }
            };
            self.object(name, &head, rendered, minor);
        }
        true
    }

    /// Helm 3 finds what charts of Helm 2 had.
    fn of_helm2(&mut self, file: &ChartFile) {
        let text = file.data.text();
        let is_crd_hook = text.match_indices("helm.sh/hook").any(|(at, word)| {
            let rest = text.get(at + word.len()..).unwrap_or_default();
            let rest = rest.strip_prefix('"').unwrap_or(rest);
            let Some(rest) = rest.strip_prefix(':') else { return false };
            rest.starts_with(char::is_whitespace) && rest.trim_start().starts_with("crd-install")
        });
        if is_crd_hook {
            self.warn(
                &file.name,
                "manifest is a crd-install hook. This hook is no longer supported in v3 and all CRDs should also exist \
                 the crds/ directory at the top level of the chart",
            );
        }
        if text.contains(".Release.Time") {
            self.error(
                &file.name,
                ".Release.Time has been removed in v3, please replace with the `now` function in your templates",
            );
        }
    }

    fn object(&mut self, path: &str, head: &Head, rendered: &str, minor: u32) {
        let name = &head.name;
        let problems = names::problems(&head.kind, name);
        if !problems.is_empty() {
            let all: Vec<String> = problems
                .iter()
                .map(|problem| format!("metadata.name: Invalid value: {name:?}: {problem}"))
                .collect();
            let all = if all.len() > 1 { format!("[{}]", all.join(", ")) } else { all.concat() };
            self.warn(
                path,
                format!("object name does not conform to Kubernetes naming requirements: {name:?}: {all}"),
            );
        }
        if let Some(text) = deprecated::warning(&head.api_version, &head.kind, minor) {
            self.warn(path, text);
        }
        let kind = head.kind.as_str();
        if matches!(kind, "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet")
            && !rendered.contains("matchLabels")
            && !rendered.contains("matchExpressions")
        {
            self.error(
                path,
                format!("a {kind} must contain matchLabels or matchExpressions, and {name:?} does not"),
            );
        }
        if kind == "List" && keeps_an_item(rendered) {
            let first = if self.is_helm3() { "Annotation" } else { "annotation" };
            self.error(path, format!("{first} 'helm.sh/resource-policy' within List objects are ignored"));
        }
    }

    /// The files of `crds/`, those of subcharts too (Helm 4).
    pub(super) fn definitions(&mut self, chart: &Chart) {
        if !self.input.files.iter().any(|file| file.path.starts_with("crds/")) {
            return;
        }
        for file in chart.crds() {
            // Helm names the file as its own chart has it.
            let name = file.source.rfind("/crds/").and_then(|at| file.source.get(at + 1..));
            let name = name.unwrap_or(&file.source).to_owned();
            for document in documents(&file.content.text()) {
                match document.and_then(|text| head(&text)) {
                    Ok(None) => {}
                    Ok(Some(head)) => {
                        if !head.api_version.starts_with("apiextensions.k8s.io") {
                            self.error(&name, "apiVersion is not in 'apiextensions.k8s.io'");
                        }
                        if head.kind != "CustomResourceDefinition" {
                            self.error(&name, "object kind is not 'CustomResourceDefinition'");
                        }
                    }
                    Err(text) => {
                        self.error(&name, format!("unable to parse YAML: {text}"));
                        return;
                    }
                }
            }
        }
    }
}

/// Go's `filepath.Ext`.
fn extension(path: &str) -> &str {
    let base = crate::pattern::base(path);
    base.rfind('.').and_then(|at| base.get(at..)).unwrap_or_default()
}

/// The documents of a file as apimachinery's reader finds them: a line that begins with `---` separates.
fn documents(text: &str) -> Vec<Result<String, String>> {
    let mut found = Vec::new();
    let mut current = String::new();
    for line in text.split_inclusive('\n') {
        let Some(rest) = line.strip_prefix("---") else {
            current.push_str(line);
            continue;
        };
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            found.push(Err(format!("invalid Yaml document separator: {rest}")));
            return found;
        }
        if !current.is_empty() {
            found.push(Ok(std::mem::take(&mut current)));
        }
    }
    if !current.is_empty() {
        found.push(Ok(current));
    }
    found
}

/// Reads what the rules look at; `None` for an empty document.
fn head(text: &str) -> Result<Option<Head>, String> {
    let value = from_yaml(text).map_err(|error| format!("error converting YAML to JSON: {}", error.go))?;
    let wrong = |found: &Value, what: &str| {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        format!("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go {what}")
    };
    let map = match &value {
        Value::Null => return Ok(None),
        Value::Object(map) => map,
        other => return Err(wrong(other, "value of type rules.k8sYamlStruct")),
    };
    let text_at = |map: &serde_json::Map<String, Value>, key: &str, field: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Bool(value)) => Ok(value.to_string()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(other) => Err(wrong(other, &format!("struct field {field} of type string"))),
    };
    let mut head = Head {
        api_version: text_at(map, "apiVersion", "k8sYamlStruct.apiVersion")?,
        kind: text_at(map, "kind", "k8sYamlStruct.Kind")?,
        name: String::new(),
    };
    match map.get("metadata") {
        None | Some(Value::Null) => {}
        Some(Value::Object(metadata)) => {
            text_at(metadata, "namespace", "k8sYamlMetadata.Metadata.Namespace")?;
            head.name = text_at(metadata, "name", "k8sYamlMetadata.Metadata.Name")?;
        }
        Some(other) => {
            return Err(wrong(other, "struct field k8sYamlStruct.Metadata of type rules.k8sYamlMetadata"));
        }
    }
    Ok(Some(head))
}

/// Whether an item of a List asks to be kept, which nobody heeds.
fn keeps_an_item(rendered: &str) -> bool {
    let Some(Ok(first)) = documents(rendered).into_iter().next() else { return false };
    let Ok(list) = from_yaml(&first) else { return false };
    let items = list.get("items").and_then(Value::as_array);
    items.into_iter().flatten().any(|item| {
        let annotations = item.get("metadata").and_then(|metadata| metadata.get("annotations"));
        annotations.is_some_and(|annotations| annotations.get("helm.sh/resource-policy").is_some())
    })
}
