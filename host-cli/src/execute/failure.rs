//! What went wrong, in the machine's words. The one place where client errors become causes.

use backstay_core::health::{Cause, CauseCode, Class, refusal};
use backstay_core::object::{ResourceKey, Timestamp};
use backstay_core::release::OwnershipError;
use backstay_core::rollout::{FailureKind, Outcome};

use super::contested::{contested, named};

/// The outcome of an action that failed at an object.
pub(crate) fn failed(key: &ResourceKey, error: &anyhow::Error, now: Timestamp) -> Outcome {
    let (failure, cause) = explain(key, error, now);
    Outcome::Failed { failure, causes: vec![cause], applied: Vec::new() }
}

/// Kind and cause of an error at an object.
pub(crate) fn explain(key: &ResourceKey, error: &anyhow::Error, now: Timestamp) -> (FailureKind, Cause) {
    if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<kube::Error>()) {
        return explain_client(key, error, now);
    }
    let code = if error.is::<crate::cluster::UnknownKind>() {
        CauseCode::CrdMissing
    } else {
        CauseCode::ObjectRejected
    };
    let mut cause = cause(key, code, format!("{error:#}"), now);
    if error.is::<OwnershipError>() {
        "it is somebody else's: give the chart's another name, or take it over with --take-ownership"
            .clone_into(&mut cause.hint);
    }
    (FailureKind::Refused, cause)
}

fn explain_client(key: &ResourceKey, error: &kube::Error, now: Timestamp) -> (FailureKind, Cause) {
    match error {
        kube::Error::Api(status) => {
            let body = serde_json::to_value(status).unwrap_or_default();
            let kind = match status.code {
                429 | 500..=599 if status.code != 501 => FailureKind::Transient,
                // Somebody wrote in between; server-side apply says conflict only for owned fields, which is final.
                409 if status.message.contains("the object has been modified") => FailureKind::Transient,
                401 => FailureKind::Transient,
                _ => FailureKind::Refused,
            };
            let mut cause = refusal(key, status.code, &body, now);
            let fields = contested(status);
            if !fields.is_empty() {
                cause.message = format!("fields of it belong to others: {}", named(&fields));
                "leave these fields out of the chart, or take them over with --force-conflicts"
                    .clone_into(&mut cause.hint);
            }
            (kind, cause)
        }
        error => (FailureKind::Unknown, cause(key, CauseCode::ApiUnreachable, in_words(error), now)),
    }
}

fn cause(key: &ResourceKey, code: CauseCode, message: String, now: Timestamp) -> Cause {
    let hint = code.hint().to_owned();
    Cause {
        code,
        class: Class::FatalNow,
        object: key.clone(),
        pod: None,
        container: None,
        message,
        hint,
        first_seen: now,
    }
}

/// An error with what is behind it, on one line.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        source = error.source();
    }
    words
}
