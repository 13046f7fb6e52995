//! The module in Node: the same answers as natively, byte for byte, and callers that break the rules.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod charts;
mod host;

use serde_json::{Value, json};

#[test]
fn charts_render_to_the_same_bytes() {
    let Some(module) = host::module() else { return };
    let cases = charts::cases();
    assert!(cases.len() >= 50, "only {} charts", cases.len());
    let requests: Vec<String> =
        cases.iter().map(|(_, input)| json!({"call": "render", "input": input}).to_string()).collect();
    let answers = host::node("answers.mjs", &module, &(requests.join("\n") + "\n"));
    assert_eq!(answers.lines().count(), cases.len());
    let mut rendered = 0;
    for (((name, _), request), answer) in cases.iter().zip(&requests).zip(answers.lines()) {
        let native = backstay_core::call::call(request);
        assert_eq!(native, answer, "{name}: natively and in wasm differ");
        let fails = name.contains("fails");
        let parsed: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(parsed["ok"].is_null(), fails, "{name}: {}", parsed["error"]);
        rendered += usize::from(!fails);
    }
    assert!(rendered >= 50, "only {rendered} charts were rendered without an error");
    println!("{} answers are the same, {rendered} of them manifests", cases.len());
}

#[test]
fn callers_that_break_the_rules_get_errors() {
    let Some(module) = host::module() else { return };
    assert_eq!(host::node("hostile.mjs", &module, "").trim(), "ok");
}
