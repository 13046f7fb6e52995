//! Plain lines: one per change of state, with the time since the beginning.

use std::collections::BTreeMap;

use backstay_core::health::{Cause, Class, Status};
use backstay_core::object::{ResourceKey, Timestamp, format_duration};
use backstay_core::plan::Change;
use backstay_core::rollout::{ActionKind, Event, Phase, Rollout};

use super::{Header, Reporter, Summary};

/// Lines for logs.
pub(super) struct PlainReporter {
    debug: bool,
    began: Timestamp,
    shown: BTreeMap<ResourceKey, String>,
    /// Before every line: of which part of a group it is.
    prefix: String,
    /// Standard output is for something else.
    on_stderr: bool,
}

impl PlainReporter {
    pub(super) fn new(debug: bool) -> Self {
        Self {
            debug,
            began: Timestamp::default(),
            shown: BTreeMap::new(),
            prefix: String::new(),
            on_stderr: false,
        }
    }

    /// For one release of a group.
    pub(super) fn of(self, id: &str) -> Self {
        Self { prefix: format!("{id}: "), ..self }
    }

    /// For a command whose standard output is one document.
    pub(super) fn beside_a_document(self) -> Self {
        Self { on_stderr: true, ..self }
    }

    fn print(&self, line: &str) {
        if self.on_stderr {
            anstream::eprintln!("{line}");
        } else {
            anstream::println!("{line}");
        }
    }

    /// The rule by which a cause counts.
    fn rule(&self, cause: &Cause) -> String {
        let at = |time: Timestamp| format!("{:.1}s", time.since(self.began).as_secs_f64());
        let seen = at(cause.first_seen);
        let rule = match cause.class {
            Class::FatalNow | Class::AfterGrace { grace_ms: 0 } => "certain at once".to_owned(),
            Class::AfterGrace { grace_ms } => {
                let grace = std::time::Duration::from_millis(grace_ms);
                format!(
                    "certain after a grace of {}, at {}",
                    format_duration(grace),
                    at(cause.first_seen.after(grace))
                )
            }
            Class::Recoverable => "may heal, decides nothing".to_owned(),
        };
        format!("rule {}: {rule}; first seen at {seen}", cause.code)
    }

    fn line(&self, now: Timestamp, text: &str) {
        let seconds = now.since(self.began).as_secs_f64();
        self.print(&format!("[{seconds:>7.1}s] {}{text}", self.prefix));
    }
}

impl Reporter for PlainReporter {
    fn started(&mut self, header: &Header, rollout: &Rollout) {
        self.began = header.began;
        let revisions = header.from.map_or_else(
            || format!("revision {}", header.to),
            |from| format!("revision {from} -> {}", header.to),
        );
        let total = |ms| format_duration(std::time::Duration::from_millis(ms));
        let mut line = format!("{} {} {revisions}  {}", header.release, header.namespace, header.chart);
        line.push_str(&format!(
            "  timeout {}",
            total(header.forward_ms + if header.undoes { header.undo_ms } else { 0 })
        ));
        if header.is_computed {
            line.push_str(" (computed)");
        }
        if header.undoes {
            line.push_str(&format!("  undo reserve {}", total(header.undo_ms)));
        }
        self.line(header.began, &line);
        let plan = rollout.plan();
        let count = |change| plan.count(change);
        self.line(
            header.began,
            &format!(
                "plan: {} to create, {} to change, {} to delete, {} unchanged",
                count(Change::Create) + count(Change::Adopt),
                count(Change::Change),
                count(Change::Delete),
                count(Change::Unchanged)
            ),
        );
        if self.debug {
            for step in &plan.steps {
                self.line(
                    header.began,
                    &format!(
                        "debug: plan: wave {} {:?} {} from {}",
                        step.wave, step.change, step.key, step.source
                    ),
                );
            }
        }
    }

    fn event(&mut self, event: &Event, rollout: &Rollout, now: Timestamp) {
        match event {
            // Before it is applied there is nothing to say about an object.
            Event::Readiness { readiness, .. } if readiness.status == Status::NotFound => {}
            Event::Readiness { key, readiness, suspicion } => {
                let mut text = readiness.message.clone();
                if let Some(cause) = suspicion {
                    text.push_str(&format!("  {}: {}", cause.code, cause.message));
                }
                let word = if readiness.is_current() { "ready" } else { "waiting" };
                let text = format!("{key}  {word}  {text}");
                if self.shown.get(key) != Some(&text) {
                    self.line(now, &text);
                    self.shown.insert(key.clone(), text);
                    if let Some(cause) = suspicion.as_ref().filter(|_| self.debug) {
                        self.line(now, &format!("debug: {key}: {}", self.rule(cause)));
                    }
                }
            }
            Event::Condemned { cause, others } => {
                if self.debug {
                    self.line(now, &format!("debug: decided: {}: {}", cause.object, self.rule(cause)));
                }
                self.line(now, &format!("{}  FAILED  {}  {}", cause.object, cause.code, cause.message));
                for other in others {
                    self.line(now, &format!("{}  FAILED  {}  {}", other.object, other.code, other.message));
                }
            }
            Event::UndoFailed { cause } => {
                self.line(now, &format!("{}  UNDO FAILED  {}  {}", cause.object, cause.code, cause.message));
            }
            Event::Retrying { reason, at, .. } => {
                self.line(now, &format!("trying again in {}: {reason}", format_duration(at.since(now))));
            }
            Event::Started { kind, .. } if self.debug || is_worth_a_line(kind) => {
                self.line(now, &in_words(kind, rollout))
            }
            Event::Entered { phase } if self.debug || *phase == Phase::Baking => {
                self.line(now, &format!("phase {}", phase.name()))
            }
            Event::Started { .. } | Event::Entered { .. } => {}
        }
    }

    fn waiting(&mut self, _rollout: &Rollout, _now: Timestamp) {}

    fn note(&mut self, text: &str) {
        self.print(&format!("{}{text}", self.prefix));
    }

    fn finished(&mut self, summary: &Summary, now: Timestamp) {
        for line in summary.lines() {
            self.print(&format!("{}{line}", self.prefix));
        }
        // The line for scripts is that of the whole group.
        let last = if self.prefix.is_empty() { summary.result_line() } else { summary.last_line() };
        self.line(now, &last);
    }
}

fn is_worth_a_line(kind: &ActionKind) -> bool {
    matches!(
        kind,
        ActionKind::DeleteCreated
            | ActionKind::Restore
            | ActionKind::Uninstall
            | ActionKind::DeletePods { .. }
            | ActionKind::CreateHook { .. }
            | ActionKind::CaptureEvidence { .. }
    )
}

/// What an action does, for people.
pub(super) fn in_words(kind: &ActionKind, rollout: &Rollout) -> String {
    match kind {
        ActionKind::Observe { .. } => "looking at the cluster".into(),
        ActionKind::Validate => "letting the server check every object".into(),
        ActionKind::CreateHook { stage, position } => {
            let hooks = rollout.hooks_of(*stage);
            let hook = usize::try_from(*position).ok().and_then(|position| hooks.get(position).copied());
            hook.map_or_else(|| "running a hook".into(), |hook| format!("running hook {}", hook.object.key))
        }
        ActionKind::CleanHooks { .. } => "cleaning up hooks".into(),
        ActionKind::Apply { wave: 0 } => "applying".into(),
        ActionKind::Apply { wave } => format!("applying wave {wave}"),
        ActionKind::Prune { .. } => "deleting what the new revision no longer has".into(),
        ActionKind::Look { .. } => "taking a fresh look before judging".into(),
        ActionKind::CaptureEvidence { .. } => "keeping evidence".into(),
        ActionKind::SaveRecord { .. } => "recording".into(),
        ActionKind::DeleteCreated => "undo: deleting what this run created".into(),
        ActionKind::Restore => "undo: restoring what this run changed".into(),
        ActionKind::DeletePods { pods } => {
            let names: Vec<String> = pods.iter().map(ToString::to_string).collect();
            format!(
                "undo: deleting {} left from the failed revision, which would block the way back",
                names.join(", ")
            )
        }
        ActionKind::Uninstall => "deleting the release's objects".into(),
    }
}
