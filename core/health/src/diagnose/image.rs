//! Images that cannot be pulled. The kubelet passes the registry's answer on as text only, and every runtime words it its own
//! way: known spellings are sorted into "does not have it", "will not give it" and "does not answer".

use alloc::string::ToString;

use backstay_object::{Timestamp, text_at};
use serde_json::Value;

use super::pod::Container;
use super::{LONGEST_RETRY_MS, Scene, Trouble, after_grace, events};
use crate::code::CauseCode;
use crate::policy::Policy;
use crate::types::Class;

/// The registry is away, overloaded or broken. Asked first: a rate limit may call itself "denied", too.
const AWAY: &[&str] = &[
    "too many requests",
    "toomanyrequests",
    "rate limit",
    "no such host",
    "server misbehaving",
    "connection refused",
    "connection reset",
    "no route to host",
    "network is unreachable",
    "timeout",
    "timed out",
    "deadline exceeded",
    "x509:",
    "tls:",
    "http response to https client",
    "unexpected eof",
    "service unavailable",
    "bad gateway",
    "internal server error",
    "no space left on device",
    "status code 5",
    "status code 429",
    "status: 429",
    "failed to do request",
    "gateway timeout",
    "name resolution",
    "qps exceeded",
    "resourceexhausted",
];

/// The registry knows who asks and says no, or wants to know who asks.
const DENIED: &[&str] = &[
    "unauthorized",
    "authentication required",
    "authorization failed",
    "no basic auth credentials",
    "insufficient_scope",
    "access denied",
    "denied:",
    "is denied",
    "denied on resource",
    "permissiondenied",
    "forbidden",
    "not authorized",
    "status code 401",
    "status code 403",
    "status: 401",
    "status: 403",
    "invalid username/password",
    "image rejected",
    "signature was required",
];

/// The registry answers that there is no such image, or none for this machine.
const ABSENT: &[&str] = &[
    "not found",
    "notfound",
    "manifest unknown",
    "name unknown",
    "manifest_unknown",
    "name_unknown",
    "does not exist",
    "no such image",
    "not known to the registry",
    "not known to registry",
    "was deleted or has expired",
    "status code 404",
    "status: 404",
    "no match for platform",
    "no matching manifest",
    "not present with pull policy of never",
];

/// A container that waits for its image.
pub(super) fn waiting<'a>(scene: &mut Scene<'a>, container: &Container<'a>, reason: &str) {
    let Some((text, seen, has_failed_again)) = registry_words(scene, container, reason) else { return };
    let image =
        text_at(container.status, &["image"]).or_else(|| text_at(container.spec?, &["image"])).unwrap_or("");
    let (code, class) = classify(reason, text, image, scene.circumstances.policy);
    // A name is right or wrong, whenever it was read.
    let counts = has_failed_again || code == CauseCode::ImageNameInvalid;
    let (class, seen) = scene.unless_old(container.pod, counts, (class, seen), LONGEST_RETRY_MS);
    scene.suspect(Trouble { seen, ..container.trouble(code, class, without_back_off(text).to_string()) });
}

/// What the registry said, when it said so first, and whether it did since the objects were applied. Kubelets before 1.31 put it
/// into the event alone while they back off.
fn registry_words<'a>(
    scene: &Scene<'a>,
    container: &Container<'a>,
    reason: &str,
) -> Option<(&'a str, Option<Timestamp>, bool)> {
    let status = container.waiting_message();
    let image = text_at(container.status, &["image"]).unwrap_or("");
    let is_ours = |event: &&Value| container.is_meant_by(event) && events::message(event).contains(image);
    let failed = || {
        scene
            .events
            .with_reason(container.pod, &["Failed", "InspectFailed", "ErrImageNeverPull"])
            .filter(is_ours)
    };
    let pulls = || {
        failed().filter(|event| {
            events::message(event).to_ascii_lowercase().contains("pull") || reason == "InvalidImageName"
        })
    };
    let seen = pulls().filter_map(events::first_seen).min().or_else(|| container.status_written_at());
    // While it backs off it tells what was before.
    let told = reason != "ImagePullBackOff" && container.is_told_since(scene.circumstances.applied_at);
    let again = told || pulls().next().is_some();
    let only_backs_off = reason == "ImagePullBackOff" && !status.contains("ErrImagePull");
    if !status.is_empty() && !only_backs_off {
        return Some((status, seen, again));
    }
    let event = pulls().max_by_key(|event| events::last_seen(event));
    let text = event.map_or(status, events::message);
    Some((if text.is_empty() { container.waiting_reason()? } else { text }, seen, again))
}

fn classify(reason: &str, text: &str, image: &str, policy: &Policy) -> (CauseCode, Class) {
    match reason {
        "InvalidImageName" => return (CauseCode::ImageNameInvalid, Class::FatalNow),
        "ErrImageNeverPull" => return (CauseCode::ImageNotFound, after_grace(policy.image_grace_ms)),
        "SignatureValidationFailed" => return (CauseCode::ImagePullDenied, Class::FatalNow),
        "RegistryUnavailable" => return (CauseCode::ImagePullFailed, after_grace(policy.registry_grace_ms)),
        _ => {}
    }
    // An image may be called `forbidden/timeout`.
    let text = if image.is_empty() {
        text.to_ascii_lowercase()
    } else {
        text.replace(image, "").to_ascii_lowercase()
    };
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(AWAY) {
        (CauseCode::ImagePullFailed, after_grace(policy.registry_grace_ms))
    } else if says(DENIED) {
        (CauseCode::ImagePullDenied, after_grace(policy.image_grace_ms))
    } else if says(ABSENT) {
        (CauseCode::ImageNotFound, after_grace(policy.image_grace_ms))
    } else {
        (CauseCode::ImagePullFailed, after_grace(policy.registry_grace_ms))
    }
}

/// Without the kubelet's own introduction, so that the words stay the same while it alternates between its two reasons.
fn without_back_off(text: &str) -> &str {
    text.split_once(": ErrImagePull: ").map_or(text, |(_, words)| words)
}

/// The reasons of a container that waits for its image (`kubernetes pkg/kubelet/images/types.go`).
pub(super) fn is_image_reason(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "RegistryUnavailable"
            | "SignatureValidationFailed"
            | "ImageInspectError"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_and_runtimes_are_understood() {
        let check = |text: &str, expected: CauseCode| {
            let (code, _) =
                classify("ErrImagePull", text, "r.example/forbidden/timeout:1", &Policy::default());
            assert_eq!(code, expected, "{text}");
        };
        for (text, expected) in [
            (
                "rpc error: code = NotFound desc = failed to resolve image: r/app:nope: not found",
                CauseCode::ImageNotFound,
            ),
            (
                "Error response from daemon: manifest for app:nope not found: manifest unknown",
                CauseCode::ImageNotFound,
            ),
            ("reading manifest nope in quay.io/app: manifest unknown", CauseCode::ImageNotFound),
            ("no match for platform in manifest: not found", CauseCode::ImageNotFound),
            (
                "pull access denied, repository does not exist or may require authorization: authorization failed",
                CauseCode::ImagePullDenied,
            ),
            (
                "unexpected status from HEAD request to https://r/v2/app: 403 Forbidden",
                CauseCode::ImagePullDenied,
            ),
            (
                "429 Too Many Requests - Server message: toomanyrequests: access denied",
                CauseCode::ImagePullFailed,
            ),
            ("unexpected status from HEAD request: 503 Service Unavailable", CauseCode::ImagePullFailed),
            ("dial tcp: lookup registry.invalid on 10.96.0.10:53: no such host", CauseCode::ImagePullFailed),
            ("failed to pull r.example/forbidden/timeout:1: not found", CauseCode::ImageNotFound),
            ("something nobody has seen before", CauseCode::ImagePullFailed),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn the_words_of_public_and_private_registries() {
        use CauseCode::{ImageNotFound as Absent, ImagePullDenied as Denied, ImagePullFailed as Away};
        for (text, expected) in [
            // Amazon ECR
            (
                "failed to resolve reference \"1.dkr.ecr.eu-west-1.amazonaws.com/app:9\": 1.dkr.ecr.eu-west-1.amazonaws.com/app:9: not found",
                Absent,
            ),
            (
                "name unknown: The repository with name 'app' does not exist in the registry with id '1'",
                Absent,
            ),
            (
                "unexpected status from HEAD request to https://1.dkr.ecr.eu-west-1.amazonaws.com/v2/app/manifests/9: 403 Forbidden",
                Denied,
            ),
            ("denied: Your authorization token has expired. Reauthenticate and try again.", Denied),
            (
                "Error response from daemon: Get https://1.dkr.ecr.eu-west-1.amazonaws.com/v2/app/manifests/9: no basic auth credentials",
                Denied,
            ),
            // Google
            ("manifest unknown: Failed to fetch \"9\" from request \"/v2/p/app/manifests/9\".", Absent),
            (
                "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://gcr.io/v2/token: 403 Forbidden",
                Denied,
            ),
            (
                "Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \"projects/p/locations/us/repositories/r\" (or it may not exist)",
                Denied,
            ),
            // Harbor
            (
                "unauthorized: unauthorized to access repository: shop/app, action: pull: unauthorized to access repository: shop/app, action: pull",
                Denied,
            ),
            ("unknown: artifact shop/app:9 not found", Absent),
            ("received unexpected HTTP status: 504 Gateway Timeout", Away),
            // Quay
            (
                "initializing source docker://quay.io/o/app:9: reading manifest 9 in quay.io/o/app: unauthorized: access to the requested resource is not authorized",
                Denied,
            ),
            ("unknown: Tag 9 was deleted or has expired. To pull, revive via time machine", Absent),
            // Docker Hub
            (
                "toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit",
                Away,
            ),
            (
                "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
                Denied,
            ),
            (
                "Error response from daemon: pull access denied for o/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                Denied,
            ),
            ("unauthorized: incorrect username or password", Denied),
            // Azure, GitHub, Artifactory, Nexus
            ("manifest unknown: manifest tagged by \"9\" is not found", Absent),
            (
                "failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token: 401 Unauthorized",
                Denied,
            ),
            ("manifest unknown: The named manifest is not known to the registry.", Absent),
            // CRI-O
            ("reading manifest 9 in r.example/o/app: requested access to the resource is denied", Denied),
            ("Requesting bearer token: invalid status code from registry 403 (Forbidden)", Denied),
            ("reading manifest 9 in r.example/o/app: StatusCode: 404, \"404 page not found\"", Absent),
            (
                "reading manifest 9 in r.example/app: name unknown: repository name not known to registry",
                Absent,
            ),
            (
                "pinging container registry r.example: Get \"https://r.example/v2/\": dial tcp: lookup r.example: Temporary failure in name resolution",
                Away,
            ),
            ("Source image rejected: A signature was required, but no signature exists", Denied),
            ("pinging container registry r.example: received unexpected HTTP status: 502 Bad Gateway", Away),
            (
                "unable to retrieve auth token: invalid username/password: unauthorized: access forbidden",
                Denied,
            ),
            // containerd
            (
                "failed to do request: Head \"https://r.example/v2/app/manifests/9\": dial tcp 10.0.0.9:443: i/o timeout",
                Away,
            ),
            (
                "failed to copy: httpReadSeeker: failed open: unexpected status code https://r.example/v2/app/blobs/sha256:1: 500 Internal Server Error",
                Away,
            ),
            (
                "failed to extract layer sha256:1: write /var/lib/containerd/x: no space left on device: unknown",
                Away,
            ),
            ("tls: failed to verify certificate: x509: certificate signed by unknown authority", Away),
            ("http: server gave HTTP response to HTTPS client", Away),
            ("no match for platform in manifest: not found", Absent),
            // The kubelet itself
            ("pull QPS exceeded", Away),
        ] {
            let (code, _) = classify("ErrImagePull", text, "r.example/o/app:9", &Policy::default());
            assert_eq!(code, expected, "{text}");
        }
    }

    #[test]
    fn a_message_is_the_same_in_both_reasons() {
        let backing_off = "Back-off pulling image \"a\": ErrImagePull: a: not found";
        assert_eq!(without_back_off(backing_off), without_back_off("a: not found"));
        assert_eq!(without_back_off("a: not found"), "a: not found");
    }
}
