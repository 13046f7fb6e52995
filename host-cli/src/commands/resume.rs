//! Finishing what a dead run left: the journal in the pending record says where it was, the plan beside it what it meant to do.

use std::process::ExitCode;

use backstay_core::health::CauseCode;
use backstay_core::plan::Plan;
use backstay_core::release::{History, Record};
use backstay_core::rollout::{Command, Input, JournalEntry, JournalEvent, Policy, Rollout, Verdict};
use serde::{Deserialize, Serialize};

use super::run::{Ground, Request, TimeoutRule, check_pending, drive, survey};
use crate::args::{GlobalArgs, LockArgs, OnInterrupted, OutputFormat, ResumeArgs};
use crate::cluster::Cluster;
use crate::exit::{Exit, Stop};
use crate::records::RecordOptions;

/// The form of what is kept; raised when an older reader could misunderstand it.
const FORMAT: u32 = 1;

/// What another process needs beside the journal.
#[derive(Serialize, Deserialize)]
pub(super) struct Resumable {
    format: u32,
    plan: Plan,
    policy: Policy,
    chart: String,
    force_conflicts: bool,
    take_ownership: bool,
    keep_history: bool,
    description: Option<String>,
}

/// What is kept beside the journal of a rollout that begins.
pub(super) fn resumable(request: &Request, plan: &Plan, policy: &Policy) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&Resumable {
        format: FORMAT,
        plan: plan.clone(),
        policy: policy.clone(),
        chart: request.chart.clone(),
        force_conflicts: request.force_conflicts,
        take_ownership: request.take_ownership,
        keep_history: request.options.keep_history,
        description: request.options.description.clone(),
    })?)
}

/// The record whose rollout has not come to its end, if there is one.
fn interrupted(history: &History) -> Option<&Record> {
    let latest = history.latest()?.release.version;
    let unfinished = |record: &&Record| {
        record.resume.is_some() && record.journal.as_deref().is_some_and(|journal| !is_finished(journal))
    };
    // The way back has a record of its own after the one with the journal.
    history.records().iter().rev().filter(|record| record.release.version + 1 >= latest).find(unfinished)
}

fn is_finished(journal: &str) -> bool {
    let last = journal.lines().rev().find(|line| !line.trim().is_empty());
    last.and_then(|line| serde_json::from_str::<JournalEntry>(line).ok())
        .is_some_and(|entry| matches!(entry.event, JournalEvent::Finished { .. }))
}

/// `backstay resume`.
pub(crate) async fn resume(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: &ResumeArgs,
) -> anyhow::Result<ExitCode> {
    let ground = survey(cluster, &arguments.name, RecordOptions::default()).await?;
    check_pending(&ground, &arguments.name, cluster).await?;
    if interrupted(&ground.history).is_none() {
        return Err(Stop::with(
            Exit::Failed,
            format!(
                "nothing of {} is unfinished; `backstay history {}` shows its revisions",
                arguments.name, arguments.name
            ),
        ));
    }
    let verdict = finish(cluster, global, &ground, arguments.on_interrupted, arguments.output).await?;
    Ok(Exit::from(&verdict).into())
}

/// The release as a new rollout finds it, once nothing of an earlier one is in the way: waits for the lock as long as asked,
/// finishes what a dead run left. The inner error is the verdict of a rollout that could not be finished well.
pub(super) async fn settled(
    cluster: &Cluster,
    global: &GlobalArgs,
    release: &str,
    options: &RecordOptions,
    locking: &LockArgs,
    output: OutputFormat,
) -> anyhow::Result<Result<Ground, Verdict>> {
    let until = tokio::time::Instant::now() + locking.wait_for_lock;
    loop {
        let ground = survey(cluster, release, options.clone()).await?;
        match check_pending(&ground, release, cluster).await {
            Ok(note) => note.iter().for_each(|note| anstream::eprintln!("{note}")),
            Err(error) if locking.take_over => {
                anstream::eprintln!("{error}; taken over, as asked");
                ground.records.lease().seize();
            }
            Err(_) if tokio::time::Instant::now() < until => {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            Err(error) => return Err(error),
        }
        if interrupted(&ground.history).is_none() {
            return Ok(Ok(ground));
        }
        let verdict = finish(cluster, global, &ground, locking.on_interrupted, output).await?;
        if !is_settled(&verdict) {
            return Ok(Err(verdict));
        }
    }
}

/// How often a release that is held is looked at.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// Finishes the interrupted rollout of a release: goes on, or goes back.
async fn finish(
    cluster: &Cluster,
    global: &GlobalArgs,
    ground: &Ground,
    mode: OnInterrupted,
    output: OutputFormat,
) -> anyhow::Result<Verdict> {
    let Some(record) = interrupted(&ground.history) else {
        return Err(Stop::refused("nothing is unfinished"));
    };
    let name = record.release.name.clone();
    let revision = record.release.version;
    if mode == OnInterrupted::Refuse {
        return Err(Stop::with(
            Exit::Held,
            format!(
                "revision {revision} of {name} was left unfinished; `backstay resume {name}` finishes it"
            ),
        ));
    }
    let refused =
        |what: String| Stop::refused(format!("revision {revision} of {name} cannot be resumed: {what}"));
    let kept: Resumable = serde_json::from_str(record.resume.as_deref().unwrap_or_default())
        .map_err(|error| refused(format!("what was kept of it cannot be read ({error})")))?;
    if kept.format > FORMAT {
        return Err(refused(format!(
            "it was begun by a newer version (format {}, this one reads {FORMAT})",
            kept.format
        )));
    }
    let entries = journal(record).map_err(|error| refused(format!("its journal is damaged ({error})")))?;
    let now = cluster.clock.now();
    let mut rollout =
        Rollout::resume(kept.plan, kept.policy, entries, now).map_err(|error| refused(error.to_string()))?;
    if mode == OnInterrupted::Rollback {
        // A machine that is already on its way back, or done, takes no notice.
        rollout.handle(Input::Command { command: Command::Abort }, now)?;
    }
    let word = if mode == OnInterrupted::Rollback { "going back" } else { "going on" };
    anstream::eprintln!("revision {revision} of {name} was left unfinished by a run that is gone; {word}");
    let request = Request {
        release: name,
        operation: rollout.plan().operation,
        objects: Vec::new(),
        hooks: Vec::new(),
        record: record.clone(),
        chart: kept.chart,
        options: RecordOptions {
            keep_history: kept.keep_history,
            description: kept.description,
            ..RecordOptions::default()
        },
        waiting: rollout.policy().waiting,
        remediation: rollout.policy().remediation,
        cleanup_on_fail: rollout.policy().cleanup_on_fail,
        run_hooks: rollout.policy().hooks,
        timeout: TimeoutRule::Helm(None),
        bake: std::time::Duration::ZERO,
        health: backstay_core::health::Policy::default(),
        patience: None,
        recording: None,
        force_conflicts: kept.force_conflicts,
        take_ownership: kept.take_ownership,
        validate: false,
        output,
        evidence_dir: None,
        notes: None,
        // Addresses hold tokens, so they are not kept with the release.
        notify: Vec::new(),
    };
    ground.records.go_on(record.clone()).await.map_err(|error| Stop::with(Exit::Held, error.to_string()))?;
    drive(cluster, global, ground, &request, &mut rollout).await
}

/// The entries of a record's journal.
fn journal(record: &Record) -> Result<Vec<JournalEntry>, serde_json::Error> {
    let lines = record.journal.as_deref().unwrap_or_default().lines();
    lines.filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect()
}

/// Whether a new rollout may follow what finishing the old one ended in.
fn is_settled(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Deployed | Verdict::Uninstalled | Verdict::RolledBack { .. } | Verdict::CleanedUp { .. } => {
            true
        }
        Verdict::LeftInPlace { cause } => cause.code == CauseCode::Aborted,
        _ => false,
    }
}
