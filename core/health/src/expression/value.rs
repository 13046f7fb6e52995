//! What an expression comes to.

use alloc::vec::Vec;
use core::cmp::Ordering;

use serde_json::Value;

/// A value on the way. Texts, lists and maps are borrowed from the object or from the expression itself.
#[derive(Clone, Debug)]
pub(super) enum Answer<'a> {
    /// A field that is not there, or sides that do not fit.
    Unknown,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    /// A list or a map of the object.
    Json(&'a Value),
    /// A list written in the expression.
    List(Vec<Answer<'a>>),
}

impl<'a> Answer<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Int(whole),
                (None, Some(number)) => Self::Float(number),
                (None, None) => Self::Unknown,
            },
            Value::String(text) => Self::Text(text),
            Value::Array(_) | Value::Object(_) => Self::Json(value),
        }
    }

    pub(super) fn field(&self, name: &str) -> Self {
        match self {
            Self::Json(Value::Object(map)) => map.get(name).map_or(Self::Unknown, Self::of),
            _ => Self::Unknown,
        }
    }

    pub(super) fn item(&self, index: &Self) -> Self {
        let position = |index: &i64| usize::try_from(*index).ok();
        match (self, index) {
            (Self::Json(Value::Object(_)), Self::Text(name)) => self.field(name),
            (Self::Json(Value::Array(items)), Self::Int(index)) => {
                position(index).and_then(|index| items.get(index)).map_or(Self::Unknown, Self::of)
            }
            (Self::List(items), Self::Int(index)) => {
                position(index).and_then(|index| items.get(index)).cloned().unwrap_or(Self::Unknown)
            }
            _ => Self::Unknown,
        }
    }

    pub(super) fn size(&self) -> Self {
        let size = match self {
            Self::Text(text) => text.chars().count(),
            Self::List(items) => items.len(),
            Self::Json(Value::Array(items)) => items.len(),
            Self::Json(Value::Object(map)) => map.len(),
            _ => return Self::Unknown,
        };
        i64::try_from(size).map_or(Self::Unknown, Self::Int)
    }

    /// The elements a macro goes through: a list's items, a map's keys, as in CEL. `None` for anything else.
    pub(super) fn elements(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(items) => Some(items.clone()),
            Self::Json(Value::Array(items)) => Some(items.iter().map(Self::of).collect()),
            Self::Json(Value::Object(map)) => Some(map.keys().map(|key| Self::Text(key)).collect()),
            _ => None,
        }
    }

    pub(super) fn contains(&self, member: &Self) -> Self {
        if matches!(member, Self::Unknown) {
            return Self::Unknown;
        }
        self.elements().map_or(Self::Unknown, |items| {
            Self::Bool(items.iter().any(|item| item.equals(member) == Some(true)))
        })
    }

    /// `None` when a side is unknown. Values of different types are not equal.
    pub(super) fn equals(&self, other: &Self) -> Option<bool> {
        Some(match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => return None,
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::Json(left), Self::Json(right)) => left == right,
            _ => match (self.elements(), other.elements()) {
                (Some(left), Some(right)) => {
                    left.len() == right.len()
                        && left.iter().zip(&right).all(|(left, right)| left.equals(right) == Some(true))
                }
                _ => self.compare(other) == Some(Ordering::Equal),
            },
        })
    }

    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    pub(super) fn plus(&self, other: &Self, minus: bool) -> Self {
        let (Self::Int(left), Self::Int(right)) = (self, other) else { return Self::Unknown };
        let sum = if minus { left.checked_sub(*right) } else { left.checked_add(*right) };
        sum.map_or(Self::Unknown, Self::Int)
    }

    fn number(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "only to compare with a decimal number")]
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}
