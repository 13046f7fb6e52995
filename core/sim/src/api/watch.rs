//! Watches. The host pulls: it calls [`poll_watch`] whenever the store may have changed.

use std::collections::VecDeque;
use std::sync::Arc;

use backstay_object::{Timestamp, set_at};
use serde_json::Value;

use super::http::{Filter, View};
use super::kinds::Served;
use super::request::Request;
use crate::json::json;
use crate::store::{ApiError, Change, ChangeKind, Store};

/// A bookmark is sent when so many changes passed that were not for this watch.
const BOOKMARK_EVERY: u64 = 256;

/// What one watch was asked to show.
#[derive(Clone, Debug)]
pub struct WatchSpec {
    kind: Served,
    namespace: Option<String>,
    filter: Filter,
    view: View,
    bookmarks: bool,
    /// Present state first, then the end-of-initial-events bookmark.
    initial_bookmark: bool,
    initial: VecDeque<Arc<Value>>,
    from: u64,
    /// Seconds after which the server ends the stream, if the client named them.
    pub timeout_seconds: Option<u64>,
}

/// How far one watch has come.
#[derive(Clone, Debug)]
pub struct WatchCursor {
    spec: WatchSpec,
    /// Changes up to here were looked at.
    seen: u64,
    /// The last resourceVersion the client was told about.
    told: u64,
    started: bool,
    ended: bool,
}

impl WatchSpec {
    pub(super) fn new(
        store: &Store,
        kind: Served,
        namespace: Option<String>,
        request: &Request,
    ) -> Result<Self, ApiError> {
        let filter = Filter::of(request, &kind)?;
        let asked = request.param("resourceVersion").unwrap_or("");
        let send_initial = request.param("sendInitialEvents");
        let exact = asked.parse::<u64>().ok().filter(|rv| *rv > 0);
        if exact.is_none() && !asked.is_empty() && asked != "0" {
            return Err(ApiError::bad_request(format!("invalid resource version \"{asked}\": not a number")));
        }
        let current = store.resource_version();
        if let Some(rv) = exact.filter(|rv| *rv > current) {
            return Err(too_new(rv, current));
        }
        let with_initial = match send_initial {
            Some(value) => value == "true",
            None => exact.is_none(),
        };
        let initial = if with_initial {
            store
                .list(kind.stored_group(), &kind.kind, namespace.as_deref())
                .filter(|object| filter.matches(object))
                .cloned()
                .collect()
        } else {
            VecDeque::new()
        };
        Ok(Self {
            view: View::of(request),
            bookmarks: request.flag("allowWatchBookmarks"),
            initial_bookmark: send_initial == Some("true") && request.flag("allowWatchBookmarks"),
            from: if with_initial { current } else { exact.unwrap_or(current) },
            timeout_seconds: request.param("timeoutSeconds").and_then(|seconds| seconds.parse().ok()),
            initial,
            filter,
            namespace,
            kind,
        })
    }

    fn concerns(&self, change: &Change) -> bool {
        change.key.group == self.kind.stored_group()
            && change.key.kind == self.kind.kind
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == change.key.namespace)
    }
}

/// 504 for a resourceVersion that does not exist yet (seen by clients after a sandbox was reset).
pub(super) fn too_new(asked: u64, current: u64) -> ApiError {
    ApiError::new(504, "Timeout", format!("Too large resource version: {asked}, current: {current}"))
}

impl WatchCursor {
    /// The start of a watch.
    #[must_use]
    pub fn new(spec: WatchSpec) -> Self {
        Self { seen: spec.from, told: spec.from, spec, started: false, ended: false }
    }

    /// Whether the stream is over (after an error event): nothing more will come.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Seconds after which the server ends the stream, if the client named them.
    #[must_use]
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.spec.timeout_seconds
    }
}

/// The events since the last call, each one line of the stream: `{"type": …, "object": …}`. A watch from a
/// resourceVersion that is no longer kept gets one ERROR event with code 410 and is over.
pub fn poll_watch(store: &Store, cursor: &mut WatchCursor, now: Timestamp) -> Vec<Value> {
    let mut events = Vec::new();
    if cursor.ended {
        return events;
    }
    let WatchCursor { spec, seen, told, started, ended } = cursor;
    let event = |kind: &str, object: Value| json!({"type": kind, "object": object});
    if !*started {
        *started = true;
        for object in std::mem::take(&mut spec.initial) {
            events.push(event("ADDED", spec.view.one(&spec.kind, &object, now)));
        }
        if spec.initial_bookmark {
            let mut bookmark = spec.view.bookmark(&spec.kind, store, true);
            set_at(&mut bookmark, &["metadata", "resourceVersion"], Value::String(spec.from.to_string()));
            events.push(event("BOOKMARK", bookmark));
        }
    }
    match store.changes_since(*seen) {
        Ok(changes) => {
            for change in changes {
                *seen = change.rv;
                if spec.concerns(change)
                    && let Some((kind, object)) = seen_change(&spec.filter, change)
                {
                    events.push(event(kind, spec.view.one(&spec.kind, &object, now)));
                    *told = change.rv;
                }
            }
            if spec.bookmarks && seen.saturating_sub(*told) >= BOOKMARK_EVERY {
                events.push(event("BOOKMARK", spec.view.bookmark(&spec.kind, store, false)));
                *told = *seen;
            }
        }
        Err(error) => {
            events.push(event("ERROR", error.to_status()));
            *ended = true;
        }
    }
    events
}

/// A change as a watch with a selector sees it: an object may come into view or leave it without being created or
/// deleted.
fn seen_change(filter: &Filter, change: &Change) -> Option<(&'static str, Arc<Value>)> {
    let before = change.previous.as_ref().is_some_and(|object| filter.matches(object));
    let after = change.kind != ChangeKind::Deleted && filter.matches(&change.object);
    match (before, after) {
        (false, true) => Some(("ADDED", change.object.clone())),
        (true, true) => Some(("MODIFIED", change.object.clone())),
        (true, false) if change.kind == ChangeKind::Deleted => Some(("DELETED", change.object.clone())),
        (true, false) => {
            let mut last = Value::clone(change.previous.as_ref()?);
            set_at(&mut last, &["metadata", "resourceVersion"], Value::String(change.rv.to_string()));
            Some(("DELETED", Arc::new(last)))
        }
        (false, false) => None,
    }
}
