//! Random templates, always the same ones: none panics, and what is printed of a tree parses to the same tree.

#![allow(clippy::panic, reason = "tests may fail")]

use std::rc::Rc;

use backstay_gotemplate::{Compatibility, Environment, Parsed, Templates, Value, from_json, helm_functions};

/// SplitMix64.
fn below(state: &mut u64, limit: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed >> 33) % limit as u64).unwrap_or(0)
}

const PARTS: &[&str] = &[
    "{{",
    "}}",
    "{{- ",
    " -}}",
    "text",
    "\n",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "block",
    "template",
    "break",
    "continue",
    "$",
    "$x",
    ":=",
    "=",
    ".",
    ".a",
    ".b.c",
    "\"s\"",
    "`r`",
    "'c'",
    "1",
    "0x1f",
    "1e3",
    "-1",
    "true",
    "nil",
    "|",
    "(",
    ")",
    ",",
    "/* c */",
    "printf",
    "len",
    "index",
    "toYaml",
    "list",
    "dict",
    "include",
    "tpl",
    "é",
    "\u{0}",
    "\\",
    "{{ if .a }}",
    "{{ end }}",
    "{{ range $i, $e := .l }}",
    "{{ .a }}",
    "{{ $x := 1 }}",
    "{{ else }}",
    "{{ end }}",
    " ",
    " ",
];

fn text(state: &mut u64) -> String {
    let count = below(state, 24);
    (0..count).map(|_| PARTS.get(below(state, PARTS.len())).copied().unwrap_or_default()).collect()
}

#[test]
fn random_templates() {
    let functions = Rc::new(helm_functions(Compatibility::Helm4));
    let environment = Environment::offline(0, [1; 32]);
    let (mut state, mut parsed_count, mut rendered) = (1, 0, 0);
    for _ in 0..100_000 {
        let text = text(&mut state);
        let Ok(parsed) = Parsed::new("t", &text, &functions) else { continue };
        parsed_count += 1;
        let data: Value = from_json(&serde_json::json!({"a": 1, "b": {"c": "x"}, "l": [1, "b", null]}));
        let mut templates = Templates::new(functions.clone());
        templates.add(parsed);
        rendered += usize::from(templates.render_as_go("t", data, &environment).is_ok());
    }
    assert!(parsed_count > 5_000 && rendered > 1_000, "{parsed_count} parsed, {rendered} rendered");
}

/// Actions alone: Go prints the texts between them in quotes.
fn actions(state: &mut u64) -> String {
    let mut out = String::new();
    for _ in 0..=below(state, 3) {
        out.push_str("{{");
        for _ in 0..below(state, 8) {
            let part = PARTS.get(below(state, PARTS.len())).copied().unwrap_or_default();
            if !part.contains(['{', '}']) {
                out.push_str(part);
                out.push(' ');
            }
        }
        out.push_str("}}");
    }
    out
}

#[test]
fn canonical_form_parses_to_itself() {
    let functions = Rc::new(helm_functions(Compatibility::Helm4));
    let (mut state, mut count) = (7, 0);
    for _ in 0..60_000 {
        let text = actions(&mut state);
        let Ok(parsed) = Parsed::new("t", &text, &functions) else { continue };
        let shown = format!("{parsed:?}");
        let again = Parsed::new("t", &shown, &functions);
        let again = again.unwrap_or_else(|error| panic!("{text:?}\n{shown:?}\n{error}"));
        assert_eq!(format!("{again:?}"), shown, "{text:?}");
        count += 1;
    }
    assert!(count > 500, "only {count} templates");
}
