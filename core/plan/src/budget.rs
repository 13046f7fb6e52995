//! How long a plan may take: the timeout that people otherwise guess.
//!
//! The arithmetic follows the rollout rules of each kind: a Deployment goes in batches of maxSurge + maxUnavailable
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>), a StatefulSet pod by pod, a DaemonSet in
//! waves of maxUnavailable. A pod may take as long as its probes allow before they give up on it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::{at, int_at, list_at, parse_duration, text_at};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::step::{Change, Plan};

/// Time for pulling an image that no node has yet. No manifest says how large it is.
const IMAGE_PULL_MS: u64 = 30_000;
/// Time for scheduling, watching and the API itself, once per rollout.
const RESERVE_MS: u64 = 30_000;
/// What a container gets to become ready when it has no readiness or startup probe: it counts as ready at its start.
const NO_PROBE_MS: u64 = 5_000;
/// A Job without a deadline of its own: nobody can know; Helm's default timeout is what people expect.
const JOB_MS: u64 = 300_000;
/// Never recommend less than this, nor reserve less for an undo.
const LEAST_MS: u64 = 60_000;

/// The time a plan may need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// What the forward way may take before it is certainly stuck: the recommended timeout without the undo's share.
    pub forward_ms: u64,
    /// The share to keep for the way back.
    pub reserve_ms: u64,
    /// Where the forward time comes from: hooks one by one, then the slowest object of each wave.
    pub terms: Vec<BudgetTerm>,
}

impl Budget {
    /// The recommended `--timeout` of `deploy`: forward and back.
    #[must_use]
    pub const fn total_ms(&self) -> u64 {
        self.forward_ms.saturating_add(self.reserve_ms)
    }
}

/// One summand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetTerm {
    /// The object in kubectl's form, or what the time is for.
    pub what: String,
    /// Its time.
    pub time_ms: u64,
    /// How the time was computed, for people.
    pub how: String,
    /// Whether it counts: only the slowest object of a wave does.
    pub decides: bool,
}

/// Computes the budget of a plan.
#[must_use]
pub fn budget_of(plan: &Plan) -> Budget {
    let mut terms = Vec::new();
    let (before, after) = plan.operation.hook_events();
    for event in [before, after] {
        for hook in plan.hooks_for(event).into_iter().filter_map(|index| plan.hooks.get(index)) {
            let (time_ms, how) = job_time(&hook.object.object);
            terms.push(BudgetTerm { what: format!("hook {}", hook.object.key), time_ms, how, decides: true });
        }
    }
    for wave in 0..plan.wave_count() {
        let steps = plan.wave(wave).into_iter().filter_map(|index| plan.steps.get(index));
        let mut wave_terms: Vec<BudgetTerm> = steps
            .filter(|step| step.change != Change::Unchanged)
            .filter_map(|step| {
                let (time_ms, how) = object_time(step.desired.as_ref()?)?;
                Some(BudgetTerm { what: format!("{}", step.key), time_ms, how, decides: false })
            })
            .collect();
        if let Some(slowest) = wave_terms.iter_mut().max_by_key(|term| term.time_ms) {
            slowest.decides = true;
        }
        terms.append(&mut wave_terms);
    }
    let work_ms: u64 =
        terms.iter().filter(|term| term.decides).map(|term| term.time_ms).fold(0, u64::saturating_add);
    terms.push(BudgetTerm {
        what: "reserve".into(),
        time_ms: RESERVE_MS,
        how: "scheduling and API".into(),
        decides: true,
    });
    let forward_ms = work_ms.saturating_add(RESERVE_MS).max(LEAST_MS);
    // The way back is the same rollout without its hooks' guesses, and its images are still on the nodes.
    let slowest_ms = terms
        .iter()
        .filter(|term| !term.what.starts_with("hook "))
        .map(|term| term.time_ms)
        .max()
        .unwrap_or(0);
    let reserve_ms = slowest_ms.saturating_sub(IMAGE_PULL_MS).max(LEAST_MS);
    Budget { forward_ms, reserve_ms, terms }
}

/// How long an object may go without any progress, and how that was computed: what its manifest allows one pod, from its
/// image to its probes, with the reserve for scheduling. `None` for what has no pods, and for Jobs, whose work may take
/// any time.
#[must_use]
pub fn patience(object: &Value) -> Option<(u64, String)> {
    let stop_ms = match text_at(object, &["kind"])? {
        "Deployment" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Pod" => 0,
        // One pod has to stop before the next begins.
        "StatefulSet" => grace_ms(object),
        _ => return None,
    };
    let (pod_ms, how) = pod_time(object);
    let how = format!("{how} + reserve {}s", RESERVE_MS / 1000);
    Some((pod_ms.saturating_add(stop_ms).saturating_add(RESERVE_MS), how))
}

fn object_time(object: &Value) -> Option<(u64, String)> {
    let kind = text_at(object, &["kind"])?;
    let replicas = u64::try_from(int_at(object, &["spec", "replicas"]).unwrap_or(1)).unwrap_or(0);
    match kind {
        "Deployment" => {
            let batches = deployment_batches(object, replicas);
            let (pod_ms, pod_how) = pod_time(object);
            Some((batches.saturating_mul(pod_ms), format!("{batches} x ({pod_how})")))
        }
        "StatefulSet" => {
            let parallel = text_at(object, &["spec", "podManagementPolicy"]) == Some("Parallel");
            let partition =
                int_at(object, &["spec", "updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0);
            let updated = replicas.saturating_sub(u64::try_from(partition).unwrap_or(0));
            let rounds = if parallel { updated.min(1) } else { updated };
            let (pod_ms, pod_how) = pod_time(object);
            let stop_ms = grace_ms(object);
            let round_ms = pod_ms.saturating_add(stop_ms);
            Some((
                rounds.saturating_mul(round_ms),
                format!("{rounds} pods one by one x ({pod_how} + stop {}s)", stop_ms / 1000),
            ))
        }
        // The number of nodes is not in the manifest: one wave is the least there can be.
        "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Pod" => {
            let (pod_ms, pod_how) = pod_time(object);
            Some((pod_ms, pod_how))
        }
        "Job" => Some(job_time(object)),
        "PersistentVolumeClaim" => Some((30_000, "provisioning 30s".into())),
        "CustomResourceDefinition" => Some((10_000, "established within 10s".into())),
        _ => None,
    }
}

/// How many times pods are replaced one batch after another.
fn deployment_batches(object: &Value, replicas: u64) -> u64 {
    if replicas == 0 {
        return 0;
    }
    if text_at(object, &["spec", "strategy", "type"]) == Some("Recreate") {
        return 1;
    }
    let rolling = ["spec", "strategy", "rollingUpdate"];
    let rolling = at(object, &rolling);
    let share = |field: &str, round_up: bool| {
        let value = rolling.and_then(|rolling| rolling.get(field));
        scaled(value, replicas, round_up)
    };
    let (surge, unavailable) = (share("maxSurge", true), share("maxUnavailable", false));
    replicas.div_ceil((surge + unavailable).max(1))
}

/// A number or percentage of the replicas; 25 % where absent, as the API server defaults it.
fn scaled(value: Option<&Value>, replicas: u64, round_up: bool) -> u64 {
    let percent = match value {
        Some(Value::Number(number)) => return number.as_u64().unwrap_or(0),
        Some(Value::String(text)) => text.trim_end_matches('%').parse::<u64>().unwrap_or(25),
        _ => 25,
    };
    let scaled = replicas.saturating_mul(percent);
    if round_up { scaled.div_ceil(100) } else { scaled / 100 }
}

/// The longest a new pod of this template may take to become ready before its own probes give up on it.
fn pod_time(object: &Value) -> (u64, String) {
    let template = if text_at(object, &["kind"]) == Some("Pod") {
        Some(object)
    } else {
        at(object, &["spec", "template"])
    };
    let spec = template.and_then(|template| template.get("spec")).unwrap_or(&Value::Null);
    let slowest_ms = list_at(spec, &["containers"]).iter().map(container_ms).max().unwrap_or(NO_PROBE_MS);
    let inits = u64::try_from(list_at(spec, &["initContainers"]).len()).unwrap_or(0);
    let init_ms = inits.saturating_mul(IMAGE_PULL_MS);
    let minimum_ms = seconds(object, &["spec", "minReadySeconds"], 0);
    let total_ms =
        IMAGE_PULL_MS.saturating_add(init_ms).saturating_add(slowest_ms).saturating_add(minimum_ms);
    let mut how = format!("pull {}s + probes {}s", IMAGE_PULL_MS / 1000, slowest_ms / 1000);
    if inits > 0 {
        how.push_str(&format!(" + {inits} init {}s", init_ms / 1000));
    }
    if minimum_ms > 0 {
        how.push_str(&format!(" + minReady {}s", minimum_ms / 1000));
    }
    (total_ms, how)
}

fn container_ms(container: &Value) -> u64 {
    let startup = container.get("startupProbe").map(probe_ms);
    let readiness = container.get("readinessProbe").map(probe_ms);
    match (startup, readiness) {
        (None, None) => NO_PROBE_MS,
        (startup, readiness) => startup.unwrap_or(0).saturating_add(readiness.unwrap_or(0)),
    }
}

/// initialDelaySeconds + periodSeconds x max(failureThreshold, successThreshold), with the API's defaults.
fn probe_ms(probe: &Value) -> u64 {
    let period_ms = seconds(probe, &["periodSeconds"], 10).max(1000);
    let failures = int_at(probe, &["failureThreshold"]).unwrap_or(3);
    let successes = int_at(probe, &["successThreshold"]).unwrap_or(1);
    let rounds = u64::try_from(failures.max(successes)).unwrap_or(1).max(1);
    seconds(probe, &["initialDelaySeconds"], 0).saturating_add(period_ms.saturating_mul(rounds))
}

fn job_time(object: &Value) -> (u64, String) {
    if let Some(deadline) =
        int_at(object, &["spec", "activeDeadlineSeconds"]).and_then(|deadline| u64::try_from(deadline).ok())
    {
        return (deadline.saturating_mul(1000), format!("activeDeadlineSeconds {deadline}"));
    }
    let annotated = backstay_object::annotation(object, "backstay.dev/timeout")
        .and_then(|text| parse_duration(text).ok());
    match annotated {
        Some(duration) => {
            (u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), "backstay.dev/timeout".into())
        }
        None if text_at(object, &["kind"]) == Some("Job") || text_at(object, &["kind"]) == Some("Pod") => {
            (JOB_MS, "no activeDeadlineSeconds: 5m assumed".into())
        }
        None => (0, "ready when created".into()),
    }
}

fn grace_ms(object: &Value) -> u64 {
    seconds(object, &["spec", "template", "spec", "terminationGracePeriodSeconds"], 30)
}

fn seconds(object: &Value, path: &[&str], default: i64) -> u64 {
    u64::try_from(int_at(object, path).unwrap_or(default)).unwrap_or(0).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(object: Value, time_ms: Option<u64>) {
        let time = object_time(&object).map(|(time_ms, _)| time_ms);
        assert_eq!(time, time_ms, "{}", object);
    }

    #[test]
    fn patience_is_what_one_pod_may_take() {
        let probe = json!({"periodSeconds": 2, "failureThreshold": 3});
        let template = json!({"spec": {"containers": [{"readinessProbe": probe}]}});
        for (object, expected) in [
            (json!({"kind": "Deployment", "spec": {"replicas": 9, "template": template}}), Some(66_000)),
            (json!({"kind": "StatefulSet", "spec": {"replicas": 9, "template": template}}), Some(96_000)),
            (json!({"kind": "Job", "spec": {"template": template}}), None),
            (json!({"kind": "ConfigMap"}), None),
        ] {
            assert_eq!(patience(&object).map(|(time_ms, _)| time_ms), expected, "{object}");
        }
    }

    #[test]
    fn times_by_kind() {
        let container =
            json!({"readinessProbe": {"initialDelaySeconds": 10, "periodSeconds": 5, "failureThreshold": 3}});
        let template = json!({"spec": {"containers": [container], "terminationGracePeriodSeconds": 10}});
        let workload = |kind: &str, spec: Value| {
            let mut object = json!({"kind": kind, "spec": {"template": template}});
            for (key, value) in spec.as_object().unwrap() {
                object["spec"][key] = value.clone();
            }
            object
        };
        // a pod: 30 s pull + 10 + 5 x 3 = 55 s
        check(workload("Deployment", json!({"replicas": 4})), Some(2 * 55_000));
        check(workload("Deployment", json!({"replicas": 4, "strategy": {"type": "Recreate"}})), Some(55_000));
        check(
            workload(
                "Deployment",
                json!({"replicas": 6, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}),
            ),
            Some(6 * 55_000),
        );
        check(workload("Deployment", json!({"replicas": 0})), Some(0));
        check(workload("StatefulSet", json!({"replicas": 3})), Some(3 * 65_000));
        check(
            workload("StatefulSet", json!({"replicas": 3, "podManagementPolicy": "Parallel"})),
            Some(65_000),
        );
        check(workload("DaemonSet", json!({"minReadySeconds": 5})), Some(60_000));
        check(json!({"kind": "Job", "spec": {"activeDeadlineSeconds": 60}}), Some(60_000));
        check(json!({"kind": "ConfigMap"}), None);
        check(
            json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{}]}}}}),
            Some(35_000),
        );
    }
}
