//! Annotations by which somebody says that an object is not to be waited for.

use alloc::string::String;

use backstay_object::map_at;
use serde_json::Value;

use super::{Subject, state};
use crate::types::{Readiness, Status};

/// Annotation, its value, what it means.
///
/// * `argocd.argoproj.io/ignore-healthcheck`: <https://argo-cd.readthedocs.io/en/stable/operator-manual/health/>
/// * `config.kubernetes.io/local-config`, any value but `false`:
///   <https://kubectl.docs.kubernetes.io/references/kustomize/glossary/> (never meant for the cluster)
/// * `pulumi.com/skipAwait`: <https://www.pulumi.com/registry/packages/kubernetes/> and `kapp.k14s.io/disable-wait`:
///   <https://carvel.dev/kapp/docs/latest/apply-waiting/>
const NO_WAITING: &[(&str, &str, &str)] = &[
    (
        "argocd.argoproj.io/ignore-healthcheck",
        "true",
        "not waited for: argocd.argoproj.io/ignore-healthcheck",
    ),
    ("pulumi.com/skipAwait", "true", "not waited for: pulumi.com/skipAwait"),
    ("kapp.k14s.io/disable-wait", "", "not waited for: kapp.k14s.io/disable-wait"),
];

const LOCAL: &str = "config.kubernetes.io/local-config";

/// Current with the reason, where an annotation says that nobody should wait.
pub(super) fn honoured(subject: Subject<'_>) -> Option<Readiness> {
    let annotations = map_at(subject.meta, &["annotations"])?;
    // One look through the keys: hardly any object has one of these.
    let is_wish = |key: &String| key == LOCAL || NO_WAITING.iter().any(|(wish, ..)| key == wish);
    if !annotations.keys().any(is_wish) {
        return None;
    }
    let text = |key: &str| annotations.get(key).and_then(Value::as_str);
    if let Some((_, _, why)) = NO_WAITING.iter().find(|(key, value, _)| text(key) == Some(*value)) {
        return Some(state(Status::Current, why, 1, 1));
    }
    let local = text(LOCAL).is_some_and(|value| value != "false");
    let is_silent = subject.conditions().is_empty();
    (local && is_silent)
        .then(|| state(Status::Current, "not waited for: config.kubernetes.io/local-config", 1, 1))
}
