//! The API server of the model cluster, as a plain function over the store.
//!
//! [`handle`] answers one request. Watches answer with a [`WatchSpec`]; the host makes a [`WatchCursor`] of it and asks
//! [`poll_watch`] for events whenever the store may have changed. Controllers write through [`create_object`] and
//! [`update_object`] or, where neither defaults nor checks matter (status), through the store itself.

mod admission;
mod apply;
mod convert;
mod decode;
mod defaults;
#[cfg(feature = "http")]
mod http;
mod kinds;
mod objects;
#[cfg(not(feature = "http"))]
mod plain;
mod read;
mod request;
mod schema;
mod validate;
mod view;
mod watch;
mod write;

use backstay_object::Timestamp;

pub(crate) use admission::quota_used;
pub use objects::{create_object, update_object};
pub use request::{Body, Request, Response};
pub use watch::{WatchCursor, WatchSpec, poll_watch};

use kinds::Served;
use objects::{Part, unknown_resource};
#[cfg(not(feature = "http"))]
use plain as http;
use write::Write;

use crate::store::{ApiError, Store};

/// The Kubernetes version the model says it is: the one its behaviour was checked against.
pub const KUBERNETES_VERSION: &str = "v1.36.3";

/// Answers one request at a point in virtual time.
pub fn handle(store: &mut Store, request: &Request, now: Timestamp) -> Response {
    let segments: Vec<&str> = request.path.split('/').filter(|segment| !segment.is_empty()).collect();
    if let Some(response) = http::document(store, request, &segments) {
        return response;
    }
    let (group, version, rest) = match segments.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Response::page_not_found(),
    };
    match route(store, request, group, version, rest, now) {
        Ok(response) => response,
        Err(error) => Response::error(&error),
    }
}

/// A path below a group version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Target<'p> {
    namespace: Option<&'p str>,
    resource: &'p str,
    name: Option<&'p str>,
    subresource: Option<&'p str>,
}

impl<'p> Target<'p> {
    fn parse(rest: &[&'p str]) -> Option<Self> {
        let target = |namespace, parts: &[&'p str]| {
            Some(Self {
                namespace,
                resource: parts.first()?,
                name: parts.get(1).copied(),
                subresource: parts.get(2).copied(),
            })
        };
        match rest {
            // Namespaces themselves look like the prefix of what is in them.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => target(None, rest),
            ["namespaces", namespace, parts @ ..] if parts.len() <= 3 => target(Some(*namespace), parts),
            parts if parts.len() <= 3 => target(None, parts),
            _ => None,
        }
    }
}

fn route(
    store: &mut Store,
    request: &Request,
    group: &str,
    version: &str,
    rest: &[&str],
    now: Timestamp,
) -> Result<Response, ApiError> {
    let target = Target::parse(rest).ok_or_else(unknown_resource)?;
    if request.method == "POST"
        && let Some(answer) = http::review(request, group, target.resource)
    {
        return answer;
    }
    let Some(kind) = kinds::find(store, group, version, target.resource) else {
        // A group that is not served at all has no API server behind it: plain text.
        let served = kinds::served(store).iter().any(|kind| kind.group == group && kind.version == version);
        return if served { Err(unknown_resource()) } else { Ok(Response::page_not_found()) };
    };
    if target.namespace.is_some() && !kind.namespaced {
        return Err(unknown_resource());
    }
    match target.name {
        None => collection(store, request, kind, target, now),
        Some(name) => one(store, request, kind, target, name, now),
    }
}

fn not_allowed() -> ApiError {
    ApiError::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
}

fn write_of<'r>(
    request: &'r Request,
    kind: Served,
    target: Target<'_>,
    part: Part,
    now: Timestamp,
) -> Write<'r> {
    Write { kind, namespace: target.namespace.unwrap_or("").to_owned(), request, part, now }
}

fn collection(
    store: &mut Store,
    request: &Request,
    kind: Served,
    target: Target<'_>,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let whole = kind.namespaced && target.namespace.is_none();
    match request.method.as_str() {
        "GET" => read::list(store, kind, target.namespace, request, now),
        _ if whole => Err(not_allowed()),
        _ => http::change_many(store, &write_of(request, kind, target, Part::Main, now)),
    }
}

fn one(
    store: &mut Store,
    request: &Request,
    kind: Served,
    target: Target<'_>,
    name: &str,
    now: Timestamp,
) -> Result<Response, ApiError> {
    if kind.namespaced && target.namespace.is_none() {
        return Err(unknown_resource());
    }
    let key = kind.key(target.namespace.unwrap_or(""), name);
    let part = match target.subresource {
        None => Part::Main,
        Some("status") if kind.has_status => Part::Status,
        Some(subresource) => {
            let write = write_of(request, kind, target, Part::Main, now);
            return http::subresource(store, &write, &key, subresource);
        }
    };
    match request.method.as_str() {
        "GET" => read::get(store, &kind, &key, request, now),
        "DELETE" if part == Part::Main => {
            write::delete(store, &write_of(request, kind, target, part, now), &key)
        }
        _ => http::change_one(store, &write_of(request, kind, target, part, now), &key),
    }
}
