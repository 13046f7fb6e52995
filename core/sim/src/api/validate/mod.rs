//! Validation, in the words of the real API server (source: Kubernetes 1.36 `pkg/apis/*/validation` and answers of a
//! real server).

mod meta;
mod others;
mod updates;
mod workloads;

use backstay_object::{name, text_at};
use serde_json::Value;

use super::kinds::Served;
use super::schema::Type;
use crate::store::{ApiError, Cause, qualified};

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldError {
    reason: &'static str,
    field: String,
    /// Without the field.
    text: String,
}

impl FieldError {
    pub(super) fn required(field: impl Into<String>, detail: &str) -> Self {
        let text =
            if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self { reason: "FieldValueRequired", field: field.into(), text }
    }

    pub(super) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            field: field.into(),
            text: format!("Invalid value: {value}: {detail}"),
        }
    }

    pub(super) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self { reason: "FieldValueForbidden", field: field.into(), text: format!("Forbidden: {detail}") }
    }

    pub(super) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self { reason: "FieldValueDuplicate", field: field.into(), text: format!("Duplicate value: {value}") }
    }

    pub(super) fn missing(field: impl Into<String>, value: &str) -> Self {
        Self { reason: "FieldValueNotFound", field: field.into(), text: format!("Not found: {value:?}") }
    }

    pub(super) fn too_long(field: impl Into<String>, limit: usize) -> Self {
        Self {
            reason: "FieldValueTooLong",
            field: field.into(),
            text: format!("Too long: may not be more than {limit} bytes"),
        }
    }

    pub(super) fn unsupported(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let mut supported: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        supported.sort();
        Self {
            reason: "FieldValueNotSupported",
            field: field.into(),
            text: format!("Unsupported value: {value:?}: supported values: {}", supported.join(", ")),
        }
    }

    /// A value of the wrong type in a custom resource.
    pub(super) fn custom_type(field: &str, wanted: &Type, value: &Value) -> Self {
        let wanted = match wanted {
            Type::Text | Type::Bytes | Type::Time => "string",
            Type::Int32 | Type::Int64 => "integer",
            Type::Float => "number",
            Type::Bool => "boolean",
            Type::List(_) => "array",
            _ => "object",
        };
        let found = match value {
            Value::String(_) => "string",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::Bool(_) => "boolean",
            Value::Array(_) => "array",
            Value::Object(_) | Value::Null => "object",
        };
        Self {
            reason: "FieldValueTypeInvalid",
            field: field.to_owned(),
            text: format!("Invalid value: {found:?}: {field} in body must be of type {wanted}: {found:?}"),
        }
    }

    fn whole(&self) -> String {
        format!("{}: {}", self.field, self.text)
    }
}

/// 422 for wrong fields of an object; `None` when there are none.
pub(super) fn invalid(kind: &Served, object_name: &str, errors: &[FieldError]) -> Option<ApiError> {
    let mut texts: Vec<String> = Vec::with_capacity(errors.len());
    for error in errors {
        let text = error.whole();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let text = match texts.as_slice() {
        [] => return None,
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let mut refusal = ApiError::new(
        422,
        "Invalid",
        format!("{} \"{object_name}\" is invalid: {text}", qualified(&kind.kind, &kind.group)),
    )
    .about(&kind.group, &kind.kind, object_name);
    refusal.details.causes = errors
        .iter()
        .map(|error| Cause {
            reason: error.reason.to_owned(),
            message: error.text.clone(),
            field: error.field.clone(),
        })
        .collect();
    Some(refusal)
}

/// Checks a new or changed object; `old` is what is stored.
pub(super) fn validate(kind: &Served, object: &Value, old: Option<&Value>) -> Result<(), ApiError> {
    let mut errors = meta::metadata(kind, object);
    match (kind.stored_group(), kind.kind.as_str()) {
        ("", "Pod") => workloads::pod(object, &mut errors),
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            workloads::with_selector(kind, object, &mut errors);
        }
        ("batch", "Job") => workloads::job(object, &mut errors),
        ("batch", "CronJob") => workloads::cron_job(object, &mut errors),
        ("", "Service") => others::service(object, &mut errors),
        ("", "PersistentVolumeClaim") => others::claim(object, &mut errors),
        ("", "ConfigMap" | "Secret") => others::data(object, &mut errors),
        ("autoscaling", "HorizontalPodAutoscaler") => others::autoscaler(object, &mut errors),
        ("networking.k8s.io", "Ingress") => others::ingress(object, &mut errors),
        ("policy", "PodDisruptionBudget") => others::disruption_budget(object, &mut errors),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => others::definition(object, &mut errors),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            others::role_binding(object, &mut errors);
        }
        _ => {}
    }
    if let Some(old) = old {
        updates::check(kind, old, object, &mut errors);
    }
    match invalid(kind, name(object), &errors) {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

/// The text at a path, empty when absent.
fn text<'o>(object: &'o Value, path: &[&str]) -> &'o str {
    text_at(object, path).unwrap_or("")
}
