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
        OutputFormat::Json => anstream::println!("{}", serde_json::to_string(document)?),
        OutputFormat::Yaml => anstream::print!("{}", backstay_core::yaml::to_yaml(document)?),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_padded_and_parted_by_tabs() {
        let mut table = Table::new(&["NAME", "STATUS"], true);
        table.row(["shop".to_owned(), "deployed".to_owned()]);
        assert_eq!(table.lines(), ["NAME\tSTATUS  ", "shop\tdeployed"]);
    }
}
