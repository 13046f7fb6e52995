//! Values: reading, merging, and where the user's come from.

use std::rc::Rc;

use backstay_gotemplate::{Compatibility, Map, Value, ValueBuilder, json_prefix};
use backstay_yaml::{ReadError, decode_text, number};

use crate::chart::Chart;
use crate::coalesce::{Coalescer, coalesce_tables};
use crate::error::ValuesError;
use crate::strvals::{self, SetFlag};

/// The name of the values that all charts share.
pub(crate) const GLOBAL: &str = "global";

/// Reads a values file the user names. Several documents are merged, as in Helm 4; an empty file gives no values.
///
/// # Errors
/// When it is not YAML or not a map, with file and line.
pub fn read_values(name: &str, bytes: &[u8]) -> Result<Map, ValuesError> {
    read_documents(name, bytes)
}

pub(crate) fn read_documents(name: &str, bytes: &[u8]) -> Result<Map, ValuesError> {
    let wrong = |before: usize, error: ReadError| ValuesError::Yaml {
        name: name.to_owned(),
        line: before + error.line,
        message: error.kind.to_string(),
        helm: error.go,
    };
    let text = decode_text(bytes).map_err(|error| wrong(0, error))?;
    let mut values = Map::new();
    for (before, document) in documents(name, &text)? {
        let value = backstay_yaml::read(document, &mut ValueBuilder).map_err(|error| wrong(before, error))?;
        match value {
            Value::Nil => {}
            Value::Map(map) => values = merge_maps(&values, &map),
            other => {
                return Err(ValuesError::NotMap {
                    name: name.to_owned(),
                    found: match other {
                        Value::List(_) => "a list",
                        Value::Text(_) => "a text",
                        _ => "a single value",
                    },
                });
            }
        }
    }
    Ok(values)
}

/// The documents of a values file with the number of lines before each. Only `---` in the first column separates.
fn documents<'a>(name: &str, text: &'a str) -> Result<Vec<(usize, &'a str)>, ValuesError> {
    let mut found = Vec::new();
    let (mut start, mut before, mut at) = (0, 0, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(ValuesError::Yaml {
                    name: name.to_owned(),
                    line: index + 1,
                    message: format!("invalid Yaml document separator: {rest}"),
                    helm: format!("invalid Yaml document separator: {rest}"),
                });
            }
            if at > start {
                found.push((before, text.get(start..at).unwrap_or_default()));
                (start, before) = (at, index);
            }
        }
        at += line.len();
    }
    found.push((before, text.get(start..).unwrap_or_default()));
    Ok(found)
}

/// Both maps in one: what `b` has wins, maps are merged, nothing is removed (`MergeMaps`).
#[must_use]
pub fn merge_maps(a: &Map, b: &Map) -> Map {
    let merged: Map = a.snapshot().into_iter().collect();
    for (key, value) in b.snapshot() {
        let value = match (merged.get(&key), value) {
            (Some(Value::Map(old)), Value::Map(new)) => Value::Map(merge_maps(&old, &new)),
            (_, value) => value,
        };
        merged.set(key, value);
    }
    merged
}

/// Everything a user gives on the command line, each in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueSources {
    /// `-f`: names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// `--set-json`.
    pub json: Vec<String>,
    /// `--set`.
    pub set: Vec<String>,
    /// `--set-string`.
    pub string: Vec<String>,
    /// `--set-file`.
    pub file: Vec<String>,
    /// `--set-literal`.
    pub literal: Vec<String>,
}

impl ValueSources {
    /// Puts everything together in Helm's order: files, `--set-json`, `--set`, `--set-string`, `--set-file`, `--set-literal`.
    /// `read_file` gives the content of what `--set-file` names.
    ///
    /// # Errors
    /// When a file or an assignment cannot be read.
    pub fn merge(
        &self,
        compatibility: Compatibility,
        read_file: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Map, ValuesError> {
        let mut values = Map::new();
        for (name, bytes) in &self.files {
            values = merge_maps(&values, &read_values(name, bytes)?);
        }
        for text in &self.json {
            let failed = |what: &str| ValuesError::Set {
                flag: "--set-json",
                message: format!("{what}{text}").trim_start().to_owned(),
            };
            if compatibility == Compatibility::Helm4 && text.trim().starts_with('{') {
                match json_prefix(text.trim()) {
                    Ok((Value::Map(map), end)) if end == text.trim().len() => {
                        values = merge_maps(&values, &map);
                    }
                    _ => return Err(failed("JSON: ")),
                }
            } else {
                strvals::set(SetFlag::Json, text, &values, compatibility, read_file)
                    .map_err(|_| failed(""))?;
            }
        }
        for (flag, texts) in [
            (SetFlag::Typed, &self.set),
            (SetFlag::String, &self.string),
            (SetFlag::File, &self.file),
            (SetFlag::Literal, &self.literal),
        ] {
            for text in texts {
                strvals::set(flag, text, &values, compatibility, read_file)?;
            }
        }
        Ok(values)
    }
}

/// All values of a release: the chart's defaults with the user's on top (`helm get values --all`).
///
/// # Errors
/// When the values do not fit the chart.
pub fn all_values(chart: &Chart, values: &Map, compatibility: Compatibility) -> Result<Map, ValuesError> {
    Coalescer::new(compatibility, false).coalesce(chart, values)
}

/// What an upgrade does with the values of the release before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReusePolicy {
    /// Without any flag: the old values are taken only when there are no new ones.
    #[default]
    WhenNoneGiven,
    /// `--reset-values`: only the new ones.
    Reset,
    /// `--reuse-values`: the old ones and the old chart's defaults, with the new ones on top.
    Reuse,
    /// `--reset-then-reuse-values`: the old ones on the new chart's defaults, with the new ones on top.
    ResetThenReuse,
}

/// The user values of an upgrade (`Upgrade.reuseValues`); with [`ReusePolicy::Reuse`] the new chart also gets the old defaults.
///
/// # Errors
/// When the old values do not fit the old chart.
pub fn reuse_values(
    policy: ReusePolicy,
    chart: &mut Chart,
    old_chart: &Chart,
    old_values: &Map,
    new_values: &Map,
    compatibility: Compatibility,
) -> Result<Map, ValuesError> {
    let on_top = || {
        let values = new_values.deep_copy();
        coalesce_tables(&values, &old_values.deep_copy());
        values
    };
    match policy {
        ReusePolicy::Reset => Ok(new_values.clone()),
        ReusePolicy::Reuse => {
            let mut coalescer = Coalescer::new(compatibility, false);
            chart.values = Some(coalescer.coalesce(old_chart, old_values)?);
            Ok(on_top())
        }
        ReusePolicy::ResetThenReuse => Ok(on_top()),
        ReusePolicy::WhenNoneGiven if new_values.is_empty() => Ok(old_values.deep_copy()),
        ReusePolicy::WhenNoneGiven => Ok(new_values.clone()),
    }
}

/// The map at a dotted path.
pub(crate) fn table(values: &Map, path: &str) -> Option<Map> {
    path.split('.').try_fold(values.clone(), |map, part| map.get(part)?.as_map().cloned())
}

/// The value at a dotted path, unless it is a map.
pub(crate) fn value_at(values: &Map, path: &str) -> Option<Value> {
    let (map, key) = match path.rsplit_once('.') {
        Some((front, key)) => (table(values, front)?, key),
        None => (values.clone(), path),
    };
    map.get(key).filter(|value| value.as_map().is_none())
}

/// A value as `%v` prints it, for warnings.
pub(crate) fn display(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) | Value::Int64(value) | Value::Duration(value) => value.to_string(),
        Value::Byte(value) => value.to_string(),
        Value::Rune(value) => value.to_string(),
        Value::Float(value) => number::float_text(*value),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(display).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(map) => {
            let entries: Vec<String> =
                map.borrow().iter().map(|(key, value)| format!("{key}:{}", display(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        Value::Object(object) => object.print(),
    }
}

/// A map with one entry.
pub(crate) fn single(key: &str, value: Value) -> Map {
    std::iter::once((Rc::from(key), value)).collect()
}

/// The user's values on the chart's own, as `helm lint` checks them: without those of subcharts.
pub(crate) fn coalesced(given: &Map, own: &Map) -> Map {
    let values = given.deep_copy();
    coalesce_tables(&values, &own.deep_copy());
    values
}
