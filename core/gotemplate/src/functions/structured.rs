//! YAML and JSON (Helm v4.3 `pkg/engine/funcs.go`, Sprig v3.3.0 `defaults.go`). TOML is in `toml`.

use backstay_yaml::{WriteError, read, to_yaml, to_yaml_pretty};

use super::arguments::{any, text};
use super::json::{self, Style};
use super::json_read;
use crate::data::ValueBuilder;
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::value::{Elements, List, Map, MapType, Value};

const ANY: &[Parameter] = &[Parameter::Any];
const TEXT: &[Parameter] = &[Parameter::Text];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "toYaml", parameters: ANY, variadic: None, call: yaml },
    Function { name: "mustToYaml", parameters: ANY, variadic: None, call: must_yaml },
    Function { name: "toYamlPretty", parameters: ANY, variadic: None, call: pretty_yaml },
    Function { name: "fromYaml", parameters: TEXT, variadic: None, call: from_yaml },
    Function { name: "fromYamlArray", parameters: TEXT, variadic: None, call: from_yaml_array },
    Function { name: "toJson", parameters: ANY, variadic: None, call: to_json },
    Function { name: "mustToJson", parameters: ANY, variadic: None, call: must_json },
    Function { name: "toPrettyJson", parameters: ANY, variadic: None, call: pretty_json },
    Function { name: "mustToPrettyJson", parameters: ANY, variadic: None, call: must_pretty_json },
    Function { name: "toRawJson", parameters: ANY, variadic: None, call: raw_json },
    Function { name: "mustToRawJson", parameters: ANY, variadic: None, call: must_raw_json },
    Function { name: "fromJson", parameters: TEXT, variadic: None, call: from_json },
    Function { name: "mustFromJson", parameters: TEXT, variadic: None, call: must_from_json },
    Function { name: "fromJsonArray", parameters: TEXT, variadic: None, call: from_json_array },
];

const PLAIN: Style = Style { pretty: false, html: true };
const PRETTY: Style = Style { pretty: true, html: true };
const RAW: Style = Style { pretty: false, html: false };

fn yaml(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(without_break(unless_too_large(to_yaml(&any(arguments, 0)))?))
}

fn must_yaml(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    match to_yaml(&any(arguments, 0)) {
        Ok(text) => Ok(without_break(text)),
        Err(error) => Err(FunctionError::new(format!("error marshaling into JSON: {error}"))),
    }
}

fn pretty_yaml(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(without_break(unless_too_large(to_yaml_pretty(&any(arguments, 0)))?))
}

/// Helm answers with nothing where a value cannot be written; what is only too large is no such value.
fn unless_too_large(written: Result<String, WriteError>) -> Result<String, FunctionError> {
    match written {
        Err(error @ WriteError::Size) => Err(FunctionError::new(error.to_string())),
        other => Ok(other.unwrap_or_default()),
    }
}

/// Helm takes one line break off.
fn without_break(mut text: String) -> Value {
    if text.ends_with('\n') {
        text.pop();
    }
    text.into()
}

fn from_yaml(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(parse_yaml(text(arguments, 0))
        .and_then(|value| want_map(value).map_err(from_yaml_words))
        .unwrap_or_else(error_map))
}

fn from_yaml_array(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(parse_yaml(text(arguments, 0))
        .and_then(|value| want_list(value).map_err(from_yaml_words))
        .unwrap_or_else(error_list))
}

fn parse_yaml(text: &str) -> Result<Value, String> {
    read(text, &mut ValueBuilder).map_err(|error| format!("error converting YAML to JSON: {}", error.go))
}

fn from_yaml_words(error: String) -> String {
    format!("error unmarshaling JSON: while decoding JSON: {error}")
}

/// Helm's answer to a text that cannot be read.
pub(super) fn error_map(error: String) -> Value {
    Value::map([("Error".into(), error.into())])
}

fn error_list(error: String) -> Value {
    Value::list(vec![error.into()])
}

fn want_map(value: Value) -> Result<Value, String> {
    match value {
        Value::Map(_) => Ok(value),
        Value::Nil => Ok(Value::map([])),
        other => Err(mismatch(&other, "map[string]interface {}")),
    }
}

fn want_list(value: Value) -> Result<Value, String> {
    match value {
        Value::List(_) => Ok(value),
        Value::Nil => Ok(Value::list(Vec::new())),
        other => Err(mismatch(&other, "[]interface {}")),
    }
}

fn mismatch(value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::Bool(_) => "bool",
        Value::Float(_) => "number",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        _ => "string",
    };
    format!("json: cannot unmarshal {found} into Go value of type {wanted}")
}

fn to_json(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(json::write(&any(arguments, 0), PLAIN).unwrap_or_default().into())
}

fn must_json(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    strict(arguments, PLAIN)
}

fn pretty_json(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(json::write(&any(arguments, 0), PRETTY).unwrap_or_default().into())
}

fn must_pretty_json(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    strict(arguments, PRETTY)
}

/// Unlike its sisters, Sprig's `toRawJson` gives its error away.
fn raw_json(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    strict(arguments, RAW)
}

fn must_raw_json(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    strict(arguments, RAW)
}

fn strict(arguments: &[Value], style: Style) -> Result<Value, FunctionError> {
    json::write(&any(arguments, 0), style).map(Value::from).map_err(FunctionError::new)
}

fn from_json(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let read = json_read::read(text(arguments, 0));
    if matches!(read, Ok(Value::Nil)) {
        return Ok(Value::Map(Map::nil(MapType::Any)));
    }
    Ok(read.and_then(want_map).unwrap_or_else(error_map))
}

fn must_from_json(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    json_read::read(text(arguments, 0)).map_err(FunctionError::new)
}

fn from_json_array(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let read = json_read::read(text(arguments, 0));
    if matches!(read, Ok(Value::Nil)) {
        return Ok(Value::List(List::nil(Elements::Any)));
    }
    Ok(read.and_then(want_list).unwrap_or_else(error_list))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn yaml() {
        check(&[
            ("toYaml", r#"[{"b": [1, {"c": 1.5}], "a": "x"}]"#, "a: x\nb:\n- 1\n- c: 1.5"),
            ("toYaml", r#"[null]"#, "null"),
            ("toYaml", r#"[[]]"#, "[]"),
            ("mustToYaml", r#"["a: b"]"#, "'a: b'"),
            ("toYamlPretty", r#"[{"baz": [1, 2]}]"#, "baz:\n  - 1\n  - 2"),
            ("fromYaml", r#"["a: 1\nb: [x]"]"#, r#"{"a":1,"b":["x"]}"#),
            ("fromYaml", r#"[""]"#, "{}"),
            (
                "fromYaml",
                r#"["- a"]"#,
                r#"{"Error":"error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}"}"#,
            ),
            ("fromYamlArray", r#"["- a\n- 1"]"#, r#"["a",1]"#),
            (
                "fromYamlArray",
                r#"["a: 1"]"#,
                r#"["error unmarshaling JSON: while decoding JSON: json: cannot unmarshal object into Go value of type []interface {}"]"#,
            ),
        ]);
    }

    #[test]
    fn writes_json() {
        check(&[
            (
                "toJson",
                r#"[{"b": "<&>", "a": [1, 1.5, 1e21, true, null]}]"#,
                r#"{"a":[1,1.5,1e+21,true,null],"b":"\u003c\u0026\u003e"}"#,
            ),
            ("toRawJson", r#"["<&>\u2028\u0001"]"#, r#""<&>\u2028\u0001""#),
            (
                "toPrettyJson",
                r#"[{"a": [1, {}], "b": []}]"#,
                "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}",
            ),
            ("mustToJson", r#"["x\n\b\f\"\\"]"#, r#""x\n\b\f\"\\""#),
        ]);
    }

    #[test]
    fn reads_json() {
        check(&[
            (
                "fromJson",
                r#"["{\"a\": [1, -2.5e3, \"\\u00e9\\ud83d\\ude00\"]}"]"#,
                r#"{"a":[1,-2500,"é😀"]}"#,
            ),
            (
                "fromJson",
                r#"["[1]"]"#,
                r#"{"Error":"json: cannot unmarshal array into Go value of type map[string]interface {}"}"#,
            ),
            (
                "fromJson",
                r#"["hello"]"#,
                r#"{"Error":"invalid character 'h' looking for beginning of value"}"#,
            ),
            (
                "fromJson",
                r#"["{\"a\": 1,}"]"#,
                r#"{"Error":"invalid character '}' looking for beginning of object key string"}"#,
            ),
            (
                "fromJson",
                r#"["{'a': 1}"]"#,
                r#"{"Error":"invalid character '\\'' looking for beginning of object key string"}"#,
            ),
            ("fromJson", r#"["{\"a\""]"#, r#"{"Error":"unexpected end of JSON input"}"#),
            ("fromJson", r#"["{\"a\" 1}"]"#, r#"{"Error":"invalid character '1' after object key"}"#),
            ("fromJson", r#"["{} x"]"#, r#"{"Error":"invalid character 'x' after top-level value"}"#),
            ("fromJsonArray", r#"["[1, 2"]"#, r#"["unexpected end of JSON input"]"#),
            ("fromJsonArray", r#"["[1 2]"]"#, r#"["invalid character '2' after array element"]"#),
            (
                "fromJsonArray",
                r#"["{}"]"#,
                r#"["json: cannot unmarshal object into Go value of type []interface {}"]"#,
            ),
            ("mustFromJson", r#"["trux"]"#, "error: invalid character 'x' in literal true (expecting 'e')"),
            ("mustFromJson", r#"["01"]"#, "error: invalid character '1' after top-level value"),
            (
                "mustFromJson",
                r#"["1e999"]"#,
                "error: json: cannot unmarshal number 1e999 into Go value of type float64",
            ),
        ]);
    }
}
