//! Merging an applied configuration into the live object, and taking out what is no longer applied.

use serde_json::Value;

use super::fields::{FieldSet, elements};
use crate::api::schema::{Place, Shape};
use crate::ordered::Map;

/// The live value with the applied one merged in.
pub(super) fn merge(place: Place<'_>, live: &Value, applied: &Value) -> Value {
    match (place.shape(live), place.shape(applied), live, applied) {
        (Shape::Map { .. }, Shape::Map { .. }, Value::Object(live), Value::Object(applied)) => {
            let mut merged = live.clone();
            for (key, value) in applied {
                let value = match live.get(key) {
                    Some(present) => merge(place.entry(key), present, value),
                    None => value.clone(),
                };
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (
            shape @ (Shape::Keyed(_) | Shape::Set),
            Shape::Keyed(_) | Shape::Set,
            Value::Array(live),
            Value::Array(applied),
        ) => merge_lists(place, shape, live, applied),
        _ => applied.clone(),
    }
}

/// Items of the applied list in its order; items only the live list has keep their place between their neighbours.
fn merge_lists(place: Place<'_>, shape: Shape<'_>, live: &[Value], applied: &[Value]) -> Value {
    let live = elements(place, shape, live);
    let applied = elements(place, shape, applied);
    let by_key: Map<&str, &Value> = live.iter().map(|(key, item)| (key.as_str(), *item)).collect();
    let wanted: Map<&str, ()> = applied.iter().map(|(key, _)| (key.as_str(), ())).collect();
    let mut shared =
        applied.iter().map(|(key, _)| key.as_str()).filter(|key| by_key.contains_key(key)).peekable();
    let mut merged = Vec::new();
    let (mut left, mut right) = (live.iter().peekable(), applied.iter().peekable());
    let combined = |key: &str, item: &Value| match by_key.get(key) {
        Some(present) if matches!(shape, Shape::Keyed(_)) => merge(place.item(), present, item),
        _ => item.clone(),
    };
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some((live_key, _)), Some((key, item))) if live_key == key => {
                merged.push(combined(key, item));
                shared.next();
                left.next();
                right.next();
            }
            (Some((live_key, item)), _) if !wanted.contains_key(live_key.as_str()) => {
                merged.push((*item).clone());
                left.next();
            }
            // A shared item out of its order: it comes with the applied list.
            (Some((live_key, _)), _) if shared.peek().is_none_or(|next| *next != live_key.as_str()) => {
                left.next();
            }
            (_, Some((key, item))) => {
                merged.push(combined(key, item));
                if shared.peek().is_some_and(|next| *next == key.as_str()) {
                    shared.next();
                }
                right.next();
            }
            (Some(_), None) => {
                left.next();
            }
        }
    }
    Value::Array(merged)
}

/// Removes what `before` owned and neither `now` nor anybody of `others` owns.
pub(super) fn prune(
    place: Place<'_>,
    value: &mut Value,
    before: &FieldSet,
    now: Option<&FieldSet>,
    others: Option<&FieldSet>,
) {
    let shape = place.shape(value);
    match (shape, value) {
        (Shape::Map { .. }, Value::Object(map)) => {
            for (element, owned) in &before.children {
                let Some(key) = element.strip_prefix("f:") else { continue };
                let Some(item) = map.get_mut(key) else { continue };
                let kept = Kept::of(element, now, others);
                if kept.nowhere()
                    && (owned.owned || !item.is_object())
                    && is_only(place.entry(key), item, owned)
                {
                    map.remove(key);
                    continue;
                }
                prune(place.entry(key), item, owned, kept.now, kept.others);
                if kept.nowhere() && is_hollow(item) {
                    map.remove(key);
                }
            }
        }
        (Shape::Keyed(_) | Shape::Set, Value::Array(items)) => {
            let mut left = Vec::with_capacity(items.len());
            let keys: Vec<String> = elements(place, shape, items).into_iter().map(|(key, _)| key).collect();
            for (element, mut item) in keys.into_iter().zip(std::mem::take(items)) {
                if let Some(owned) = before.child(&element) {
                    let kept = Kept::of(&element, now, others);
                    if kept.nowhere() && owned.owned {
                        continue;
                    }
                    prune(place.item(), &mut item, owned, kept.now, kept.others);
                }
                left.push(item);
            }
            *items = left;
        }
        _ => {}
    }
}

/// Who else has the branch below a path element.
struct Kept<'a> {
    now: Option<&'a FieldSet>,
    others: Option<&'a FieldSet>,
}

impl<'a> Kept<'a> {
    fn of(element: &str, now: Option<&'a FieldSet>, others: Option<&'a FieldSet>) -> Self {
        Self {
            now: now.and_then(|set| set.child(element)),
            others: others.and_then(|set| set.child(element)),
        }
    }

    fn nowhere(&self) -> bool {
        self.now.is_none() && self.others.is_none()
    }
}

/// Whether a value may go as a whole: a leaf, or a container of which every part was owned.
fn is_only(place: Place<'_>, value: &Value, owned: &FieldSet) -> bool {
    match place.shape(value) {
        Shape::Leaf => true,
        _ => owned.owned && owned.children.is_empty(),
    }
}

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
