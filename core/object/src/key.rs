//! The identity of an object.

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::FromJson;
use crate::look::text_at;

/// Which object is meant. Two keys are equal when group, kind, namespace and name are: the version is only how one
/// speaks of the object (Helm `isMatchingInfo` compares the same way).
#[derive(Clone, Debug, Serialize, FromJson)]
pub struct ResourceKey {
    /// API group, empty for the core group.
    #[serde(default)]
    pub group: String,
    /// API version, e.g. `v1`. Not part of the identity.
    pub version: String,
    /// Kind, e.g. `Deployment`.
    pub kind: String,
    /// Namespace, empty for cluster-scoped objects.
    #[serde(default)]
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ResourceKey {
    /// A key from `apps/v1`-like text and names.
    #[must_use]
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        let (group, version) = split_api_version(api_version);
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key of an object that carries its own apiVersion, kind and metadata. `None` when kind or name is missing.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let kind = text_at(object, &["kind"]).filter(|kind| !kind.is_empty())?;
        let name = text_at(object, &["metadata", "name"]).filter(|name| !name.is_empty())?;
        let api_version = text_at(object, &["apiVersion"]).unwrap_or("v1");
        let namespace = text_at(object, &["metadata", "namespace"]).unwrap_or("");
        Some(Self::new(api_version, kind, namespace, name))
    }

    /// `apps/v1`, or `v1` for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            alloc::format!("{}/{}", self.group, self.version)
        }
    }

    /// The long form used in machine-readable output: `apps/v1/Deployment/prod/web`.
    #[must_use]
    pub fn path(&self) -> String {
        let Self { kind, namespace, name, .. } = self;
        if namespace.is_empty() {
            alloc::format!("{}/{kind}/{name}", self.api_version())
        } else {
            alloc::format!("{}/{kind}/{namespace}/{name}", self.api_version())
        }
    }

    fn identity(&self) -> (&str, &str, &str, &str) {
        (&self.group, &self.kind, &self.namespace, &self.name)
    }
}

/// `apps/v1` to (`apps`, `v1`); `v1` to (``, `v1`).
#[must_use]
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

impl PartialEq for ResourceKey {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for ResourceKey {}

impl core::hash::Hash for ResourceKey {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for ResourceKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

/// kubectl's short form for people: `deployment/web`.
impl fmt::Display for ResourceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.kind.chars() {
            write!(formatter, "{}", letter.to_ascii_lowercase())?;
        }
        write!(formatter, "/{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn identity_ignores_the_version() {
        let old = ResourceKey::new("autoscaling/v1", "HorizontalPodAutoscaler", "prod", "web");
        let new = ResourceKey::new("autoscaling/v2", "HorizontalPodAutoscaler", "prod", "web");
        assert_eq!(old, new);
        assert_ne!(old.path(), new.path());
        assert_eq!(new.to_string(), "horizontalpodautoscaler/web");
        assert_eq!(ResourceKey::new("v1", "Namespace", "", "prod").path(), "v1/Namespace/prod");
    }

    #[test]
    fn key_of_an_object() {
        let object = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "p"}});
        assert_eq!(ResourceKey::of(&object).unwrap().path(), "apps/v1/Deployment/p/web");
        assert!(
            ResourceKey::of(&serde_json::json!({"kind": "Pod", "metadata": {"generateName": "x-"}}))
                .is_none()
        );
    }
}
