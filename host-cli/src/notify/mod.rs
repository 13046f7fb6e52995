//! Telling others how a rollout ended. Never changes the outcome and never takes longer than [`BUDGET`].

mod message;
mod send;
mod target;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

pub(crate) use message::{Story, new_id};
pub(crate) use send::{deliver, hex};
pub(crate) use target::{Format, Hidden, Occasions, Target};

use crate::exit::Stop;
use crate::reporter::Summary;

/// The most time all messages together may take.
pub(crate) const BUDGET: Duration = Duration::from_secs(10);

/// In place of a receiver: nobody of those named before it.
pub(crate) const NOBODY: &str = "none";

/// The receivers of the policy file and those that words name (of the environment, then of flags), each once and with the secret
/// that signs what it gets. [`NOBODY`] forgets all before it.
///
/// # Errors
/// With exit code 4, before anything is changed, when one cannot be used. The error never holds the address.
pub(crate) fn targets<'w>(
    words: impl IntoIterator<Item = &'w str>,
    of_policy: &[Target],
    secret: Option<&[u8]>,
) -> anyhow::Result<Vec<Target>> {
    let with_secret = |target: &Target| {
        let secret = target.secret.clone().or_else(|| secret.map(<[u8]>::to_vec));
        Target { secret, ..target.clone() }
    };
    let mut targets: Vec<Target> = of_policy.iter().map(with_secret).collect();
    for word in words.into_iter().map(str::trim).filter(|word| !word.is_empty()) {
        if word == NOBODY {
            targets.clear();
            continue;
        }
        let target: Target = word.parse().map_err(|error| Stop::refused(format!("--notify: {error}")))?;
        // Named again: it hears of every end, and once.
        let same = |known: &&mut Target| known.format == target.format && known.address == target.address;
        match targets.iter_mut().find(same) {
            Some(known) => known.occasions = target.occasions,
            None => targets.push(with_secret(&target)),
        }
    }
    Ok(targets)
}

/// The secret that signs: from a file, or from the environment.
///
/// # Errors
/// When the file cannot be read or is empty.
pub(crate) fn secret(file: Option<&Path>) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(file) = file else {
        let from_environment = std::env::var("BACKSTAY_NOTIFY_SECRET").ok();
        return Ok(from_environment.filter(|secret| !secret.is_empty()).map(String::into_bytes));
    };
    let refused = |error: anyhow::Error| Stop::refused(format!("{error:#}"));
    let bytes = std::fs::read(file)
        .with_context(|| format!("the secret file {} cannot be read", file.display()))
        .map_err(refused)?;
    let secret = bytes.trim_ascii_end();
    if secret.is_empty() {
        return Err(Stop::refused(format!("the secret file {} is empty", file.display())));
    }
    Ok(Some(secret.to_vec()))
}

/// Tells everybody. Returns a line for each receiver that was not reached.
pub(crate) async fn tell(targets: &[Target], summary: &Summary, cluster: &str) -> Vec<String> {
    if targets.is_empty() {
        return Vec::new();
    }
    let story = Story { summary, cluster, id: new_id(summary.ended) };
    let failed = |delivery: send::Delivery| {
        let failure = delivery.failure?;
        let tries =
            if delivery.tries == 1 { "1 try".to_owned() } else { format!("{} tries", delivery.tries) };
        Some(format!("notification to {} was not delivered: {failure} ({tries})", delivery.to))
    };
    deliver(targets, &story, BUDGET).await.into_iter().filter_map(failed).collect()
}

/// For a dry run: what each receiver would get, were the rollout to end like this.
pub(crate) fn preview(targets: &[Target], summary: &Summary, cluster: &str) -> Vec<String> {
    let story = Story { summary, cluster, id: new_id(summary.ended) };
    let shown = targets.iter().filter(|target| target.wants(story.is_success())).map(|target| {
        let (content_type, body) = story.body(target);
        let signed = if target.secret.is_some() { ", signed" } else { "" };
        format!("would notify {target} ({content_type}{signed}) on {}:\n{body:#}", target.occasions)
    });
    shown.collect()
}
