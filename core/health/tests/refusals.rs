//! What the API server says when it will not, word for word from a real one, and what it means.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

use backstay_health::{CauseCode, Class, is_transient_refusal, refusal};
use backstay_object::{ResourceKey, Timestamp};
use serde_json::{Value, json};

fn status(code: u16, reason: &str, message: &str, details: Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "details": details, "code": code})
}

fn check(http_status: u16, body: &Value, expected: CauseCode, is_transient: bool) {
    let key = ResourceKey::new("apps/v1", "Deployment", "prod", "d");
    let cause = refusal(&key, http_status, body, Timestamp(7));
    assert_eq!(cause.code, expected, "{http_status} {body}");
    let class = if is_transient { Class::Recoverable } else { Class::FatalNow };
    assert_eq!(cause.class, class, "{http_status} {body}");
    assert_eq!(is_transient_refusal(http_status, body), is_transient, "{http_status} {body}");
    assert_eq!((cause.object, cause.first_seen), (key, Timestamp(7)));
    assert!(!cause.message.trim().is_empty() && cause.hint == expected.hint(), "{}", cause.message);
}

#[test]
fn final_refusals() {
    use CauseCode::{
        AdmissionDenied, Conflict, ImmutableField, NamespaceMissing, ObjectRejected, PermissionDenied,
        PortAllocated, QuotaExceeded,
    };
    for (code, reason, message, expected) in [
        (
            422,
            "Invalid",
            "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: 31556: provided port is already allocated",
            PortAllocated,
        ),
        (
            422,
            "Invalid",
            "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
            ObjectRejected,
        ),
        (
            422,
            "Invalid",
            "Service \"a\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.0.0.77\"]: may not change once set",
            ImmutableField,
        ),
        (
            422,
            "Invalid",
            "Deployment.apps \"d\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"x\":\"b\"}}: field is immutable",
            ImmutableField,
        ),
        (
            422,
            "Invalid",
            "StatefulSet.apps \"s\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            ImmutableField,
        ),
        (
            422,
            "Invalid",
            "HorizontalPodAutoscaler.autoscaling \"h\" is invalid: spec.metrics[0].resource.target.averageUtilization: Invalid value: -10: must be greater than 0",
            ObjectRejected,
        ),
        (
            422,
            "Invalid",
            "ConfigMap \"big\" is invalid: []: Too long: may not be more than 1048576 bytes",
            ObjectRejected,
        ),
        (
            422,
            "Invalid",
            "secrets \"x\" is forbidden: ValidatingAdmissionPolicy 'vap' with binding 'vap' denied request: secrets are not allowed here",
            AdmissionDenied,
        ),
        (
            400,
            "BadRequest",
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.replcas\"",
            ObjectRejected,
        ),
        (
            400,
            "BadRequest",
            "admission webhook \"v.example\" denied the request: no latest tags",
            AdmissionDenied,
        ),
        (
            403,
            "Forbidden",
            "admission webhook \"v.example\" denied the request: no latest tags",
            AdmissionDenied,
        ),
        (
            403,
            "Forbidden",
            "configmaps is forbidden: User \"u\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"rejb\": can only read resources of this type",
            PermissionDenied,
        ),
        (
            403,
            "Forbidden",
            "configmaps \"one\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1",
            QuotaExceeded,
        ),
        (
            403,
            "Forbidden",
            "pods \"p\" is forbidden: failed quota: q: must specify requests.cpu for: c",
            QuotaExceeded,
        ),
        (
            403,
            "Forbidden",
            "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
            AdmissionDenied,
        ),
        (
            403,
            "Forbidden",
            "pods \"p\" is forbidden: maximum cpu usage per Container is 100m, but limit is 1",
            AdmissionDenied,
        ),
        (
            403,
            "Forbidden",
            "serviceaccounts \"x\" is forbidden: unable to create new content in namespace rejc because it is being terminated",
            NamespaceMissing,
        ),
        (401, "Unauthorized", "Unauthorized", PermissionDenied),
        (
            409,
            "Conflict",
            "Apply failed with 1 conflict: conflict with \"Python-urllib\" using apps/v1: .spec.replicas",
            Conflict,
        ),
        (409, "AlreadyExists", "deployments.apps \"d\" already exists", Conflict),
        (
            500,
            "InternalError",
            "admission webhook \"v.example\" denied the request: no latest tags",
            AdmissionDenied,
        ),
        (501, "", "not here", CauseCode::ApiUnreachable),
    ] {
        check(code, &status(code, reason, message, json!({})), expected, false);
    }
}

#[test]
fn not_found_means_three_things() {
    let of = |message: &str, details: Value| status(404, "NotFound", message, details);
    let namespace =
        of("namespaces \"nonesuch\" not found", json!({"name": "nonesuch", "kind": "namespaces"}));
    check(404, &namespace, CauseCode::NamespaceMissing, false);
    check(
        404,
        &of("the server could not find the requested resource", json!({})),
        CauseCode::CrdMissing,
        false,
    );
    // An API group that nobody serves is answered in plain text, without a Status.
    check(404, &json!("404 page not found\n"), CauseCode::CrdMissing, false);
    check(
        404,
        &of("deployments.apps \"d\" not found", json!({"name": "d", "group": "apps", "kind": "deployments"})),
        CauseCode::Conflict,
        false,
    );
}

#[test]
fn passing_refusals() {
    use CauseCode::{ApiUnreachable, Conflict, WebhookUnreachable};
    for (code, reason, message, expected) in [
        (
            500,
            "InternalError",
            "Internal error occurred: failed calling webhook \"w.x.io\": failed to call webhook: Post \"https://127.0.0.1:9/x?timeout=2s\": dial tcp 127.0.0.1:9: connect: connection refused",
            WebhookUnreachable,
        ),
        (500, "InternalError", "etcdserver: request timed out", ApiUnreachable),
        (503, "ServiceUnavailable", "apiserver is shutting down", ApiUnreachable),
        (504, "Timeout", "context deadline exceeded", ApiUnreachable),
        (429, "TooManyRequests", "too many requests, please try again later", ApiUnreachable),
        (
            409,
            "Conflict",
            "Operation cannot be fulfilled on deployments.apps \"d\": the object has been modified; please apply your changes to the latest version and try again",
            Conflict,
        ),
    ] {
        check(code, &status(code, reason, message, json!({})), expected, true);
    }
    check(502, &json!("<html>Bad Gateway</html>"), ApiUnreachable, true);
    check(503, &Value::Null, ApiUnreachable, true);
}
