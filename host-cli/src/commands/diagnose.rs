//! `backstay diagnose`: the eyes of a rollout on what is already there, and on recordings.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use backstay_core::health::{
    Assessment, Circumstances, FailFast as Level, Finding, Policy, crashed_restarts, promised_secret,
};
use backstay_core::object::{ResourceKey, Timestamp, format_duration};
use backstay_core::plan::{is_ready_once_there, scopes_of};
use backstay_core::rehearse::{Judgement, Recording, ReplayOutcome, replay};
use backstay_core::release::Release;
use backstay_core::rollout::{ClusterView, Measure};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::evidence::print_bundle;
use super::ground::look_at;
use crate::args::{DiagnoseArgs, FailFast};
use crate::charts::revision_of;
use crate::cluster::Cluster;
use crate::execute::{EvidenceBundle, Executor, Manner, Secrets, Subject};
use crate::exit::{Exit, Stop};
use crate::records::{RecordOptions, Records};
use crate::table::print_structured;
use crate::watch::look;

/// How long reading logs and events may take.
const EVIDENCE_TIME: Duration = Duration::from_secs(10);

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
    let level = match arguments.fail_fast {
        FailFast::Off => Level::Off,
        FailFast::Default => Level::Default,
        FailFast::Strict => Level::Strict,
    };
    arguments.grace.applied(Policy::at(level))
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

/// Judges a release that is there, whoever deployed it.
pub(crate) async fn diagnose(cluster: &Cluster, arguments: &DiagnoseArgs) -> anyhow::Result<ExitCode> {
    let name = arguments.name.as_deref().unwrap_or_default();
    let history = super::read::read_history(cluster, name).await?;
    let Some(record) = history.latest() else { return Ok(Exit::Failed.into()) };
    let release = &record.release;
    let revision = revision_of(cluster, release).await?;
    let keys: Vec<ResourceKey> = revision.objects.iter().map(|object| object.key.clone()).collect();
    let objects: Vec<&Value> = revision.objects.iter().map(|object| &object.object).collect();
    let secrets = Secrets::of_objects(&objects);
    // What happened before this revision says nothing about it.
    let since = release.info.last_deployed.as_ref().and_then(|time| time.timestamp()).unwrap_or_default();
    let is_given = |key: &&ResourceKey| matches!(key.kind.as_str(), "ConfigMap" | "Secret");
    let provided: Vec<ResourceKey> = keys.iter().filter(is_given).cloned().collect();
    let promised: Vec<ResourceKey> =
        revision.objects.iter().filter_map(|object| promised_secret(&object.object)).collect();
    let policy = policy_of(arguments);
    let mut ward = Ward::new(cluster, &keys, &secrets);
    let circumstances = Circumstances {
        provided: &provided,
        promised: &promised,
        ..Circumstances::new(since, since, &policy)
    };
    let now = ward.look_until_settled(&circumstances).await?;
    let view = ward.view;
    let unready: Vec<&ResourceKey> = keys.iter().filter(|key| is_unready(&view, key, &policy)).collect();
    let evidence = evidence_of(cluster, release, secrets, &view, &unready, since).await?;
    let patients: Vec<Patient<'_>> = unready
        .iter()
        .zip(&evidence)
        .filter_map(|(key, evidence)| Some(Patient { key, assessment: view.assessment(key)?, evidence }))
        .collect();
    let document = json!({
        "release": release.name, "namespace": release.namespace, "revision": release.version,
        "status": release.info.status, "healthy": patients.is_empty(), "objects_total": keys.len(),
        "objects": patients.iter().map(|patient| patient.document(now)).collect::<Vec<_>>(),
    });
    print_structured(arguments.output, &document, || {
        anstream::println!(
            "{} {} revision {} ({}): {}",
            release.name,
            release.namespace,
            release.version,
            release.info.status,
            match patients.len() {
                0 => format!("healthy, {} objects", keys.len()),
                count => format!("{count} of {} objects not ready", keys.len()),
            }
        );
        patients.iter().for_each(|patient| patient.print(now));
    })?;
    Ok(if patients.is_empty() { Exit::Success } else { Exit::Failed }.into())
}

/// Why an object cannot become what it should, if that is certain by now. Nothing from before `since` counts.
pub(super) async fn certain_cause(
    cluster: &Cluster,
    key: &ResourceKey,
    since: Timestamp,
) -> anyhow::Result<Option<String>> {
    let policy = Policy::default();
    let secrets = Secrets::of_objects(&[]);
    let mut ward = Ward::new(cluster, std::slice::from_ref(key), &secrets);
    let now = ward.look(&Circumstances::new(since, since, &policy)).await?;
    let view = ward.view;
    let Some(assessment) = view.assessment(key) else { return Ok(None) };
    let certain = assessment.findings.iter().find(|finding| is_certain(finding, now));
    Ok(certain.map(|finding| format!("{}: {}", finding.cause.code, finding.cause.message)))
}

/// Whether an object is not what it should be. One that is ready and has crashed before has to outlive that run to be called
/// deployed; here it only counts against it when it crashed again and again.
fn is_unready(view: &ClusterView, key: &ResourceKey, policy: &Policy) -> bool {
    let is_current = view.assessment(key).is_none_or(|assessment| assessment.readiness.is_current());
    let crashes_on = || {
        let Some(object) = view.object(key) else { return false };
        let restarts = crashed_restarts(object, &view.related_to(key));
        restarts.values().any(|count| *count >= policy.crash_restarts)
    };
    !is_current && (view.settles_at(key).is_none() || crashes_on())
}

/// The objects of a release that are looked at.
struct Ward<'a> {
    cluster: &'a Cluster,
    keys: &'a [ResourceKey],
    secrets: &'a Secrets,
    view: ClusterView,
    seen: BTreeSet<ResourceKey>,
}

impl<'a> Ward<'a> {
    fn new(cluster: &'a Cluster, keys: &'a [ResourceKey], secrets: &'a Secrets) -> Self {
        Self { cluster, keys, secrets, view: ClusterView::default(), seen: BTreeSet::new() }
    }

    /// Looks, and once more when what has only just been started has run for as long as it has to; answers when that was.
    async fn look_until_settled(&mut self, circumstances: &Circumstances<'_>) -> anyhow::Result<Timestamp> {
        let mut now = self.look(circumstances).await?;
        let limit = now.after(Duration::from_millis(circumstances.policy.settle_grace_ms));
        while now < limit && self.keys.iter().any(|key| self.view.settles_at(key).is_some()) {
            self.cluster.clock.sleep_until(limit).await;
            now = self.look(circumstances).await?;
        }
        Ok(now)
    }

    /// Looks at the objects and what belongs to them, and judges them; answers when that was.
    async fn look(&mut self, circumstances: &Circumstances<'_>) -> anyhow::Result<Timestamp> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        look(self.cluster, &scopes_of(self.keys.iter(), circumstances.policy), &sender).await?;
        drop(sender);
        let mut gone = std::mem::take(&mut self.seen);
        while let Some(mut seen) = receiver.recv().await {
            self.secrets.clean_observed(&mut seen.object);
            if let Some(key) = ResourceKey::of(&seen.object) {
                gone.remove(&key);
                self.seen.insert(key);
            }
            self.view.observe(seen.object, seen.deleted);
        }
        for key in gone {
            if let Some(object) = self.view.object(&key).cloned() {
                self.view.observe(object, true);
            }
        }
        // Nobody watches these: they are as they should be when they are there.
        let is_plain = |key: &ResourceKey| is_ready_once_there(key, circumstances.policy);
        let plain: Vec<ResourceKey> = self.keys.iter().filter(|key| is_plain(key)).cloned().collect();
        let there = look_at(self.cluster, &plain).await?;
        for key in self.keys {
            let is_there = there.get(key).is_some_and(Option::is_some);
            self.view.track(key, is_there && is_plain(key));
        }
        let now = self.cluster.clock.now();
        let circumstances = Circumstances { now, ..*circumstances };
        self.view.reassess(&Measure { circumstances, patience_ms: None, baking_since: None });
        Ok(now)
    }
}

async fn evidence_of(
    cluster: &Cluster,
    release: &Release,
    secrets: Secrets,
    view: &ClusterView,
    keys: &[&ResourceKey],
    since: Timestamp,
) -> anyhow::Result<Vec<EvidenceBundle>> {
    let options = RecordOptions::default();
    let executor = Executor {
        cluster: cluster.clone(),
        records: Rc::new(Records::new(cluster, &release.name, &release.namespace, options)?),
        release: release.name.clone(),
        namespace: release.namespace.clone(),
        manner: Manner::default(),
        namespace_is_new: false,
        secrets,
        evidence: Default::default(),
        notes: Default::default(),
    };
    let subjects = keys.iter().map(|key| Subject::seen(view, key, Some(since))).collect();
    let deadline = cluster.clock.now().after(EVIDENCE_TIME);
    executor.keep_evidence(subjects, false, deadline).await;
    Ok(executor.evidence.take())
}

/// An object that is not ready.
struct Patient<'a> {
    key: &'a ResourceKey,
    assessment: &'a Assessment,
    evidence: &'a EvidenceBundle,
}

impl Patient<'_> {
    fn document(&self, now: Timestamp) -> Value {
        let causes = self.assessment.findings.iter().map(|finding| {
            let cause = &finding.cause;
            json!({
                "code": cause.code, "certain": is_certain(finding, now), "pod": cause.pod, "container": cause.container,
                "message": cause.message, "hint": cause.hint, "first_seen": cause.first_seen.to_rfc3339(),
                "certain_at": finding.condemned_at.map(|at| at.to_rfc3339()),
            })
        });
        let readiness = &self.assessment.readiness;
        json!({
            "object": self.key.path(), "status": readiness.status, "ready": readiness.ready,
            "desired": readiness.desired, "message": readiness.message, "causes": causes.collect::<Vec<_>>(),
            "evidence": self.evidence,
        })
    }

    fn print(&self, now: Timestamp) {
        anstream::println!("\n{}  {}", self.key, self.assessment.readiness.message);
        for finding in &self.assessment.findings {
            let cause = &finding.cause;
            let place = [("pod", &cause.pod), ("container", &cause.container)]
                .into_iter()
                .filter_map(|(word, name)| Some(format!(" {word} {}", name.as_ref()?)))
                .collect::<String>();
            let age = format_duration(Duration::from_secs(now.since(cause.first_seen).as_secs()));
            let sure = if is_certain(finding, now) { "certain" } else { "not certain yet" };
            anstream::println!("  {} ({sure}, for {age}){place}", cause.code);
            anstream::println!("    {}", cause.message);
            anstream::println!("    hint: {}", cause.hint);
        }
        if self.assessment.findings.is_empty() {
            anstream::println!("  nothing is known to stand in its way");
        }
        print_bundle(self.evidence);
    }
}

/// Whether a finding is a verdict by now.
fn is_certain(finding: &Finding, now: Timestamp) -> bool {
    finding.condemned_at.is_some_and(|at| at <= now)
}
