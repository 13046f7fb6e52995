//! The module in Node: the same answers as natively, byte for byte, and callers that break the rules.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod charts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Where `cargo xtask wasm` put the module.
const MODULE: &str = "BACKSTAY_TEST_WASM";

/// The module, if there is one to test.
fn module() -> Option<PathBuf> {
    let module = std::env::var_os(MODULE).map(PathBuf::from);
    if module.is_none() {
        println!("left out: {MODULE} names no module; `cargo xtask wasm` builds one and runs this test");
    }
    module
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node").join(name)
}

#[test]
fn charts_render_to_the_same_bytes() {
    let Some(module) = module() else { return };
    let cases = charts::cases();
    assert!(cases.len() >= 50, "only {} charts", cases.len());
    let folder = std::env::temp_dir().join(format!("backstay-embed-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let requests: Vec<String> =
        cases.iter().map(|(_, input)| json!({"call": "render", "input": input}).to_string()).collect();
    let file = folder.join("requests");
    fs::write(&file, requests.join("\n") + "\n").unwrap();
    let output = Command::new("node")
        .arg(script("answers.mjs"))
        .arg(module)
        .stdin(Stdio::from(fs::File::open(&file).unwrap()))
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("node (20 or later) cannot be started: {error}"));
    fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "node: {}", output.status);
    let answers = String::from_utf8(output.stdout).unwrap();
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
    let Some(module) = module() else { return };
    let output = Command::new("node").arg(script("hostile.mjs")).arg(module).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok");
}
