//! What an API server's no means.

use alloc::string::{String, ToString};

use backstay_object::{ResourceKey, Timestamp, list_at, text_at};
use serde_json::Value;

use crate::code::CauseCode;
use crate::types::{Cause, Class};

/// Explains a refusal. `http_status` is the response's status; `body` its `Status` object, or a string where the server
/// answered plain text (as it does for an unknown API group). Where several rules fit, the server's words decide before its
/// number: quota, admission and missing rights all come as 403.
#[must_use]
pub fn refusal(object: &ResourceKey, http_status: u16, body: &Value, now: Timestamp) -> Cause {
    let message = message_of(http_status, body);
    let code = code_of(object, http_status, body, &message);
    let class = if is_transient(http_status, body, &message) { Class::Recoverable } else { Class::FatalNow };
    let hint = String::from(code.hint());
    Cause { code, class, object: object.clone(), pod: None, container: None, message, hint, first_seen: now }
}

/// Whether trying the same request again may succeed without anybody changing anything: the server or a webhook is away or
/// overloaded, or somebody wrote the object a moment before.
#[must_use]
pub fn is_transient_refusal(http_status: u16, body: &Value) -> bool {
    is_transient(http_status, body, &message_of(http_status, body))
}

fn is_transient(http_status: u16, body: &Value, message: &str) -> bool {
    if is_webhook_outage(message) {
        return true;
    }
    // A webhook may put any number on its no.
    if is_quota(message) || is_admission(message) {
        return false;
    }
    match http_status {
        // Not implemented: the same the next time.
        501 => false,
        408 | 429 | 500.. => true,
        409 => is_stale_version(body),
        _ => false,
    }
}

/// The order is: what the words say for certain, then what the number says.
fn code_of(object: &ResourceKey, http_status: u16, body: &Value, message: &str) -> CauseCode {
    if is_webhook_outage(message) {
        return CauseCode::WebhookUnreachable;
    }
    if is_quota(message) {
        return CauseCode::QuotaExceeded;
    }
    if is_admission(message) {
        return CauseCode::AdmissionDenied;
    }
    match http_status {
        401 => CauseCode::PermissionDenied,
        403 if message.contains("because it is being terminated") => CauseCode::NamespaceMissing,
        403 if is_missing_right(message) => CauseCode::PermissionDenied,
        // A 403 that is not about rights comes from an admission plugin (LimitRange, PriorityClass, ServiceAccount).
        403 => CauseCode::AdmissionDenied,
        404 => not_found(object, body, message),
        409 => CauseCode::Conflict,
        422 => invalid(message),
        408 | 429 | 500.. => CauseCode::ApiUnreachable,
        _ => CauseCode::ObjectRejected,
    }
}

fn not_found(object: &ResourceKey, body: &Value, message: &str) -> CauseCode {
    let is_namespace =
        text_at(body, &["details", "kind"]) == Some("namespaces") || message.starts_with("namespaces ");
    if is_namespace {
        return CauseCode::NamespaceMissing;
    }
    let names_object = text_at(body, &["details", "name"]).is_some_and(|name| !name.is_empty());
    // "the server could not find the requested resource" or plain text: the path itself is unknown.
    if names_object && !message.contains("could not find the requested resource") {
        return if text_at(body, &["details", "name"]) == Some(&object.name) {
            // Gone between two requests.
            CauseCode::Conflict
        } else {
            CauseCode::ObjectRejected
        };
    }
    CauseCode::CrdMissing
}

fn invalid(message: &str) -> CauseCode {
    const PORT: &[&str] = &["provided port is already allocated", "provided IP is already allocated"];
    const IMMUTABLE: &[&str] = &[
        "field is immutable",
        "may not change once set",
        "may not be changed",
        "cannot be changed",
        "is immutable after",
    ];
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(PORT) {
        CauseCode::PortAllocated
    } else if says(IMMUTABLE) || (message.contains("updates to ") && message.contains("are forbidden")) {
        // The second form is how a StatefulSet and a Pod say it: they list the few fields that may change.
        CauseCode::ImmutableField
    } else {
        CauseCode::ObjectRejected
    }
}

/// An admission webhook that did not answer (`apiserver/pkg/admission/plugin/webhook`).
pub(crate) fn is_webhook_outage(message: &str) -> bool {
    message.contains("failed calling webhook") || message.contains("failed calling admission webhook")
}

/// A ResourceQuota has no room, or wants to know sizes that the object does not say.
pub(crate) fn is_quota(message: &str) -> bool {
    message.contains("exceeded quota:")
        || message.contains("failed quota:")
        || message.contains("insufficient quota")
}

/// A rule of the cluster, not a field of the kind: webhooks, admission policies, Pod Security, LimitRange.
pub(crate) fn is_admission(message: &str) -> bool {
    (message.contains("admission webhook") && message.contains("denied"))
        || message.contains("denied request:")
        || message.contains("violates PodSecurity")
}

/// `cannot create resource "x" in API group` is how every authorizer's no is worded
/// (`apiserver/pkg/endpoints/handlers/responsewriters`).
pub(crate) fn is_missing_right(message: &str) -> bool {
    message.contains("cannot ") && (message.contains(" resource ") || message.contains(" path "))
}

/// A 409 of a stale resourceVersion goes away with a fresh read; that of another owner or of an existing object does not.
fn is_stale_version(body: &Value) -> bool {
    let conflict_with = list_at(body, &["details", "causes"])
        .iter()
        .any(|cause| text_at(cause, &["reason"]) == Some("FieldManagerConflict"));
    let text = text_at(body, &["message"]).unwrap_or("");
    !conflict_with && text.contains("the object has been modified")
}

fn message_of(http_status: u16, body: &Value) -> String {
    let text =
        text_at(body, &["message"]).or_else(|| body.as_str()).map(str::trim).filter(|text| !text.is_empty());
    text.map_or_else(
        || alloc::format!("the API server answered {http_status} without a reason"),
        ToString::to_string,
    )
}
