//! Reading and writing against answers of Go: `sigs.k8s.io/yaml` v1.6.0 for reading and `toYaml`, its `goyaml.v3` for `toYamlPretty`.
//! `cases/regenerate.go` answers the texts of the table anew.

#![allow(clippy::expect_used, reason = "tests may fail")]

mod common;

use backstay_yaml::{WriteError, read, to_yaml, to_yaml_pretty};
use common::Floats;

/// The texts of a line of the table.
fn texts(line: &str) -> Vec<String> {
    let texts = serde_json::Deserializer::from_str(line).into_iter::<String>();
    texts.map_while(Result::ok).collect()
}

/// Whether a line holds: a text, what `toYaml` and `toYamlPretty` make of its value or `error`, all in JSON; or a text and `error`.
fn holds(line: &str) -> Result<(), String> {
    let (text, expected) =
        texts(line).split_first().map(|(text, rest)| (text.clone(), rest.to_vec())).expect(line);
    let given = match read(&text, &mut Floats) {
        Ok(value) => {
            let shown = |result: Result<String, WriteError>| result.unwrap_or_else(|_| "error".to_owned());
            vec![shown(to_yaml(&value)), shown(to_yaml_pretty(&value))]
        }
        Err(_) => Vec::new(),
    };
    if given == expected { Ok(()) } else { Err(format!("{line}\n  here: {given:?}")) }
}

fn check(table: &str) {
    let count = table.lines().count();
    let wrong: Vec<String> = table.lines().filter_map(|line| holds(line).err()).collect();
    println!("{} of {count}", count - wrong.len());
    assert!(count > 0, "the table is empty");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn as_go() {
    check(include_str!("cases/yaml.txt"));
}

/// Texts drawn at random, among them broken ones.
#[test]
fn drawn_as_go() {
    check(include_str!("cases/yaml-more.txt"));
}

/// What docs/deviations.md says of YAML: a line that holds after all belongs into the other table.
#[test]
fn known_differences() {
    for line in include_str!("cases/differs.txt").lines() {
        assert!(holds(line).is_err(), "no longer different: {line}");
    }
}
