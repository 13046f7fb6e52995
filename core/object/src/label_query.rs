//! Label selectors as people and requests write them (apimachinery `pkg/labels/selector.go`).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// What must hold of an object's labels, read from `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`. Nothing holds of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelQuery(Vec<(String, Test)>);

/// Why a text is no label selector, in the words of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelQueryError {
    /// Nothing stands behind a comma.
    #[error("found '{0}', expected: identifier after ','")]
    Empty(&'static str),
    /// A part that is no requirement.
    #[error(
        "unable to parse requirement: found '{0}', expected: KEY=VALUE, KEY!=VALUE, KEY in (A,B), KEY notin (A,B), KEY or !KEY"
    )]
    Requirement(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    /// Also holds where there is no such label.
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl LabelQuery {
    /// Reads a selector.
    ///
    /// # Errors
    /// For the first part that cannot be understood.
    pub fn parse(text: &str) -> Result<Self, LabelQueryError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let parts = split(text);
        let is_last = |index: usize| index + 1 == parts.len();
        let mut terms = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            match part.trim() {
                "" if is_last(index) => return Err(LabelQueryError::Empty("")),
                "" => return Err(LabelQueryError::Empty(",")),
                part => terms.push(term(part).ok_or_else(|| LabelQueryError::Requirement(part.to_owned()))?),
            }
        }
        Ok(Self(terms))
    }

    /// Whether labels are meant; `value_of` gives the value of a label.
    pub fn matches<'l>(&self, value_of: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.0.iter().all(|(key, test)| {
            let value = value_of(key);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match test {
                Test::In(wanted) => value.is_some_and(|value| wanted.iter().any(|one| one == value)),
                Test::NotIn(refused) => !value.is_some_and(|value| refused.iter().any(|one| one == value)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::Above(limit) => number().is_some_and(|number| number > *limit),
                Test::Below(limit) => number().is_some_and(|number| number < *limit),
            }
        })
    }
}

/// At commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut inside = false;
    text.split(|letter| {
        inside = match letter {
            '(' => true,
            ')' => false,
            _ => inside,
        };
        letter == ',' && !inside
    })
    .collect()
}

fn term(part: &str) -> Option<(String, Test)> {
    let named = |key: &str, test: Test| {
        let key = key.trim();
        let is_key = !key.is_empty() && !key.contains([' ', '(', ')', '=', '!', ',', '<', '>']);
        is_key.then(|| (key.to_owned(), test))
    };
    let one = |value: &str| alloc::vec![value.trim().to_owned()];
    if let Some((head, rest)) = part.split_once('(') {
        let values = rest.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        return match operator {
            "in" => named(key, Test::In(values)),
            "notin" => named(key, Test::NotIn(values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return named(key, Test::NotIn(one(value)));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return named(key, Test::In(one(value)));
    }
    if let Some((key, value)) = part.split_once('>') {
        return named(key, Test::Above(value.trim().parse().ok()?));
    }
    if let Some((key, value)) = part.split_once('<') {
        return named(key, Test::Below(value.trim().parse().ok()?));
    }
    match part.strip_prefix('!') {
        Some(key) => named(key, Test::Absent),
        None => named(part, Test::Exists),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_mean_what_kubernetes_means() {
        let labels = [("team", "a"), ("tier", "web"), ("n", "5")];
        let value_of = |key: &str| labels.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
        for (text, meant) in [
            ("", true),
            ("team=a", true),
            ("team==a,tier=web", true),
            ("team!=a", false),
            ("none!=a", true),
            ("team in (a, b)", true),
            ("team in (b)", false),
            ("team notin (b,c)", true),
            ("none notin (b)", true),
            ("team", true),
            ("none", false),
            ("!none", true),
            ("! team", false),
            ("n>4,n<6", true),
            ("n > 5", false),
            ("team=a,tier in (db,cache)", false),
        ] {
            assert_eq!(LabelQuery::parse(text).map(|query| query.matches(value_of)), Ok(meant), "{text}");
        }
        for wrong in ["a,,b", "a=b,", "=a", "a in b", "a in (b", "n>x", "a b"] {
            assert!(LabelQuery::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(LabelQuery::parse("a,,b"), Err(LabelQueryError::Empty(",")));
    }
}
