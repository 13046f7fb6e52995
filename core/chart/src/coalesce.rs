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
