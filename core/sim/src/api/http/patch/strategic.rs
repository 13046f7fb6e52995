//! Strategic merge patch (source of the rules: k8s.io/apimachinery `util/strategicpatch`).

use serde_json::{Map, Value};

use crate::api::schema::Place;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Merges a patch into a value. Lists with a merge key are merged item by item.
pub(in crate::api) fn strategic_merge(place: Place<'_>, target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            let mut whole = patch.clone();
            whole.remove(DIRECTIVE);
            *target = Value::Object(whole);
            return;
        }
        Some("delete") => {
            *target = Value::Null;
            return;
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    if let Some(kept) = patch.get(RETAIN_KEYS).and_then(Value::as_array) {
        map.retain(|key, _| kept.iter().any(|one| one.as_str() == Some(key)));
    }
    for (key, value) in patch {
        if key == DIRECTIVE || key == RETAIN_KEYS || key.starts_with(ORDER) {
            continue;
        }
        if let Some(list) = key.strip_prefix(DELETE_FROM) {
            if let (Some(Value::Array(items)), Some(gone)) = (map.get_mut(list), value.as_array()) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if value.is_null() {
            map.remove(key);
            continue;
        }
        merge_entry(place.entry(key), map, key, value);
    }
    reorder(place, map, patch);
}

fn merge_entry(place: Place<'_>, map: &mut Map<String, Value>, key: &str, value: &Value) {
    match (value, merge_key(place)) {
        (Value::Array(items), Some(merge_key)) => {
            let present = map.entry(key.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(present) = present {
                merge_list(place, merge_key, present, items);
            } else {
                *present = value.clone();
            }
        }
        (Value::Object(_), _) => {
            let present = map.entry(key.to_owned()).or_insert(Value::Null);
            strategic_merge(place, present, value);
            if present.is_null() {
                map.remove(key);
            }
        }
        _ => {
            map.insert(key.to_owned(), value.clone());
        }
    }
}

fn merge_key<'s>(place: Place<'s>) -> Option<&'s str> {
    place.field().and_then(|field| field.merge_key.as_deref())
}

fn merge_list(place: Place<'_>, key: &str, present: &mut Vec<Value>, items: &[Value]) {
    if items.iter().any(|item| item.get(DIRECTIVE).and_then(Value::as_str) == Some("replace")) {
        *present = items.iter().filter(|item| item.get(DIRECTIVE).is_none()).cloned().collect();
        return;
    }
    if key.is_empty() {
        for item in items {
            if !present.contains(item) {
                present.push(item.clone());
            }
        }
        return;
    }
    for item in items {
        let found = present.iter().position(|other| other.get(key) == item.get(key));
        match (item.get(DIRECTIVE).and_then(Value::as_str), found) {
            (Some("delete"), Some(index)) => {
                present.remove(index);
            }
            (Some("delete"), None) => {}
            (_, Some(index)) => {
                if let Some(other) = present.get_mut(index) {
                    strategic_merge(place.item(), other, item);
                }
            }
            (_, None) => {
                let mut fresh = Value::Object(Map::new());
                strategic_merge(place.item(), &mut fresh, item);
                present.push(fresh);
            }
        }
    }
}

/// `$setElementOrder/LIST`: items named there come in that order; others keep their place before their successor.
fn reorder(place: Place<'_>, map: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (directive, order) in patch {
        let Some(list) = directive.strip_prefix(ORDER) else { continue };
        let (Some(Value::Array(items)), Some(order)) = (map.get_mut(list), order.as_array()) else {
            continue;
        };
        let key = merge_key(place.entry(list)).unwrap_or("");
        let id = |item: &Value| if key.is_empty() { Some(item.clone()) } else { item.get(key).cloned() };
        let wanted: Vec<Option<Value>> = order.iter().map(id).collect();
        let rank = |item: &Value| wanted.iter().position(|one| *one == id(item));
        let mut ranked: Vec<Value> = items.iter().filter(|item| rank(item).is_some()).cloned().collect();
        ranked.sort_by_key(|item| rank(item));
        let mut ranked = ranked.into_iter();
        for item in items.iter_mut().filter(|item| rank(item).is_some()) {
            if let Some(next) = ranked.next() {
                *item = next;
            }
        }
    }
}
