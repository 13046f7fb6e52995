//! Which kinds are served, and how: the built-in ones and those of stored custom resource definitions.

use std::sync::Arc;

use backstay_object::{KINDS, ResourceKey, at, bool_at, list_at, text_at};
use serde_json::Value;

use super::schema::{Place, Schema, builtin, custom_schema};
use crate::store::{ApiError, Store};

/// A kind as it is served under one version.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) namespaced: bool,
    pub(super) has_status: bool,
    custom: Option<Arc<Custom>>,
}

/// What a custom resource definition says about one of its versions.
#[derive(Debug)]
struct Custom {
    schema: Schema,
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "names and columns are for clients over HTTP")
    )]
    definition: Arc<Value>,
}

impl Served {
    /// `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    pub(super) fn is_custom(&self) -> bool {
        self.custom.is_some()
    }

    /// The group the objects of this kind are stored under: both event APIs share one store.
    pub(super) fn stored_group(&self) -> &str {
        if self.group == "events.k8s.io" { "" } else { &self.group }
    }

    pub(super) fn key(&self, namespace: &str, name: &str) -> ResourceKey {
        ResourceKey {
            group: self.stored_group().to_owned(),
            version: self.version.clone(),
            kind: self.kind.clone(),
            namespace: if self.namespaced { namespace.to_owned() } else { String::new() },
            name: name.to_owned(),
        }
    }

    /// The shape of the whole object.
    pub(super) fn place(&self) -> Place<'_> {
        let schema = self.custom.as_ref().map_or_else(|| builtin(), |custom| &custom.schema);
        schema.root(&self.group, &self.version, &self.kind)
    }

    /// A kind that is only created, never stored: the answers about oneself.
    #[cfg(feature = "http")]
    pub(super) fn review(group: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: format!("{}s", kind.to_ascii_lowercase()),
            namespaced: false,
            has_status: false,
            custom: None,
        }
    }

    /// The definition of a custom resource.
    #[cfg(feature = "http")]
    pub(super) fn definition(&self) -> Option<&Value> {
        self.custom.as_ref().map(|custom| &*custom.definition)
    }

    pub(super) fn not_found(&self, name: &str) -> ApiError {
        ApiError::not_found(&self.group, &self.plural, name)
    }
}

/// Kinds with a status subresource.
const WITH_STATUS: [&str; 24] = [
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "services",
    "apiservices",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "horizontalpodautoscalers",
    "cronjobs",
    "jobs",
    "certificatesigningrequests",
    "ingresses",
    "poddisruptionbudgets",
    "volumeattachments",
    "validatingadmissionpolicies",
    "customresourcedefinitions",
    "flowschemas",
    "prioritylevelconfigurations",
];

/// Every served kind and version, built in first, in the order of discovery.
pub(super) fn served(store: &Store) -> Vec<Served> {
    let mut all: Vec<Served> = KINDS.iter().map(builtin_kind).collect();
    for definition in store.list("apiextensions.k8s.io", "CustomResourceDefinition", None) {
        for version in list_at(definition, &["spec", "versions"]) {
            all.extend(custom_kind(definition, version));
        }
    }
    all
}

/// The kind behind a path.
pub(super) fn find(store: &Store, group: &str, version: &str, plural: &str) -> Option<Served> {
    if let Some(info) = backstay_object::kind_info_by_plural(group, plural) {
        return (info.version == version).then(|| builtin_kind(info));
    }
    let name = format!("{plural}.{group}");
    let definition = store.find("apiextensions.k8s.io", "CustomResourceDefinition", "", &name)?;
    list_at(definition, &["spec", "versions"])
        .iter()
        .find(|entry| text_at(entry, &["name"]) == Some(version))
        .and_then(|entry| custom_kind(definition, entry))
}

/// The served kind of an object.
pub(super) fn of_object(store: &Store, object: &Value) -> Option<Served> {
    let (group, version) = backstay_object::split_api_version(text_at(object, &["apiVersion"])?);
    let plural = store.plural(group, text_at(object, &["kind"])?);
    find(store, group, version, &plural)
}

fn builtin_kind(info: &backstay_object::KindInfo) -> Served {
    Served {
        group: info.group.to_owned(),
        version: info.version.to_owned(),
        kind: info.kind.to_owned(),
        plural: info.plural.to_owned(),
        namespaced: info.namespaced,
        has_status: WITH_STATUS.contains(&info.plural),
        custom: None,
    }
}

fn custom_kind(definition: &Arc<Value>, version: &Value) -> Option<Served> {
    if bool_at(version, &["served"]) == Some(false) {
        return None;
    }
    let spec = at(definition, &["spec"])?;
    let kind = text_at(spec, &["names", "kind"])?;
    let group = text_at(spec, &["group"])?;
    let version_name = text_at(version, &["name"])?;
    let open_api = at(version, &["schema", "openAPIV3Schema"]).unwrap_or(&Value::Null);
    Some(Served {
        group: group.to_owned(),
        version: version_name.to_owned(),
        kind: kind.to_owned(),
        plural: text_at(spec, &["names", "plural"])?.to_owned(),
        namespaced: text_at(spec, &["scope"]) == Some("Namespaced"),
        has_status: at(version, &["subresources", "status"]).is_some(),
        custom: Some(Arc::new(Custom {
            schema: custom_schema(group, version_name, kind, open_api),
            definition: definition.clone(),
        })),
    })
}
