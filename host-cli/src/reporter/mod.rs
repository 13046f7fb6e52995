//! What people and pipelines see of a rollout.

mod annotate;
mod json;
mod plain;
mod summary;
mod terminal;

use std::io::IsTerminal as _;
use std::time::Duration;

use backstay_core::object::Timestamp;
use backstay_core::rollout::{Event, Rollout};

use crate::args::{GlobalArgs, OutputFormat};
use crate::commands::Voice;

pub(crate) use annotate::Annotate;
pub(crate) use summary::Summary;

/// The beginning of a rollout, in figures.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) release: String,
    pub(crate) namespace: String,
    pub(crate) chart: String,
    pub(crate) from: Option<u32>,
    pub(crate) to: u32,
    pub(crate) verb: &'static str,
    pub(crate) forward_ms: u64,
    pub(crate) undo_ms: u64,
    pub(crate) is_computed: bool,
    pub(crate) undoes: bool,
    pub(crate) began: Timestamp,
}

/// Shows a rollout.
pub(crate) trait Reporter {
    /// It begins.
    fn started(&mut self, header: &Header, rollout: &Rollout);
    /// Something happened.
    fn event(&mut self, event: &Event, rollout: &Rollout, now: Timestamp);
    /// Nothing is to be done but to wait.
    fn waiting(&mut self, rollout: &Rollout, now: Timestamp);
    /// A line beside the rows.
    fn note(&mut self, text: &str);
    /// It is over.
    fn finished(&mut self, summary: &Summary, now: Timestamp);
    /// How often it wants to be shown again while nothing happens.
    fn refresh_every(&self) -> Option<Duration> {
        None
    }
}

/// Shows nothing: somebody else tells the end.
struct Silent;

impl Reporter for Silent {
    fn started(&mut self, _header: &Header, _rollout: &Rollout) {}
    fn event(&mut self, _event: &Event, _rollout: &Rollout, _now: Timestamp) {}
    fn waiting(&mut self, _rollout: &Rollout, _now: Timestamp) {}
    fn note(&mut self, _text: &str) {}
    fn finished(&mut self, _summary: &Summary, _now: Timestamp) {}
}

/// The reporter for an output format: live rows on a terminal, plain lines otherwise.
pub(crate) fn reporter(format: OutputFormat, voice: Voice, global: &GlobalArgs) -> Box<dyn Reporter> {
    let (plain, debug) = (global.plain, global.debug);
    match &global.member {
        Some(member) if member.silent => return Box::new(Silent),
        Some(member) => return Box::new(plain::PlainReporter::new(debug).of(&member.id)),
        None => {}
    }
    let in_ci = std::env::var_os("CI").is_some();
    match format {
        _ if voice.is_document(format) => Box::new(plain::PlainReporter::new(debug).beside_a_document()),
        OutputFormat::Json => Box::new(json::JsonReporter::default()),
        _ if plain || in_ci || debug || !std::io::stdout().is_terminal() => {
            Box::new(plain::PlainReporter::new(debug))
        }
        _ => Box::new(terminal::TerminalReporter::new()),
    }
}

/// `2.1s` since the beginning.
pub(crate) fn since(began: Timestamp, now: Timestamp) -> String {
    format!("{:.1}s", now.since(began).as_secs_f64())
}
