//! What the API server answers when it refuses: Kubernetes' `Status` object as a Rust error.

use serde_json::{Map, Value};

use crate::json::json;

/// A refusal of the API, with everything its `Status` object carries
/// (source: k8s.io/apimachinery `pkg/api/errors` and `meta/v1.Status`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, e.g. `AlreadyExists`; empty where Kubernetes has none.
    pub reason: &'static str,
    /// The text a person sees.
    pub message: String,
    /// What the refusal is about.
    pub details: Box<Details>,
}

/// `status.details`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Name of the object, empty when none is meant.
    pub name: String,
    /// API group of the object or resource.
    pub group: String,
    /// Plural resource or kind, as the respective Kubernetes constructor fills it.
    pub kind: String,
    /// Single causes (field errors, apply conflicts).
    pub causes: Vec<Cause>,
}

/// One entry of `status.details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// e.g. `FieldValueInvalid`.
    pub reason: String,
    /// Text.
    pub message: String,
    /// Path of the field, empty when none.
    pub field: String,
}

impl ApiError {
    /// An error of a code and a reason, without details.
    #[must_use]
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Box::default() }
    }

    /// The same error with the object it is about in its details.
    #[must_use]
    pub fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        self.details.group = group.to_owned();
        self.details.kind = kind.to_owned();
        self.details.name = name.to_owned();
        self
    }

    /// 404: the object does not exist. `resource` is the plural.
    #[must_use]
    pub fn not_found(group: &str, resource: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", qualified(resource, group)))
            .about(group, resource, name)
    }

    /// 409: the object is already there. `resource` is the plural.
    #[must_use]
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", qualified(resource, group)))
            .about(group, resource, name)
    }

    /// 409: the object cannot be changed as asked, because it is not what the writer believes.
    #[must_use]
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", qualified(resource, group)),
        )
        .about(group, resource, name)
    }

    /// 409 for a stale `resourceVersion`.
    #[must_use]
    pub fn stale(group: &str, resource: &str, name: &str) -> Self {
        Self::conflict(
            group,
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 403: refused by a rule (quota, admission).
    #[must_use]
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        Self::new(403, "Forbidden", format!("{} \"{name}\" is forbidden: {why}", qualified(resource, group)))
            .about(group, resource, name)
    }

    /// 400 with a text.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 410: the asked `resourceVersion` is no longer kept.
    #[must_use]
    pub fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    /// The `Status` object sent to clients.
    #[must_use]
    pub fn to_status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        });
        let mut details = Map::new();
        for (key, value) in
            [("name", &self.details.name), ("group", &self.details.group), ("kind", &self.details.kind)]
        {
            if !value.is_empty() {
                details.insert(key.to_owned(), Value::String(value.clone()));
            }
        }
        if !self.details.causes.is_empty() {
            details.insert("causes".to_owned(), self.details.causes.iter().map(Cause::to_json).collect());
        }
        if let Value::Object(map) = &mut status {
            if !self.reason.is_empty() {
                map.insert("reason".to_owned(), Value::String(self.reason.to_owned()));
            }
            if !details.is_empty() {
                map.insert("details".to_owned(), Value::Object(details));
            }
            map.insert("code".to_owned(), Value::from(self.code));
        }
        status
    }
}

impl Cause {
    fn to_json(&self) -> Value {
        let mut cause = Map::new();
        for (key, value) in [("reason", &self.reason), ("message", &self.message), ("field", &self.field)] {
            if !value.is_empty() {
                cause.insert(key.to_owned(), Value::String(value.clone()));
            }
        }
        Value::Object(cause)
    }
}

/// `deployments.apps`, or `pods` for the core group (Go `GroupResource.String`).
#[must_use]
pub fn qualified(resource: &str, group: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}
