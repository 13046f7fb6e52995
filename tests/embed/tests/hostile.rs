//! Charts that would never end, or never fit, are errors: natively and in the module, where there is less stack and memory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod host;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A folder with one template.
fn template(text: &str) -> Value {
    json!({"files": [
        {"path": "Chart.yaml", "text": "apiVersion: v2\nname: a\nversion: 1.0.0\n"},
        {"path": "templates/a.yaml", "text": text},
    ]})
}

/// The same with these values.
fn values(text: &str) -> Value {
    let mut input = template("a: {{ .Values | toYaml | quote }}\n");
    input["values_files"] = json!([text]);
    input
}

fn with_file(path: &str, text: &str) -> Value {
    let mut input = template("a: b\n");
    input["files"].as_array_mut().unwrap().push(json!({"path": path, "text": text}));
    input
}

/// A tar file that holds one file, packed; its header says `size`.
fn archive(name: &str, size: usize, data: &[u8]) -> Value {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let tar = [&header, data, &[0; 1024]].concat();
    let stream = miniz_oxide::deflate::compress_to_vec(&tar, 1);
    let packed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff], stream.as_slice(), &[0; 8]];
    json!({"archive": STANDARD.encode(packed.concat())})
}

/// What is hostile, what `render` is given, and a part of what is said.
fn cases() -> Vec<(&'static str, Value, &'static str)> {
    let doubled = |times: usize, call: &str| {
        template(&format!(
            "{{{{ $l := list \"x\" }}}}{{{{ range until {times} }}}}{{{{ $l = list $l $l }}}}{{{{ end }}}}{{{{ {call} }}}}"
        ))
    };
    let laughs: String = (1..12)
        .map(|at| format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 12].join(",")))
        .collect();
    vec![
        (
            "an include of itself",
            template(r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#),
            "nest",
        ),
        (
            "a template of itself",
            template(r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#),
            "depth",
        ),
        (
            "tpl in tpl",
            template(r#"{{ define "a" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}"#),
            "nest",
        ),
        (
            "tpl of itself",
            values_and_template("x: '{{ tpl .Values.x . }}'\n", "{{ tpl .Values.x . }}"),
            "error calling tpl",
        ),
        ("a range without end", template("{{ range 9223372036854775807 }}{{ end }}"), "stopped after"),
        (
            "ranges in ranges",
            template("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"),
            "stopped after",
        ),
        ("a long list", template("{{ until 100000000 }}"), "too long"),
        (
            "a long text",
            template(r#"{{ $s := "x" }}{{ range until 60 }}{{ $s = print $s $s }}{{ end }}"#),
            "too large",
        ),
        ("a repeated text", template(r#"{{ repeat 1000000000 "x" }}"#), "repeat"),
        (
            "a list of itself",
            template(r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d }}"#),
            "contains itself",
        ),
        (
            "a map of itself as YAML",
            template(r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ mustToYaml $d }}"#),
            "contains itself",
        ),
        ("a list that doubles, printed", doubled(40, "$l"), "too large"),
        ("a list that doubles, as JSON", doubled(40, "toJson $l"), "too large"),
        ("a list that doubles, copied", doubled(40, "deepCopy $l"), "too large"),
        (
            "a deep list",
            template("{{ $l := list }}{{ range until 100000 }}{{ $l = list $l }}{{ end }}{{ $l }}"),
            "nested too deep",
        ),
        (
            "a pattern that grows",
            template(r#"{{ mustRegexMatch "((a{0,1000}){0,1000}){0,1000}" "a" }}"#),
            "repeat",
        ),
        (
            "a deep pattern",
            template(r#"{{ mustRegexMatch (printf "%sa%s" (repeat 20000 "(") (repeat 20000 ")")) "a" }}"#),
            "nest",
        ),
        (
            "deep parentheses",
            template(&format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000))),
            "max expression depth",
        ),
        (
            "deep blocks",
            template(&format!("{}{}", "{{ if 1 }}".repeat(20000), "{{ end }}".repeat(20000))),
            "max expression depth",
        ),
        ("deep YAML", template(&format!("a: {}", "[".repeat(100_000))), ""),
        ("deep JSON", template(r#"{{ fromJsonArray (repeat 100000 "[") }}"#), ""),
        (
            "deep values",
            values(&format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000))),
            "nested more than",
        ),
        ("values that laugh", values(&format!("a0: &a0 [x]\n{laughs}")), "excessive aliasing"),
        ("an assignment far out", template_and_set("a[99999999999]=1"), "index"),
        ("a deep assignment", template_and_set(&format!("{}a=1", "a.".repeat(50_000))), "nest"),
        ("a schema of itself", with_file("values.schema.json", r##"{"$ref": "#"}"##), "reference cycle"),
        (
            "a deep schema",
            with_file(
                "values.schema.json",
                &format!("{}{}", r#"{"not":"#.repeat(50_000), "}".repeat(50_000)),
            ),
            "",
        ),
        ("a chart in itself", with_file("charts/b/charts/../../../Chart.yaml", "name: b\n"), ""),
        ("an archive that grows", archive("a/Chart.yaml", 130 << 20, &vec![0; 130 << 20]), "maximum"),
        ("an archive that lies", archive("a/Chart.yaml", 0o77_777_777_777, b"x"), ""),
        ("an archive that leaves", archive("../a/Chart.yaml", 512, &[b'x'; 512]), ""),
    ]
}

fn values_and_template(values: &str, text: &str) -> Value {
    let mut input = template(text);
    input["values_files"] = json!([values]);
    input
}

fn template_and_set(assignment: &str) -> Value {
    let mut input = template("a: b\n");
    input["set"] = json!([assignment]);
    input
}

fn check(cases: &[(&str, Value, &str)], answers: &[String]) {
    assert_eq!(cases.len(), answers.len());
    let mut wrong = Vec::new();
    for ((what, _, said), answer) in cases.iter().zip(answers) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        if !answer["error"].is_object() || !message.contains(said) {
            wrong.push(format!("{what}: {}", answer.to_string().chars().take(300).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn requests(cases: &[(&str, Value, &str)]) -> Vec<String> {
    cases.iter().map(|(_, input, _)| json!({"call": "render", "input": input}).to_string()).collect()
}

#[test]
fn natively() {
    let cases = cases();
    let answers: Vec<String> =
        requests(&cases).iter().map(|request| backstay_core::call::call(request)).collect();
    check(&cases, &answers);
}

#[test]
fn in_the_module() {
    let Some(module) = host::module() else { return };
    let cases = cases();
    let answers = host::node("answers.mjs", &module, &(requests(&cases).join("\n") + "\n"));
    check(&cases, &answers.lines().map(String::from).collect::<Vec<_>>());
}
