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

/// Whether a line holds: a text, what `toYaml` and `toYamlPretty` make of its value or `error`, all in JSON; or a text, `error` and
/// the message.
fn holds(line: &str) -> Result<(), String> {
    let (expected, given) = match line.rsplit_once("\" error \"") {
        Some((text, message)) => {
            let parsed = texts(&format!("{text}\" \"{message}"));
            let error = read(parsed.first().expect(line), &mut Floats).map(|_| "read".to_owned());
            (parsed.get(1..).expect(line).to_vec(), vec![error.unwrap_or_else(|error| error.go)])
        }
        None => {
            let parsed = texts(line);
            let given = match read(parsed.first().expect(line), &mut Floats) {
                Ok(value) => {
                    let shown =
                        |result: Result<String, WriteError>| result.unwrap_or_else(|_| "error".to_owned());
                    vec![shown(to_yaml(&value)), shown(to_yaml_pretty(&value))]
                }
                Err(error) => vec![error.go],
            };
            (parsed.get(1..).expect(line).to_vec(), given)
        }
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

/// What libyaml's rules make of texts beside the common ones: directives, tags, keys, flow and block texts, and where it stops.
#[test]
fn scanned_as_go() {
    check(include_str!("cases/yaml-scan.txt"));
}
