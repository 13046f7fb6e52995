//! What the numbers do not tell, and what in the manifests contradicts them.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use backstay_object::{FromJson, format_duration, int_at, list_at, text_at};
use serde::Serialize;
use serde_json::Value;

use super::workload::{Way, work_of};
use super::{Inputs, Timing, pod};
use crate::step::{Change, Plan};

/// Something to know about the numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
pub struct Remark {
    /// The rule, as `lint` calls it.
    pub code: String,
    /// The object in kubectl's form; empty for the whole rollout.
    pub object: String,
    /// The template it comes from.
    pub source: String,
    /// The field.
    pub field: String,
    /// Line of the field in the manifest, from 1.
    #[serde(default)]
    pub line: Option<u64>,
    /// What is the matter.
    pub message: String,
}

/// What was given as `--timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutGiven {
    /// For the way forward and the way back together: `deploy`.
    Total(u64),
    /// For the way forward alone: Helm's commands.
    Forward(u64),
}

pub(super) fn remarks(plan: &Plan, inputs: &Inputs) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for step in plan.steps.iter().filter(|step| step.change != Change::Unchanged) {
        let Some(object) = &step.desired else { continue };
        let place = Place { object: step.key.to_string(), source: &step.source };
        no_probe(object, &place, &mut remarks);
        let way = if step.change == Change::Create { Way::Create } else { Way::Replace };
        progress_deadline(object, way, inputs, &place, &mut remarks);
    }
    remarks
}

struct Place<'a> {
    object: String,
    source: &'a str,
}

impl Place<'_> {
    fn remark(&self, code: &str, field: String, message: String) -> Remark {
        let (object, source) = (self.object.clone(), self.source.to_owned());
        Remark { code: code.to_owned(), object, source, field, line: None, message }
    }
}

fn no_probe(object: &Value, place: &Place<'_>, remarks: &mut Vec<Remark>) {
    if !matches!(text_at(object, &["kind"]), Some("Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"))
    {
        return;
    }
    let containers = list_at(object, &["spec", "template", "spec", "containers"]);
    for (index, container) in
        containers.iter().enumerate().filter(|(_, one)| one.get("readinessProbe").is_none())
    {
        let name = text_at(container, &["name"]).unwrap_or("?");
        remarks.push(place.remark(
            "no-readiness-probe",
            format!("spec.template.spec.containers[{index}]"),
            format!(
                "container {name} has no readinessProbe: it counts as ready the moment it starts, so that no timeout \
                 says whether it works"
            ),
        ));
    }
}

/// The Deployment controller gives up before the pod's own probes do.
fn progress_deadline(
    object: &Value,
    way: Way,
    inputs: &Inputs,
    place: &Place<'_>,
    remarks: &mut Vec<Remark>,
) {
    if text_at(object, &["kind"]) != Some("Deployment") {
        return;
    }
    let given = int_at(object, &["spec", "progressDeadlineSeconds"]);
    let deadline_ms = u64::try_from(given.unwrap_or(600)).unwrap_or(0).saturating_mul(1000);
    let one = pod::pod_time(object, inputs, false);
    let minimum_ms = pod::seconds(object, &["spec", "minReadySeconds"], 0);
    let pod_ms = one.terms.iter().map(|term| term.most_ms).fold(minimum_ms, u64::saturating_add);
    if pod_ms > deadline_ms && work_of(object, way, inputs).is_some_and(|work| work.most_ms > 0) {
        remarks.push(place.remark(
            "progress-deadline-too-short",
            "spec.progressDeadlineSeconds".to_owned(),
            format!(
                "progressDeadlineSeconds is {}s, but one pod may take {} by its own probes: the Deployment is called \
                 failed while a pod may still become ready",
                deadline_ms / 1000,
                words(pod_ms)
            ),
        ));
    }
}

fn words(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}

impl Timing {
    /// What is wrong with a timeout somebody gave.
    #[must_use]
    pub fn judge(&self, given: TimeoutGiven) -> Vec<Remark> {
        let rollout = Place { object: String::new(), source: "" };
        let mut remarks = Vec::new();
        let (given_ms, wanted_ms, what) = match given {
            TimeoutGiven::Total(ms) => (ms, self.total_ms, "the way back included"),
            TimeoutGiven::Forward(ms) => (ms, self.recommended_ms, "for the way forward"),
        };
        if given_ms < wanted_ms {
            let decides =
                self.critical_path.last().map(|path| format!("; {path} takes longest")).unwrap_or_default();
            let certain = if given_ms < self.expected_ms { " and even what a smooth run takes" } else { "" };
            remarks.push(rollout.remark(
                "timeout-too-short",
                String::new(),
                format!(
                    "--timeout {} is below the recommended {} ({what}){certain}{decides}: a healthy rollout may be \
                     taken back",
                    words(given_ms),
                    words(wanted_ms)
                ),
            ));
        }
        for object in &self.objects {
            let Some(limit_ms) = object.failed_after_ms.filter(|limit_ms| *limit_ms > given_ms) else {
                continue;
            };
            if let Some(field) = ["activeDeadlineSeconds", "progressDeadlineSeconds"]
                .into_iter()
                .find(|field| object.limit.starts_with(field))
            {
                let place = Place { object: object.object.clone(), source: &object.source };
                remarks.push(place.remark(
                    "deadline-beyond-timeout",
                    format!("spec.{field}"),
                    format!(
                        "{} lets it go on for {}, --timeout ends after {}: the timeout decides, not the object",
                        object.limit,
                        words(limit_ms),
                        words(given_ms)
                    ),
                ));
            }
        }
        remarks
    }
}
