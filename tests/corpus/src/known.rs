//! The differences whose causes are known: the table of `differences.md`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::cases::Case;
use crate::judge::Finding;
use crate::{Findings, HELMS};

/// The rows of the table.
#[derive(Debug)]
pub(crate) struct Known(Vec<Row>);

#[derive(Debug)]
struct Row {
    /// What the case's name begins with.
    case: String,
    /// `helm3`, `helm4` or `both`.
    helm: String,
    /// The verdict's name.
    verdict: String,
}

impl Known {
    /// Reads the table whose rows are `| case | helm | verdict | cause |`, the case in backquotes.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("{}: cannot be read", file.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut rows = Vec::new();
        for line in text.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [case, helm, verdict, cause] = cells[..] else {
                anyhow::bail!("differences.md: four cells are wanted: {line}");
            };
            ensure!(!cause.is_empty(), "differences.md: no cause: {line}");
            ensure!(helm == "both" || HELMS.contains(&helm), "differences.md: no such Helm: {line}");
            rows.push(Row {
                case: case.trim_matches('`').to_owned(),
                helm: helm.to_owned(),
                verdict: verdict.to_owned(),
            });
        }
        Ok(Self(rows))
    }

    /// What differs and has no row; and rows that no case needs, when all their cases were rendered.
    pub(crate) fn unknown(&self, cases: &[Case], found: &Findings) -> Vec<String> {
        let mut is_used = vec![false; self.0.len()];
        let mut lines = Vec::new();
        for (at, pair) in found {
            let name = cases[*at].name();
            for (finding, helm) in pair.iter().zip(HELMS) {
                let row = self.0.iter().position(|row| row.covers(&name, helm, finding));
                match row {
                    Some(row) => is_used[row] = true,
                    None if finding.verdict.agrees() => {}
                    None => lines.push(format!("{name} {helm}: {}", finding.verdict)),
                }
            }
        }
        let is_whole = found.len() == cases.len();
        for (row, _) in self.0.iter().zip(is_used).filter(|(_, is_used)| !is_used) {
            if is_whole && cases.iter().any(|case| case.name().starts_with(&row.case)) {
                lines.push(format!("{} {}: {} is not found any more", row.case, row.helm, row.verdict));
            }
        }
        lines
    }
}

impl Row {
    fn covers(&self, name: &str, helm: &str, finding: &Finding) -> bool {
        name.starts_with(&self.case)
            && (self.helm == "both" || self.helm == helm)
            && self.verdict == finding.verdict.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Known;

    #[test]
    fn rows_have_a_cause() {
        let rows =
            Known::parse("# Text\n\n| case | Helm | verdict | cause |\n| `a/b -` | both | differs | why |\n");
        assert_eq!(rows.map(|rows| rows.0.len()).ok(), Some(1));
        assert!(Known::parse("| `a/b -` | both | differs | |\n").is_err());
        assert!(Known::parse("| `a/b -` | helm5 | differs | why |\n").is_err());
        assert!(Known::parse("| `a/b -` | both | differs |\n").is_err());
    }
}
