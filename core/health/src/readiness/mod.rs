//! How far an object is. One rule per kind, the general rule for all others.

mod api;
mod autoscaler;
mod custom;
mod deployment;
mod generic;
mod job;
mod kinds_table;
mod legacy;
mod pod;
mod service;
mod sets;
mod storage;
mod wishes;

use alloc::string::{String, ToString};

use backstay_object::{Timestamp, int_at, list_at, split_api_version, text_at};
use serde_json::Value;

pub(crate) use custom::certainty;

use crate::policy::{Policy, ReadinessRules};
use crate::types::{Readiness, Related, Status};

/// What a rule may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) object: &'a Value,
    pub(crate) api_version: &'a str,
    pub(crate) kind: &'a str,
    /// Its parts, looked up once: every observation comes by here. Null when absent.
    pub(crate) meta: &'a Value,
    pub(crate) spec: &'a Value,
    pub(crate) status: &'a Value,
    pub(crate) related: &'a Related<'a>,
    pub(crate) rules: ReadinessRules,
    pub(crate) now: Timestamp,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        object: &'a Value,
        related: &'a Related<'a>,
        rules: ReadinessRules,
        now: Timestamp,
    ) -> Self {
        let (meta, spec, status) = (&Value::Null, &Value::Null, &Value::Null);
        let mut subject = Self { object, api_version: "", kind: "", meta, spec, status, related, rules, now };
        for (name, part) in object.as_object().into_iter().flatten() {
            match name.as_str() {
                "apiVersion" => subject.api_version = part.as_str().unwrap_or(""),
                "kind" => subject.kind = part.as_str().unwrap_or(""),
                "metadata" => subject.meta = part,
                "spec" => subject.spec = part,
                "status" => subject.status = part,
                _ => {}
            }
        }
        subject
    }

    /// A count of the spec, `fallback` when absent.
    pub(crate) fn wanted(&self, field: &str, fallback: i64) -> i64 {
        int_at(self.spec, &[field]).unwrap_or(fallback)
    }

    /// A count of the status, zero when absent.
    pub(crate) fn count(&self, field: &str) -> i64 {
        int_at(self.status, &[field]).unwrap_or(0)
    }

    /// All its conditions.
    pub(crate) fn conditions(&self) -> &'a [Value] {
        list_at(self.status, &["conditions"])
    }

    /// One of them.
    pub(crate) fn condition(&self, name: &str) -> Option<&'a Value> {
        self.conditions().iter().find(|found| text_at(found, &["type"]) == Some(name))
    }

    /// Whether it is true.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.condition(name).and_then(|found| text_at(found, &["status"])) == Some("True")
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.rules == ReadinessRules::Backstay
    }

    /// Whether its controller has seen the present spec. kstatus is content with silence about that.
    pub(crate) fn is_seen(&self) -> bool {
        match (int_at(self.meta, &["generation"]), int_at(self.status, &["observedGeneration"])) {
            (Some(wanted), Some(seen)) => seen >= wanted,
            (Some(_), None) => !self.is_ours(),
            (None, _) => true,
        }
    }
}

type Rule = fn(Subject<'_>) -> Readiness;

/// The kinds with a rule of their own.
const RULES: &[(&str, &str, Rule)] = &[
    ("apps", "Deployment", deployment::deployment),
    ("apps", "ReplicaSet", sets::replica_set),
    ("", "ReplicationController", sets::replication_controller),
    ("apps", "StatefulSet", sets::stateful_set),
    ("apps", "DaemonSet", sets::daemon_set),
    ("batch", "Job", job::job),
    ("batch", "CronJob", job::cron),
    ("", "Pod", pod::pod),
    ("", "PersistentVolumeClaim", storage::claim),
    ("", "Service", service::service),
    ("", "Namespace", api::namespace),
    ("policy", "PodDisruptionBudget", api::budget),
    ("autoscaling", "HorizontalPodAutoscaler", autoscaler::horizontal),
    ("apiextensions.k8s.io", "CustomResourceDefinition", api::definition),
    ("apiregistration.k8s.io", "APIService", api::service),
];

/// Of these kinds, those for which kstatus has no rule (`cli-utils/pkg/kstatus/status/core.go`).
const UNKNOWN_TO_KSTATUS: &[&str] =
    &["ReplicationController", "Namespace", "HorizontalPodAutoscaler", "APIService"];

/// Judges how far an object is. `related` is what belongs to it, `now` the cluster's time. Rules of a user's policy are
/// asked by [`crate::assess`] alone.
#[must_use]
pub fn readiness(object: &Value, related: &Related<'_>, rules: ReadinessRules, now: Timestamp) -> Readiness {
    judge(Subject::new(object, related, rules, now), None)
}

/// The same with a policy: its choice of rules, and its own ones for certain kinds.
pub(crate) fn by_policy(object: &Value, related: &Related<'_>, policy: &Policy, now: Timestamp) -> Readiness {
    judge(Subject::new(object, related, policy.readiness, now), Some(policy))
}

fn judge(subject: Subject<'_>, policy: Option<&Policy>) -> Readiness {
    let object = subject.object;
    // Helm 3 does not ask whether an object is on its way out.
    if subject.rules == ReadinessRules::HelmLegacy {
        return legacy::ready(subject);
    }
    if text_at(subject.meta, &["deletionTimestamp"]).is_some() {
        return state(Status::Terminating, "being deleted", 0, 1);
    }
    if subject.is_ours() {
        if let Some(readiness) = wishes::honoured(subject) {
            return readiness;
        }
        if let Some(rule) = policy.and_then(|policy| policy.rule_for(object)) {
            return custom::by_user(subject, rule);
        }
    }
    let (group, _) = split_api_version(subject.api_version);
    let row = subject.is_ours().then(|| kinds_table::find(group, subject.kind)).flatten();
    if let Some(row) = row {
        return custom::by_table(subject, row);
    }
    if let Some(readiness) = generic::before(subject) {
        return readiness;
    }
    let rule =
        RULES.iter().find(|(rule_group, rule_kind, _)| *rule_group == group && *rule_kind == subject.kind);
    let rule = rule.filter(|(_, kind, _)| subject.is_ours() || !UNKNOWN_TO_KSTATUS.contains(kind));
    match rule {
        Some((_, _, rule)) => rule(subject),
        None => generic::after(subject),
    }
}

pub(crate) fn state(status: Status, message: &str, ready: i64, desired: i64) -> Readiness {
    let number = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
    Readiness { status, message: message.to_string(), ready: number(ready), desired: number(desired) }
}

pub(crate) fn waiting(message: String, ready: i64, desired: i64) -> Readiness {
    Readiness { message, ..state(Status::InProgress, "", ready, desired) }
}

pub(crate) const NOT_SEEN: &str = "its controller has not seen the new spec yet";
