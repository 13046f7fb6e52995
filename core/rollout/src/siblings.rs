//! How the workloads of a release stand to each other: what crashes while another one is still coming up may only be waiting
//! for it, as an application does for its database.

use alloc::collections::BTreeSet;

use backstay_health::{Assessment, CauseCode, Status};
use backstay_object::{ResourceKey, Timestamp};

/// Who comes up, and who suffers meanwhile.
#[derive(Clone, Debug, Default)]
pub(crate) struct SiblingView {
    coming_up: BTreeSet<ResourceKey>,
    crashing: BTreeSet<ResourceKey>,
    probing: BTreeSet<ResourceKey>,
    rolling: BTreeSet<ResourceKey>,
}

impl SiblingView {
    /// Takes in a judgement.
    pub(crate) fn place(
        &mut self,
        key: &ResourceKey,
        assessment: &Assessment,
        has_pods: bool,
        now: Timestamp,
    ) {
        let shows = |codes: &[CauseCode]| {
            assessment.findings.iter().any(|finding| codes.contains(&finding.cause.code))
        };
        let is_crashing = shows(&[CauseCode::CrashLoop, CauseCode::OutOfMemory]);
        let is_lost = assessment
            .findings
            .iter()
            .any(|finding| finding.condemned_at.is_some_and(|condemned_at| condemned_at <= now));
        let comes_up =
            has_pods && assessment.readiness.status == Status::InProgress && !is_crashing && !is_lost;
        for (set, is_in) in [
            (&mut self.coming_up, comes_up),
            (&mut self.crashing, is_crashing),
            (&mut self.probing, shows(&[CauseCode::ProbeFailing, CauseCode::NoProgress])),
        ] {
            if is_in {
                set.insert(key.clone());
            } else {
                set.remove(key);
            }
        }
    }

    /// Takes in whether a workload on its way has pods that will go.
    pub(crate) fn roll(&mut self, key: &ResourceKey, will_shrink: bool) {
        if will_shrink {
            self.rolling.insert(key.clone());
        } else {
            self.rolling.remove(key);
        }
    }

    /// Whether another workload has pods that will go.
    pub(crate) fn rolling_beside(&self, key: &ResourceKey) -> bool {
        self.rolling.iter().any(|other| other != key)
    }

    /// Whether another workload comes up for which this one may wait. Two whose probes fail do not excuse each other.
    pub(crate) fn come_up_beside(&self, key: &ResourceKey) -> bool {
        let excuses_probes = !self.probing.contains(key) || self.crashing.contains(key);
        self.coming_up.iter().any(|other| other != key && (excuses_probes || !self.probing.contains(other)))
    }

    /// Whose judgement depends on the others.
    pub(crate) fn suffering(&self) -> impl Iterator<Item = &ResourceKey> {
        self.crashing.union(&self.probing)
    }
}
