//! The files given with `-f` that hold objects and not values: a `HelmRelease` with what it refers to.

use std::path::{Path, PathBuf};

use backstay_core::object::text_at;
use backstay_core::yaml::from_yaml;
use serde_json::Value;

use super::release::HelmRelease;
use crate::args::ValueArgs;
use crate::charts::read_elsewhere;
use crate::exit::Stop;

/// Objects out of files.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) releases: Vec<(HelmRelease, PathBuf)>,
    /// Sources, ConfigMaps and Secrets.
    others: Vec<Value>,
}

const GROUP: &str = "helm.toolkit.fluxcd.io/";

/// Whether a text may hold a `HelmRelease`: cheap, for every file with values is asked.
fn may_hold_one(text: &str) -> bool {
    text.contains(GROUP) && text.contains("HelmRelease")
}

/// Takes the files that hold objects out of those with values, also standard input and what lies at an address; `None` when none of them holds a `HelmRelease`.
///
/// # Errors
/// With exit code 4: nothing has been changed.
pub(super) async fn take(arguments: &mut ValueArgs) -> anyhow::Result<Option<Files>> {
    read_elsewhere(arguments).await?;
    let ValueArgs { values, read, .. } = arguments;
    let text_of = |name: &String| match read.get(name) {
        Some(bytes) => String::from_utf8(bytes.clone()).ok(),
        // One that cannot be read is for whoever reads values to tell.
        None => std::fs::read_to_string(name).ok(),
    };
    if !values.iter().filter_map(text_of).any(|text| may_hold_one(&text)) {
        return Ok(None);
    }
    let mut files = Files::default();
    let mut left = Vec::new();
    for name in std::mem::take(values) {
        let documents = match text_of(&name) {
            Some(text) if text.contains("kind:") && text.contains("apiVersion:") => documents(&text, &name)?,
            _ => Vec::new(),
        };
        if documents.is_empty() || !documents.iter().all(is_object) {
            left.push(name);
            continue;
        }
        for document in documents {
            let kind = text_at(&document, &["kind"]).unwrap_or_default();
            let version = text_at(&document, &["apiVersion"]).unwrap_or_default();
            if kind == "HelmRelease" && version.starts_with(GROUP) {
                let release: HelmRelease = serde_json::from_value(document).map_err(|error| {
                    Stop::refused(format!("{name}: the HelmRelease cannot be read: {error}"))
                })?;
                // What came from elsewhere speaks of paths from here.
                let parent = Path::new(&name).parent().filter(|_| !read.contains_key(&name));
                let folder = parent.map(Path::to_path_buf).unwrap_or_default();
                files.releases.push((release, folder));
            } else {
                files.others.push(document);
            }
        }
    }
    *values = left;
    Ok(Some(files).filter(|files| !files.releases.is_empty()))
}

fn documents(text: &str, name: &str) -> anyhow::Result<Vec<Value>> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t'])) {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    let values = documents.iter().map(|text| from_yaml(text));
    let values: Result<Vec<Value>, _> = values.collect();
    let mut values = values.map_err(|error| Stop::refused(format!("{name}: {error}")))?;
    values.retain(|value| !value.is_null());
    Ok(values)
}

fn is_object(document: &Value) -> bool {
    let has = |path: &[&str]| text_at(document, path).is_some_and(|text| !text.is_empty());
    has(&["apiVersion"]) && has(&["kind"]) && has(&["metadata", "name"])
}

impl Files {
    /// The object of a kind and name; one without a namespace is in every one.
    pub(super) fn find(&self, kind: &str, name: &str, namespace: &str) -> Option<&Value> {
        self.others.iter().find(|object| {
            text_at(object, &["kind"]) == Some(kind)
                && text_at(object, &["metadata", "name"]) == Some(name)
                && text_at(object, &["metadata", "namespace"]).is_none_or(|other| other == namespace)
        })
    }
}
