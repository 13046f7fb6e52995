//! When a suspicion becomes a verdict: numbers, as data.

use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::{FromJson, kind, text_at};
use serde::Serialize;
use serde_json::Value;

use crate::expression::Expression;

/// How eager a rollout is to give up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum FailFast {
    /// Only what an object itself calls failed ends the wait before the deadline.
    Off,
    /// What cannot heal ends it; what may heal gets the time in which it usually does.
    #[default]
    Default,
    /// Less patience with what rarely heals.
    Strict,
}

/// What counts as ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "kebab-case")]
pub enum ReadinessRules {
    /// Ours: kstatus where it is right, with endpoints, paused and suspended work, pods that fail.
    #[default]
    Backstay,
    /// Helm's `--wait=legacy`, and `--wait` of Helm 3 (`pkg/kube/ready.go` v4.3).
    HelmLegacy,
    /// Helm's `--wait=watcher`: kstatus (`cli-utils/pkg/kstatus/status`), and Jobs to their end.
    HelmWatcher,
}

/// What ready and failed mean for one kind, as a user has it. Goes before every rule of ours; not asked with Helm's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadinessRule {
    /// The kind's `apiVersion`; `group/*` stands for all versions of a group.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// When it is ready.
    pub ready: Expression,
    /// When it has failed for good: that ends the wait at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Expression>,
}

impl ReadinessRule {
    fn is_for(&self, api_version: &str, kind: &str) -> bool {
        let group = self.api_version.strip_suffix("/*");
        let fits = self.api_version == api_version
            || group
                .is_some_and(|group| api_version.split_once('/').is_some_and(|(other, _)| other == group));
        fits && self.kind == kind
    }
}

/// The rules of judging. Times in milliseconds, each from the first sight of its trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Policy {
    /// How eager to give up.
    pub fail_fast: FailFast,
    /// What counts as ready.
    pub readiness: ReadinessRules,
    /// Rules for certain kinds; the first that fits counts.
    pub readiness_rules: Vec<ReadinessRule>,
    /// A custom resource that calls itself failed, from the time its condition tells. Its controller may try again.
    pub declared_grace_ms: u64,
    /// How many restarts may crash before a crash loop is certain. Recordings of real nodes show applications that healed
    /// at the third restart, about 40 s in, and looked until then like those that never did.
    pub crash_restarts: u32,
    /// How many of a revision's pods have to crash, in percent: one of many is not yet a verdict.
    pub crash_share_percent: u32,
    /// An image that the registry does not have; it may be pushed late.
    pub image_grace_ms: u64,
    /// A registry that is unreachable, throttled or broken.
    pub registry_grace_ms: u64,
    /// A ConfigMap, Secret or key that nobody in the release brings; a controller may write it. Up to 15 s more where the kubelet
    /// has not tried in the last 11 s.
    pub reference_grace_ms: u64,
    /// A volume that cannot be mounted. The kubelet tries after 0, ½, 1½, 3½, 7½, 15½, 31½, 63½ s: a grace that ends just before
    /// a try condemns what that try would find in order.
    pub mount_grace_ms: u64,
    /// A pod that no node takes.
    pub unschedulable_grace_ms: u64,
    /// The same, once an autoscaler has said that a node is coming.
    pub autoscaler_grace_ms: u64,
    /// A quota that nothing of ours will free.
    pub quota_grace_ms: u64,
    /// A claim that may still be bound by hand or by a slow provisioner.
    pub volume_grace_ms: u64,
    /// A claim whose provisioning is refused, for instance because there is no such storage class.
    pub provisioning_grace_ms: u64,
    /// An admission webhook that does not answer. Controllers try again after 0, 5 ms, 15 ms, …, 20½, 41, 82 s: a grace that
    /// ends just before a try condemns what that try would find in order.
    pub webhook_grace_ms: u64,
    /// A Secret that is missing and that a controller writes for an object of the release: an ExternalSecret, a Certificate.
    pub controller_grace_ms: u64,
    /// How long a container without a probe has to run before it counts as ready; 0: at once, as Kubernetes has it.
    pub settle_grace_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fail_fast: FailFast::Default,
            readiness: ReadinessRules::Backstay,
            readiness_rules: Vec::new(),
            declared_grace_ms: 60_000,
            crash_restarts: 3,
            crash_share_percent: 34,
            image_grace_ms: 0,
            registry_grace_ms: 60_000,
            reference_grace_ms: 30_000,
            mount_grace_ms: 40_000,
            unschedulable_grace_ms: 180_000,
            autoscaler_grace_ms: 600_000,
            quota_grace_ms: 5_000,
            volume_grace_ms: 180_000,
            provisioning_grace_ms: 5_000,
            webhook_grace_ms: 90_000,
            controller_grace_ms: 120_000,
            settle_grace_ms: 5_000,
        }
    }
}

impl Policy {
    /// The user's rule for an object, if there is one.
    pub(crate) fn rule_for(&self, object: &Value) -> Option<&ReadinessRule> {
        let version = text_at(object, &["apiVersion"])?;
        self.readiness_rules.iter().find(|rule| rule.is_for(version, kind(object)))
    }

    /// Whether a user's rule says when objects of this kind are ready: then they are looked at, also those of a kind that is
    /// otherwise ready once it is there.
    #[must_use]
    pub fn has_rule_for(&self, api_version: &str, kind: &str) -> bool {
        self.readiness == ReadinessRules::Backstay
            && self.readiness_rules.iter().any(|rule| rule.is_for(api_version, kind))
    }

    /// The numbers of a level.
    #[must_use]
    pub fn at(fail_fast: FailFast) -> Self {
        let policy = Self { fail_fast, ..Self::default() };
        match fail_fast {
            FailFast::Off | FailFast::Default => policy,
            FailFast::Strict => Self { crash_restarts: 1, ..policy },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_file_may_name_one_number_and_no_wrong_one() {
        let policy: Policy =
            serde_json::from_str(r#"{"imageGraceMs": 60000, "failFast": "strict"}"#).unwrap();
        assert_eq!(
            policy,
            Policy { image_grace_ms: 60_000, fail_fast: FailFast::Strict, ..Policy::default() }
        );
        assert!(serde_json::from_str::<Policy>(r#"{"imageGrace": 60000}"#).is_err());
        assert_eq!(Policy::at(FailFast::Strict).crash_restarts, 1);
    }
}
