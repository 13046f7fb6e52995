//! The built-in kinds: where they live in the API and whether they have a namespace.
//!
//! Used where no server can be asked (rendering, planning, the model cluster). Source: API discovery of Kubernetes 1.36.

/// How one kind is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// API group, empty for core.
    pub group: &'static str,
    /// Preferred version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Plural resource name in paths.
    pub plural: &'static str,
    /// Whether objects of this kind live in a namespace.
    pub namespaced: bool,
}

/// The kind of a group, if it is built in.
#[must_use]
pub fn kind_info(group: &str, kind: &str) -> Option<&'static KindInfo> {
    KINDS.iter().find(|info| info.group == group && info.kind == kind)
}

/// The built-in kind behind a group and a plural resource name.
#[must_use]
pub fn kind_info_by_plural(group: &str, plural: &str) -> Option<&'static KindInfo> {
    KINDS.iter().find(|info| info.group == group && info.plural == plural)
}

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
) -> KindInfo {
    KindInfo { group, version, kind, plural, namespaced }
}

/// All built-in kinds.
pub const KINDS: &[KindInfo] = &[
    kind("", "v1", "ConfigMap", "configmaps", true),
    kind("", "v1", "Endpoints", "endpoints", true),
    kind("", "v1", "Event", "events", true),
    kind("", "v1", "LimitRange", "limitranges", true),
    kind("", "v1", "Namespace", "namespaces", false),
    kind("", "v1", "Node", "nodes", false),
    kind("", "v1", "PersistentVolume", "persistentvolumes", false),
    kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    kind("", "v1", "Pod", "pods", true),
    kind("", "v1", "PodTemplate", "podtemplates", true),
    kind("", "v1", "ReplicationController", "replicationcontrollers", true),
    kind("", "v1", "ResourceQuota", "resourcequotas", true),
    kind("", "v1", "Secret", "secrets", true),
    kind("", "v1", "Service", "services", true),
    kind("", "v1", "ServiceAccount", "serviceaccounts", true),
    kind(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        false,
    ),
    kind(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        false,
    ),
    kind(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        false,
    ),
    kind(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    ),
    kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false),
    kind("apiregistration.k8s.io", "v1", "APIService", "apiservices", false),
    kind("apps", "v1", "ControllerRevision", "controllerrevisions", true),
    kind("apps", "v1", "DaemonSet", "daemonsets", true),
    kind("apps", "v1", "Deployment", "deployments", true),
    kind("apps", "v1", "ReplicaSet", "replicasets", true),
    kind("apps", "v1", "StatefulSet", "statefulsets", true),
    kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    kind("batch", "v1", "CronJob", "cronjobs", true),
    kind("batch", "v1", "Job", "jobs", true),
    kind("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", false),
    kind("coordination.k8s.io", "v1", "Lease", "leases", true),
    kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true),
    kind("events.k8s.io", "v1", "Event", "events", true),
    kind("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", "flowschemas", false),
    kind(
        "flowcontrol.apiserver.k8s.io",
        "v1",
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        false,
    ),
    kind("networking.k8s.io", "v1", "Ingress", "ingresses", true),
    kind("networking.k8s.io", "v1", "IngressClass", "ingressclasses", false),
    kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true),
    kind("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", false),
    kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false),
    kind("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false),
    kind("rbac.authorization.k8s.io", "v1", "Role", "roles", true),
    kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true),
    kind("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", false),
    kind("storage.k8s.io", "v1", "CSIDriver", "csidrivers", false),
    kind("storage.k8s.io", "v1", "CSINode", "csinodes", false),
    kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", false),
    kind("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", false),
];
