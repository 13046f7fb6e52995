//! What is decided between validation and the store: namespaces, limits, quota, addresses and ports.

mod limits;
mod quota;
mod services;

use backstay_object::{bool_at, is_deleting, set_at, text_at};
use serde_json::Value;

use super::kinds::Served;
use crate::json::json;
use crate::store::{ApiError, Cause, Store};

pub(crate) use quota::used as quota_used;
pub(super) use services::{allocate as allocate_service, carry_over as carry_over_service};

/// A namespaced object needs a namespace that is there to stay.
pub(super) fn check_namespace(
    store: &Store,
    kind: &Served,
    namespace: &str,
    object_name: &str,
) -> Result<(), ApiError> {
    if !kind.namespaced {
        return Ok(());
    }
    let Some(found) = store.find("", "Namespace", "", namespace) else {
        return Err(ApiError::not_found("", "namespaces", namespace));
    };
    if is_deleting(found) {
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = ApiError::forbidden(&kind.group, &kind.plural, object_name, &why);
        error.details.causes.push(Cause {
            reason: "NamespaceTerminating".to_owned(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".to_owned(),
        });
        return Err(error);
    }
    Ok(())
}

/// What admission changes in a new object, before validation.
pub(super) fn mutate(store: &Store, kind: &Served, object: &mut Value) -> Result<(), ApiError> {
    match (kind.stored_group(), kind.kind.as_str()) {
        ("", "Pod") => {
            set_priority(store, object)?;
            limits::fill_in(store, object);
        }
        ("", "PersistentVolumeClaim") => default_storage_class(store, object),
        _ => {}
    }
    Ok(())
}

/// What admission refuses, after validation.
pub(super) fn check(store: &Store, kind: &Served, object: &Value) -> Result<(), ApiError> {
    limits::check(store, kind, object)?;
    quota::check(store, kind, object)
}

fn set_priority(store: &Store, pod: &mut Value) -> Result<(), ApiError> {
    let Some(class) = text_at(pod, &["spec", "priorityClassName"]).filter(|class| !class.is_empty()) else {
        let default = store
            .list("scheduling.k8s.io", "PriorityClass", None)
            .find(|class| bool_at(class, &["globalDefault"]) == Some(true));
        if let Some(class) = default {
            set_at(pod, &["spec", "priorityClassName"], json!(backstay_object::name(class)));
            set_at(pod, &["spec", "priority"], class["value"].clone());
        }
        return Ok(());
    };
    let value = match (class, store.find("scheduling.k8s.io", "PriorityClass", "", class)) {
        (_, Some(found)) => found["value"].clone(),
        ("system-cluster-critical", None) => json!(2_000_000_000),
        ("system-node-critical", None) => json!(2_000_001_000),
        (class, None) => {
            let why = format!("no PriorityClass with name {class} was found");
            return Err(ApiError::forbidden("", "pods", backstay_object::name(pod), &why));
        }
    };
    set_at(pod, &["spec", "priority"], value);
    Ok(())
}

fn default_storage_class(store: &Store, claim: &mut Value) {
    if claim["spec"].get("storageClassName").is_some() {
        return;
    }
    let default = store.list("storage.k8s.io", "StorageClass", None).find(|class| {
        backstay_object::annotation(class, "storageclass.kubernetes.io/is-default-class") == Some("true")
    });
    if let Some(class) = default {
        set_at(claim, &["spec", "storageClassName"], json!(backstay_object::name(class)));
    }
}
