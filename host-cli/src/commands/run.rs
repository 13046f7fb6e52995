//! What every command that changes a release has in common: look, plan, drive, tell.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use backstay_core::health::{CauseCode, Policy as Health};
use backstay_core::object::{ResourceKey, Timestamp, format_duration};
use backstay_core::plan::{
    Change, Facts, Finding, HookEvent, Inputs, Operation, Plan, PlannedObject, Severity, TimeoutGiven,
    finding_of, is_ready_once_there, lint, timing_of,
};
use backstay_core::release::Record;
use backstay_core::rollout::{NoReturn, Policy, Remediation, Rollout, Verdict, Waiting};

use super::evidence::{self, EvidenceFile};
use super::ground::{Ground, executor_of, plan_of};
use super::recording::Recorder;
use super::voice::Voice;
use crate::args::{GlobalArgs, OutputFormat, Timeout};
use crate::cluster::Cluster;
use crate::driver::Driver;
use crate::execute::{Executor, Manner};
use crate::exit::Stop;
use crate::notify::{self, Target};
use crate::records::RecordOptions;
use crate::reporter::{Header, Summary, reporter};
use crate::signals::Signals;

/// Helm's default of `--timeout`.
const HELM_TIMEOUT_MS: u64 = 300_000;

/// A rollout, as a command wants it.
pub(crate) struct Request {
    pub(crate) release: String,
    pub(crate) operation: Operation,
    pub(crate) objects: Vec<PlannedObject>,
    pub(crate) hooks: Vec<PlannedObject>,
    /// The record to begin with: pending, or the one an uninstall marks.
    pub(crate) record: Record,
    pub(crate) chart: String,
    pub(crate) options: RecordOptions,
    pub(crate) waiting: Waiting,
    pub(crate) remediation: Remediation,
    pub(crate) cleanup_on_fail: bool,
    pub(crate) run_hooks: bool,
    /// Whether the chart's tests are part of the rollout.
    pub(crate) tests: bool,
    /// Whether a failure is tried again: then nobody is told of it.
    pub(crate) may_be_tried_again: bool,
    pub(crate) timeout: TimeoutRule,
    /// When the command has to be over, if it has to.
    pub(crate) deadline: Option<Timestamp>,
    /// What a failure after a point of no return means.
    pub(crate) no_return: NoReturn,
    pub(crate) bake: Duration,
    /// When a suspicion becomes a verdict.
    pub(crate) health: Health,
    /// How long running pods may go without progress; `None` computes it.
    pub(crate) patience: Option<Duration>,
    /// Where what is seen is recorded.
    pub(crate) recording: Option<std::path::PathBuf>,
    pub(crate) manner: Manner,
    pub(crate) validate: bool,
    pub(crate) output: OutputFormat,
    /// Whose words the command ends with.
    pub(crate) voice: Voice,
    /// Whether the chart's notes are left out of what Helm's voice says.
    pub(crate) hide_notes: bool,
    pub(crate) evidence_dir: Option<std::path::PathBuf>,
    pub(crate) notes: Option<String>,
    /// Who is told how it ended.
    pub(crate) notify: Vec<Target>,
}

/// What `--timeout` means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TimeoutRule {
    /// `deploy`: the total, undo included; computed unless given.
    Total(Option<Timeout>),
    /// Helm's commands: for the way forward; the way back gets as much again.
    Helm(Option<Timeout>),
}

/// Plans and carries out a request.
pub(crate) async fn carry_out(
    cluster: &Cluster,
    global: &GlobalArgs,
    ground: &Ground,
    request: Request,
) -> anyhow::Result<Verdict> {
    let began = cluster.clock.now();
    let plan = plan_of(cluster, ground, &request).await?;
    let policy = policy(&request, &plan, began);
    preflight(cluster, global, ground, &request, &plan).await?;
    let resume = Some(super::resume::resumable(&request, &plan, &policy)?);
    ground.records.hold(Record { resume, ..request.record.clone() });
    let mut rollout = Rollout::new(plan, policy, began);
    let verdict = drive(cluster, global, ground, &request, &mut rollout).await?;
    if request.voice != Voice::Own {
        request.voice.tell(&request, &verdict, ground.records.held().as_ref())?;
    } else if let (Some(notes), Verdict::Deployed, OutputFormat::Table) =
        (&request.notes, &verdict, request.output)
    {
        anstream::println!("\nNOTES:\n{}", notes.trim_end());
    }
    Ok(verdict)
}

/// Whether a verdict is a failure that another try may not meet: not one that a person wanted or has to decide about.
pub(super) fn is_worth_a_try(verdict: &Verdict, remediation: Remediation) -> bool {
    match verdict {
        Verdict::RolledBack { cause, .. } | Verdict::CleanedUp { cause } => cause.code != CauseCode::Aborted,
        // Left although it was to go back: a point of no return stands before that.
        Verdict::LeftInPlace { cause } => {
            remediation == Remediation::None && cause.code != CauseCode::Aborted
        }
        _ => false,
    }
}

/// Drives a rollout, new or resumed, to its verdict and tells it.
pub(crate) async fn drive(
    cluster: &Cluster,
    global: &GlobalArgs,
    ground: &Ground,
    request: &Request,
    rollout: &mut Rollout,
) -> anyhow::Result<Verdict> {
    let began = cluster.clock.now();
    let header = header(request, rollout.plan(), rollout.policy(), cluster, began);
    let executor = Rc::new(executor_of(cluster, ground, request, rollout.plan()).await?);
    let mut driver = Driver {
        cluster: cluster.clone(),
        executor: Rc::clone(&executor),
        records: Rc::clone(&ground.records),
        reporter: reporter(request.output, request.voice, global),
        signals: Signals::listen()?,
        until: request.deadline,
        ready_at: BTreeMap::new(),
        recorder: request.recording.as_deref().map(|path| Recorder::create(path, began)).transpose()?,
    };
    driver.reporter.started(&header, rollout);
    let verdict = driver.run(rollout).await;
    // Of these the record is another's, or another's to go on with.
    let leave = matches!(verdict, Err(_) | Ok(Verdict::Interrupted { .. } | Verdict::Held { .. }));
    ground.records.end(leave).await;
    let ended = cluster.clock.now();
    if let Some(Err(problem)) = driver.recorder.take().map(|recorder| recorder.finish(ended)) {
        driver.reporter.note(&format!("the recording ends early: {problem:#}"));
    }
    let mut summary = summarise(request, rollout, &executor, cluster, verdict?, ended.since(began), ended);
    summary.slowest = slowest(rollout, &driver.ready_at, began);
    driver.reporter.finished(&summary, ended);
    if let Some(member) = &global.member {
        member.ended(summary.clone());
    }
    if let Some(Err(error)) = global.annotate.map(|annotate| annotate.write(&summary)) {
        anstream::eprintln!("the job's summary was not written: {error}");
    }
    // A group sends one message for all of its releases, and tries send one for all of them.
    let again = request.may_be_tried_again && is_worth_a_try(&summary.verdict, request.remediation);
    let receivers: &[Target] = if global.member.is_some() || again { &[] } else { &request.notify };
    for line in notify::tell(receivers, &summary, &cluster.server).await {
        anstream::eprintln!("{line}");
    }
    Ok(summary.verdict)
}

/// The time somebody gave, if anybody waits.
pub(super) fn given_timeout(request: &Request) -> Option<TimeoutGiven> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match request.timeout {
        _ if request.waiting == Waiting::None => None,
        TimeoutRule::Total(Some(Timeout::Given(given))) => Some(TimeoutGiven::Total(millis(given))),
        TimeoutRule::Helm(Some(Timeout::Given(given))) => Some(TimeoutGiven::Forward(millis(given))),
        _ => None,
    }
}

/// At most so many warnings before a deploy; `plan` shows all.
const MOST_WARNINGS: usize = 5;

/// Says what can be known to go wrong before anything is changed: a time too short, a quota too small, no way back, what the
/// rules call an error.
///
/// Ends with exit code 4 when the rollout or its way back would be refused in the middle.
async fn preflight(
    cluster: &Cluster,
    global: &GlobalArgs,
    ground: &Ground,
    request: &Request,
    plan: &Plan,
) -> anyhow::Result<()> {
    let is_deploy = matches!(request.timeout, TimeoutRule::Total(_))
        && matches!(request.operation, Operation::Install | Operation::Upgrade);
    let (access, quotas) = futures::join!(
        crate::preflight::access(cluster, plan, &request.health, request.options.create_namespace, false),
        quotas(cluster, plan, is_deploy),
    );
    let timing = timing_of(plan, &Inputs::default());
    let given = given_timeout(request).map(|given| timing.judge(given)).unwrap_or_default();
    let mut warnings: Vec<Finding> = given.iter().map(finding_of).collect();
    if is_deploy {
        warnings.extend(errors(ground, request, plan, quotas));
        if request.remediation == Remediation::Undo {
            warnings.extend(crate::preflight::way_back(cluster, plan).await);
        }
    }
    let release = if global.member.is_some() { format!("{}: ", request.release) } else { String::new() };
    for one in warnings.iter().take(MOST_WARNINGS) {
        let object = if one.object.is_empty() { String::new() } else { format!("{}: ", one.object) };
        anstream::eprintln!("warning: {release}{object}{} [{}]", one.message, one.code);
    }
    if let Some(more) = warnings.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
        anstream::eprintln!("warning: {release}{more} more; `backstay plan` shows all");
    }
    let missing: Vec<String> =
        access?.iter().map(|finding| format!("{} [{}]", finding.message, finding.code)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let advice = "`backstay rbac CHART` prints the roles a deploy needs";
    Err(Stop::refused(format!("{}\n{advice}", missing.join("\n"))))
}

/// The quotas that pods of this plan have to fit in; not looked up where it has none.
async fn quotas(cluster: &Cluster, plan: &Plan, is_deploy: bool) -> Vec<serde_json::Value> {
    let changes = |step: &&backstay_core::plan::Step| {
        step.desired.is_some() && step.change != Change::Unchanged && runs_pods(&step.key.kind)
    };
    if is_deploy && plan.steps.iter().any(|step| changes(&step)) {
        return crate::preflight::quotas(cluster, &plan.namespace).await;
    }
    Vec::new()
}

/// What the rules call an error. They are not the server: a quota may be raised and a field be allowed meanwhile, so they are
/// told here and refused by `plan` alone.
fn errors(ground: &Ground, request: &Request, plan: &Plan, quotas: Vec<serde_json::Value>) -> Vec<Finding> {
    let own: Vec<PlannedObject> = request.objects.iter().filter(|object| object.owned).cloned().collect();
    let before = ground.current.as_ref().map(|current| current.objects.as_slice()).unwrap_or_default();
    let facts = Facts {
        quotas,
        force: request.manner.force_replace,
        undo: request.remediation == Remediation::Undo,
        ..Facts::default()
    };
    let mut found = lint(&plan.namespace, &own, &request.hooks, before, &facts);
    found.retain(|finding| finding.severity == Severity::Error);
    found
}

fn policy(request: &Request, plan: &Plan, now: Timestamp) -> Policy {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let budget = &plan.budget;
    // What holds long enough has to be waited for, too: computed times grow by it, given ones contain it.
    let bake_ms = millis(request.bake);
    let (forward_ms, undo_ms) = match request.timeout {
        TimeoutRule::Total(Some(Timeout::Given(total))) => {
            // The way back keeps its share, but never more than half of what there is.
            let undo_ms = budget.reserve_ms.min(millis(total) / 2);
            (millis(total).saturating_sub(undo_ms), undo_ms)
        }
        TimeoutRule::Helm(Some(Timeout::Given(given))) => (millis(given), millis(given)),
        TimeoutRule::Helm(None) => (HELM_TIMEOUT_MS, HELM_TIMEOUT_MS),
        TimeoutRule::Total(_) | TimeoutRule::Helm(Some(Timeout::Auto)) => {
            let forward_ms = budget.forward_ms.max(longest_grace_ms(request, plan));
            let tests_ms = HELM_TIMEOUT_MS.saturating_mul(tests_of(request, plan));
            (forward_ms.saturating_add(bake_ms).saturating_add(tests_ms), budget.reserve_ms)
        }
    };
    let left_ms = request.deadline.map_or(u64::MAX, |deadline| millis(deadline.since(now)));
    // Of a deadline, too, the way back gets no more than half.
    let undo_ms = undo_ms.min(left_ms / 2);
    let evidence_ms = (left_ms / 10).min(10_000);
    let forward_ms = forward_ms.min(left_ms - undo_ms - evidence_ms);
    Policy {
        deadline: request.deadline,
        no_return: request.no_return,
        waiting: request.waiting,
        remediation: request.remediation,
        cleanup_on_fail: request.cleanup_on_fail,
        hooks: request.run_hooks || request.tests,
        forward_ms,
        bake_ms,
        patience_ms: request.patience.map(millis),
        undo_ms,
        evidence_ms,
        attempts: 5,
        validate: request.validate,
        health: request.health.clone(),
    }
}

/// How many tests have to be waited for; each may take what Helm gives it.
fn tests_of(request: &Request, plan: &Plan) -> u64 {
    let tests = plan.hooks.iter().filter(|hook| request.tests && hook.events.contains(&HookEvent::Test));
    u64::try_from(tests.count()).unwrap_or(u64::MAX)
}

/// Whether objects of this kind have pods as soon as they are there.
fn runs_pods(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "Pod")
}

/// A computed time has to leave room for what may still heal: a node that comes, a volume that is bound. Zero where no pod
/// could wait for either.
fn longest_grace_ms(request: &Request, plan: &Plan) -> u64 {
    let health = &request.health;
    let grace_ms = health.unschedulable_grace_ms.max(health.volume_grace_ms);
    let waits = plan.steps.iter().any(|step| step.desired.is_some() && runs_pods(&step.key.kind));
    if waits { grace_ms.saturating_add(30_000) } else { 0 }
}

fn header(request: &Request, plan: &Plan, policy: &Policy, cluster: &Cluster, began: Timestamp) -> Header {
    Header {
        release: request.release.clone(),
        namespace: cluster.namespace.clone(),
        chart: request.chart.clone(),
        from: plan.from,
        to: plan.to,
        verb: match request.operation {
            Operation::Install => "install",
            Operation::Upgrade => "upgrade",
            Operation::Rollback { .. } => "rollback",
            Operation::Uninstall => "uninstall",
        },
        forward_ms: policy.forward_ms,
        undo_ms: policy.undo_ms,
        is_computed: matches!(
            request.timeout,
            TimeoutRule::Total(None | Some(Timeout::Auto)) | TimeoutRule::Helm(Some(Timeout::Auto))
        ),
        undoes: policy.remediation == Remediation::Undo && request.operation != Operation::Uninstall,
        began,
    }
}

fn summarise(
    request: &Request,
    rollout: &Rollout,
    executor: &Executor,
    cluster: &Cluster,
    verdict: Verdict,
    took: Duration,
    ended: Timestamp,
) -> Summary {
    let plan = rollout.plan();
    let bundles = executor.evidence.borrow().clone();
    let mut notes = executor.notes.borrow().clone();
    let mut evidence_path = None;
    if !bundles.is_empty() {
        let file = EvidenceFile {
            v: 1,
            release: plan.release.clone(),
            namespace: plan.namespace.clone(),
            revision: plan.to,
            at: ended.to_rfc3339_seconds(),
            verdict: verdict.clone(),
            objects: bundles.clone(),
            shortened: None,
        };
        match evidence::write(&file, &cluster.slug, request.evidence_dir.as_deref()) {
            Ok(path) => evidence_path = Some(path),
            Err(error) => notes.push(format!("the evidence could not be kept on disk: {error:#}")),
        }
    }
    let undone = rollout.state().map_or_else(Vec::new, |_| {
        let steps = rollout.steps_of(&backstay_core::rollout::ActionKind::Restore);
        steps.into_iter().filter_map(|index| plan.steps.get(index)).map(|step| step.key.clone()).collect()
    });
    let pace = cluster.sandbox.as_ref().map(|sandbox| {
        let (model, real) = sandbox.elapsed();
        format!("{} of cluster time in {}", format_duration(model), format_duration(real))
    });
    Summary {
        release: plan.release.clone(),
        namespace: plan.namespace.clone(),
        operation: plan.operation,
        revision: plan.to,
        from: plan.from,
        nothing_changed: plan.steps.iter().all(|step| step.change == Change::Unchanged),
        verdict,
        took,
        ended,
        evidence: bundles,
        evidence_path,
        undone,
        slowest: None,
        notes,
        no_return: rollout.point_of_no_return().map(|hook| hook.object.key.clone()),
        pace,
    }
}

/// The object that took longest to become ready.
fn slowest(
    rollout: &Rollout,
    ready_at: &BTreeMap<ResourceKey, Timestamp>,
    began: Timestamp,
) -> Option<(ResourceKey, Duration)> {
    let steps =
        rollout.plan().steps.iter().filter(|step| {
            step.desired.is_some() && !is_ready_once_there(&step.key, &rollout.policy().health)
        });
    let (key, at) = steps.filter_map(|step| ready_at.get_key_value(&step.key)).max_by_key(|(_, at)| **at)?;
    Some((key.clone(), at.since(began)))
}
