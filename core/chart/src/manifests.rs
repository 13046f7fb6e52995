//! Rendered files to objects and hooks, in Helm's order and with Helm's bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstay_gotemplate::{Compatibility, lower_text};
use backstay_yaml::{Builder, Documents, JsonBuilder, ReadOptions};
use serde_json::Value;

use crate::job::Job;
use crate::shared_text::SharedText;

/// The order in which Helm 4 installs kinds; others come after, by name.
pub const INSTALL_ORDER: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// A rendered document that is part of the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedObject {
    /// The template it comes from, e.g. `web/templates/service.yaml`.
    pub source: String,
    /// Its `kind`; empty where it has none.
    pub kind: String,
    /// The document as rendered.
    pub text: SharedText,
}

/// A rendered document that Helm runs at an event instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedHook {
    /// `metadata.name`.
    pub name: String,
    /// Its `kind`.
    pub kind: String,
    /// The template it comes from.
    pub source: String,
    /// The document as rendered.
    pub text: SharedText,
    /// When it runs: `pre-install`, `test`, …
    pub events: Vec<String>,
    /// `helm.sh/hook-weight`.
    pub weight: i64,
    /// `helm.sh/hook-delete-policy`, as given (lower case).
    pub delete_policies: Vec<String>,
    /// `helm.sh/hook-output-log-policy`, as given (lower case).
    pub output_log_policies: Vec<String>,
}

/// A rendered file that is not YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("YAML parse error on {file}: {message}")]
pub struct ManifestError {
    /// The template.
    pub file: String,
    /// 1-based line in the rendered document.
    pub line: usize,
    /// What is wrong, in Helm's words; a line in them is the one its reader gives, which is not always `line`.
    pub message: String,
    /// The document.
    pub text: String,
}

/// What [`sort_manifests`] finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// The hooks, by kind (Helm orders them by weight and name only when it runs them).
    pub hooks: Vec<RenderedHook>,
    /// The objects, by kind.
    pub objects: Vec<RenderedObject>,
    /// What Helm would log.
    pub warnings: Vec<String>,
}

/// Splits rendered files (by path) into documents and puts these in order (`SortManifests`).
///
/// # Errors
/// When a document is not YAML.
pub fn sort_manifests(
    files: BTreeMap<String, String>,
    compatibility: Compatibility,
) -> Result<Sorted, ManifestError> {
    let files = files.into_iter().map(|(source, content)| {
        let documents = documents(&Arc::new(content), compatibility);
        (source, documents)
    });
    sort_documents(files, compatibility)
}

/// The same for files that were split.
pub(crate) fn sort_documents(
    files: impl IntoIterator<Item = (String, Vec<Arc<Document>>)>,
    compatibility: Compatibility,
) -> Result<Sorted, ManifestError> {
    let mut sorted = Sorted::default();
    for (source, documents) in files {
        if crate::pattern::base(&source).starts_with('_') {
            continue;
        }
        for document in documents {
            take(&mut sorted, &source, &document, compatibility)?;
        }
    }
    // Helm 3 does not know the last two, the webhooks: to it they are kinds like any other.
    let known = match compatibility {
        Compatibility::Helm3 => INSTALL_ORDER.len() - 2,
        Compatibility::Helm4 => INSTALL_ORDER.len(),
    };
    backstay_object::sort_by(&mut sorted.hooks, |a, b| {
        kind_order(&a.kind, known).cmp(&kind_order(&b.kind, known))
    });
    backstay_object::sort_by(&mut sorted.objects, |a, b| {
        kind_order(&a.kind, known).cmp(&kind_order(&b.kind, known))
    });
    Ok(sorted)
}

fn kind_order(kind: &str, known: usize) -> (usize, &str) {
    match INSTALL_ORDER.iter().take(known).position(|known| *known == kind) {
        Some(place) => (place, ""),
        None => (known, kind),
    }
}

/// A rendered document, to be read by whoever has time.
pub(crate) struct Document {
    pub(crate) text: SharedText,
    head: Job<Result<Head, Box<(usize, String)>>>,
}

impl Document {
    /// Reads it, unless somebody does already.
    pub(crate) fn begin(&self, compatibility: Compatibility) {
        self.head.begin(|| self.read(compatibility));
    }

    #[cfg(test)]
    pub(crate) fn has_begun(&self) -> bool {
        self.head.has_begun()
    }

    fn read(&self, compatibility: Compatibility) -> Result<Head, Box<(usize, String)>> {
        Head::read(&self.text, compatibility).map_err(Box::new)
    }
}

/// The documents of a rendered file.
pub(crate) fn documents(content: &Arc<String>, compatibility: Compatibility) -> Vec<Arc<Document>> {
    let parts = split(content, compatibility).into_iter();
    let document = |part| Arc::new(Document { text: SharedText::part(content, part), head: Job::default() });
    parts.map(document).collect()
}

fn take(
    sorted: &mut Sorted,
    source: &str,
    document: &Document,
    compatibility: Compatibility,
) -> Result<(), ManifestError> {
    let text = document.text.clone();
    let wrong = |line: usize, message: String| ManifestError {
        file: source.to_owned(),
        line,
        message,
        text: text.to_string(),
    };
    let again;
    let head = match document.head.outcome(|| document.read(compatibility)) {
        Some(head) => head,
        None => {
            again = document.read(compatibility);
            &again
        }
    };
    let head = head.as_ref().map_err(|wrongly| wrong(wrongly.0, wrongly.1.clone()))?;
    let Some(hook) = head.annotations.get("helm.sh/hook") else {
        sorted.objects.push(RenderedObject { source: source.to_owned(), kind: head.kind.clone(), text });
        return Ok(());
    };
    let Some(events) = hook_events(hook) else {
        sorted.warnings.push(format!("skipping unknown hooks: {hook:?} in {source}"));
        return Ok(());
    };
    let policies =
        |annotation: &str| head.annotations.get(annotation).map(|value| words(value)).unwrap_or_default();
    sorted.hooks.push(RenderedHook {
        delete_policies: policies("helm.sh/hook-delete-policy"),
        output_log_policies: policies("helm.sh/hook-output-log-policy"),
        weight: head
            .annotations
            .get("helm.sh/hook-weight")
            .and_then(|weight| weight.parse().ok())
            .unwrap_or(0),
        name: head.name.clone(),
        kind: head.kind.clone(),
        source: source.to_owned(),
        text,
        events,
    });
    Ok(())
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(|word| lower_text(word.trim())).collect()
}

/// The events of a hook; `None` where one of them is unknown, which makes Helm drop the document.
fn hook_events(list: &str) -> Option<Vec<String>> {
    let known = |event: String| match event.as_str() {
        "pre-install" | "post-install" | "pre-delete" | "post-delete" | "pre-upgrade" | "post-upgrade"
        | "pre-rollback" | "post-rollback" | "test" => Some(event),
        "test-success" => Some("test".to_owned()),
        _ => None,
    };
    words(list).into_iter().map(known).collect()
}

/// The part of a document that Helm reads itself.
struct Head {
    kind: String,
    name: String,
    annotations: BTreeMap<String, String>,
}

impl Head {
    fn read(text: &str, compatibility: Compatibility) -> Result<Self, (usize, String)> {
        let package = match compatibility {
            Compatibility::Helm3 => "releaseutil",
            Compatibility::Helm4 => "util",
        };
        let value = backstay_yaml::read(text, &mut HeadBuilder)
            .map_err(|error| (error.line, format!("error converting YAML to JSON: {}", error.go)))?;
        let shape =
            |message: &str| (1, format!("error unmarshaling JSON: while decoding JSON: json: {message}"));
        match &value {
            Value::Null | Value::Object(_) => {}
            other => {
                let found = kind_of(other);
                return Err(shape(&format!(
                    "cannot unmarshal {found} into Go value of type {package}.SimpleHead"
                )));
            }
        }
        let text_of = |value: Option<&Value>, field: &str| match value {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Bool(value)) => Ok(value.to_string()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(other) => Err(shape(&format!(
                "cannot unmarshal {} into Go struct field {field} of type string",
                kind_of(other)
            ))),
        };
        text_of(value.get("apiVersion"), "SimpleHead.apiVersion")?;
        let mut head = Self {
            kind: text_of(value.get("kind"), "SimpleHead.kind")?,
            name: String::new(),
            annotations: BTreeMap::new(),
        };
        let metadata = value.get("metadata").unwrap_or(&Value::Null);
        if !matches!(metadata, Value::Null | Value::Object(_)) {
            let found = kind_of(metadata);
            return Err(shape(&format!(
                "cannot unmarshal {found} into Go struct field SimpleHead.metadata of type struct"
            )));
        }
        head.name = text_of(metadata.get("name"), ".metadata.name")?;
        match metadata.get("annotations") {
            None | Some(Value::Null) => {}
            Some(Value::Object(map)) => {
                for (key, value) in map {
                    let text = text_of(Some(value), ".metadata.annotations")?;
                    head.annotations.insert(key.clone(), text);
                }
            }
            Some(other) => {
                let found = kind_of(other);
                return Err(shape(&format!(
                    "cannot unmarshal {found} into Go struct field .metadata.annotations of type map[string]string"
                )));
            }
        }
        Ok(head)
    }
}

/// Makes only what [`Head`] is read from; the rest of a document is checked and thrown away.
struct HeadBuilder;

impl Builder for HeadBuilder {
    type Value = Value;
    type Key = String;

    fn null(&mut self) -> Value {
        Value::Null
    }
    fn boolean(&mut self, value: bool) -> Value {
        JsonBuilder.boolean(value)
    }
    fn int(&mut self, value: i64) -> Value {
        JsonBuilder.int(value)
    }
    fn uint(&mut self, value: u64) -> Value {
        JsonBuilder.uint(value)
    }
    fn float(&mut self, value: f64) -> Value {
        JsonBuilder.float(value)
    }
    fn string(&mut self, value: &str) -> Value {
        JsonBuilder.string(value)
    }
    fn key(&mut self, key: &str) -> String {
        JsonBuilder.key(key)
    }
    fn list(&mut self, items: Vec<Value>) -> Value {
        JsonBuilder.list(items)
    }
    fn map(&mut self, entries: Vec<(String, Value)>) -> Value {
        JsonBuilder.map(entries)
    }
    fn entries(&mut self, value: &Value) -> Option<Vec<(String, Value)>> {
        JsonBuilder.entries(value)
    }
    fn needs(&mut self, depth: usize, key: &str) -> bool {
        match depth {
            1 => matches!(key, "apiVersion" | "kind" | "metadata"),
            2 => matches!(key, "name" | "annotations"),
            _ => true,
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The documents of a rendered file, without empty ones.
#[must_use]
pub fn split(text: &str, compatibility: Compatibility) -> Vec<&str> {
    match compatibility {
        Compatibility::Helm3 => split_trimmed(text.trim()),
        Compatibility::Helm4 => split_lines(text.trim_start()),
    }
}

/// Helm 4: `---` at the start of a line separates, even with text right after it. The end of a document stays as it is.
fn split_lines(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut start = 0;
    let first = text.starts_with("---").then_some(0);
    for at in first.into_iter().chain(memchr::memmem::find_iter(text.as_bytes(), "\n---").map(|at| at + 1)) {
        documents.extend(text.get(start..at));
        let rest = text.get(at + 3..).unwrap_or_default();
        start = text.len() - rest.trim_start_matches([' ', '\t']).len();
    }
    documents.extend(text.get(start..));
    documents.into_iter().filter(|text| !text.trim().is_empty()).map(str::trim_start).collect()
}

/// Helm 3: `---` at the start of a line separates and takes the white space around with it.
fn split_trimmed(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("---")) {
        let at = from + found;
        // White space after a separator belongs to it, so that a second one right behind is part of the document.
        if at == 0 || text.get(start..at).is_some_and(|before| before.ends_with('\n')) {
            documents.extend(text.get(start..at));
            let rest = text.get(at + 3..).unwrap_or_default();
            start = text.len() - rest.trim_start().len();
            from = start;
        } else {
            from = at + 3;
        }
    }
    documents.extend(text.get(start..));
    documents.into_iter().map(str::trim).filter(|text| !text.is_empty()).collect()
}

/// What comes before the source of a document.
pub(crate) const HEAD: &str = "---\n# Source: ";

/// The manifest of a release: every object with the template it comes from.
#[must_use]
pub fn manifest<'a>(objects: impl IntoIterator<Item = (&'a str, &'a str), IntoIter: Clone>) -> String {
    let objects = objects.into_iter();
    let length = objects.clone().map(|(source, text)| HEAD.len() + source.len() + text.len() + 2).sum();
    let mut manifest = String::with_capacity(length);
    for (source, text) in objects {
        manifest.push_str(HEAD);
        manifest.push_str(source);
        manifest.push('\n');
        manifest.push_str(text);
        manifest.push('\n');
    }
    manifest
}

/// An object of a stored manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestObject {
    /// The template it comes from; empty where the manifest does not say.
    pub source: String,
    /// The object.
    pub object: Value,
    /// Its text.
    pub text: String,
}

/// Reads any stream of YAML documents, e.g. the manifest of a stored release. Lists of objects are taken apart.
///
/// # Errors
/// When a document is not YAML, with the template it comes from.
pub fn parse_manifest(text: &str) -> Result<Vec<ManifestObject>, ManifestError> {
    let mut objects = Vec::new();
    for document in split_lines(text.trim_start()) {
        let source = document
            .lines()
            .take_while(|line| line.starts_with('#'))
            .find_map(|line| line.strip_prefix("# Source: "))
            .unwrap_or_default();
        let mut builder = JsonBuilder;
        for found in Documents::new(document, &mut builder, ReadOptions::default()) {
            let found = found.map_err(|error| ManifestError {
                file: source.to_owned(),
                line: error.line,
                message: format!("error converting YAML to JSON: {}", error.go),
                text: document.to_owned(),
            })?;
            flatten(source, document, found.value, &mut objects);
        }
    }
    Ok(objects)
}

fn flatten(source: &str, text: &str, value: Value, objects: &mut Vec<ManifestObject>) {
    if value.is_null() {
        return;
    }
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value {
        Value::Object(mut map) if is_list && map.get("items").is_some_and(Value::is_array) => {
            if let Some(Value::Array(items)) = map.remove("items") {
                for item in items {
                    flatten(source, text, item, objects);
                }
            }
        }
        object => objects.push(ManifestObject { source: source.to_owned(), object, text: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        let text = "\n---\na: 1\n---\n\n# only a comment\n--- \nb: |\n  x ---\n---c: 3\n\n";
        assert_eq!(
            split(text, Compatibility::Helm4),
            ["a: 1\n", "# only a comment\n", "b: |\n  x ---\n", "c: 3\n\n"]
        );
        assert_eq!(split(text, Compatibility::Helm3), ["a: 1", "# only a comment", "b: |\n  x ---", "c: 3"]);
    }

    #[test]
    fn stored() {
        let text = "---\n# Source: a/templates/x.yaml\nkind: List\nitems:\n- kind: A\n- kind: B\n---\n# nothing\n---\nkind: C\n";
        let found: Vec<_> = parse_manifest(text)
            .unwrap_or_default()
            .into_iter()
            .map(|object| (object.source, object.object["kind"].clone()))
            .collect();
        let source = "a/templates/x.yaml".to_owned();
        assert_eq!(found, [(source.clone(), "A".into()), (source, "B".into()), (String::new(), "C".into())]);
        assert!(parse_manifest("a: [").is_err());
    }
}
