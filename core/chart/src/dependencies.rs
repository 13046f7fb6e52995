//! Which subcharts take part, under which names, and what they give to their parents (Helm `dependencies.go`).

use backstay_gotemplate::{Compatibility, Map, Value, from_json_floats};
use serde_json::json;

use crate::chart::Chart;
use crate::coalesce::{Coalescer, is_quiet, merge_tables};
use crate::error::ValuesError;
use crate::metadata::Dependency;
use crate::values::{display, single, table, value_at};
use crate::version;

/// Removes disabled subcharts, makes aliased ones, imports values. Changes the chart as Helm does: the result is what a
/// release record holds.
///
/// # Errors
/// When values do not fit the charts.
pub fn process_dependencies(
    chart: &mut Chart,
    values: &Map,
    compatibility: Compatibility,
) -> Result<(), ValuesError> {
    let mut warnings = Vec::new();
    enable(chart, values, "", compatibility, &mut warnings)?;
    import_all(chart, compatibility, &mut warnings)?;
    for warning in warnings {
        if !chart.warnings.contains(&warning) {
            chart.warnings.push(warning);
        }
    }
    Ok(())
}

fn enable(
    chart: &mut Chart,
    values: &Map,
    path: &str,
    compatibility: Compatibility,
    warnings: &mut Vec<String>,
) -> Result<(), ValuesError> {
    let Some(mut declared) = chart.metadata.dependencies.take() else { return Ok(()) };
    let fits = |dependency: &Dependency, subchart: &Chart| {
        dependency.name == subchart.name()
            && version::is_compatible(&dependency.version, &subchart.metadata.version)
    };
    let found = std::mem::take(&mut chart.dependencies);
    let mut subcharts: Vec<Chart> = found
        .iter()
        .filter(|subchart| !declared.iter().any(|dependency| fits(dependency, subchart)))
        .cloned()
        .collect();
    let mut used = Vec::new();
    for dependency in &mut declared {
        if let Some(at) = found.iter().position(|subchart| fits(dependency, subchart)) {
            let mut subchart = found[at].clone();
            if compatibility == Compatibility::Helm3 {
                share_as_helm3(&mut subchart, dependency, used.contains(&at));
            }
            used.push(at);
            if !dependency.alias.is_empty() {
                subchart.metadata.name.clone_from(&dependency.alias);
            }
            subcharts.push(subchart);
        }
        if !dependency.alias.is_empty() {
            dependency.name.clone_from(&dependency.alias);
        }
        dependency.enabled = true;
    }
    chart.dependencies = subcharts;
    if asks_nothing(chart, &declared, values) {
        chart.metadata.dependencies = (!declared.is_empty()).then_some(declared);
        return Ok(());
    }
    let mut coalescer = Coalescer::new(compatibility, false);
    let all = coalescer.coalesce(chart, values)?;
    warnings.append(&mut coalescer.warnings);
    apply_tags(&mut declared, &all, compatibility, warnings);
    apply_conditions(&mut declared, &all, path, compatibility, warnings);
    let disabled: Vec<String> = declared
        .iter()
        .filter(|dependency| !dependency.enabled)
        .map(|dependency| dependency.name.clone())
        .collect();
    chart.dependencies.retain(|subchart| !disabled.contains(&subchart.metadata.name));
    declared.retain(|dependency| !disabled.contains(&dependency.name));
    for subchart in &mut chart.dependencies {
        let path = format!("{path}{}.", subchart.metadata.name);
        enable(subchart, &all, &path, compatibility, warnings)?;
    }
    // Helm leaves no list where nothing is left, so that imports are skipped.
    chart.metadata.dependencies = (!declared.is_empty()).then_some(declared);
    Ok(())
}

/// Whether all values together would tell nothing about which subcharts take part, nor be something to warn about: most
/// subcharts bring a library and nothing else.
fn asks_nothing(chart: &Chart, declared: &[Dependency], values: &Map) -> bool {
    let has_tags =
        [Some(values), chart.values.as_ref()].into_iter().flatten().any(|map| map.get("tags").is_some());
    declared
        .iter()
        .all(|dependency| dependency.condition.is_empty() && (dependency.tags.is_empty() || !has_tags))
        && chart.dependencies.iter().all(|subchart| subchart.metadata.dependencies.is_none())
        && is_quiet(chart, values)
}

/// Helm 3's copies of a subchart share what they point to (`getAliasDependency`, pkg/chartutil/dependencies.go v3.22):
/// undeclared subcharts of an aliased one still lie below its old name, and what a second copy would import was taken by
/// the first.
fn share_as_helm3(subchart: &mut Chart, dependency: &Dependency, again: bool) {
    if !dependency.alias.is_empty() && subchart.metadata.dependencies.is_none() {
        subchart.name_for_children = Some(subchart.metadata.name.clone());
    }
    if again {
        for inner in subchart.metadata.dependencies.iter_mut().flatten() {
            inner.import_values.clear();
        }
    }
}

fn apply_tags(
    declared: &mut [Dependency],
    values: &Map,
    compatibility: Compatibility,
    warnings: &mut Vec<String>,
) {
    let Some(tags) = table(values, "tags") else { return };
    for dependency in declared {
        let (mut on, mut off) = (false, false);
        for tag in &dependency.tags {
            match tags.get(tag) {
                None => {}
                Some(Value::Bool(true)) => on = true,
                Some(Value::Bool(false)) => off = true,
                Some(_) => warnings.push(match compatibility {
                    Compatibility::Helm3 => {
                        format!("Warning: Tag '{tag}' for chart {} returned non-bool value", dependency.name)
                    }
                    Compatibility::Helm4 => {
                        format!("returned non-bool value tag={tag} chart={}", dependency.name)
                    }
                }),
            }
        }
        dependency.enabled = on || !off;
    }
}

fn apply_conditions(
    declared: &mut [Dependency],
    values: &Map,
    path: &str,
    compatibility: Compatibility,
    warnings: &mut Vec<String>,
) {
    for dependency in declared {
        for condition in dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
            match value_at(values, &format!("{path}{condition}")) {
                None => {}
                Some(Value::Bool(enabled)) => {
                    dependency.enabled = enabled;
                    break;
                }
                Some(_) => warnings.push(match compatibility {
                    Compatibility::Helm3 => format!(
                        "Warning: Condition path '{condition}' for chart {} returned non-bool value",
                        dependency.name
                    ),
                    Compatibility::Helm4 => {
                        format!("returned non-bool value path={condition} chart={}", dependency.name)
                    }
                }),
            }
        }
    }
}

fn import_all(
    chart: &mut Chart,
    compatibility: Compatibility,
    warnings: &mut Vec<String>,
) -> Result<(), ValuesError> {
    for subchart in &mut chart.dependencies {
        import_all(subchart, compatibility, warnings)?;
    }
    import(chart, compatibility, warnings)
}

fn import(
    chart: &mut Chart,
    compatibility: Compatibility,
    warnings: &mut Vec<String>,
) -> Result<(), ValuesError> {
    let Some(mut declared) = chart.metadata.dependencies.take() else { return Ok(()) };
    let mut coalescer = Coalescer::new(compatibility, true);
    let own = coalescer.coalesce(chart, &Map::new())?;
    warnings.append(&mut coalescer.warnings);
    let imported = Map::new();
    for dependency in &mut declared {
        let mut normal = Vec::new();
        for item in &dependency.import_values {
            let (child, parent) = match item {
                serde_json::Value::String(name) => (format!("exports.{name}"), ".".to_owned()),
                serde_json::Value::Object(map) => {
                    let text = |key: &str| {
                        map.get(key)
                            .map_or_else(|| "<nil>".to_owned(), |value| display(&from_json_floats(value)))
                    };
                    (text("child"), text("parent"))
                }
                _ => continue,
            };
            normal.push(json!({"child": child, "parent": parent}));
            let Some(found) = table(&own, &format!("{}.{child}", dependency.name)) else {
                let name = &dependency.name;
                warnings
                    .push(format!("ImportValues missing table from chart {name}: {child:?} is not a table"));
                continue;
            };
            merge_tables(&imported, &nest(&parent, found));
        }
        dependency.import_values = normal;
    }
    chart.metadata.dependencies = Some(declared);
    // What is imported lies in what it is merged into.
    let values = if imported.borrow().is_empty() { own } else { own.deep_copy() };
    merge_tables(&values, &imported);
    chart.values = Some(values);
    Ok(())
}

/// The map below a dotted path; `.` is the top.
fn nest(path: &str, map: Map) -> Map {
    if path == "." {
        return map;
    }
    path.rsplit('.').fold(map, |inner, key| single(key, Value::Map(inner)))
}
