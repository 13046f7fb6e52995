//! How a group ended: one table, one document, one message.

use std::time::Duration;

use backstay_core::object::format_duration;
use serde_json::{Value, json};

use super::file::{Entry, Group};
use super::gravity;
use super::run::End;
use crate::exit::Exit;
use crate::notify::{self, Target};
use crate::reporter::Summary;
use crate::table::{Table, shortened};

/// The widest cell with words.
const WORDS_MOST: usize = 100;

/// What became of a release, in a word.
fn word(end: &End) -> &'static str {
    match (&end.back, &end.summary) {
        (Some(Exit::UndoFailed), _) => "undo-failed",
        (Some(_), _) => "taken-back",
        (None, Some(summary)) => summary.verdict_word(),
        (None, None) if end.skipped => "not-begun",
        (None, None) => match end.exit {
            Exit::Success => "looked-at",
            Exit::Refused | Exit::Usage => "refused",
            Exit::Held => "held",
            Exit::Unreachable => "unreachable",
            _ => "failed",
        },
    }
}

fn words(end: &End) -> String {
    let cause = end.summary.as_ref().and_then(Summary::cause);
    match cause {
        _ if !end.words.is_empty() => end.words.lines().next().unwrap_or_default().to_owned(),
        Some(cause) => format!("{}: {}", cause.code, cause.message),
        None => String::new(),
    }
}

/// Where a release is, for people.
fn place(entry: &Entry) -> String {
    let sandbox = entry.sandbox.as_ref().map(|path| path.display().to_string());
    entry.context.clone().or(sandbox).unwrap_or_else(|| "-".to_owned())
}

fn namespace(entry: &Entry, end: &End) -> String {
    let of_run = end.summary.as_ref().map(|summary| summary.namespace.clone());
    of_run.or_else(|| entry.namespace.clone()).unwrap_or_else(|| "-".to_owned())
}

/// Prints the table and the last line.
pub(super) fn print(group: &Group, ends: &[&End]) {
    let header = ["RELEASE", "NAMESPACE", "CLUSTER", "RESULT", "REVISION", "TOOK", "WHY"];
    let mut table = Table::new(&header, true);
    for (entry, end) in group.entries.iter().zip(ends) {
        let revision = end.summary.as_ref().map_or_else(|| "-".to_owned(), |end| end.revision.to_string());
        table.row([
            entry.id.clone(),
            namespace(entry, end),
            place(entry),
            word(end).to_owned(),
            revision,
            took(end).map_or_else(|| "-".to_owned(), format_duration),
            shortened(&words(end), WORDS_MOST),
        ]);
    }
    anstream::println!();
    table.print();
    anstream::println!("{}", last_line(group, ends));
    anstream::println!(
        "RESULT {} exit={}",
        if exit(ends) == Exit::Success { "deployed" } else { "failed" },
        exit(ends) as u8
    );
}

/// In the cluster's time where there was a rollout.
fn took(end: &End) -> Option<Duration> {
    end.summary.as_ref().map(|summary| summary.took).or_else(|| (!end.skipped).then_some(end.took))
}

/// `fleet: 2 deployed, 1 rolled-back  exit 1`.
fn last_line(group: &Group, ends: &[&End]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for end in ends {
        match counts.iter_mut().find(|(known, _)| *known == word(end)) {
            Some((_, count)) => *count += 1,
            None => counts.push((word(end), 1)),
        }
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!("{}: {}  exit {}", group.name, counts.join(", "), exit(ends) as u8)
}

fn exit(ends: &[&End]) -> Exit {
    let exits = ends.iter().flat_map(|end| [Some(end.exit), end.back]).flatten();
    exits.max_by_key(|exit| gravity(*exit)).unwrap_or(Exit::Success)
}

/// The same for programs.
pub(super) fn document(group: &Group, ends: &[&End]) -> Value {
    let release = |(entry, end): (&Entry, &&End)| {
        json!({
            "id": entry.id,
            "release": entry.name,
            "namespace": namespace(entry, end),
            "cluster": place(entry),
            "result": word(end),
            "revision": end.summary.as_ref().map(|summary| summary.revision),
            "from": end.summary.as_ref().and_then(|summary| summary.from),
            "seconds": took(end).map(|took| took.as_secs_f64()),
            "cause": end.summary.as_ref().and_then(Summary::cause),
            "why": words(end),
            "exit": end.exit as u8,
        })
    };
    json!({
        "v": 1,
        "group": group.name,
        "exit": exit(ends) as u8,
        "releases": group.entries.iter().zip(ends).map(release).collect::<Vec<_>>(),
    })
}

/// One message for the group: that of the release a person has to hear of first, with everybody's end beside it.
pub(super) async fn tell(group: &Group, ends: Vec<&End>, receivers: &[Target]) -> Vec<String> {
    let first = ends.iter().filter(|end| end.summary.is_some()).max_by_key(|end| gravity(end.exit));
    let Some(summary) = first.and_then(|end| end.summary.as_ref()).filter(|_| !receivers.is_empty()) else {
        return Vec::new();
    };
    let mut told = summary.clone();
    told.notes.push(last_line(group, &ends));
    let line = |(entry, end): (&Entry, &&End)| format!("{}: {} {}", entry.id, word(end), words(end));
    told.notes.extend(group.entries.iter().zip(&ends).map(line));
    notify::tell(receivers, &told, &group.name).await
}
