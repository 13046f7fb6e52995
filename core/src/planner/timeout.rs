//! The answer of `backstay timeout`: numbers with their lines, and their form for people.

use std::fmt::Write as _;
use std::time::Duration;

use backstay_object::format_duration;
use backstay_plan::{Inputs, ObjectTime, Plan, Remark, TimeoutGiven, Timing, timing_of};

use super::Lines;

/// The times of a plan, every summand with its line; with what is wrong with a timeout where one is given.
#[must_use]
pub fn timed(plan: &Plan, inputs: &Inputs, given: Option<TimeoutGiven>, lines: &Lines) -> Timing {
    let mut timing = timing_of(plan, inputs);
    if let Some(given) = given {
        let judged = timing.judge(given);
        timing.remarks.extend(judged);
    }
    for object in &mut timing.objects {
        object.line = lines.line(&object.object, "");
        for term in object.terms.iter_mut().filter(|term| !term.field.is_empty()) {
            term.line = lines.line(&object.object, &term.field);
        }
    }
    for remark in timing.remarks.iter_mut().filter(|remark| !remark.object.is_empty()) {
        remark.line = lines.line(&remark.object, &remark.field);
    }
    timing
}

/// Milliseconds for people, in Go's form.
#[must_use]
pub fn duration(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}

/// The rule of thumb in words.
#[must_use]
pub fn rule(
    pods: u64,
    initial_delay_ms: u64,
    period_ms: u64,
    failure_threshold: u64,
    buffer_ms: u64,
) -> String {
    let total_ms =
        backstay_plan::rule_of_thumb(pods, initial_delay_ms, period_ms, failure_threshold, buffer_ms);
    format!(
        "{} s = {pods} pods x ({} + {} x {failure_threshold}) + {}\n",
        total_ms / 1000,
        duration(initial_delay_ms),
        duration(period_ms),
        duration(buffer_ms)
    )
}

/// The answer for people. Writing to a String cannot fail.
#[must_use]
pub fn timeout_text(timing: &Timing) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _written = writeln!(text, "{name:<24}{value}");
    };
    line("expected", duration(timing.expected_ms));
    line(
        "recommended --timeout",
        format!(
            "{}  ({} forward, {} kept for the way back)",
            duration(timing.total_ms),
            duration(timing.recommended_ms),
            duration(timing.undo_ms)
        ),
    );
    line(
        "certainly failed after",
        match timing.failed_after_ms {
            Some(ms) => duration(ms),
            None if timing.unlimited.is_empty() => "nothing here takes time".to_owned(),
            None => format!("never: nothing but --timeout ends {}", timing.unlimited.join(", ")),
        },
    );
    line("time limit of a CI job", duration(timing.ci_job_ms));
    line(
        "critical path",
        if timing.critical_path.is_empty() { "-".to_owned() } else { timing.critical_path.join(" > ") },
    );
    timing.objects.iter().for_each(|object| object_text(object, &mut text));
    if !timing.remarks.is_empty() {
        text.push('\n');
    }
    timing.remarks.iter().for_each(|remark| remark_text(remark, &mut text));
    text
}

fn object_text(object: &ObjectTime, text: &mut String) {
    let mark = if object.decides { "*" } else { " " };
    let place = place(object.line, &object.source);
    let _written = writeln!(
        text,
        "\n{mark} {}: {}  expected {}, at most {}{place}",
        object.phase,
        object.object,
        duration(object.expected_ms),
        duration(object.most_ms)
    );
    for term in &object.terms {
        let times = if term.times > 1 { format!("{} x ", term.times) } else { String::new() };
        let line = term.line.map(|line| format!("  line {line}")).unwrap_or_default();
        let field = if term.field.is_empty() { "assumed".to_owned() } else { term.field.clone() };
        let _written = writeln!(
            text,
            "    {:>8}  {:>8}  {times}{}  [{field}{line}]",
            duration(term.expected_ms),
            duration(term.most_ms),
            term.what
        );
    }
}

fn place(line: Option<u64>, source: &str) -> String {
    match (line, source) {
        (None, "") => String::new(),
        (None, source) => format!("  ({source})"),
        (Some(line), "") => format!("  (line {line})"),
        (Some(line), source) => format!("  ({source}, manifest line {line})"),
    }
}

/// `warning: …` with its place.
pub(super) fn remark_text(remark: &Remark, text: &mut String) {
    let object = if remark.object.is_empty() { String::new() } else { format!("{}: ", remark.object) };
    let _written = writeln!(
        text,
        "WARNING {} {object}{}{}",
        remark.code,
        remark.message,
        place(remark.line, &remark.source)
    );
}
