//! APIs that are deprecated or gone (<https://kubernetes.io/docs/reference/using-api/deprecation-guide/>).

use alloc::format;

use super::{Context, Found};
use crate::step::PlannedObject;

/// Group and version, kind (empty: all), minor version that deprecates it, minor version without it, replacement.
const OLD: &[(&str, &str, u32, u32, &str)] = &[
    ("extensions/v1beta1", "Ingress", 14, 22, "networking.k8s.io/v1"),
    ("extensions/v1beta1", "PodSecurityPolicy", 11, 16, "Pod Security admission"),
    ("extensions/v1beta1", "NetworkPolicy", 9, 16, "networking.k8s.io/v1"),
    ("extensions/v1beta1", "", 9, 16, "apps/v1"),
    ("apps/v1beta1", "", 9, 16, "apps/v1"),
    ("apps/v1beta2", "", 9, 16, "apps/v1"),
    ("networking.k8s.io/v1beta1", "", 19, 22, "networking.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", "", 17, 22, "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1alpha1", "", 17, 22, "rbac.authorization.k8s.io/v1"),
    ("apiextensions.k8s.io/v1beta1", "", 16, 22, "apiextensions.k8s.io/v1"),
    ("admissionregistration.k8s.io/v1beta1", "", 16, 22, "admissionregistration.k8s.io/v1"),
    ("apiregistration.k8s.io/v1beta1", "", 19, 22, "apiregistration.k8s.io/v1"),
    ("certificates.k8s.io/v1beta1", "", 19, 22, "certificates.k8s.io/v1"),
    ("coordination.k8s.io/v1beta1", "", 19, 22, "coordination.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", "", 14, 22, "scheduling.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity", 24, 27, "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "", 19, 22, "storage.k8s.io/v1"),
    ("batch/v1beta1", "CronJob", 21, 25, "batch/v1"),
    ("discovery.k8s.io/v1beta1", "", 21, 25, "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", "", 19, 25, "events.k8s.io/v1"),
    ("policy/v1beta1", "PodDisruptionBudget", 21, 25, "policy/v1"),
    ("policy/v1beta1", "PodSecurityPolicy", 21, 25, "Pod Security admission"),
    ("node.k8s.io/v1beta1", "", 22, 25, "node.k8s.io/v1"),
    ("autoscaling/v2beta1", "", 22, 25, "autoscaling/v2"),
    ("autoscaling/v2beta2", "", 23, 26, "autoscaling/v2"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "", 23, 26, "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", "", 26, 29, "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", "", 29, 32, "flowcontrol.apiserver.k8s.io/v1"),
];

/// The version that is assumed where nobody said one: what current charts meet.
const ASSUMED_MINOR: u32 = 36;

pub(super) fn check(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let version = object.key.api_version();
    let kind = &object.key.kind;
    let entry = OLD.iter().find(|(old, of, ..)| *old == version && (of.is_empty() || of == kind));
    let Some((_, _, deprecated, removed, instead)) = entry else { return };
    let minor = context.facts.kubernetes.map_or(ASSUMED_MINOR, |(_, minor)| minor);
    let message = |what: &str, since: u32| {
        format!("{version} {kind} is {what} since Kubernetes 1.{since}: use {instead}")
    };
    if minor >= *removed {
        found.add("removed-api", object, "apiVersion", message("gone", *removed));
    } else if minor >= *deprecated {
        found.add("deprecated-api", object, "apiVersion", message("deprecated", *deprecated));
    }
}
