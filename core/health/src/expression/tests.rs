use alloc::format;
use alloc::string::ToString;

use serde_json::json;

use super::*;

fn check(text: &str, expected: Option<bool>) {
    let object = json!({
        "spec": {"replicas": 3, "ratio": 0.5, "name": "shop", "hosts": ["a", "b"], "nothing": null},
        "metadata": {"annotations": {"a/b": "yes"}},
        "status": {
            "phase": "Running",
            "parents": [{"ok": true, "in": [1, 2]}, {"ok": false}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "Fine"}],
            "empty": [],
        },
    });
    let found = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).ask(&object);
    assert_eq!(found, expected, "{text}");
}

#[test]
fn questions_are_answered() {
    for (text, expected) in [
        ("status.phase == 'Running'", true),
        ("status.phase != \"Running\"", false),
        ("status.phase in ['Running', 'Done']", true),
        ("'b' in spec.hosts && !('c' in spec.hosts)", true),
        ("'phase' in status", true),
        ("spec.replicas >= 3 && spec.replicas < 4 && spec.ratio <= 0.5", true),
        ("spec.replicas - 1 + 2 == 4", true),
        ("-1 < 0 && !false", true),
        ("metadata.annotations['a/b'] == 'yes'", true),
        ("object.spec.hosts[1] == 'b'", true),
        ("spec.hosts == ['a', 'b']", true),
        ("spec.nothing == null", true),
        ("size(spec.hosts) == 2 && spec.name.size() == 4", true),
        ("spec.name.startsWith('sh') && spec.name.endsWith('op') && spec.name.contains('ho')", true),
        ("condition('Ready').status == 'True'", true),
        ("has(condition('Stalled'))", false),
        ("isTrue('Ready') && !isFalse('Ready') && !isTrue('Stalled') && !isFalse('Stalled')", true),
        ("has(spec.a.b) || has(spec.name)", true),
        ("status.parents.exists(p, p.ok)", true),
        ("status.parents.all(p, p.ok)", false),
        ("status.parents.exists(p, p.in.exists(n, n == 2 && p.ok))", true),
        ("status.empty.all(p, p.x)", true),
        ("status.empty.exists(p, p.x)", false),
        ("status.phase == 'Running' ? spec.replicas == 3 : false", true),
        ("true || false && false", true),
    ] {
        check(text, Some(expected));
    }
}

#[test]
fn what_is_missing_is_unknown_unless_it_does_not_matter() {
    for (text, expected) in [
        ("status.nope == 'x'", None),
        ("!status.nope", None),
        ("status.nope == 'x' || true", Some(true)),
        ("false && status.nope", Some(false)),
        ("status.nope && false", Some(false)),
        ("true && status.nope", None),
        ("spec.name < 3", None),
        ("spec.name == 3", Some(false)),
        ("spec.hosts[7] == 'a'", None),
        ("status.nope.exists(p, p)", None),
        ("spec.name", None),
    ] {
        check(text, expected);
    }
}

#[test]
fn wrong_texts_are_refused_with_their_place() {
    for (text, position, words) in [
        ("status.phase = 'x'", 13, "'=' means nothing here"),
        ("status.phase ==", 15, "a value or a field expected"),
        ("(true", 5, "\")\" expected"),
        ("true true", 5, "an operator or the end expected"),
        ("matches(a, 'b')", 8, "there is no function matches"),
        ("a.map(x, x)", 6, "there is no function map"),
        ("'open", 0, "this text does not end"),
        ("'a\\n'", 0, "escapes in texts are not supported"),
        ("1.2.3 == 1", 0, "1.2.3 is not a number"),
        ("a.exists(1, true)", 10, "the name of a variable expected"),
        ("a.exists(p, p +)", 16, "a value or a field expected"),
    ] {
        let error = Expression::parse(text).expect_err(text);
        assert!(error.message.contains(words), "{text}: {error}");
        assert!(error.position.abs_diff(position) <= 1, "{text}: {error}");
    }
    assert!(Expression::parse(&"(".repeat(1000)).unwrap_err().to_string().contains("nested too deeply"));
    let nested = (0..5).fold("true".to_string(), |inner, _| format!("a.all(x, {inner})"));
    assert!(Expression::parse(&nested).unwrap_err().to_string().contains("nested too deeply"));
}
