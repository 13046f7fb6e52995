//! Requests and responses: HTTP without the wire.

use serde_json::Value;

use super::http;
use super::watch::WatchSpec;
use crate::store::ApiError;

/// One request to the API.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: String,
    /// Path without the query, e.g. `/apis/apps/v1/namespaces/prod/deployments/web`.
    pub path: String,
    /// Decoded query parameters in their order.
    pub query: Vec<(String, String)>,
    /// `Content-Type` of the body; decides the kind of a patch.
    pub content_type: String,
    /// `Accept`: asks for tables, metadata only, or aggregated discovery.
    pub accept: String,
    /// `User-Agent`: the default field manager is its part before the slash.
    pub user_agent: String,
    /// Body, JSON.
    pub body: Vec<u8>,
    /// Who asks; empty means `admin`.
    pub user: String,
}

impl Request {
    /// A query parameter, if given and not empty.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|v| !v.is_empty())
    }

    /// Whether a boolean parameter is on.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value == "true" || value == "1")
    }

    /// Whether nothing may be stored.
    #[must_use]
    pub fn dry_run(&self) -> bool {
        self.param("dryRun").is_some()
    }

    /// The name under which changes are recorded in `managedFields`.
    #[must_use]
    pub fn field_manager(&self) -> String {
        let manager = self
            .param("fieldManager")
            .map_or_else(|| self.user_agent.split('/').next().unwrap_or("").to_owned(), str::to_owned);
        if manager.is_empty() { "unknown".to_owned() } else { manager.chars().take(128).collect() }
    }

    /// The type of the body without parameters.
    pub(super) fn media_type(&self) -> &str {
        self.content_type.split(';').next().unwrap_or("").trim()
    }

    /// Whether the body is what server-side apply takes.
    pub(super) fn is_apply(&self) -> bool {
        self.media_type() == "application/apply-patch+yaml"
    }

    /// The body as JSON; `Null` when there is none.
    pub(super) fn json(&self) -> Result<Value, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        if let Some(read) = http::body(&self.body) {
            return read;
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type JSON): {error}"
            ))
        })
    }
}

/// What is sent back.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Body.
    pub body: Body,
    /// Texts for `Warning: 299 - "…"` headers.
    pub warnings: Vec<String>,
}

/// The body of a response.
#[derive(Clone, Debug)]
pub enum Body {
    /// `application/json`.
    Json(Value),
    /// `text/plain`.
    Text(String),
    /// A stream of events: the host asks for them with [`super::poll_watch`].
    Watch(Box<WatchSpec>),
}

impl Response {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), warnings: Vec::new() }
    }

    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: Body::Text(body.into()), warnings: Vec::new() }
    }

    /// What an unknown path answers: plain text, not a `Status`.
    pub(super) fn page_not_found() -> Self {
        Self::text(404, "404 page not found\n")
    }

    pub(super) fn error(error: &ApiError) -> Self {
        Self::json(error.code, error.to_status())
    }

    /// The JSON body, if it is one.
    #[must_use]
    pub fn as_json(&self) -> Option<&Value> {
        match &self.body {
            Body::Json(value) => Some(value),
            Body::Text(_) | Body::Watch(_) => None,
        }
    }
}
