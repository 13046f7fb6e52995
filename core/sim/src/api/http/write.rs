//! POST, PUT, PATCH with a patch, and DELETE of a collection.

use backstay_object::{ResourceKey, at, remove_at};
use serde_json::{Value, json};

use super::patch::{json_patch, merge_patch, strategic_merge};
use super::selector::Filter;
use super::view::View;
use crate::api::convert;
use crate::api::objects::{self, commit_change, prepare_change, prepare_new};
use crate::api::request::Response;
use crate::api::write::{Write, body_dry_run, delete_options};
use crate::store::{ApiError, Store};

/// POST to a collection.
pub(super) fn create(store: &mut Store, write: &Write<'_>) -> Result<Response, ApiError> {
    let (mut object, warnings) = write.read(&write.request.json()?)?;
    if at(&object, &["metadata", "resourceVersion"]).is_some_and(|version| version != "") {
        return Err(ApiError::new(500, "", "resourceVersion should not be set on objects to be created"));
    }
    remove_at(&mut object, &["metadata", "managedFields"]);
    let prepared =
        prepare_new(store, &write.kind, &write.namespace, object, Some(&write.writer()), write.now)?;
    if write.request.dry_run() {
        return Ok(write.answer(201, &prepared, warnings));
    }
    let stored = store.create(prepared, write.now)?;
    store.collect_garbage(write.now);
    Ok(write.answer(201, &stored, warnings))
}

/// PUT.
pub(super) fn replace(store: &mut Store, write: &Write<'_>, key: &ResourceKey) -> Result<Response, ApiError> {
    let (mut object, warnings) = write.read(&write.request.json()?)?;
    write.check_name(&mut object, &key.name)?;
    let old = store.get(key).cloned().ok_or_else(|| write.kind.not_found(&key.name))?;
    let prepared = prepare_change(store, &write.kind, &old, object, write.part, &write.writer(), false)?;
    let stored = commit_change(store, key, prepared, write.request.dry_run(), write.now)?;
    store.collect_garbage(write.now);
    Ok(write.answer(200, &stored, warnings))
}

/// PATCH with a patch, by the content type.
pub(super) fn patch(store: &mut Store, write: &Write<'_>, key: &ResourceKey) -> Result<Response, ApiError> {
    let content_type = write.request.media_type();
    let known = matches!(content_type, "application/json-patch+json" | "application/merge-patch+json")
        || (content_type == "application/strategic-merge-patch+json" && !write.kind.is_custom());
    if !known {
        return Err(ApiError::new(415, "UnsupportedMediaType", "415: Unsupported Media Type"));
    }
    let old = store.get(key).cloned().ok_or_else(|| write.kind.not_found(&key.name))?;
    let body = write.request.json()?;
    let mut patched = convert::to_served(&write.kind, &old);
    match content_type {
        "application/json-patch+json" => {
            json_patch(&mut patched, &body).ok_or_else(|| {
                ApiError::new(
                    422,
                    "Invalid",
                    "the server rejected our request due to an error in our request",
                )
            })?;
        }
        "application/merge-patch+json" => merge_patch(&mut patched, &body),
        _ => strategic_merge(write.kind.place(), &mut patched, &body),
    }
    let (mut object, warnings) = write.read(&patched)?;
    write.check_name(&mut object, &key.name)?;
    let prepared = prepare_change(store, &write.kind, &old, object, write.part, &write.writer(), false)?;
    let stored = commit_change(store, key, prepared, write.request.dry_run(), write.now)?;
    store.collect_garbage(write.now);
    Ok(write.answer(200, &stored, warnings))
}

/// DELETE of a collection.
pub(super) fn delete_collection(store: &mut Store, write: &Write<'_>) -> Result<Response, ApiError> {
    let filter = Filter::of(write.request, &write.kind)?;
    let options = delete_options(write.request)?;
    let dry_run = write.request.dry_run() || body_dry_run(write.request);
    let namespace = Some(write.namespace.as_str()).filter(|_| write.kind.namespaced);
    let start = write.kind.key(&write.namespace, "");
    let found: Vec<(ResourceKey, Value)> = store
        .entries_from(start, write.kind.stored_group(), &write.kind.kind, namespace)
        .filter(|(_, object)| filter.matches(object))
        .map(|(key, object)| (key.clone(), Value::clone(object)))
        .collect();
    for (key, _) in &found {
        match objects::delete(store, &write.kind, key, &options, dry_run, write.now) {
            Ok(_) => {}
            // Collected with an owner that was deleted a moment ago.
            Err(error) if error.code == 404 => {}
            Err(error) => return Err(error),
        }
    }
    let metadata = json!({"resourceVersion": store.resource_version().to_string()});
    let body = View::of(write.request).list(
        &write.kind,
        found.iter().map(|(_, object)| object),
        metadata,
        write.now,
    );
    Ok(Response::json(200, body))
}
