//! What no manifest says and the arithmetic needs: networks, nodes, the program itself.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::FromJson;
use serde::Serialize;

use super::Override;

/// What the calculation assumes about the cluster and the programs. Every number can be measured and given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(default, deny_unknown_fields)]
pub struct Inputs {
    /// Compressed size of an image nobody named, in megabytes (10^6 bytes).
    pub image_mb: u64,
    /// Compressed sizes of images in megabytes, by the name in the manifest.
    pub images: BTreeMap<String, u64>,
    /// What a node pulls in one second, in megabytes.
    pub bandwidth_mb_s: u64,
    /// What a pull takes beside its bytes: resolving, unpacking.
    pub pull_overhead_ms: u64,
    /// From a pod's creation until its first container may start: scheduling, network, volumes.
    pub scheduling_ms: u64,
    /// Until a new node is there, where the cluster has to grow for this rollout; 0: it does not.
    pub node_start_ms: u64,
    /// How many nodes take the pods.
    pub nodes: u64,
    /// From a container's start until it would answer its probes well, where that was measured. Without it the probes
    /// themselves say what is allowed.
    pub start_ms: Option<u64>,
    /// What an init container works, where that was measured.
    pub init_ms: Option<u64>,
    /// What one pod of a Job works, where that was measured.
    pub job_ms: Option<u64>,
    /// What is added once for the API, controllers and watches.
    pub buffer_ms: u64,
    /// Never recommend less.
    pub least_ms: u64,
    /// Numbers that count instead of the manifest's: replicas, probes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

impl Default for Inputs {
    fn default() -> Self {
        Self {
            image_mb: 300,
            images: BTreeMap::new(),
            bandwidth_mb_s: 10,
            pull_overhead_ms: 0,
            scheduling_ms: 5_000,
            node_start_ms: 0,
            nodes: 3,
            start_ms: None,
            init_ms: None,
            job_ms: None,
            buffer_ms: 30_000,
            least_ms: 60_000,
            overrides: Vec::new(),
        }
    }
}

impl Inputs {
    /// How long one node pulls an image it does not have.
    #[must_use]
    pub fn pull_ms(&self, image: &str) -> u64 {
        let size_mb = self.images.get(image).copied().unwrap_or(self.image_mb);
        let bytes_ms = size_mb.saturating_mul(1000).div_ceil(self.bandwidth_mb_s.max(1));
        bytes_ms.saturating_add(self.pull_overhead_ms)
    }
}

/// The rule of thumb people use: pods x (initialDelay + period x failureThreshold) + buffer, in milliseconds.
#[must_use]
pub const fn rule_of_thumb(
    pods: u64,
    initial_delay_ms: u64,
    period_ms: u64,
    failure_threshold: u64,
    buffer_ms: u64,
) -> u64 {
    let pod_ms = initial_delay_ms.saturating_add(period_ms.saturating_mul(failure_threshold));
    pods.saturating_mul(pod_ms).saturating_add(buffer_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_gives_what_people_expect() {
        for (pods, probe, buffer_ms, expected_ms) in [
            (6, (10, 5, 3), 60_000, 210_000),
            (1, (0, 10, 3), 0, 30_000),
            (0, (10, 5, 3), 60_000, 60_000),
            (u64::MAX, (10, 5, 3), 60_000, u64::MAX),
        ] {
            let (initial, period, failures) = probe;
            assert_eq!(rule_of_thumb(pods, initial * 1000, period * 1000, failures, buffer_ms), expected_ms);
        }
    }

    #[test]
    fn a_pull_is_size_by_bandwidth() {
        let mut inputs = Inputs::default();
        assert_eq!(inputs.pull_ms("web:v1"), 30_000);
        inputs.images.insert("web:v1".into(), 55);
        inputs.pull_overhead_ms = 500;
        assert_eq!(inputs.pull_ms("web:v1"), 6_000);
    }
}
