//! Lists (Sprig v3.3.0 `list.go`). The functions and their `must` forms differ in Go in how the error travels, not in its text.

use super::arguments::{any, fixed, length, list, open, rest};
use super::conversion::{to_int64, truncate};
use crate::function::{Function, FunctionError, Parameter, Parameter::Any, Parameter::Int};
use crate::value::{Elements, List, Value};

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    open("list", &[], Any, |_, a| Ok(Value::list(a.to_vec()))),
    open("tuple", &[], Any, |_, a| Ok(Value::list(a.to_vec()))),
    fixed("append", TWO, |_, a| push(a)),
    fixed("mustAppend", TWO, |_, a| push(a)),
    fixed("push", TWO, |_, a| push(a)),
    fixed("mustPush", TWO, |_, a| push(a)),
    fixed("prepend", TWO, |_, a| prepend(a)),
    fixed("mustPrepend", TWO, |_, a| prepend(a)),
    fixed("first", ONE, |_, a| {
        Ok(items(a, 0, "Cannot find first on type")?.first().cloned().unwrap_or_default())
    }),
    fixed("mustFirst", ONE, |_, a| {
        Ok(items(a, 0, "Cannot find first on type")?.first().cloned().unwrap_or_default())
    }),
    fixed("last", ONE, |_, a| {
        Ok(items(a, 0, "Cannot find last on type")?.last().cloned().unwrap_or_default())
    }),
    fixed("mustLast", ONE, |_, a| {
        Ok(items(a, 0, "Cannot find last on type")?.last().cloned().unwrap_or_default())
    }),
    fixed("rest", ONE, |_, a| without_first(a)),
    fixed("mustRest", ONE, |_, a| without_first(a)),
    fixed("initial", ONE, |_, a| without_last(a)),
    fixed("mustInitial", ONE, |_, a| without_last(a)),
    fixed("reverse", ONE, |_, a| reverse(a)),
    fixed("mustReverse", ONE, |_, a| reverse(a)),
    fixed("compact", ONE, |_, a| compact(a)),
    fixed("mustCompact", ONE, |_, a| compact(a)),
    fixed("uniq", ONE, |_, a| uniq(a)),
    fixed("mustUniq", ONE, |_, a| uniq(a)),
    open("without", ONE, Any, |_, a| without(a)),
    open("mustWithout", ONE, Any, |_, a| without(a)),
    fixed("has", TWO, |_, a| has(a)),
    fixed("mustHas", TWO, |_, a| has(a)),
    open("slice", ONE, Any, |_, a| slice(a)),
    open("mustSlice", ONE, Any, |_, a| slice(a)),
    open("concat", &[], Any, |_, a| concat(a)),
    fixed("chunk", &[Int, Any], |_, a| chunk(a)),
    fixed("mustChunk", &[Int, Any], |_, a| chunk(a)),
];

const ONE: &[Parameter] = &[Any];
const TWO: &[Parameter] = &[Any, Any];

/// What Go's runtime says where a type is asked of `nil`.
pub(super) const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The elements of a slice of any type; the error is `refusal` and the kind of what is no slice.
fn items(arguments: &[Value], index: usize, refusal: &str) -> Result<List, FunctionError> {
    match arguments.get(index) {
        Some(Value::List(_)) => Ok(list(arguments, index)),
        Some(Value::Bytes(bytes)) => Ok(List::new(bytes.iter().map(|byte| Value::Byte(*byte)).collect())),
        None | Some(Value::Nil) => Err(FunctionError::new(NIL_POINTER)),
        Some(other) => match other {
            Value::Object(object) => object.items().map(List::new),
            _ => None,
        }
        .ok_or_else(|| FunctionError::new(format!("{refusal} {}", other.kind()))),
    }
}

/// The `nil` slice that Go gives where nothing is left.
fn nothing() -> Value {
    Value::List(List::nil(Elements::Any))
}

fn push(arguments: &[Value]) -> Result<Value, FunctionError> {
    let before = items(arguments, 0, "Cannot push on type")?;
    let mut items = Vec::with_capacity(before.len() + 1);
    items.extend_from_slice(&before);
    items.push(any(arguments, 1));
    Ok(Value::list(items))
}

fn prepend(arguments: &[Value]) -> Result<Value, FunctionError> {
    let behind = items(arguments, 0, "Cannot prepend on type")?;
    let mut items = Vec::with_capacity(behind.len() + 1);
    items.push(any(arguments, 1));
    items.extend_from_slice(&behind);
    Ok(Value::list(items))
}

fn without_first(arguments: &[Value]) -> Result<Value, FunctionError> {
    let items = items(arguments, 0, "Cannot find rest on type")?;
    Ok(items.get(1..).map_or_else(nothing, |after| Value::list(after.to_vec())))
}

fn without_last(arguments: &[Value]) -> Result<Value, FunctionError> {
    let items = items(arguments, 0, "Cannot find initial on type")?;
    Ok(items.split_last().map_or_else(nothing, |(_, before)| Value::list(before.to_vec())))
}

fn reverse(arguments: &[Value]) -> Result<Value, FunctionError> {
    let items = items(arguments, 0, "Cannot find reverse on type")?;
    Ok(Value::list(items.iter().rev().cloned().collect()))
}

fn compact(arguments: &[Value]) -> Result<Value, FunctionError> {
    let items = items(arguments, 0, "Cannot compact on type")?;
    Ok(Value::list(items.iter().filter(|item| item.truth()).cloned().collect()))
}

fn uniq(arguments: &[Value]) -> Result<Value, FunctionError> {
    let items = items(arguments, 0, "Cannot find uniq on type")?;
    let mut seen: Vec<Value> = Vec::new();
    for item in items.iter() {
        if !seen.contains(item) {
            seen.push(item.clone());
        }
    }
    Ok(Value::list(seen))
}

fn without(arguments: &[Value]) -> Result<Value, FunctionError> {
    let items = items(arguments, 0, "Cannot find without on type")?;
    let unwanted = rest(arguments, 1);
    Ok(Value::list(items.iter().filter(|item| !unwanted.contains(item)).cloned().collect()))
}

fn has(arguments: &[Value]) -> Result<Value, FunctionError> {
    if any(arguments, 1).is_nil() {
        return Ok(false.into());
    }
    let items = items(arguments, 1, "Cannot find has on type")?;
    Ok(items.contains(&any(arguments, 0)).into())
}

fn slice(arguments: &[Value]) -> Result<Value, FunctionError> {
    let items = items(arguments, 0, "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let start = arguments.get(1).map_or(0, to_int64);
    let end = arguments.get(2).map_or(length(items.len()), to_int64);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let part = range.and_then(|(start, end)| items.get(start..end));
    let part = part.ok_or_else(|| FunctionError::new("reflect.Value.Slice: slice index out of bounds"))?;
    Ok(match arguments.first() {
        Some(Value::Bytes(bytes)) => {
            let range = range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default();
            Value::Bytes(range.into())
        }
        _ => Value::List(List::of(items.elements(), part.to_vec())),
    })
}

fn concat(arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut all = Vec::new();
    for index in 0..arguments.len() {
        match items(arguments, index, "Cannot concat type") {
            Ok(items) => all.extend_from_slice(&items),
            Err(FunctionError::Failed(text)) if text != NIL_POINTER => {
                return Err(FunctionError::new(format!("{text} as list")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(if all.is_empty() { nothing() } else { Value::list(all) })
}

/// Go calculates with floats here, and makes lists of a length that may be no length.
#[allow(clippy::cast_precision_loss, reason = "as Go does")]
fn chunk(arguments: &[Value]) -> Result<Value, FunctionError> {
    let items = items(arguments, 1, "Cannot chunk type")?;
    let size = super::arguments::int(arguments, 0);
    let count = truncate(((items.len() as f64 - 1.0) / size as f64).floor() + 1.0);
    let no_length = || FunctionError::new("runtime error: makeslice: len out of range");
    let count = usize::try_from(count).map_err(|_| no_length())?;
    if count == 0 {
        return Ok(Value::List(List::of(Elements::Lists, Vec::new())));
    }
    let Ok(size) = usize::try_from(size) else {
        // The length of the only list is a remainder, and the negative size itself where that is zero.
        return if items.len() == 1 && size < -1 { Ok(chunks(&items, 1)) } else { Err(no_length()) };
    };
    Ok(chunks(&items, size.max(1)))
}

fn chunks(items: &[Value], size: usize) -> Value {
    let chunks = items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect();
    Value::List(List::of(Elements::Lists, chunks))
}
