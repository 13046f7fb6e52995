//! Writing objects as the API server does: shape, defaults, validation, admission, owners of fields, then the store.

use std::sync::Arc;

use backstay_object::{ResourceKey, Timestamp, at, name, remove_at, set_at, text_at, uid};
use serde_json::Value;

use super::apply::{Writer, record_update};
use super::decode::{Strictness, decode};
use super::defaults::apply_defaults;
use super::kinds::{Served, of_object};
use super::{admission, convert, validate};
use crate::json::json;
use crate::store::{ApiError, DeleteOptions, Deleted, Store};

/// Creates an object the way a controller's request would: with defaults, validation, limits and quota, but without
/// an entry in `managedFields`. The namespace is the object's own.
///
/// # Errors
/// What the API server answers when it refuses.
pub fn create_object(store: &mut Store, object: Value, now: Timestamp) -> Result<Arc<Value>, ApiError> {
    let kind = of_object(store, &object).ok_or_else(unknown_resource)?;
    let (object, _, wrong) = decode(&kind, &object, Strictness::Ignore)?;
    refuse_fields(&kind, &object, &wrong)?;
    let namespace = backstay_object::namespace(&object).to_owned();
    let prepared = prepare_new(store, &kind, &namespace, object, None, now)?;
    store.create(prepared, now)
}

/// Changes an object the way a controller's request would; see [`create_object`]. The closure's changes of status are
/// kept.
///
/// # Errors
/// What the API server answers when it refuses.
pub fn update_object(
    store: &mut Store,
    key: &ResourceKey,
    now: Timestamp,
    change: impl FnOnce(&mut Value),
) -> Result<Arc<Value>, ApiError> {
    let old = store.get(key).cloned().ok_or_else(|| store.not_found(key))?;
    let mut new = Value::clone(&old);
    change(&mut new);
    let kind = of_object(store, &old).ok_or_else(unknown_resource)?;
    apply_defaults(&kind, &mut new);
    validate::validate(&kind, &new, Some(&old))?;
    store.replace(key, new, now)
}

/// 404 without an object.
pub(super) fn unknown_resource() -> ApiError {
    ApiError::new(404, "NotFound", "the server could not find the requested resource")
}

/// 422 for custom resources whose fields have the wrong type.
pub(super) fn refuse_fields(
    kind: &Served,
    object: &Value,
    wrong: &[validate::FieldError],
) -> Result<(), ApiError> {
    match validate::invalid(kind, name(object), wrong) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// A new object, ready to be stored, except that nothing is stored yet.
pub(super) fn prepare_new(
    store: &Store,
    kind: &Served,
    namespace: &str,
    mut object: Value,
    writer: Option<&Writer>,
    now: Timestamp,
) -> Result<Value, ApiError> {
    admission::check_namespace(store, kind, namespace, name(&object))?;
    if kind.namespaced {
        set_at(&mut object, &["metadata", "namespace"], json!(namespace));
    } else {
        remove_at(&mut object, &["metadata", "namespace"]);
    }
    if let Some(writer) = writer
        && at(&object, &["metadata", "managedFields"]).is_some()
        && writer.subresource.is_empty()
    {
        // What somebody else owned elsewhere says nothing here; apply has already written its own entry.
        keep_own_entries(&mut object, writer);
    }
    if kind.has_status && kind.kind != "Node" {
        remove_at(&mut object, &["status"]);
    }
    convert::to_stored(kind, &mut object);
    let mut object = store.preview_create(object, now)?;
    apply_defaults(kind, &mut object);
    admission::mutate(store, kind, &mut object)?;
    if kind.kind == "Job" && kind.group == "batch" {
        own_job_pods(&mut object);
    }
    validate::validate(kind, &object, None)?;
    if kind.kind == "Service" && kind.group.is_empty() {
        admission::allocate_service(store, kind, &mut object, None)?;
    }
    admission::check(store, kind, &object)?;
    if let Some(writer) = writer
        && at(&object, &["metadata", "managedFields"]).is_none()
    {
        record_update(kind.place(), None, &mut object, writer);
    }
    Ok(object)
}

fn keep_own_entries(object: &mut Value, writer: &Writer) {
    if let Some(Value::Array(entries)) = backstay_object::at_mut(object, &["metadata", "managedFields"]) {
        entries.retain(|entry| {
            text_at(entry, &["manager"]) == Some(&writer.manager)
                && text_at(entry, &["operation"]) == Some("Apply")
        });
        if entries.is_empty() {
            remove_at(object, &["metadata", "managedFields"]);
        }
    }
}

/// A Job selects its pods by its own uid (Kubernetes `pkg/registry/batch/job` `generateSelector`).
fn own_job_pods(job: &mut Value) {
    if backstay_object::bool_at(job, &["spec", "manualSelector"]) == Some(true) {
        return;
    }
    let (own_uid, own_name) = (uid(job).to_owned(), name(job).to_owned());
    for (label, value) in [
        ("controller-uid", &own_uid),
        ("batch.kubernetes.io/controller-uid", &own_uid),
        ("job-name", &own_name),
        ("batch.kubernetes.io/job-name", &own_name),
    ] {
        set_at(job, &["spec", "template", "metadata", "labels", label], json!(value));
    }
    set_at(
        job,
        &["spec", "selector"],
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": own_uid}}),
    );
}

/// What part of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All but the status.
    Main,
    /// The status alone.
    Status,
}

/// A changed object, ready to be stored. `recorded` means that `managedFields` are already right (apply).
pub(super) fn prepare_change(
    store: &Store,
    kind: &Served,
    old: &Value,
    mut new: Value,
    part: Part,
    writer: &Writer,
    recorded: bool,
) -> Result<Value, ApiError> {
    check_versions(kind, old, &new)?;
    convert::to_stored(kind, &mut new);
    let managed = at(&new, &["metadata", "managedFields"]).cloned();
    match part {
        Part::Status => {
            let status = new.get_mut("status").map(Value::take);
            let mut whole = old.clone();
            match status {
                Some(status) => set_at(&mut whole, &["status"], status),
                None => {
                    remove_at(&mut whole, &["status"]);
                }
            }
            if let Some(managed) = managed.filter(|_| recorded) {
                set_at(&mut whole, &["metadata", "managedFields"], managed);
            }
            new = whole;
        }
        Part::Main if kind.has_status => match old.get("status").cloned() {
            Some(status) => set_at(&mut new, &["status"], status),
            None => {
                remove_at(&mut new, &["status"]);
            }
        },
        Part::Main => {}
    }
    let service = kind.kind == "Service" && kind.group.is_empty() && part == Part::Main;
    if service {
        admission::carry_over_service(old, &mut new);
    }
    apply_defaults(kind, &mut new);
    if part == Part::Main {
        validate::validate(kind, &new, Some(old))?;
        if service {
            admission::allocate_service(store, kind, &mut new, Some(old))?;
        }
    }
    if !recorded {
        record_update(kind.place(), Some(old), &mut new, writer);
    }
    Ok(store.preview_replace(old, new))
}

fn check_versions(kind: &Served, old: &Value, new: &Value) -> Result<(), ApiError> {
    let given = text_at(new, &["metadata", "resourceVersion"]).filter(|version| !version.is_empty());
    if given.is_some() && given != text_at(old, &["metadata", "resourceVersion"]) {
        return Err(ApiError::stale(&kind.group, &kind.plural, name(old)));
    }
    if let Some(wanted) =
        text_at(new, &["metadata", "uid"]).filter(|wanted| !wanted.is_empty() && *wanted != uid(old))
    {
        let why =
            format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {}", uid(old));
        return Err(ApiError::conflict(&kind.group, &kind.plural, name(old), &why));
    }
    Ok(())
}

/// Stores a prepared change.
pub(super) fn commit_change(
    store: &mut Store,
    key: &ResourceKey,
    prepared: Value,
    dry_run: bool,
    now: Timestamp,
) -> Result<Arc<Value>, ApiError> {
    if dry_run { Ok(Arc::new(prepared)) } else { store.replace(key, prepared, now) }
}

/// Deletes, or only checks that it would be possible.
pub(super) fn delete(
    store: &mut Store,
    kind: &Served,
    key: &ResourceKey,
    options: &DeleteOptions,
    dry_run: bool,
    now: Timestamp,
) -> Result<Deleted, ApiError> {
    let stored = store.get(key).cloned().ok_or_else(|| kind.not_found(&key.name))?;
    if dry_run {
        store.check_preconditions(key, &stored, options)?;
        return Ok(Deleted::Gone(stored));
    }
    let result = store.delete(key, options, now)?;
    store.collect_garbage(now);
    Ok(result)
}
