//! A small language to ask objects questions: a subset of the Common Expression Language (CEL), with one function of ours.
//!
//! | Part | What there is |
//! |---|---|
//! | literals | `'text'`, `"text"` (no escapes), whole and decimal numbers, `true`, `false`, `null`, `[a, b]` |
//! | fields | `status.phase`, `spec.rules[0].host`, `metadata.annotations['a/b']`; `object` is the object as a whole |
//! | operators | `!` `-` `+` `==` `!=` `<` `<=` `>` `>=` `in` `&&` `\|\|` `? :` and brackets |
//! | macros | `has(a.b)`, `list.exists(x, …)`, `list.all(x, …)` |
//! | functions | `size(x)`, `x.size()`, `text.startsWith(t)`, `text.endsWith(t)`, `text.contains(t)` |
//! | ours | `condition('Ready')`: the entry of `status.conditions` with that type; `isTrue('Ready')`, `isFalse('Ready')`: whether it is there with that status |
//!
//! As in CEL a field that is not there, and an operator whose sides do not fit, is an error; an error beside `false &&` or
//! `true ||` is swallowed, any other makes the whole unknown, which counts as *no*. Two things are more lenient than CEL:
//! `has(a.b.c)` is false when `a.b` is missing, too, and numbers compare across whole and decimal.
//!
//! Why not a CEL crate: `cel` 0.15 (MIT) builds for `wasm32-unknown-unknown` without imports, but needs `std`, adds 1.2 MB to a
//! module, and wants the whole object copied into its own values for every question. A subset that reads the object in
//! place keeps this room `no_std`.

mod parser;
mod scan;
mod value;

#[cfg(test)]
mod tests;

use alloc::string::{String, ToString as _};
use core::fmt;

use backstay_object::{FromJson, FromJsonError};
use serde::{Serialize, Serializer};
use serde_json::Value;

use value::Answer;

/// What is wrong with the text of an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position} of the expression: {message}; see docs/readiness.md for what it may hold")]
pub struct ExpressionError {
    /// Where, in bytes from the start.
    pub position: usize,
    /// What.
    pub message: String,
}

/// A checked expression.
#[derive(Clone, PartialEq, Eq)]
pub struct Expression(String);

impl Expression {
    /// Checks a text.
    ///
    /// # Errors
    /// When it is not of the subset, with the place and what was expected there.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        parser::evaluate(text, &Value::Null)?;
        Ok(Self(String::from(text)))
    }

    /// Asks an object. `None` when it cannot be answered: a field is missing, or types do not fit.
    #[must_use]
    pub fn ask(&self, object: &Value) -> Option<bool> {
        ask(&self.0, object)
    }

    /// The text it was made from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Asks an object with a text that is known to be right: one of the table, or one that was checked.
pub(crate) fn ask(text: &str, object: &Value) -> Option<bool> {
    match parser::evaluate(text, object) {
        Ok(Answer::Bool(answer)) => Some(answer),
        _ => None,
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Expression({})", self.0)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromJson for Expression {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        let text = String::from_json(given)?;
        Self::parse(&text).map_err(|error| FromJsonError::new(error.to_string()))
    }
}
