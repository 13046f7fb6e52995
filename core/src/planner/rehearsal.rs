//! The real machine on the model cluster, in virtual time: a healthy run and each failure, with its times.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use backstay_object::{ResourceKey, Timestamp, int_at, text_at};
use backstay_plan::Plan;
use backstay_rehearse::{Rehearsal, Report, Trouble};
use backstay_rollout::{Event, HookStage, Phase, Policy, Remediation, Verdict, Waiting};
use backstay_sim::{Cluster, Fault};
use serde::Serialize;

use super::{Before, PlannerError, duration, plan_of};

/// What is rehearsed.
#[derive(Clone, Debug)]
pub struct Rehearse {
    /// Name of the release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The new manifest, hooks included.
    pub manifest: String,
    /// What ran before.
    pub before: Before,
    /// Where the model's chances begin.
    pub seed: u64,
    /// `--timeout` of `deploy`; computed when absent.
    pub timeout_ms: Option<u64>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The fault it met; none in the healthy run.
    pub fault: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// The exit code `deploy` would have.
    pub exit: u8,
    /// From the beginning to the verdict.
    pub took_ms: u64,
    /// When the failure was certain.
    pub detected_ms: Option<u64>,
    /// What was known then.
    pub evidence: Vec<String>,
    /// How long the way back took.
    pub undo_ms: Option<u64>,
    /// What happened when.
    pub timeline: Vec<Moment>,
    /// How the workloads are left.
    pub end_state: Vec<String>,
}

/// One line of the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    /// Since the beginning.
    pub t_ms: u64,
    /// What, for people.
    pub text: String,
    /// The same as data: the machine's event.
    pub event: Event,
}

/// A healthy run, then one for each fault.
///
/// # Errors
/// When the manifest cannot be planned, or a fault names nothing.
pub fn rehearsals(wanted: &Rehearse, faults: &[String]) -> Result<Vec<Run>, PlannerError> {
    let plan = plan_of(&wanted.release, &wanted.namespace, &wanted.manifest, &wanted.before)?;
    let mut runs = vec![one(wanted, &plan, None)?];
    for text in faults {
        runs.push(one(wanted, &plan, Some(text))?);
    }
    Ok(runs)
}

fn refused(error: &dyn std::fmt::Display) -> PlannerError {
    PlannerError::Rehearsal(error.to_string())
}

fn one(wanted: &Rehearse, plan: &Plan, fault: Option<&str>) -> Result<Run, PlannerError> {
    let now = Timestamp::parse("2026-01-01T00:00:00Z").map_err(|error| refused(&error))?;
    let mut cluster = Cluster::new(wanted.seed, now);
    if wanted.before != Before::Nothing {
        let before = super::before_of(&wanted.namespace, &wanted.manifest, &wanted.before)?;
        let first = super::plan_first(&wanted.release, &wanted.namespace, before)?;
        let policy = policy(&first, None);
        let (left, report) = run(cluster, first, policy)?;
        if report.verdict != Verdict::Deployed {
            let words = verdict_text(&report.verdict);
            return Err(refused(&format!("the revision before does not become ready itself: {words}")));
        }
        cluster = left;
    }
    if let Some(text) = fault {
        cluster.inject(fault_of(text, plan)?);
    }
    let policy = policy(plan, wanted.timeout_ms);
    let (cluster, report) = run(cluster, plan.clone(), policy)?;
    Ok(told(fault, plan, &cluster, &report))
}

fn run(cluster: Cluster, plan: Plan, policy: Policy) -> Result<(Cluster, Report), PlannerError> {
    Rehearsal::new(cluster, plan, policy, Trouble::default()).run().map_err(|error| refused(&error))
}

/// The rules of `deploy` without flags.
pub(crate) fn policy(plan: &Plan, timeout_ms: Option<u64>) -> Policy {
    let undo_ms = plan.budget.reserve_ms.min(timeout_ms.unwrap_or(u64::MAX) / 2);
    Policy {
        waiting: Waiting::All,
        remediation: Remediation::Undo,
        cleanup_on_fail: true,
        hooks: true,
        forward_ms: timeout_ms.map_or(plan.budget.forward_ms, |total| total - undo_ms),
        bake_ms: 0,
        patience_ms: None,
        undo_ms,
        deadline: None,
        no_return: Default::default(),
        evidence_ms: 10_000,
        attempts: 5,
        validate: true,
        health: backstay_health::Policy::default(),
    }
}

/// `code@kind/name` as the model takes it; `code@name` finds the one workload or hook that is called so, or `RELEASE-name`.
fn fault_of(text: &str, plan: &Plan) -> Result<Fault, PlannerError> {
    let parsed = |text: &str| text.parse::<Fault>().map_err(|error| refused(&error));
    let Some((code, target)) = text.split_once('@').filter(|(_, target)| !target.contains('/')) else {
        return parsed(text);
    };
    let end = target.find(['!', '~']).unwrap_or(target.len());
    let (name, rest) = target.split_at(end);
    let keys = plan.steps.iter().map(|step| &step.key).chain(plan.hooks.iter().map(|hook| &hook.object.key));
    let keys: Vec<&ResourceKey> = keys.filter(|key| is_faulty(&key.kind)).collect();
    let exact = keys.iter().find(|key| key.name == name);
    let ending = format!("-{name}");
    match exact.or_else(|| keys.iter().find(|key| key.name.ends_with(&ending))) {
        Some(key) => parsed(&format!("{code}@{key}{rest}")),
        None => {
            let known: Vec<String> = keys.iter().map(ToString::to_string).collect();
            Err(refused(&format!(
                "fault \"{text}\": nothing is called {name}; there are: {}",
                known.join(", ")
            )))
        }
    }
}

fn is_faulty(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "Pod" | "CronJob")
}

fn told(fault: Option<&str>, plan: &Plan, cluster: &Cluster, report: &Report) -> Run {
    let since = |at: Timestamp| u64::try_from(at.since(report.from).as_millis()).unwrap_or(u64::MAX);
    let mut evidence = Vec::new();
    let mut detected_ms = None;
    let mut timeline = Vec::new();
    let mut said = BTreeMap::new();
    for moment in &report.story {
        if let Event::Condemned { cause, others } = &moment.event {
            detected_ms = detected_ms.or(Some(since(moment.at)));
            evidence.extend(
                [cause]
                    .into_iter()
                    .chain(others)
                    .map(|cause| format!("{}: {}: {}", cause.code, cause.object, cause.message)),
            );
        }
        let text = event_text(&moment.event).filter(|text| !repeats(&mut said, &moment.event, text));
        if let Some(text) = text {
            timeline.push(Moment { t_ms: since(moment.at), text, event: moment.event.clone() });
        }
    }
    let took_ms = since(report.to);
    Run {
        fault: fault.map(ToOwned::to_owned),
        verdict: report.verdict.clone(),
        exit: report.verdict.exit_code(),
        took_ms,
        detected_ms,
        undo_ms: detected_ms.map(|at| took_ms.saturating_sub(at)),
        evidence,
        timeline,
        end_state: end_state(plan, cluster),
    }
}

/// Whether the last thing said of an object was the same.
fn repeats(said: &mut BTreeMap<ResourceKey, String>, event: &Event, text: &str) -> bool {
    let Event::Readiness { key, .. } = event else { return false };
    said.insert(key.clone(), text.to_owned()).is_some_and(|last| last == text)
}

/// What people follow; the rest is in the machine's own events.
fn event_text(event: &Event) -> Option<String> {
    Some(match event {
        Event::Entered { phase } => format!("-- {}", phase_text(phase)),
        Event::Readiness { key, readiness, suspicion } => {
            let word = if readiness.is_current() { "ready: " } else { "" };
            let mut text = format!("{key}: {word}{}", readiness.message);
            if let Some(cause) = suspicion {
                let _written = write!(text, " ({}: {})", cause.code, cause.message);
            }
            text
        }
        Event::Condemned { cause, .. } => {
            format!("CERTAIN TO FAIL: {}: {}: {}", cause.code, cause.object, cause.message)
        }
        Event::UndoFailed { cause } => format!("THE WAY BACK FAILED: {}: {}", cause.code, cause.message),
        Event::Retrying { reason, .. } => format!("tried again: {reason}"),
        Event::Started { .. } => return None,
    })
}

/// A phase in words; hooks are counted from 1, waves as everywhere from 0.
fn phase_text(phase: &Phase) -> String {
    let hooks = |stage: &HookStage| match stage {
        HookStage::Before => "hooks before",
        HookStage::After => "hooks after",
        HookStage::UndoBefore => "hooks before the way back",
        HookStage::UndoAfter => "hooks after the way back",
    };
    match phase {
        Phase::Hooks { stage, position } => format!("{}, from number {}", hooks(stage), position + 1),
        Phase::CleaningHooks { stage, .. } => format!("cleaning up {}", hooks(stage)),
        Phase::Applying { wave } => format!("applying wave {wave}"),
        Phase::Verifying { wave } => format!("waiting for wave {wave}"),
        Phase::Pruning { holding_data: false } => "deleting what is no longer there".to_owned(),
        Phase::Pruning { holding_data: true } => "deleting what holds data and is no longer there".to_owned(),
        other => other.name().replace('-', " "),
    }
}

fn end_state(plan: &Plan, cluster: &Cluster) -> Vec<String> {
    let workloads = plan.steps.iter().filter(|step| is_faulty(&step.key.kind));
    workloads
        .map(|step| {
            let Some(live) = cluster.store().get(&step.key) else {
                return format!("{}: not there", step.key);
            };
            let number = |path: &[&str]| int_at(live, path).unwrap_or(0);
            let containers = backstay_object::list_at(live, &["spec", "template", "spec", "containers"]);
            let images: Vec<&str> = containers.iter().filter_map(|one| text_at(one, &["image"])).collect();
            let (ready, wanted) = match step.key.kind.as_str() {
                "DaemonSet" => {
                    (number(&["status", "numberReady"]), number(&["status", "desiredNumberScheduled"]))
                }
                "Job" => {
                    (number(&["status", "succeeded"]), int_at(live, &["spec", "completions"]).unwrap_or(1))
                }
                _ => (number(&["status", "readyReplicas"]), int_at(live, &["spec", "replicas"]).unwrap_or(1)),
            };
            format!("{}: {ready}/{wanted} ready, {}", step.key, images.join(", "))
        })
        .collect()
}

fn verdict_text(verdict: &Verdict) -> String {
    let why = |cause: &backstay_health::Cause| format!("{}: {}: {}", cause.code, cause.object, cause.message);
    match verdict {
        Verdict::Deployed => "deployed".to_owned(),
        Verdict::Uninstalled => "uninstalled".to_owned(),
        Verdict::RolledBack { cause, running, .. } => {
            format!("rolled back, revision {running} runs ({})", why(cause))
        }
        Verdict::CleanedUp { cause } => format!("failed, nothing is left ({})", why(cause)),
        Verdict::LeftInPlace { cause } => format!("failed and left in place ({})", why(cause)),
        Verdict::UndoFailed { cause, undo_cause } => {
            format!("the way back failed: {} (after {})", why(undo_cause), why(cause))
        }
        Verdict::Refused { causes } => {
            format!("refused: {}", causes.iter().map(why).collect::<Vec<_>>().join("; "))
        }
        Verdict::Held { holder } => format!("held by {holder}"),
        Verdict::Unreachable { cause } | Verdict::Interrupted { cause } => why(cause),
    }
}

/// All runs for people. Writing to a String cannot fail.
#[must_use]
pub fn rehearsals_text(runs: &[Run]) -> String {
    let mut text = String::new();
    for run in runs {
        let name = run.fault.as_deref().unwrap_or("healthy run");
        let _written = writeln!(
            text,
            "== {name}: {}, exit {}, after {}",
            verdict_text(&run.verdict),
            run.exit,
            duration(run.took_ms)
        );
        for moment in &run.timeline {
            let _written = writeln!(text, "{:>9}  {}", duration(moment.t_ms), moment.text);
        }
        if let Some(at) = run.detected_ms {
            let undo = run.undo_ms.map(duration).unwrap_or_default();
            let _written = writeln!(text, "detected after {}, back within {undo}", duration(at));
        }
        for line in &run.evidence {
            let _written = writeln!(text, "evidence: {line}");
        }
        for line in &run.end_state {
            let _written = writeln!(text, "end: {line}");
        }
        text.push('\n');
    }
    text
}
