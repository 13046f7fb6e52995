//! Maps (Sprig v3.3.0 `dict.go`). What Go leaves to chance, the order of keys, is sorted here.

use super::arguments::{any, fixed, map, open, rest, text};
use super::lists::NIL_POINTER;
use super::merge::merge_into;
use super::text::string;
use crate::function::{Function, FunctionError, Parameter, Parameter::Any, Parameter::Text};
use crate::limits;
use crate::value::{Map, MapType, Value};

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    open("dict", &[], Any, |_, a| Ok(dict(a))),
    fixed("get", MAP_KEY, |_, a| Ok(map(a, 0).get(text(a, 1)).unwrap_or_else(|| "".into()))),
    fixed("set", &[Parameter::Map, Text, Any], |_, a| set(a)),
    fixed("unset", MAP_KEY, |_, a| {
        let map = map(a, 0);
        map.remove(text(a, 1));
        Ok(returned(&map))
    }),
    fixed("hasKey", MAP_KEY, |_, a| Ok(map(a, 0).contains_key(text(a, 1)).into())),
    open("pluck", &[Text], Parameter::Map, |_, a| Ok(pluck(a))),
    open("keys", &[], Parameter::Map, |_, a| Ok(keys(a))),
    fixed("values", &[Parameter::Map], |_, a| {
        Ok(Value::list(map(a, 0).borrow().values().cloned().collect()))
    }),
    open("pick", &[Parameter::Map], Text, |_, a| Ok(part(a, true))),
    open("omit", &[Parameter::Map], Text, |_, a| Ok(part(a, false))),
    open("merge", &[Parameter::Map], Parameter::Map, |_, a| merge(a, false)),
    open("mustMerge", &[Parameter::Map], Parameter::Map, |_, a| merge(a, false)),
    open("mergeOverwrite", &[Parameter::Map], Parameter::Map, |_, a| merge(a, true)),
    open("mustMergeOverwrite", &[Parameter::Map], Parameter::Map, |_, a| merge(a, true)),
    open("dig", &[], Any, |_, a| dig(a)),
    fixed("deepCopy", &[Any], |_, a| deep_copy(a)),
    fixed("mustDeepCopy", &[Any], |_, a| deep_copy(a)),
];

const MAP_KEY: &[Parameter] = &[Parameter::Map, Text];

/// A key without a value gets the empty text.
fn dict(arguments: &[Value]) -> Value {
    let pairs = arguments.chunks(2);
    Value::map(
        pairs.map(|pair| (string(&any(pair, 0)).into(), pair.get(1).cloned().unwrap_or_else(|| "".into()))),
    )
}

fn set(arguments: &[Value]) -> Result<Value, FunctionError> {
    let map = match arguments.first() {
        Some(Value::Map(map)) if !map.is_nil() => map,
        _ => return Err(FunctionError::new("assignment to entry in nil map")),
    };
    map.set(text(arguments, 1), any(arguments, 2));
    Ok(returned(map))
}

/// The map that was given, as the type the function declares: `.Values` comes back as a plain map.
fn returned(map: &Map) -> Value {
    Value::Map(map.retyped(MapType::Any))
}

fn pluck(arguments: &[Value]) -> Value {
    let key = text(arguments, 0);
    let maps = rest(arguments, 1).iter().filter_map(Value::as_map);
    Value::list(maps.filter_map(|map| map.get(key)).collect())
}

fn keys(arguments: &[Value]) -> Value {
    let maps = arguments.iter().filter_map(Value::as_map);
    Value::texts(maps.flat_map(|map| map.borrow().keys().cloned().collect::<Vec<_>>()))
}

fn part(arguments: &[Value], wanted: bool) -> Value {
    let named: Vec<&str> = rest(arguments, 1).iter().filter_map(Value::as_text).collect();
    let all = map(arguments, 0).snapshot();
    Value::map(all.into_iter().filter(|(key, _)| named.contains(&&**key) == wanted))
}

fn merge(arguments: &[Value], overwrite: bool) -> Result<Value, FunctionError> {
    let mut target = map(arguments, 0);
    for source in rest(arguments, 1).iter().filter_map(Value::as_map).filter(|source| !source.is_nil()) {
        if target.is_nil() {
            target = Map::new();
        }
        merge_into(&target, source, overwrite, 0).map_err(FunctionError::new)?;
    }
    Ok(returned(&target))
}

/// Walks down the keys to a value, or gives the default where a key is missing.
fn dig(arguments: &[Value]) -> Result<Value, FunctionError> {
    let [keys @ .., default, from] = arguments else {
        return Err(FunctionError::new("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(FunctionError::new("dig needs at least three arguments"));
    }
    let mut map = plain_map(from)?;
    let mut names = Vec::with_capacity(keys.len());
    for key in keys {
        names.push(key.as_text().ok_or_else(|| wrong_type(key, "string"))?);
    }
    let (last, path) = names.split_last().ok_or_else(|| FunctionError::new(NIL_POINTER))?;
    for key in path {
        let Some(step) = map.get(key) else { return Ok(default.clone()) };
        map = plain_map(&step)?;
    }
    Ok(map.get(last).unwrap_or_else(|| default.clone()))
}

/// `dig` takes no other map type than this one, not even Helm's `Values`.
fn plain_map(value: &Value) -> Result<Map, FunctionError> {
    match value {
        Value::Map(map) if map.map_type() == MapType::Any => Ok(map.clone()),
        other => Err(wrong_type(other, "map[string]interface {}")),
    }
}

fn wrong_type(value: &Value, wanted: &str) -> FunctionError {
    let given = if value.is_nil() { "nil" } else { value.type_name() };
    FunctionError::new(format!("interface conversion: interface {{}} is {given}, not {wanted}"))
}

fn deep_copy(arguments: &[Value]) -> Result<Value, FunctionError> {
    match any(arguments, 0) {
        Value::Nil => Err(FunctionError::new("reflect: call of reflect.Value.Type on zero Value")),
        value => crate::value_walk::copy(&value).ok_or_else(|| FunctionError::new(limits::CUT)),
    }
}
