//! Live rows: what, in which state, why it waits, since when; and how much time is left.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use backstay_core::health::Status;
use backstay_core::object::{ResourceKey, Timestamp, format_duration};
use backstay_core::plan::Change;
use backstay_core::rollout::{ActionKind, Event, Phase, Rollout};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::plain::in_words;
use super::{Header, Reporter, Summary, since};

/// Most rows on the screen; a hundred objects would only scroll away.
const ROWS_MOST: usize = 24;
const REFRESH: Duration = Duration::from_millis(200);

/// A block of rows that stays on the screen when all is done.
pub(super) struct TerminalReporter {
    rows: MultiProgress,
    by_key: BTreeMap<ResourceKey, Row>,
    footer: ProgressBar,
    began: Timestamp,
    doing: String,
}

struct Row {
    bar: ProgressBar,
    word: &'static str,
    text: String,
    since: Timestamp,
    ended: Option<Timestamp>,
}

impl TerminalReporter {
    pub(super) fn new() -> Self {
        let rows = MultiProgress::new();
        let footer = rows.add(ProgressBar::new_spinner());
        footer.set_style(message_only());
        Self { rows, by_key: BTreeMap::new(), footer, began: Timestamp::default(), doing: String::new() }
    }

    fn row(&mut self, key: &ResourceKey, now: Timestamp) -> Option<&mut Row> {
        if !self.by_key.contains_key(key) {
            if self.by_key.len() >= ROWS_MOST {
                return None;
            }
            let bar = self.rows.insert_before(&self.footer, ProgressBar::new_spinner());
            bar.set_style(message_only());
            self.by_key
                .insert(key.clone(), Row { bar, word: "wait", text: String::new(), since: now, ended: None });
        }
        self.by_key.get_mut(key)
    }

    fn draw(&self, rollout: &Rollout, now: Timestamp) {
        for (key, row) in &self.by_key {
            row.bar.set_message(row.line(key, now));
        }
        let budget = rollout.state().map(|state| match state.undo_deadline {
            Some(end) => format!(
                "{} of {} for the way back",
                since(end.before(Duration::from_millis(state.undo_ms)), now),
                format_duration(Duration::from_millis(state.undo_ms))
            ),
            None => format!(
                "{} of {}",
                since(state.started_at, now),
                format_duration(state.forward_deadline.since(state.started_at))
            ),
        });
        let dim = Style::new().dimmed();
        self.footer.set_message(format!("  {dim}{}   {}{dim:#}", budget.unwrap_or_default(), self.doing));
    }
}

impl Row {
    fn line(&self, key: &ResourceKey, now: Timestamp) -> String {
        let colour = match self.word {
            "ok" => AnsiColor::Green,
            "fail" => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        let style = colour.on_default();
        let elapsed = since(self.since, self.ended.unwrap_or(now));
        format!("  {style}{:<5}{style:#} {:<34} {}  {elapsed}", self.word, key.to_string(), self.text)
    }
}

impl Reporter for TerminalReporter {
    fn started(&mut self, header: &Header, rollout: &Rollout) {
        self.began = header.began;
        let bold = Style::new().bold();
        let revisions = header.from.map_or_else(
            || format!("revision {}", header.to),
            |from| format!("revision {from} -> {}", header.to),
        );
        let time = |ms| format_duration(Duration::from_millis(ms));
        let total = time(header.forward_ms + if header.undoes { header.undo_ms } else { 0 });
        let computed = if header.is_computed { " (computed)" } else { "" };
        let reserve =
            if header.undoes { format!("   undo reserve {}", time(header.undo_ms)) } else { String::new() };
        anstream::println!(
            "{bold}{}{bold:#}  {}  {revisions}   {}   timeout {total}{computed}{reserve}",
            header.release,
            header.namespace,
            header.chart
        );
        let plan = rollout.plan();
        anstream::println!(
            "  plan   {} to change, {} to create, {} to delete, {} unchanged\n",
            plan.count(Change::Change),
            plan.count(Change::Create) + plan.count(Change::Adopt),
            plan.count(Change::Delete),
            plan.count(Change::Unchanged)
        );
    }

    fn event(&mut self, event: &Event, rollout: &Rollout, now: Timestamp) {
        match event {
            Event::Readiness { readiness, .. } if readiness.status == Status::NotFound => {}
            Event::Readiness { key, readiness, suspicion } => {
                let is_current = readiness.is_current();
                let mut text = readiness.message.clone();
                if let Some(cause) = suspicion {
                    text.push_str(&format!("  {}: {}", cause.code, cause.message));
                }
                if let Some(row) = self.row(key, now) {
                    row.word = if is_current { "ok" } else { "wait" };
                    row.text = shorten(&text);
                    row.ended = is_current.then_some(now);
                }
            }
            Event::Condemned { cause, .. } | Event::UndoFailed { cause } => {
                let text = shorten(&format!("{}  {}", cause.code, cause.message));
                if let Some(row) = self.row(&cause.object, now) {
                    row.word = "fail";
                    row.text = text;
                    row.ended = Some(now);
                }
            }
            Event::Started { kind, .. } if !matches!(kind, ActionKind::SaveRecord { .. }) => {
                self.doing = in_words(kind, rollout)
            }
            Event::Retrying { reason, .. } => self.doing = format!("trying again: {reason}"),
            Event::Entered { phase: Phase::Verifying { .. } } => {
                self.doing = "waiting until everything is ready".into()
            }
            Event::Entered { phase: Phase::Baking } => {
                self.doing = "everything is ready; it has to hold".into();
            }
            Event::Entered { phase: Phase::VerifyingUndo } => {
                self.doing = "undo: waiting until everything is ready again".into()
            }
            Event::Started { .. } | Event::Entered { .. } => {}
        }
        self.draw(rollout, now);
    }

    fn waiting(&mut self, rollout: &Rollout, now: Timestamp) {
        self.draw(rollout, now);
    }

    fn note(&mut self, text: &str) {
        // The terminal may be gone; the rollout goes on.
        let _lost = self.rows.println(text);
    }

    fn finished(&mut self, summary: &Summary, now: Timestamp) {
        for (key, row) in &self.by_key {
            row.bar.finish_with_message(row.line(key, now));
        }
        self.footer.finish_and_clear();
        anstream::println!();
        for line in summary.lines() {
            anstream::println!("{line}");
        }
        anstream::println!("{}", summary.last_line());
    }

    fn refresh_every(&self) -> Option<Duration> {
        Some(REFRESH)
    }
}

fn message_only() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// One row is one line: what does not fit is in the evidence.
fn shorten(text: &str) -> String {
    const MOST: usize = 90;
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= MOST {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(MOST - 1).collect();
    short.push('…');
    short
}
