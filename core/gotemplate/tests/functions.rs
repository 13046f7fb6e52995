//! The functions of Sprig and Helm against answers of a real Helm, from a table of our own cases.

use std::collections::BTreeMap;
use std::rc::Rc;

use backstay_gotemplate::{
    Compatibility, Environment, Map, MapType, Options, Parsed, RenderError, Templates, Value, chart_message,
    helm_functions,
};

/// What a template, or a template of this one expression, gives; errors without the place and the name of the failing call.
fn answer(expression: &str) -> String {
    let functions = Rc::new(helm_functions(Compatibility::Helm4));
    let text =
        if expression.starts_with("{{") { expression.into() } else { format!("{{{{ {expression} }}}}") };
    let parsed = match Parsed::new("case", &text, &functions) {
        Ok(parsed) => parsed,
        Err(error) => return format!("error: {error}"),
    };
    let mut templates = Templates::new(functions);
    templates.add(parsed);
    let values = BTreeMap::from([(Rc::from("a"), Value::Float(1.0))]);
    let data = Value::map([(Rc::from("Values"), Map::of(MapType::Values, values).into())]);
    let environment = Environment::offline(0, [1; 32]);
    match templates.render("case", data, &environment, Options::default()) {
        Ok(text) => text,
        Err(RenderError::Template(error)) => {
            let message = error.message.as_str();
            let called = message.strip_prefix("error calling ").and_then(|rest| rest.split_once(": "));
            let inner = called.map_or(message, |(_, inner)| inner);
            format!("error: {}", chart_message(inner).unwrap_or(inner))
        }
        Err(other) => format!("error: {other}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r")
}

/// Each line: an expression, ` => `, and what it gives, which may be nothing.
fn check(table: &str) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some((expression, expected)) = line.split_once(" =>") else {
            wrong.push(format!("not a case: {line}"));
            continue;
        };
        let expected = expected.strip_prefix(' ').unwrap_or_default();
        let given = escaped(&answer(expression));
        count += 1;
        if given != expected {
            wrong.push(format!("{expression}\n  Helm: {expected}\n  here: {given}"));
        }
    }
    assert!(count > 0, "the table is empty");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn answers_as_helm_does() {
    check(include_str!("cases/functions.txt"));
}
