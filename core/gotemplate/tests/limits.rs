//! Templates that would never end or never fit are stopped with an error that says so.

#![allow(clippy::panic, reason = "tests may fail")]

use std::rc::Rc;

use backstay_gotemplate::{Compatibility, Environment, Options, Parsed, Templates, Value, helm_functions};

fn render(text: &str) -> Result<String, String> {
    let functions = Rc::new(helm_functions(Compatibility::Helm4));
    let parsed = Parsed::new("t", text, &functions).map_err(|error| error.to_string())?;
    let mut templates = Templates::new(functions);
    templates.add(parsed);
    let environment = Environment::offline(0, [1; 32]);
    let data = Value::map([]);
    templates.render("t", data, &environment, Options::default()).map_err(|error| error.to_string())
}

fn check(text: &str, wanted: &str) {
    match render(text) {
        Ok(out) => panic!("{text}\n  gave {} bytes", out.len()),
        Err(error) => assert!(error.contains(wanted), "{text}\n  gave {error}"),
    }
}

const CYCLE: &str = r#"{{ $d := dict "a" 1 }}{{ $_ := set $d "d" $d }}{{ $_ := set $d "e" $d }}"#;
const BOMB: &str = r#"{{ $l := list "lol" }}{{ range until 40 }}{{ $l = list $l $l }}{{ end }}"#;

#[test]
fn values_that_contain_themselves() {
    for call in [
        "$d",
        "print $d",
        "printf \"%v\" $d",
        "quote $d",
        "toString $d",
        "deepCopy $d",
        "join \",\" (list $d)",
        "cat $d",
        "mustToYaml $d",
    ] {
        check(&format!("{CYCLE}{{{{ {call} }}}}"), "contains itself");
    }
    check(&format!("{CYCLE}{{{{ mustToJson $d }}}}"), "encountered a cycle");
    let other = CYCLE.replace("$d", "$f");
    check(&format!("{CYCLE}{other}{{{{ merge $d $f }}}}"), "contains itself");
    // Go compares these to the end, too.
    assert_eq!(render(&format!("{CYCLE}{other}{{{{ deepEqual $d $f }}}}")), Ok("true".to_owned()));
    // Holding a cycle is no error, as in Go.
    assert_eq!(render(&format!("{CYCLE}{{{{ $d.d.e.a }}}}")), Ok("1".to_owned()));
}

#[test]
fn values_without_measure() {
    for (call, wanted) in [
        ("print $l", "too large"),
        ("toYaml $l", "MiB"),
        ("mustToJson $l", "too large"),
        ("toJson $l", "too large"),
        ("deepCopy $l", "too large"),
    ] {
        check(&format!("{BOMB}{{{{ {call} }}}}"), wanted);
    }
    check(r#"{{ repeat 100000000 "x" }}"#, "overflow");
    check("{{ until 100000000 }}", "too long");
    check(r#"{{ $s := "x" }}{{ range until 60 }}{{ $s = print $s $s }}{{ end }}"#, "too large");
    check(r#"{{ $s := repeat 1000000 "x" }}{{ replace "x" $s $s }}"#, "too large");
    check(r#"{{ $l := until 1000000 }}{{ concat $l $l | len }}"#, "too large");
    check(
        r#"{{ $s := repeat 10000000 "x" }}{{ $l := list }}{{ range until 100 }}{{ $l = append $l $s }}{{ end }}{{ join "" $l | len }}"#,
        "too large",
    );
    check(
        r#"{{ $s := repeat 1000000 "x" }}{{ range until 100 }}{{ $s }}{{ end }}"#,
        "writes more than 16 MiB",
    );
}

#[test]
fn templates_without_end() {
    check("{{ range 9223372036854775807 }}{{ end }}", "stopped after");
    check(r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#, "maximum template depth");
    check(r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#, "nested reference name");
}

/// Neither reading nor dropping a deep value ends with the stack.
#[test]
fn deep_values() {
    let deep = r#"{{ $l := list }}{{ range until 200000 }}{{ $l = list $l }}{{ end }}"#;
    assert_eq!(render(&format!("{deep}ok")), Ok("ok".to_owned()));
    check(&format!("{deep}{{{{ $l }}}}"), "nested too deep");
    let maps = r#"{{ $m := dict }}{{ range until 200000 }}{{ $m = dict "a" $m }}{{ end }}"#;
    assert_eq!(render(&format!("{maps}ok")), Ok("ok".to_owned()));
    check(&format!("{maps}{{{{ $m }}}}"), "nested too deep");
}
