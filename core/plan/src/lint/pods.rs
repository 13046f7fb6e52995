//! Rules of pods and their containers.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

use backstay_object::{Quantity, at, bool_at, int_at, list_at, text_at};
use serde_json::Value;

use super::single::is_secret_name;
use super::{Context, Found, is_workload};
use crate::step::PlannedObject;
use crate::timing::{allowed_ms, liveness_ms, pre_stop_ms, spec_path};

pub(super) fn check(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    if !is_workload(&object.key.kind) && !matches!(object.key.kind.as_str(), "Job" | "Pod" | "CronJob") {
        return;
    }
    let path = spec_path(&object.object);
    let Some(spec) = at(&object.object, path) else { return };
    let prefix = path.join(".");
    let pod = Pod { context, object, spec, prefix: &prefix };
    pod.references(found);
    pod.grace(found);
    for list in ["initContainers", "containers"] {
        for (index, container) in list_at(spec, &[list]).iter().enumerate() {
            let field = format!("{prefix}.{list}[{index}]");
            pod.container(container, &field, found);
            if list == "containers" && is_workload(&object.key.kind) {
                pod.probes(container, &field, found);
            }
        }
    }
}

struct Pod<'a> {
    context: &'a Context<'a>,
    object: &'a PlannedObject,
    spec: &'a Value,
    prefix: &'a str,
}

const PROBES: [&str; 3] = ["readinessProbe", "livenessProbe", "startupProbe"];

impl Pod<'_> {
    fn grace(&self, found: &mut Found) {
        let grace = int_at(self.spec, &["terminationGracePeriodSeconds"]).unwrap_or(30);
        let longest_ms = list_at(self.spec, &["containers"]).iter().map(pre_stop_ms).max().unwrap_or(0);
        if longest_ms > 0 && u64::try_from(grace).is_ok_and(|grace| longest_ms >= grace * 1000) {
            let field = format!("{}.terminationGracePeriodSeconds", self.prefix);
            let message = format!("preStop takes {} s of a grace of {grace} s", longest_ms / 1000);
            found.add("stop-longer-than-grace", self.object, field, message);
        }
    }

    fn references(&self, found: &mut Found) {
        for (index, secret) in list_at(self.spec, &["imagePullSecrets"]).iter().enumerate() {
            let name = text_at(secret, &["name"]).unwrap_or_default();
            if self.context.lacks("Secret", name) {
                let field = format!("{}.imagePullSecrets[{index}]", self.prefix);
                found.add(
                    "pull-secret-missing",
                    self.object,
                    field,
                    format!("secret/{name} is not in this chart"),
                );
            }
        }
        let account =
            text_at(self.spec, &["serviceAccountName"]).filter(|name| !matches!(*name, "" | "default"));
        if let Some(name) = account.filter(|name| self.context.lacks("ServiceAccount", name)) {
            let field = format!("{}.serviceAccountName", self.prefix);
            found.add(
                "service-account-missing",
                self.object,
                field,
                format!("serviceaccount/{name} is not in this chart"),
            );
        }
        for (index, volume) in list_at(self.spec, &["volumes"]).iter().enumerate() {
            let field = format!("{}.volumes[{index}]", self.prefix);
            if let Some(name) = text_at(volume, &["persistentVolumeClaim", "claimName"])
                && self.context.lacks("PersistentVolumeClaim", name)
            {
                let message = format!("persistentvolumeclaim/{name} is not in this chart");
                found.add("claim-missing", self.object, field.clone(), message);
            }
            self.config(at(volume, &["configMap"]), "ConfigMap", "name", &field, found);
            self.config(at(volume, &["secret"]), "Secret", "secretName", &field, found);
        }
    }

    /// A reference to a ConfigMap or Secret that has to be there.
    fn config(
        &self,
        reference: Option<&Value>,
        kind: &str,
        name_field: &str,
        field: &str,
        found: &mut Found,
    ) {
        let Some(reference) = reference else { return };
        let Some(name) = text_at(reference, &[name_field]) else { return };
        if bool_at(reference, &["optional"]) != Some(true) && self.context.lacks(kind, name) {
            let message = format!("{}/{name} is not in this chart", kind.to_ascii_lowercase());
            found.add("config-missing", self.object, field, message);
        }
    }

    fn container(&self, container: &Value, field: &str, found: &mut Found) {
        let name = text_at(container, &["name"]).unwrap_or("?");
        let image = text_at(container, &["image"]).unwrap_or_default();
        if !image.is_empty() && is_moving(image) {
            found.add(
                "image-latest",
                self.object,
                format!("{field}.image"),
                format!("container {name} uses {image}"),
            );
        }
        if text_at(container, &["imagePullPolicy"]) == Some("Never") {
            found.add(
                "image-pull-never",
                self.object,
                format!("{field}.imagePullPolicy"),
                format!("container {name} is never pulled"),
            );
        }
        self.resources(container, name, field, found);
        let mut seen = BTreeSet::new();
        for (index, variable) in list_at(container, &["env"]).iter().enumerate() {
            let key = text_at(variable, &["name"]).unwrap_or_default();
            let place = format!("{field}.env[{index}]");
            if !seen.insert(key) {
                found.add(
                    "duplicate-env",
                    self.object,
                    place.clone(),
                    format!("{key} is set twice in container {name}"),
                );
            }
            let value = text_at(variable, &["value"]).unwrap_or_default();
            if is_secret_name(key) && !value.trim().is_empty() && !value.contains("$(") {
                found.add(
                    "secret-in-env",
                    self.object,
                    place.clone(),
                    format!("{key} of container {name} looks like a secret"),
                );
            }
            self.config(at(variable, &["valueFrom", "configMapKeyRef"]), "ConfigMap", "name", &place, found);
            self.config(at(variable, &["valueFrom", "secretKeyRef"]), "Secret", "name", &place, found);
        }
        for (index, from) in list_at(container, &["envFrom"]).iter().enumerate() {
            let place = format!("{field}.envFrom[{index}]");
            self.config(at(from, &["configMapRef"]), "ConfigMap", "name", &place, found);
            self.config(at(from, &["secretRef"]), "Secret", "name", &place, found);
        }
    }

    fn resources(&self, container: &Value, name: &str, field: &str, found: &mut Found) {
        let requests = at(container, &["resources", "requests"]).and_then(Value::as_object);
        let limits = at(container, &["resources", "limits"]).and_then(Value::as_object);
        if requests.is_none_or(serde_json::Map::is_empty) && limits.is_none_or(serde_json::Map::is_empty) {
            found.add(
                "no-requests",
                self.object,
                field,
                format!("container {name} has no resources.requests"),
            );
        }
        for (resource, request) in requests.into_iter().flatten() {
            let limit = limits.and_then(|limits| limits.get(resource));
            if let (Some(request), Some(limit)) = (Quantity::of(request), limit.and_then(Quantity::of))
                && request > limit
            {
                let place = format!("{field}.resources.requests.{resource}");
                found.add(
                    "request-above-limit",
                    self.object,
                    place,
                    format!("container {name} requests more {resource} than its limit"),
                );
            }
        }
    }

    fn probes(&self, container: &Value, field: &str, found: &mut Found) {
        let name = text_at(container, &["name"]).unwrap_or("?");
        let probe = |kind: &str| container.get(kind).filter(|probe| probe.is_object());
        if probe("readinessProbe").is_none() {
            found.add(
                "no-readiness-probe",
                self.object,
                field,
                format!("container {name} has no readinessProbe"),
            );
        }
        if probe("livenessProbe").is_none() {
            found.add(
                "no-liveness-probe",
                self.object,
                field,
                format!("container {name} has no livenessProbe"),
            );
        }
        for kind in PROBES {
            let Some(probe) = probe(kind) else { continue };
            let place = format!("{field}.{kind}");
            self.probe(container, kind, probe, &place, found);
        }
        let (Some(liveness), Some(readiness)) = (probe("livenessProbe"), probe("readinessProbe")) else {
            return;
        };
        let place = format!("{field}.livenessProbe");
        if liveness == readiness {
            found.add(
                "same-liveness-and-readiness",
                self.object,
                place.clone(),
                format!("both probes of container {name} ask the same"),
            );
        }
        if probe("startupProbe").is_none()
            && let (Some(kills_ms), Some(allows_ms)) = (liveness_ms(container), allowed_ms(container))
            && kills_ms < allows_ms
        {
            let message = format!(
                "container {name} is restarted after {} s without an answer, but may take {} s to become ready",
                kills_ms / 1000,
                allows_ms / 1000
            );
            found.add("liveness-stricter-than-readiness", self.object, place, message);
        }
    }

    fn probe(&self, container: &Value, kind: &str, probe: &Value, place: &str, found: &mut Found) {
        let period = int_at(probe, &["periodSeconds"]).unwrap_or(10);
        let timeout = int_at(probe, &["timeoutSeconds"]).unwrap_or(1);
        if timeout > period {
            let message = format!("{kind}: timeoutSeconds {timeout} is above periodSeconds {period}");
            found.add("probe-timeout-above-period", self.object, place, message);
        }
        if kind != "readinessProbe"
            && let Some(successes) = int_at(probe, &["successThreshold"]).filter(|number| *number != 1)
        {
            let message = format!("{kind}: successThreshold is {successes}");
            found.add("probe-success-threshold", self.object, place, message);
        }
        for action in ["httpGet", "tcpSocket"] {
            let Some(port) = probe.get(action).and_then(|action| text_at(action, &["port"])) else {
                continue;
            };
            let known =
                list_at(container, &["ports"]).iter().any(|own| text_at(own, &["name"]) == Some(port));
            if !known && port.parse::<u16>().is_err() {
                found.add(
                    "probe-port-unknown",
                    self.object,
                    format!("{place}.{action}.port"),
                    format!("no port is called {port}"),
                );
            }
        }
    }
}

/// No tag, or `latest`, and no digest.
fn is_moving(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let last: &str = image.rsplit('/').next().unwrap_or(image);
    let tag: Option<String> = last.split_once(':').map(|(_, tag)| tag.into());
    tag.is_none_or(|tag| tag == "latest")
}
