//! Values of a chart and its subcharts in one map (Helm `coalesce.go`).
//!
//! Maps are references here as in Go: where Helm shares or changes a map in place, so does this.

use backstay_gotemplate::{Compatibility, Map, Value};

use crate::chart::Chart;
use crate::error::ValuesError;
use crate::values::{GLOBAL, display};

/// Coalesces (nulls delete) or merges (nulls stay) values, and notes what Helm would warn about.
#[derive(Debug)]
pub(crate) struct Coalescer {
    compatibility: Compatibility,
    merge: bool,
    /// What Helm writes to its log.
    pub(crate) warnings: Vec<String>,
}

/// Merges `source` into `target`, which wins; a null in `target` removes what `source` has.
pub(crate) fn coalesce_tables(target: &Map, source: &Map) {
    Coalescer::new(Compatibility::default(), false).tables(target, source, "", false);
}

/// Merges `source` into `target`, which wins; nulls stay.
pub(crate) fn merge_tables(target: &Map, source: &Map) {
    Coalescer::new(Compatibility::default(), true).tables(target, source, "", true);
}

/// Whether putting these values over the defaults of a chart and its subcharts can neither warn nor fail: nowhere do a table
/// and something else meet.
pub(crate) fn is_quiet(chart: &Chart, values: &Map) -> bool {
    meet_quietly(chart, vec![values.clone()])
}

/// The same for all maps that may end up in the values of a chart.
fn meet_quietly(chart: &Chart, mut maps: Vec<Map>) -> bool {
    maps.extend(chart.values.clone());
    let mut others = maps.as_slice();
    while let Some((one, rest)) = others.split_first() {
        if !rest.iter().all(|other| fit(one, other)) {
            return false;
        }
        others = rest;
    }
    let tables = |name: &str| -> Option<Vec<Map>> {
        let found = maps.iter().filter_map(|map| map.get(name));
        found.map(|value| if let Value::Map(map) = value { Some(map) } else { None }).collect()
    };
    let globals = |global: Map| [(GLOBAL.into(), Value::Map(global))].into_iter().collect::<Map>();
    chart.dependencies.iter().all(|subchart| match (tables(subchart.name()), tables(GLOBAL)) {
        (Some(inner), Some(mut shared)) => {
            // A subchart is given this table also where its parent has none.
            shared.push(Map::new());
            meet_quietly(subchart, inner.into_iter().chain(shared.into_iter().map(globals)).collect())
        }
        _ => false,
    })
}

fn fit(one: &Map, other: &Map) -> bool {
    let other = other.borrow();
    one.borrow().iter().all(|(key, value)| match (value, other.get(key)) {
        (Value::Map(one), Some(Value::Map(other))) => fit(one, other),
        (Value::Map(_), Some(_)) | (_, Some(Value::Map(_))) => false,
        _ => true,
    })
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// Takes nulls out, in maps of maps too.
fn clean_nils(map: &Map) {
    for (key, value) in map.snapshot() {
        match value {
            Value::Nil => {
                map.remove(&key);
            }
            Value::Map(inner) => clean_nils(&inner),
            _ => {}
        }
    }
}

impl Coalescer {
    pub(crate) fn new(compatibility: Compatibility, merge: bool) -> Self {
        Self { compatibility, merge, warnings: Vec::new() }
    }

    /// All values of a chart: the given ones over its own and its subcharts' defaults. The given map is not changed.
    pub(crate) fn coalesce(&mut self, chart: &Chart, values: &Map) -> Result<Map, ValuesError> {
        let values = values.deep_copy();
        self.chart(chart, &values, "")?;
        Ok(values)
    }

    fn warn(&mut self, text: String) {
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    fn chart(&mut self, chart: &Chart, target: &Map, prefix: &str) -> Result<(), ValuesError> {
        self.defaults(chart, target, prefix);
        let inner = join(prefix, chart.name());
        for subchart in &chart.dependencies {
            let values = match target.get(subchart.name()) {
                None => {
                    let new = Map::new();
                    target.set(subchart.name(), Value::Map(new.clone()));
                    new
                }
                Some(Value::Map(map)) => map,
                Some(other) => {
                    return Err(ValuesError::Mismatch {
                        name: subchart.name().to_owned(),
                        found: format!("{}={}", other.type_name(), display(&other)),
                    });
                }
            };
            self.globals(&values, target, &inner);
            self.chart(subchart, &values, &inner)?;
        }
        Ok(())
    }

    fn globals(&mut self, target: &Map, source: &Map, prefix: &str) {
        let to = match target.get(GLOBAL) {
            None => Map::new(),
            Some(Value::Map(map)) => map,
            Some(_) => {
                self.warn(format!("warning: skipping globals because destination {GLOBAL} is not a table."));
                return;
            }
        };
        let from = match source.get(GLOBAL) {
            None => Map::new(),
            Some(Value::Map(map)) => map,
            Some(_) => {
                self.warn(format!("warning: skipping globals because source {GLOBAL} is not a table."));
                return;
            }
        };
        for (key, value) in from.snapshot() {
            match (value, to.get(&key)) {
                (Value::Map(map), None) => to.set(key, Value::Map(map.shallow_copy())),
                (Value::Map(map), Some(Value::Map(old))) => {
                    // The other way round than elsewhere: the parent's globals win. Nulls are dealt with later.
                    let copy: Map = map.snapshot().into_iter().collect();
                    self.tables(&copy, &old, &join(prefix, &key), true);
                    to.set(key, Value::Map(copy));
                }
                (Value::Map(_), Some(_)) => {
                    self.warn(format!("Conflict: cannot merge map onto non-map for {key:?}. Skipping."));
                }
                (_, Some(Value::Map(_))) => self.warn(format!("key {key} is table. Skipping")),
                (value, _) => to.set(key, value),
            }
        }
        target.set(GLOBAL, Value::Map(to));
    }

    /// Puts a chart's own defaults under what is given.
    fn defaults(&mut self, chart: &Chart, values: &Map, prefix: &str) {
        let Some(defaults) = chart.values.as_ref().map(Map::deep_copy) else { return };
        let prefix = join(prefix, chart.name());
        let cleans = self.compatibility == Compatibility::Helm4;
        for (key, default) in defaults.snapshot() {
            match (values.get(&key), default) {
                (Some(Value::Nil), _) if !self.merge => {
                    values.remove(&key);
                }
                (Some(Value::Map(target)), Value::Map(source)) => {
                    // A null meant for a subchart must live until that subchart's defaults are reached.
                    let merge = self.merge || chart.dependencies.iter().any(|sub| sub.name() == &*key);
                    if cleans && !merge {
                        clean_nils(&source);
                    }
                    self.tables(&target, &source, &join(&prefix, &key), merge);
                }
                (Some(Value::Map(_)), default) if !default.is_nil() => {
                    self.warn(format!("warning: skipped value for {prefix}.{key}: Not a table."));
                }
                (Some(_), _) => {}
                (None, Value::Nil) if cleans && !self.merge => {}
                (None, default) => {
                    if let Value::Map(map) = &default
                        && cleans
                        && !self.merge
                    {
                        clean_nils(map);
                    }
                    values.set(key, default);
                }
            }
        }
    }

    fn tables(&mut self, target: &Map, source: &Map, prefix: &str, merge: bool) {
        let given: Vec<_> =
            source.borrow().iter().filter(|(_, value)| !value.is_nil()).map(|(key, _)| key.clone()).collect();
        for (key, value) in target.snapshot() {
            if value.is_nil() {
                source.set(key, Value::Nil);
            }
        }
        for (key, value) in source.snapshot() {
            let full = join(prefix, &key);
            match (target.get(&key), value) {
                (Some(Value::Nil), _) if !merge && given.contains(&key) => {
                    target.remove(&key);
                }
                (None, value) => target.set(key, value),
                (Some(Value::Map(inner)), Value::Map(from)) => self.tables(&inner, &from, &full, merge),
                (Some(_), Value::Map(from)) => {
                    let value = display(&Value::Map(from));
                    self.warn(format!("warning: cannot overwrite table with non table for {full} ({value})"));
                }
                (Some(Value::Map(_)), value) if !value.is_nil() => {
                    let value = display(&value);
                    self.warn(format!(
                        "warning: destination for {full} is a table. Ignoring non-table value ({value})"
                    ));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use backstay_gotemplate::from_json;
    use serde_json::json;

    use super::*;
    use crate::files::SourceFile;
    use crate::load::from_files;

    /// Values of all shapes over defaults of all shapes: where it is said to be quiet, it is.
    #[test]
    fn what_is_quiet_does_not_warn() {
        let shapes =
            [json!(null), json!(1), json!({}), json!({"a": 1}), json!({"a": {"b": 2}}), json!({"a": null})];
        let mut state = 1_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut counts = [0, 0];
        for _ in 0..8_000 {
            let mut some = || -> serde_json::Value {
                let keys = ["a", "sub", "global"];
                let entries = keys.map(|key| (key.to_owned(), shapes.get(next(12)).cloned()));
                entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
            };
            let file =
                |path: &str, text: String| SourceFile { path: path.into(), content: text.as_bytes().into() };
            let chart = from_files(vec![
                file("Chart.yaml", "{apiVersion: v2, name: web, version: 1.0.0}".into()),
                file("values.yaml", some().to_string()),
                file("charts/sub/Chart.yaml", "{apiVersion: v2, name: sub, version: 1.0.0}".into()),
                file("charts/sub/values.yaml", some().to_string()),
            ])
            .unwrap();
            let Value::Map(values) = from_json(&some()) else { continue };
            let is_quiet = is_quiet(&chart, &values);
            counts[usize::from(is_quiet)] += 1;
            for compatibility in [Compatibility::Helm3, Compatibility::Helm4] {
                let mut coalescer = Coalescer::new(compatibility, false);
                let outcome = coalescer.coalesce(&chart, &values);
                if is_quiet {
                    assert!(
                        outcome.is_ok() && coalescer.warnings.is_empty(),
                        "{values:?} {:?}",
                        coalescer.warnings
                    );
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 400), "{counts:?}");
    }
}
