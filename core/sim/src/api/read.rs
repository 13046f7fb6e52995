//! Get and list.

use std::sync::Arc;

use backstay_object::{ResourceKey, Timestamp};
use serde_json::Value;

use super::http::{Filter, View};
use super::kinds::Served;
use super::request::{Body, Request, Response};
use super::watch::{WatchSpec, too_new};
use crate::json::json;
use crate::store::{ApiError, Store};

/// One object.
pub(super) fn get(
    store: &Store,
    kind: &Served,
    key: &ResourceKey,
    request: &Request,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let object = store.get(key).ok_or_else(|| kind.not_found(&key.name))?;
    Ok(Response::json(200, View::of(request).one(kind, object, now)))
}

/// A list, or a watch when the query says so.
pub(super) fn list(
    store: &Store,
    kind: Served,
    namespace: Option<&str>,
    request: &Request,
    now: Timestamp,
) -> Result<Response, ApiError> {
    if request.flag("watch") {
        let spec = WatchSpec::new(store, kind, namespace.map(str::to_owned), request)?;
        return Ok(Response { status: 200, body: Body::Watch(Box::new(spec)), warnings: Vec::new() });
    }
    let filter = Filter::of(request, &kind)?;
    let asked = request.param("resourceVersion").and_then(|rv| rv.parse::<u64>().ok()).unwrap_or(0);
    if asked > store.resource_version() {
        return Err(too_new(asked, store.resource_version()));
    }
    let limit =
        request.param("limit").and_then(|limit| limit.parse::<usize>().ok()).filter(|limit| *limit > 0);
    let start = match request.param("continue") {
        Some(token) => after(token, &kind)
            .ok_or_else(|| ApiError::bad_request("continue key is not valid: encoded continue token"))?,
        None => kind.key(namespace.unwrap_or(""), ""),
    };
    let mut found: Vec<(&ResourceKey, &Arc<Value>)> = store
        .entries_from(start, kind.stored_group(), &kind.kind, namespace)
        .filter(|(_, object)| filter.matches(object))
        .take(limit.map_or(usize::MAX, |limit| limit + 1))
        .collect();
    let mut metadata = json!({"resourceVersion": store.resource_version().to_string()});
    if let Some(limit) = limit
        && found.len() > limit
    {
        found.truncate(limit);
        if let Some((last, _)) = found.last() {
            metadata["continue"] = Value::String(format!("{}/{}", last.namespace, last.name));
        }
    }
    let body = View::of(request).list(&kind, found.iter().map(|(_, object)| &***object), metadata, now);
    Ok(Response::json(200, body))
}

/// The key after the one a continue token names.
fn after(token: &str, kind: &Served) -> Option<ResourceKey> {
    let (namespace, name) = token.split_once('/')?;
    Some(kind.key(namespace, &format!("{name}\0")))
}
