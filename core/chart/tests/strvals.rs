//! `--set` and its relatives.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use backstay_chart::{SetFlag, set};
use backstay_gotemplate::{Map, map_to_json};
use serde_json::{Value, json};

fn run(flag: SetFlag, text: &str) -> Result<Value, String> {
    let map = Map::new();
    let mut read =
        |name: &str| if name == "missing" { Err("no such file".into()) } else { Ok(format!("<{name}>")) };
    set(flag, text, &map, &mut read).map_err(|error| error.to_string())?;
    Ok(Value::Object(map_to_json(&map)))
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
