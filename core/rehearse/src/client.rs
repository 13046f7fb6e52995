//! A client of the model's API: the few requests a rollout needs, with their answers as values.

use std::collections::BTreeSet;
use std::time::Duration;

use backstay_object::{ResourceKey, Timestamp, kind_info, set_at, text_at};
use backstay_plan::WatchScope;
use backstay_sim::Cluster;
use backstay_sim::api::{Body, Request, WatchCursor, poll_watch};
use serde_json::{Value, json};

/// The manager of our fields; Helm's own name, so that either tool goes on where the other stopped.
const FIELD_MANAGER: &str = "helm";

/// An answer that is no success: the HTTP status and the `Status` object.
pub(crate) type Refusal = (u16, Value);

fn send(
    cluster: &mut Cluster,
    method: &str,
    path: String,
    query: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<Value, Refusal> {
    let content_type = if method == "PATCH" { "application/apply-patch+yaml" } else { "application/json" };
    let request = Request {
        method: method.to_owned(),
        path,
        query: query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        content_type: content_type.to_owned(),
        user_agent: format!("{FIELD_MANAGER}/rehearsal"),
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        ..Request::default()
    };
    let response = cluster.handle(&request);
    let value = match response.body {
        Body::Json(value) => value,
        Body::Text(text) => Value::String(text),
        Body::Watch(_) => Value::Null,
    };
    if (200..300).contains(&response.status) { Ok(value) } else { Err((response.status, value)) }
}

/// The path of an object, or of all objects of its kind when the name is empty.
fn path(key: &ResourceKey) -> String {
    let plural = kind_info(&key.group, &key.kind)
        .map_or_else(|| format!("{}s", key.kind.to_ascii_lowercase()), |info| info.plural.to_owned());
    let root = if key.group.is_empty() {
        format!("/api/{}", key.version)
    } else {
        format!("/apis/{}", key.api_version())
    };
    let space =
        if key.namespace.is_empty() { String::new() } else { format!("/namespaces/{}", key.namespace) };
    let name = if key.name.is_empty() { String::new() } else { format!("/{}", key.name) };
    format!("{root}{space}/{plural}{name}")
}

pub(crate) fn get(cluster: &mut Cluster, key: &ResourceKey) -> Result<Option<Value>, Refusal> {
    match send(cluster, "GET", path(key), &[], None) {
        Ok(object) => Ok(Some(object)),
        Err((404, _)) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

pub(crate) fn apply(
    cluster: &mut Cluster,
    key: &ResourceKey,
    object: &Value,
    force: bool,
    dry_run: bool,
) -> Result<Value, Refusal> {
    let mut query = vec![("fieldManager", FIELD_MANAGER)];
    if force {
        query.push(("force", "true"));
    }
    if dry_run {
        query.push(("dryRun", "All"));
    }
    let mut object = object.clone();
    if !key.namespace.is_empty() {
        set_at(&mut object, &["metadata", "namespace"], json!(key.namespace));
    }
    send(cluster, "PATCH", path(key), &query, Some(&object))
}

/// Begins a deletion; one that is not there is fine.
pub(crate) fn delete(
    cluster: &mut Cluster,
    key: &ResourceKey,
    uid: Option<&str>,
    propagation: &str,
) -> Result<(), Refusal> {
    let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation});
    if let Some(uid) = uid {
        set_at(&mut options, &["preconditions", "uid"], json!(uid));
    }
    match send(cluster, "DELETE", path(key), &[], Some(&options)) {
        Ok(_) | Err((404 | 409, _)) => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

/// A watch on one kind.
#[derive(Debug)]
pub(crate) struct Watch {
    scope: WatchScope,
    cursor: Option<WatchCursor>,
    /// What was shown and is not known to be gone.
    known: BTreeSet<ResourceKey>,
}

/// What a watch or a list showed: the object, and whether it is gone.
pub(crate) type Seen = (Value, bool);

impl Watch {
    pub(crate) fn new(scope: WatchScope) -> Self {
        Self { scope, cursor: None, known: BTreeSet::new() }
    }

    /// What happened since the last call; the first call lists. A kind the server does not know shows nothing.
    pub(crate) fn poll(&mut self, cluster: &mut Cluster) -> Vec<Seen> {
        let Some(cursor) = &mut self.cursor else { return self.list(cluster) };
        let now = cluster.now();
        let events = poll_watch(cluster.store(), cursor, now);
        if cursor.ended() {
            self.cursor = None;
            return self.list(cluster);
        }
        let seen: Vec<Seen> = events
            .into_iter()
            .filter_map(|mut event| {
                let kind = text_at(&event, &["type"])?.to_owned();
                (kind != "BOOKMARK").then(|| (event["object"].take(), kind == "DELETED"))
            })
            .collect();
        for (object, deleted) in &seen {
            let Some(key) = ResourceKey::of(object) else { continue };
            if *deleted {
                self.known.remove(&key);
            } else {
                self.known.insert(key);
            }
        }
        seen
    }

    /// Ends the watch, so that the next look lists.
    pub(crate) fn forget(&mut self) {
        self.cursor = None;
    }

    /// Everything there is now, bypassing the watch.
    pub(crate) fn list(&mut self, cluster: &mut Cluster) -> Vec<Seen> {
        let all = ResourceKey::new(&self.scope.api_version, &self.scope.kind, &self.scope.namespace, "");
        let Ok(list) = send(cluster, "GET", path(&all), &[], None) else { return Vec::new() };
        let version = text_at(&list, &["metadata", "resourceVersion"]).unwrap_or("").to_owned();
        if self.cursor.is_none() {
            let request = Request {
                method: "GET".to_owned(),
                path: path(&all),
                query: vec![("watch".to_owned(), "true".to_owned()), ("resourceVersion".to_owned(), version)],
                ..Request::default()
            };
            if let Body::Watch(spec) = cluster.handle(&request).body {
                self.cursor = Some(WatchCursor::new(*spec));
            }
        }
        let mut list = list;
        let mut seen: Vec<Seen> = Vec::new();
        let mut gone = std::mem::take(&mut self.known);
        for mut item in list["items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
            // Items of a list carry no type of their own.
            set_at(&mut item, &["apiVersion"], json!(self.scope.api_version));
            set_at(&mut item, &["kind"], json!(self.scope.kind));
            if let Some(key) = ResourceKey::of(&item) {
                gone.remove(&key);
                self.known.insert(key);
            }
            seen.push((item, false));
        }
        // What went while nobody watched.
        seen.extend(gone.into_iter().map(|key| (bare(&key), true)));
        seen
    }
}

/// As much of an object as its key says.
fn bare(key: &ResourceKey) -> Value {
    json!({
        "apiVersion": key.api_version(), "kind": key.kind,
        "metadata": {"name": key.name, "namespace": key.namespace}
    })
}

/// How long a deletion is looked at again after.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(300);

/// The earliest of two times.
pub(crate) fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
