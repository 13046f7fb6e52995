//! OpenAPI documents, made from the table of shapes: enough for kubectl's and Helm's validation and for `explain`.

use backstay_object::text_at;
use serde_json::{Map, Value, json};

use crate::api::KUBERNETES_VERSION;
use crate::api::kinds::served;
use crate::api::request::{Request, Response};
use crate::api::schema::{Field, ListKind, Schema, Struct, Type, builtin};
use crate::store::Store;

/// `/openapi/v2` and `/openapi/v3…`; `None` for other paths.
pub(super) fn handle(store: &Store, request: &Request, segments: &[&str]) -> Option<Response> {
    if request.method != "GET" {
        return None;
    }
    match segments {
        ["openapi", "v2"] => Some(Response::json(200, version_2(store))),
        ["openapi", "v3"] => Some(Response::json(200, index(store))),
        ["openapi", "v3", "api", version] => Some(version_3(store, "", version)),
        ["openapi", "v3", "apis", group, version] => Some(version_3(store, group, version)),
        _ => None,
    }
}

fn index(store: &Store) -> Value {
    let mut paths = Map::new();
    for kind in served(store) {
        let path = if kind.group.is_empty() {
            format!("api/{}", kind.version)
        } else {
            format!("apis/{}/{}", kind.group, kind.version)
        };
        // The hash changes with the definitions, so that clients that cache see new custom resources.
        let url = format!("/openapi/v3/{path}?hash={}", definitions_hash(store));
        paths.insert(path, json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

fn definitions_hash(store: &Store) -> String {
    let texts: Vec<String> = store
        .list("apiextensions.k8s.io", "CustomResourceDefinition", None)
        .map(|definition| text_at(definition, &["metadata", "resourceVersion"]).unwrap_or("").to_owned())
        .collect();
    let mixed = texts
        .iter()
        .flat_map(|text| text.bytes())
        .fold(1469, |sum, byte| crate::store::mix(sum, u64::from(byte)));
    format!("{mixed:016X}")
}

const REFERENCE_2: &str = "#/definitions/";
const REFERENCE_3: &str = "#/components/schemas/";

fn version_2(store: &Store) -> Value {
    let mut definitions = Map::new();
    add_schema(&mut definitions, builtin(), REFERENCE_2, |_| true);
    for kind in served(store).iter().filter(|kind| kind.is_custom()) {
        let mut schema = custom_definition(store, &kind.group, &kind.version, &kind.kind);
        mark(&mut schema, &kind.group, &kind.version, &kind.kind);
        definitions.insert(format!("{}.{}.{}", kind.group, kind.version, kind.kind), schema);
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES_VERSION},
        "paths": {},
        "definitions": definitions,
    })
}

fn version_3(store: &Store, group: &str, version: &str) -> Response {
    let kinds: Vec<_> =
        served(store).into_iter().filter(|kind| kind.group == group && kind.version == version).collect();
    if kinds.is_empty() {
        return Response::page_not_found();
    }
    let mut schemas = Map::new();
    let mut paths = Map::new();
    add_schema(&mut schemas, builtin(), REFERENCE_3, |_| true);
    for kind in &kinds {
        if kind.is_custom() {
            let mut schema = custom_definition(store, group, version, &kind.kind);
            mark(&mut schema, group, version, &kind.kind);
            schemas.insert(format!("{group}.{version}.{}", kind.kind), schema);
        }
        let root =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let place = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
        let identity = json!({"group": group, "version": version, "kind": kind.kind});
        let operation = |action: &str| {
            json!({
                "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": identity,
                "parameters": [
                    {"name": "dryRun", "in": "query", "schema": {"type": "string"}},
                    {"name": "fieldManager", "in": "query", "schema": {"type": "string"}},
                    {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"description": "OK"}},
            })
        };
        paths.insert(
            format!("{root}{place}/{}", kind.plural),
            json!({"get": operation("list"), "post": operation("post")}),
        );
        paths.insert(
            format!("{root}{place}/{}/{{name}}", kind.plural),
            json!({"get": operation("get"), "put": operation("put"), "patch": operation("patch"), "delete": operation("delete")}),
        );
    }
    Response::json(
        200,
        json!({
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": KUBERNETES_VERSION},
            "paths": paths,
            "components": {"schemas": schemas},
        }),
    )
}

fn custom_definition(store: &Store, group: &str, version: &str, kind: &str) -> Value {
    store
        .list("apiextensions.k8s.io", "CustomResourceDefinition", None)
        .filter(|definition| {
            text_at(definition, &["spec", "group"]) == Some(group)
                && text_at(definition, &["spec", "names", "kind"]) == Some(kind)
        })
        .flat_map(|definition| backstay_object::list_at(definition, &["spec", "versions"]))
        .find(|entry| text_at(entry, &["name"]) == Some(version))
        .and_then(|entry| backstay_object::at(entry, &["schema", "openAPIV3Schema"]).cloned())
        .unwrap_or_else(|| json!({"type": "object"}))
}

fn mark(schema: &mut Value, group: &str, version: &str, kind: &str) {
    if let Some(map) = schema.as_object_mut() {
        map.insert(
            "x-kubernetes-group-version-kind".to_owned(),
            json!([{"group": group, "version": version, "kind": kind}]),
        );
    }
}

fn add_schema(
    target: &mut Map<String, Value>,
    schema: &Schema,
    prefix: &str,
    wanted: impl Fn(&Struct) -> bool,
) {
    for known in schema.structs.iter().filter(|known| wanted(known)) {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, field) in &known.fields {
            properties.insert(name.clone(), field_schema(schema, field, prefix));
            if field.required {
                required.push(json!(name));
            }
        }
        let mut definition = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            definition["required"] = Value::Array(required);
        }
        if known.atomic {
            definition["x-kubernetes-map-type"] = json!("atomic");
        }
        target.insert(definition_name(&known.name), definition);
    }
    for ((group, version, kind), ty) in &schema.roots {
        if let Type::Struct(index) = ty
            && let Some(known) = schema.at(*index)
            && let Some(definition) = target.get_mut(&definition_name(&known.name))
        {
            mark(definition, group, version, kind);
        }
    }
}

/// `apps.v1.Deployment` is `io.k8s.api.apps.v1.Deployment` to clients.
fn definition_name(name: &str) -> String {
    if name.starts_with("meta.") {
        format!("io.k8s.apimachinery.pkg.apis.{name}")
    } else {
        format!("io.k8s.api.{name}")
    }
}

fn field_schema(schema: &Schema, field: &Field, prefix: &str) -> Value {
    let mut result = type_schema(schema, &field.ty, prefix);
    if let Some(map) = result.as_object_mut() {
        match &field.list {
            ListKind::Keyed(keys) => {
                map.insert("x-kubernetes-list-type".to_owned(), json!("map"));
                map.insert("x-kubernetes-list-map-keys".to_owned(), json!(keys));
            }
            ListKind::Set => {
                map.insert("x-kubernetes-list-type".to_owned(), json!("set"));
            }
            ListKind::Atomic => {}
        }
        if let Some(key) = &field.merge_key {
            map.insert("x-kubernetes-patch-strategy".to_owned(), json!("merge"));
            if !key.is_empty() {
                map.insert("x-kubernetes-patch-merge-key".to_owned(), json!(key));
            }
        }
    }
    result
}

fn type_schema(schema: &Schema, ty: &Type, prefix: &str) -> Value {
    match ty {
        Type::Text | Type::Quantity => json!({"type": "string"}),
        Type::Bytes => json!({"type": "string", "format": "byte"}),
        Type::Time => json!({"type": "string", "format": "date-time"}),
        Type::Int32 => json!({"type": "integer", "format": "int32"}),
        Type::Int64 => json!({"type": "integer", "format": "int64"}),
        Type::Float => json!({"type": "number"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::IntOrText => json!({"type": "string", "format": "int-or-string"}),
        Type::Any => json!({"type": "object"}),
        Type::Struct(index) => match schema.at(*index) {
            Some(known) => json!({"$ref": format!("{prefix}{}", definition_name(&known.name))}),
            None => json!({"type": "object"}),
        },
        Type::List(element) => json!({"type": "array", "items": type_schema(schema, element, prefix)}),
        Type::Map(element) => {
            json!({"type": "object", "additionalProperties": type_schema(schema, element, prefix)})
        }
    }
}
