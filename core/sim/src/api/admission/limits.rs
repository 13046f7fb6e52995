//! `LimitRange` (source: Kubernetes `plugin/pkg/admission/limitranger`).

use backstay_object::{Quantity, at, list_at, map_at, namespace, set_at, text_at};
use serde_json::{Map, Value};

use crate::api::kinds::Served;
use crate::ordered;
use crate::store::{ApiError, Store};

/// Gives containers the limits and requests a `LimitRange` has for them.
pub(super) fn fill_in(store: &Store, pod: &mut Value) {
    let ranges: Vec<_> = store.list("", "LimitRange", Some(namespace(pod))).cloned().collect();
    for limit in ranges.iter().flat_map(|range| list_at(range, &["spec", "limits"])) {
        if text_at(limit, &["type"]) != Some("Container") {
            continue;
        }
        for list in ["containers", "initContainers"] {
            let Some(Value::Array(containers)) = backstay_object::at_mut(pod, &["spec", list]) else {
                continue;
            };
            for container in containers {
                for (from, to) in [("default", "limits"), ("defaultRequest", "requests")] {
                    for (name, amount) in map_at(limit, &[from]).into_iter().flatten() {
                        if at(container, &["resources", to, name]).is_none() {
                            set_at(container, &["resources", to, name], amount.clone());
                        }
                    }
                }
            }
        }
    }
}

/// Refuses what lies outside a `LimitRange`.
pub(super) fn check(store: &Store, kind: &Served, object: &Value) -> Result<(), ApiError> {
    let is_pod = kind.stored_group().is_empty() && kind.kind == "Pod";
    let is_claim = kind.stored_group().is_empty() && kind.kind == "PersistentVolumeClaim";
    if !is_pod && !is_claim {
        return Ok(());
    }
    let mut errors = Vec::new();
    for range in store.list("", "LimitRange", Some(namespace(object))) {
        for limit in list_at(range, &["spec", "limits"]) {
            match text_at(limit, &["type"]) {
                Some("Container") if is_pod => {
                    for container in list_at(object, &["spec", "containers"]) {
                        bounds(
                            limit,
                            "Container",
                            &amounts(container, "requests"),
                            &amounts(container, "limits"),
                            &mut errors,
                        );
                    }
                }
                Some("Pod") if is_pod => {
                    let (requests, limits) = (pod_amounts(object, "requests"), pod_amounts(object, "limits"));
                    bounds(limit, "Pod", &requests, &limits, &mut errors);
                }
                Some("PersistentVolumeClaim") if is_claim => {
                    let empty = Map::new();
                    let requests = map_at(object, &["spec", "resources", "requests"]).unwrap_or(&empty);
                    let requests = to_quantities(requests);
                    bounds(limit, "PersistentVolumeClaim", &requests, &requests, &mut errors);
                }
                _ => {}
            }
        }
    }
    let why = match errors.as_slice() {
        [] => return Ok(()),
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    Err(ApiError::forbidden(&kind.group, &kind.plural, backstay_object::name(object), &why))
}

type Amounts = ordered::Map<String, (Quantity, String)>;

fn to_quantities(map: &Map<String, Value>) -> Amounts {
    map.iter()
        .filter_map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some((name.clone(), (Quantity::of(value)?, text)))
        })
        .collect()
}

fn amounts(container: &Value, field: &str) -> Amounts {
    map_at(container, &["resources", field]).map(to_quantities).unwrap_or_default()
}

fn pod_amounts(pod: &Value, field: &str) -> Amounts {
    let mut total = Amounts::new();
    for container in list_at(pod, &["spec", "containers"]) {
        for (name, (amount, _)) in amounts(container, field) {
            let sum = total.get(&name).map_or(0, |(sum, _)| sum.0) + amount.0;
            total.insert(name, (Quantity(sum), super::quota::written(sum)));
        }
    }
    total
}

fn bounds(limit: &Value, what: &str, requests: &Amounts, limits: &Amounts, errors: &mut Vec<String>) {
    let given = |field: &str| map_at(limit, &[field]).map(to_quantities).unwrap_or_default();
    for (name, (bound, text)) in given("min") {
        let head = format!("minimum {name} usage per {what} is {text}");
        match (requests.get(&name), limits.get(&name)) {
            (None, _) => errors.push(format!("{head}.  No request is specified")),
            (Some((amount, found)), _) if *amount < bound => {
                errors.push(format!("{head}, but request is {found}"))
            }
            (_, Some((amount, found))) if *amount < bound => {
                errors.push(format!("{head}, but limit is {found}"))
            }
            _ => {}
        }
    }
    for (name, (bound, text)) in given("max") {
        let head = format!("maximum {name} usage per {what} is {text}");
        let word = if what == "PersistentVolumeClaim" { "request" } else { "limit" };
        match (requests.get(&name), limits.get(&name)) {
            (_, None) => errors.push(format!("{head}.  No limit is specified")),
            (_, Some((amount, found))) if *amount > bound => {
                errors.push(format!("{head}, but {word} is {found}"))
            }
            (Some((amount, found)), _) if *amount > bound => {
                errors.push(format!("{head}, but request is {found}"))
            }
            _ => {}
        }
    }
}
