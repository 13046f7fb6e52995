//! The answer of `backstay plan`: what is created, changed and deleted, in which waves, how it is undone, how long it may
//! take, and what was found.

use std::fmt::Write as _;

use backstay_plan::{Change, Finding, Plan, Severity, Timing, UndoTarget, UndoWork};
use serde_json::{Value, json};

use super::{duration, findings_text};

const fn undo_verb(undo: &UndoWork) -> Option<&'static str> {
    match undo {
        UndoWork::Nothing => None,
        UndoWork::Delete => Some("delete"),
        UndoWork::Restore { .. } => Some("restore"),
    }
}

fn way_back(plan: &Plan) -> String {
    match &plan.undo {
        UndoTarget::Revision { revision } => format!("to revision {revision}"),
        UndoTarget::Nothing => "everything that was created is deleted".to_owned(),
        UndoTarget::Closed { reason } => format!("closed: {reason}"),
    }
}

/// Whether a finding forbids the rollout.
#[must_use]
pub fn is_fatal(found: &[Finding]) -> bool {
    found.iter().any(|finding| finding.severity == Severity::Error)
}

/// The answer as data. Objects are named, not shown: there are Secrets among them.
#[must_use]
pub fn preview_json(plan: &Plan, timing: &Timing, found: &[Finding]) -> Value {
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "object": step.key.to_string(), "key": step.key, "change": step.change, "wave": step.wave,
                "undo": undo_verb(&step.undo).unwrap_or("nothing"), "source": step.source,
            })
        })
        .collect();
    let hooks: Vec<Value> = plan
        .hooks
        .iter()
        .map(|hook| json!({"object": hook.object.key.to_string(), "events": hook.events, "weight": hook.weight, "source": hook.object.source}))
        .collect();
    json!({
        "release": plan.release, "namespace": plan.namespace, "operation": plan.operation, "from": plan.from, "to": plan.to,
        "steps": steps, "hooks": hooks, "undo": plan.undo, "timing": timing, "findings": found, "fatal": is_fatal(found),
    })
}

/// The answer for people. Writing to a String cannot fail.
#[must_use]
pub fn preview_text(plan: &Plan, timing: &Timing, found: &[Finding]) -> String {
    let mut text = String::new();
    let count = |change| plan.count(change);
    let _written = writeln!(
        text,
        "{} in {}: revision {}, {} to create, {} to change, {} to delete, {} kept",
        plan.release,
        plan.namespace,
        plan.to,
        count(Change::Create) + count(Change::Adopt),
        count(Change::Change),
        count(Change::Delete),
        count(Change::Unchanged)
    );
    let (before, after) = plan.operation.hook_events();
    let hooks = |event, text: &mut String| {
        for hook in plan.hooks_for(event).into_iter().filter_map(|index| plan.hooks.get(index)) {
            let _written = writeln!(
                text,
                "  run        {}  ({}, weight {})",
                hook.object.key,
                event.word(),
                hook.weight
            );
        }
    };
    hooks(before, &mut text);
    for wave in 0..plan.wave_count() {
        let _written = writeln!(text, "wave {wave}");
        for step in plan.wave(wave).into_iter().filter_map(|index| plan.steps.get(index)) {
            let _written = writeln!(text, "  {:<9}  {}", step.change.word(), step.key);
        }
    }
    let gone: Vec<_> = plan.steps.iter().filter(|step| step.desired.is_none()).collect();
    if !gone.is_empty() {
        text.push_str("afterwards\n");
    }
    for step in gone {
        let _written = writeln!(text, "  {:<9}  {}", step.change.word(), step.key);
    }
    hooks(after, &mut text);
    let _written = writeln!(text, "way back: {}", way_back(plan));
    for step in &plan.steps {
        if let Some(undo) = undo_verb(&step.undo) {
            let _written = writeln!(text, "  {undo:<9}  {}", step.key);
        }
    }
    let _written = writeln!(
        text,
        "time: {} expected, --timeout {} recommended ({} forward, {} for the way back)",
        duration(timing.expected_ms),
        duration(timing.total_ms),
        duration(timing.recommended_ms),
        duration(timing.undo_ms)
    );
    let _written = writeln!(
        text,
        "findings: {}",
        if found.is_empty() { "none".to_owned() } else { found.len().to_string() }
    );
    text.push_str(&findings_text(found, Severity::Info));
    text
}
