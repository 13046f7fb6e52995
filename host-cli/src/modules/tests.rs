#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

/// Little of everything, so that what runs away is stopped soon.
const SMALL: Limits =
    Limits { fuel: 20_000_000, memory: 1 << 20, time: Duration::from_secs(60), answer: 1 << 16 };

/// A module whose `call` is this; it answers with the text at 1024.
fn module(call: &str, text: &str) -> Vec<u8> {
    let data = text.bytes().fold(String::new(), |data, byte| data + &format!("\\{byte:02x}"));
    wat::parse_str(format!(
        r#"(module (memory (export "memory") 1) (data (i32.const 1024) "{data}")
          (func (export "abi_version") (result i32) i32.const 1)
          (func (export "alloc") (param i32) (result i32) i32.const 16384)
          (func (export "free") (param i32 i32))
          (func $all (result i64) (i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const {length})))
          (func (export "call") (param i32 i32) (result i64) {call}))"#,
        length = text.len()
    ))
    .unwrap()
}

#[test]
fn modules_that_behave_badly_are_stopped_and_named() {
    let ok = r#"{"ok": {"findings": []}}"#;
    for (what, code, wanted) in [
        ("answers", module("call $all", ok), ""),
        ("loops", module("(loop $l (br $l)) call $all", ok), "used up its 20000000 units of fuel"),
        ("recurses", module("(call 4 (i32.const 0) (i32.const 0))", ok), "stopped by itself"),
        ("traps", module("unreachable", ok), "stopped by itself"),
        (
            "allocates",
            module(
                "(loop $l (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)) (br $l)) call $all",
                ok,
            ),
            "stopped by itself",
        ),
        ("has no memory", module("i64.const 0", ok), "has no memory for the answer"),
        ("points outside", module("i64.const -1", ok), "outside of its memory"),
        (
            "gives too much",
            module(
                "(i64.or (i64.shl (i64.const 1) (i64.const 32)) (i64.const 65000)) (drop) (i64.or (i64.shl (i64.const 1) (i64.const 32)) (i64.const 65537))",
                ok,
            ),
            "outside of its memory",
        ),
        ("answers with nonsense", module("call $all", "{"), "not what docs/policy.md asks for"),
        (
            "refuses",
            module("call $all", r#"{"error": {"code": "broken", "message": "no rules today"}}"#),
            "answered with an error: broken: no rules today",
        ),
    ] {
        let asked = PolicyModule::load(&code, SMALL).and_then(|mut module| module.ask("lint", json!({})));
        match asked {
            Ok(_) => assert_eq!(wanted, "", "{what}"),
            Err(error) => {
                assert!(!wanted.is_empty() && error.to_string().contains(wanted), "{what}: {error}")
            }
        }
    }
}

#[test]
fn modules_that_are_none_are_refused() {
    let limited = |code: &str| PolicyModule::load(&wat::parse_str(code).unwrap(), SMALL).map(drop);
    for (what, code, wanted) in [
        ("an import", r#"(module (import "env" "clock" (func)))"#, "imports env.clock"),
        ("no exports", "(module)", "exports no memory"),
        ("no version", r#"(module (memory (export "memory") 1))"#, "exports no abi_version"),
        (
            "another version",
            r#"(module (memory (export "memory") 1) (func (export "abi_version") (result i32) i32.const 9))"#,
            "speaks version 9",
        ),
        ("a start that loops", "(module (func $s (loop $l (br $l))) (start $s))", "is no module"),
        ("too much memory", r#"(module (memory (export "memory") 100))"#, "is no module"),
    ] {
        let error = limited(code).unwrap_err().to_string();
        assert!(error.contains(wanted), "{what}: {error}");
    }
    let error = PolicyModule::load(b"rules", SMALL).unwrap_err().to_string();
    assert!(error.contains("is no module"), "{error}");
}

#[test]
fn the_example_finds_what_it_looks_for() {
    let code = wat::parse_str(include_str!("../../../embed/policy/team.wat")).unwrap();
    let long = "x".repeat(300_000);
    for (object, count) in [
        (json!({"metadata": {"name": "a"}}), 1),
        (json!({"metadata": {"labels": {"team": "shop"}}}), 0),
        (json!({"metadata": {"labels": {"teams": "shop"}}}), 1),
        (json!({"data": {"long": long}, "metadata": {"labels": {"team": "shop"}}}), 0),
    ] {
        let mut module = PolicyModule::load(&code, SMALL).unwrap();
        let answer = module.ask("lint", json!({"objects": [{"source": "", "object": object}]})).unwrap();
        let found: Vec<Found> = serde_json::from_value(answer["findings"].clone()).unwrap();
        assert_eq!(found.len(), count, "{}", object["metadata"]);
    }
}

#[test]
fn slow_modules_are_stopped() {
    let limits = Limits { fuel: u64::MAX, time: Duration::from_millis(50), ..SMALL };
    let code = module("(loop $l (br $l)) call $all", "{}");
    let error = PolicyModule::load(&code, limits).unwrap().ask("lint", json!({})).unwrap_err();
    assert!(matches!(error, ModuleError::Time(_)), "{error}");
}

#[test]
fn findings_and_rules_reach_their_places() {
    let folder = std::env::temp_dir().join(format!("backstay-modules-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, module("call $all", text)).unwrap();
        path
    };
    let lints = file(
        "lint.wasm",
        r#"{"ok": {"findings": [{"code": "acme-team", "severity": "warning", "object": 1, "field": "metadata.labels", "message": "no team"}]}}"#,
    );
    let rules = file(
        "rules.wasm",
        r#"{"ok": {"rules": [{"apiVersion": "a/v1", "kind": "A", "ready": "status.ok == true"}]}}"#,
    );
    let silent = file("silent.wasm", r#"{"error": {"code": "unknown-call", "message": "what?"}}"#);
    let object = json!({"kind": "ConfigMap"});
    let subject = |name: &str, source| Subject { name: name.to_owned(), source, object: &object };
    let subjects = [subject("configmap/a", "a.yaml"), subject("configmap/b", "b.yaml")];
    let found = PolicyModules::new(&[lints, silent.clone()]).lint(&subjects).unwrap();
    let places: Vec<_> =
        found.iter().map(|one| (one.code.as_str(), one.object.as_str(), one.source.as_str())).collect();
    assert_eq!(places, [("acme-team", "configmap/b", "b.yaml")]);
    let rules = PolicyModules::new(&[rules, silent]).readiness().unwrap();
    assert_eq!(rules.len(), 1);
    let missing = PolicyModules::new(&[folder.join("none.wasm")]).readiness().unwrap_err();
    assert!(missing.to_string().contains("none.wasm"), "{missing}");
    std::fs::remove_dir_all(&folder).unwrap();
}
