//! Services, claims, autoscalers and the other kinds charts bring.

use backstay_object::{at, int_at, list_at, map_at, text_at};
use serde_json::Value;

use super::{FieldError, text, workloads::port_number};

use crate::json::json;

/// What data of a ConfigMap or Secret may weigh together.
const DATA_LIMIT: usize = 1_048_576;

pub(super) fn service(object: &Value, errors: &mut Vec<FieldError>) {
    let ports = list_at(object, &["spec", "ports"]);
    let kind = text(object, &["spec", "type"]);
    if kind == "ExternalName" {
        if text(object, &["spec", "externalName"]).is_empty() {
            errors.push(FieldError::required("spec.externalName", ""));
        }
    } else if ports.is_empty() && text(object, &["spec", "clusterIP"]) != "None" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    let mut names: Vec<&str> = Vec::new();
    let mut numbers: Vec<(i64, &str)> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let place = format!("spec.ports[{index}]");
        let name = text(port, &["name"]);
        if name.is_empty() && ports.len() > 1 {
            errors.push(FieldError::required(format!("{place}.name"), ""));
        } else if !name.is_empty() && names.contains(&name) {
            errors.push(FieldError::duplicate(format!("{place}.name"), &json!(name)));
        }
        names.push(name);
        let number = int_at(port, &["port"]).unwrap_or(0);
        port_number(format!("{place}.port"), number, errors);
        if let Some(target) = int_at(port, &["targetPort"]) {
            port_number(format!("{place}.targetPort"), target, errors);
        }
        let pair = (number, text(port, &["protocol"]));
        if numbers.contains(&pair) {
            let value = json!({"port": number, "protocol": pair.1});
            errors.push(FieldError::duplicate(place.clone(), &value));
        }
        numbers.push(pair);
        if kind == "ClusterIP" && int_at(port, &["nodePort"]).unwrap_or(0) != 0 {
            errors.push(FieldError::forbidden(
                format!("{place}.nodePort"),
                "may not be used when `type` is 'ClusterIP'",
            ));
        }
    }
    let allowed = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !allowed.contains(&kind) {
        errors.push(FieldError::unsupported("spec.type", kind, &allowed));
    }
}

pub(super) fn claim(object: &Value, errors: &mut Vec<FieldError>) {
    if list_at(object, &["spec", "accessModes"]).is_empty() {
        errors.push(FieldError::required("spec.accessModes", "at least 1 access mode is required"));
    }
    if at(object, &["spec", "resources", "requests", "storage"]).is_none() {
        errors.push(FieldError::required("spec.resources[storage]", ""));
    }
}

/// ConfigMap and Secret: keys and weight.
pub(super) fn data(object: &Value, errors: &mut Vec<FieldError>) {
    let mut weight = 0;
    for field in ["data", "binaryData"] {
        for (key, value) in map_at(object, &[field]).into_iter().flatten() {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            if key.is_empty() || !key.bytes().all(good) {
                errors.push(FieldError::invalid(
                    format!("{field}[{key}]"),
                    &json!(key),
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
                ));
            }
            weight += value.as_str().map_or(0, str::len);
        }
    }
    if text(object, &["kind"]) == "Secret" {
        // The limit is on what is encoded: three bytes in four.
        if weight / 4 * 3 > DATA_LIMIT {
            errors.push(FieldError::too_long("data", DATA_LIMIT));
        }
    } else if weight > DATA_LIMIT {
        errors.push(FieldError::too_long("[]", DATA_LIMIT));
    }
}

pub(super) fn autoscaler(object: &Value, errors: &mut Vec<FieldError>) {
    let min = int_at(object, &["spec", "minReplicas"]).unwrap_or(1);
    let max = int_at(object, &["spec", "maxReplicas"]).unwrap_or(0);
    if min < 1 {
        errors.push(FieldError::invalid(
            "spec.minReplicas",
            &json!(min),
            "must be greater than or equal to 1",
        ));
    }
    if max == 0 {
        errors.push(FieldError::required("spec.maxReplicas", "must be set and greater than 0"));
    } else if max < 0 {
        errors.push(FieldError::invalid(
            "spec.maxReplicas",
            &json!(max),
            "must be greater than or equal to 1",
        ));
    }
    if max < min {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid("spec.maxReplicas", &json!(max), detail));
    }
    for field in ["kind", "name"] {
        if text(object, &["spec", "scaleTargetRef", field]).is_empty() {
            errors.push(FieldError::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
    if text(object, &["spec", "scaleTargetRef", "apiVersion"]).is_empty() {
        errors.push(FieldError::invalid(
            "spec.scaleTargetRef.apiVersion",
            &json!(""),
            "apiVersion must specify API group",
        ));
    }
    for (index, metric) in list_at(object, &["spec", "metrics"]).iter().enumerate() {
        autoscaler_metric(metric, &format!("spec.metrics[{index}]"), errors);
    }
}

fn autoscaler_metric(metric: &Value, place: &str, errors: &mut Vec<FieldError>) {
    let field = match text(metric, &["type"]) {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        "" => {
            errors.push(FieldError::required(format!("{place}.type"), "must specify a metric source type"));
            return;
        }
        other => {
            let known = ["ContainerResource", "External", "Object", "Pods", "Resource"];
            errors.push(FieldError::unsupported(format!("{place}.type"), other, &known));
            return;
        }
    };
    let Some(source) = metric.get(field) else {
        let detail = "must populate information for the given metric source";
        errors.push(FieldError::required(format!("{place}.{field}"), detail));
        return;
    };
    let target = format!("{place}.{field}.target");
    if let Some(percent) = int_at(source, &["target", "averageUtilization"]).filter(|percent| *percent < 1) {
        errors.push(FieldError::invalid(
            format!("{target}.averageUtilization"),
            &json!(percent),
            "must be greater than 0",
        ));
    }
    for name in ["averageValue", "value"] {
        let amount = at(source, &["target", name]).and_then(backstay_object::Quantity::of);
        if amount.is_some_and(|amount| amount.0 <= 0) {
            let value = at(source, &["target", name]).unwrap_or(&Value::Null);
            errors.push(FieldError::invalid(format!("{target}.{name}"), value, "must be positive"));
        }
    }
}

pub(super) fn ingress(object: &Value, errors: &mut Vec<FieldError>) {
    let rules = list_at(object, &["spec", "rules"]);
    if rules.is_empty() && at(object, &["spec", "defaultBackend"]).is_none() {
        errors.push(FieldError::invalid(
            "spec",
            &Value::Null,
            "either `defaultBackend` or `rules` must be specified",
        ));
    }
    for (index, rule) in rules.iter().enumerate() {
        for (at_path, path) in list_at(rule, &["http", "paths"]).iter().enumerate() {
            let place = format!("spec.rules[{index}].http.paths[{at_path}]");
            let kind = text(path, &["pathType"]);
            let written = text(path, &["path"]);
            match kind {
                "" => errors
                    .push(FieldError::required(format!("{place}.pathType"), "pathType must be specified")),
                "Exact" | "Prefix" if !written.starts_with('/') => {
                    errors.push(FieldError::invalid(
                        format!("{place}.path"),
                        &json!(written),
                        "must be an absolute path",
                    ));
                }
                "Exact" | "Prefix" | "ImplementationSpecific" => {}
                other => errors.push(FieldError::unsupported(
                    format!("{place}.pathType"),
                    other,
                    &["Exact", "ImplementationSpecific", "Prefix"],
                )),
            }
            if text(path, &["backend", "service", "name"]).is_empty()
                && at(path, &["backend", "resource"]).is_none()
            {
                errors.push(FieldError::required(format!("{place}.backend.service.name"), ""));
            }
        }
    }
}

pub(super) fn disruption_budget(object: &Value, errors: &mut Vec<FieldError>) {
    let given =
        ["minAvailable", "maxUnavailable"].iter().filter(|field| at(object, &["spec", field]).is_some());
    if given.count() > 1 {
        let spec = at(object, &["spec"]).unwrap_or(&Value::Null);
        errors.push(FieldError::invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
    }
}

pub(super) fn definition(object: &Value, errors: &mut Vec<FieldError>) {
    let expected =
        format!("{}.{}", text(object, &["spec", "names", "plural"]), text(object, &["spec", "group"]));
    let name = backstay_object::name(object);
    if name != expected {
        errors.push(FieldError::invalid(
            "metadata.name",
            &json!(name),
            "must be spec.names.plural+\".\"+spec.group",
        ));
    }
    let versions = list_at(object, &["spec", "versions"]);
    let stored = versions
        .iter()
        .filter(|version| backstay_object::bool_at(version, &["storage"]) == Some(true))
        .count();
    if stored != 1 {
        errors.push(FieldError::invalid(
            "spec.versions",
            &json!(versions.iter().filter_map(|version| text_at(version, &["name"])).collect::<Vec<_>>()),
            "must have exactly one version marked as storage version",
        ));
    }
    for (index, version) in versions.iter().enumerate() {
        if at(version, &["schema", "openAPIV3Schema"]).is_none() {
            errors.push(FieldError::required(
                format!("spec.versions[{index}].schema.openAPIV3Schema"),
                "schemas are required",
            ));
        }
    }
}

pub(super) fn role_binding(object: &Value, errors: &mut Vec<FieldError>) {
    if text(object, &["roleRef", "name"]).is_empty() {
        errors.push(FieldError::required("roleRef.name", ""));
    }
    let kind = text(object, &["roleRef", "kind"]);
    if !matches!(kind, "Role" | "ClusterRole") {
        errors.push(FieldError::unsupported("roleRef.kind", kind, &["ClusterRole", "Role"]));
    }
}
