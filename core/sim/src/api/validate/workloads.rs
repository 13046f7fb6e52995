//! Pods, and the kinds with a pod template.

use backstay_object::{Quantity, at, int_at, list_at, map_at, selector_matches, text_at};
use serde_json::{Map, Value};

use super::{FieldError, meta, text};
use crate::api::kinds::Served;
use crate::json::json;

/// Deployment, ReplicaSet, StatefulSet, DaemonSet.
pub(super) fn with_selector(kind: &Served, object: &Value, errors: &mut Vec<FieldError>) {
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        not_negative(object, &["spec", field], &format!("spec.{field}"), errors);
    }
    if kind.kind == "Deployment" {
        let deadline = int_at(object, &["spec", "progressDeadlineSeconds"]);
        let ready = int_at(object, &["spec", "minReadySeconds"]).unwrap_or(0);
        if let Some(deadline) = deadline.filter(|deadline| *deadline <= ready) {
            errors.push(FieldError::invalid(
                "spec.progressDeadlineSeconds",
                &json!(deadline),
                "must be greater than minReadySeconds",
            ));
        }
        rolling_update(object, errors);
    }
    let selector = at(object, &["spec", "selector"]);
    let labels = at(object, &["spec", "template", "metadata", "labels"]);
    let empty = selector.is_some_and(|selector| selector.as_object().is_none_or(Map::is_empty));
    match selector {
        None => errors.push(FieldError::required("spec.selector", "")),
        Some(selector) if empty => {
            errors.push(FieldError::invalid(
                "spec.selector",
                selector,
                "empty selector is invalid for deployment",
            ));
        }
        Some(_) => {}
    }
    let matches = selector.is_some_and(|selector| {
        !empty && selector_matches(selector, at(object, &["spec", "template"]).unwrap_or(&Value::Null))
    });
    if !matches {
        errors.push(FieldError::invalid(
            "spec.template.metadata.labels",
            labels.unwrap_or(&Value::Null),
            "`selector` does not match template `labels`",
        ));
    }
    let claims: Vec<&str> = list_at(object, &["spec", "volumeClaimTemplates"])
        .iter()
        .filter_map(|claim| text_at(claim, &["metadata", "name"]))
        .collect();
    template(object, &["spec", "template"], "spec.template", &claims, errors);
    let policy = text(object, &["spec", "template", "spec", "restartPolicy"]);
    if !policy.is_empty() && policy != "Always" {
        errors.push(FieldError::unsupported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
}

fn rolling_update(object: &Value, errors: &mut Vec<FieldError>) {
    let strategy = text(object, &["spec", "strategy", "type"]);
    let given = at(object, &["spec", "strategy", "rollingUpdate"]);
    match strategy {
        "Recreate" if given.is_some() => errors.push(FieldError::forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        )),
        "Recreate" | "RollingUpdate" | "" => {
            let zero = |field: &str| {
                given
                    .and_then(|given| given.get(field))
                    .is_some_and(|value| *value == json!(0) || *value == json!("0%"))
            };
            if zero("maxSurge") && zero("maxUnavailable") {
                let value = given.and_then(|given| given.get("maxUnavailable")).unwrap_or(&Value::Null);
                errors.push(FieldError::invalid(
                    "spec.strategy.rollingUpdate.maxUnavailable",
                    value,
                    "may not be 0 when `maxSurge` is 0",
                ));
            }
        }
        other => {
            errors.push(FieldError::unsupported("spec.strategy.type", other, &["Recreate", "RollingUpdate"]));
        }
    }
}

fn not_negative(object: &Value, path: &[&str], field: &str, errors: &mut Vec<FieldError>) {
    if let Some(number) = int_at(object, path).filter(|number| *number < 0) {
        errors.push(FieldError::invalid(field, &json!(number), "must be greater than or equal to 0"));
    }
}

pub(super) fn job(object: &Value, errors: &mut Vec<FieldError>) {
    job_spec(object, &["spec"], "spec", errors);
}

pub(super) fn cron_job(object: &Value, errors: &mut Vec<FieldError>) {
    let schedule = text(object, &["spec", "schedule"]);
    if schedule.is_empty() {
        errors.push(FieldError::required("spec.schedule", ""));
    } else if !schedule.starts_with('@') {
        let fields = schedule.split_whitespace().count();
        if fields != 5 {
            errors.push(FieldError::invalid(
                "spec.schedule",
                &json!(schedule),
                &format!(
                    "expected exactly 5 fields, found {fields}: [{}]",
                    schedule.split_whitespace().collect::<Vec<_>>().join(" ")
                ),
            ));
        }
    }
    job_spec(object, &["spec", "jobTemplate", "spec"], "spec.jobTemplate.spec", errors);
}

fn job_spec(object: &Value, path: &[&str], field: &str, errors: &mut Vec<FieldError>) {
    let Some(spec) = at(object, path) else { return };
    for name in
        ["parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"]
    {
        not_negative(spec, &[name], &format!("{field}.{name}"), errors);
    }
    let below = format!("{field}.template");
    template(spec, &["template"], &below, &[], errors);
    // A policy that was left out was already defaulted to Always.
    match text(spec, &["template", "spec", "restartPolicy"]) {
        "OnFailure" | "Never" => {}
        _ => errors.push(FieldError::required(
            format!("{below}.spec.restartPolicy"),
            "valid values: \"OnFailure\", \"Never\"",
        )),
    }
}

pub(super) fn pod(object: &Value, errors: &mut Vec<FieldError>) {
    pod_spec(at(object, &["spec"]).unwrap_or(&Value::Null), "spec", &[], errors);
}

fn template(
    object: &Value,
    path: &[&str],
    field: &str,
    extra_volumes: &[&str],
    errors: &mut Vec<FieldError>,
) {
    let Some(template) = at(object, path) else {
        errors.push(FieldError::required(format!("{field}.spec.containers"), ""));
        return;
    };
    meta::labels(&format!("{field}.labels"), map_at(template, &["metadata", "labels"]), errors);
    let spec = at(template, &["spec"]).unwrap_or(&Value::Null);
    pod_spec(spec, &format!("{field}.spec"), extra_volumes, errors);
}

fn pod_spec(spec: &Value, field: &str, extra_volumes: &[&str], errors: &mut Vec<FieldError>) {
    let mut volumes: Vec<&str> = extra_volumes.to_vec();
    for (index, volume) in list_at(spec, &["volumes"]).iter().enumerate() {
        let name = text_at(volume, &["name"]);
        let place = format!("{field}.volumes[{index}].name");
        if name.is_some_and(|name| volumes.contains(&name)) && !extra_volumes.contains(&name.unwrap_or("")) {
            errors.push(FieldError::duplicate(place, &json!(name)));
        } else {
            meta::label_1123(place, name, errors);
        }
        volumes.extend(name);
    }
    let mut names: Vec<&str> = Vec::new();
    let containers = list_at(spec, &["containers"]);
    if containers.is_empty() {
        errors.push(FieldError::required(format!("{field}.containers"), ""));
    }
    let lists = [("containers", containers), ("initContainers", list_at(spec, &["initContainers"]))];
    for (list, containers) in lists {
        for (index, one) in containers.iter().enumerate() {
            let place = format!("{field}.{list}[{index}]");
            container(one, &place, &volumes, errors);
            match text_at(one, &["name"]).filter(|name| !name.is_empty()) {
                Some(name) if names.contains(&name) => {
                    errors.push(FieldError::duplicate(format!("{place}.name"), &json!(name)));
                }
                name => names.extend(name),
            }
        }
    }
    let policy = text(spec, &["restartPolicy"]);
    if !matches!(policy, "" | "Always" | "OnFailure" | "Never") {
        let allowed = ["Always", "Never", "OnFailure"];
        errors.push(FieldError::unsupported(format!("{field}.restartPolicy"), policy, &allowed));
    }
    not_negative(
        spec,
        &["terminationGracePeriodSeconds"],
        &format!("{field}.terminationGracePeriodSeconds"),
        errors,
    );
}

fn container(container: &Value, place: &str, volumes: &[&str], errors: &mut Vec<FieldError>) {
    meta::label_1123(format!("{place}.name"), text_at(container, &["name"]), errors);
    let image = text(container, &["image"]);
    if image.is_empty() {
        errors.push(FieldError::required(format!("{place}.image"), ""));
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        errors.push(FieldError::invalid(format!("{place}.image"), &json!(image), detail));
    }
    for (index, port) in list_at(container, &["ports"]).iter().enumerate() {
        let field = format!("{place}.ports[{index}].containerPort");
        match int_at(port, &["containerPort"]).unwrap_or(0) {
            0 => errors.push(FieldError::required(field, "")),
            number => port_number(field, number, errors),
        }
        let name = text(port, &["name"]);
        if name.len() > 15 {
            let field = format!("{place}.ports[{index}].name");
            errors.push(FieldError::invalid(field, &json!(name), "must be no more than 15 characters"));
        }
    }
    for (index, variable) in list_at(container, &["env"]).iter().enumerate() {
        if text(variable, &["name"]).is_empty() {
            errors.push(FieldError::required(format!("{place}.env[{index}].name"), ""));
        }
        let both = !text(variable, &["value"]).is_empty() && at(variable, &["valueFrom"]).is_some();
        if both {
            errors.push(FieldError::invalid(
                format!("{place}.env[{index}].valueFrom"),
                &json!(""),
                "may not be specified when `value` is not empty",
            ));
        }
    }
    let mut paths: Vec<&str> = Vec::new();
    for (index, mount) in list_at(container, &["volumeMounts"]).iter().enumerate() {
        let field = format!("{place}.volumeMounts[{index}]");
        let name = text(mount, &["name"]);
        if name.is_empty() {
            errors.push(FieldError::required(format!("{field}.name"), ""));
        } else if !volumes.contains(&name) {
            errors.push(FieldError::missing(format!("{field}.name"), name));
        }
        let path = text(mount, &["mountPath"]);
        if path.is_empty() {
            errors.push(FieldError::required(format!("{field}.mountPath"), ""));
        } else if paths.contains(&path) {
            errors.push(FieldError::invalid(format!("{field}.mountPath"), &json!(path), "must be unique"));
        }
        paths.push(path);
    }
    let policy = text(container, &["imagePullPolicy"]);
    if !matches!(policy, "" | "Always" | "IfNotPresent" | "Never") {
        let allowed = ["Always", "IfNotPresent", "Never"];
        errors.push(FieldError::unsupported(format!("{place}.imagePullPolicy"), policy, &allowed));
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(given) = at(container, &[name]) {
            probe(given, name, &format!("{place}.{name}"), errors);
        }
    }
    resources(container, place, errors);
}

fn probe(probe: &Value, name: &str, place: &str, errors: &mut Vec<FieldError>) {
    let handlers = ["exec", "httpGet", "tcpSocket", "grpc"];
    let given = handlers.iter().filter(|handler| at(probe, &[handler]).is_some()).count();
    if given == 0 {
        errors.push(FieldError::required(place, "must specify a handler type"));
    }
    if given > 1 {
        errors.push(FieldError::forbidden(place, "may not specify more than 1 handler type"));
    }
    for field in
        ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
    {
        not_negative(probe, &[field], &format!("{place}.{field}"), errors);
    }
    if name != "readinessProbe"
        && let Some(number) = int_at(probe, &["successThreshold"]).filter(|number| *number > 1)
    {
        errors.push(FieldError::invalid(format!("{place}.successThreshold"), &json!(number), "must be 1"));
    }
}

fn resources(container: &Value, place: &str, errors: &mut Vec<FieldError>) {
    let limits = map_at(container, &["resources", "limits"]);
    for (name, request) in map_at(container, &["resources", "requests"]).into_iter().flatten() {
        let Some(limit) = limits.and_then(|limits| limits.get(name)) else { continue };
        if Quantity::of(request) > Quantity::of(limit) {
            let limit = limit.as_str().map_or_else(|| limit.to_string(), str::to_owned);
            errors.push(FieldError::invalid(
                format!("{place}.resources.requests"),
                request,
                &format!("must be less than or equal to {name} limit of {limit}"),
            ));
        }
    }
}

/// A port outside 1-65535.
pub(super) fn port_number(field: String, number: i64, errors: &mut Vec<FieldError>) {
    if !(1..=65_535).contains(&number) {
        errors.push(FieldError::invalid(field, &json!(number), "must be between 1 and 65535, inclusive"));
    }
}
