//! Walks through whole values that may contain themselves: copies, comparison, and the end of their life.

use std::rc::Rc;

use crate::limits::{NESTING, VISITS};
use crate::value::{List, Map, Value};

/// How far one walk may still go.
struct Walk {
    visits: usize,
}

impl Walk {
    fn fits(&mut self, depth: usize) -> bool {
        self.visits += 1;
        depth <= NESTING && self.visits <= VISITS
    }

    fn copy(&mut self, value: &Value, depth: usize) -> Option<Value> {
        if !self.fits(depth) {
            return None;
        }
        Some(match value {
            Value::List(list) => {
                let items: Option<Vec<Value>> = list.iter().map(|item| self.copy(item, depth + 1)).collect();
                Value::List(list.with_items(items?))
            }
            Value::Map(map) => Value::Map(self.copy_map(map, depth)?),
            other => other.clone(),
        })
    }

    fn copy_map(&mut self, map: &Map, depth: usize) -> Option<Map> {
        // Cloning a tree of entries keeps its shape; what is no plain value is put right afterwards.
        let mut entries = map.borrow().clone();
        for value in entries.values_mut() {
            *value = match value {
                Value::List(_) | Value::Map(_) => self.copy(value, depth + 1)?,
                _ if self.fits(depth + 1) => continue,
                _ => return None,
            };
        }
        Some(map.with_entries(entries))
    }

    /// `reflect.DeepEqual`, which takes what it is already comparing for equal.
    fn same(&mut self, one: &Value, other: &Value, depth: usize) -> bool {
        if !self.fits(depth) {
            return true;
        }
        match (one, other) {
            (Value::List(a), Value::List(b)) => {
                a.is_like(b)
                    && a.len() == b.len()
                    && (std::ptr::eq(&raw const **a, &raw const **b)
                        || a.iter().zip(b.iter()).all(|(a, b)| self.same(a, b, depth + 1)))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.map_type() == b.map_type()
                    && a.is_nil() == b.is_nil()
                    && (a.is(b) || {
                        let (a, b) = (a.borrow(), b.borrow());
                        a.len() == b.len()
                            && a.iter()
                                .zip(b.iter())
                                .all(|((key, a), (name, b))| key == name && self.same(a, b, depth + 1))
                    })
            }
            (one, other) => one.same_scalar(other),
        }
    }
}

/// A copy that shares no map with the value; `None` where it contains itself or is too large.
pub(crate) fn copy(value: &Value) -> Option<Value> {
    Walk { visits: 0 }.copy(value, 0)
}

/// [`copy`] of a map.
pub(crate) fn copy_map(map: &Map) -> Option<Map> {
    Walk { visits: 0 }.copy_map(map, 0)
}

/// Deep equality; types count.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    Walk { visits: 0 }.same(one, other, 0)
}

/// Ends the life of values without recursion, however deep they are nested.
pub(crate) fn release(values: impl IntoIterator<Item = Value>) {
    let mut waiting: Vec<Value> = values.into_iter().filter(holds).collect();
    while let Some(value) = waiting.pop() {
        match value {
            Value::List(mut list) => waiting.extend(list.take_items().into_iter().filter(holds)),
            Value::Map(mut map) => waiting.extend(map.take_entries().into_values().filter(holds)),
            _ => {}
        }
    }
}

/// Whether a value may hold others.
pub(crate) fn holds(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_))
}

impl Drop for List {
    fn drop(&mut self) {
        let items = self.take_items();
        if items.iter().any(holds) {
            release(items);
        }
    }
}

impl PartialEq for Value {
    /// As `reflect.DeepEqual` has it: types count, so `int 1` differs from `int64 1`.
    fn eq(&self, other: &Self) -> bool {
        same(self, other)
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        same(&Value::Map(self.clone()), &Value::Map(other.clone()))
    }
}

impl Value {
    fn same_scalar(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) | (Self::Int64(a), Self::Int64(b)) => a == b,
            (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Byte(a), Self::Byte(b)) => a == b,
            (Self::Rune(a), Self::Rune(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}
