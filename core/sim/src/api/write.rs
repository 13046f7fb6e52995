//! Server-side apply and DELETE of one object, and what all changes have in common.

use backstay_object::{ResourceKey, Timestamp, at, name, remove_at, set_at, text_at, uid};
use serde_json::Value;

use super::apply::{Writer, apply};
use super::convert;
use super::decode::{Strictness, decode};
use super::defaults::apply_defaults;
use super::http::View;
use super::kinds::Served;
use super::objects::{self, Part, commit_change, prepare_change, prepare_new};
use super::request::{Request, Response};
use crate::json::json;
use crate::store::{ApiError, DeleteOptions, Deleted, Propagation, Store};

/// One write request, resolved.
#[derive(Debug)]
pub(super) struct Write<'r> {
    pub(super) kind: Served,
    pub(super) namespace: String,
    pub(super) request: &'r Request,
    pub(super) part: Part,
    pub(super) now: Timestamp,
}

impl Write<'_> {
    pub(super) fn writer(&self) -> Writer {
        Writer {
            manager: self.request.field_manager(),
            api_version: self.kind.api_version(),
            subresource: if self.part == Part::Status { "status" } else { "" },
            now: self.now,
        }
    }

    fn strictness(&self) -> Strictness {
        Strictness::of(self.request.param("fieldValidation"))
    }

    pub(super) fn answer(&self, status: u16, object: &Value, warnings: Vec<String>) -> Response {
        let mut response = Response::json(status, View::of(self.request).one(&self.kind, object, self.now));
        response.warnings = warnings;
        response
    }

    /// Reads and checks a whole object from a body.
    pub(super) fn read(&self, body: &Value) -> Result<(Value, Vec<String>), ApiError> {
        let (object, warnings, wrong) = self.decode(body)?;
        objects::refuse_fields(&self.kind, &object, &wrong)?;
        Ok((object, warnings))
    }

    fn decode(
        &self,
        body: &Value,
    ) -> Result<(Value, Vec<String>, Vec<super::validate::FieldError>), ApiError> {
        let kind = &self.kind;
        let mut body = body.clone();
        if !body.is_object() {
            return Err(ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)",
                kind.kind
            )));
        }
        let given_kind = text_at(&body, &["kind"]).unwrap_or(&kind.kind).to_owned();
        let given_version = text_at(&body, &["apiVersion"]).map_or_else(|| kind.api_version(), str::to_owned);
        if given_kind != kind.kind {
            return Err(ApiError::bad_request(format!(
                "{given_kind} in version \"{}\" cannot be handled as a {}: converting (v1.{given_kind}) to (core.{}): unknown conversion",
                kind.version, kind.kind, kind.kind
            )));
        }
        if given_version != kind.api_version() {
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({given_version}) does not match the expected API version ({})",
                kind.api_version()
            )));
        }
        set_at(&mut body, &["kind"], Value::String(given_kind));
        set_at(&mut body, &["apiVersion"], Value::String(given_version));
        let (object, warnings, wrong) = decode(kind, &body, self.strictness())?;
        let namespace = text_at(&object, &["metadata", "namespace"]).unwrap_or("");
        if kind.namespaced && !namespace.is_empty() && namespace != self.namespace {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        Ok((object, warnings, wrong))
    }

    pub(super) fn check_name(&self, object: &mut Value, wanted: &str) -> Result<(), ApiError> {
        let given = name(object).to_owned();
        if given.is_empty() {
            set_at(object, &["metadata", "name"], json!(wanted));
        } else if given != wanted {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({given}) does not match the name on the URL ({wanted})"
            )));
        }
        Ok(())
    }
}

/// PATCH with an applied configuration.
pub(super) fn server_side_apply(
    store: &mut Store,
    write: &Write<'_>,
    key: &ResourceKey,
) -> Result<Response, ApiError> {
    let body = write.request.json().map_err(|_| {
        ApiError::bad_request("error decoding YAML: the sandbox takes applied configurations as JSON only")
    })?;
    if write.request.param("fieldManager").is_none() {
        let mut error = ApiError::new(
            422,
            "Invalid",
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        );
        error.details.kind = "PatchOptions".to_owned();
        return Err(error);
    }
    if at(&body, &["metadata", "managedFields"])
        .is_some_and(|list| list.as_array().is_some_and(|l| !l.is_empty()))
    {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let (mut object, warnings) = write.read(&body)?;
    write.check_name(&mut object, &key.name)?;
    let writer = write.writer();
    let kind = &write.kind;
    match write.part {
        Part::Main if kind.has_status => {
            remove_at(&mut object, &["status"]);
        }
        Part::Main => {}
        Part::Status => {
            remove_at(&mut object, &["spec"]);
            for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
                remove_at(&mut object, &["metadata", field]);
            }
        }
    }
    let live = store.get(key).cloned();
    let Some(live) = live else {
        if write.part == Part::Status {
            return Err(kind.not_found(&key.name));
        }
        if at(&object, &["metadata", "resourceVersion"]).is_some() {
            return Err(ApiError::stale(&kind.group, &kind.plural, &key.name));
        }
        let applied = apply(kind.place(), None, &object, &writer, false, |_| {})?;
        let prepared = prepare_new(store, kind, &write.namespace, applied, Some(&writer), write.now)?;
        if write.request.dry_run() {
            return Ok(write.answer(201, &prepared, warnings));
        }
        let stored = store.create(prepared, write.now)?;
        store.collect_garbage(write.now);
        return Ok(write.answer(201, &stored, warnings));
    };
    let served = convert::to_served(kind, &live);
    let merged =
        apply(kind.place(), Some(&served), &object, &writer, write.request.flag("force"), |merged| {
            if kind.kind == "Service" && kind.group.is_empty() {
                super::admission::carry_over_service(&served, merged);
            }
            apply_defaults(kind, merged);
        })?;
    let prepared = prepare_change(store, kind, &live, merged, write.part, &writer, true)?;
    let stored = commit_change(store, key, prepared, write.request.dry_run(), write.now)?;
    store.collect_garbage(write.now);
    Ok(write.answer(200, &stored, warnings))
}

/// Kinds of which the deleted object is answered rather than a Status.
const RETURNED: [&str; 7] = [
    "Pod",
    "Service",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "ServiceAccount",
    "ResourceQuota",
    "PodTemplate",
];

/// DELETE of one object.
pub(super) fn delete(store: &mut Store, write: &Write<'_>, key: &ResourceKey) -> Result<Response, ApiError> {
    let options = delete_options(write.request)?;
    let dry_run = write.request.dry_run() || body_dry_run(write.request);
    let deleted = objects::delete(store, &write.kind, key, &options, dry_run, write.now)?;
    match deleted {
        Deleted::Gone(object) if !RETURNED.contains(&write.kind.kind.as_str()) => Ok(Response::json(
            200,
            json!({
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {
                    "name": key.name, "group": write.kind.group, "kind": write.kind.plural, "uid": uid(&object),
                },
            }),
        )),
        Deleted::Gone(object) | Deleted::Terminating(object) => Ok(write.answer(200, &object, Vec::new())),
    }
}

pub(super) fn body_dry_run(request: &Request) -> bool {
    request.json().is_ok_and(|body| !backstay_object::list_at(&body, &["dryRun"]).is_empty())
}

/// `DeleteOptions` from the body, then the query.
pub(super) fn delete_options(request: &Request) -> Result<DeleteOptions, ApiError> {
    let body = request.json()?;
    let propagation = text_at(&body, &["propagationPolicy"])
        .or_else(|| request.param("propagationPolicy"))
        .map(|policy| match policy {
            "Background" => Ok(Propagation::Background),
            "Foreground" => Ok(Propagation::Foreground),
            "Orphan" => Ok(Propagation::Orphan),
            other => Err(ApiError::new(
                422,
                "Invalid",
                format!("DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: supported values: \"Background\", \"Foreground\", \"Orphan\", \"nil\""),
            )),
        })
        .transpose()?;
    let orphan = backstay_object::bool_at(&body, &["orphanDependents"]);
    let grace_period = backstay_object::int_at(&body, &["gracePeriodSeconds"])
        .and_then(|seconds| u64::try_from(seconds).ok())
        .or_else(|| request.param("gracePeriodSeconds").and_then(|seconds| seconds.parse().ok()));
    Ok(DeleteOptions {
        propagation: propagation.or(match orphan {
            Some(true) => Some(Propagation::Orphan),
            Some(false) => Some(Propagation::Background),
            None => None,
        }),
        grace_period,
        uid: text_at(&body, &["preconditions", "uid"]).map(str::to_owned),
        resource_version: text_at(&body, &["preconditions", "resourceVersion"]).map(str::to_owned),
    })
}
