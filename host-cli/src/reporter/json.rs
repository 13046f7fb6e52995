//! One JSON object a line. Fields are only ever added; `docs/events.md` names them.

use backstay_core::health::{Cause, Class};
use backstay_core::object::Timestamp;
use backstay_core::rollout::{Event, Rollout};
use serde_json::{Value, json};

use super::{Header, Reporter, Summary};

/// Version of the event format.
const VERSION: u32 = 1;

/// Events for programs.
#[derive(Default)]
pub(super) struct JsonReporter {
    began: Timestamp,
}

impl JsonReporter {
    fn line(&self, now: Timestamp, kind: &str, mut fields: Value) {
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of a rollout are far below 2^52")]
        let seconds = now.since(self.began).as_millis() as f64 / 1000.0;
        let mut line = json!({"v": VERSION, "t": seconds, "type": kind});
        if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object_mut()) {
            line.append(fields);
        }
        anstream::println!("{line}");
    }
}

impl Reporter for JsonReporter {
    fn started(&mut self, header: &Header, rollout: &Rollout) {
        self.began = header.began;
        let changes: Vec<Value> = rollout
            .plan()
            .steps
            .iter()
            .map(|step| json!({"object": step.key.path(), "change": step.change, "wave": step.wave}))
            .collect();
        let fields = json!({
            "release": header.release, "namespace": header.namespace, "chart": header.chart, "operation": header.verb,
            "from": header.from, "to": header.to,
            "deadline_s": (header.forward_ms + if header.undoes { header.undo_ms } else { 0 }) / 1000,
            "undo_reserve_s": if header.undoes { header.undo_ms / 1000 } else { 0 },
            "changes": changes,
        });
        self.line(header.began, "started", fields);
    }

    fn event(&mut self, event: &Event, _rollout: &Rollout, now: Timestamp) {
        match event {
            Event::Entered { phase } => self.line(now, "phase", json!({"phase": phase.name()})),
            Event::Started { id, kind, attempt } => {
                let action = serde_json::to_value(kind).ok().and_then(|kind| kind.get("action").cloned());
                self.line(now, "action", json!({"id": id.0, "action": action, "attempt": attempt}));
            }
            Event::Retrying { id, reason, at } => {
                self.line(
                    now,
                    "retrying",
                    json!({"id": id.0, "reason": reason, "in_s": at.since(now).as_secs()}),
                );
            }
            Event::Readiness { key, readiness, suspicion } => {
                let fields = json!({
                    "object": key.path(), "status": readiness.status, "ready": readiness.ready, "desired": readiness.desired,
                    "message": readiness.message, "suspicion": suspicion.as_ref().map(|cause| self.cause(cause)),
                });
                self.line(now, "readiness", fields);
            }
            Event::Condemned { cause, others } => {
                let mut fields = self.cause(cause);
                let others: Vec<Value> = others.iter().map(|cause| self.cause(cause)).collect();
                backstay_core::object::set_at(&mut fields, &["others"], others.into());
                self.line(now, "condemned", fields);
            }
            Event::UndoFailed { cause } => self.line(now, "undo-failed", self.cause(cause)),
        }
    }

    fn waiting(&mut self, _rollout: &Rollout, _now: Timestamp) {}

    fn note(&mut self, text: &str) {
        anstream::println!("{}", json!({"v": VERSION, "type": "note", "message": text}));
    }

    fn finished(&mut self, summary: &Summary, now: Timestamp) {
        // What a person has to know of the run, such as fields that were left to others.
        for note in &summary.notes {
            self.note(note);
        }
        let cause = summary.cause().map(|cause| self.cause(cause));
        let undo_cause = summary.undo_cause().map(|cause| self.cause(cause));
        let fields = json!({
            "verdict": summary.verdict_word(), "exit": summary.verdict.exit_code(), "running": summary.running(),
            "recorded_as": summary.recorded_as(), "cause": cause, "undo_cause": undo_cause,
            "causes": summary.causes().iter().map(|cause| self.cause(cause)).collect::<Vec<_>>(),
            "evidence": summary.evidence_path, "last": summary.last_line(),
        });
        self.line(now, "finished", fields);
    }
}

impl JsonReporter {
    fn cause(&self, cause: &Cause) -> Value {
        let class = match cause.class {
            Class::FatalNow => "fatal-now",
            Class::AfterGrace { .. } => "after-grace",
            Class::Recoverable => "recoverable",
        };
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of a rollout are far below 2^52")]
        let first_seen = cause.first_seen.since(self.began).as_millis() as f64 / 1000.0;
        json!({
            "object": cause.object.path(), "code": cause.code, "class": class, "pod": cause.pod, "container": cause.container,
            "message": cause.message, "hint": cause.hint, "first_seen": first_seen,
        })
    }
}
