//! The controllers of the model: who acts on which change, and how.
//!
//! A change becomes tasks; a task is an object and a [`Duty`], due a few milliseconds later. Every controller looks at the
//! present state of its object only, so that a task may come once too often and never harms.

mod autoscaler;
mod claim;
mod common;
mod cronjob;
mod daemonset;
mod deployment;
mod deployment_new;
mod deployment_status;
mod disruption;
mod install;
mod job;
mod job_status;
mod machine;
mod namespace;
mod pods;
mod quota;
mod replicaset;
mod revision;
mod schedule;
mod service;
mod stateful_pod;
mod statefulset;
mod volume;

use std::time::Duration;

use backstay_object::{controller_owner, kind, name, namespace as space_of, selector_matches, text_at};
use serde_json::Value;

pub(crate) use install::install;

use common::{
    conditions_of, joined, letter, owner_references, put_condition, put_counts, scaled, short_hash, stays,
};

use crate::faults::Fault;
use crate::index::pod_claims;
use crate::json::json;
use crate::node;
use crate::store::{Change, ChangeKind};
use crate::world::{Ctx, Duty, Task};

/// Does what is due.
pub(crate) fn run(ctx: &mut Ctx<'_>, task: &Task) {
    let (space, name) = (task.namespace.as_str(), task.name.as_str());
    match task.duty {
        Duty::Namespace => namespace::run(ctx, name),
        Duty::Node => machine::run(ctx, name),
        Duty::Deployment => deployment::run(ctx, space, name),
        Duty::ReplicaSet => replicaset::run(ctx, task),
        Duty::StatefulSet => statefulset::run(ctx, task),
        Duty::DaemonSet => daemonset::run(ctx, task),
        Duty::Job => job::run(ctx, task),
        Duty::CronJob => cronjob::run(ctx, space, name),
        Duty::Autoscaler => autoscaler::run(ctx, space, name),
        Duty::Claim => claim::run(ctx, space, name),
        Duty::Volume => volume::run(ctx, name),
        Duty::Service => service::run(ctx, space, name),
        Duty::Disruption => disruption::run(ctx, space, name),
        Duty::Quota => quota::run(ctx, space, name),
        Duty::Schedule => node::schedule(ctx, space, name),
        Duty::Pod => node::run_pod(ctx, space, name),
    }
}

impl Ctx<'_> {
    /// Has a task done soon: a watch event takes a few milliseconds to become work.
    fn soon(&mut self, task: Task) {
        let delay = self.between(&task.name, &task.namespace, 3, 20);
        self.due(task, Duration::from_millis(delay));
    }

    fn wake(&mut self, duty: Duty, object: &Value) {
        self.soon(Task::of(duty, object));
    }

    /// Wakes the controller of an object, if it has one.
    fn wake_owner(&mut self, object: &Value) {
        let Some(owner) = controller_owner(object) else { return };
        if let (Some(duty), Some(name)) =
            (text_at(owner, &["kind"]).and_then(duty_of), text_at(owner, &["name"]))
        {
            self.soon(Task::new(duty, space_of(object), name));
        }
    }

    fn wake_all(&mut self, duty: Duty, group: &str, kind: &str, space: Option<&str>) {
        let tasks: Vec<Task> =
            self.store.list(group, kind, space).map(|object| Task::of(duty, object)).collect();
        for task in tasks {
            self.soon(task);
        }
    }
}

fn duty_of(kind: &str) -> Option<Duty> {
    Some(match kind {
        "Namespace" => Duty::Namespace,
        "Node" => Duty::Node,
        "Deployment" => Duty::Deployment,
        "ReplicaSet" => Duty::ReplicaSet,
        "StatefulSet" => Duty::StatefulSet,
        "DaemonSet" => Duty::DaemonSet,
        "Job" => Duty::Job,
        "CronJob" => Duty::CronJob,
        "HorizontalPodAutoscaler" => Duty::Autoscaler,
        "PersistentVolumeClaim" => Duty::Claim,
        "PersistentVolume" => Duty::Volume,
        "Service" => Duty::Service,
        "PodDisruptionBudget" => Duty::Disruption,
        "ResourceQuota" => Duty::Quota,
        _ => return None,
    })
}

/// Hands a change to whom it concerns.
pub(crate) fn dispatch(ctx: &mut Ctx<'_>, change: &Change) {
    let object = &change.object;
    if change.key.kind == "Event" {
        return;
    }
    if change.kind == ChangeKind::Deleted {
        ctx.world.recorder.forget(backstay_object::uid(object));
    }
    quota::wake(ctx, change);
    if change.key.kind == "Pod" && change.key.group.is_empty() {
        return pod_changed(ctx, change);
    }
    if let Some(duty) = duty_of(&change.key.kind) {
        if change.kind == ChangeKind::Deleted {
            ctx.world.failures.remove(&Task::of(duty, object));
        }
        if change.kind != ChangeKind::Deleted || duty == Duty::Node || duty == Duty::Service {
            ctx.wake(duty, object);
        }
    }
    ctx.wake_owner(object);
    for target in ctx.world.index.autoscalers_of(space_of(object), kind(object), name(object)) {
        ctx.soon(Task::new(Duty::Autoscaler, space_of(object), &target));
    }
    match change.key.kind.as_str() {
        "Node" => node_changed(ctx, change),
        "PersistentVolumeClaim" => claim_changed(ctx, change),
        "PersistentVolume" => {
            let claim = |field| text_at(object, &["spec", "claimRef", field]);
            match (claim("namespace"), claim("name")) {
                (Some(space), Some(name)) => ctx.soon(Task::new(Duty::Claim, space, name)),
                _ => ctx.wake_all(Duty::Claim, "", "PersistentVolumeClaim", None),
            }
        }
        "StorageClass" => ctx.wake_all(Duty::Claim, "", "PersistentVolumeClaim", None),
        "ServiceAccount" | "ConfigMap" if change.kind == ChangeKind::Deleted => {
            ctx.soon(Task::new(Duty::Namespace, "", space_of(object)));
        }
        _ => {}
    }
}

fn node_changed(ctx: &mut Ctx<'_>, change: &Change) {
    let part = |object: &Value| {
        json!([
            object["spec"],
            object["metadata"]["labels"],
            object["status"]["conditions"],
            object["status"]["allocatable"]
        ])
    };
    if change.previous.as_ref().is_some_and(|before| part(before) == part(&change.object)) {
        return;
    }
    node::wake_unscheduled(ctx);
    ctx.wake_all(Duty::DaemonSet, "apps", "DaemonSet", None);
}

fn claim_changed(ctx: &mut Ctx<'_>, change: &Change) {
    let space = space_of(&change.object).to_owned();
    for pod in ctx.world.index.pods_of_claim(&space, name(&change.object)) {
        let waiting = ctx.world.index.unscheduled.contains(&(space.clone(), pod.clone()));
        ctx.soon(Task::new(if waiting { Duty::Schedule } else { Duty::Pod }, &space, &pod));
    }
    if let Some(volume) = text_at(&change.object, &["spec", "volumeName"]) {
        ctx.soon(Task::new(Duty::Volume, "", volume));
    }
}

fn pod_changed(ctx: &mut Ctx<'_>, change: &Change) {
    let pod = &change.object;
    let space = space_of(pod).to_owned();
    let assigned = text_at(pod, &["spec", "nodeName"]).is_some_and(|node| !node.is_empty());
    let over = |pod: &Value| matches!(text_at(pod, &["status", "phase"]), Some("Succeeded" | "Failed"));
    let before = change.previous.as_deref().filter(|_| change.kind == ChangeKind::Modified);
    if change.kind == ChangeKind::Deleted {
        node::pod_gone(ctx, pod);
    } else if before.is_none_or(|before| asked_differs(before, pod)) {
        ctx.wake(if assigned { Duty::Pod } else { Duty::Schedule }, pod);
    }
    let freed =
        change.kind == ChangeKind::Deleted || (over(pod) && before.is_none_or(|before| !over(before)));
    if freed && assigned && !ctx.world.index.unscheduled.is_empty() {
        node::wake_unscheduled(ctx);
    }
    ctx.wake_owner(pod);
    job::release_unowned(ctx, pod);
    for versions in [Some(pod.as_ref()), before].into_iter().flatten() {
        for service in ctx.world.index.services_for(versions) {
            ctx.soon(Task::new(Duty::Service, &space, &service));
        }
    }
    let budgets: Vec<Task> = ctx
        .store
        .list("policy", "PodDisruptionBudget", Some(&space))
        .filter(|budget| selector_matches(&budget["spec"]["selector"], pod))
        .map(|budget| Task::of(Duty::Disruption, budget))
        .collect();
    let claims: Vec<Task> = pod_claims(pod).map(|claim| Task::new(Duty::Claim, &space, claim)).collect();
    for task in budgets {
        ctx.soon(task);
    }
    if before.is_none_or(|before| asked_differs(before, pod)) || freed {
        for task in claims {
            ctx.soon(task);
        }
    }
}

/// Whether anything but the status of a pod differs.
fn asked_differs(before: &Value, after: &Value) -> bool {
    let meta = |field: &str| before["metadata"].get(field) != after["metadata"].get(field);
    before["spec"] != after["spec"]
        || ["labels", "annotations", "finalizers", "deletionTimestamp", "deletionGracePeriodSeconds", "uid"]
            .into_iter()
            .any(meta)
}

/// Has everybody a fault may concern look again.
pub(crate) fn wake_for_fault(ctx: &mut Ctx<'_>, fault: &Fault) {
    for (duty, group, kind) in [
        (Duty::Pod, "", "Pod"),
        (Duty::ReplicaSet, "apps", "ReplicaSet"),
        (Duty::StatefulSet, "apps", "StatefulSet"),
        (Duty::DaemonSet, "apps", "DaemonSet"),
        (Duty::Job, "batch", "Job"),
        (Duty::Node, "", "Node"),
        (Duty::Claim, "", "PersistentVolumeClaim"),
    ] {
        let pvc = kind == "PersistentVolumeClaim" && fault.kind == "pvc";
        let tasks: Vec<Task> = ctx
            .store
            .list(group, kind, None)
            .filter(|object| pvc || ctx.meets_by_name(object, fault))
            .map(|object| {
                let waiting =
                    kind == "Pod" && text_at(object, &["spec", "nodeName"]).is_none_or(str::is_empty);
                Task::of(if waiting { Duty::Schedule } else { duty }, object)
            })
            .collect();
        for task in tasks {
            ctx.soon(task);
        }
    }
}
