//! `cargo xtask types`: the TypeScript types of every call, made from the core's JSON Schema.
//!
//! One file serves the npm package and the page. It is checked in; a test fails when it is not what the schema says.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::paths;

/// What the types are made from.
const SCHEMA: &str = "docs/schemas/calls.schema.json";
/// Where they go.
const TYPES: &str = "embed/node/calls.d.ts";
/// Lines are broken where they would be longer.
const WIDTH: usize = 110;

/// Writes the types.
pub(crate) fn run() -> anyhow::Result<()> {
    let path = paths::repository().join(TYPES);
    fs::write(&path, types()?).with_context(|| format!("{}: cannot be written", path.display()))?;
    println!("    wrote {TYPES}");
    Ok(())
}

/// The text of the types' file.
fn types() -> anyhow::Result<String> {
    let path = paths::repository().join(SCHEMA);
    let schema = fs::read(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let schema: Value = serde_json::from_slice(&schema).with_context(|| SCHEMA.to_owned())?;
    let mut text = format!("// Made by `cargo xtask types` from {SCHEMA}. Not to be edited by hand.\n");
    for (name, part) in schema["$defs"].as_object().context("the schema has no $defs")? {
        let meaning = part["description"].as_str().with_context(|| format!("{name} has no description"))?;
        let body = type_of(part, 0).with_context(|| name.clone())?;
        let is_interface = part.get("properties").is_some();
        let declared = if is_interface {
            format!("export interface {name} {body}")
        } else {
            let before = if body.starts_with('\n') { "" } else { " " };
            format!("export type {name} ={before}{body};")
        };
        write!(text, "\n/** {meaning} */\n{declared}\n")?;
    }
    text.push_str("\n/** What each call takes and gives. */\nexport interface Calls {\n");
    for call in schema["oneOf"].as_array().context("the schema lists no calls")? {
        let part = |name: &str| &call["properties"][name];
        let name = part("call")["const"].as_str().context("a call has no name")?;
        let (input, ok) = (type_of(part("input"), 2)?, type_of(part("ok"), 2)?);
        writeln!(text, "  {name:?}: {{ input: {input}; ok: {ok} }};")?;
    }
    text.push_str("}\n\n/** The calls of the table. */\nexport type CallName = keyof Calls;\n");
    Ok(text)
}

/// The type of a schema; `indent` is how far the line it stands in is.
fn type_of(schema: &Value, indent: usize) -> anyhow::Result<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let name =
            target.strip_prefix("#/$defs/").with_context(|| format!("{target}: not of this schema"))?;
        return Ok(name.to_owned());
    }
    for either in ["oneOf", "anyOf"] {
        if let Some(parts) = schema[either].as_array() {
            let parts = parts.iter().map(|part| type_of(part, indent + 2)).collect::<Result<Vec<_>, _>>()?;
            return Ok(union(&parts, indent));
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return Ok(union(&words.iter().map(Value::to_string).collect::<Vec<_>>(), indent));
    }
    if let Some(word) = schema.get("const") {
        return Ok(word.to_string());
    }
    match &schema["type"] {
        Value::Null => Ok("unknown".to_owned()),
        Value::String(name) => plain(name, schema, indent),
        Value::Array(names) => {
            let parts = names.iter().filter_map(Value::as_str).map(|name| plain(name, schema, indent));
            Ok(union(&parts.collect::<Result<Vec<_>, _>>()?, indent))
        }
        other => bail!("type {other} is not understood"),
    }
}

/// Alternatives, one a line where they are many.
fn union(parts: &[String], indent: usize) -> String {
    let line = parts.join(" | ");
    if line.len() + indent <= WIDTH && !line.contains('\n') {
        return line;
    }
    let before = format!("\n{}| ", " ".repeat(indent + 2));
    parts.iter().fold(String::new(), |text, part| text + &before + part)
}

/// A type with a name of its own in JSON Schema.
fn plain(name: &str, schema: &Value, indent: usize) -> anyhow::Result<String> {
    Ok(match name {
        "string" | "boolean" | "null" => name.to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => {
            let item = type_of(&schema["items"], indent)?;
            match schema["maxItems"].as_u64() {
                Some(length) if schema["minItems"] == length => {
                    format!("[{}]", vec![item.as_str(); usize::try_from(length)?].join(", "))
                }
                _ if item.contains('|') => format!("({item})[]"),
                _ => format!("{item}[]"),
            }
        }
        "object" => match (schema["properties"].as_object(), &schema["additionalProperties"]) {
            (Some(properties), more) => object(properties, schema, *more == true, indent)?,
            (None, Value::Object(_)) => {
                format!("Record<string, {}>", type_of(&schema["additionalProperties"], indent)?)
            }
            (None, _) => "Record<string, unknown>".to_owned(),
        },
        other => bail!("type {other} is not understood"),
    })
}

fn object(
    properties: &Map<String, Value>,
    schema: &Value,
    is_open: bool,
    indent: usize,
) -> anyhow::Result<String> {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut fields = Vec::new();
    // What tells the forms of a union apart comes first, what may be absent last.
    let rank =
        |name: &str, part: &Value| (part.get("const").is_none(), !required.iter().any(|one| one == name));
    let mut properties: Vec<(&String, &Value)> = properties.iter().collect();
    properties.sort_by_key(|(name, part)| rank(name, part));
    for (name, part) in properties {
        let mark = if required.iter().any(|one| one == name) { "" } else { "?" };
        let field = format!("{name}{mark}: {};", type_of(part, indent + 2)?);
        fields.push((part["description"].as_str(), field));
    }
    if is_open {
        fields.push((None, "[name: string]: unknown;".to_owned()));
    }
    let line = fields.iter().map(|(_, field)| field.as_str()).collect::<Vec<_>>().join(" ");
    let is_short = fields.iter().all(|(meaning, _)| meaning.is_none()) && !line.contains('\n');
    if is_short && indent > 0 && line.len() + indent <= WIDTH {
        return Ok(format!("{{ {} }}", line.trim_end_matches(';')));
    }
    let before = " ".repeat(indent + 2);
    let mut text = "{\n".to_owned();
    for (meaning, field) in fields {
        if let Some(meaning) = meaning {
            writeln!(text, "{before}/** {meaning} */")?;
        }
        writeln!(text, "{before}{field}")?;
    }
    Ok(format!("{text}{}}}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_types_are_those_of_the_schema() -> anyhow::Result<()> {
        let kept = fs::read_to_string(paths::repository().join(TYPES)).unwrap_or_default();
        assert!(kept == types()?, "{TYPES} is not what {SCHEMA} says: `cargo xtask types` writes it");
        Ok(())
    }

    #[test]
    fn every_form_has_its_type() -> anyhow::Result<()> {
        for (schema, expected) in [
            (json!({}), "unknown"),
            (json!({"type": "integer", "minimum": 0}), "number"),
            (json!({"type": ["string", "null"]}), "string | null"),
            (json!({"enum": ["a", 3]}), "\"a\" | 3"),
            (json!({"const": "a"}), "\"a\""),
            (json!({"$ref": "#/$defs/Plan"}), "Plan"),
            (json!({"anyOf": [{"$ref": "#/$defs/Plan"}, {"type": "null"}]}), "Plan | null"),
            (json!({"type": "array", "items": {"type": "string"}}), "string[]"),
            (json!({"type": "array", "items": {"enum": ["a", "b"]}}), "(\"a\" | \"b\")[]"),
            (
                json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
                "[number, number]",
            ),
            (json!({"type": "object"}), "Record<string, unknown>"),
            (
                json!({"type": "object", "additionalProperties": {"type": "boolean"}}),
                "Record<string, boolean>",
            ),
            (
                json!({"type": "object", "required": ["a"], "properties": {"a": {}, "b": {"type": "string"}}}),
                "{ a: unknown; b?: string }",
            ),
        ] {
            assert_eq!(type_of(&schema, 2)?, expected, "{schema}");
        }
        assert!(type_of(&json!({"type": "what"}), 0).is_err());
        assert!(type_of(&json!({"$ref": "other.json"}), 0).is_err());
        Ok(())
    }
}
