//! Sets of fields, as `managedFields` keeps them (source of the rules: sigs.k8s.io/structured-merge-diff v6 `fieldpath`
//! and `typed`).

use serde_json::{Map, Value};

use crate::api::schema::{Place, Shape};
use crate::ordered;

/// A set of field paths as a tree. Path elements are in their wire form: `f:name`, `k:{"name":"a"}`, `v:"x"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    /// Whether the path that leads here is itself in the set.
    pub(super) owned: bool,
    pub(super) children: ordered::Map<String, FieldSet>,
}

impl FieldSet {
    pub(super) fn from_json(value: &Value) -> Self {
        let mut set = Self::default();
        let Some(map) = value.as_object() else { return set };
        for (element, below) in map {
            if element == "." {
                set.owned = true;
                continue;
            }
            let mut child = Self::from_json(below);
            // A leaf is written as an empty map.
            child.owned |= child.children.is_empty();
            set.children.insert(element.clone(), child);
        }
        set
    }

    pub(super) fn to_json(&self) -> Value {
        let mut map = Map::new();
        if self.owned && !self.children.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (element, child) in &self.children {
            map.insert(element.clone(), child.to_json());
        }
        Value::Object(map)
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.owned && self.children.is_empty()
    }

    pub(super) fn child(&self, element: &str) -> Option<&Self> {
        self.children.get(element)
    }

    pub(super) fn union(&mut self, other: &Self) {
        self.owned |= other.owned;
        for (element, child) in &other.children {
            self.children.or_default(element.clone()).union(child);
        }
    }

    /// Takes away the paths of another set; only exactly those.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.owned &= !other.owned;
        for (element, taken) in &other.children {
            if let Some(child) = self.children.get_mut(element) {
                child.subtract(taken);
                if child.is_empty() {
                    self.children.remove(element);
                }
            }
        }
    }

    /// The paths in both sets.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { owned: self.owned && other.owned, ..Self::default() };
        for (element, child) in &self.children {
            if let Some(theirs) = other.children.get(element) {
                let common = child.intersection(theirs);
                if !common.is_empty() {
                    both.children.insert(element.clone(), common);
                }
            }
        }
        both
    }

    /// Drops a branch, e.g. `["f:metadata", "f:name"]`.
    pub(super) fn cut(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        if rest.is_empty() {
            self.children.remove(*first);
        } else if let Some(child) = self.children.get_mut(*first) {
            child.cut(rest);
            if child.is_empty() {
                self.children.remove(*first);
            }
        }
    }

    /// All paths in the form people read, e.g. `.spec.containers[name="a"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        if self.owned {
            paths.push(prefix.to_owned());
        }
        for (element, child) in &self.children {
            child.collect_paths(&format!("{prefix}{}", readable(element)), paths);
        }
    }
}

fn readable(element: &str) -> String {
    match element.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("v:", value)) => format!("[={value}]"),
        Some(("i:", index)) => format!("[{index}]"),
        Some(("k:", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let parts: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", parts.join(","))
        }
        _ => element.to_owned(),
    }
}

/// The path element of an item of a keyed list. A missing key field counts with its default.
pub(super) fn item_key(place: Place<'_>, keys: &[String], item: &Value) -> String {
    let mut parts = Map::new();
    for key in keys {
        let default = || place.item().known().and_then(|known| known.fields.get(key)?.default.clone());
        if let Some(value) = item.get(key).cloned().or_else(default) {
            parts.insert(key.clone(), value);
        }
    }
    format!("k:{}", Value::Object(parts))
}

/// Items of a list with their path elements.
pub(super) fn elements<'v>(
    place: Place<'_>,
    shape: Shape<'_>,
    items: &'v [Value],
) -> Vec<(String, &'v Value)> {
    items
        .iter()
        .map(|item| match shape {
            Shape::Keyed(keys) => (item_key(place, keys, item), item),
            _ => (format!("v:{item}"), item),
        })
        .collect()
}

/// The fields of a value. With `containers`, maps with free keys are in the set themselves, as updates record them.
pub(super) fn collect(place: Place<'_>, value: &Value, containers: bool) -> FieldSet {
    let mut set = FieldSet::default();
    match (place.shape(value), value) {
        (Shape::Map { known }, Value::Object(map)) => {
            set.owned = map.is_empty() || (containers && known.is_none());
            for (key, item) in map {
                let child = collect(place.entry(key), item, containers);
                set.children.insert(format!("f:{key}"), child);
            }
        }
        (shape @ (Shape::Keyed(_) | Shape::Set), Value::Array(items)) => {
            set.owned = containers || items.is_empty();
            for (element, item) in elements(place, shape, items) {
                let mut child = match shape {
                    Shape::Keyed(_) => collect(place.item(), item, containers),
                    _ => FieldSet::default(),
                };
                child.owned = true;
                set.children.insert(element, child);
            }
        }
        _ => set.owned = true,
    }
    set
}

/// What differs between two states.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Added or modified.
    pub(super) changed: FieldSet,
    pub(super) removed: FieldSet,
}

/// Compares two states of a value.
pub(super) fn compare(place: Place<'_>, old: Option<&Value>, new: Option<&Value>) -> Difference {
    let mut difference = Difference::default();
    match (old, new) {
        (None, None) => {}
        (Some(old), Some(new)) if old == new => {}
        (None, Some(new)) => difference.changed = collect(place, new, true),
        (Some(old), None) => difference.removed = collect(place, old, true),
        (Some(old), Some(new)) => match (place.shape(old), place.shape(new), old, new) {
            (Shape::Map { .. }, Shape::Map { .. }, Value::Object(old), Value::Object(new)) => {
                for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
                    let below = compare(place.entry(key), old.get(key), new.get(key));
                    difference.put(format!("f:{key}"), below);
                }
            }
            (
                shape @ (Shape::Keyed(_) | Shape::Set),
                Shape::Keyed(_) | Shape::Set,
                Value::Array(old),
                Value::Array(new),
            ) => {
                let old: ordered::Map<String, &Value> = elements(place, shape, old).into_iter().collect();
                let new: ordered::Map<String, &Value> = elements(place, shape, new).into_iter().collect();
                let all = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
                for element in all {
                    let (was, is) = (old.get(element).copied(), new.get(element).copied());
                    let mut below = compare(place.item(), was, is);
                    below.changed.owned |= was.is_none();
                    below.removed.owned |= is.is_none();
                    difference.put(element.clone(), below);
                }
            }
            _ => difference.changed.owned = true,
        },
    }
    difference
}

impl Difference {
    fn put(&mut self, element: String, below: Self) {
        if !below.removed.is_empty() {
            self.removed.children.insert(element.clone(), below.removed);
        }
        if !below.changed.is_empty() {
            self.changed.children.insert(element, below.changed);
        }
    }
}
