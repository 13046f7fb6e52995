//! The common mistakes, each with a code, the exact place, why it matters and what to do.

mod across;
mod apis;
mod changes;
mod pods;
mod room;
mod single;
mod table;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use backstay_object::{FromJson, annotation, at};
use serde::Serialize;
use serde_json::Value;

use crate::step::PlannedObject;
use crate::timing::Remark;
pub use table::{RULES, Rule, Severity, rule_of};

/// Something a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
pub struct Finding {
    /// The rule.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The object in kubectl's form; empty for the whole rollout.
    pub object: String,
    /// The template it comes from.
    pub source: String,
    /// The field, as a path.
    pub field: String,
    /// Line of the field in the manifest, from 1.
    #[serde(default)]
    pub line: Option<u64>,
    /// Line in the template, where that is beyond doubt.
    #[serde(default)]
    pub template_line: Option<u64>,
    /// What is the matter here.
    pub message: String,
    /// Why that matters.
    pub why: String,
    /// What to do.
    pub fix: String,
}

/// What is known of the cluster and the rollout; everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, FromJson)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// Kubernetes version, major and minor; without it only what every supported version lacks is an error.
    pub kubernetes: Option<(u32, u32)>,
    /// `status.allocatable` of the nodes; empty: unknown.
    pub nodes: Vec<Value>,
    /// ResourceQuotas of the namespace with their status.
    pub quotas: Vec<Value>,
    /// Objects that are there beside the chart, in kubectl's form (`secret/registry`); `None`: nobody looked.
    pub present: Option<Vec<String>>,
    /// Whether objects are replaced by force.
    pub force: bool,
    /// Whether a failure is undone.
    pub undo: bool,
}

/// What is looked over.
pub(crate) struct Context<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) objects: &'a [PlannedObject],
    pub(crate) hooks: &'a [PlannedObject],
    pub(crate) previous: &'a [PlannedObject],
    pub(crate) facts: &'a Facts,
}

/// Looks a manifest over; `previous` are the objects that run. The annotation `backstay.dev/ignore` leaves rules out for one
/// object.
#[must_use]
pub fn lint(
    namespace: &str,
    objects: &[PlannedObject],
    hooks: &[PlannedObject],
    previous: &[PlannedObject],
    facts: &Facts,
) -> Vec<Finding> {
    let context = Context { namespace, objects, hooks, previous, facts };
    let mut found = Found::default();
    for object in context.all() {
        apis::check(&context, object, &mut found);
        single::check(&context, object, &mut found);
        pods::check(&context, object, &mut found);
    }
    hooks.iter().for_each(|hook| single::hook(&context, hook, &mut found));
    across::check(&context, &mut found);
    changes::check(&context, &mut found);
    room::check(&context, &mut found);
    found.0.retain(|finding| {
        let object = context
            .all()
            .find(|object| object.source == finding.source && object.key.to_string() == finding.object);
        let ignored = object.and_then(|object| annotation(&object.object, "backstay.dev/ignore"));
        !ignored.is_some_and(|codes| codes.split(',').any(|code| code.trim() == finding.code))
    });
    found.0
}

/// A finding of a rule that only a host can check; the object may be none.
#[must_use]
pub fn finding(code: &str, object: &str, source: &str, message: &str) -> Finding {
    finding_of(&Remark {
        code: code.to_owned(),
        object: object.to_owned(),
        source: source.to_owned(),
        field: String::new(),
        line: None,
        message: message.to_owned(),
    })
}

/// A remark of the times as a finding.
#[must_use]
pub fn finding_of(remark: &Remark) -> Finding {
    let rule = rule_of(&remark.code);
    Finding {
        code: remark.code.clone(),
        severity: rule.map_or(Severity::Warning, |rule| rule.severity),
        object: remark.object.clone(),
        source: remark.source.clone(),
        field: remark.field.clone(),
        line: remark.line,
        template_line: None,
        message: remark.message.clone(),
        why: rule.map_or("", |rule| rule.why).to_owned(),
        fix: rule.map_or("", |rule| rule.fix).to_owned(),
    }
}

#[derive(Default)]
pub(crate) struct Found(Vec<Finding>);

impl Found {
    pub(crate) fn add(
        &mut self,
        code: &str,
        object: &PlannedObject,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        let rule = rule_of(code);
        self.0.push(Finding {
            code: code.to_owned(),
            severity: rule.map_or(Severity::Warning, |rule| rule.severity),
            object: object.key.to_string(),
            source: object.source.clone(),
            field: field.into(),
            line: None,
            template_line: None,
            message: message.into(),
            why: rule.map_or("", |rule| rule.why).to_owned(),
            fix: rule.map_or("", |rule| rule.fix).to_owned(),
        });
    }
}

impl<'a> Context<'a> {
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a PlannedObject> + use<'a> {
        self.objects.iter().chain(self.hooks)
    }

    pub(crate) fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &'a PlannedObject> + use<'a> {
        self.objects.iter().filter(move |object| object.key.kind == kind)
    }

    /// Whether an object is in the chart, among the hooks too; by kubectl's form of its name.
    pub(crate) fn has(&self, kind: &str, name: &str) -> bool {
        self.all().any(|object| object.key.kind == kind && object.key.name == name)
    }

    /// Whether an object is missing as far as anybody knows: not in the chart, and not in the cluster if that was looked at.
    pub(crate) fn lacks(&self, kind: &str, name: &str) -> bool {
        let word = kind.to_ascii_lowercase();
        let is_present = |present: &Vec<String>| {
            present
                .iter()
                .any(|one| one.split_once('/').is_some_and(|(kind, own)| kind == word && own == name))
        };
        !self.has(kind, name) && !self.facts.present.as_ref().is_some_and(is_present)
    }

    /// Workloads with a pod template.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = &'a PlannedObject> + use<'a> {
        self.objects.iter().filter(|object| is_workload(&object.key.kind))
    }
}

pub(crate) fn is_workload(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController")
}

/// Labels the pods of a workload get.
pub(crate) fn pod_labels(object: &Value) -> Option<&serde_json::Map<String, Value>> {
    at(object, &["spec", "template", "metadata", "labels"])?.as_object()
}

/// Whether a plain map of labels is contained in others; an empty one selects nothing.
pub(crate) fn selects(selector: Option<&Value>, labels: Option<&serde_json::Map<String, Value>>) -> bool {
    let (Some(selector), Some(labels)) = (selector.and_then(Value::as_object), labels) else { return false };
    !selector.is_empty() && selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Names of objects by kind: to find what is there twice.
pub(crate) fn twice<'a>(
    objects: impl Iterator<Item = &'a PlannedObject>,
) -> Vec<(&'a PlannedObject, &'a PlannedObject)> {
    let mut seen = BTreeMap::new();
    let mut twice = Vec::new();
    for object in objects {
        if let Some(first) = seen.insert(&object.key, object) {
            twice.push((first, object));
        }
    }
    twice
}

#[cfg(test)]
mod tests;
