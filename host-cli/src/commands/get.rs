//! `get`: one revision's values, manifest, hooks, notes and metadata, in Helm's fields and layouts.

use std::process::ExitCode;

use backstay_core::chart::{Chart, all_values};
use backstay_core::gotemplate::{Compatibility, map_to_json};
use backstay_core::object::list_at;
use backstay_core::release::{ApplyMethod, Record, Release};
use backstay_core::yaml::to_yaml;
use serde_json::{Map, Value};

use super::apply::values_of;
use super::go_template::{filled, release_data};
use super::read::{ansi_c, app_version_of, in_go, metadata, read_one, suites};
use crate::args::{GetArgs, GetOne, GetWhat};
use crate::cluster::Cluster;
use crate::table::{print_ordered, print_structured};

pub(crate) async fn get(cluster: &Cluster, arguments: &GetArgs) -> anyhow::Result<ExitCode> {
    match &arguments.what {
        GetWhat::All { one, template } => {
            let release = fetch(cluster, one).await?.release;
            let text = match template.as_deref().filter(|template| !template.is_empty()) {
                Some(template) => filled("release", template, &release_data(&release, in_go)?)?,
                None => all_of(&release)?,
            };
            anstream::print!("{text}");
        }
        GetWhat::Values { one, all, output } => {
            let record = fetch(cluster, one).await?;
            let values = if *all { computed(&record.release)? } else { given(&record.release) };
            let title = if *all { "COMPUTED VALUES:" } else { "USER-SUPPLIED VALUES:" };
            let text = to_yaml(&values)?;
            return print_structured(*output, &values, || anstream::print!("{title}\n{text}"));
        }
        GetWhat::Metadata { one, output } => {
            let record = fetch(cluster, one).await?;
            let document = metadata_of(&record);
            return print_ordered(*output, &document, METADATA, || {
                anstream::print!("{}", lines_of(&document))
            });
        }
        GetWhat::Manifest(one) => anstream::println!("{}", fetch(cluster, one).await?.release.manifest),
        GetWhat::Hooks(one) => anstream::print!("{}", hooks_of(&fetch(cluster, one).await?.release)),
        GetWhat::Notes(one) => {
            let notes = fetch(cluster, one).await?.release.info.notes;
            if !notes.is_empty() {
                anstream::println!("NOTES:\n{notes}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn fetch(cluster: &Cluster, one: &GetOne) -> anyhow::Result<Record> {
    read_one(cluster, &one.name, one.revision).await
}

/// What the user gave; Helm shows nothing given as `null`.
fn given(release: &Release) -> Value {
    if release.config.is_empty() { Value::Null } else { Value::Object(release.config.clone()) }
}

/// The chart's defaults with the user's values on top.
fn computed(release: &Release) -> anyhow::Result<Value> {
    let chart = Chart::from_record_json(&release.chart)?;
    let values = all_values(&chart, &values_of(&release.config), Compatibility::default())?;
    Ok(Value::Object(map_to_json(&values)))
}

fn hooks_of(release: &Release) -> String {
    let hooks = release.hooks.iter();
    hooks.map(|hook| format!("---\n# Source: {}\n{}\n", hook.path, hook.manifest)).collect()
}

/// Everything, in the layout of Helm's `get all` (`pkg/cmd/status.go` v4.3).
fn all_of(release: &Release) -> anyhow::Result<String> {
    let mut text = format!("NAME: {}\n", release.name);
    if let Some(time) = release.info.last_deployed.as_ref().and_then(|time| time.timestamp()) {
        text.push_str(&format!("LAST DEPLOYED: {}\n", ansi_c(time)));
    }
    let chart = |field| metadata(release, field).unwrap_or_default();
    text.push_str(&format!(
        "NAMESPACE: {}\nSTATUS: {}\nREVISION: {}\nCHART: {}\nVERSION: {}\nAPP_VERSION: {}\nDESCRIPTION: {}\n",
        release.namespace,
        release.info.status,
        release.version,
        chart("name"),
        chart("version"),
        app_version_of(release),
        release.info.description,
    ));
    text.push_str(&suites(release));
    text.push_str(&format!("USER-SUPPLIED VALUES:\n{}\n", to_yaml(&given(release))?));
    text.push_str(&format!("COMPUTED VALUES:\n{}\n", to_yaml(&computed(release)?)?));
    text.push_str(&format!("HOOKS:\n{}MANIFEST:\n{}\n", hooks_of(release), release.manifest));
    let notes = release.info.notes.trim();
    if !notes.is_empty() {
        text.push_str(&format!("NOTES:\n{notes}\n"));
    }
    Ok(text)
}

/// In the order of Helm's.
const METADATA: &[&str] = &[
    "name",
    "chart",
    "version",
    "appVersion",
    "annotations",
    "labels",
    "dependencies",
    "namespace",
    "revision",
    "status",
    "deployedAt",
    "applyMethod",
];

/// The fields of Helm's `get metadata` (`pkg/action/get_metadata.go` v4.3), in their order.
fn metadata_of(record: &Record) -> Value {
    let release = &record.release;
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    let chart = |field| metadata(release, field).unwrap_or_default();
    put("name", release.name.clone().into());
    put("chart", chart("name").into());
    put("version", chart("version").into());
    put("appVersion", app_version_of(release).into());
    let of_chart = |field| release.chart.get("metadata").and_then(|metadata| metadata.get(field)).cloned();
    if let Some(annotations) = of_chart("annotations").filter(Value::is_object) {
        put("annotations", annotations);
    }
    let labels = record.stored_labels().into_iter().map(|(key, value)| (key, Value::from(value)));
    put("labels", Value::Object(labels.collect()));
    if let Some(dependencies) = of_chart("dependencies").filter(Value::is_array) {
        put("dependencies", dependencies);
    }
    put("namespace", release.namespace.clone().into());
    put("revision", release.version.into());
    put("status", release.info.status.to_string().into());
    let deployed = release.info.last_deployed.as_ref().and_then(|time| time.timestamp());
    put("deployedAt", deployed.map(|time| time.to_rfc3339_seconds()).unwrap_or_default().into());
    match release.apply_method {
        Some(ApplyMethod::ServerSide) => put("applyMethod", "ssa".into()),
        Some(ApplyMethod::ClientSide) => put("applyMethod", "csa".into()),
        None => None,
    };
    Value::Object(map)
}

fn lines_of(document: &Value) -> String {
    let field = |key: &str| match document.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(map)) => {
            let pairs =
                map.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
            pairs.collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let names = list_at(document, &["dependencies"]).iter();
    let mut names: Vec<&str> =
        names.filter_map(|dependency| dependency.get("name").and_then(Value::as_str)).collect();
    names.sort_unstable();
    let method = match field("applyMethod").as_str() {
        "" => "client-side apply (defaulted)".to_owned(),
        "csa" => "client-side apply".to_owned(),
        "ssa" => "server-side apply".to_owned(),
        other => format!("unknown ({other:?})"),
    };
    let lines = [
        ("NAME", field("name")),
        ("CHART", field("chart")),
        ("VERSION", field("version")),
        ("APP_VERSION", field("appVersion")),
        ("ANNOTATIONS", field("annotations")),
        ("LABELS", field("labels")),
        ("DEPENDENCIES", names.join(",")),
        ("NAMESPACE", field("namespace")),
        ("REVISION", field("revision")),
        ("STATUS", field("status")),
        ("DEPLOYED_AT", field("deployedAt")),
        ("APPLY_METHOD", method),
    ];
    lines.iter().map(|(name, text)| format!("{name}: {text}\n")).collect()
}
