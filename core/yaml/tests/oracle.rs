//! Reading and writing against recorded answers of `sigs.k8s.io/yaml`, where the recording is at hand.
//!
//! A line has the text in Go's quotes, what Go's `%v` prints of it with blanks before every colon and closing bracket,
//! and what `toYaml` makes of it; or `ERR` and the message.

#![allow(clippy::expect_used, reason = "tests may fail")]

mod common;

use backstay_yaml::{read, to_yaml};
use common::Floats;
use serde_json::Value;

/// What the recording says of one text.
fn answer(text: &str) -> String {
    match read(text, &mut Floats) {
        Ok(value) => format!("toYaml {:?}", to_yaml(&value).unwrap_or_else(|error| error.to_string())),
        Err(_) => "ERR".to_owned(),
    }
}

/// A text in Go's quotes, and what comes after it.
fn quoted(line: &str) -> Option<(String, &str)> {
    let mut texts = serde_json::Deserializer::from_str(line).into_iter::<String>();
    let text = texts.next()?.ok()?;
    Some((text, line.get(texts.byte_offset()..)?))
}

#[test]
fn reads_and_writes_as_helm() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference/oracle/yaml.txt");
    let Ok(recording) = std::fs::read_to_string(path) else {
        println!("skipped: no recording yaml.txt");
        return;
    };
    let (mut wrong, mut count) = (Vec::new(), 0);
    // A value with a line break goes on in the next line.
    let mut cases: Vec<String> = Vec::new();
    for line in recording.lines() {
        match cases.last_mut() {
            Some(case) if !line.starts_with('"') => case.push_str(line),
            _ => cases.push(line.to_owned()),
        }
    }
    for case in &cases {
        let (text, rest) = quoted(case).expect(case);
        let given = answer(&text);
        let same = match rest.split_once("toYaml ") {
            Some((_, written)) => {
                let written: Value = serde_json::from_str(written).expect(written);
                given == format!("toYaml {:?}", written.as_str().unwrap_or_default())
            }
            None => given == "ERR" && rest.trim_start().starts_with("ERR"),
        };
        count += 1;
        if !same {
            wrong.push(format!("{case}\n  here: {given}"));
        }
    }
    println!("yaml: {} of {count}", count - wrong.len());
    assert!(count > 50, "only {count} cases");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}
