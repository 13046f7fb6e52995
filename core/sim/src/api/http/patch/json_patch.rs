//! RFC 6902.

use serde_json::Value;

/// Applies the operations in order; `None` when one of them cannot be.
pub(in crate::api) fn json_patch(target: &mut Value, patch: &Value) -> Option<()> {
    for operation in patch.as_array()? {
        let path = operation.get("path")?.as_str()?;
        let value = || operation.get("value").cloned();
        let from = || operation.get("from").and_then(Value::as_str);
        match operation.get("op")?.as_str()? {
            "add" => add(target, path, value()?)?,
            "remove" => {
                remove(target, path)?;
            }
            "replace" => {
                *target.pointer_mut(path)? = value()?;
            }
            "move" => {
                let moved = remove(target, from()?)?;
                add(target, path, moved)?;
            }
            "copy" => {
                let copied = target.pointer(from()?)?.clone();
                add(target, path, copied)?;
            }
            "test" => {
                if *target.pointer(path)? != value()? {
                    return None;
                }
            }
            _ => return None,
        }
    }
    Some(())
}

fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *target = value;
        return Some(());
    }
    let (parent, last) = split(path)?;
    match target.pointer_mut(parent)? {
        Value::Object(map) => {
            map.insert(last, value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let index: usize = last.parse().ok()?;
            if index > items.len() {
                return None;
            }
            items.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, last) = split(path)?;
    match target.pointer_mut(parent)? {
        Value::Object(map) => map.remove(&last),
        Value::Array(items) => {
            let index: usize = last.parse().ok()?;
            (index < items.len()).then(|| items.remove(index))
        }
        _ => None,
    }
}
