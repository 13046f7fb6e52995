//! StatefulSets: numbered pods with their own claims, one after the other
//! (rules of Kubernetes `pkg/controller/statefulset`).

use std::time::Duration;

use backstay_object::{int_at, is_deleting, label, name, namespace, text_at};
use serde_json::Value;

use super::pods::{Pod, is_over, is_ready, phase};
use super::put_counts;
use super::revision::HASH;
use crate::events::{normal, source, warning};
use crate::json::json;
use crate::world::{Ctx, Task};

pub(super) const COMPONENT: &str = "statefulset-controller";

/// A set with what this look has found.
pub(super) struct Look<'t> {
    task: &'t Task,
    pub(super) set: Value,
    current: String,
    update: String,
    /// The template of the current revision.
    current_template: Value,
    start: i64,
    replicas: i64,
    min_ready: i64,
    ordered: bool,
    /// Pods of the current and of the update revision that this look leaves.
    current_pods: i64,
    updated_pods: i64,
}

pub(super) fn run(ctx: &mut Ctx<'_>, task: &Task) {
    let Some(set) = ctx.get("apps/v1", "StatefulSet", &task.namespace, &task.name) else {
        return ctx.forget_failures(task);
    };
    if is_deleting(&set) {
        return;
    }
    let revisions = ctx.revisions(&set);
    let Some(update) = revisions.last() else { return ctx.retry(task.clone()) };
    let known = text_at(&set, &["status", "currentRevision"]).unwrap_or("");
    let current = revisions.iter().find(|revision| name(revision) == known).unwrap_or(update);
    let mut current_template = current["data"]["spec"]["template"].clone();
    backstay_object::remove_at(&mut current_template, &["$patch"]);
    let mut look = Look {
        task,
        current: name(current).to_owned(),
        update: name(update).to_owned(),
        current_template,
        start: int_at(&set, &["spec", "ordinals", "start"]).unwrap_or(0),
        replicas: int_at(&set, &["spec", "replicas"]).unwrap_or(1),
        min_ready: int_at(&set, &["spec", "minReadySeconds"]).unwrap_or(0),
        ordered: text_at(&set, &["spec", "podManagementPolicy"]) != Some("Parallel"),
        current_pods: 0,
        updated_pods: 0,
        set,
    };
    let pods = ctx.pods_of(&look.set);
    for pod in pods.iter().filter(|pod| !is_deleting(pod)) {
        look.current_pods += i64::from(label(pod, HASH) == Some(&look.current));
        look.updated_pods += i64::from(label(pod, HASH) == Some(&look.update));
    }
    look.manage(ctx, &pods);
    let pods = ctx.pods_of(&look.set);
    look.write_status(ctx, &pods);
    let mut used: Vec<&str> = pods.iter().filter_map(|pod| label(pod, HASH)).collect();
    used.push(&look.current);
    ctx.trim_revisions(&look.set, &revisions, &used);
}

fn ordinal(set: &Value, pod: &Value) -> Option<i64> {
    name(pod).strip_prefix(name(set))?.strip_prefix('-')?.parse().ok()
}

impl Look<'_> {
    fn healthy(&self, ctx: &mut Ctx<'_>, pod: &Value) -> bool {
        if is_deleting(pod) || phase(pod) != "Running" || !is_ready(pod) {
            return false;
        }
        match ctx.available(pod, self.min_ready) {
            Ok(()) => true,
            Err(at) => {
                if let Some(at) = at {
                    ctx.due(self.task.clone(), at.since(ctx.now).max(Duration::from_millis(100)));
                }
                false
            }
        }
    }

    /// One look at all pods: first what is missing, then what is too much, then what is of an older revision.
    fn manage(&mut self, ctx: &mut Ctx<'_>, pods: &[Pod]) {
        let end = self.start + self.replicas;
        let by_number =
            |number: i64| pods.iter().find(|pod| ordinal(&self.set, pod) == Some(number)).cloned();
        let wanted: Vec<(i64, Option<Pod>)> =
            (self.start..end).map(|number| (number, by_number(number))).collect();
        for (number, pod) in &wanted {
            if !self.tend(ctx, *number, pod.as_ref()) {
                return;
            }
        }
        let mut surplus: Vec<(i64, &Pod)> = pods
            .iter()
            .filter_map(|pod| Some((ordinal(&self.set, pod)?, pod)))
            .filter(|(number, _)| *number < self.start || *number >= end)
            .collect();
        surplus.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        for (_, pod) in surplus {
            if is_deleting(pod) {
                if self.ordered {
                    return;
                }
                continue;
            }
            self.delete(ctx, pod);
            if self.ordered {
                return;
            }
        }
        self.replace_old(ctx, &wanted);
    }

    /// Looks after one number; answers whether the next ones have their turn.
    fn tend(&mut self, ctx: &mut Ctx<'_>, number: i64, pod: Option<&Pod>) -> bool {
        let Some(pod) = pod else {
            let created = self.create(ctx, number);
            return created && !self.ordered;
        };
        if is_over(pod) && !is_deleting(pod) {
            let failed = phase(pod) == "Failed";
            let (what, reason) = if failed {
                ("failed", "RecreatingFailedPod")
            } else {
                ("terminated", "RecreatingTerminatedPod")
            };
            let message = format!(
                "StatefulSet {}/{} is recreating {what} Pod {}",
                namespace(&self.set),
                name(&self.set),
                name(pod)
            );
            let said = if failed { warning(reason, &message) } else { normal(reason, &message) };
            ctx.event(&self.set, source(COMPONENT), said);
            self.delete(ctx, pod);
            return !self.ordered;
        }
        self.healthy(ctx, pod) || !self.ordered
    }

    fn create(&mut self, ctx: &mut Ctx<'_>, number: i64) -> bool {
        let of_current = self.of_current(number);
        let (revision, template) = if of_current {
            (self.current.clone(), self.current_template.clone())
        } else {
            (self.update.clone(), self.set["spec"]["template"].clone())
        };
        let pod_name = format!("{}-{number}", name(&self.set));
        if !self.create_claims(ctx, &pod_name) {
            ctx.retry(self.task.clone());
            return false;
        }
        let pod = self.pod(&template, &pod_name, number, &revision);
        match ctx.create_pod(&self.set, COMPONENT, pod) {
            Ok(_) => {
                self.current_pods += i64::from(revision == self.current);
                self.updated_pods += i64::from(revision == self.update);
                ctx.forget_failures(self.task);
                true
            }
            Err(_) => {
                ctx.retry(self.task.clone());
                false
            }
        }
    }

    /// Whether a new pod of a number is still of the current revision.
    fn of_current(&self, number: i64) -> bool {
        if self.current == self.update
            || text_at(&self.set, &["spec", "updateStrategy", "type"]) == Some("OnDelete")
        {
            return false;
        }
        let kept = match int_at(&self.set, &["spec", "updateStrategy", "rollingUpdate", "partition"]) {
            Some(partition) if partition > 0 => partition,
            _ => int_at(&self.set, &["status", "currentReplicas"]).unwrap_or(0),
        };
        number < self.start + kept
    }

    fn delete(&mut self, ctx: &mut Ctx<'_>, pod: &Value) {
        self.current_pods -= i64::from(label(pod, HASH) == Some(&self.current));
        self.updated_pods -= i64::from(label(pod, HASH) == Some(&self.update));
        ctx.delete_pod(&self.set, COMPONENT, pod);
    }

    /// Deletes the highest pod of an older revision when all above it are healthy.
    fn replace_old(&mut self, ctx: &mut Ctx<'_>, pods: &[(i64, Option<Pod>)]) {
        let strategy = &self.set["spec"]["updateStrategy"];
        if text_at(strategy, &["type"]) == Some("OnDelete") {
            return;
        }
        let partition = self.start + int_at(strategy, &["rollingUpdate", "partition"]).unwrap_or(0);
        for (number, pod) in pods.iter().rev() {
            if *number < partition {
                return;
            }
            let Some(pod) = pod else { return };
            if label(pod, HASH) != Some(&self.update) && !is_deleting(pod) {
                return self.delete(ctx, pod);
            }
            if !self.healthy(ctx, pod) {
                return;
            }
        }
    }

    fn write_status(&mut self, ctx: &mut Ctx<'_>, pods: &[Pod]) {
        let ready: Vec<&Pod> = pods.iter().filter(|pod| phase(pod) == "Running" && is_ready(pod)).collect();
        let count = |number: usize| i64::try_from(number).unwrap_or(0);
        let available = count(ready.iter().filter(|pod| ctx.available(pod, self.min_ready).is_ok()).count());
        let total = count(pods.iter().filter(|pod| !phase(pod).is_empty()).count());
        let rolling = text_at(&self.set, &["spec", "updateStrategy", "type"]) != Some("OnDelete");
        let mut current = self.current.clone();
        let mut current_pods = self.current_pods;
        if rolling && self.updated_pods == total && count(ready.len()) == total && total == self.replicas {
            current = self.update.clone();
            current_pods = self.updated_pods;
        }
        let mut status = json!({
            "availableReplicas": available,
            "collisionCount": int_at(&self.set, &["status", "collisionCount"]).unwrap_or(0),
            "currentRevision": current,
            "observedGeneration": self.set["metadata"]["generation"],
            "replicas": total,
            "updateRevision": self.update,
        });
        put_counts(
            &mut status,
            &[
                ("currentReplicas", current_pods),
                ("updatedReplicas", self.updated_pods),
                ("readyReplicas", count(ready.len())),
            ],
        );
        ctx.set_status(&self.set, status);
    }
}
