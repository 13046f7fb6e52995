//! What a hosted pipeline shows beside the log: an annotation of the failure, and a page for the job.
//!
//! GitHub reads workflow commands from a step's output and Markdown from the file that `GITHUB_STEP_SUMMARY` names
//! (docs.github.com, "Workflow commands for GitHub Actions").

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use backstay_core::object::format_duration;
use clap::ValueEnum;

use super::Summary;

/// Lines of a container's log that a page shows.
const LOG_LINES: usize = 20;

/// Whose marks are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Annotate {
    /// GitHub Actions: an annotation, and the job's summary.
    Github,
}

impl Annotate {
    /// Writes the marks of a rollout that has ended.
    ///
    /// # Errors
    /// When the job's summary cannot be written; the rollout is over all the same.
    pub(crate) fn write(self, summary: &Summary) -> io::Result<()> {
        let Self::Github = self;
        if let Some(command) = workflow_command(summary) {
            writeln!(io::stderr(), "{command}")?;
        }
        match std::env::var_os("GITHUB_STEP_SUMMARY") {
            Some(path) => append(Path::new(&path), &page(summary)),
            None => Ok(()),
        }
    }
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

/// `::error title=…::…`, for a run that failed.
fn workflow_command(summary: &Summary) -> Option<String> {
    if summary.verdict.exit_code() == 0 {
        return None;
    }
    let mut message = summary.last_line();
    let mut title = format!("{} was not deployed", summary.release);
    if let Some(cause) = summary.cause() {
        let _ = write!(title, ": {}", cause.code);
        message = format!("{}: {}\n{}\n{message}", cause.object, cause.message.trim(), cause.hint);
    }
    Some(format!("::error title={}::{}", escape(&title, &[':', ',']), escape(&message, &[])))
}

/// Line ends and `%` would end a workflow command; in its properties, so would `:` and `,`.
fn escape(text: &str, also: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '\r' | '\n') || also.contains(&character) {
            let _ = write!(escaped, "%{:02X}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// The page of the job.
fn page(summary: &Summary) -> String {
    let mark = if summary.verdict.exit_code() == 0 { "✅" } else { "❌" };
    let mut page = format!("### {mark} {}\n\n", inline(&summary.last_line()));
    let revisions = summary
        .from
        .map_or_else(|| summary.revision.to_string(), |from| format!("{from} → {}", summary.revision));
    page.push_str("| release | namespace | revision | verdict | took |\n|---|---|---|---|---|\n");
    let _ = writeln!(
        page,
        "| {} | {} | {revisions} | {} | {} |\n",
        cell(&summary.release),
        cell(&summary.namespace),
        summary.verdict_word(),
        format_duration(summary.took)
    );
    let causes =
        summary.cause().into_iter().chain(summary.causes().iter().skip(1)).chain(summary.undo_cause());
    for cause in causes {
        let _ = writeln!(page, "**{}** {}", cause.code, inline(&cause.object.to_string()));
        if let Some(pod) = &cause.pod {
            let container = cause.container.as_deref().unwrap_or("-");
            let _ = writeln!(page, "pod `{pod}`, container `{container}`");
        }
        let _ = writeln!(page, "\n{}\n{}\n", fenced(cause.message.trim()), inline(&cause.hint));
    }
    for bundle in &summary.evidence {
        evidence(&mut page, bundle);
    }
    page
}

fn evidence(page: &mut String, bundle: &crate::execute::EvidenceBundle) {
    let _ = writeln!(page, "<details><summary>Evidence: {}</summary>\n", inline(&bundle.object));
    if !bundle.events.is_empty() {
        page.push_str("| event | about | message |\n|---|---|---|\n");
        for event in &bundle.events {
            let _ = writeln!(
                page,
                "| {} | {} | {} |",
                cell(&event.reason),
                cell(&event.about),
                cell(&event.message)
            );
        }
        page.push('\n');
    }
    for pod in &bundle.pods {
        for log in &pod.logs {
            let before = if log.previous { ", run before" } else { "" };
            let lines = &log.lines[log.lines.len().saturating_sub(LOG_LINES)..];
            let _ =
                writeln!(page, "`{}` {}{before}:\n\n{}", pod.name, log.container, fenced(&lines.join("\n")));
        }
    }
    page.push_str("</details>\n\n");
}

/// Text that Markdown does not read as anything else.
fn inline(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '\r' | '\n' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' => {
                plain.push('\\');
                plain.push(character);
            }
            _ => plain.push(character),
        }
    }
    plain
}

fn cell(text: &str) -> String {
    inline(text.trim())
}

/// A block of code that its own content cannot close: its fence is longer than any in the text.
fn fenced(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflow_commands_hold_one_line() {
        assert_eq!(escape("50%: a,b\nc", &[':', ',']), "50%25%3A a%2Cb%0Ac");
        assert_eq!(escape("50%: a,b\r\nc", &[]), "50%25: a,b%0D%0Ac");
    }

    #[test]
    fn a_fence_is_longer_than_those_inside() {
        assert_eq!(fenced("a"), "```\na\n```\n");
        assert_eq!(fenced("````\nx"), "`````\n````\nx\n`````\n");
    }

    #[test]
    fn markdown_in_messages_stays_text() {
        assert_eq!(cell(" a|b <script> *x*\n"), "a\\|b &lt;script> \\*x\\*");
    }
}
