//! How long a rollout may take: the timeout that people otherwise guess, with every summand and where it comes from.

mod contradictions;
mod inputs;
mod overrides;
mod pod;
mod workload;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use backstay_object::{FromJson, set_at};
use serde::Serialize;
use serde_json::Value;

use crate::step::{Change, Plan, UndoWork};
pub use contradictions::{Remark, TimeoutGiven};
pub use inputs::{Inputs, rule_of_thumb};
pub use overrides::Override;
pub(crate) use pod::{allowed_ms, liveness_ms, pre_stop_ms, spec_path};
pub(crate) use workload::scaled;
use workload::{Way, Work, work_of};

/// What keeping the evidence of a failure may take.
const EVIDENCE_MS: u64 = 10_000;
/// What a CI job does beside the rollout: start, fetch, report.
const CI_AROUND_MS: u64 = 60_000;
/// The way back gets at least this.
const UNDO_LEAST_MS: u64 = 60_000;

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct Timing {
    /// What a healthy rollout takes if nothing is slow.
    pub expected_ms: u64,
    /// What a healthy rollout may take by its own manifests: the way forward's share of the timeout.
    pub recommended_ms: u64,
    /// The share of the way back.
    pub undo_ms: u64,
    /// The `--timeout` of `deploy`: forward and back.
    pub total_ms: u64,
    /// What the time limit of a CI job has to allow.
    pub ci_job_ms: u64,
    /// After this the controllers themselves have given up; `None`: something in here is never given up by anybody.
    pub failed_after_ms: Option<u64>,
    /// What is never given up.
    pub unlimited: Vec<String>,
    /// What decides, in the order of time.
    pub critical_path: Vec<String>,
    /// Every object that takes time.
    pub objects: Vec<ObjectTime>,
    /// What the numbers do not tell, and what contradicts them.
    pub remarks: Vec<Remark>,
    /// What was assumed.
    pub inputs: Inputs,
}

/// What one object takes.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct ObjectTime {
    /// The object in kubectl's form.
    pub object: String,
    /// The template it comes from.
    pub source: String,
    /// Line of the object in the manifest, from 1.
    #[serde(default)]
    pub line: Option<u64>,
    /// The hook event, or `wave N`.
    pub phase: String,
    /// If nothing is slow.
    pub expected_ms: u64,
    /// At most.
    pub most_ms: u64,
    /// When its own controller calls it failed.
    pub failed_after_ms: Option<u64>,
    /// Which field says so.
    pub limit: String,
    /// Whether it is the slowest of its phase and so counts in the sum.
    pub decides: bool,
    /// Its summands.
    pub terms: Vec<Term>,
}

/// One summand.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct Term {
    /// What the time is for.
    pub what: String,
    /// The field it was read from; empty for an input.
    pub field: String,
    /// The field that says how often; empty for once.
    #[serde(default)]
    pub times_field: String,
    /// Line of the field in the manifest, from 1.
    #[serde(default)]
    pub line: Option<u64>,
    /// How often it is met.
    pub times: u64,
    /// Altogether, if nothing is slow.
    pub expected_ms: u64,
    /// Altogether, at most.
    pub most_ms: u64,
}

impl Term {
    fn new(what: String, field: String, expected: (u64, u64), most: (u64, u64)) -> Self {
        Self {
            what,
            field,
            times_field: String::new(),
            line: None,
            times: most.1,
            expected_ms: expected.0.saturating_mul(expected.1),
            most_ms: most.0.saturating_mul(most.1),
        }
    }
}

/// Computes the times of a plan.
#[must_use]
pub fn timing_of(plan: &Plan, inputs: &Inputs) -> Timing {
    let plan = &*overrides::tried(plan, inputs);
    let mut objects = Vec::new();
    let (before, after) = plan.operation.hook_events();
    let hooks = |event, objects: &mut Vec<ObjectTime>| {
        for hook in plan.hooks_for(event).into_iter().filter_map(|index| plan.hooks.get(index)) {
            let way = Way::Create;
            if let Some(work) = hook_work(&hook.object.object, way, inputs) {
                let hook_name = format!("hook {}", hook.object.key);
                objects.push(object_time(
                    hook_name,
                    &hook.object.source,
                    event.word().to_owned(),
                    work,
                    true,
                ));
            }
        }
    };
    hooks(before, &mut objects);
    for wave in 0..plan.wave_count() {
        objects.append(&mut wave_times(plan, wave, inputs));
    }
    hooks(after, &mut objects);
    let deciding = || objects.iter().filter(|object| object.decides);
    let expected_ms = deciding().map(|object| object.expected_ms).fold(0, u64::saturating_add);
    let most_ms = deciding().map(|object| object.most_ms).fold(0, u64::saturating_add);
    let recommended_ms = most_ms.saturating_add(inputs.buffer_ms).max(inputs.least_ms);
    let undo_ms = undo_ms(plan, inputs);
    let total_ms = recommended_ms.saturating_add(undo_ms);
    let unlimited: Vec<String> = objects
        .iter()
        .filter(|object| object.most_ms > 0 && object.failed_after_ms.is_none())
        .map(|object| object.object.clone())
        .collect();
    let failed_after_ms = (unlimited.is_empty() && !objects.is_empty())
        .then(|| failed_after(&objects))
        .map(|ms| ms.max(recommended_ms));
    Timing {
        expected_ms,
        recommended_ms,
        undo_ms,
        total_ms,
        ci_job_ms: whole_minutes(total_ms.saturating_add(EVIDENCE_MS).saturating_add(CI_AROUND_MS)),
        failed_after_ms,
        unlimited,
        critical_path: deciding().map(|object| format!("{}: {}", object.phase, object.object)).collect(),
        remarks: contradictions::remarks(plan, inputs),
        objects,
        inputs: inputs.clone(),
    }
}

/// A hook that is no Job and no Pod is there at once.
fn hook_work(object: &Value, way: Way, inputs: &Inputs) -> Option<Work> {
    match object.get("kind").and_then(Value::as_str) {
        Some("Job") => work_of(object, way, inputs),
        Some("Pod") => {
            // A hook's Pod runs to its end, as a Job of one would.
            let mut as_job = object.clone();
            set_at(&mut as_job, &["spec"], serde_json::json!({"template": {"spec": object.get("spec")}}));
            set_at(&mut as_job, &["kind"], "Job".into());
            work_of(&as_job, way, inputs)
        }
        _ => None,
    }
}

fn object_time(object: String, source: &str, phase: String, work: Work, decides: bool) -> ObjectTime {
    ObjectTime {
        object,
        source: source.to_owned(),
        line: None,
        phase,
        expected_ms: work.expected_ms,
        most_ms: work.most_ms,
        failed_after_ms: work.failed_after_ms,
        limit: work.limit,
        decides,
        terms: work.terms,
    }
}

/// The objects of one wave; the slowest decides.
fn wave_times(plan: &Plan, wave: u32, inputs: &Inputs) -> Vec<ObjectTime> {
    let steps = plan.wave(wave).into_iter().filter_map(|index| plan.steps.get(index));
    let mut works = Vec::new();
    let mut pulls: BTreeMap<String, u64> = BTreeMap::new();
    for step in steps.filter(|step| step.change != Change::Unchanged) {
        let way = if step.change == Change::Create { Way::Create } else { Way::Replace };
        let Some(work) = step.desired.as_ref().and_then(|object| work_of(object, way, inputs)) else {
            continue;
        };
        if work.most_ms > 0 {
            pulls.extend(work.pulls.iter().cloned());
            works.push((step, work));
        }
    }
    let all_ms: u64 = pulls.values().fold(0, |sum, ms| sum.saturating_add(*ms));
    let mut times: Vec<ObjectTime> = works
        .into_iter()
        .map(|(step, mut work)| {
            // A node pulls one image after the other: the others' images wait in the same queue.
            let own_ms: u64 = work.pulls.iter().map(|(_, ms)| *ms).fold(0, u64::saturating_add);
            let queue_ms = all_ms.saturating_sub(own_ms) / inputs.nodes.max(1);
            if queue_ms > 0 && own_ms > 0 {
                let what = "other images of this wave are pulled first".to_owned();
                work.terms.push(Term::new(what, String::new(), (queue_ms / 2, 1), (queue_ms, 1)));
                work.expected_ms = work.expected_ms.saturating_add(queue_ms / 2);
                work.most_ms = work.most_ms.saturating_add(queue_ms);
            }
            object_time(step.key.to_string(), &step.source, format!("wave {wave}"), work, false)
        })
        .collect();
    if let Some(slowest) = times.iter_mut().max_by_key(|time| time.most_ms) {
        slowest.decides = true;
    }
    times
}

/// The way back: what is restored, all at once, and its hooks; the nodes still have the images.
fn undo_ms(plan: &Plan, inputs: &Inputs) -> u64 {
    let restored = plan.steps.iter().filter_map(|step| match &step.undo {
        UndoWork::Restore { object } => work_of(object, Way::Restore, inputs).map(|work| work.most_ms),
        // Pods that are deleted get their grace.
        UndoWork::Delete => step.desired.as_ref().map(|object| match work_of(object, Way::Restore, inputs) {
            Some(_) => pod::stop_term(object).most_ms,
            None => 0,
        }),
        UndoWork::Nothing => None,
    });
    let slowest_ms = restored.max().unwrap_or(0);
    let hooks_ms = plan
        .undo_hooks
        .iter()
        .filter(|hook| {
            hook.events.iter().any(|event| event.word() == "pre-rollback" || event.word() == "post-rollback")
        })
        .filter_map(|hook| hook_work(&hook.object.object, Way::Restore, inputs))
        .map(|work| work.most_ms)
        .fold(0, u64::saturating_add);
    slowest_ms.saturating_add(hooks_ms).saturating_add(inputs.buffer_ms).max(UNDO_LEAST_MS)
}

/// The latest failure of each phase, one phase after the other.
fn failed_after(objects: &[ObjectTime]) -> u64 {
    let mut sum = 0_u64;
    let mut phases: Vec<(&str, u64)> = Vec::new();
    for object in objects {
        let limit = object.failed_after_ms.unwrap_or(0);
        match phases.last_mut() {
            Some((phase, most)) if *phase == object.phase && object.phase.starts_with("wave") => {
                *most = limit.max(*most)
            }
            _ => phases.push((&object.phase, limit)),
        }
    }
    for (_, limit) in phases {
        sum = sum.saturating_add(limit);
    }
    sum
}

fn whole_minutes(ms: u64) -> u64 {
    ms.div_ceil(60_000).saturating_mul(60_000)
}

/// How long an object may go without any progress, and how that was computed: what its manifest allows one pod, from its
/// image to its probes, with the reserve for scheduling. `None` for what has no pods, and for Jobs, whose work may take
/// any time.
#[must_use]
pub fn patience(object: &Value) -> Option<(u64, String)> {
    let kind = object.get("kind").and_then(Value::as_str)?;
    if !matches!(
        kind,
        "Deployment" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Pod" | "StatefulSet"
    ) {
        return None;
    }
    // Scheduling is in the reserve.
    let inputs = Inputs { scheduling_ms: 0, ..Inputs::default() };
    let pod = pod::pod_time(object, &inputs, false);
    let mut terms: Vec<(String, u64)> = pod.terms.into_iter().map(|term| (term.what, term.most_ms)).collect();
    terms.push(("stays ready".to_owned(), pod::seconds(object, &["spec", "minReadySeconds"], 0)));
    if kind == "StatefulSet" {
        // One pod has to stop before the next begins.
        let stop = pod::stop_term(object);
        terms.push((stop.what, stop.most_ms));
    }
    terms.push(("reserve".to_owned(), inputs.buffer_ms));
    terms.retain(|(_, ms)| *ms > 0);
    let how: Vec<String> = terms.iter().map(|(what, ms)| format!("{what} {}s", ms / 1000)).collect();
    Some((terms.iter().map(|(_, ms)| *ms).fold(0, u64::saturating_add), how.join(" + ")))
}

#[cfg(test)]
mod tests;
