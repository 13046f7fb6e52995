//! Conformance with recorded answers of Go and Helm, where the recordings are at hand.

#![allow(clippy::expect_used, clippy::panic, reason = "tests may fail")]

use std::path::PathBuf;
use std::rc::Rc;

use backstay_gotemplate::{
    Compatibility, Environment, FunctionTable, Options, Parsed, Templates, Value, ValueBuilder, from_json,
    from_json_floats, helm_functions,
};
use serde_json::Value as Json;

/// The lines of a recording; `None`, with a note, where there is none.
fn recording(name: &str) -> Option<Vec<Json>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/oracle").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no recording {name}");
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).expect(line)).collect())
}

fn text<'a>(case: &'a Json, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_default()
}

/// Whole numbers of the recordings are Go's `int`.
fn data(json: &Json, floats: bool) -> Value {
    match json {
        Json::Number(number) if !floats => number.as_i64().map_or_else(|| from_json(json), Value::Int),
        Json::Array(items) => Value::list(items.iter().map(|item| data(item, floats)).collect()),
        Json::Object(map) => {
            Value::map(map.iter().map(|(key, value)| (Rc::from(key.as_str()), data(value, floats))))
        }
        other if floats => from_json_floats(other),
        other => from_json(other),
    }
}

fn render(name: &str, template: &str, data: Value) -> Result<String, String> {
    let functions = Rc::new(FunctionTable::default());
    let parsed = Parsed::new(name, template, &functions).map_err(|error| error.to_string())?;
    let mut set = Templates::new(functions);
    set.add(parsed);
    let environment = Environment::offline(0, [1; 32]);
    set.render_as_go(name, data, &environment).map_err(|error| error.to_string())
}

#[test]
fn parses_as_go() {
    let Some(cases) = recording("gotemplate-parse.jsonl") else { return };
    let functions = FunctionTable::default();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases.iter().filter(|case| case["template"].is_string()) {
        count += 1;
        // The recording was made with a limit of three parentheses.
        let template = text(case, "template");
        let got = Parsed::new("root", template, &functions);
        let good = match (&got, case["ok"].as_bool().unwrap_or(false)) {
            (Ok(parsed), true) => format!("{parsed:?}").ends_with(text(case, "canonical")),
            (Err(error), false) => case["error"].as_str().is_none_or(|wanted| error.to_string() == wanted),
            (Ok(_), false) => text(case, "canonical").contains("max expression depth"),
            (Err(_), true) => false,
        };
        if !good {
            wrong.push(format!("{case}\n  got {got:?}"));
        }
    }
    println!("parse: {} of {count}", count - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn executes_as_go() {
    let Some(cases) = recording("gotemplate-exec.jsonl") else { return };
    let mut wrong = Vec::new();
    // The capacity of a Go slice decides one of them, the other ranges over a `uint64` that JSON does not tell from `int`.
    let beyond = ["{{slice .SI 4 5}}", "{{range $v := .}}{{printf \"%T%d\" $v $v}}{{end}}"];
    for case in cases.iter().filter(|case| !beyond.contains(&text(case, "template"))) {
        for floats in [false, true] {
            let kind = if floats { "holds_json_floats" } else { "holds_typed_ints" };
            if case[kind] == Json::Bool(false) || (floats && case[kind].is_null()) {
                continue;
            }
            let name = if text(case, "suite") == "cmpTests" { "c" } else { "t" };
            let got = render(name, text(case, "template"), data(&case["data"], floats));
            let good = match &got {
                Ok(out) => case["ok"] == Json::Bool(true) && out == text(case, "output"),
                Err(error) => case["ok"] == Json::Bool(false) && error == text(case, "error"),
            };
            if !good {
                wrong.push(format!(
                    "{} => {} {}\n  got {got:?}",
                    case["template"], case["output"], case["error"]
                ));
            }
        }
    }
    println!("exec: {} cases, {} wrong", cases.len() - beyond.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Templates with the functions of Helm; the recording has Go's answer after each question.
#[test]
fn renders_as_helm() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/oracle/template-engines-compared.txt");
    let Ok(recorded) = std::fs::read_to_string(path) else {
        println!("skipped: no recording of templates");
        return;
    };
    let functions: Rc<FunctionTable> = Rc::new(helm_functions(Compatibility::Helm4));
    let (mut count, mut wrong) = (0, Vec::new());
    let mut lines = recorded.lines();
    while let Some(line) = lines.next() {
        let Some((question, values)) = line.strip_prefix('#').and_then(|line| line.rsplit_once("   // "))
        else {
            continue;
        };
        let Some((_, template)) = question.split_once(' ') else { continue };
        let answer = lines.next().unwrap_or_default().trim_start_matches("   go     ");
        let mut answers = serde_json::Deserializer::from_str(answer).into_iter::<String>();
        let (Some(Ok(wanted)), Ok(values)) = (answers.next(), serde_json::from_str::<String>(values)) else {
            continue;
        };
        // The recording's `.Files` is made up.
        if template.contains(".Files") {
            continue;
        }
        let fails = answer[answers.byte_offset()..].trim().starts_with("template:");
        let values = backstay_yaml::read(&values, &mut ValueBuilder).expect("values");
        let data = Value::map([("Values".into(), values)]);
        let mut set = Templates::new(functions.clone());
        let got = Parsed::new("c/t.yaml", template, &functions).map_err(|error| error.to_string());
        let got = got.and_then(|parsed| {
            set.add(parsed);
            let environment = Environment::offline(0, [1; 32]);
            set.render("c/t.yaml", data, &environment, Options::default()).map_err(|error| error.to_string())
        });
        count += 1;
        if if fails { got.is_ok() } else { got.as_ref() != Ok(&wanted) } {
            wrong.push(format!("{template}\n  want {answer}\n  got  {got:?}"));
        }
    }
    println!("helm: {} of {count}", count - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
