//! Rules that need one object alone.

use alloc::format;
use alloc::vec::Vec;

use backstay_object::{annotation, at, int_at, list_at, text_at};
use serde_json::Value;

use super::{Context, Found, is_workload, pod_labels, selects};
use crate::hook::HookEvent;
use crate::step::PlannedObject;

pub(super) fn check(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let value = &object.object;
    policy(object, found);
    let given = text_at(value, &["metadata", "namespace"]).unwrap_or_default();
    if !given.is_empty() && !context.namespace.is_empty() && given != context.namespace {
        let message =
            format!("it is always put into namespace {given}; the release is in {}", context.namespace);
        found.add("other-namespace", object, "metadata.namespace", message);
    }
    match object.key.kind.as_str() {
        "Deployment" => deployment(object, found),
        "StatefulSet" | "DaemonSet" => set(context, object, found),
        "Service" => service(object, found),
        "HorizontalPodAutoscaler" => autoscaler(object, found),
        "ConfigMap" => config_map(object, found),
        _ => {}
    }
    if is_workload(&object.key.kind) {
        workload(object, found);
    }
}

fn policy(object: &PlannedObject, found: &mut Found) {
    let field = "metadata.annotations.helm.sh/resource-policy";
    match annotation(&object.object, "helm.sh/resource-policy").map(str::trim) {
        None => {}
        Some(word) if word.eq_ignore_ascii_case("keep") => {
            found.add("resource-policy-keep", object, field, "it outlives the release");
        }
        Some(word) => found.add("resource-policy-unknown", object, field, format!("{word:?} does nothing")),
    }
}

fn workload(object: &PlannedObject, found: &mut Found) {
    let value = &object.object;
    if let Some(selector) = at(value, &["spec", "selector", "matchLabels"])
        && !selects(Some(selector), pod_labels(value))
    {
        found.add(
            "selector-mismatch",
            object,
            "spec.selector.matchLabels",
            format!("{selector} is not in the labels of the pod template"),
        );
    }
    if int_at(value, &["spec", "replicas"]) == Some(0) {
        found.add("zero-replicas", object, "spec.replicas", "replicas is 0");
    }
}

fn is_zero(value: Option<&Value>) -> bool {
    value.is_some_and(|value| {
        value.as_i64() == Some(0) || value.as_str() == Some("0") || value.as_str() == Some("0%")
    })
}

fn deployment(object: &PlannedObject, found: &mut Found) {
    let value = &object.object;
    let rolling = at(value, &["spec", "strategy", "rollingUpdate"]);
    let field = |name: &str| rolling.and_then(|rolling| rolling.get(name));
    if is_zero(field("maxSurge")) && is_zero(field("maxUnavailable")) {
        found.add(
            "no-surge-no-unavailable",
            object,
            "spec.strategy.rollingUpdate",
            "maxSurge and maxUnavailable are 0",
        );
    }
    let one = int_at(value, &["spec", "replicas"]).unwrap_or(1) == 1;
    let all_go = match field("maxUnavailable") {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0) >= 1,
        Some(Value::String(text)) => text == "100%",
        _ => false,
    };
    if one && all_go {
        let path = "spec.strategy.rollingUpdate.maxUnavailable";
        found.add(
            "single-replica-goes-away",
            object,
            path,
            "the only pod may go before the new one is ready",
        );
    }
    let minimum = int_at(value, &["spec", "minReadySeconds"]).unwrap_or(0);
    let deadline = int_at(value, &["spec", "progressDeadlineSeconds"]).unwrap_or(600);
    if deadline <= minimum {
        let message = format!("progressDeadlineSeconds {deadline} is not above minReadySeconds {minimum}");
        found.add("progress-deadline-below-min-ready", object, "spec.progressDeadlineSeconds", message);
    }
}

fn set(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let value = &object.object;
    if text_at(value, &["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        found.add("on-delete-strategy", object, "spec.updateStrategy.type", "updateStrategy is OnDelete");
    }
    if context.facts.force && object.key.kind == "StatefulSet" {
        found.add("force-on-stateful-set", object, "", "it would be deleted and created again");
    }
}

fn service(object: &PlannedObject, found: &mut Found) {
    for (index, port) in list_at(&object.object, &["spec", "ports"]).iter().enumerate() {
        if let Some(number) = int_at(port, &["nodePort"]).filter(|number| *number > 0) {
            found.add(
                "fixed-node-port",
                object,
                format!("spec.ports[{index}].nodePort"),
                format!("nodePort is {number}"),
            );
        }
    }
}

fn autoscaler(object: &PlannedObject, found: &mut Found) {
    let value = &object.object;
    let least = int_at(value, &["spec", "minReplicas"]).unwrap_or(1);
    if let Some(most) = int_at(value, &["spec", "maxReplicas"])
        && (most < least || most < 1)
    {
        let message = format!("minReplicas {least} is above maxReplicas {most}");
        found.add("autoscaler-bounds", object, "spec.maxReplicas", message);
    }
    let old = int_at(value, &["spec", "targetCPUUtilizationPercentage"]);
    if let Some(target) = old.filter(|target| *target < 1) {
        let path = "spec.targetCPUUtilizationPercentage";
        found.add("autoscaler-bounds", object, path, format!("the target is {target}"));
    }
    for (index, metric) in list_at(value, &["spec", "metrics"]).iter().enumerate() {
        let target = int_at(metric, &["resource", "target", "averageUtilization"]);
        if let Some(target) = target.filter(|target| *target < 1) {
            let path = format!("spec.metrics[{index}].resource.target.averageUtilization");
            found.add("autoscaler-bounds", object, path, format!("the target is {target}"));
        }
    }
}

/// Names of values that nobody should read.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
    let words = [
        "password",
        "passwd",
        "secret_key",
        "secretkey",
        "private_key",
        "api_key",
        "apikey",
        "access_key",
        "auth_token",
        "access_token",
    ];
    words.iter().any(|word| name.contains(word)) && !name.ends_with("_file") && !name.ends_with("_path")
}

fn config_map(object: &PlannedObject, found: &mut Found) {
    for (key, value) in object.object.get("data").and_then(Value::as_object).into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        if is_secret_name(key) && !text.trim().is_empty()
            || text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----")
        {
            found.add(
                "secret-in-config-map",
                object,
                format!("data.{key}"),
                format!("{key} looks like a secret"),
            );
        }
    }
}

/// Rules of hooks.
pub(super) fn hook(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let value = &object.object;
    let words = annotation(value, "helm.sh/hook").unwrap_or_default();
    let events: Vec<_> = words.split(',').map(str::trim).collect();
    for word in events.iter().filter(|word| HookEvent::parse(word).is_none()) {
        let path = "metadata.annotations.helm.sh/hook";
        found.add("hook-unknown-event", object, path, format!("{word:?} is no event"));
    }
    if let Some(weight) =
        annotation(value, "helm.sh/hook-weight").filter(|text| text.trim().parse::<i64>().is_err())
    {
        let path = "metadata.annotations.helm.sh/hook-weight";
        found.add("hook-weight-not-a-number", object, path, format!("{weight:?} is no whole number"));
    }
    if annotation(value, "helm.sh/hook-delete-policy").is_none() {
        found.add(
            "hook-without-delete-policy",
            object,
            "metadata.annotations",
            "no helm.sh/hook-delete-policy",
        );
    }
    let kind = object.key.kind.as_str();
    if is_workload(kind) || kind == "Service" {
        found.add("hook-is-workload", object, "kind", format!("a {kind} as a hook is not waited for"));
    }
    if !matches!(kind, "Job" | "Pod") {
        return;
    }
    let deadline = int_at(value, &["spec", "activeDeadlineSeconds"]);
    if deadline.is_none() && annotation(value, "backstay.dev/timeout").is_none() {
        found.add("hook-without-deadline", object, "spec", "no activeDeadlineSeconds");
    }
    if kind == "Job" && int_at(value, &["spec", "backoffLimit"]).is_none() {
        found.add(
            "hook-retries-by-default",
            object,
            "spec",
            "no backoffLimit: it is tried up to seven times",
        );
    }
    let upgrades = events.iter().any(|event| event.ends_with("-upgrade"));
    let comes_back = |hook: &PlannedObject| {
        annotation(&hook.object, "helm.sh/hook").is_some_and(|words| words.contains("-rollback"))
    };
    if upgrades && !context.hooks.iter().any(comes_back) {
        let path = "metadata.annotations.helm.sh/hook";
        found.add(
            "migration-is-not-undone",
            object,
            path,
            "there is no pre-rollback or post-rollback hook for the way back",
        );
    }
}
