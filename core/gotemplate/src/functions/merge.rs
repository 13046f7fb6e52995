//! Merging maps as Sprig v3.3.0 does through mergo 1.0: the target is changed, nested maps are merged where they are.

use crate::limits;
use crate::value::{Map, Value};

/// Puts the entries of the source into the target.
///
/// Without `overwrite` only what is missing, `nil` or empty (zero, `false`, `""`, no elements) is replaced; `nil` never replaces.
/// With it everything is replaced, by `nil` and empty values, too; only maps meeting maps are merged.
pub(super) fn merge_into(
    target: &Map,
    source: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), &'static str> {
    if target.is(source) {
        return Ok(());
    }
    if depth > limits::NESTING {
        return Err(limits::CUT);
    }
    for (key, value) in source.snapshot() {
        if value.is_nil() {
            if overwrite {
                target.set(key, Value::Nil);
            }
            continue;
        }
        let present = target.get(&key);
        if let (Value::Map(from), Some(Value::Map(into))) = (&value, &present) {
            merge_into(into, from, overwrite, depth + 1)?;
            // An empty map that got nothing is replaced by the other one.
            if !into.is_empty() {
                continue;
            }
        }
        if overwrite || present.is_none_or(|present| is_empty(&present)) {
            target.set(key, value);
        }
    }
    Ok(())
}

/// The zero value of its type; structs never are.
fn is_empty(value: &Value) -> bool {
    !matches!(value, Value::Object(_)) && !value.truth()
}
