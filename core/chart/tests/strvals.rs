//! `--set` and its relatives.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may stop")]

use backstay_chart::{SetFlag, set};
use backstay_gotemplate::{Compatibility, Map, Value as Data, ValueBuilder, map_to_json};
use serde_json::{Value, json};

fn run(flag: SetFlag, text: &str) -> Result<Value, String> {
    run_on(&Map::new(), flag, text)
}

fn run_on(map: &Map, flag: SetFlag, text: &str) -> Result<Value, String> {
    let mut read =
        |name: &str| if name == "missing" { Err("no such file".into()) } else { Ok(format!("<{name}>")) };
    set(flag, text, map, Compatibility::Helm4, &mut read).map_err(|error| error.to_string())?;
    Ok(Value::Object(map_to_json(map)))
}

fn check(flag: SetFlag, text: &str, expected: Result<Value, &str>) {
    assert_eq!(run(flag, text), expected.map_err(str::to_owned), "{flag:?} {text}");
}

#[test]
fn assignments() {
    use SetFlag::{File, Json, Literal, String, Typed};
    check(
        Typed,
        "a=1,b=two,c=true,d=null,e=007,f=1.5",
        Ok(json!({"a":1,"b":"two","c":true,"d":null,"e":"007","f":"1.5"})),
    );
    check(Typed, "a.b[1].c=x", Ok(json!({"a":{"b":[null,{"c":"x"}]}})));
    check(Typed, "a={x,2},b=", Ok(json!({"a":["x",2],"b":""})));
    check(Typed, r"a=1\,2,b\.c=3", Ok(json!({"a":"1,2","b.c":3})));
    check(Typed, "a", Err("failed parsing --set data: key \"a\" has no value"));
    check(Typed, "a[-1]=1", Err("failed parsing --set data: negative -1 index not allowed"));
    check(
        Typed,
        "a=1,a.b=2",
        Err(
            "failed parsing --set data: unable to parse key: interface conversion: interface {} is int64, not map[string]interface {}",
        ),
    );
    check(
        Typed,
        "a[70000]=1",
        Err("failed parsing --set data: index of 70000 is greater than maximum supported index of 65536"),
    );
    check(String, "a=1,b=true", Ok(json!({"a":"1","b":"true"})));
    check(File, "a=x.txt", Ok(json!({"a":"<x.txt>"})));
    check(File, "a=missing", Err("failed parsing --set-file data: no such file"));
    check(Json, r#"a={"b":[1,2.5]},c=,d=null"#, Ok(json!({"a":{"b":[1,2.5]},"c":null,"d":null})));
    check(Literal, r"a.b=x,y={z}\", Ok(json!({"a":{"b":r"x,y={z}\"}})));
}

/// The two Helms see the end of the text differently.
#[test]
fn unclosed_index() {
    let mut none = |_: &str| Err(String::new());
    let mut run = |helm| set(SetFlag::Typed, "a=1,b[0", &Map::new(), helm, &mut none);
    assert!(run(Compatibility::Helm4).is_ok());
    let error = run(Compatibility::Helm3).unwrap_err().to_string();
    assert_eq!(error, "failed parsing --set data: error parsing index: EOF");
}

/// Assignments drawn at random, with the answers of Helm v4.3.1 `pkg/strvals`; some on top of `strvals-base.yaml`.
#[test]
fn drawn_as_helm() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for line in include_str!("cases/strvals.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let flag = match case["flag"].as_str().unwrap() {
            "--set" => SetFlag::Typed,
            "--set-string" => SetFlag::String,
            "--set-file" => SetFlag::File,
            "--set-json" => SetFlag::Json,
            _ => SetFlag::Literal,
        };
        let base = if case["base"] == true { include_str!("cases/strvals-base.yaml") } else { "{}" };
        let Data::Map(map) = backstay_yaml::read(base, &mut ValueBuilder).unwrap() else { panic!("{base}") };
        let found = match run_on(&map, flag, case["text"].as_str().unwrap()) {
            Ok(value) => json!({"out": value}),
            Err(message) => json!({"err": message.split_once("data: ").map_or("", |(_, text)| text)}),
        };
        let expected = match case["out"].as_str() {
            Some(out) => json!({"out": floats(&serde_json::from_str(out).unwrap())}),
            None => json!({"err": case["err"]}),
        };
        count += 1;
        if json!({"out": floats(&found["out"]), "err": found["err"]})
            != json!({"out": expected["out"], "err": expected["err"]})
        {
            wrong.push(format!("{line}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// The same with every number a float, as some are in Go.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

/// Answers of the real parser, where they are at hand.
#[test]
fn conformance() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference/oracle/strvals.jsonl");
    let Ok(cases) = std::fs::read_to_string(path) else {
        println!("skipped: no recorded answers");
        return;
    };
    let mut wrong = Vec::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let input = case["input"].as_str().unwrap();
        for (key, flag) in
            [("set", SetFlag::Typed), ("set-string", SetFlag::String), ("set-literal", SetFlag::Literal)]
        {
            let Some(expected) = case.get(key) else { continue };
            let found = match run(flag, input) {
                Ok(value) => json!({"value": value}),
                Err(message) => json!({"error": message.split_once("data: ").map_or("", |(_, text)| text)}),
            };
            if found != *expected {
                wrong.push(format!("{key} {input:?}\n  expected {expected}\n  found    {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
