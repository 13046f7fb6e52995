//! Findings for tools of code review, as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use backstay_plan::{Finding, RULES, Severity};
use serde_json::{Value, json};

/// SARIF 2.1.0; `files` gives the path on disk of a template.
#[must_use]
pub fn sarif(found: &[Finding], files: &BTreeMap<String, String>, version: &str) -> Value {
    let level = |severity: Severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let used: Vec<_> =
        RULES.iter().filter(|rule| found.iter().any(|finding| finding.code == rule.code)).collect();
    let rules: Vec<Value> = used
        .iter()
        .map(|rule| {
            json!({
                "id": rule.code,
                "shortDescription": {"text": rule.why},
                "help": {"text": rule.fix},
                "defaultConfiguration": {"level": level(rule.severity)},
            })
        })
        .collect();
    let results: Vec<Value> = found
        .iter()
        .map(|finding| {
            let mut location = json!({});
            let name = format!("{} {}", finding.object, finding.field);
            if !name.trim().is_empty() {
                let named = json!([{"fullyQualifiedName": name.trim()}]);
                backstay_object::set_at(&mut location, &["logicalLocations"], named);
            }
            if !finding.source.is_empty() {
                let file = files.get(&finding.source).unwrap_or(&finding.source);
                let mut physical = json!({"artifactLocation": {"uri": uri(file)}});
                if let Some(line) = finding.template_line {
                    backstay_object::set_at(&mut physical, &["region", "startLine"], line.into());
                }
                backstay_object::set_at(&mut location, &["physicalLocation"], physical);
            }
            let object =
                if finding.object.is_empty() { String::new() } else { format!("{}: ", finding.object) };
            let fix = if finding.fix.is_empty() { String::new() } else { format!(" {}.", finding.fix) };
            let mut result = json!({
                "ruleId": finding.code,
                "level": level(finding.severity),
                "message": {"text": format!("{object}{}.{fix}", finding.message)},
                "locations": if location == json!({}) { Vec::new() } else { vec![location] },
            });
            // A rule of a policy module has only its code.
            if let Some(place) = used.iter().position(|rule| rule.code == finding.code) {
                backstay_object::set_at(&mut result, &["ruleIndex"], place.into());
            }
            result
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "backstay", "version": version, "rules": rules}}, "results": results}],
    })
}

/// A file as SARIF names it (3.4.3, RFC 3986): relative to where the tool ran, or with its scheme.
fn uri(file: &str) -> String {
    let mut characters = file.chars();
    let has_drive =
        characters.next().is_some_and(|first| first.is_ascii_alphabetic()) && characters.next() == Some(':');
    let mut uri = String::from(match (has_drive, file.starts_with('/')) {
        (true, _) => "file:///",
        (_, true) => "file://",
        _ => "",
    });
    for (place, byte) in file.bytes().enumerate() {
        match byte {
            b'\\' => uri.push('/'),
            b':' if has_drive && place == 1 => uri.push(':'),
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_addresses() {
        for (file, expected) in [
            ("shop/templates/web.yaml", "shop/templates/web.yaml"),
            ("/srv/my charts/é.yaml", "file:///srv/my%20charts/%C3%A9.yaml"),
            ("C:\\charts\\a.yaml", "file:///C:/charts/a.yaml"),
            ("ab:c/100%.yaml", "ab%3Ac/100%25.yaml"),
            ("", ""),
        ] {
            assert_eq!(uri(file), expected, "{file}");
        }
    }

    #[test]
    fn a_finding_has_the_places_that_are_known() {
        let finding = |object: &str, field: &str, source: &str| Finding {
            code: "timeout-too-short".into(),
            severity: Severity::Warning,
            object: object.into(),
            source: source.into(),
            field: field.into(),
            line: None,
            template_line: None,
            message: "m".into(),
            why: String::new(),
            fix: String::new(),
        };
        for (found, expected) in [
            (finding("", "", ""), json!([])),
            (
                finding("deployment/web", "spec.replicas", ""),
                json!([{"logicalLocations": [{"fullyQualifiedName": "deployment/web spec.replicas"}]}]),
            ),
            (
                finding("", "", "t/a.yaml"),
                json!([{"physicalLocation": {"artifactLocation": {"uri": "t/a.yaml"}}}]),
            ),
        ] {
            let log = sarif(&[found], &BTreeMap::new(), "1");
            assert_eq!(log.pointer("/runs/0/results/0/locations"), Some(&expected));
        }
    }
}
