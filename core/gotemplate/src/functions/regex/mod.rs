//! Regular expressions (Sprig v3.3.0 `regex.go`, Go's `regexp`).

mod class;
mod error;
mod set;
mod syntax;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use regex::{Captures, Regex, RegexBuilder};

use self::error::{Kind, SyntaxError};
use super::arguments::{int, quoted, text};
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::value::{Elements, List, Value};

const TWO: &[Parameter] = &[Parameter::Text, Parameter::Text];
const COUNTED: &[Parameter] = &[Parameter::Text, Parameter::Text, Parameter::Int];
const THREE: &[Parameter] = &[Parameter::Text, Parameter::Text, Parameter::Text];

macro_rules! both {
    ($name:literal, $must:literal, $parameters:expr, $with:ident) => {
        [
            Function {
                name: $name,
                parameters: $parameters,
                variadic: None,
                call: |_, arguments| $with(&*compile_or_panic(text(arguments, 0))?, arguments),
            },
            Function {
                name: $must,
                parameters: $parameters,
                variadic: None,
                call: |_, arguments| $with(&*compile(text(arguments, 0))?, arguments),
            },
        ]
    };
}

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &{
    let [find, must_find] = both!("regexFind", "mustRegexFind", TWO, find);
    let [all, must_all] = both!("regexFindAll", "mustRegexFindAll", COUNTED, find_all);
    let [replace, must_replace] = both!("regexReplaceAll", "mustRegexReplaceAll", THREE, replace);
    let [literal, must_literal] =
        both!("regexReplaceAllLiteral", "mustRegexReplaceAllLiteral", THREE, replace_literal);
    let [split, must_split] = both!("regexSplit", "mustRegexSplit", COUNTED, split);
    [
        Function { name: "regexMatch", parameters: TWO, variadic: None, call: is_match },
        Function { name: "mustRegexMatch", parameters: TWO, variadic: None, call: must_match },
        find,
        must_find,
        all,
        must_all,
        replace,
        must_replace,
        literal,
        must_literal,
        split,
        must_split,
        Function { name: "regexQuoteMeta", parameters: &[Parameter::Text], variadic: None, call: quote_meta },
    ]
};

/// A compiled expression and what Go remembers of it.
struct Expression {
    regex: Regex,
    names: Vec<String>,
    empty: bool,
}

impl Expression {
    fn new(source: &str) -> Result<Self, SyntaxError> {
        let translated = syntax::translate(source)?;
        let regex = RegexBuilder::new(&translated.pattern).build().map_err(|error| {
            let kind = match error {
                regex::Error::CompiledTooBig(_) => Kind::Large,
                // Everything else was checked before.
                _ => Kind::Depth,
            };
            SyntaxError::new(kind, source)
        })?;
        Ok(Self { regex, names: translated.names, empty: source.is_empty() })
    }
}

/// How many expressions are kept. Charts use a few, and most of them in every name they make.
const KEPT: usize = 64;

thread_local! {
    /// What was compiled, because compiling costs a thousand times as much as matching. It is never seen from outside: an
    /// expression compiles to the same every time.
    static COMPILED: RefCell<BTreeMap<String, Rc<Expression>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The expression, compiled now or before.
fn expression(source: &str) -> Result<Rc<Expression>, SyntaxError> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(known) = compiled.get(source) {
            return Ok(known.clone());
        }
        let expression = Expression::new(source);
        // The tables for \p are left out. Other mistakes are rare.
        #[cfg(not(feature = "full"))]
        if expression.is_err() || source.contains("\\p") || source.contains("\\P") {
            crate::elsewhere::note();
        }
        let expression = Rc::new(expression?);
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(source.to_owned(), expression.clone());
        Ok(expression)
    })
}

/// An expression in Go's syntax (`regexp.Compile`), as it is in a schema.
///
/// # Errors
/// With Go's words, when it is none.
pub fn go_regex(source: &str) -> Result<Regex, String> {
    expression(source).map(|expression| expression.regex.clone()).map_err(|error| error.to_string())
}

fn compile(source: &str) -> Result<Rc<Expression>, FunctionError> {
    expression(source).map_err(|error| FunctionError::new(error.to_string()))
}

/// What `regexp.MustCompile` panics with; `text/template` makes an error of it.
fn compile_or_panic(source: &str) -> Result<Rc<Expression>, FunctionError> {
    expression(source).map_err(|error| {
        let plain = |c: char| c == '\t' || !(c.is_control() || matches!(c, '`' | '\u{feff}'));
        let shown = if source.chars().all(plain) { format!("`{source}`") } else { quoted(source) };
        FunctionError::new(format!("regexp: Compile({shown}): {error}"))
    })
}

/// Sprig's `regexMatch` takes an expression that is none for one that does not match.
fn is_match(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let expression = expression(text(arguments, 0));
    Ok(expression.is_ok_and(|expression| expression.regex.is_match(text(arguments, 1))).into())
}

fn must_match(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(compile(text(arguments, 0))?.regex.is_match(text(arguments, 1)).into())
}

fn find(expression: &Expression, arguments: &[Value]) -> Result<Value, FunctionError> {
    let found = expression.regex.find(text(arguments, 1));
    Ok(Value::text(found.map(|found| found.as_str()).unwrap_or_default()))
}

/// How many matches Go looks for: all with a negative number.
fn limit(number: i64) -> usize {
    if number < 0 { usize::MAX } else { usize::try_from(number).unwrap_or(usize::MAX) }
}

fn find_all(expression: &Expression, arguments: &[Value]) -> Result<Value, FunctionError> {
    let found = expression.regex.find_iter(text(arguments, 1));
    let mut found = found.take(limit(int(arguments, 2))).map(|found| found.as_str()).peekable();
    if found.peek().is_none() {
        return Ok(Value::List(List::nil(Elements::Text)));
    }
    Ok(Value::texts(found))
}

fn replace(expression: &Expression, arguments: &[Value]) -> Result<Value, FunctionError> {
    let template = text(arguments, 2);
    let replaced = expression
        .regex
        .replace_all(text(arguments, 1), |found: &Captures<'_>| expand(template, found, &expression.names));
    Ok(Value::text(replaced))
}

fn replace_literal(expression: &Expression, arguments: &[Value]) -> Result<Value, FunctionError> {
    let literal = regex::NoExpand(text(arguments, 2));
    Ok(Value::text(expression.regex.replace_all(text(arguments, 1), literal)))
}

/// Go's `Regexp.Expand`: `$1`, `$name` (as long as it goes), `${name}`, `$$`.
fn expand(template: &str, found: &Captures<'_>, names: &[String]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = name_at(after) else {
            out.push('$');
            rest = after;
            continue;
        };
        out.push_str(group(name, found, names));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn name_at(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let rest = inner.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    let name = syntax::until(inner, rest);
    let closed = if inner.len() < text.len() { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, closed))
}

fn group<'t>(name: &str, found: &Captures<'t>, names: &[String]) -> &'t str {
    let numeric = name.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = name.len() > 1 && name.starts_with('0');
    let matched = if numeric && !leading_zero && name.len() < 9 {
        name.parse().ok().and_then(|index: usize| found.get(index))
    } else {
        let mut named = names.iter().enumerate().filter(|(_, known)| *known == name);
        named.find_map(|(index, _)| found.get(index + 1))
    };
    matched.map(|found| found.as_str()).unwrap_or_default()
}

/// Go's `Regexp.Split`.
fn split(expression: &Expression, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (subject, number) = (text(arguments, 1), int(arguments, 2));
    if number == 0 {
        return Ok(Value::List(List::nil(Elements::Text)));
    }
    if !expression.empty && subject.is_empty() {
        return Ok(Value::texts([""]));
    }
    let most = limit(number);
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in expression.regex.find_iter(subject).take(most) {
        if parts.len() + 1 == most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(subject.get(begin..end).unwrap_or_default());
        }
        begin = found.end();
    }
    if end != subject.len() {
        parts.push(subject.get(begin..).unwrap_or_default());
    }
    Ok(Value::texts(parts))
}

fn quote_meta(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut out = String::new();
    for c in text(arguments, 0).chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests;
