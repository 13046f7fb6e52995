//! `backstay diagnose`: the eyes of a rollout on what is already there, and on recordings.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use backstay_core::health::Policy;
use backstay_core::rehearse::{Judgement, Recording, ReplayOutcome, replay};

use super::run::level_of;
use crate::args::DiagnoseArgs;
use crate::exit::{Exit, Stop};
use crate::table::print_structured;

/// Judges a recording.
pub(crate) fn judge_recording(arguments: &DiagnoseArgs) -> anyhow::Result<ExitCode> {
    let file = arguments.replay.as_deref().unwrap_or(Path::new("-"));
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let recording = Recording::read(&text)
        .map_err(|error| Stop::with(Exit::Failed, format!("{}: {error}", file.display())))?;
    if recording.is_cut_off() {
        anstream::eprintln!("warning: the last line of {} is cut off and left out", file.display());
    }
    let judgement = replay(&recording, &policy_of(arguments), arguments.since);
    print_structured(arguments.output, &serde_json::to_value(&judgement)?, || print(&judgement))
}

/// The rules of judging that the flags ask for.
fn policy_of(arguments: &DiagnoseArgs) -> Policy {
    let mut policy = Policy::at(level_of(arguments.fail_fast));
    arguments.grace.apply(&mut policy);
    policy
}

fn print(judgement: &Judgement) {
    let word = match judgement.verdict {
        ReplayOutcome::Deployed => "deployed",
        ReplayOutcome::Condemned => "condemned",
        ReplayOutcome::Undecided => "undecided",
    };
    match judgement.decided_at {
        Some(at) => anstream::println!("{word} after {at}s"),
        None => anstream::println!("{word}"),
    }
    if let Some(object) = &judgement.object {
        let code = judgement.code.map_or("not ready", |code| code.as_str());
        anstream::println!("{object}: {code}");
    }
    for (word, name) in [("pod", &judgement.pod), ("container", &judgement.container)] {
        if let Some(name) = name {
            anstream::println!("{word} {name}");
        }
    }
    anstream::println!("{}", judgement.message);
    if let Some(at) = judgement.first_seen {
        anstream::println!("first seen after {at}s");
    }
    if let Some(hint) = &judgement.hint {
        anstream::println!("hint: {hint}");
    }
}
