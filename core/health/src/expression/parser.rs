//! Reads and answers an expression in one go: no tree is built, so that a question costs no allocation.

use alloc::format;
use alloc::vec::Vec;

use backstay_object::condition;
use serde_json::Value;

use super::ExpressionError;
use super::scan::{Scanner, Token};
use super::value::Answer;

/// How deep brackets, signs and macros may nest.
const DEPTH_MAX: u32 = 32;
/// How deep macros may nest: each goes through a list for every element of the one around it.
const LOOPS_MAX: u32 = 3;

/// A name bound by a macro, and those around it.
#[derive(Clone, Copy)]
struct Scope<'s, 'a> {
    name: &'a str,
    value: &'s Answer<'a>,
    outer: Option<&'s Scope<'s, 'a>>,
}

type Names<'s, 'a> = Option<&'s Scope<'s, 'a>>;
type Result<'a> = core::result::Result<Answer<'a>, ExpressionError>;

/// What an expression comes to for an object. Errors are of the text alone: they do not depend on the object.
pub(super) fn evaluate<'a>(text: &'a str, object: &'a Value) -> Result<'a> {
    let mut reader = Reader { words: Scanner::new(text), object, depth: 0, loops: 0 };
    let answer = reader.choice(None)?;
    match reader.words.peek()? {
        Token::End => Ok(answer),
        _ => Err(reader.words.error("an operator or the end expected")),
    }
}

struct Reader<'a> {
    words: Scanner<'a>,
    object: &'a Value,
    depth: u32,
    loops: u32,
}

impl<'a> Reader<'a> {
    fn choice(&mut self, names: Names<'_, 'a>) -> Result<'a> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.words.error("nested too deeply"));
        }
        let asked = self.either(names)?;
        let answer = if self.words.take("?")? {
            let yes = self.choice(names)?;
            self.words.expect(":")?;
            let no = self.choice(names)?;
            match asked {
                Answer::Bool(true) => yes,
                Answer::Bool(false) => no,
                _ => Answer::Unknown,
            }
        } else {
            asked
        };
        self.depth -= 1;
        Ok(answer)
    }

    fn either(&mut self, names: Names<'_, 'a>) -> Result<'a> {
        let mut left = self.both(names)?;
        while self.words.take("||")? {
            left = absorb(&left, &self.both(names)?, true);
        }
        Ok(left)
    }

    fn both(&mut self, names: Names<'_, 'a>) -> Result<'a> {
        let mut left = self.relation(names)?;
        while self.words.take("&&")? {
            left = absorb(&left, &self.relation(names)?, false);
        }
        Ok(left)
    }

    fn relation(&mut self, names: Names<'_, 'a>) -> Result<'a> {
        let left = self.sum(names)?;
        let sign = match self.words.peek()? {
            Token::Sign(sign @ ("==" | "!=" | "<" | "<=" | ">" | ">=")) => sign,
            Token::Name("in") => "in",
            _ => return Ok(left),
        };
        self.words.next()?;
        let right = self.sum(names)?;
        let known = |answer: Option<bool>| answer.map_or(Answer::Unknown, Answer::Bool);
        let order = || left.compare(&right);
        Ok(match sign {
            "in" => right.contains(&left),
            "==" => known(left.equals(&right)),
            "!=" => known(left.equals(&right).map(|same| !same)),
            "<" => known(order().map(|order| order.is_lt())),
            "<=" => known(order().map(|order| order.is_le())),
            ">" => known(order().map(|order| order.is_gt())),
            _ => known(order().map(|order| order.is_ge())),
        })
    }

    fn sum(&mut self, names: Names<'_, 'a>) -> Result<'a> {
        let mut left = self.signed(names)?;
        loop {
            let minus = match self.words.peek()? {
                Token::Sign("+") => false,
                Token::Sign("-") => true,
                _ => return Ok(left),
            };
            self.words.next()?;
            left = left.plus(&self.signed(names)?, minus);
        }
    }

    fn signed(&mut self, names: Names<'_, 'a>) -> Result<'a> {
        let (mut negated, mut minus) = (false, false);
        loop {
            if self.words.take("!")? {
                negated = !negated;
            } else if self.words.take("-")? {
                minus = !minus;
            } else {
                break;
            }
        }
        let answer = self.path(names)?;
        Ok(match answer {
            Answer::Bool(value) if !minus => Answer::Bool(value != negated),
            other if !minus && !negated => other,
            Answer::Int(number) if !negated => number.checked_neg().map_or(Answer::Unknown, Answer::Int),
            Answer::Float(number) if !negated => Answer::Float(-number),
            _ => Answer::Unknown,
        })
    }

    fn path(&mut self, names: Names<'_, 'a>) -> Result<'a> {
        let mut answer = self.primary(names)?;
        loop {
            if self.words.take(".")? {
                let Token::Name(name) = self.words.next()? else {
                    return Err(self.words.error("the name of a field expected"));
                };
                answer = if self.words.take("(")? {
                    self.method(&answer, name, names)?
                } else {
                    answer.field(name)
                };
            } else if self.words.take("[")? {
                let index = self.choice(names)?;
                self.words.expect("]")?;
                answer = answer.item(&index);
            } else {
                return Ok(answer);
            }
        }
    }

    fn primary(&mut self, names: Names<'_, 'a>) -> Result<'a> {
        match self.words.next()? {
            Token::Text(text) => Ok(Answer::Text(text)),
            Token::Int(number) => Ok(Answer::Int(number)),
            Token::Float(number) => Ok(Answer::Float(number)),
            Token::Sign("(") => {
                let answer = self.choice(names)?;
                self.words.expect(")")?;
                Ok(answer)
            }
            Token::Sign("[") => Ok(Answer::List(self.list(names)?)),
            Token::Name("true") => Ok(Answer::Bool(true)),
            Token::Name("false") => Ok(Answer::Bool(false)),
            Token::Name("null") => Ok(Answer::Null),
            Token::Name(name) => {
                if self.words.take("(")? {
                    self.function(name, names)
                } else {
                    Ok(self.variable(name, names))
                }
            }
            Token::Sign(_) | Token::End => Err(self.words.error("a value or a field expected")),
        }
    }

    fn variable(&self, name: &str, mut names: Names<'_, 'a>) -> Answer<'a> {
        while let Some(scope) = names {
            if scope.name == name {
                return scope.value.clone();
            }
            names = scope.outer;
        }
        let object = Answer::of(self.object);
        if name == "object" { object } else { object.field(name) }
    }

    fn list(&mut self, names: Names<'_, 'a>) -> core::result::Result<Vec<Answer<'a>>, ExpressionError> {
        let mut items = Vec::new();
        if self.words.take("]")? {
            return Ok(items);
        }
        loop {
            items.push(self.choice(names)?);
            if !self.words.take(",")? {
                self.words.expect("]")?;
                return Ok(items);
            }
        }
    }

    fn function(&mut self, name: &str, names: Names<'_, 'a>) -> Result<'a> {
        if !matches!(name, "has" | "size" | "condition" | "isTrue" | "isFalse") {
            return Err(self.words.error(format!("there is no function {name}")));
        }
        let argument = self.choice(names)?;
        self.words.expect(")")?;
        Ok(match (name, argument) {
            ("has", argument) => Answer::Bool(!matches!(argument, Answer::Unknown)),
            ("size", argument) => argument.size(),
            ("isTrue", Answer::Text(name)) => self.says(name, true),
            ("isFalse", Answer::Text(name)) => self.says(name, false),
            (_, Answer::Text(name)) => condition(self.object, name).map_or(Answer::Unknown, Answer::of),
            _ => Answer::Unknown,
        })
    }

    /// Some controllers write a boolean where the API's conventions want a word.
    fn says(&self, name: &str, truth: bool) -> Answer<'a> {
        Answer::Bool(match condition(self.object, name).and_then(|found| found.get("status")) {
            Some(Value::String(word)) => word == if truth { "True" } else { "False" },
            Some(Value::Bool(word)) => *word == truth,
            _ => false,
        })
    }

    fn method(&mut self, subject: &Answer<'a>, name: &str, names: Names<'_, 'a>) -> Result<'a> {
        if name == "exists" || name == "all" {
            return self.quantified(subject, name == "exists", names);
        }
        if name == "size" {
            self.words.expect(")")?;
            return Ok(subject.size());
        }
        if !matches!(name, "startsWith" | "endsWith" | "contains") {
            return Err(self.words.error(format!("there is no function {name}")));
        }
        let argument = self.choice(names)?;
        self.words.expect(")")?;
        let (Answer::Text(text), Answer::Text(part)) = (subject, argument) else {
            return Ok(Answer::Unknown);
        };
        Ok(Answer::Bool(match name {
            "startsWith" => text.starts_with(part),
            "endsWith" => text.ends_with(part),
            _ => text.contains(part),
        }))
    }

    /// The body is read again for every element; once without one where there is none, to find its end.
    fn quantified(&mut self, subject: &Answer<'a>, any: bool, names: Names<'_, 'a>) -> Result<'a> {
        let Token::Name(name) = self.words.next()? else {
            return Err(self.words.error("the name of a variable expected"));
        };
        self.words.expect(",")?;
        self.loops += 1;
        if self.loops > LOOPS_MAX {
            return Err(self.words.error("exists and all are nested too deeply"));
        }
        let body = self.words;
        let elements = subject.elements();
        let mut answer = if elements.is_some() { Answer::Bool(!any) } else { Answer::Unknown };
        let unknown = Answer::Unknown;
        self.choice(Some(&Scope { name, value: &unknown, outer: names }))?;
        self.words.expect(")")?;
        let end = self.words;
        for value in &elements.unwrap_or_default() {
            self.words = body;
            let found = self.choice(Some(&Scope { name, value, outer: names }))?;
            answer = absorb(&answer, &found, any);
            if matches!(answer, Answer::Bool(found) if found == any) {
                break;
            }
        }
        self.words = end;
        self.loops -= 1;
        Ok(answer)
    }
}

/// `||` (with `strong` true) and `&&`: one strong side decides, whatever the other is.
fn absorb<'a>(left: &Answer<'a>, right: &Answer<'a>, strong: bool) -> Answer<'a> {
    match (left, right) {
        (Answer::Bool(side), _) | (_, Answer::Bool(side)) if *side == strong => Answer::Bool(strong),
        (Answer::Bool(_), Answer::Bool(_)) => Answer::Bool(!strong),
        _ => Answer::Unknown,
    }
}
