//! Tables, as `kubectl get` asks for them: columns and cells of the common kinds.

use backstay_object::{Timestamp, at, bool_at, int_at, list_at, map_at, name, text_at};
use serde_json::{Value, json};

use super::table_pods;
use super::view::{RowObject, metadata_only};
use crate::api::kinds::Served;

/// A column: its title, and whether it is shown only with `-o wide`.
type Column = (&'static str, bool);

const fn shown(title: &'static str) -> Column {
    (title, false)
}

const fn wide(title: &'static str) -> Column {
    (title, true)
}

/// The columns of a kind; the cells of [`cells`] stand in the same order.
fn columns(kind: &Served) -> Vec<Column> {
    let list: &[Column] = match kind.kind.as_str() {
        "Pod" => &[
            shown("Name"),
            shown("Ready"),
            shown("Status"),
            shown("Restarts"),
            shown("Age"),
            wide("IP"),
            wide("Node"),
            wide("Nominated Node"),
            wide("Readiness Gates"),
        ],
        "Deployment" => &[
            shown("Name"),
            shown("Ready"),
            shown("Up-to-date"),
            shown("Available"),
            shown("Age"),
            wide("Containers"),
            wide("Images"),
            wide("Selector"),
        ],
        "ReplicaSet" => &[
            shown("Name"),
            shown("Desired"),
            shown("Current"),
            shown("Ready"),
            shown("Age"),
            wide("Containers"),
            wide("Images"),
            wide("Selector"),
        ],
        "StatefulSet" => &[shown("Name"), shown("Ready"), shown("Age"), wide("Containers"), wide("Images")],
        "DaemonSet" => &[
            shown("Name"),
            shown("Desired"),
            shown("Current"),
            shown("Ready"),
            shown("Up-to-date"),
            shown("Available"),
            shown("Node Selector"),
            shown("Age"),
        ],
        "Job" => &[shown("Name"), shown("Status"), shown("Completions"), shown("Duration"), shown("Age")],
        "CronJob" => &[
            shown("Name"),
            shown("Schedule"),
            shown("Timezone"),
            shown("Suspend"),
            shown("Active"),
            shown("Last Schedule"),
            shown("Age"),
        ],
        "Service" => &[
            shown("Name"),
            shown("Type"),
            shown("Cluster-IP"),
            shown("External-IP"),
            shown("Port(s)"),
            shown("Age"),
            wide("Selector"),
        ],
        "Secret" => &[shown("Name"), shown("Type"), shown("Data"), shown("Age")],
        "ConfigMap" => &[shown("Name"), shown("Data"), shown("Age")],
        "Event" => &[
            shown("Last Seen"),
            shown("Type"),
            shown("Reason"),
            shown("Object"),
            wide("Source"),
            shown("Message"),
            wide("Count"),
            wide("Name"),
        ],
        "Namespace" => &[shown("Name"), shown("Status"), shown("Age")],
        "Node" => &[shown("Name"), shown("Status"), shown("Roles"), shown("Age"), shown("Version")],
        "PersistentVolumeClaim" => &[
            shown("Name"),
            shown("Status"),
            shown("Volume"),
            shown("Capacity"),
            shown("Access Modes"),
            shown("StorageClass"),
            shown("Age"),
        ],
        "PersistentVolume" => &[
            shown("Name"),
            shown("Capacity"),
            shown("Access Modes"),
            shown("Reclaim Policy"),
            shown("Status"),
            shown("Claim"),
            shown("StorageClass"),
            shown("Age"),
        ],
        "HorizontalPodAutoscaler" => &[
            shown("Name"),
            shown("Reference"),
            shown("MinPods"),
            shown("MaxPods"),
            shown("Replicas"),
            shown("Age"),
        ],
        "Ingress" => &[shown("Name"), shown("Class"), shown("Hosts"), shown("Ports"), shown("Age")],
        "StorageClass" => &[shown("Name"), shown("Provisioner"), shown("Age")],
        _ => &[shown("Name"), shown("Age")],
    };
    list.to_vec()
}

/// A table without rows.
pub(super) fn head(kind: &Served) -> Value {
    let mut definitions: Vec<Value> = Vec::new();
    if !kind.columns().is_empty() {
        definitions.push(definition("Name", false, "string"));
        for column in kind.columns() {
            let title = text_at(column, &["name"]).unwrap_or("");
            let low = int_at(column, &["priority"]).unwrap_or(0) > 0;
            definitions.push(definition(title, low, text_at(column, &["type"]).unwrap_or("string")));
        }
    } else {
        definitions.extend(columns(kind).into_iter().map(|(title, low)| definition(title, low, "string")));
    }
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": definitions, "rows": []})
}

fn definition(title: &str, low: bool, ty: &str) -> Value {
    json!({
        "name": title,
        "type": ty,
        "format": if title == "Name" { "name" } else { "" },
        "description": "",
        "priority": i32::from(low),
    })
}

/// One row.
pub(super) fn row(kind: &Served, object: &Value, with: RowObject, now: Timestamp) -> Value {
    let mut row = json!({"cells": cells(kind, object, now)});
    match with {
        RowObject::None => {}
        RowObject::Metadata => row["object"] = metadata_only(object),
        RowObject::Whole => row["object"] = crate::api::convert::to_served(kind, object),
    }
    row
}

fn cells(kind: &Served, object: &Value, now: Timestamp) -> Vec<Value> {
    if !kind.columns().is_empty() {
        let mut cells = vec![json!(name(object))];
        cells.extend(kind.columns().iter().map(|column| custom_cell(column, object, now)));
        return cells;
    }
    let text = |path: &[&str]| text_at(object, path).unwrap_or("").to_owned();
    let number = |path: &[&str]| int_at(object, path).unwrap_or(0);
    let own_name = name(object);
    let age = age_of(text_at(object, &["metadata", "creationTimestamp"]), now);
    match kind.kind.as_str() {
        "Pod" => table_pods::pod_cells(object, &age),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            table_pods::workload_cells(&kind.kind, object, &age)
        }
        "Job" => table_pods::job_cells(object, &age, now),
        "CronJob" => vec![
            json!(own_name),
            json!(text(&["spec", "schedule"])),
            json!(text_at(object, &["spec", "timeZone"]).unwrap_or("<none>")),
            json!(if bool_at(object, &["spec", "suspend"]) == Some(true) { "True" } else { "False" }),
            json!(list_at(object, &["status", "active"]).len()),
            json!(
                text_at(object, &["status", "lastScheduleTime"])
                    .map_or_else(|| "<none>".to_owned(), |time| age_of(Some(time), now))
            ),
            json!(age),
        ],
        "Service" => vec![
            json!(own_name),
            json!(text(&["spec", "type"])),
            json!(text_at(object, &["spec", "clusterIP"]).unwrap_or("<none>")),
            json!("<none>"),
            json!(service_ports(object)),
            json!(age),
            json!(labels_text(object, &["spec", "selector"])),
        ],
        "Secret" => vec![json!(own_name), json!(text(&["type"])), json!(entries(object)), json!(age)],
        "ConfigMap" => vec![json!(own_name), json!(entries(object)), json!(age)],
        "Event" => vec![
            json!(age_of(
                text_at(object, &["lastTimestamp"]).or_else(|| text_at(object, &["eventTime"])),
                now
            )),
            json!(text(&["type"])),
            json!(text(&["reason"])),
            json!(format!(
                "{}/{}",
                text(&["involvedObject", "kind"]).to_ascii_lowercase(),
                text(&["involvedObject", "name"])
            )),
            json!(text(&["source", "component"])),
            json!(text(&["message"]).trim()),
            json!(number(&["count"]).max(1)),
            json!(own_name),
        ],
        "Namespace" => vec![json!(own_name), json!(text(&["status", "phase"])), json!(age)],
        "Node" => vec![
            json!(own_name),
            json!(node_status(object)),
            json!("<none>"),
            json!(age),
            json!(text(&["status", "nodeInfo", "kubeletVersion"])),
        ],
        "PersistentVolumeClaim" => vec![
            json!(own_name),
            json!(text(&["status", "phase"])),
            json!(text(&["spec", "volumeName"])),
            json!(text(&["status", "capacity", "storage"])),
            json!(access_modes(object, &["status", "accessModes"])),
            json!(text(&["spec", "storageClassName"])),
            json!(age),
        ],
        "PersistentVolume" => vec![
            json!(own_name),
            json!(text(&["spec", "capacity", "storage"])),
            json!(access_modes(object, &["spec", "accessModes"])),
            json!(text(&["spec", "persistentVolumeReclaimPolicy"])),
            json!(text(&["status", "phase"])),
            json!(at(object, &["spec", "claimRef"]).map_or_else(String::new, |claim| {
                format!(
                    "{}/{}",
                    text_at(claim, &["namespace"]).unwrap_or(""),
                    text_at(claim, &["name"]).unwrap_or("")
                )
            })),
            json!(text(&["spec", "storageClassName"])),
            json!(age),
        ],
        "HorizontalPodAutoscaler" => vec![
            json!(own_name),
            json!(format!(
                "{}/{}",
                text(&["spec", "scaleTargetRef", "kind"]),
                text(&["spec", "scaleTargetRef", "name"])
            )),
            json!(number(&["spec", "minReplicas"]).to_string()),
            json!(number(&["spec", "maxReplicas"])),
            json!(number(&["status", "currentReplicas"])),
            json!(age),
        ],
        "Ingress" => vec![
            json!(own_name),
            json!(text_at(object, &["spec", "ingressClassName"]).unwrap_or("<none>")),
            json!(ingress_hosts(object)),
            json!(if list_at(object, &["spec", "tls"]).is_empty() { "80" } else { "80, 443" }),
            json!(age),
        ],
        "StorageClass" => vec![json!(own_name), json!(text(&["provisioner"])), json!(age)],
        _ => vec![json!(own_name), json!(age)],
    }
}

/// How long ago a time was, in kubectl's short form (k8s.io/apimachinery `duration.HumanDuration`).
pub(super) fn age_of(time: Option<&str>, now: Timestamp) -> String {
    match time.and_then(|time| Timestamp::parse(time).ok()) {
        Some(time) => human(now.since(time).as_secs()),
        None => "<unknown>".to_owned(),
    }
}

/// Seconds as `45s`, `2m5s`, `3h2m`, `4d3h`.
pub(super) fn human(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big}{big_unit}") } else { format!("{big}{big_unit}{small}{small_unit}") }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => pair(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// `a=b,c=d`, or `<none>`.
pub(super) fn labels_text(object: &Value, path: &[&str]) -> String {
    let parts: Vec<String> = map_at(object, path)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    if parts.is_empty() { "<none>".to_owned() } else { parts.join(",") }
}

fn entries(object: &Value) -> usize {
    ["data", "binaryData"].iter().filter_map(|field| map_at(object, &[field])).map(serde_json::Map::len).sum()
}

fn service_ports(service: &Value) -> String {
    let ports: Vec<String> = list_at(service, &["spec", "ports"])
        .iter()
        .map(|port| {
            let number = int_at(port, &["port"]).unwrap_or(0);
            let protocol = text_at(port, &["protocol"]).unwrap_or("TCP");
            match int_at(port, &["nodePort"]).filter(|node_port| *node_port > 0) {
                Some(node_port) => format!("{number}:{node_port}/{protocol}"),
                None => format!("{number}/{protocol}"),
            }
        })
        .collect();
    if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") }
}

fn node_status(node: &Value) -> &'static str {
    match (backstay_object::condition_is_true(node, "Ready"), bool_at(node, &["spec", "unschedulable"])) {
        (true, Some(true)) => "Ready,SchedulingDisabled",
        (true, _) => "Ready",
        (false, _) => "NotReady",
    }
}

fn access_modes(object: &Value, path: &[&str]) -> String {
    let modes: Vec<&str> = list_at(object, path)
        .iter()
        .map(|mode| match mode.as_str() {
            Some("ReadWriteOnce") => "RWO",
            Some("ReadOnlyMany") => "ROX",
            Some("ReadWriteMany") => "RWX",
            Some("ReadWriteOncePod") => "RWOP",
            _ => "",
        })
        .collect();
    modes.join(",")
}

fn ingress_hosts(ingress: &Value) -> String {
    let hosts: Vec<&str> =
        list_at(ingress, &["spec", "rules"]).iter().filter_map(|rule| text_at(rule, &["host"])).collect();
    if hosts.is_empty() { "*".to_owned() } else { hosts.join(",") }
}

/// A cell of a custom resource's printer column. Paths are dotted, with `[?(@.type=="X")]` for conditions.
fn custom_cell(column: &Value, object: &Value, now: Timestamp) -> Value {
    let path = text_at(column, &["jsonPath"]).unwrap_or("");
    let found = follow(object, path.trim_start_matches('.'));
    match (found, text_at(column, &["type"])) {
        (Some(Value::String(time)), Some("date")) => json!(age_of(Some(&time), now)),
        (Some(Value::String(text)), _) => json!(text),
        (Some(value @ (Value::Number(_) | Value::Bool(_))), _) => value,
        (Some(value), _) => json!(value.to_string()),
        (None, _) => Value::Null,
    }
}

fn follow(object: &Value, path: &str) -> Option<Value> {
    let mut place = object;
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(filter) = rest.strip_prefix("[?(@.") {
            let (test, after) = filter.split_once(")]")?;
            let (key, wanted) = test.split_once("==")?;
            let wanted = wanted.trim().trim_matches(['"', '\'']);
            place = place
                .as_array()?
                .iter()
                .find(|item| item.get(key.trim()).and_then(Value::as_str) == Some(wanted))?;
            rest = after.trim_start_matches('.');
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']')?;
            place = place.get(index.parse::<usize>().ok()?)?;
            rest = after.trim_start_matches('.');
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at_checked(end)?;
            place = place.get(key)?;
            rest = after.trim_start_matches('.');
        }
    }
    Some(place.clone())
}
