//! Regular expressions (Sprig v3.3.0 `regex.go`, Go's `regexp`).

mod class;
mod engine;
mod error;
mod node;
mod program;
mod set;
mod syntax;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub use self::engine::Regex;
use self::error::SyntaxError;
use self::program::Slots;
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
    regex: Rc<Regex>,
    names: Vec<String>,
    empty: bool,
}

impl Expression {
    fn new(source: &str) -> Result<Self, SyntaxError> {
        let parsed = syntax::parse(source)?;
        let regex = Regex::new(&parsed.node, source)?;
        Ok(Self { regex: Rc::new(regex), names: parsed.names, empty: source.is_empty() })
    }

    /// The parts of a text that match.
    fn found<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        self.regex.matches(text, 1).filter_map(|slots| Some((slots[0]?, slots[1]?)))
    }

    fn replaced(&self, text: &str, mut with: impl FnMut(&Slots, &mut String)) -> String {
        let (mut out, mut from) = (String::new(), 0);
        for slots in self.regex.matches(text, 1 + self.names.len()) {
            let (Some(start), Some(end)) = (slots[0], slots[1]) else { continue };
            out.push_str(&text[from..start]);
            with(&slots, &mut out);
            from = end;
        }
        out.push_str(&text[from..]);
        out
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
pub fn go_regex(source: &str) -> Result<Rc<Regex>, String> {
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
    let subject = text(arguments, 1);
    let found = expression.found(subject).next();
    Ok(Value::text(found.map(|(start, end)| &subject[start..end]).unwrap_or_default()))
}

/// How many matches Go looks for: all with a negative number.
fn limit(number: i64) -> usize {
    if number < 0 { usize::MAX } else { usize::try_from(number).unwrap_or(usize::MAX) }
}

fn find_all(expression: &Expression, arguments: &[Value]) -> Result<Value, FunctionError> {
    let subject = text(arguments, 1);
    let found = expression.found(subject).take(limit(int(arguments, 2)));
    let mut found = found.map(|(start, end)| &subject[start..end]).peekable();
    if found.peek().is_none() {
        return Ok(Value::List(List::nil(Elements::Text)));
    }
    Ok(Value::texts(found))
}

fn replace(expression: &Expression, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (subject, template) = (text(arguments, 1), text(arguments, 2));
    let replaced = expression.replaced(subject, |slots, out| {
        expand(template, out, |name| group(name, subject, slots, &expression.names));
    });
    Ok(Value::text(replaced))
}

fn replace_literal(expression: &Expression, arguments: &[Value]) -> Result<Value, FunctionError> {
    let replaced = expression.replaced(text(arguments, 1), |_, out| out.push_str(text(arguments, 2)));
    Ok(Value::text(replaced))
}

/// Go's `Regexp.Expand`: `$1`, `$name` (as long as it goes), `${name}`, `$$`.
fn expand<'t>(template: &str, out: &mut String, group: impl Fn(&str) -> &'t str) {
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
        out.push_str(group(name));
        rest = after;
    }
    out.push_str(rest);
}

fn name_at(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let rest = inner.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    let name = syntax::until(inner, rest);
    let closed = if inner.len() < text.len() { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, closed))
}

fn group<'t>(name: &str, subject: &'t str, slots: &Slots, names: &[String]) -> &'t str {
    let of = |index: usize| {
        let (start, end) = (slots.get(2 * index).copied()?, slots.get(2 * index + 1).copied()?);
        subject.get(start?..end?)
    };
    let numeric = name.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = name.len() > 1 && name.starts_with('0');
    let matched = if numeric && !leading_zero && name.len() < 9 {
        name.parse().ok().and_then(of)
    } else {
        let mut named = names.iter().enumerate().filter(|(_, known)| *known == name);
        named.find_map(|(index, _)| of(index + 1))
    };
    matched.unwrap_or_default()
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
    for (start, stop) in expression.found(subject).take(most) {
        if parts.len() + 1 == most {
            break;
        }
        end = start;
        if stop != 0 {
            parts.push(subject.get(begin..end).unwrap_or_default());
        }
        begin = stop;
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
