//! What stands for the module `http` in a build without that feature: whole objects, lists and watches of a kind,
//! server-side apply. Everything else is refused.

use backstay_object::{ResourceKey, Timestamp};
use serde_json::Value;

use super::kinds::Served;
use super::request::{Request, Response};
use super::write::{Write, server_side_apply};
use super::{convert, not_allowed, view};
use crate::store::{ApiError, Store};

pub(super) fn document(_store: &Store, _request: &Request, _segments: &[&str]) -> Option<Response> {
    None
}

pub(super) fn body(_bytes: &[u8]) -> Option<Result<Value, ApiError>> {
    None
}

pub(super) fn review(
    _request: &Request,
    _group: &str,
    _resource: &str,
) -> Option<Result<Response, ApiError>> {
    None
}

pub(super) fn subresource(
    _store: &mut Store,
    _write: &Write<'_>,
    _key: &ResourceKey,
    _subresource: &str,
) -> Result<Response, ApiError> {
    Err(super::objects::unknown_resource())
}

pub(super) fn change_many(_store: &mut Store, _write: &Write<'_>) -> Result<Response, ApiError> {
    Err(not_allowed())
}

pub(super) fn change_one(
    store: &mut Store,
    write: &Write<'_>,
    key: &ResourceKey,
) -> Result<Response, ApiError> {
    if write.request.method == "PATCH" && write.request.is_apply() {
        server_side_apply(store, write, key)
    } else {
        Err(not_allowed())
    }
}

/// Selectors; there are none here.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter;

impl Filter {
    pub(super) fn of(request: &Request, _kind: &Served) -> Result<Self, ApiError> {
        match request.param("labelSelector").or_else(|| request.param("fieldSelector")) {
            Some(_) => Err(ApiError::bad_request("selectors are left out of this build")),
            None => Ok(Self),
        }
    }

    pub(super) fn matches(&self, _object: &Value) -> bool {
        true
    }
}

/// How objects are shown: whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct View;

impl View {
    pub(super) fn of(_request: &Request) -> Self {
        Self
    }

    pub(super) fn one(self, kind: &Served, object: &Value, _now: Timestamp) -> Value {
        convert::to_served(kind, object)
    }

    pub(super) fn list<'o>(
        self,
        kind: &Served,
        objects: impl Iterator<Item = &'o Value>,
        metadata: Value,
        _now: Timestamp,
    ) -> Value {
        view::list_of(kind, objects, metadata)
    }

    pub(super) fn bookmark(self, kind: &Served, store: &Store, initial_end: bool) -> Value {
        view::bookmark(kind, store, initial_end)
    }
}
