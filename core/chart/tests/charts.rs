//! Charts rendered as both Helms render them: `charts/regenerate.sh` writes what they answer into `expected/`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::path::Path;
use std::process::Command;

use backstay_gotemplate::Compatibility;

/// What is compared: all but where a values file is no YAML, and the order of places that do not fit a schema (random in Helm).
fn comparable(text: &str) -> String {
    let text = text.replace("\n\nUse --debug flag to render out invalid YAML", "");
    let text = text.trim_end_matches('\n').to_owned() + "\n";
    // Backstay says where, and begins in lower case.
    let text = text.replacen(".helmignore:1: ", "", 1).replacen("Error: An error", "Error: an error", 1);
    let text = text.replace('`', "'").replacen("--set-json data {", "--set-json data: {", 1);
    // The same words; the line is the one in the file.
    if text.starts_with("Error: cannot load values.yaml: ") {
        return format!(
            "Error: cannot load values.yaml: {:?}",
            text.rsplit_once(": ").map(|(_, words)| words)
        );
    }
    if text.contains("don't meet the specifications") {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        return lines.join("\n");
    }
    text
}

/// The cases: a name, a chart's folder, and the arguments after it.
fn cases(folder: &Path) -> Vec<(String, String, Vec<String>)> {
    let cases = std::fs::read_to_string(folder.join("cases.tsv")).unwrap();
    let rows = cases.lines().map(|case| {
        let mut parts = case.split('\t');
        let (Some(name), Some(chart)) = (parts.next(), parts.next()) else { panic!("cases.tsv: {case}") };
        let arguments = parts.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        (name.to_owned(), chart.to_owned(), arguments)
    });
    rows.collect()
}

const HELMS: [(Compatibility, &str); 2] = [(Compatibility::Helm3, "helm3"), (Compatibility::Helm4, "helm4")];

/// Renders each case and compares it with what `expected` says about it.
fn check_all(helpers: bool, expected: impl Fn(&str, &str, &[String], &str) -> Option<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (name, chart, arguments) in cases(&folder) {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        for (compatibility, helm) in HELMS {
            let Some(expected) = expected(&name, &chart, &arguments, helm) else { continue };
            compared += 1;
            let found = common::template(&folder.join(&chart), &words, &folder, compatibility, helpers);
            if comparable(&expected) != comparable(&found) {
                let first = expected.lines().zip(found.lines()).position(|(a, b)| a != b);
                let line = first.unwrap_or_else(|| expected.lines().count().min(found.lines().count()));
                wrong.push(format!(
                    "{name} {helm}, line {}:\n  expected {:?}\n  found    {:?}",
                    line + 1,
                    expected.lines().nth(line),
                    found.lines().nth(line)
                ));
            }
        }
    }
    println!("{compared} renderings compared");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn written_down(name: &str, helm: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected");
    Some(std::fs::read_to_string(root.join(format!("{name}.{helm}.txt"))).unwrap())
}

#[test]
fn as_both_helms() {
    check_all(false, |name, _, _, helm| written_down(name, helm));
}

/// What others have a part in is no other: manifests, errors, and which of several is told.
#[test]
fn as_both_helms_with_helpers() {
    check_all(true, |name, _, _, helm| written_down(name, helm));
}

/// The same against the programs themselves, where the environment names them: what is written down is still what they say.
#[test]
fn as_the_helms_at_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts");
    let home = std::env::temp_dir().join("backstay-chart-test-helm");
    check_all(false, |_, chart, arguments, helm| {
        let Some(program) = std::env::var_os(format!("BACKSTAY_TEST_{}", helm.to_uppercase())) else {
            println!("skipped: BACKSTAY_TEST_{} is not set", helm.to_uppercase());
            return None;
        };
        let mut command = Command::new(program);
        command.current_dir(&folder).args(["template", "web", chart]).args(arguments);
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, &home);
        }
        let output = command.output().unwrap();
        if output.status.success() {
            return Some(String::from_utf8(output.stdout).unwrap());
        }
        let said = String::from_utf8(output.stderr).unwrap();
        Some(said[said.find("Error: ").unwrap_or_default()..].to_owned())
    });
}
