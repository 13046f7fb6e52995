//! `cargo xtask bench failures`: fourteen upgrades that fail, on a real node; what backstay says, how soon it is sure, and
//! whether the former revision still serves. With `--helm` both Helms go through the same.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use super::trial::{Outcome, Trial};
use super::{Contender, contenders, on_cluster};

/// What to try.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only these, e.g. F1,F3
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Both Helms beside backstay
    #[arg(long)]
    helm: bool,
    /// What Helm is given as --timeout; its default would be 5m
    #[arg(long, default_value = "60s")]
    helm_timeout: String,
    /// How many go side by side
    #[arg(long, default_value_t = 5)]
    side_by_side: usize,
    /// Use the cluster in this folder, which runs already, instead of one of our own
    #[arg(long, value_name = "FOLDER")]
    cluster: Option<PathBuf>,
    /// Use this backstay instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// One failing upgrade.
pub(super) struct Scenario {
    /// Number in the project's list of failures.
    pub(super) id: &'static str,
    what: &'static str,
    /// Values of both revisions.
    pub(super) both: &'static [&'static str],
    /// Values of the revision that fails.
    pub(super) fails: &'static [&'static str],
    /// More words for `backstay deploy`.
    pub(super) flags: &'static [&'static str],
    code: &'static str,
    /// Reason and a part of the message of the event that reports it first; none where the server refuses the object.
    pub(super) report: Option<(&'static str, &'static str)>,
    /// Seconds from that report to the decision that are promised: at least, at most. A controller may write the status
    /// we decide by a moment before its event.
    promise: (f64, f64),
}

const DATABASE: &[&str] = &["database.enabled=true"];
const CRASH: &str = "before=echo starting; echo 'fatal: cannot open database' >&2; exit 1";
/// A registry that does not answer.
pub(super) const UNREACHABLE: &str = "unreachable.example";
/// A node port that belongs to another Service of the namespace; the trial fills in the number.
pub(super) const TAKEN_PORT: &str = "nodePort=TAKEN";

#[rustfmt::skip]
const SCENARIOS: &[Scenario] = &[
    Scenario { id: "F1", what: "image not found", both: &[], fails: &["tag=does-not-exist"], flags: &[],
        code: "image-not-found", report: Some(("Failed", "not found")), promise: (0.0, 2.0) },
    Scenario { id: "F1b", what: "registry unreachable", both: &[], fails: &["repository=unreachable.example/shop/web"], flags: &[],
        code: "image-pull-failed", report: Some(("Failed", "refused")), promise: (55.0, 65.0) },
    Scenario { id: "F2", what: "crash at start", both: &[], fails: &[CRASH], flags: &[],
        code: "crash-loop", report: Some(("BackOff", "")), promise: (25.0, 45.0) },
    Scenario { id: "F2s", what: "crash at start, strict", both: &[], fails: &[CRASH], flags: &["--fail-fast=strict"],
        code: "crash-loop", report: Some(("BackOff", "")), promise: (0.0, 12.0) },
    Scenario { id: "F3", what: "missing config key", both: &[], fails: &["key=nope"], flags: &[],
        code: "config-missing", report: Some(("Failed", "nope")), promise: (0.0, 2.0) },
    Scenario { id: "F4", what: "unschedulable", both: &[], fails: &["disk=none"], flags: &[],
        code: "unschedulable", report: Some(("FailedScheduling", "")), promise: (175.0, 185.0) },
    Scenario { id: "F4s", what: "unschedulable, strict", both: &[], fails: &["disk=none"], flags: &["--fail-fast=strict"],
        code: "unschedulable", report: Some(("FailedScheduling", "")), promise: (0.0, 2.0) },
    Scenario { id: "F5", what: "quota that cannot heal", both: &["quota=100m"], fails: &["cpu=1"], flags: &[],
        code: "quota-exceeded", report: Some(("FailedCreate", "exceeded quota")), promise: (0.0, 6.0) },
    Scenario { id: "F6", what: "probe never ready", both: &[], fails: &["path=/nope"], flags: &[],
        code: "probe-failing", report: Some(("Unhealthy", "")), promise: (0.0, 240.0) },
    Scenario { id: "F7", what: "Job out of retries", both: &[], fails: &["job=echo no schema >&2; exit 3"], flags: &[],
        code: "job-failed", report: Some(("BackoffLimitExceeded", "")), promise: (-1.0, 1.0) },
    Scenario { id: "F8", what: "claim of an unknown class", both: &[], fails: &["storageClass=nope"], flags: &[],
        code: "volume-not-bound", report: Some(("ProvisioningFailed", "")), promise: (0.0, 6.0) },
    Scenario { id: "F9", what: "missing Secret volume", both: &[], fails: &["secret=nope"], flags: &[],
        code: "mount-failed", report: Some(("FailedMount", "nope")), promise: (28.0, 45.0) },
    Scenario { id: "F10", what: "node port taken", both: &[], fails: &[TAKEN_PORT, "tag=1.5.0"], flags: &[],
        code: "port-allocated", report: None, promise: (0.0, 1.0) },
    Scenario { id: "F11", what: "malformed autoscaler", both: &[], fails: &["autoscaler.min=5,autoscaler.max=3", "tag=1.5.0"], flags: &[],
        code: "object-rejected", report: None, promise: (0.0, 1.0) },
    Scenario { id: "F12", what: "StatefulSet crashes", both: DATABASE, fails: &["database.before=echo no disk >&2; exit 1"], flags: &[],
        code: "crash-loop", report: Some(("BackOff", "")), promise: (25.0, 45.0) },
];

/// Tries and prints.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let scenarios: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| options.only.is_empty() || options.only.iter().any(|id| id == scenario.id))
        .collect();
    if scenarios.is_empty() {
        let known: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.id).collect();
        bail!("no scenario of this name; known are {}", known.join(" "));
    }
    let mut contenders = contenders(options.program.as_deref())?;
    if !options.helm {
        contenders.truncate(1);
    }
    on_cluster(options.cluster.as_deref(), |folder| {
        close_a_registry(folder)?;
        let trial = Trial::new(folder.to_owned(), options.helm_timeout.clone());
        contenders.iter().try_for_each(|contender| {
            println!("\n{}", contender.name);
            let rows = side_by_side(&trial, contender, &scenarios, options.side_by_side)?;
            print(contender, &rows);
            Ok(())
        })
    })
}

/// Images of this host are asked for at a port where nobody listens.
fn close_a_registry(folder: &std::path::Path) -> anyhow::Result<()> {
    let place = folder.join("certs.d").join(UNREACHABLE);
    fs::create_dir_all(&place)
        .and_then(|()| fs::write(place.join("hosts.toml"), "server = \"http://127.0.0.1:9\"\n"))
        .with_context(|| format!("{}: cannot be written; the cluster needs a real node", place.display()))
}

type Row<'a> = (&'a Scenario, anyhow::Result<Outcome>);

/// Every scenario with one contender, so many at a time.
fn side_by_side<'a>(
    trial: &Trial,
    contender: &Contender,
    scenarios: &[&'a Scenario],
    at_once: usize,
) -> anyhow::Result<Vec<Row<'a>>> {
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<(usize, Row<'a>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..at_once.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(number) else { break };
                    let outcome = trial.run(contender, scenario, number);
                    if let Ok(mut rows) = rows.lock() {
                        rows.push((number, (scenario, outcome)));
                    }
                }
            });
        }
    });
    let mut rows = rows.into_inner().map_err(|_| anyhow::anyhow!("a trial panicked"))?;
    rows.sort_by_key(|(number, _)| *number);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn print(contender: &Contender, rows: &[Row<'_>]) {
    println!(
        "  {:<4} {:<27} {:<18} {:>9} {:>12} {:>9} {:>8} {:>5}  former revision",
        "", "", "code", "decided s", "promised s", "undone s", "total s", "exit"
    );
    let mut missed = 0;
    for (scenario, outcome) in rows {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                println!("  {:<4} {:<27} could not be tried: {error:#}", scenario.id, scenario.what);
                missed += 1;
                continue;
            }
        };
        let (least, most) = scenario.promise;
        let seconds = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let complaint = if contender.is_ours() { complaint(scenario, outcome) } else { None };
        missed += usize::from(complaint.is_some());
        println!(
            "  {:<4} {:<27} {:<18} {:>9} {:>12} {:>9} {:>8.1} {:>5}  {}{}",
            scenario.id,
            scenario.what,
            outcome.code.as_deref().unwrap_or("-"),
            seconds(outcome.decided_after),
            format!("{least:.0}-{most:.0}"),
            seconds(outcome.undone_after),
            outcome.seconds,
            outcome.exit,
            outcome.former,
            complaint.map(|text| format!("  << {text}")).unwrap_or_default(),
        );
    }
    if contender.is_ours() {
        println!("  {} of {} as promised", rows.len() - missed, rows.len());
    }
}

/// Where the product missed what it promises.
fn complaint(scenario: &Scenario, outcome: &Outcome) -> Option<String> {
    if outcome.code.as_deref() != Some(scenario.code) {
        return Some(format!("wanted {}", scenario.code));
    }
    if !outcome.serves {
        return Some("the former revision does not serve".to_owned());
    }
    if outcome.exit == 0 {
        return Some("success was reported".to_owned());
    }
    if scenario.report.is_none() && outcome.changed > 0 {
        return Some(format!("{} objects were changed before the refusal", outcome.changed));
    }
    match outcome.decided_after {
        None => Some("no decision was seen".to_owned()),
        Some(after) if after > scenario.promise.1 => Some("late".to_owned()),
        Some(after) if after < scenario.promise.0 => Some("early".to_owned()),
        Some(_) => None,
    }
}

/// The events that are the scenario's report, by name.
pub(super) fn reports<'v>(scenario: &Scenario, events: &'v Value) -> Vec<&'v str> {
    let Some((reason, part)) = scenario.report else { return Vec::new() };
    let items = events["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .filter(|event| {
            event["reason"] == reason
                && event["message"].as_str().is_some_and(|message| message.contains(part))
        })
        .filter_map(|event| event["metadata"]["name"].as_str())
        .collect()
}
