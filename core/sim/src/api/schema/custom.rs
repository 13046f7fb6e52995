//! The shape of a custom resource, from the `openAPIV3Schema` of its definition.

use backstay_object::{bool_at, list_at, text_at};
use serde_json::Value;

use super::{Field, ListKind, Schema, Struct, Type, builtin};

/// Reads a structural schema. Metadata takes the shape of the built-in kinds.
pub(in crate::api) fn custom_schema(group: &str, version: &str, kind: &str, open_api: &Value) -> Schema {
    let mut schema = Schema::default();
    let root = add_struct(&mut schema, &format!("{group}.{version}.{kind}"), open_api);
    schema.roots.insert((group.to_owned(), version.to_owned(), kind.to_owned()), Type::Struct(root));
    let metadata = import_metadata(&mut schema);
    if let Some(root) = schema.structs.first_mut() {
        root.fields.insert("metadata".to_owned(), Field::of(Type::Struct(metadata)));
        for name in ["apiVersion", "kind"] {
            root.fields.insert(name.to_owned(), Field::of(Type::Text));
        }
    }
    schema
}

fn add_struct(schema: &mut Schema, name: &str, open_api: &Value) -> usize {
    let index = schema.structs.len();
    let mut known = Struct {
        name: name.to_owned(),
        atomic: text_at(open_api, &["x-kubernetes-map-type"]) == Some("atomic"),
        open: bool_at(open_api, &["x-kubernetes-preserve-unknown-fields"]) == Some(true),
        ..Struct::default()
    };
    schema.structs.push(known.clone());
    if let Some(properties) = open_api.get("properties").and_then(Value::as_object) {
        for (key, property) in properties {
            let mut field = Field::of(add_type(schema, key, property));
            field.atomic = text_at(property, &["x-kubernetes-map-type"]) == Some("atomic");
            field.list = list_kind(property);
            field.required = list_at(open_api, &["required"]).iter().any(|name| name == key);
            field.default = property.get("default").cloned();
            known.fields.insert(key.clone(), field);
        }
    }
    if let Some(slot) = schema.structs.get_mut(index) {
        *slot = known;
    }
    index
}

fn list_kind(property: &Value) -> ListKind {
    match text_at(property, &["x-kubernetes-list-type"]) {
        Some("set") => ListKind::Set,
        Some("map") => ListKind::Keyed(
            list_at(property, &["x-kubernetes-list-map-keys"])
                .iter()
                .filter_map(|key| key.as_str().map(str::to_owned))
                .collect(),
        ),
        _ => ListKind::Atomic,
    }
}

fn add_type(schema: &mut Schema, name: &str, property: &Value) -> Type {
    if bool_at(property, &["x-kubernetes-int-or-string"]) == Some(true) {
        return Type::IntOrText;
    }
    match text_at(property, &["type"]) {
        Some("string") => Type::Text,
        Some("integer") => Type::Int64,
        Some("number") => Type::Float,
        Some("boolean") => Type::Bool,
        Some("array") => {
            let items = property.get("items").cloned().unwrap_or(Value::Null);
            Type::List(Box::new(add_type(schema, name, &items)))
        }
        Some("object") => match property.get("additionalProperties") {
            Some(Value::Object(_)) => {
                let element = property.get("additionalProperties").cloned().unwrap_or(Value::Null);
                Type::Map(Box::new(add_type(schema, name, &element)))
            }
            Some(Value::Bool(true)) => Type::Any,
            _ => Type::Struct(add_struct(schema, name, property)),
        },
        _ => Type::Any,
    }
}

/// Copies `ObjectMeta` and what it refers to from the built-in table.
fn import_metadata(schema: &mut Schema) -> usize {
    let source = builtin();
    let position = |name: &str| source.structs.iter().position(|known| known.name == name);
    let index = schema.structs.len();
    let (Some(meta), Some(owner), Some(managed)) = (
        position("meta.v1.ObjectMeta"),
        position("meta.v1.OwnerReference"),
        position("meta.v1.ManagedFieldsEntry"),
    ) else {
        schema.structs.push(Struct { open: true, ..Struct::default() });
        return index;
    };
    for from in [meta, owner, managed] {
        if let Some(known) = source.at(from) {
            schema.structs.push(known.clone());
        }
    }
    let moved = |ty: &Type| match ty {
        Type::List(element) => match **element {
            Type::Struct(from) if from == owner => Type::List(Box::new(Type::Struct(index + 1))),
            Type::Struct(from) if from == managed => Type::List(Box::new(Type::Struct(index + 2))),
            _ => ty.clone(),
        },
        _ => ty.clone(),
    };
    if let Some(meta) = schema.structs.get_mut(index) {
        for field in meta.fields.values_mut() {
            field.ty = moved(&field.ty);
        }
    }
    index
}
