//! Whose an object is: the label and the two annotations that Helm puts on everything it applies
//! (`pkg/action/validate.go` v4.3). They are added when an object is sent, they are not in the stored manifest.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use backstay_object::{annotation, kind, label, name, namespace, set_at};
use serde_json::Value;

/// The label that says a tool manages the object; Helm's value is `Helm`.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The annotation with the release's name.
pub const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// The annotation with the release's namespace.
pub const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";

const HELM: &str = "Helm";

/// Marks an object as the release's, replacing what another release may have left.
pub fn claim(object: &mut Value, release: &str, release_namespace: &str) {
    let text = |text: &str| Value::String(text.into());
    set_at(object, &["metadata", "labels", MANAGED_BY], text(HELM));
    set_at(object, &["metadata", "annotations", RELEASE_NAME], text(release));
    set_at(object, &["metadata", "annotations", RELEASE_NAMESPACE], text(release_namespace));
}

/// One mark that is missing or belongs to somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// `label` or `annotation`.
    pub place: &'static str,
    /// Its key.
    pub key: &'static str,
    /// What it has to be.
    pub wanted: String,
    /// What it is.
    pub found: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, wanted, found } = self;
        match found {
            None => {
                write!(formatter, "{place} validation error: missing key {key:?}: must be set to {wanted:?}")
            }
            Some(found) => write!(
                formatter,
                "{place} validation error: key {key:?} must equal {wanted:?}: current value is {found:?}"
            ),
        }
    }
}

/// An object exists and is not this release's. The text is Helm's, without its leading
/// `unable to continue with install: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{kind} {name:?} in namespace {namespace:?} exists and cannot be imported into the current release: invalid ownership metadata{}",
    joined(.mismatches)
)]
pub struct OwnershipError {
    /// The object's kind.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// The object's namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// What does not fit.
    pub mismatches: Vec<Mismatch>,
}

fn joined(mismatches: &[Mismatch]) -> String {
    mismatches.iter().fold(String::new(), |text, mismatch| alloc::format!("{text}; {mismatch}"))
}

/// Checks that a live object is the release's.
///
/// # Errors
/// When the label or one of the annotations is missing or names another owner.
pub fn check_ownership(object: &Value, release: &str, release_namespace: &str) -> Result<(), OwnershipError> {
    let marks = [
        ("label", MANAGED_BY, label(object, MANAGED_BY), HELM),
        ("annotation", RELEASE_NAME, annotation(object, RELEASE_NAME), release),
        ("annotation", RELEASE_NAMESPACE, annotation(object, RELEASE_NAMESPACE), release_namespace),
    ];
    let mismatches: Vec<Mismatch> = marks
        .into_iter()
        .filter(|(_, _, found, wanted)| *found != Some(*wanted))
        .map(|(place, key, found, wanted)| Mismatch {
            place,
            key,
            wanted: wanted.to_string(),
            found: found.map(ToString::to_string),
        })
        .collect();
    if mismatches.is_empty() {
        return Ok(());
    }
    Err(OwnershipError {
        kind: kind(object).to_string(),
        name: name(object).to_string(),
        namespace: namespace(object).to_string(),
        mismatches,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claimed_objects_are_owned() {
        let mut object = json!({"kind": "Service", "metadata": {"name": "web", "labels": null}});
        claim(&mut object, "shop", "prod");
        assert_eq!(check_ownership(&object, "shop", "prod"), Ok(()));
        claim(&mut object, "other", "prod");
        assert!(check_ownership(&object, "shop", "prod").is_err());
    }

    #[test]
    fn refusals_read_as_helms() {
        let check = |object: Value, want: &str| {
            assert_eq!(check_ownership(&object, "shop", "prod").unwrap_err().to_string(), want);
        };
        check(
            json!({"kind": "ConfigMap", "metadata": {"name": "cm", "namespace": "prod"}}),
            "ConfigMap \"cm\" in namespace \"prod\" exists and cannot be imported into the current release: \
             invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": \
             must be set to \"Helm\"; annotation validation error: missing key \"meta.helm.sh/release-name\": \
             must be set to \"shop\"; annotation validation error: missing key \
             \"meta.helm.sh/release-namespace\": must be set to \"prod\"",
        );
        check(
            json!({"kind": "ConfigMap", "metadata": {"name": "cm", "namespace": "prod",
                "labels": {MANAGED_BY: "Helm"}, "annotations": {RELEASE_NAME: "dev", RELEASE_NAMESPACE: "prod"}}}),
            "ConfigMap \"cm\" in namespace \"prod\" exists and cannot be imported into the current release: \
             invalid ownership metadata; annotation validation error: key \"meta.helm.sh/release-name\" must \
             equal \"shop\": current value is \"dev\"",
        );
    }
}
