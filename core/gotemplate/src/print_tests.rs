//! `printf` against answers of Go 1.26: `[format, how many times the value is given, value, answer]`.

use std::rc::Rc;

use serde_json::Value as Json;

use crate::value::Value;

/// Values beyond JSON are written `{"$int": 1}`.
fn value(json: &Json) -> Value {
    let int = |json: &Json| json.as_i64().expect("a whole number");
    match json {
        Json::Object(map) if map.len() == 1 => {
            let (key, inner) = map.iter().next().expect("one entry");
            match key.as_str() {
                "$int" => Value::Int(int(inner)),
                "$int64" => Value::Int64(int(inner)),
                "$byte" => Value::Byte(u8::try_from(int(inner)).expect("a byte")),
                "$rune" => Value::Rune(i32::try_from(int(inner)).expect("a rune")),
                "$dur" => Value::Duration(int(inner)),
                "$bytes" => Value::Bytes(inner.as_str().expect("a text").as_bytes().into()),
                "$texts" => {
                    let texts = inner.as_array().expect("a list");
                    Value::texts(texts.iter().map(|text| text.as_str().expect("a text")))
                }
                _ => Value::map([(Rc::from(key.as_str()), value(inner))]),
            }
        }
        Json::Object(map) => Value::map(map.iter().map(|(k, v)| (Rc::from(k.as_str()), value(v)))),
        Json::Array(items) => Value::list(items.iter().map(value).collect()),
        other => crate::from_json_floats(other),
    }
}

fn check(cases: &str) {
    let mut wrong = 0;
    for line in cases.lines() {
        let case: Json = serde_json::from_str(line).expect(line);
        let format = case[0].as_str().expect("a format");
        let count = usize::try_from(case[1].as_u64().expect("a count")).expect("small");
        let arguments = vec![value(&case[2]); count];
        let got = crate::printf::sprintf(format, &arguments);
        if Some(got.as_str()) != case[3].as_str() {
            wrong += 1;
            if wrong < 60 {
                println!("{line}\n   got {got:?}");
            }
        }
    }
    assert_eq!(wrong, 0, "of {} cases", cases.lines().count());
}

#[test]
fn prints_as_go() {
    check(include_str!("../tests/cases/printf.jsonl"));
}
