//! Charts rendered as both Helms render them: `charts/regenerate.sh` writes what they answer into `expected/`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

mod common;

use std::path::Path;

use backstay_gotemplate::Compatibility;

/// What Helm's own words about YAML and the order of its maps leave open.
fn comparable(text: &str) -> String {
    let text = text.replace("\n\nUse --debug flag to render out invalid YAML", "");
    let text = text.trim_end_matches('\n').to_owned() + "\n";
    if let Some((front, _)) = text.split_once("error converting YAML to JSON: ") {
        return front.to_owned();
    }
    if let Some((front, _)) = text.split_once(": line ")
        && text.starts_with("Error: YAML parse error")
    {
        return if text.contains("error unmarshaling JSON") {
            let message = text.split_once("error unmarshaling").unwrap().1;
            format!("{front}: error unmarshaling{message}")
        } else {
            format!("{front}: ")
        };
    }
    if text.contains("don't meet the specifications") {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        return lines.join("\n");
    }
    text
}

#[test]
fn as_both_helms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folder = root.join("charts");
    let cases = std::fs::read_to_string(folder.join("cases.tsv")).unwrap();
    let mut wrong = Vec::new();
    for case in cases.lines() {
        let mut parts = case.split('\t');
        let (Some(name), Some(chart), Some(arguments)) = (parts.next(), parts.next(), parts.next()) else {
            panic!("cases.tsv: {case}");
        };
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        for (compatibility, helm) in [(Compatibility::Helm3, "helm3"), (Compatibility::Helm4, "helm4")] {
            let expected = std::fs::read_to_string(root.join(format!("expected/{name}.{helm}.txt"))).unwrap();
            let found = common::template(&folder.join(chart), &arguments, &folder, compatibility);
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
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
