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
    pub(super) singular: String,
    pub(super) namespaced: bool,
    pub(super) short_names: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) has_status: bool,
    /// Paths of replicas in spec and status and of the selector text, for kinds with a scale subresource.
    pub(super) scale: Option<ScalePaths>,
    /// Extra columns of tables, for custom resources.
    pub(super) columns: Vec<Value>,
    custom: Option<Arc<Schema>>,
}

/// Where a kind keeps what its scale subresource shows (dotted, without the leading dot).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScalePaths {
    pub(super) spec: String,
    pub(super) status: String,
    pub(super) selector: String,
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
        let schema: &Schema = self.custom.as_deref().unwrap_or_else(|| builtin());
        schema.root(&self.group, &self.version, &self.kind)
    }

    pub(super) fn not_found(&self, name: &str) -> ApiError {
        ApiError::not_found(&self.group, &self.plural, name)
    }
}

/// Short names, and whether the kind is in category `all` (Kubernetes 1.36).
const SHORT_NAMES: &[(&str, &str, &[&str])] = &[
    ("", "configmaps", &["cm"]),
    ("", "endpoints", &["ep"]),
    ("", "events", &["ev"]),
    ("", "limitranges", &["limits"]),
    ("", "namespaces", &["ns"]),
    ("", "nodes", &["no"]),
    ("", "persistentvolumeclaims", &["pvc"]),
    ("", "persistentvolumes", &["pv"]),
    ("", "pods", &["po"]),
    ("", "replicationcontrollers", &["rc"]),
    ("", "resourcequotas", &["quota"]),
    ("", "serviceaccounts", &["sa"]),
    ("", "services", &["svc"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["crd", "crds"]),
    ("apps", "daemonsets", &["ds"]),
    ("apps", "deployments", &["deploy"]),
    ("apps", "replicasets", &["rs"]),
    ("apps", "statefulsets", &["sts"]),
    ("autoscaling", "horizontalpodautoscalers", &["hpa"]),
    ("batch", "cronjobs", &["cj"]),
    ("certificates.k8s.io", "certificatesigningrequests", &["csr"]),
    ("events.k8s.io", "events", &["ev"]),
    ("networking.k8s.io", "ingresses", &["ing"]),
    ("networking.k8s.io", "networkpolicies", &["netpol"]),
    ("policy", "poddisruptionbudgets", &["pdb"]),
    ("scheduling.k8s.io", "priorityclasses", &["pc"]),
    ("storage.k8s.io", "storageclasses", &["sc"]),
];

/// Kinds in category `all`.
const ALL: [&str; 10] = [
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "horizontalpodautoscalers",
    "cronjobs",
    "jobs",
];

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
    let short = SHORT_NAMES.iter().find(|(group, plural, _)| *group == info.group && *plural == info.plural);
    let scale =
        matches!(info.plural, "deployments" | "replicasets" | "statefulsets" | "replicationcontrollers");
    Served {
        group: info.group.to_owned(),
        version: info.version.to_owned(),
        kind: info.kind.to_owned(),
        plural: info.plural.to_owned(),
        singular: info.kind.to_ascii_lowercase(),
        namespaced: info.namespaced,
        short_names: short
            .map(|(_, _, names)| names.iter().map(|name| (*name).to_owned()).collect())
            .unwrap_or_default(),
        categories: if ALL.contains(&info.plural) { vec!["all".to_owned()] } else { Vec::new() },
        has_status: WITH_STATUS.contains(&info.plural),
        scale: scale.then(|| ScalePaths {
            spec: "spec.replicas".to_owned(),
            status: "status.replicas".to_owned(),
            selector: String::new(),
        }),
        columns: Vec::new(),
        custom: None,
    }
}

fn custom_kind(definition: &Value, version: &Value) -> Option<Served> {
    if bool_at(version, &["served"]) == Some(false) {
        return None;
    }
    let names = at(definition, &["spec", "names"])?;
    let texts = |list: &[Value]| list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    let kind = text_at(names, &["kind"])?;
    let group = text_at(definition, &["spec", "group"])?;
    let version_name = text_at(version, &["name"])?;
    let empty = Value::Null;
    let open_api = at(version, &["schema", "openAPIV3Schema"]).unwrap_or(&empty);
    let scale = at(version, &["subresources", "scale"]).map(|scale| {
        let path = |field: &str| text_at(scale, &[field]).unwrap_or("").trim_start_matches('.').to_owned();
        ScalePaths {
            spec: path("specReplicasPath"),
            status: path("statusReplicasPath"),
            selector: path("labelSelectorPath"),
        }
    });
    Some(Served {
        group: group.to_owned(),
        version: version_name.to_owned(),
        kind: kind.to_owned(),
        plural: text_at(names, &["plural"])?.to_owned(),
        singular: text_at(names, &["singular"]).map_or_else(|| kind.to_ascii_lowercase(), str::to_owned),
        namespaced: text_at(definition, &["spec", "scope"]) == Some("Namespaced"),
        short_names: texts(list_at(names, &["shortNames"])),
        categories: texts(list_at(names, &["categories"])),
        has_status: at(version, &["subresources", "status"]).is_some(),
        scale,
        columns: list_at(version, &["additionalPrinterColumns"]).to_vec(),
        custom: Some(Arc::new(custom_schema(group, version_name, kind, open_api))),
    })
}

impl Served {
    /// A kind that is only created, never stored: the answers about oneself.
    pub(super) fn review(group: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: format!("{}s", kind.to_ascii_lowercase()),
            singular: kind.to_ascii_lowercase(),
            namespaced: false,
            short_names: Vec::new(),
            categories: Vec::new(),
            has_status: false,
            scale: None,
            columns: Vec::new(),
            custom: None,
        }
    }
}
