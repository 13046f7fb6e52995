//! One object: how many rounds its controller goes, and what a round takes.
//!
//! Rules: Deployment maxSurge + maxUnavailable
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>), StatefulSet pod by pod from the highest number
//! down to the partition (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#update-strategies>; its
//! podManagementPolicy concerns creation only), DaemonSet node by node, Job completions by parallelism.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::{annotation, at, int_at, parse_duration, text_at};
use serde_json::Value;

use super::pod::{PodTerm, PodTime, pod_time, seconds, stop_term};
use super::{Inputs, Term};

/// What one pod of a Job works where nobody measured it: expected, and at most (Helm's default timeout, which people
/// expect a hook to keep).
const JOB_MS: (u64, u64) = (30_000, 300_000);
/// The pause before a Job's pod is tried again (`pkg/controller/job`: 10 s, doubled up to 6 minutes).
const JOB_BACKOFF_MS: (u64, u64) = (10_000, 360_000);
/// Until a failed pod is seen and its Job is marked.
const JOB_NOTICE_MS: u64 = 5_000;
/// `progressDeadlineSeconds` where none is given.
const PROGRESS_DEADLINE_S: i64 = 600;

/// How an object meets this rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// There is nothing yet: all pods may begin at once.
    Create,
    /// Pods of an older revision are replaced.
    Replace,
    /// The same, back to a revision whose images the nodes have.
    Restore,
}

/// What one object takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    pub(super) expected_ms: u64,
    pub(super) most_ms: u64,
    /// When its own controller calls it failed; `None`: never.
    pub(super) failed_after_ms: Option<u64>,
    pub(super) limit: String,
    pub(super) terms: Vec<Term>,
    /// Distinct images with their pull times.
    pub(super) pulls: Vec<(String, u64)>,
}

/// `None` for what is ready when it exists.
pub(super) fn work_of(object: &Value, way: Way, inputs: &Inputs) -> Option<Work> {
    let kind = text_at(object, &["kind"])?;
    let work = match kind {
        "Deployment" => deployment(object, way, inputs),
        "StatefulSet" => stateful_set(object, way, inputs),
        "DaemonSet" => daemon_set(object, way, inputs),
        "ReplicaSet" | "ReplicationController" | "Pod" => Rounds::new(1, "").work(object, way, inputs, None),
        "Job" => job(object, inputs),
        "PersistentVolumeClaim" => fixed("volume is provisioned", 5_000, 30_000),
        "CustomResourceDefinition" => fixed("definition is established", 1_000, 10_000),
        "APIService" => fixed("extension answers", 10_000, 60_000),
        _ => return None,
    };
    Some(work)
}

fn fixed(what: &str, expected_ms: u64, most_ms: u64) -> Work {
    let term = Term::new(what.to_owned(), String::new(), (expected_ms, 1), (most_ms, 1));
    Work { expected_ms, most_ms, failed_after_ms: None, terms: [term].into(), ..Work::default() }
}

/// Rounds, one after the other.
struct Rounds {
    count: u64,
    /// Which field decides the number.
    field: &'static str,
    /// Whether an old pod has to be gone before the new one begins, and how often that is waited for.
    stops: u64,
}

impl Rounds {
    const fn new(count: u64, field: &'static str) -> Self {
        Self { count, field, stops: 0 }
    }

    fn work(self, object: &Value, way: Way, inputs: &Inputs, limit_s: Option<i64>) -> Work {
        let pod = pod_time(object, inputs, false);
        let mut terms = Vec::new();
        if inputs.node_start_ms > 0 && self.count > 0 {
            let ms = inputs.node_start_ms;
            terms.push(Term::new("a new node starts".to_owned(), String::new(), (ms, 1), (ms, 1)));
        }
        // Each node pulls once; with one round all of them do so at the same time.
        let pulling = if way == Way::Restore { 0 } else { self.count.min(inputs.nodes.max(1)) };
        pod_terms(&pod, self.count, pulling, &mut terms);
        if self.stops > 0 {
            let stop = stop_term(object);
            terms.push(Term::of(&stop, self.stops));
        }
        let minimum_ms = seconds(object, &["spec", "minReadySeconds"], 0);
        if minimum_ms > 0 && self.count > 0 {
            let field = "spec.minReadySeconds".to_owned();
            let times = (minimum_ms, self.count);
            terms.push(Term::new("stays ready".to_owned(), field, times, times));
        }
        if self.count > 1 {
            for term in &mut terms {
                self.field.clone_into(&mut term.times_field);
            }
        }
        let mut work = summed(terms, pod.pulls);
        if let Some(limit) = limit_s.and_then(|limit| u64::try_from(limit).ok()) {
            work.failed_after_ms = Some(limit.saturating_mul(1000).saturating_mul(self.count));
            work.limit = format!("progressDeadlineSeconds {limit} x {}", self.count);
        }
        work
    }
}

fn pod_terms(pod: &PodTime, rounds: u64, pulling: u64, terms: &mut Vec<Term>) {
    for term in &pod.terms {
        let times = if term.once_per_node { pulling } else { rounds };
        if times > 0 {
            terms.push(Term::of(term, times));
        }
    }
}

fn summed(terms: Vec<Term>, pulls: Vec<(String, u64)>) -> Work {
    let expected_ms = terms.iter().map(|term| term.expected_ms).fold(0, u64::saturating_add);
    let most_ms = terms.iter().map(|term| term.most_ms).fold(0, u64::saturating_add);
    Work { expected_ms, most_ms, terms, pulls, ..Work::default() }
}

fn replicas(object: &Value) -> u64 {
    u64::try_from(int_at(object, &["spec", "replicas"]).unwrap_or(1)).unwrap_or(0)
}

fn deployment(object: &Value, way: Way, inputs: &Inputs) -> Work {
    let replicas = replicas(object);
    let recreate = text_at(object, &["spec", "strategy", "type"]) == Some("Recreate");
    let count = match way {
        _ if replicas == 0 => 0,
        Way::Create => 1,
        _ if recreate => 1,
        _ => {
            let rolling = at(object, &["spec", "strategy", "rollingUpdate"]);
            let share = |field: &str, round_up| {
                scaled(rolling.and_then(|rolling| rolling.get(field)), replicas, round_up)
            };
            replicas.div_ceil((share("maxSurge", true) + share("maxUnavailable", false)).max(1))
        }
    };
    let mut rounds = Rounds::new(count, "spec.strategy");
    if recreate && way != Way::Create {
        rounds.stops = count;
    }
    let limit = int_at(object, &["spec", "progressDeadlineSeconds"]).unwrap_or(PROGRESS_DEADLINE_S);
    rounds.work(object, way, inputs, Some(limit))
}

fn stateful_set(object: &Value, way: Way, inputs: &Inputs) -> Work {
    let replicas = replicas(object);
    if way == Way::Create {
        let parallel = text_at(object, &["spec", "podManagementPolicy"]) == Some("Parallel");
        let count = if parallel { replicas.min(1) } else { replicas };
        return Rounds::new(count, "spec.replicas").work(object, way, inputs, None);
    }
    if text_at(object, &["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        return Work::default();
    }
    let rolling = at(object, &["spec", "updateStrategy", "rollingUpdate"]);
    let partition = rolling.and_then(|rolling| int_at(rolling, &["partition"])).unwrap_or(0);
    let updated = replicas.saturating_sub(u64::try_from(partition).unwrap_or(0));
    let unavailable = rolling.and_then(|rolling| rolling.get("maxUnavailable"));
    let at_once = unavailable.map_or(1, |value| scaled(Some(value), replicas, true).max(1));
    let count = updated.div_ceil(at_once);
    Rounds { count, field: "spec.updateStrategy", stops: count }.work(object, way, inputs, None)
}

fn daemon_set(object: &Value, way: Way, inputs: &Inputs) -> Work {
    let nodes = inputs.nodes.max(1);
    if way == Way::Create {
        return Rounds::new(1, "").work(object, way, inputs, None);
    }
    if text_at(object, &["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        return Work::default();
    }
    let rolling = at(object, &["spec", "updateStrategy", "rollingUpdate"]);
    let share = |field: &str| {
        rolling.and_then(|rolling| rolling.get(field)).map_or(0, |value| scaled(Some(value), nodes, true))
    };
    let surge = share("maxSurge");
    let at_once = surge.max(share("maxUnavailable")).max(1);
    let count = nodes.div_ceil(at_once);
    let stops = if surge > 0 { 0 } else { count };
    Rounds { count, field: "spec.updateStrategy", stops }.work(object, way, inputs, None)
}

/// A Job, or a hook that is one: rounds of pods, and what its own limits say.
fn job(object: &Value, inputs: &Inputs) -> Work {
    let number = |field: &str| int_at(object, &["spec", field]).and_then(|number| u64::try_from(number).ok());
    let completions = number("completions").or(number("parallelism")).unwrap_or(1);
    let parallelism = number("parallelism").unwrap_or(1).max(1);
    let rounds = completions.div_ceil(parallelism.min(completions.max(1)));
    let deadline_ms = number("activeDeadlineSeconds").map(|seconds| seconds.saturating_mul(1000));
    let stated = annotation(object, "backstay.dev/timeout").and_then(|text| parse_duration(text).ok());
    let stated = stated.and_then(|stated| u64::try_from(stated.as_millis()).ok());
    let pod = pod_time(object, inputs, true);
    let mut terms = Vec::new();
    pod_terms(&pod, rounds, rounds.min(inputs.nodes.max(1)), &mut terms);
    let (expected, most) = match (inputs.job_ms, deadline_ms.or(stated)) {
        (Some(ms), _) => (ms, ms),
        (None, Some(limit)) => (JOB_MS.0.min(limit), limit),
        (None, None) => JOB_MS,
    };
    let field =
        if deadline_ms.is_some() { "spec.activeDeadlineSeconds" } else { "spec.template.spec.containers[0]" };
    let notice = Term::new("its end is seen".to_owned(), String::new(), (1_000, rounds), (2_000, rounds));
    terms.push(Term::new("the work itself".to_owned(), field.to_owned(), (expected, rounds), (most, rounds)));
    terms.push(notice);
    let mut work = summed(terms, pod.pulls.clone());
    let retries = number("backoffLimit").unwrap_or(6).min(64);
    let pod_most = pod.terms.iter().map(|term| term.most_ms).fold(most, u64::saturating_add);
    let pauses =
        (0..retries).map(|retry| JOB_BACKOFF_MS.0.saturating_mul(1 << retry.min(20)).min(JOB_BACKOFF_MS.1));
    let tries_ms = pod_most.saturating_mul(retries.saturating_add(1)).saturating_add(pauses.sum::<u64>());
    match deadline_ms {
        // The author's own word on how long it may take, pods and retries included.
        Some(limit) => {
            let limit = limit.saturating_add(JOB_NOTICE_MS);
            work.most_ms = if inputs.job_ms.is_some() { work.most_ms.min(limit) } else { limit };
            work.expected_ms = work.expected_ms.min(work.most_ms);
            work.failed_after_ms = Some(limit);
            work.limit = format!("activeDeadlineSeconds {}", limit.saturating_sub(JOB_NOTICE_MS) / 1000);
        }
        None => {
            work.failed_after_ms = (inputs.job_ms.is_some()).then_some(tries_ms);
            work.limit = format!("backoffLimit {retries}");
        }
    }
    work
}

/// A number or percentage; 25 % where absent, as the API server defaults it.
pub(crate) fn scaled(value: Option<&Value>, whole: u64, round_up: bool) -> u64 {
    let percent = match value {
        Some(Value::Number(number)) => return number.as_u64().unwrap_or(0),
        Some(Value::String(text)) => text.trim_end_matches('%').parse::<u64>().unwrap_or(25),
        _ => 25,
    };
    let scaled = whole.saturating_mul(percent);
    if round_up { scaled.div_ceil(100) } else { scaled / 100 }
}

impl Term {
    fn of(term: &PodTerm, times: u64) -> Self {
        Self::new(term.what.clone(), term.field.clone(), (term.expected_ms, times), (term.most_ms, times))
    }
}
