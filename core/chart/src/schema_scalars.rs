//! The rules of JSON Schema for single values.

use backstay_gotemplate::{go_regex, quoted};
use serde_json::Value;

use crate::schema_rules::{Keyword, Rules};

/// A number in a message: whole ones with commas, as the library in Helm prints them.
fn grouped(number: f64) -> String {
    if number.fract() != 0.0 || number.abs() >= 1e15 {
        return backstay_yaml::number::float_text(number);
    }
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0.0 { format!("-{text}") } else { text }
}

/// How many there are, against the two keywords that limit it.
pub(crate) fn check_count(
    rules: &Rules<'_>,
    (min, max): (Keyword, Keyword),
    count: usize,
    wrong: &mut dyn FnMut(String),
) {
    let count = count as f64;
    if let Some(want) = rules.number(min).filter(|want| count < *want) {
        wrong(format!("{}: got {}, want {}", min.name(), grouped(count), grouped(want)));
    }
    if let Some(want) = rules.number(max).filter(|want| count > *want) {
        wrong(format!("{}: got {}, want {}", max.name(), grouped(count), grouped(want)));
    }
}

pub(crate) fn check_text(rules: &Rules<'_>, text: &str, wrong: &mut dyn FnMut(String)) {
    check_count(rules, (Keyword::MinLength, Keyword::MaxLength), text.chars().count(), wrong);
    if let Some(pattern) = rules.text(Keyword::Pattern)
        && go_regex(pattern).is_ok_and(|regex| !regex.is_match(text))
    {
        wrong(format!("{} does not match pattern {}", quote(text), quote(pattern)));
    }
}

pub(crate) fn check_number(rules: &Rules<'_>, number: f64, wrong: &mut dyn FnMut(String)) {
    let mut limit = |keyword: Keyword, exclusive: Keyword, fits: fn(f64, f64) -> bool| {
        let strict = rules.get(exclusive);
        if let Some(want) = rules.number(keyword) {
            // In draft 4 the exclusive form is a flag beside the limit.
            let strictly = strict == Some(&Value::Bool(true));
            if !fits(number, want) && number != want || strictly && number == want {
                let keyword = if strictly { exclusive } else { keyword };
                wrong(format!("{}: got {}, want {}", keyword.name(), grouped(number), grouped(want)));
            }
        }
        if let Some(want) = strict.and_then(Value::as_f64).filter(|want| !fits(number, *want)) {
            wrong(format!("{}: got {}, want {}", exclusive.name(), grouped(number), grouped(want)));
        }
    };
    limit(Keyword::Minimum, Keyword::ExclusiveMinimum, |number, want| number > want);
    limit(Keyword::Maximum, Keyword::ExclusiveMaximum, |number, want| number < want);
    if let Some(want) = rules.number(Keyword::MultipleOf) {
        let parts = number / want;
        if (parts - parts.round()).abs() > 1e-9 * parts.abs().max(1.0) {
            wrong(format!("multipleOf: got {}, want {}", grouped(number), grouped(want)));
        }
    }
}

pub(crate) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

pub(crate) fn is_integer(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

pub(crate) fn duplicates(items: &[Value]) -> Option<(usize, usize)> {
    let of = |second: usize, item: &Value| items.iter().take(second).position(|other| equal(other, item));
    items.iter().enumerate().find_map(|(second, item)| Some((of(second, item)?, second)))
}

pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Null => "<nil>".into(),
        other => other.to_string(),
    }
}

/// Text in single quotes, escaped as the library does it (jsonschema v6.0.3, `kind.quote`): a backslash at the end loses its
/// own, because the quote that is to go is replaced with it.
pub(crate) fn quote(text: &str) -> String {
    let quoted = quoted(text).replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default())
}
