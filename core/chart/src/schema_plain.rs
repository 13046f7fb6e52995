//! Whether a schema is one, seen at a glance: nearly all are, and checking them against a metaschema takes longer than checking
//! values against them. What is not seen here is checked in full (`schema_meta.rs`), for its words.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::formats;

/// What a keyword may hold.
#[derive(Clone, Copy)]
enum Shape {
    Anything,
    Text,
    Flag,
    Number,
    Count,
    List,
    /// A type or several.
    Type,
    /// Different names.
    Names,
    /// A reference into the same schema.
    Reference,
    /// The name of a draft.
    Draft,
    Pattern,
    Schema,
    Schemas,
    SchemasByName,
    SchemasByPattern,
    /// What another draft has, or too seldom to be looked at here.
    Other,
}

/// How deep schemas may lie in one another.
const DEEP: usize = 60;

/// What the metaschemas say of a keyword; others may hold anything.
fn shape(keyword: &str, draft: u16) -> Shape {
    let since = |first: u16, shape: Shape| if draft >= first { shape } else { Shape::Other };
    match keyword {
        "default" => Shape::Anything,
        "const" => since(6, Shape::Anything),
        "title" | "description" | "format" => Shape::Text,
        "$comment" => since(7, Shape::Text),
        "uniqueItems" => Shape::Flag,
        "readOnly" | "writeOnly" => since(7, Shape::Flag),
        "deprecated" => since(2019, Shape::Flag),
        "minimum" | "maximum" => Shape::Number,
        "exclusiveMinimum" | "exclusiveMaximum" => since(6, Shape::Number),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
            Shape::Count
        }
        "examples" => since(6, Shape::List),
        "type" => Shape::Type,
        "required" | "enum" => Shape::Names,
        "$ref" => Shape::Reference,
        "$schema" => Shape::Draft,
        "pattern" => Shape::Pattern,
        "not" | "items" | "additionalProperties" => Shape::Schema,
        "contains" | "propertyNames" => since(6, Shape::Schema),
        "if" | "then" | "else" => since(7, Shape::Schema),
        "allOf" | "anyOf" | "oneOf" => Shape::Schemas,
        "properties" | "definitions" => Shape::SchemasByName,
        "$defs" => since(2019, Shape::SchemasByName),
        "patternProperties" => Shape::SchemasByPattern,
        "$anchor"
        | "$dynamicAnchor"
        | "$dynamicRef"
        | "$id"
        | "$recursiveAnchor"
        | "$recursiveRef"
        | "$vocabulary"
        | "additionalItems"
        | "contentEncoding"
        | "contentMediaType"
        | "contentSchema"
        | "dependencies"
        | "dependentRequired"
        | "dependentSchemas"
        | "id"
        | "maxContains"
        | "minContains"
        | "multipleOf"
        | "prefixItems"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Shape::Other,
        _ => Shape::Anything,
    }
}

/// Whether it is certainly a schema of its draft.
pub(crate) fn is_plain(schema: &Value, draft: u16) -> bool {
    is_schema(schema, draft, DEEP)
}

fn is_schema(schema: &Value, draft: u16, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else { return false };
    match schema {
        Value::Object(rules) => {
            rules.iter().all(|(keyword, value)| fits(shape(keyword, draft), value, draft, below))
        }
        // Draft 4 has them in few places.
        Value::Bool(_) => draft >= 6,
        _ => false,
    }
}

fn fits(shape: Shape, value: &Value, draft: u16, depth: usize) -> bool {
    let all = |schemas: &Map<String, Value>| schemas.values().all(|schema| is_schema(schema, draft, depth));
    match (shape, value) {
        (Shape::Anything, _)
        | (Shape::Text, Value::String(_))
        | (Shape::Flag, Value::Bool(_))
        | (Shape::Number, Value::Number(_))
        | (Shape::List, Value::Array(_)) => true,
        (Shape::Count, Value::Number(number)) => number.is_u64(),
        (Shape::Type, Value::String(name)) => is_type(name),
        (Shape::Type, Value::Array(names)) => {
            different(names) && names.iter().filter_map(Value::as_str).all(is_type)
        }
        (Shape::Names, Value::Array(names)) => different(names),
        (Shape::Reference, Value::String(reference)) => {
            let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"/_-.".contains(&letter);
            reference.strip_prefix('#').is_some_and(|rest| rest.bytes().all(plain))
        }
        (Shape::Draft, Value::String(name)) => {
            let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"/-.".contains(&letter);
            let rest = name.strip_prefix("http://").or_else(|| name.strip_prefix("https://"));
            rest.is_some_and(|rest| {
                rest.starts_with("json-schema.org/") && rest.trim_end_matches('#').bytes().all(plain)
            })
        }
        (Shape::Pattern, Value::String(pattern)) => is_pattern(pattern),
        (Shape::Schema, schema) => is_schema(schema, draft, depth),
        (Shape::Schemas, Value::Array(schemas)) => {
            !schemas.is_empty() && schemas.iter().all(|schema| is_schema(schema, draft, depth))
        }
        (Shape::SchemasByName, Value::Object(schemas)) => all(schemas),
        (Shape::SchemasByPattern, Value::Object(schemas)) => {
            schemas.keys().all(|pattern| is_pattern(pattern)) && all(schemas)
        }
        _ => false,
    }
}

fn is_type(name: &str) -> bool {
    ["null", "boolean", "number", "integer", "string", "array", "object"].contains(&name)
}

fn is_pattern(pattern: &str) -> bool {
    formats::check("regex", pattern).is_ok()
}

/// Whether these are different texts, at least one.
fn different(names: &[Value]) -> bool {
    let mut known = BTreeSet::new();
    !names.is_empty() && names.iter().all(|name| name.as_str().is_some_and(|name| known.insert(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema_meta;

    /// A keyword with something that may or may not fit, in every draft: what is plain is a schema in full, too.
    #[test]
    fn what_is_plain_is_a_schema() {
        let values = [
            json!(null),
            json!(true),
            json!(1),
            json!(-1),
            json!(1.5),
            json!("text"),
            json!("string"),
            json!("#/definitions/a"),
            json!("#/%zz"),
            json!("(a"),
            json!("http://json-schema.org/schema#"),
            json!("http://[json-schema.org/"),
            json!([]),
            json!(["a", "a"]),
            json!(["string"]),
            json!(["string", "null"]),
            json!(["string", "string"]),
            json!([1, 2]),
            json!([{}]),
            json!([true]),
            json!({}),
            json!({"a": {}}),
            json!({"(": {}}),
            json!({"a": true}),
            json!({"a": 1}),
            json!({"type": "none"}),
            json!({"a": {"type": "object", "properties": {"b": {"type": 1}}}}),
        ];
        let mut counts = [0, 0];
        for draft in [4, 6, 7, 2019, 2020] {
            for keyword in schema_meta::keywords(draft).iter().map(String::as_str).chain(["own"]) {
                for value in &values {
                    let schema = json!({ keyword: value });
                    let plain = is_plain(&schema, draft);
                    if plain {
                        assert_eq!(schema_meta::check_in_full(&schema, draft), Ok(()), "{draft} {schema}");
                    }
                    counts[usize::from(plain)] += 1;
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
    }

    /// A keyword that only a metaschema knows would be taken for one that may hold anything.
    #[test]
    fn no_keyword_is_missing() {
        for draft in [4, 6, 7, 2019, 2020] {
            for keyword in schema_meta::keywords(draft) {
                let known = matches!(keyword.as_str(), "default" | "const");
                let is_any = matches!(shape(&keyword, draft), Shape::Anything);
                assert_eq!(is_any, known, "{draft} {keyword}");
            }
        }
    }

    #[test]
    fn a_plain_one() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "form": true,
            "required": ["a"],
            "properties": {
                "a": {"type": ["string", "null"], "pattern": "^a+$", "description": "an a", "default": ""},
                "b": {"$ref": "#/definitions/b"},
            },
            "definitions": {"b": {"anyOf": [{"minimum": 1}, {"enum": ["x", "y"]}]}},
        });
        assert!(is_plain(&schema, 7));
    }
}
