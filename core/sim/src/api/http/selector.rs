//! Label and field selectors of list, watch and deletecollection requests.

use backstay_object::{LabelQuery, at, text_at};
use serde_json::Value;

use crate::api::kinds::Served;
use crate::api::request::Request;
use crate::store::ApiError;

/// What a list or a watch wants to see.
#[derive(Clone, Debug, Default)]
pub(in crate::api) struct Filter {
    labels: LabelQuery,
    fields: Vec<FieldTerm>,
}

#[derive(Clone, Debug)]
struct FieldTerm {
    path: Vec<String>,
    value: String,
    equal: bool,
}

impl Filter {
    pub(in crate::api) fn of(request: &Request, kind: &Served) -> Result<Self, ApiError> {
        Ok(Self {
            labels: LabelQuery::parse(request.param("labelSelector").unwrap_or(""))
                .map_err(|error| ApiError::bad_request(error.to_string()))?,
            fields: parse_fields(request.param("fieldSelector").unwrap_or(""), kind)?,
        })
    }

    pub(in crate::api) fn matches(&self, object: &Value) -> bool {
        let labels = at(object, &["metadata", "labels"]);
        let value_of = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        self.labels.matches(value_of)
            && self.fields.iter().all(|term| {
                let path: Vec<&str> = term.path.iter().map(String::as_str).collect();
                let found = match at(object, &path) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Null) | None => String::new(),
                    Some(other) => other.to_string(),
                };
                (found == term.value) == term.equal
            })
    }
}

/// The fields that may be selected by, beside `metadata.name` and `metadata.namespace`.
fn selectable(kind: &Served) -> &'static [&'static str] {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "Event") => {
            &["regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "reason", "type"]
        }
        ("", "Secret") => &["type"],
        ("", "Namespace") => &["status.phase"],
        ("", "Node") => &["spec.unschedulable"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("apps", "ReplicaSet") | ("", "ReplicationController") => &["status.replicas"],
        ("batch", "Job") => &["status.successful"],
        _ => &[],
    }
}

fn parse_fields(text: &str, kind: &Served) -> Result<Vec<FieldTerm>, ApiError> {
    let mut terms = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
            (path, value, false)
        } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (path, value, true)
        } else {
            return Err(ApiError::bad_request(format!(
                "invalid selector: '{text}'; can't understand '{part}'"
            )));
        };
        let path = path.trim();
        if !matches!(path, "metadata.name" | "metadata.namespace") && !selectable(kind).contains(&path) {
            return Err(ApiError::bad_request(format!("field label not supported: {path}")));
        }
        let path = match path {
            "reportingComponent" | "source" => vec!["source".to_owned(), "component".to_owned()],
            "status.successful" => vec!["status".to_owned(), "succeeded".to_owned()],
            path => path
                .split('.')
                .map(|key| if key == "regarding" { "involvedObject" } else { key }.to_owned())
                .collect(),
        };
        terms.push(FieldTerm { path, value: value.trim().to_owned(), equal });
    }
    Ok(terms)
}

/// The text form of a `LabelSelector`, as the scale subresource shows it.
pub(super) fn selector_text(selector: &Value) -> String {
    let mut parts: Vec<String> = backstay_object::map_at(selector, &["matchLabels"])
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    for expression in backstay_object::list_at(selector, &["matchExpressions"]) {
        let key = text_at(expression, &["key"]).unwrap_or("");
        let values: Vec<&str> =
            backstay_object::list_at(expression, &["values"]).iter().filter_map(Value::as_str).collect();
        match text_at(expression, &["operator"]) {
            Some("In") => parts.push(format!("{key} in ({})", values.join(","))),
            Some("NotIn") => parts.push(format!("{key} notin ({})", values.join(","))),
            Some("DoesNotExist") => parts.push(format!("!{key}")),
            _ => parts.push(key.to_owned()),
        }
    }
    parts.join(",")
}
