//! Fields that belong to somebody else: named one by one, and on the way back left as they are.

use backstay_core::object::ResourceKey;
use kube::core::Status;
use serde_json::Value;

/// A field of an apply that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contested {
    /// As the server writes it (structured-merge-diff `fieldpath`), e.g. `.spec.replicas`.
    pub(super) path: String,
    /// The other manager.
    pub(super) manager: String,
}

/// The contested fields that a refusal names.
pub(super) fn contested(status: &Status) -> Vec<Contested> {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| Contested {
            path: cause.field.clone(),
            // conflict with "kubectl-edit" using v1 at 2026-01-01T00:00:00Z
            manager: cause.message.split('"').nth(1).unwrap_or("another manager").to_owned(),
        })
        .collect()
}

/// Whether all contested fields belong to a manager.
pub(super) fn all_of(fields: &[Contested], manager: &str) -> bool {
    !fields.is_empty() && fields.iter().all(|field| field.manager == manager)
}

/// The fields in words: `.spec.replicas (kubectl-scale), .data.text (argocd)`.
pub(super) fn named(fields: &[Contested]) -> String {
    let words: Vec<String> =
        fields.iter().map(|field| format!("{} ({})", field.path, field.manager)).collect();
    words.join(", ")
}

/// What a person reads of fields that the way back did not touch.
pub(super) fn left_alone(key: &ResourceKey, fields: &[Contested]) -> String {
    format!("{key} was changed by others meanwhile and keeps what they wrote: {}", named(fields))
}

/// Takes fields out of an object that is to be applied; says whether every one of them was found.
pub(super) fn without(object: &mut Value, fields: &[Contested]) -> bool {
    fields.iter().all(|field| remove(object, &field.path))
}

/// Removes what a path leads to. Names may hold dots themselves, so the longest that fits is tried first.
fn remove(value: &mut Value, path: &str) -> bool {
    match value {
        Value::Object(map) => {
            let Some(rest) = path.strip_prefix('.') else { return false };
            let mut names: Vec<String> =
                map.keys().filter(|name| rest.starts_with(name.as_str())).cloned().collect();
            names.sort_by_key(|name| std::cmp::Reverse(name.len()));
            names.iter().any(|name| match &rest[name.len()..] {
                "" => map.remove(name).is_some(),
                rest if rest.starts_with(['.', '[']) => {
                    map.get_mut(name).is_some_and(|inner| remove(inner, rest))
                }
                _ => false,
            })
        }
        Value::Array(items) => {
            let Some((wanted, rest)) = element(path) else { return false };
            let Some(at) = items.iter().position(|item| wanted.fits(item)) else { return false };
            match rest {
                "" => {
                    items.remove(at);
                    true
                }
                rest => items.get_mut(at).is_some_and(|item| remove(item, rest)),
            }
        }
        _ => false,
    }
}

/// Which element of a list a path means.
enum Element {
    /// The one with these fields: `[containerPort=80,protocol="TCP"]`.
    Keys(Vec<(String, Value)>),
    /// This value itself: `[="x"]`.
    Value(Value),
}

impl Element {
    fn fits(&self, item: &Value) -> bool {
        match self {
            Self::Value(value) => item == value,
            Self::Keys(keys) => keys.iter().all(|(name, value)| match item.get(name) {
                Some(own) => own == value,
                // The one key that the server fills in.
                None => name == "protocol" && value == "TCP",
            }),
        }
    }
}

/// Reads `[…]` at the beginning of a path; what follows it is returned, too.
fn element(path: &str) -> Option<(Element, &str)> {
    let mut rest = path.strip_prefix('[')?;
    let mut keys = Vec::new();
    loop {
        let (name, text) = rest.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let value = values.next()?.ok()?;
        let after = text.get(values.byte_offset()..)?;
        if name.is_empty() {
            return Some((Element::Value(value), after.strip_prefix(']')?));
        }
        keys.push((name.to_owned(), value));
        match after.split_at_checked(1)? {
            (",", more) => rest = more,
            ("]", more) => return Some((Element::Keys(keys), more)),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_own_is_taken_out_and_nothing_else() {
        let object = || {
            json!({
                "metadata": {"annotations": {"backstay.dev/x": "1", "backstay": "2"}, "finalizers": ["a", "b]"]},
                "data": {"a": "1", "a.b": "2"},
                "spec": {"replicas": 3, "containers": [
                    {"name": "web", "image": "x", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]},
                    {"name": "log[0]", "image": "y"}
                ]}
            })
        };
        let check = |path: &str, pointer: &str| {
            let (mut changed, mut expected) = (object(), object());
            let fields = [Contested { path: path.to_owned(), manager: "x".to_owned() }];
            let found = without(&mut changed, &fields);
            assert_eq!(found, !pointer.is_empty(), "{path}");
            if let Some((parent, name)) = pointer.rsplit_once('/') {
                match expected.pointer_mut(parent).unwrap() {
                    Value::Array(items) => drop(items.remove(name.parse().unwrap())),
                    other => drop(other.as_object_mut().unwrap().remove(&name.replace("~1", "/"))),
                }
            }
            assert_eq!(changed, expected, "{path}");
        };
        for (path, pointer) in [
            (".spec.replicas", "/spec/replicas"),
            (".data.a", "/data/a"),
            (".data.a.b", "/data/a.b"),
            (".metadata.annotations.backstay.dev/x", "/metadata/annotations/backstay.dev~1x"),
            (".metadata.finalizers[=\"b]\"]", "/metadata/finalizers/1"),
            (".spec.containers[name=\"web\"].image", "/spec/containers/0/image"),
            (".spec.containers[name=\"log[0]\"]", "/spec/containers/1"),
            (
                ".spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"]",
                "/spec/containers/0/ports/0",
            ),
            (
                ".spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"UDP\"].protocol",
                "/spec/containers/0/ports/1/protocol",
            ),
            (".spec.containers[name=\"gone\"].image", ""),
            (".spec.replicas.more", ""),
            ("spec", ""),
            (".spec.containers[", ""),
        ] {
            check(path, pointer);
        }
    }

    #[test]
    fn a_refusal_names_each_field_with_its_manager() {
        let status: Status = serde_json::from_value(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 409, "reason": "Conflict",
            "message": "Apply failed with 2 conflicts: …",
            "details": {"causes": [
                {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using v1 at 2026-01-01T00:00:00Z", "field": ".data.a"},
                {"reason": "FieldManagerConflict", "message": "conflict with \"helm\" using v1", "field": ".data.b"},
                {"reason": "FieldValueInvalid", "message": "no", "field": "data"}
            ]}
        }))
        .unwrap();
        let fields = contested(&status);
        assert_eq!(named(&fields), ".data.a (kubectl-edit), .data.b (helm)");
        assert!(!all_of(&fields, "helm") && all_of(&fields[1..], "helm") && !all_of(&[], "helm"));
    }
}
