//! Templates and constraints drawn at random, with the answers of Helm v4.3.1's functions on Go's `text/template`
//! (`cases/helm.jsonl`, about `cases/helm-data.json`) and of Masterminds' semver v3.5.0 (`cases/constraints.jsonl`).

#![allow(clippy::expect_used, reason = "tests may fail")]

use std::rc::Rc;

use backstay_gotemplate::{
    Compatibility, Environment, Options, Parsed, Templates, Value, from_json_floats, helm_functions, semver,
};
use serde_json::Value as Json;

/// Whole numbers as Go's `int`.
fn ints(json: &Json) -> Value {
    match json {
        Json::Number(number) => number.as_i64().map_or_else(|| from_json_floats(json), Value::Int),
        Json::Array(items) => Value::list(items.iter().map(ints).collect()),
        Json::Object(map) => Value::map(map.iter().map(|(key, value)| (Rc::from(key.as_str()), ints(value)))),
        other => from_json_floats(other),
    }
}

fn render(template: &str, data: Value) -> Result<String, String> {
    let functions = Rc::new(helm_functions(Compatibility::Helm4));
    let parsed = Parsed::new("c/t.yaml", template, &functions).map_err(|error| error.to_string())?;
    let mut set = Templates::new(functions);
    set.add(parsed);
    let environment = Environment::offline(0, [1; 32]);
    let rendered = set.render("c/t.yaml", data, &environment, Options::default());
    // Helm marks what `fail` and `required` say, and takes the marks off in the end.
    rendered.map_err(|error| error.to_string().replace("HELM_ERR_START", "").replace("HELM_ERR_END", ""))
}

/// Holds every line against what is answered here.
fn check(table: &str, answer: impl Fn(&Json) -> Result<String, String>) {
    let mut wrong = Vec::new();
    for line in table.lines() {
        let case: Json = serde_json::from_str(line).expect(line);
        let given = answer(&case);
        if (given.as_deref().ok(), given.as_ref().err().map(String::as_str))
            != (case["out"].as_str(), case["err"].as_str())
        {
            wrong.push(format!("{line}\n  here: {given:?}"));
        }
    }
    let count = table.lines().count();
    assert!(wrong.is_empty(), "{} of {count} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn templates_as_helm() {
    let data: Json = serde_json::from_str(include_str!("cases/helm-data.json")).expect("data");
    check(include_str!("cases/helm.jsonl"), |case| {
        let data = if case["ints"] == true { ints(&data) } else { from_json_floats(&data) };
        render(case["t"].as_str().unwrap_or_default(), data)
    });
}

#[test]
fn constraints_as_helm() {
    check(include_str!("cases/constraints.jsonl"), |case| {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let constraint = semver::Constraint::parse(text("constraint")).map_err(|error| error.to_string())?;
        let version = semver::Version::parse(text("version")).map_err(|error| error.to_string())?;
        Ok(format!("{} {}", constraint.check(&version), constraint.check_with_prereleases(&version)))
    });
}
