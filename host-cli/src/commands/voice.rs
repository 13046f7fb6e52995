//! What a pipeline made for Helm reads of `install`, `upgrade`, `rollback` and `uninstall`: Helm's block or document at the
//! end, and its words for a failure on standard error. `deploy` speaks with its own voice.

use backstay_core::health::Cause;
use backstay_core::plan::Operation;
use backstay_core::release::{Record, Release};
use backstay_core::rollout::Verdict;

use super::read::{RELEASE, print_head, print_tail};
use super::run::Request;
use crate::args::OutputFormat;
use crate::table::print_ordered;

/// Whose words a command ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Its own.
    #[default]
    Own,
    /// Helm's for this command.
    Install,
    /// Helm's for this command.
    Upgrade,
    /// Helm's for rollback and uninstall, which have no document.
    Back,
}

impl Voice {
    /// Whether standard output is for a document alone, and progress goes to standard error.
    pub(crate) fn is_document(self, output: OutputFormat) -> bool {
        matches!(self, Self::Install | Self::Upgrade) && output != OutputFormat::Table
    }

    /// What Helm says before every error of the command (`pkg/cmd/install.go`, `upgrade.go` v4.3).
    const fn failed(self) -> Option<&'static str> {
        match self {
            Self::Install => Some("INSTALLATION FAILED"),
            Self::Upgrade => Some("UPGRADE FAILED"),
            Self::Own | Self::Back => None,
        }
    }

    /// Helm's words before an error.
    pub(crate) fn before(self, error: anyhow::Error) -> anyhow::Error {
        match self.failed() {
            Some(words) => error.context(words),
            None => error,
        }
    }

    /// The end of a rollout.
    ///
    /// # Errors
    /// When the record cannot be written as JSON.
    pub(super) fn tell(
        self,
        request: &Request,
        verdict: &Verdict,
        record: Option<&Record>,
    ) -> anyhow::Result<()> {
        match (verdict, request.operation, record) {
            _ if self == Self::Own => {}
            (Verdict::Deployed, Operation::Rollback { .. }, _) => {
                anstream::println!("Rollback was a success! Happy Helming!");
            }
            (Verdict::Deployed, operation, Some(record)) => {
                return self.show(&record.release, operation, request.output, request.hide_notes);
            }
            (Verdict::Uninstalled, ..) => {
                anstream::println!("release {:?} uninstalled", request.release);
            }
            _ => {
                if let Some(words) = failure(&request.release, verdict) {
                    let before = self.failed().map(|before| format!("{before}: ")).unwrap_or_default();
                    anstream::eprintln!("Error: {before}{words}");
                }
            }
        }
        Ok(())
    }

    fn show(
        self,
        release: &Release,
        operation: Operation,
        output: OutputFormat,
        hide_notes: bool,
    ) -> anyhow::Result<()> {
        if !matches!(self, Self::Install | Self::Upgrade) {
            return Ok(());
        }
        let document = serde_json::to_value(release)?;
        print_ordered(output, &document, RELEASE, || {
            if self == Self::Upgrade && operation == Operation::Upgrade {
                anstream::println!("Release {:?} has been upgraded. Happy Helming!", release.name);
            }
            print_head(release, false);
            print_tail(release, hide_notes);
        })?;
        Ok(())
    }

    /// A dry run: the release as it would be, with its hooks and its manifest.
    pub(super) fn show_dry_run(
        self,
        mut release: Release,
        operation: Operation,
        output: OutputFormat,
        (hide_notes, hide_secret): (bool, bool),
    ) -> anyhow::Result<()> {
        release.info.description = "Dry run complete".to_owned();
        if hide_secret {
            release.manifest = without_secrets(&release.manifest);
        }
        if output != OutputFormat::Table {
            return self.show(&release, operation, output, hide_notes);
        }
        if self == Self::Upgrade && operation == Operation::Upgrade {
            anstream::println!("Release {:?} has been upgraded. Happy Helming!", release.name);
        }
        print_head(&release, false);
        anstream::print!("{}HOOKS:\n", super::read::suites(&release));
        for hook in &release.hooks {
            let text = if hide_secret && hook.kind == "Secret" { HIDDEN } else { hook.manifest.as_str() };
            anstream::println!("---\n# Source: {}\n{text}", hook.path);
        }
        anstream::println!("MANIFEST:\n{}", release.manifest);
        if !hide_notes && !release.info.notes.is_empty() {
            anstream::println!("NOTES:\n{}", release.info.notes.trim());
        }
        Ok(())
    }
}

/// Helm's words in the place of a Secret.
const HIDDEN: &str = "# HIDDEN: The Secret output has been suppressed";

/// A manifest without the content of its Secrets (`--hide-secret`).
pub(super) fn without_secrets(manifest: &str) -> String {
    let mut text = String::with_capacity(manifest.len());
    for part in manifest.split("---\n# Source: ").skip(1) {
        let (source, content) = part.split_once('\n').unwrap_or((part, ""));
        let is_secret = backstay_core::yaml::from_yaml(content)
            .is_ok_and(|object| object["kind"] == "Secret" && object["apiVersion"] == "v1");
        text.push_str(&format!("---\n# Source: {source}\n"));
        if is_secret {
            text.push_str(HIDDEN);
            text.push('\n');
        } else {
            text.push_str(content);
        }
    }
    text
}

/// A failure in one line, as Helm begins it.
fn failure(name: &str, verdict: &Verdict) -> Option<String> {
    let words = |cause: &Cause| format!("{}: {}: {}", cause.code, cause.object, cause.message);
    Some(match verdict {
        Verdict::Deployed | Verdict::Uninstalled => return None,
        Verdict::RolledBack { cause, .. } => format!(
            "release {name} failed, and has been rolled back due to rollback-on-failure being set: {}",
            words(cause)
        ),
        Verdict::CleanedUp { cause } => format!(
            "release {name} failed, and has been uninstalled due to rollback-on-failure being set: {}",
            words(cause)
        ),
        Verdict::UndoFailed { cause, undo_cause } => format!(
            "an error occurred while rolling back the release. original upgrade error: {}: {}",
            words(cause),
            words(undo_cause)
        ),
        Verdict::LeftInPlace { cause } | Verdict::Interrupted { cause } => words(cause),
        Verdict::Refused { causes } => causes.iter().map(words).collect::<Vec<_>>().join("\n"),
        Verdict::Held { holder } => {
            format!("another operation (install/upgrade/rollback) is in progress: {holder}")
        }
        Verdict::Unreachable { cause } => format!("Kubernetes cluster unreachable: {}", words(cause)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_left_alone() {
        let manifest = "---\n# Source: a/templates/s.yaml\napiVersion: v1\nkind: Secret\nstringData: {a: b}\n\
                        ---\n# Source: a/templates/c.yaml\nkind: ConfigMap\ndata:\n  a: |\n    ---\n    kind: Secret\n";
        let expected = "---\n# Source: a/templates/s.yaml\n# HIDDEN: The Secret output has been suppressed\n\
                        ---\n# Source: a/templates/c.yaml\nkind: ConfigMap\ndata:\n  a: |\n    ---\n    kind: Secret\n";
        assert_eq!(without_secrets(manifest), expected);
        assert_eq!(without_secrets(expected), expected);
    }
}
