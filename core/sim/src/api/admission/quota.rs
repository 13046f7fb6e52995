//! `ResourceQuota` (source: Kubernetes `pkg/quota/v1` and `apiserver/plugin/resourcequota`).

use backstay_object::{Quantity, at, list_at, map_at, name, namespace, text_at};
use serde_json::Value;

use crate::api::decode::canonical_quantity;
use crate::api::kinds::Served;
use crate::json::json;
use crate::ordered::Map;
use crate::store::{ApiError, Store, qualified};

/// Amounts in thousandths, by the name a quota has for them.
type Usage = Map<String, i128>;

/// Refuses an object that would take more than a quota leaves.
pub(super) fn check(store: &Store, kind: &Served, object: &Value) -> Result<(), ApiError> {
    if !kind.namespaced {
        return Ok(());
    }
    for quota in store.list("", "ResourceQuota", Some(namespace(object))) {
        if kind.kind == "ResourceQuota" || !in_scope(quota, kind, object) {
            continue;
        }
        let Some(hard) = map_at(quota, &["spec", "hard"]) else { continue };
        let refuse = |why: String| Err(ApiError::forbidden(&kind.group, &kind.plural, name(object), &why));
        if let Some(missing) = missing_amounts(kind, object, hard) {
            return refuse(format!("failed quota: {}: must specify {missing}", name(quota)));
        }
        let wanted = usage_of(kind.stored_group(), &kind.kind, &kind.plural, object);
        let relevant: Vec<&String> = hard.keys().filter(|key| wanted.contains_key(*key)).collect();
        if relevant.is_empty() {
            continue;
        }
        let mut used = Usage::new();
        let present = store.list(kind.stored_group(), &kind.kind, Some(namespace(object)));
        for other in present.filter(|other| in_scope(quota, kind, other)) {
            for (key, amount) in usage_of(kind.stored_group(), &kind.kind, &kind.plural, other) {
                *used.or_default(key) += amount;
            }
        }
        let amount = |usage: &Usage, key: &str| usage.get(key).copied().unwrap_or(0);
        let exceeded: Vec<&String> = relevant
            .into_iter()
            .filter(|key| {
                let limit = hard.get(*key).and_then(Quantity::of).map_or(0, |limit| limit.0);
                amount(&used, key) + amount(&wanted, key) > limit && amount(&wanted, key) > 0
            })
            .collect();
        if !exceeded.is_empty() {
            let list = |text: &dyn Fn(&str) -> String| {
                exceeded.iter().map(|key| format!("{key}={}", text(key))).collect::<Vec<_>>().join(",")
            };
            return refuse(format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                name(quota),
                list(&|key| written(amount(&wanted, key))),
                list(&|key| written(amount(&used, key))),
                list(&|key| hard.get(key).and_then(Value::as_str).unwrap_or("0").to_owned()),
            ));
        }
    }
    Ok(())
}

/// What a quota's namespace takes of each amount the quota limits: its `status.used`.
pub(crate) fn used(store: &Store, quota: &Value) -> Value {
    let mut total = Usage::new();
    for info in backstay_object::KINDS.iter().filter(|info| info.namespaced) {
        for object in store.list(info.group, info.kind, Some(namespace(quota))) {
            let counts = super::super::kinds::of_object(store, object)
                .is_some_and(|kind| in_scope(quota, &kind, object));
            for (key, amount) in
                usage_of(info.group, info.kind, info.plural, object).into_iter().filter(|_| counts)
            {
                *total.or_default(key) += amount;
            }
        }
    }
    let hard = map_at(quota, &["spec", "hard"]).into_iter().flatten();
    hard.map(|(key, _)| (key.clone(), json!(written(total.get(key).copied().unwrap_or(0))))).collect()
}

/// Thousandths as a quantity.
pub(super) fn written(milli: i128) -> String {
    canonical_quantity(&json!(format!("{milli}m"))).unwrap_or_else(|| "0".to_owned())
}

/// A quota with scopes counts only pods of these scopes.
fn in_scope(quota: &Value, kind: &Served, object: &Value) -> bool {
    let scopes = list_at(quota, &["spec", "scopes"]);
    if scopes.is_empty() {
        return true;
    }
    if kind.kind != "Pod" {
        return false;
    }
    let best_effort = text_at(object, &["status", "qosClass"]) == Some("BestEffort");
    let terminating = at(object, &["spec", "activeDeadlineSeconds"]).is_some();
    scopes.iter().all(|scope| match scope.as_str() {
        Some("BestEffort") => best_effort,
        Some("NotBestEffort") => !best_effort,
        Some("Terminating") => terminating,
        Some("NotTerminating") => !terminating,
        _ => true,
    })
}

/// A quota on cpu or memory makes every container say how much of it it wants.
fn missing_amounts(kind: &Served, object: &Value, hard: &serde_json::Map<String, Value>) -> Option<String> {
    if kind.kind != "Pod" {
        return None;
    }
    let mut missing = Vec::new();
    for key in hard.keys() {
        let (field, resource) = match key.as_str() {
            "cpu" | "memory" => ("requests", key.as_str()),
            _ => match key.split_once('.') {
                Some((field @ ("requests" | "limits"), resource @ ("cpu" | "memory"))) => (field, resource),
                _ => continue,
            },
        };
        let without: Vec<&str> = list_at(object, &["spec", "containers"])
            .iter()
            .chain(list_at(object, &["spec", "initContainers"]))
            .filter(|container| at(container, &["resources", field, resource]).is_none())
            .filter_map(|container| text_at(container, &["name"]))
            .collect();
        if !without.is_empty() {
            missing.push(format!("{key} for: {}", without.join(",")));
        }
    }
    (!missing.is_empty()).then(|| missing.join("; "))
}

/// What an object takes.
fn usage_of(group: &str, kind: &str, plural: &str, object: &Value) -> Usage {
    let mut usage = Usage::new();
    usage.insert(format!("count/{}", qualified(plural, group)), 1000);
    if !group.is_empty() {
        return usage;
    }
    match kind {
        "Pod" => {
            if matches!(text_at(object, &["status", "phase"]), Some("Succeeded" | "Failed")) {
                return usage;
            }
            usage.insert("pods".to_owned(), 1000);
            for field in ["requests", "limits"] {
                for resource in ["cpu", "memory", "ephemeral-storage"] {
                    let amount = pod_amount(object, field, resource);
                    usage.insert(format!("{field}.{resource}"), amount);
                    if field == "requests" {
                        usage.insert(resource.to_owned(), amount);
                    }
                }
            }
        }
        "Service" => {
            usage.insert("services".to_owned(), 1000);
            let ports = i128::try_from(list_at(object, &["spec", "ports"]).len()).unwrap_or(0);
            match text_at(object, &["spec", "type"]) {
                Some("NodePort") => {
                    usage.insert("services.nodeports".to_owned(), ports * 1000);
                }
                Some("LoadBalancer") => {
                    usage.insert("services.loadbalancers".to_owned(), 1000);
                    usage.insert("services.nodeports".to_owned(), ports * 1000);
                }
                _ => {}
            }
        }
        "PersistentVolumeClaim" => {
            usage.insert("persistentvolumeclaims".to_owned(), 1000);
            let storage = at(object, &["spec", "resources", "requests", "storage"]).and_then(Quantity::of);
            usage.insert("requests.storage".to_owned(), storage.map_or(0, |storage| storage.0));
        }
        "ConfigMap" | "Secret" | "ReplicationController" | "ResourceQuota" => {
            usage.insert(plural.to_owned(), 1000);
        }
        _ => {}
    }
    usage
}

/// The larger of what all containers want together and what any init container wants.
fn pod_amount(pod: &Value, field: &str, resource: &str) -> i128 {
    let amount = |container: &Value| {
        at(container, &["resources", field, resource]).and_then(Quantity::of).map_or(0, |amount| amount.0)
    };
    let together: i128 = list_at(pod, &["spec", "containers"]).iter().map(amount).sum();
    let first = list_at(pod, &["spec", "initContainers"]).iter().map(amount).max().unwrap_or(0);
    together.max(first)
}
