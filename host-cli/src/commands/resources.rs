//! The live objects of a release, as `helm status` shows them: tables that the server drew, or the objects themselves
//! (Helm `pkg/kube/client.go` `Get`, `pkg/cmd/status.go`, v4.3).

use backstay_core::object::{ResourceKey, at, list_at, text_at};
use backstay_core::plan::PlannedObject;
use backstay_core::release::Release;
use http::header::ACCEPT;
use serde_json::{Value, json};

use crate::charts::revision_of;
use crate::cluster::Cluster;

/// Helm's heading of the pods that an object selects.
const RELATED: &str = "v1/Pod(related)";

/// Asks for tables, and takes the objects where the server draws none (as `kubectl get` does).
const AS_TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,\
                        application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

/// What is asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Tables for people.
    Table,
    /// The objects for programs.
    Object,
}

/// Objects by Helm's headings (`v1/Service`), in the order of the manifest. One that is not there, or may not be read,
/// is left out, as Helm leaves it out.
pub(super) async fn resources(
    cluster: &Cluster,
    release: &Release,
    form: Form,
) -> anyhow::Result<Vec<(String, Vec<Value>)>> {
    let revision = revision_of(cluster, release).await?;
    let mut found = Found::default();
    let mut selected: Vec<Value> = Vec::new();
    for object in &revision.objects {
        let Some(live) = get(cluster, &path_of(cluster, &object.key).await?, form).await else { continue };
        found.add(&format!("{}/{}", object.key.version, object.key.kind), live);
        let Some(selector) = selector_of(object) else { continue };
        if selected.contains(selector) {
            continue;
        }
        selected.push(selector.clone());
        let pods = pods_path(&object.key.namespace, selector);
        let Some(pods) = get(cluster, &pods, form).await else { continue };
        found.add(RELATED, if form == Form::Table { pods } else { with_kinds(pods) });
    }
    Ok(found.0)
}

/// Objects by heading.
#[derive(Debug, Default)]
struct Found(Vec<(String, Vec<Value>)>);

impl Found {
    fn add(&mut self, heading: &str, object: Value) {
        match self.0.iter_mut().find(|(known, _)| known == heading) {
            Some((_, objects)) => objects.push(object),
            None => self.0.push((heading.to_owned(), vec![object])),
        }
    }
}

/// A list of pods, each of which names its kind: the server names it only once.
fn with_kinds(mut list: Value) -> Value {
    for pod in list.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(fields) = pod.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!("v1"));
            fields.insert("kind".to_owned(), json!("Pod"));
        }
    }
    list
}

/// The labels by which an object knows its pods (Helm `getSelectorFromObject`).
fn selector_of(object: &PlannedObject) -> Option<&Value> {
    let path: &[&str] = match object.key.kind.as_str() {
        "ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => {
            &["spec", "selector", "matchLabels"]
        }
        "ReplicationController" => &["spec", "selector"],
        _ => return None,
    };
    at(&object.object, path).filter(|selector| selector.is_object())
}

async fn path_of(cluster: &Cluster, key: &ResourceKey) -> anyhow::Result<String> {
    let api = cluster.discovery.api(key).await?;
    Ok(format!("{}/{}", api.resource_url(), key.name))
}

fn pods_path(namespace: &str, selector: &Value) -> String {
    let labels = selector.as_object().into_iter().flatten();
    let labels: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let selector: String = form_urlencoded(&labels.join(","));
    format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
}

/// A value of a query. Labels have few characters, and all others are escaped.
fn form_urlencoded(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

async fn get(cluster: &Cluster, path: &str, form: Form) -> Option<Value> {
    let accept = match form {
        Form::Table => AS_TABLE,
        Form::Object => "application/json",
    };
    let request = http::Request::get(path).header(ACCEPT, accept).body(Vec::new()).ok()?;
    cluster.client.request(request).await.ok()
}

/// The section of `helm status` with the tables; empty without objects.
pub(super) fn section(found: &[(String, Vec<Value>)]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    let mut printer = Printer::default();
    for (heading, tables) in found {
        text.push_str(&format!("==> {heading}\n"));
        tables.iter().for_each(|table| text.push_str(&printer.print(table)));
        text.push('\n');
    }
    format!("RESOURCES:\n{text}\n")
}

/// Prints tables as kubectl's printer does: headers are not repeated under each other.
#[derive(Debug, Default)]
struct Printer {
    /// The columns of the table before, if its header was printed.
    last: Option<Value>,
}

impl Printer {
    fn print(&mut self, table: &Value) -> String {
        let columns = at(table, &["columnDefinitions"]).cloned().unwrap_or_default();
        let rows = list_at(table, &["rows"]);
        if rows.is_empty() {
            // Nothing is printed, but the next table of other columns has a header again.
            self.last = self.last.take().filter(|last| *last == columns);
            return String::new();
        }
        let definitions = columns.as_array().map(Vec::as_slice).unwrap_or_default();
        let shown = |index: usize| {
            definitions.get(index).is_some_and(|column| at(column, &["priority"]) == Some(&json!(0)))
        };
        let mut lines: Vec<Vec<String>> = Vec::new();
        if self.last.as_ref() != Some(&columns) {
            let names = definitions.iter().enumerate().filter(|(index, _)| shown(*index));
            let name = |column: &Value| text_at(column, &["name"]).unwrap_or_default().to_uppercase();
            lines.push(names.map(|(_, column)| name(column)).collect());
        }
        for row in rows {
            let cells = list_at(row, &["cells"]).iter().enumerate().filter(|(index, _)| shown(*index));
            lines.push(cells.map(|(_, cell)| text_of(cell)).collect());
        }
        self.last = Some(columns);
        aligned(&lines)
    }
}

/// A cell on one line, without what would steer a terminal.
fn text_of(cell: &Value) -> String {
    let text = match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = match text.split_once(['\n', '\r', '\u{c}']) {
        Some((first, _)) => format!("{first}..."),
        None => text,
    };
    text.replace('\u{1b}', "^[")
}

/// Columns of at least six characters with three between them (kubectl's tab writer).
fn aligned(lines: &[Vec<String>]) -> String {
    let mut text = String::new();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count() + 3).max().unwrap_or(0).max(6)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let last = line.len().saturating_sub(1);
        for (index, (cell, width)) in line.iter().zip(&widths).enumerate() {
            match index == last {
                true => text.push_str(cell),
                false => text.push_str(&format!("{cell:<width$}")),
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, u32)], rows: Value) -> Value {
        let columns: Vec<Value> =
            columns.iter().map(|(name, priority)| json!({"name": name, "priority": priority})).collect();
        let rows = rows.as_array().unwrap().iter().map(|cells| json!({"cells": cells}));
        json!({"kind": "Table", "columnDefinitions": columns, "rows": rows.collect::<Vec<_>>()})
    }

    #[test]
    fn tables_are_drawn_as_kubectl_draws_them() {
        let columns = [("Name", 0), ("Data", 0), ("Nodes", 1), ("Age", 0)];
        let found = vec![
            (
                "v1/ConfigMap".to_owned(),
                vec![
                    table(&columns, json!([["a", 1, "n", "3s"]])),
                    table(&columns, json!([["a-long-name", 10, null, "3s"], ["b", 2, "n", "line\nmore"]])),
                ],
            ),
            (RELATED.to_owned(), vec![table(&[("Name", 0), ("Ready", 0)], json!([]))]),
            ("v1/Secret".to_owned(), vec![table(&columns, json!([["s", 0, "n", "\u{1b}[2J"]]))]),
        ];
        let expected = "RESOURCES:\n==> v1/ConfigMap\nNAME   DATA   AGE\na      1      3s\n\
            a-long-name   10    3s\nb             2     line...\n\n==> v1/Pod(related)\n\n\
            ==> v1/Secret\nNAME   DATA   AGE\ns      0      ^[[2J\n\n\n";
        assert_eq!(section(&found), expected);
        assert_eq!(section(&[]), "");
    }

    #[test]
    fn pods_are_asked_for_by_all_their_labels() {
        let selector = json!({"app": "web", "example.com/part": "a b"});
        assert_eq!(
            pods_path("prod", &selector),
            "/api/v1/namespaces/prod/pods?labelSelector=app%3Dweb%2Cexample.com%2Fpart%3Da%20b"
        );
    }
}
