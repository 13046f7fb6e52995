//! What only a client over HTTP asks for: documents about the API, tables, selectors, patches, subresources, protobuf.
//!
//! A rollout lists, watches, applies and deletes whole objects. A build for that alone, without the feature `http`, has
//! [`super::plain`] in this place, with the same functions.

mod discovery;
mod names;
mod openapi;
mod patch;
mod protobuf;
mod selector;
mod subresource;
mod table;
mod table_pods;
mod view;
mod write;

use backstay_object::ResourceKey;
use serde_json::Value;

pub(super) use selector::Filter;
pub(super) use subresource::{handle as subresource, review};
pub(super) use view::View;

use super::not_allowed;
use super::request::{Request, Response};
use super::write::{Write, server_side_apply};
use crate::store::{ApiError, Store};

/// Paths beside those of objects; `None` for those.
pub(super) fn document(store: &Store, request: &Request, segments: &[&str]) -> Option<Response> {
    discovery::handle(store, request, segments).or_else(|| openapi::handle(store, request, segments))
}

/// A body that is no JSON; `None` for those that are.
pub(super) fn body(bytes: &[u8]) -> Option<Result<Value, ApiError>> {
    protobuf::is_protobuf(bytes).then(|| {
        protobuf::to_json(bytes).map_err(|error| {
            let message = format!("the body of the request was in an unknown format - {error}");
            ApiError::new(415, "UnsupportedMediaType", message)
        })
    })
}

/// Changes of a collection.
pub(super) fn change_many(store: &mut Store, write: &Write<'_>) -> Result<Response, ApiError> {
    match write.request.method.as_str() {
        "POST" => write::create(store, write),
        "DELETE" => write::delete_collection(store, write),
        _ => Err(not_allowed()),
    }
}

/// Changes of one object beside deletion.
pub(super) fn change_one(
    store: &mut Store,
    write: &Write<'_>,
    key: &ResourceKey,
) -> Result<Response, ApiError> {
    match write.request.method.as_str() {
        "PUT" => write::replace(store, write, key),
        "PATCH" if write.request.is_apply() => server_side_apply(store, write, key),
        "PATCH" => write::patch(store, write, key),
        _ => Err(not_allowed()),
    }
}
