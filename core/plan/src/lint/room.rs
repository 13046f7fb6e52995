//! Is there room: quotas and nodes, reckoned with what the rollout needs at its largest.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use backstay_object::{Quantity, at, int_at, list_at, text_at};
use serde_json::Value;

use super::{Context, Found, is_workload};
use crate::step::PlannedObject;
use crate::timing::{scaled, spec_path};

/// Amounts by resource, in the thousandths of [`Quantity`].
type Amounts = BTreeMap<String, i128>;

pub(super) fn check(context: &Context<'_>, found: &mut Found) {
    for object in context.all() {
        if is_workload(&object.key.kind) || matches!(object.key.kind.as_str(), "Job" | "Pod") {
            above_nodes(context, object, found);
        }
    }
    let own = context.of_kind("ResourceQuota").map(|object| &object.object);
    for quota in context.facts.quotas.iter().chain(own) {
        quota_fits(context, quota, found);
    }
}

/// What one pod asks for: the sum of its containers, or the largest init container if that is more.
fn pod_amounts(spec: &Value, section: &str) -> Amounts {
    let of = |container: &Value| -> Amounts {
        let requests = at(container, &["resources", section]);
        // A limit without a request is the request.
        let requests = requests.or_else(|| at(container, &["resources", "limits"]));
        let entries = requests.and_then(Value::as_object).into_iter().flatten();
        let mut amounts = Amounts::new();
        amounts.extend(entries.filter_map(|(name, value)| Some((name.clone(), Quantity::of(value)?.0))));
        amounts
    };
    let mut sum = Amounts::new();
    let is_sidecar = |container: &&Value| text_at(container, &["restartPolicy"]) == Some("Always");
    let inits = list_at(spec, &["initContainers"]);
    for container in list_at(spec, &["containers"]).iter().chain(inits.iter().filter(is_sidecar)) {
        for (name, amount) in of(container) {
            *sum.entry(name).or_default() += amount;
        }
    }
    for container in inits.iter().filter(|container| !is_sidecar(container)) {
        for (name, amount) in of(container) {
            let most = sum.entry(name).or_default();
            *most = (*most).max(amount);
        }
    }
    sum
}

fn above_nodes(context: &Context<'_>, object: &PlannedObject, found: &mut Found) {
    let Some(spec) = at(&object.object, spec_path(&object.object)) else { return };
    if context.facts.nodes.is_empty() {
        return;
    }
    let wanted = pod_amounts(spec, "requests");
    let fits = |node: &Value| {
        wanted
            .iter()
            .all(|(name, amount)| node.get(name).and_then(Quantity::of).is_some_and(|room| room.0 >= *amount))
    };
    if !context.facts.nodes.iter().any(fits) {
        let names: alloc::vec::Vec<&str> = wanted.keys().map(String::as_str).collect();
        let message = format!("no node has what one pod requests ({})", names.join(", "));
        found.add(
            "request-above-node",
            object,
            format!("{}.containers[0].resources", spec_path(&object.object).join(".")),
            message,
        );
    }
}

/// How many pods a workload has at most while it rolls.
fn pods_most(object: &PlannedObject, is_upgrade: bool) -> u64 {
    let value = &object.object;
    let number = |field: &str| int_at(value, &["spec", field]).and_then(|number| u64::try_from(number).ok());
    let replicas = number("replicas").unwrap_or(1);
    match object.key.kind.as_str() {
        "Deployment" if is_upgrade && text_at(value, &["spec", "strategy", "type"]) != Some("Recreate") => {
            let rule = |field: &str| at(value, &["spec", "strategy", "rollingUpdate", field]);
            // Where old pods may go first, a quota without room for surplus pods only slows the rollout down.
            let goes_first = scaled(rule("maxUnavailable"), replicas, false) > 0;
            if goes_first { replicas } else { replicas + scaled(rule("maxSurge"), replicas, true) }
        }
        "Job" => number("parallelism").unwrap_or(1),
        "Pod" | "DaemonSet" => 1,
        _ => replicas,
    }
}

fn quota_fits(context: &Context<'_>, quota: &Value, found: &mut Found) {
    // Quotas with scopes count only some pods; nobody can say which without the server.
    if at(quota, &["spec", "scopes"]).is_some() || at(quota, &["spec", "scopeSelector"]).is_some() {
        return;
    }
    let hard = at(quota, &["status", "hard"]).or_else(|| at(quota, &["spec", "hard"]));
    let mut needed = Amounts::new();
    for object in context.workloads().chain(context.of_kind("Job")).chain(context.of_kind("Pod")) {
        let before = context.previous.iter().find(|before| before.key == object.key);
        let pods = i128::from(pods_most(object, before.is_some()));
        // What runs already is in the quota's `used`.
        let old = before.map_or(0, |before| i128::from(pods_most(before, false)));
        count(&object.object, pods, &mut needed);
        if let Some(before) = before {
            count(&before.object, -old, &mut needed);
        }
    }
    let name = text_at(quota, &["metadata", "name"]).unwrap_or("?");
    for (resource, limit) in hard.and_then(Value::as_object).into_iter().flatten() {
        let Some(limit) = Quantity::of(limit) else { continue };
        let used = at(quota, &["status", "used", resource]).and_then(Quantity::of).map_or(0, |used| used.0);
        let plain = if matches!(resource.as_str(), "cpu" | "memory") {
            format!("requests.{resource}")
        } else {
            resource.clone()
        };
        let Some(more) = needed.get(&plain).copied().filter(|more| *more > 0) else { continue };
        if used + more > limit.0
            && let Some(object) = context.workloads().next().or_else(|| context.objects.first())
        {
            let message = format!(
                "quota {name}: {resource} is limited to {}, {} are used and this rollout needs {} more at its largest",
                show(limit.0),
                show(used),
                show(more)
            );
            found.add("quota-exceeded", object, "spec".to_owned(), message);
        }
    }
}

fn count(object: &Value, pods: i128, needed: &mut Amounts) {
    let Some(spec) = at(object, spec_path(object)) else { return };
    *needed.entry("pods".to_owned()).or_default() += pods * ONE;
    for (section, word) in [("requests", "requests"), ("limits", "limits")] {
        for (name, amount) in pod_amounts(spec, section) {
            *needed.entry(format!("{word}.{name}")).or_default() += amount * pods;
        }
    }
}

/// One, in the units of [`Quantity`].
const ONE: i128 = 1000;

fn show(amount: i128) -> String {
    if amount % ONE == 0 { format!("{}", amount / ONE) } else { format!("{amount}m") }
}
