//! Go templates that a user gives for a command's output (`version --template`, `get all --template`), and Go's layouts
//! of times (`list --time-format`).

use std::rc::Rc;

use backstay_core::gotemplate::{
    Compatibility, Environment, Options, Parsed, Templates, from_json, helm_functions,
};
use backstay_core::release::Release;
use serde_json::{Map, Value, json};

use crate::charts::seed;
use crate::cluster::wall_now;

/// The template with this data.
pub(super) fn filled(name: &str, template: &str, data: &Value) -> anyhow::Result<String> {
    let functions = Rc::new(helm_functions(Compatibility::Helm4));
    let mut templates = Templates::new(Rc::clone(&functions));
    templates.add(Parsed::new(name, template, &functions)?);
    let environment = Environment::offline(i128::from(wall_now().0) * 1_000_000, seed()?);
    Ok(templates.render(name, from_json(data), &environment, Options::default())?)
}

/// A time (RFC 3339) in one of Go's layouts, in its own zone.
pub(super) fn in_layout(time: &str, layout: &str) -> anyhow::Result<String> {
    const TEMPLATE: &str = r#"{{ (mustToDate "2006-01-02T15:04:05.999999999Z07:00" .time).Format .layout }}"#;
    filled("time", TEMPLATE, &json!({"time": time, "layout": layout}))
}

/// What `get all --template` gives to a template: Helm's release under its Go names (`pkg/release/v1`, `pkg/chart/v2`).
/// Times are as Go prints them.
pub(super) fn release_data(release: &Release, time: impl Fn(&str) -> String) -> anyhow::Result<Value> {
    let record = serde_json::to_value(release)?;
    let mut data = Map::new();
    for (name, value) in record.as_object().into_iter().flatten() {
        let value = match name.as_str() {
            "chart" => chart_data(value),
            // What the user wrote has no Go names.
            "config" | "labels" => value.clone(),
            _ => renamed(value, &time),
        };
        data.insert(go_name(name), value);
    }
    let labels = json!(release.labels);
    data.insert("Labels".to_owned(), labels);
    Ok(json!({"Release": data}))
}

/// A chart with its methods that a template may call.
fn chart_data(chart: &Value) -> Value {
    let metadata =
        chart.get("metadata").map(|metadata| renamed(metadata, &str::to_owned)).unwrap_or_default();
    let text = |name: &str| metadata.get(name).cloned().unwrap_or_else(|| "".into());
    json!({
        "Name": text("Name"), "AppVersion": text("AppVersion"), "Metadata": metadata,
        "Values": chart.get("values").cloned().unwrap_or_default(),
    })
}

/// The fields of structs under their Go names. Annotations are a map, and keep their keys.
fn renamed(value: &Value, time: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let renamed = match (name.as_str(), value) {
                    ("annotations" | "labels", map) => map.clone(),
                    ("first_deployed" | "last_deployed" | "deleted" | "started_at" | "completed_at", at) => {
                        at.as_str().map(time).unwrap_or_default().into()
                    }
                    (_, other) => renamed(other, time),
                };
                (go_name(name), renamed)
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(items) => items.iter().map(|item| renamed(item, time)).collect(),
        other => other.clone(),
    }
}

/// `last_deployed` is `LastDeployed`, `apiVersion` is `APIVersion`.
fn go_name(name: &str) -> String {
    let upper = |part: &str| match part {
        "api" | "url" => part.to_uppercase(),
        _ => {
            let mut letters = part.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
        }
    };
    let name = match name {
        "apiVersion" => return "APIVersion".to_owned(),
        "urls" => return "URLs".to_owned(),
        name => name,
    };
    name.split('_').map(upper).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_helms_go_names() {
        let release: Release = serde_json::from_value(json!({
            "name": "web", "namespace": "prod", "version": 3, "manifest": "---\n", "config": {"my_key": {"a_b": 1}},
            "info": {"last_deployed": "2026-11-21T06:10:49Z", "status": "deployed", "description": "done"},
            "chart": {"metadata": {"name": "shop", "version": "1.2.3", "apiVersion": "v2", "annotations": {"a_b": "c"}},
                      "values": {"x_y": 2}},
            "hooks": [{"name": "migrate", "kind": "Job", "events": ["pre-upgrade"], "delete_policies": ["hook-succeeded"]}],
        }))
        .unwrap();
        let data = release_data(&release, |time| format!("<{time}>")).unwrap();
        for (template, expected) in [
            ("{{.Release.Name}} {{.Release.Namespace}} {{.Release.Version}}", "web prod 3"),
            ("{{.Release.Info.Status}} {{.Release.Info.LastDeployed}}", "deployed <2026-11-21T06:10:49Z>"),
            ("{{.Release.Chart.Name}} {{.Release.Chart.Metadata.Version}}", "shop 1.2.3"),
            ("{{.Release.Chart.Metadata.APIVersion}} {{.Release.Chart.Metadata.Annotations.a_b}}", "v2 c"),
            ("{{.Release.Config.my_key.a_b}} {{.Release.Chart.Values.x_y}}", "1 2"),
            (
                "{{range .Release.Hooks}}{{.Name}} {{.Kind}} {{.DeletePolicies}}{{end}}",
                "migrate Job [hook-succeeded]",
            ),
        ] {
            assert_eq!(filled("t", template, &data).unwrap(), expected, "{template}");
        }
        assert!(filled("t", "{{.Release.Name", &data).is_err());
    }

    #[test]
    fn times_take_gos_layouts() {
        for (time, layout, expected) in [
            ("2026-11-21T06:10:49Z", "2006-01-02 15:04:05Z0700", "2026-11-21 06:10:49Z"),
            ("2026-11-21T06:10:49.123456789+01:00", "Jan _2 15:04 MST", "Nov 21 06:10 +0100"),
            ("2026-11-21T06:10:49.5+01:00", "2006-01-02T15:04:05.000Z07:00", "2026-11-21T06:10:49.500+01:00"),
        ] {
            assert_eq!(in_layout(time, layout).unwrap(), expected);
        }
    }
}
