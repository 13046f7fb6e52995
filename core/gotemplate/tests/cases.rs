//! Templates and what Go says to them: `cases/answers.jsonl`, made by `cases/ask.sh`.

#![allow(clippy::expect_used, clippy::panic, reason = "tests may fail")]

use std::rc::Rc;

use backstay_gotemplate::{
    Environment, Function, FunctionError, FunctionTable, List, Map, Options, Parameter, Parsed, Runtime,
    Templates, Value, from_json_floats,
};
use serde_json::Value as Json;

type Given<'a> = &'a [Value];
type Answer = Result<Value, FunctionError>;

const fn function(
    name: &'static str,
    parameters: &'static [Parameter],
    variadic: Option<Parameter>,
    call: fn(&mut dyn Runtime, Given<'_>) -> Answer,
) -> Function {
    Function { name, parameters, variadic, call }
}

fn text(value: &Value) -> &str {
    value.as_text().expect("a text")
}

fn count(value: &Value) -> Answer {
    let count = match value {
        Value::Map(map) => map.len(),
        Value::List(list) => list.len(),
        Value::Nil => 0,
        other => panic!("{other:?}"),
    };
    Ok(Value::Int(i64::try_from(count).expect("few")))
}

/// The functions of `cases/answer.go`.
const FUNCTIONS: &[Function] = &[
    function("include", &[Parameter::Text, Parameter::Any], None, |runtime, given| {
        runtime.include(text(&given[0]), given[1].clone()).map(Value::from)
    }),
    function("tpl", &[Parameter::Text, Parameter::Any], None, |runtime, given| {
        runtime.tpl(text(&given[0]), given[1].clone()).map(Value::from)
    }),
    function("takesText", &[Parameter::Text], None, |_, given| {
        Ok(Value::from(format!("[{}]", text(&given[0]))))
    }),
    function("takesInt", &[Parameter::Int], None, |_, given| match given[0] {
        Value::Int(number) => Ok(Value::Int(number + 1)),
        ref other => panic!("{other:?}"),
    }),
    function("takesInt64", &[Parameter::Int64], None, |_, given| Ok(given[0].clone())),
    function("takesFloat", &[Parameter::Float], None, |_, given| Ok(given[0].clone())),
    function("takesBool", &[Parameter::Bool], None, |_, given| Ok(given[0].clone())),
    function("takesMap", &[Parameter::Map], None, |_, given| count(&given[0])),
    function("takesList", &[Parameter::List], None, |_, given| count(&given[0])),
    function("takesTexts", &[Parameter::Texts], None, |_, given| count(&given[0])),
    function("texts", &[], Some(Parameter::Text), |_, given| Ok(Value::texts(given.iter().map(text)))),
    function("dict", &[], Some(Parameter::Any), |_, given| {
        let map = Map::new();
        for pair in given.chunks_exact(2) {
            map.set(text(&pair[0]), pair[1].clone());
        }
        Ok(Value::Map(map))
    }),
    function("list", &[], Some(Parameter::Any), |_, given| Ok(Value::List(List::new(given.to_vec())))),
    function("none", &[], None, |_, _| Ok(Value::Nil)),
    function("same", &[Parameter::Any], None, |_, given| Ok(given[0].clone())),
    function("boom", &[Parameter::Text], None, |_, given| Err(FunctionError::new(text(&given[0])))),
];

fn render(template: &str, data: Value) -> Result<String, String> {
    let functions = Rc::new(FunctionTable::new([FUNCTIONS]));
    let parsed = Parsed::new("c/t.yaml", template, &functions).map_err(|error| error.to_string())?;
    let mut set = Templates::new(functions);
    set.add(parsed);
    let environment = Environment::offline(0, [1; 32]);
    set.render("c/t.yaml", data, &environment, Options::default()).map_err(|error| error.to_string())
}

#[test]
fn answers_as_go() {
    let data: Json = serde_json::from_str(include_str!("cases/data.json")).expect("data");
    let mut wrong = Vec::new();
    let cases = include_str!("cases/answers.jsonl");
    for line in cases.lines() {
        let case: Json = serde_json::from_str(line).expect(line);
        let got = render(case["t"].as_str().expect("a template"), from_json_floats(&data));
        let (out, err) = (case["out"].as_str(), case["err"].as_str());
        if (got.as_deref().ok(), got.as_ref().err().map(String::as_str)) != (out, err) {
            wrong.push(format!("{}\n  want {out:?} {err:?}\n  got  {got:?}", case["t"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong\n{}", wrong.len(), cases.lines().count(), wrong.join("\n"));
}
