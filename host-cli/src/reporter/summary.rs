//! The end of a rollout in words. A failed run never ends in a line that reads like success: the last line says what
//! runs now, what was not deployed, why, and the exit code.

use std::path::PathBuf;
use std::time::Duration;

use backstay_core::health::Cause;
use backstay_core::object::{ResourceKey, Timestamp, format_duration};
use backstay_core::plan::Operation;
use backstay_core::rollout::Verdict;

use crate::execute::EvidenceBundle;

/// How a rollout ended, with what a person wants to know.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) release: String,
    pub(crate) namespace: String,
    pub(crate) operation: Operation,
    pub(crate) revision: u32,
    pub(crate) from: Option<u32>,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
    pub(crate) ended: Timestamp,
    pub(crate) evidence: Vec<EvidenceBundle>,
    pub(crate) evidence_path: Option<PathBuf>,
    /// What was restored and deleted by the undo, for people.
    pub(crate) undone: Vec<ResourceKey>,
    pub(crate) slowest: Option<(ResourceKey, Duration)>,
    pub(crate) nothing_changed: bool,
    pub(crate) notes: Vec<String>,
    /// The hook after which going back is a person's decision, if that is why it was left.
    pub(crate) no_return: Option<ResourceKey>,
    /// `38s of cluster time in 1.2s`, for the sandbox.
    pub(crate) pace: Option<String>,
}

impl Summary {
    /// The end that everybody hopes for, to show beforehand what would be told of it.
    pub(crate) fn supposed(
        release: &str,
        namespace: &str,
        operation: Operation,
        revision: u32,
        from: Option<u32>,
        ended: Timestamp,
    ) -> Self {
        Self {
            release: release.to_owned(),
            namespace: namespace.to_owned(),
            operation,
            revision,
            from,
            verdict: Verdict::Deployed,
            took: Duration::ZERO,
            ended,
            evidence: Vec::new(),
            evidence_path: None,
            undone: Vec::new(),
            slowest: None,
            nothing_changed: false,
            notes: Vec::new(),
            no_return: None,
            pace: None,
        }
    }

    /// The verdict's word in machine-readable output.
    pub(crate) fn verdict_word(&self) -> &'static str {
        match self.verdict {
            Verdict::Deployed => "deployed",
            Verdict::Uninstalled => "uninstalled",
            Verdict::RolledBack { .. } => "rolled-back",
            Verdict::CleanedUp { .. } => "cleaned-up",
            Verdict::LeftInPlace { .. } => "left-in-place",
            Verdict::UndoFailed { .. } => "undo-failed",
            Verdict::Refused { .. } => "refused",
            Verdict::Held { .. } => "held",
            Verdict::Unreachable { .. } => "unreachable",
            Verdict::Interrupted { .. } => "interrupted",
        }
    }

    /// Why it failed.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        match &self.verdict {
            Verdict::RolledBack { cause, .. }
            | Verdict::CleanedUp { cause }
            | Verdict::LeftInPlace { cause }
            | Verdict::UndoFailed { cause, .. }
            | Verdict::Unreachable { cause }
            | Verdict::Interrupted { cause } => Some(cause),
            Verdict::Refused { causes } => causes.first(),
            Verdict::Deployed | Verdict::Uninstalled | Verdict::Held { .. } => None,
        }
    }

    /// Every reason of a refusal.
    pub(crate) fn causes(&self) -> &[Cause] {
        match &self.verdict {
            Verdict::Refused { causes } => causes,
            _ => &[],
        }
    }

    /// Why the way back failed.
    pub(crate) fn undo_cause(&self) -> Option<&Cause> {
        match &self.verdict {
            Verdict::UndoFailed { undo_cause, .. } => Some(undo_cause),
            _ => None,
        }
    }

    /// The revision whose content runs, if one does.
    pub(crate) fn running(&self) -> Option<u32> {
        match &self.verdict {
            Verdict::Deployed => Some(self.revision),
            Verdict::RolledBack { running, .. } => Some(*running),
            Verdict::Refused { .. } | Verdict::Held { .. } | Verdict::Unreachable { .. } => self.from,
            _ => None,
        }
    }

    /// The revision the way back was recorded as.
    pub(crate) fn recorded_as(&self) -> Option<u32> {
        match &self.verdict {
            Verdict::RolledBack { recorded_as, .. } => *recorded_as,
            _ => None,
        }
    }

    /// Everything but the last line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.notes.clone();
        let took = format_duration(self.took);
        match &self.verdict {
            Verdict::Deployed | Verdict::Uninstalled => {}
            Verdict::Refused { causes } => {
                lines.push(format!(
                    "{} of {} REFUSED: the server or the plan says no; nothing was changed",
                    self.verb(),
                    self.release
                ));
                for cause in causes {
                    lines.extend(self.explain(cause));
                }
            }
            Verdict::Held { holder } => lines.push(format!("{} is held: {holder}", self.release)),
            Verdict::Unreachable { cause } => {
                lines.push(format!("the cluster did not answer: {}", cause.message))
            }
            Verdict::Interrupted { cause } => lines.push(format!(
                "{} of {} interrupted after {took}: {}",
                self.verb(),
                self.release,
                cause.message
            )),
            Verdict::RolledBack { cause, .. }
            | Verdict::CleanedUp { cause }
            | Verdict::LeftInPlace { cause } => {
                lines.push(format!(
                    "{} of {} revision {} FAILED after {took}: {}",
                    self.verb(),
                    self.release,
                    self.revision,
                    cause.code
                ));
                lines.extend(self.explain(cause));
                lines.extend(self.evidence_lines());
                lines.extend(self.undo_line());
                lines.extend(self.choice());
            }
            Verdict::UndoFailed { cause, undo_cause } => {
                lines.push(format!(
                    "{} of {} revision {} FAILED after {took}: {}",
                    self.verb(),
                    self.release,
                    self.revision,
                    cause.code
                ));
                lines.extend(self.explain(cause));
                if undo_cause != cause {
                    lines.push(format!("The way back FAILED, too: {}", undo_cause.code));
                    lines.extend(self.explain(undo_cause));
                }
                lines.extend(self.evidence_lines());
            }
        }
        lines
    }

    /// The last line.
    pub(crate) fn last_line(&self) -> String {
        let (release, revision, exit) = (&self.release, self.revision, self.verdict.exit_code());
        let took = format_duration(self.took);
        let pace = self.pace.as_ref().map(|pace| format!("  ({pace})")).unwrap_or_default();
        match &self.verdict {
            Verdict::Deployed => {
                let slowest = self
                    .slowest
                    .as_ref()
                    .map(|(key, time)| format!("  slowest: {key} {}", format_duration(*time)))
                    .unwrap_or_default();
                let nothing = if self.nothing_changed { "; nothing had to be changed" } else { "" };
                let what = match self.operation {
                    Operation::Rollback { to } => format!(
                        "{release} revision {revision} deployed: the content of revision {to} again, in {took}"
                    ),
                    _ => format!("{release} revision {revision} deployed in {took}"),
                };
                format!("{what}{nothing}.{slowest}{pace}")
            }
            Verdict::Uninstalled => format!("{release} uninstalled in {took}.{pace}"),
            Verdict::RolledBack { cause, running, .. } => {
                format!(
                    "{release} is running revision {running}. Revision {revision} is NOT deployed ({}).{pace}   exit {exit}",
                    cause.code
                )
            }
            Verdict::CleanedUp { cause } => {
                format!(
                    "{release} is NOT installed ({}); everything this run created is gone.{pace}   exit {exit}",
                    cause.code
                )
            }
            Verdict::LeftInPlace { cause } if self.no_return.is_some() => {
                format!(
                    "{release} revision {revision} is NOT deployed ({}) and was left as it is, past a point of no return: choose.{pace}   exit {exit}",
                    cause.code
                )
            }
            Verdict::LeftInPlace { cause } => {
                format!(
                    "{release} revision {revision} is BROKEN and left in place for inspection ({}).{pace}   exit {exit}",
                    cause.code
                )
            }
            Verdict::UndoFailed { .. } if self.operation == Operation::Uninstall => {
                format!(
                    "{release} is only partly uninstalled. A person is needed: backstay status {release} -n {}.{pace}   exit {exit}",
                    self.namespace
                )
            }
            Verdict::UndoFailed { .. } => {
                let neither = self.from.map_or_else(
                    || format!("revision {revision} is"),
                    |from| format!("neither {revision} nor {from} is"),
                );
                format!(
                    "{release} is BROKEN: {neither} running completely. A person is needed: backstay history {release} -n {ns}; \
                     backstay evidence {release} -n {ns}; backstay rollback {release} REVISION -n {ns}.{pace}   exit {exit}",
                    ns = self.namespace
                )
            }
            Verdict::Refused { .. } | Verdict::Unreachable { .. } => match self.from {
                Some(from) => {
                    format!("{release} is still running revision {from}; nothing was changed.   exit {exit}")
                }
                None => format!("{release} is NOT installed; nothing was changed.   exit {exit}"),
            },
            Verdict::Held { .. } => format!("{release} was not touched by this run.   exit {exit}"),
            Verdict::Interrupted { .. } => {
                format!(
                    "{release} revision {revision} is UNFINISHED. Continue with: backstay resume {release} -n {}   or run the same deploy \
                     again: it takes over what this run left.{pace}   exit {exit}",
                    self.namespace
                )
            }
        }
    }

    /// The machine-readable end of plain output.
    pub(crate) fn result_line(&self) -> String {
        let mut line = format!("RESULT {}", self.verdict_word());
        if let Some(cause) = self.cause() {
            line.push_str(&format!("  cause={}", cause.code));
        }
        if let Some(running) = self.running() {
            line.push_str(&format!("  running={running}"));
        }
        format!("{}\n{line}  exit={}", self.last_line(), self.verdict.exit_code())
    }

    fn verb(&self) -> &'static str {
        match self.operation {
            Operation::Install | Operation::Upgrade => "Deploy",
            Operation::Rollback { .. } => "Rollback",
            Operation::Uninstall => "Uninstall",
        }
    }

    fn explain(&self, cause: &Cause) -> Vec<String> {
        let mut place = cause.object.to_string();
        if let Some(pod) = &cause.pod {
            place.push_str(&format!(", pod {pod}"));
        }
        if let Some(container) = &cause.container {
            place.push_str(&format!(", container {container}"));
        }
        let age = format_duration(self.ended.since(cause.first_seen));
        let mut lines = vec![
            format!("  {place}"),
            format!("  {}: \"{}\"  ({age} ago)", cause.code, cause.message.trim()),
        ];
        if !cause.hint.is_empty() {
            lines.push(format!("  {}", cause.hint));
        }
        lines
    }

    fn evidence_lines(&self) -> Vec<String> {
        if self.evidence.is_empty() {
            return vec!["Evidence kept: none could be had".to_owned()];
        }
        let events: usize = self.evidence.iter().map(|bundle| bundle.events.len()).sum();
        let logs = || {
            self.evidence
                .iter()
                .flat_map(|bundle| &bundle.pods)
                .flat_map(|pod| pod.logs.iter().map(move |log| (pod, log)))
        };
        let count: usize = logs().map(|(_, log)| log.lines.len()).sum();
        let mut lines = vec![format!(
            "Evidence kept: {events} events, {count} log lines   backstay evidence {} --revision {} -n {}",
            self.release, self.revision, self.namespace
        )];
        for (pod, log) in logs().take(2) {
            lines.push(format!(
                "  {} {}{}:",
                pod.name,
                log.container,
                if log.previous { " (run before)" } else { "" }
            ));
            let skip = log.lines.len().saturating_sub(5);
            lines.extend(log.lines.iter().skip(skip).map(|line| format!("    {line}")));
        }
        lines
    }

    /// What a person can do past a point of no return.
    fn choice(&self) -> Vec<String> {
        let Some(hook) = &self.no_return else { return Vec::new() };
        let (release, namespace) = (&self.release, &self.namespace);
        let back = match self.from {
            Some(from) => format!("  back     backstay rollback {release} {from} -n {namespace}"),
            None => format!("  back     backstay uninstall {release} -n {namespace}"),
        };
        vec![
            format!("{hook} ran and is marked backstay.dev/irreversible; nothing was undone. The choice:"),
            "  forward  fix the cause and deploy again".to_owned(),
            format!("{back}   (only if what runs before can live with what {hook} did)"),
        ]
    }

    fn undo_line(&self) -> Option<String> {
        match &self.verdict {
            Verdict::RolledBack { running, .. } if self.undone.is_empty() => Some(format!(
                "Nothing of revision {running} had been changed yet; there was nothing to undo."
            )),
            Verdict::RolledBack { running, .. } => {
                let names: Vec<String> = self.undone.iter().take(6).map(ToString::to_string).collect();
                let more = self.undone.len().saturating_sub(6);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                Some(format!("Undone and verified: {}{more} as in revision {running}.", names.join(", ")))
            }
            _ => None,
        }
    }
}
