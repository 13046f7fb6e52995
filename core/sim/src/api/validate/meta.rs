//! Names, labels, annotations.

use backstay_object::map_at;
use serde_json::Value;

use super::{FieldError, text};
use crate::api::kinds::Served;
use crate::json::json;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1123: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// All annotations of an object together may not be larger.
const ANNOTATIONS_LIMIT: usize = 262_144;

pub(super) fn metadata(kind: &Served, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    name_errors(kind, text(object, &["metadata", "name"]), &mut errors);
    labels("metadata.labels", map_at(object, &["metadata", "labels"]), &mut errors);
    if let Some(annotations) = map_at(object, &["metadata", "annotations"]) {
        for key in annotations.keys() {
            if let Some(detail) = qualified_name(&key.to_ascii_lowercase()) {
                errors.push(FieldError::invalid("metadata.annotations", &json!(key), &detail));
            }
        }
        let size: usize =
            annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
        if size > ANNOTATIONS_LIMIT {
            errors.push(FieldError::too_long("metadata.annotations", ANNOTATIONS_LIMIT));
        }
    }
    errors
}

fn name_errors(kind: &Served, name: &str, errors: &mut Vec<FieldError>) {
    let field = "metadata.name";
    let value = json!(name);
    match (kind.stored_group(), kind.kind.as_str()) {
        ("rbac.authorization.k8s.io", _) => {
            if name.contains(['/', '%']) || matches!(name, "." | "..") {
                errors.push(FieldError::invalid(field, &value, "may not contain '/'"));
            }
        }
        // Service names may start with a digit since 1.36.
        ("", "Namespace" | "Service") => {
            if name.len() > 63 {
                errors.push(FieldError::invalid(field, &value, "must be no more than 63 characters"));
            }
            if !is_label(name) {
                errors.push(FieldError::invalid(field, &value, LABEL_1123));
            }
        }
        ("batch", "CronJob") if name.len() > 52 => {
            errors.push(FieldError::invalid(field, &value, "must be no more than 52 characters"));
        }
        _ => {
            if name.len() > 253 {
                errors.push(FieldError::invalid(field, &value, "must be no more than 253 characters"));
            }
            if !name.split('.').all(is_label) {
                errors.push(FieldError::invalid(field, &value, SUBDOMAIN));
            }
        }
    }
}

/// Keys and values of labels.
pub(super) fn labels(
    field: &str,
    labels: Option<&serde_json::Map<String, Value>>,
    errors: &mut Vec<FieldError>,
) {
    for (key, value) in labels.into_iter().flatten() {
        if let Some(detail) = qualified_name(key) {
            errors.push(FieldError::invalid(field, &json!(key), &detail));
        }
        let text = value.as_str().unwrap_or("");
        if text.len() > 63 {
            errors.push(FieldError::invalid(field, value, "must be no more than 63 bytes"));
        }
        if !(text.is_empty() || is_name_part(text)) {
            errors.push(FieldError::invalid(field, value, LABEL_VALUE));
        }
    }
}

/// What is wrong with a label or annotation key.
fn qualified_name(key: &str) -> Option<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) if !name.contains('/') => (Some(prefix), name),
        Some(_) => {
            return Some("a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')".to_owned());
        }
        None => (None, key),
    };
    if prefix == Some("") {
        return Some("prefix part must be non-empty".to_owned());
    }
    if let Some(prefix) = prefix.filter(|prefix| !prefix.split('.').all(is_label)) {
        return Some(format!("prefix part {prefix:?} {SUBDOMAIN}"));
    }
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 bytes".to_owned());
    }
    (!is_name_part(name)).then(|| QUALIFIED_NAME.to_owned())
}

fn is_name_part(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.bytes().all(inner)
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().next_back().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// An RFC 1123 label, its length aside.
pub(super) fn is_label(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
        && text.bytes().next().is_some_and(alphanumeric)
        && text.bytes().next_back().is_some_and(alphanumeric)
}

/// What is wrong with a container or volume name.
pub(super) fn label_1123(field: String, name: Option<&str>, errors: &mut Vec<FieldError>) {
    match name {
        None | Some("") => errors.push(FieldError::required(field, "")),
        Some(name) if name.len() > 63 => {
            errors.push(FieldError::invalid(field, &json!(name), "must be no more than 63 bytes"));
        }
        Some(name) if !is_label(name) => errors.push(FieldError::invalid(field, &json!(name), LABEL_1123)),
        Some(_) => {}
    }
}
