//! Rules about objects that belong together.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use backstay_object::{at, int_at, list_at, text_at};
use serde_json::Value;

use super::{Context, Found, pod_labels, selects, twice};
use crate::step::PlannedObject;

pub(super) fn check(context: &Context<'_>, found: &mut Found) {
    for (first, second) in twice(context.objects.iter()) {
        found.add("duplicate-object", second, "", format!("it is also in {}", first.source));
    }
    definitions(context, found);
    context.of_kind("Service").for_each(|object| service(context, object, found));
    context.of_kind("Ingress").for_each(|object| ingress(context, object, found));
    context.of_kind("HorizontalPodAutoscaler").for_each(|object| autoscaler(context, object, found));
    context.of_kind("PodDisruptionBudget").for_each(|object| budget(context, object, found));
    context.of_kind("Deployment").for_each(|object| claims(context, object, found));
    if context.facts.force
        && context.facts.undo
        && let Some(object) = context.objects.first()
    {
        found.add("force-with-undo", object, "", "the rollout replaces by force and may have to go back");
    }
}

fn definitions(context: &Context<'_>, found: &mut Found) {
    for definition in context.of_kind("CustomResourceDefinition") {
        found.add("crd-in-templates", definition, "", "the definition is part of the release");
        let group = text_at(&definition.object, &["spec", "group"]).unwrap_or_default();
        let kind = text_at(&definition.object, &["spec", "names", "kind"]).unwrap_or_default();
        for object in context.all().filter(|object| object.key.group == group && object.key.kind == kind) {
            let message = format!("its definition {} is in the same release", definition.key.name);
            found.add("crd-beside-its-resources", object, "", message);
        }
    }
}

fn service(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let Some(selector) = at(&object.object, &["spec", "selector"])
        .filter(|value| value.as_object().is_some_and(|map| !map.is_empty()))
    else {
        return;
    };
    let is_own = |one: &&PlannedObject| selects(Some(selector), pod_labels(&one.object));
    let is_pod = |one: &&PlannedObject| {
        one.key.kind == "Pod"
            && selects(Some(selector), at(&one.object, &["metadata", "labels"]).and_then(Value::as_object))
    };
    if !context.workloads().any(|one| is_own(&one)) && !context.all().any(|one| is_pod(&one) || is_own(&one))
    {
        found.add(
            "service-selects-nothing",
            object,
            "spec.selector",
            format!("{selector} selects no pod of this chart"),
        );
        return;
    }
    for (index, port) in list_at(&object.object, &["spec", "ports"]).iter().enumerate() {
        let Some(name) = text_at(port, &["targetPort"]).filter(|name| name.parse::<u16>().is_err()) else {
            continue;
        };
        let has = |one: &PlannedObject| {
            let path = crate::timing::spec_path(&one.object);
            let Some(spec) = at(&one.object, path) else { return false };
            let containers = list_at(spec, &["containers"]).iter().chain(list_at(spec, &["initContainers"]));
            containers
                .flat_map(|one| list_at(one, &["ports"]))
                .any(|port| text_at(port, &["name"]) == Some(name))
        };
        if !context.all().filter(|one| is_own(one) || is_pod(one)).any(has) {
            let field = format!("spec.ports[{index}].targetPort");
            found.add(
                "service-port-unknown",
                object,
                field,
                format!("no container of its pods has a port called {name}"),
            );
        }
    }
}

fn ingress(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let backend = |value: &Value| -> Option<String> {
        let name = text_at(value, &["backend", "service", "name"])
            .or_else(|| text_at(value, &["backend", "serviceName"]));
        name.filter(|name| context.lacks("Service", name)).map(ToOwned::to_owned)
    };
    for (rule, one) in list_at(&object.object, &["spec", "rules"]).iter().enumerate() {
        for (path, one) in list_at(one, &["http", "paths"]).iter().enumerate() {
            if let Some(name) = backend(one) {
                let field = format!("spec.rules[{rule}].http.paths[{path}].backend");
                found.add(
                    "ingress-backend-missing",
                    object,
                    field,
                    format!("service/{name} is not in this chart"),
                );
            }
        }
    }
}

fn autoscaler(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let text = |field: &str| text_at(&object.object, &["spec", "scaleTargetRef", field]).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    let Some(target) = context.objects.iter().find(|one| one.key.kind == kind && one.key.name == name) else {
        if context.lacks(kind, name) {
            let message = format!("{}/{name} is not in this chart", kind.to_ascii_lowercase());
            found.add("autoscaler-target-missing", object, "spec.scaleTargetRef", message);
        }
        return;
    };
    if int_at(&target.object, &["spec", "replicas"]).is_some() {
        let message = format!("replicas is set, and {} scales it", object.key);
        found.add("replicas-with-autoscaler", target, "spec.replicas", message);
    }
    let metrics = list_at(&object.object, &["spec", "metrics"]);
    let by_share = int_at(&object.object, &["spec", "targetCPUUtilizationPercentage"]).is_some()
        || metrics.iter().any(|metric| at(metric, &["resource", "target", "averageUtilization"]).is_some());
    let containers = list_at(&target.object, &["spec", "template", "spec", "containers"]);
    let lacks = |container: &&Value| {
        at(container, &["resources", "requests"]).is_none()
            && at(container, &["resources", "limits"]).is_none()
    };
    if let Some(container) = containers.iter().find(lacks).filter(|_| by_share) {
        let name = text_at(container, &["name"]).unwrap_or("?");
        let message =
            format!("it scales by utilization, but container {name} of {} has no requests", target.key);
        found.add("autoscaler-without-requests", object, "spec.metrics", message);
    }
}

fn budget(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let selector = at(&object.object, &["spec", "selector", "matchLabels"]);
    let target = context.workloads().find(|one| selects(selector, pod_labels(&one.object)));
    let Some(target) = target else {
        if selector.is_some() {
            found.add("pdb-selects-nothing", object, "spec.selector", "it selects no pod of this chart");
        }
        return;
    };
    let replicas = int_at(&target.object, &["spec", "replicas"]).unwrap_or(1);
    let number = |field: &str| at(&object.object, &["spec", field]);
    let share = |value: &Value| match value {
        Value::String(text) => text
            .strip_suffix('%')
            .and_then(|text| text.parse::<i64>().ok())
            .map(|percent| (replicas * percent + 99) / 100),
        other => other.as_i64(),
    };
    let allowed = match (number("maxUnavailable").and_then(share), number("minAvailable").and_then(share)) {
        (Some(most), _) => most,
        (None, Some(least)) => replicas - least,
        (None, None) => return,
    };
    if allowed <= 0 && replicas > 0 {
        let message = format!("none of the {replicas} pods of {} may be unavailable", target.key);
        found.add("pdb-blocks", object, "spec", message);
    }
}

/// A Deployment with a volume that only one node can have.
fn claims(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let volumes = list_at(&object.object, &["spec", "template", "spec", "volumes"]);
    for (index, volume) in volumes.iter().enumerate() {
        let Some(name) = text_at(volume, &["persistentVolumeClaim", "claimName"]) else { continue };
        let claim = context
            .objects
            .iter()
            .find(|one| one.key.kind == "PersistentVolumeClaim" && one.key.name == name);
        let modes = claim.map_or(&[][..], |claim| list_at(&claim.object, &["spec", "accessModes"]));
        let is_single = modes.iter().any(|mode| mode == "ReadWriteOnce" || mode == "ReadWriteOncePod")
            && !modes.iter().any(|mode| mode == "ReadWriteMany");
        let field = format!("spec.template.spec.volumes[{index}]");
        if text_at(&object.object, &["spec", "strategy", "type"]) == Some("Recreate") {
            found.add(
                "recreate-with-claim",
                object,
                "spec.strategy.type",
                format!("all pods stop for claim {name}"),
            );
        } else if is_single {
            let message = format!(
                "the claim {name} is ReadWriteOnce and the old pod holds it while the new one starts"
            );
            found.add("rolling-update-with-claim", object, field.clone(), message);
        }
        if is_single && int_at(&object.object, &["spec", "replicas"]).unwrap_or(1) > 1 {
            found.add(
                "claim-template-shared",
                object,
                field,
                format!("several pods share the ReadWriteOnce claim {name}"),
            );
        }
    }
}
