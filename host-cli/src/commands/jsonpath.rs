//! kubectl's JSONPath, as far as values of a chart need it (`show values --jsonpath`; source of the rules: Kubernetes
//! `client-go/util/jsonpath`): fields, indexes, slices, wildcards, descent, unions, `range`, texts and filters that
//! compare.

use backstay_core::yaml::number::float_text;
use serde_json::Value;

/// Why a path cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    #[error("unclosed action")]
    Unclosed,
    #[error("unterminated {0}")]
    Unterminated(&'static str),
    #[error("unrecognized character in action: {0:?}")]
    Character(char),
    #[error("invalid array index {0}")]
    Index(String),
    #[error("unrecognized identifier {0}")]
    Word(String),
    #[error("not in range, nothing to end")]
    End,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Path(Vec<Step>),
    Range(Vec<Step>, Vec<Part>),
}

/// One step down.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    All,
    Descend,
    Slice(Option<i64>, Option<i64>, i64),
    Index(i64),
    Union(Vec<Step>),
    Filter(Vec<Step>, &'static str, Operand),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    None,
    Value(Value),
    Path(Vec<Step>),
}

/// What the template gives for a document: nothing at all where one of its paths leads nowhere, as with Helm, which drops
/// that error.
pub(super) fn evaluate(template: &str, document: &Value) -> Result<String, PathError> {
    let mut reader = Reader { rest: template };
    let parts = reader.parts(false)?;
    let mut text = String::new();
    Ok(print(&parts, document, &mut text).map_or_else(String::new, |()| text))
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Texts and actions, to the end or to `{end}`.
    fn parts(&mut self, in_range: bool) -> Result<Vec<Part>, PathError> {
        let mut parts = Vec::new();
        while !self.rest.is_empty() {
            let Some((text, rest)) = self.rest.split_once('{') else {
                parts.push(Part::Text(std::mem::take(&mut self.rest).to_owned()));
                break;
            };
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            self.rest = rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix("end") {
                self.rest = rest;
                self.close()?;
                return if in_range { Ok(parts) } else { Err(PathError::End) };
            }
            if let Some(rest) = self.rest.strip_prefix("range ") {
                self.rest = rest;
                let steps = self.steps("}")?;
                self.close()?;
                parts.push(Part::Range(steps, self.parts(true)?));
                continue;
            }
            while !self.rest.trim_start().starts_with('}') {
                self.rest = self.rest.trim_start();
                match self.rest.chars().next() {
                    None => return Err(PathError::Unclosed),
                    Some('"' | '\'') => parts.push(Part::Text(self.quoted()?)),
                    Some(_) => parts.push(Part::Path(self.steps("} ")?)),
                }
            }
            self.close()?;
        }
        if in_range { Err(PathError::Unterminated("range")) } else { Ok(parts) }
    }

    fn close(&mut self) -> Result<(), PathError> {
        self.rest = self.rest.trim_start().strip_prefix('}').ok_or(PathError::Unclosed)?;
        Ok(())
    }

    /// A text in quotes, with `\n` and the like.
    fn quoted(&mut self) -> Result<String, PathError> {
        let mut letters = self.rest.char_indices();
        let Some((_, quote)) = letters.next() else { return Err(PathError::Unterminated("quoted string")) };
        let mut text = String::new();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => match letters.next().map(|(_, letter)| letter) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(other) => text.push(other),
                    None => break,
                },
                end if end == quote => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(text);
                }
                other => text.push(other),
            }
        }
        Err(PathError::Unterminated("quoted string"))
    }

    /// A path, up to one of these letters.
    fn steps(&mut self, ends: &str) -> Result<Vec<Step>, PathError> {
        let mut steps = Vec::new();
        while let Some(letter) = self.rest.chars().next() {
            if ends.contains(letter) {
                break;
            }
            let after = self.rest.get(letter.len_utf8()..).unwrap_or_default();
            match letter {
                '$' | '@' if steps.is_empty() => self.rest = after,
                '.' => {
                    self.rest = after;
                    if let Some(rest) = self.rest.strip_prefix('.') {
                        self.rest = rest;
                        steps.push(Step::Descend);
                    }
                    if !self.rest.starts_with(['[', '.', '}', ' ', ')']) && !self.rest.is_empty() {
                        steps.push(self.field());
                    }
                }
                '[' => {
                    self.rest = after;
                    steps.push(self.bracket()?);
                }
                letter if steps.is_empty() && (letter.is_alphanumeric() || letter == '_') => {
                    let Step::Field(word) = self.field() else { return Err(PathError::Character(letter)) };
                    return Err(PathError::Word(word));
                }
                other => return Err(PathError::Character(other)),
            }
        }
        Ok(steps)
    }

    fn field(&mut self) -> Step {
        let mut name = String::new();
        let mut letters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => name.extend(letters.next().map(|(_, letter)| letter)),
                '.' | '[' | ']' | '}' | ' ' | ')' | '=' | '!' | '<' | '>' | ',' => {
                    end = at;
                    break;
                }
                other => name.push(other),
            }
        }
        self.rest = self.rest.get(end..).unwrap_or_default();
        if name == "*" { Step::All } else { Step::Field(name) }
    }

    /// What stands in brackets.
    fn bracket(&mut self) -> Result<Step, PathError> {
        if let Some(rest) = self.rest.strip_prefix("?(") {
            self.rest = rest;
            return self.filter();
        }
        let mut steps = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with(['"', '\'']) {
                steps.push(Step::Field(self.quoted()?));
            } else {
                let end = self.rest.find([',', ']']).ok_or(PathError::Unterminated("array"))?;
                let (text, rest) = self.rest.split_at(end);
                steps.push(index(text.trim())?);
                self.rest = rest;
            }
            self.rest = self.rest.trim_start();
            let letter = self.rest.chars().next();
            self.rest = self.rest.get(1..).unwrap_or_default();
            match letter {
                Some(',') => {}
                Some(']') => break,
                _ => return Err(PathError::Unterminated("array")),
            }
        }
        match (steps.pop(), steps.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                steps.extend(last);
                Ok(Step::Union(steps))
            }
        }
    }

    /// `@.kind=="Job")]`.
    fn filter(&mut self) -> Result<Step, PathError> {
        const OPERATORS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];
        self.rest = self.rest.trim_start();
        let left = self.steps(" =!<>)")?;
        self.rest = self.rest.trim_start();
        let operator = OPERATORS.into_iter().find(|operator| self.rest.starts_with(operator)).unwrap_or("");
        self.rest = self.rest.get(operator.len()..).unwrap_or_default().trim_start();
        let right = match self.rest.chars().next() {
            Some(')') => Operand::None,
            Some('"' | '\'') => Operand::Value(Value::from(self.quoted()?)),
            Some('@' | '$') => Operand::Path(self.steps(" )")?),
            _ => {
                let end = self.rest.find(')').ok_or(PathError::Unterminated("filter"))?;
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                Operand::Value(serde_json::from_str(text.trim()).unwrap_or_else(|_| text.trim().into()))
            }
        };
        let rest = self.rest.trim_start().strip_prefix(')').map(str::trim_start);
        self.rest = rest.and_then(|rest| rest.strip_prefix(']')).ok_or(PathError::Unterminated("filter"))?;
        Ok(Step::Filter(left, operator, right))
    }
}

/// `2`, `-1`, `1:3`, `::2`, `*`.
fn index(text: &str) -> Result<Step, PathError> {
    let wrong = || PathError::Index(text.to_owned());
    if text == "*" {
        return Ok(Step::All);
    }
    let number = |text: &str| match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| wrong()),
    };
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [one] => number(one)?.map(Step::Index).ok_or_else(wrong),
        [from, to] => Ok(Step::Slice(number(from)?, number(to)?, 1)),
        [from, to, by] => {
            let by = number(by)?.unwrap_or(1);
            if by > 0 { Ok(Step::Slice(number(from)?, number(to)?, by)) } else { Err(wrong()) }
        }
        _ => Err(wrong()),
    }
}

/// `None` where a path leads nowhere: nothing more is printed then.
fn print(parts: &[Part], here: &Value, text: &mut String) -> Option<()> {
    for part in parts {
        match part {
            Part::Text(own) => text.push_str(own),
            Part::Path(steps) => {
                let found: Vec<String> = walk(steps, here)?.into_iter().map(shown).collect();
                text.push_str(&found.join(" "));
            }
            Part::Range(steps, parts) => {
                for item in walk(steps, here)? {
                    print(parts, item, text)?;
                }
            }
        }
    }
    Some(())
}

/// A value as Go prints it: texts bare, lists and maps as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        // Helm reads every number of values as a float.
        Value::Number(number) => float_text(number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}

fn walk<'a>(steps: &[Step], from: &'a Value) -> Option<Vec<&'a Value>> {
    let mut here = vec![from];
    for step in steps {
        let mut next = Vec::new();
        // The parts of a union are gone through one after the other, each for all values.
        let alternatives = match step {
            Step::Union(steps) => steps.as_slice(),
            other => std::slice::from_ref(other),
        };
        for step in alternatives {
            for value in &here {
                next.extend(take(step, value)?);
            }
        }
        here = next;
    }
    Some(here)
}

fn take<'a>(step: &Step, value: &'a Value) -> Option<Vec<&'a Value>> {
    match step {
        Step::Field(name) => match value {
            Value::Object(fields) => fields.get(name).map(|field| vec![field]),
            // Behind `..` many have no such field.
            _ => Some(Vec::new()),
        },
        Step::All => Some(children(value)),
        Step::Descend => {
            let mut found = vec![value];
            let mut at = 0;
            while let Some(value) = found.get(at).copied() {
                found.extend(children(value));
                at += 1;
            }
            // Only those that can have fields, so that a name behind it does not end the walk.
            Some(found)
        }
        Step::Index(index) => {
            let items = value.as_array()?;
            let length = i64::try_from(items.len()).ok()?;
            let index = if *index < 0 { index + length } else { *index };
            items.get(usize::try_from(index).ok()?).map(|item| vec![item])
        }
        Step::Slice(from, to, by) => {
            let items = value.as_array()?;
            let length = i64::try_from(items.len()).ok()?;
            let place = |index: i64| if index < 0 { index + length } else { index }.clamp(0, length);
            let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(length)));
            let mut found = Vec::new();
            let mut at = from;
            while at < to {
                found.extend(items.get(usize::try_from(at).ok()?));
                at += by;
            }
            Some(found)
        }
        // `walk` goes through its parts.
        Step::Union(_) => None,
        Step::Filter(left, operator, right) => {
            let items = value.as_array()?.iter();
            Some(items.filter(|item| holds(item, left, operator, right)).collect())
        }
    }
}

fn holds(item: &Value, left: &[Step], operator: &str, right: &Operand) -> bool {
    let first = |steps: &[Step]| walk(steps, item).and_then(|found| found.first().copied().cloned());
    let Some(left) = first(left) else { return false };
    let right = match right {
        Operand::None => return true,
        Operand::Value(value) => Some(value.clone()),
        Operand::Path(steps) => first(steps),
    };
    let Some(right) = right else { return false };
    let order = match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(shown(&left).cmp(&shown(&right))),
    };
    order.is_some_and(|order| match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_give_what_kubectl_gives() {
        let values = json!({
            "image": {"tag": "1.2", "pull": true}, "port": 80, "big": 1_000_000, "half": 1.5, "a.b": "dot",
            "hosts": [{"name": "x", "port": 1}, {"name": "y", "port": 2}, {"name": "z", "port": 3}],
        });
        for (template, expected) in [
            ("{.image.tag}", "1.2"),
            ("{$.image.tag}", "1.2"),
            ("tag: {.image.tag}{\"\\n\"}", "tag: 1.2\n"),
            ("{.port}", "80"),
            ("{.image}", "{\"pull\":true,\"tag\":\"1.2\"}"),
            ("{.a\\.b} {['a.b']}", "dot dot"),
            ("{.hosts[0].name} {.hosts[-1].name}", "x z"),
            ("{.hosts[*].name}", "x y z"),
            ("{.hosts[0:2].name}", "x y"),
            ("{.hosts[::2].name}", "x z"),
            ("{.hosts[0,2].name}", "x z"),
            ("{range .hosts[*]}{.name}={.port};{end}", "x=1;y=2;z=3;"),
            ("{.hosts[?(@.name==\"y\")].port}", "2"),
            ("{.hosts[?(@.port>1)].name}", "y z"),
            ("{.nothing}", ""),
            ("before {.nothing} after", ""),
            ("{.hosts[*]['name','port']}", "x y z 1 2 3"),
            ("{.hosts..name}", "x y z"),
            ("{.big} {.half}", "1e+06 1.5"),
            ("no action", "no action"),
        ] {
            assert_eq!(evaluate(template, &values).as_deref(), Ok(expected), "{template}");
        }
        for template in ["{.image", "{.hosts[x]}", "{end}", "{range .hosts[*]}{.name}", "{image}", "{\"a}"] {
            assert!(evaluate(template, &values).is_err(), "{template}");
        }
    }
}
