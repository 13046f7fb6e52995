//! Tables in Helm's layout, and structured output.

use std::process::ExitCode;

use serde_json::Value;

use crate::args::OutputFormat;

/// Rows under a header, columns padded and parted by a tab, as Helm prints them.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str], with_header: bool) -> Self {
        let rows = if with_header {
            vec![header.iter().map(|text| (*text).to_owned()).collect()]
        } else {
            Vec::new()
        };
        Self { rows }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self) {
        for line in self.lines() {
            anstream::println!("{line}");
        }
    }

    fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let pad = |(cell, width): (&String, &usize)| format!("{cell:<width$}");
        self.rows.iter().map(|row| row.iter().zip(&widths).map(pad).collect::<Vec<_>>().join("\t")).collect()
    }
}

/// A cell that is no wider than a table's column may be (0: any width): the end of a longer one becomes `...`.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if most == 0 || text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    format!("{kept}...")
}

/// Prints a document in the format asked for; the table is printed by the caller's own means.
pub(crate) fn print_structured(
    format: OutputFormat,
    document: &Value,
    table: impl FnOnce(),
) -> anyhow::Result<ExitCode> {
    match format {
        OutputFormat::Table => table(),
        OutputFormat::Json => anstream::println!("{}", as_go_escapes(&serde_json::to_string(document)?)),
        OutputFormat::Yaml => anstream::print!("{}", backstay_core::yaml::to_yaml(document)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The same, the fields of JSON in this order: scripts read it as Helm writes it. YAML has them sorted, as Helm's.
pub(crate) fn print_ordered(
    format: OutputFormat,
    document: &Value,
    order: &[&str],
    table: impl FnOnce(),
) -> anyhow::Result<ExitCode> {
    if format == OutputFormat::Json {
        anstream::println!("{}", as_go_escapes(&ordered(document, order)));
        return Ok(ExitCode::SUCCESS);
    }
    print_structured(format, document, table)
}

/// JSON as Go's encoder writes it: what could end a script of a web page is escaped. It stands in texts only.
fn as_go_escapes(json: &str) -> String {
    const ESCAPED: [char; 5] = ['&', '<', '>', '\u{2028}', '\u{2029}'];
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            letter if ESCAPED.contains(&letter) => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
            other => text.push(other),
        }
    }
    text
}

/// What a user wrote, and what the server keeps, has an order of its own: by name.
const AS_WRITTEN: [&str; 6] = ["config", "values", "schema", "labels", "annotations", "resources"];

/// The fields of a chart's metadata (Helm `pkg/chart/v2/metadata.go` v4.3), some of which stand elsewhere in a release.
const METADATA: &[&str] = &[
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "email",
    "url",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];

/// The fields of a dependency (Helm `pkg/chart/v2/dependency.go` v4.3).
const DEPENDENCY: &[&str] =
    &["name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"];

fn ordered(document: &Value, order: &[&str]) -> String {
    match document {
        Value::Object(fields) => {
            let rank = |name: &str| order.iter().position(|known| *known == name).unwrap_or(order.len());
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| (rank(name), name.as_str()));
            let fields = fields.into_iter().map(|(name, value)| {
                let order = match name.as_str() {
                    name if AS_WRITTEN.contains(&name) => &[],
                    "metadata" if !order.is_empty() => METADATA,
                    "dependencies" if !order.is_empty() => DEPENDENCY,
                    _ => order,
                };
                format!("{}:{}", Value::from(name.as_str()), ordered(value, order))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| ordered(item, order)).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_helms_order() {
        let document =
            serde_json::json!([{"a": 1, "status": "x", "name": "n\"", "config": {"status": 1, "name": 2}}]);
        let expected = r#"[{"name":"n\"","status":"x","a":1,"config":{"name":2,"status":1}}]"#;
        assert_eq!(ordered(&document, &["name", "status"]), expected);
        let document = serde_json::json!({"dependencies": [{"alias": "b", "repository": "", "version": "1", "name": "a"}]});
        let expected = r#"{"dependencies":[{"name":"a","version":"1","repository":"","alias":"b"}]}"#;
        assert_eq!(ordered(&document, &["name"]), expected);
    }

    #[test]
    fn json_is_escaped_as_gos_is() {
        let text = serde_json::json!({"a": "<b> & \u{2028}!"}).to_string();
        assert_eq!(as_go_escapes(&text), r#"{"a":"\u003cb\u003e \u0026 \u2028!"}"#);
        assert_eq!(as_go_escapes("{}"), "{}");
    }

    #[test]
    fn columns_are_padded_and_parted_by_tabs() {
        let mut table = Table::new(&["NAME", "STATUS"], true);
        table.row(["shop".to_owned(), "deployed".to_owned()]);
        assert_eq!(table.lines(), ["NAME\tSTATUS  ", "shop\tdeployed"]);
    }
}
