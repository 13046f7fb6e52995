//! The schema of the calls says what the core takes and gives: every vector fits it, and has no field that it lacks.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use backstay_core::call::{call, names};
use backstay_core::chart::validate_json;
use serde_json::{Value, json};

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas/calls.schema.json");
    let mut schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    close(&mut schema);
    schema
}

/// What is published lets fields be added; here one that it does not name is a mistake of the schema.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(parts) => parts.iter_mut().for_each(close),
        _ => {}
    }
}

/// One definition of the schema, with the others beside it.
fn part(schema: &Value, name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"]})
}

/// The forms of a call's request and answer.
fn of_call(schema: &Value, name: &str) -> Value {
    let forms = schema["oneOf"].as_array().unwrap();
    let mut form = forms.iter().find(|form| form["properties"]["call"]["const"] == name).unwrap().clone();
    form["$defs"] = schema["$defs"].clone();
    form
}

#[test]
fn every_request_and_answer_fits_the_schema() {
    let schema = schema();
    let failure = part(&schema, "CallFailure");
    let requests =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/requests.ndjson")).unwrap();
    let (mut fitted, mut failed) = (BTreeSet::new(), 0);
    let mut problems = Vec::new();
    for request in requests.lines() {
        let answer: Value = serde_json::from_str(&call(request)).unwrap();
        if let Some(error) = answer.get("error") {
            assert_eq!(validate_json(&failure, error), Ok(()), "{error}");
            failed += 1;
            continue;
        }
        let mut exchange: Value = serde_json::from_str(request).unwrap();
        exchange["ok"] = answer["ok"].clone();
        let name = exchange["call"].as_str().unwrap();
        if let Err(problem) = validate_json(&of_call(&schema, name), &exchange) {
            problems.push(format!("{name}: {problem}{}", request.chars().take(200).collect::<String>()));
        }
        fitted.insert(name.to_owned());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(failed > 10, "only {failed} of the vectors are refused");
    let listed: BTreeSet<String> = names().into_iter().map(str::to_owned).collect();
    assert_eq!(fitted, listed, "left: calls that a vector asks well; right: all");
}

#[test]
fn what_the_core_refuses_does_not_fit() {
    let schema = schema();
    for (name, input) in [
        ("Planned", json!({"release": "a", "manifest": "", "hoks": ""})),
        ("Planned", json!({"manifest": ""})),
        ("RenderInput", json!({"files": [{"name": "Chart.yaml"}]})),
        ("TimeoutOfManifest", json!({"manifest": "", "inputs": {"image_mb": -1}})),
        ("ReplayInput", json!({"recording": "", "fail_fast": "soon"})),
    ] {
        assert!(validate_json(&part(&schema, name), &input).is_err(), "{name}: {input}");
    }
}
