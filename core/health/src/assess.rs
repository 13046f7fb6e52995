//! The judgement of one object.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde_json::Value;

use crate::diagnose::{certainty, diagnose};
use crate::readiness::by_policy;
use crate::types::{Assessment, Circumstances, Finding, Related, Status};

/// Judges one object of a release with what belongs to it: how far it is, what stands in the way, and from when on that is
/// certain. What is ready or on its way out has no findings. Costs time in proportion to `related`, nothing else.
#[must_use]
pub fn assess(object: &Value, related: &Related<'_>, circumstances: &Circumstances<'_>) -> Assessment {
    let readiness = by_policy(object, related, circumstances.policy, circumstances.now);
    let findings = match readiness.status {
        Status::InProgress | Status::Failed => diagnose(object, related, circumstances, &readiness),
        Status::Current | Status::Terminating | Status::NotFound | Status::Unknown => Vec::new(),
    };
    Assessment { readiness, findings: sorted(findings) }
}

/// The most certain first; of those that differ in the pod alone, the first.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(certainty);
    let mut seen = BTreeSet::new();
    findings.retain(|Finding { cause, .. }| seen.insert((cause.code, cause.container.clone())));
    findings
}
