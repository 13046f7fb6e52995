//! What clients are told about a kind beside what it is: short names, categories, the scale subresource, columns.

use backstay_object::{at, list_at, text_at};
use serde_json::Value;

use crate::api::kinds::Served;

/// Where a kind keeps what its scale subresource shows (dotted, without the leading dot).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScalePaths {
    pub(super) spec: String,
    pub(super) status: String,
    pub(super) selector: String,
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

impl Served {
    /// The custom resource definition's names.
    fn own_names(&self) -> Option<&Value> {
        self.definition().and_then(|definition| at(definition, &["spec", "names"]))
    }

    /// What the custom resource definition says about this version.
    fn own_version(&self) -> Option<&Value> {
        let versions = list_at(self.definition()?, &["spec", "versions"]);
        versions.iter().find(|version| text_at(version, &["name"]) == Some(&self.version))
    }

    pub(super) fn singular(&self) -> String {
        let own = self.own_names().and_then(|names| text_at(names, &["singular"]));
        own.map_or_else(|| self.kind.to_ascii_lowercase(), str::to_owned)
    }

    pub(super) fn short_names(&self) -> Vec<&str> {
        match self.own_names() {
            Some(names) => texts(list_at(names, &["shortNames"])),
            None => SHORT_NAMES
                .iter()
                .find(|(group, plural, _)| *group == self.group && *plural == self.plural)
                .map(|(_, _, names)| names.to_vec())
                .unwrap_or_default(),
        }
    }

    pub(super) fn categories(&self) -> Vec<&str> {
        match self.own_names() {
            Some(names) => texts(list_at(names, &["categories"])),
            None if ALL.contains(&self.plural.as_str()) => vec!["all"],
            None => Vec::new(),
        }
    }

    /// Paths of replicas in spec and status and of the selector text, for kinds with a scale subresource.
    pub(super) fn scale(&self) -> Option<ScalePaths> {
        if self.is_custom() {
            let scale = at(self.own_version()?, &["subresources", "scale"])?;
            let path =
                |field: &str| text_at(scale, &[field]).unwrap_or("").trim_start_matches('.').to_owned();
            return Some(ScalePaths {
                spec: path("specReplicasPath"),
                status: path("statusReplicasPath"),
                selector: path("labelSelectorPath"),
            });
        }
        let scales = ["deployments", "replicasets", "statefulsets", "replicationcontrollers"];
        scales.contains(&self.plural.as_str()).then(|| ScalePaths {
            spec: "spec.replicas".to_owned(),
            status: "status.replicas".to_owned(),
            selector: String::new(),
        })
    }

    /// Extra columns of tables, for custom resources.
    pub(super) fn columns(&self) -> &[Value] {
        self.own_version().map_or(&[], |version| list_at(version, &["additionalPrinterColumns"]))
    }
}

fn texts(list: &[Value]) -> Vec<&str> {
    list.iter().filter_map(Value::as_str).collect()
}
