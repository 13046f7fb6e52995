//! What a release's revisions mean together.

use alloc::vec::Vec;
use core::time::Duration;

use backstay_object::Timestamp;

use crate::record::Record;
use crate::status::Status;

/// The revisions of one release, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    records: Vec<Record>,
}

/// A revision to go back to, and why it is thought to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healthy {
    /// Every object of it was once seen ready.
    Proven(u32),
    /// Nobody looked; by Helm's rule it counts: the highest that is deployed or superseded. Helm calls a revision deployed
    /// without waiting for it, so it may be broken.
    Assumed(u32),
}

impl Healthy {
    /// The revision's number.
    #[must_use]
    pub const fn revision(self) -> u32 {
        match self {
            Self::Proven(revision) | Self::Assumed(revision) => revision,
        }
    }
}

/// An operation that holds the release, or whose process died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    /// The pending revision.
    pub revision: u32,
    /// What was begun.
    pub status: Status,
    /// How long ago its record was last touched; `None` when the record does not say. Ours are touched with every
    /// journal entry, Helm's only at the beginning and after hooks.
    pub age: Option<Duration>,
    /// Whose it is.
    pub owner: PendingOwner<'a>,
}

/// Who began a pending operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingOwner<'a> {
    /// Backstay: this journal says how far it came.
    Backstay {
        /// The journal.
        journal: &'a str,
    },
    /// Helm or something that writes as it does. It keeps no journal, and nothing says whether it still runs.
    Helm,
}

impl History {
    /// A history from records in any order. Of records with the same number the last one counts.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let mut sorted: Vec<Record> = Vec::new();
        for record in records {
            let number = |record: &Record| record.release.version;
            match sorted.binary_search_by_key(&number(&record), number) {
                Ok(at) => {
                    if let Some(place) = sorted.get_mut(at) {
                        *place = record;
                    }
                }
                Err(at) => sorted.insert(at, record),
            }
        }
        Self { records: sorted }
    }

    /// The revisions, oldest first.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// One revision.
    #[must_use]
    pub fn get(&self, revision: u32) -> Option<&Record> {
        self.records.iter().find(|record| record.release.version == revision)
    }

    /// The newest revision, whatever became of it.
    #[must_use]
    pub fn latest(&self) -> Option<&Record> {
        self.records.last()
    }

    /// The number of the next revision.
    #[must_use]
    pub fn next_revision(&self) -> u32 {
        self.latest().map_or(1, |record| record.release.version.saturating_add(1))
    }

    /// The newest deployed revision. Two can be deployed after a crash between Helm's two writes or when two ran at once.
    #[must_use]
    pub fn deployed(&self) -> Option<&Record> {
        self.newest(|record| record.release.info.status == Status::Deployed)
    }

    /// The revision an upgrade starts from (`action/upgrade.go` v4.3): the newest deployed one, else the latest if it
    /// failed or was superseded, else none: there is nothing to upgrade.
    #[must_use]
    pub fn current(&self) -> Option<&Record> {
        let undeployed =
            |record: &&Record| matches!(record.release.info.status, Status::Failed | Status::Superseded);
        self.deployed().or_else(|| self.latest().filter(undeployed))
    }

    /// The revision to go back to: the newest that was proven healthy, else by Helm's rule.
    #[must_use]
    pub fn last_healthy(&self) -> Option<Healthy> {
        let revision = |record: &Record| record.release.version;
        if let Some(record) = self.newest(|record| record.healthy) {
            return Some(Healthy::Proven(revision(record)));
        }
        self.newest(|record| record.release.info.status.counts_as_successful())
            .map(|record| Healthy::Assumed(revision(record)))
    }

    /// Takes a revision for proven: the host looked and every object of it was ready. Does not change what is stored.
    pub fn mark_healthy(&mut self, revision: u32) {
        for record in self.records.iter_mut().filter(|record| record.release.version == revision) {
            record.healthy = true;
        }
    }

    /// The operation that holds the release, if the latest revision is pending.
    #[must_use]
    pub fn pending(&self, now: Timestamp) -> Option<Pending<'_>> {
        let record = self.latest().filter(|record| record.release.info.status.is_pending())?;
        let owner = record
            .journal
            .as_deref()
            .map_or(PendingOwner::Helm, |journal| PendingOwner::Backstay { journal });
        Some(Pending {
            revision: record.release.version,
            status: record.release.info.status,
            age: record.touched_at().map(|touched| now.since(touched)),
            owner,
        })
    }

    /// The revisions that become superseded when `revision` is deployed: every other deployed one.
    pub fn superseded_by(&self, revision: u32) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| {
            record.release.info.status == Status::Deployed && record.release.version != revision
        })
    }

    /// The revisions to delete before a new one is stored, oldest first, so that at most `max` remain with it; 0 keeps
    /// all. Never the newest deployed one (as Helm, `pkg/storage/storage.go` v4.3), never the one to go back to, and never the
    /// latest, whose manifest says what may be left in the cluster; a small `max` is exceeded rather.
    #[must_use]
    pub fn prunable(&self, max: u32) -> Vec<u32> {
        let Some(room) = max.checked_sub(1).and_then(|room| usize::try_from(room).ok()) else {
            return Vec::new();
        };
        let excess = self.records.len().saturating_sub(room);
        let kept = [
            self.latest().map(|record| record.release.version),
            self.deployed().map(|record| record.release.version),
            self.last_healthy().map(Healthy::revision),
        ];
        let numbers = self.records.iter().map(|record| record.release.version);
        numbers.filter(|revision| !kept.contains(&Some(*revision))).take(excess).collect()
    }

    fn newest(&self, wanted: impl Fn(&Record) -> bool) -> Option<&Record> {
        self.records.iter().rev().find(|record| wanted(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Release;
    use Status::{Deployed, Failed, PendingRollback, PendingUpgrade, Superseded, Uninstalled};
    use alloc::string::ToString;

    /// Revisions from 1 on; `true` for a proven one.
    fn history(revisions: &[(Status, bool)]) -> History {
        History::new(revisions.iter().zip(1..).map(|((status, healthy), version)| {
            let mut release = Release { version, ..Release::default() };
            release.set_status(*status, "");
            Record { healthy: *healthy, ..Record::new(release) }
        }))
    }

    #[test]
    fn where_to_go_back_and_what_to_prune() {
        let check =
            |revisions: &[(Status, bool)], healthy: Option<Healthy>, current: Option<u32>, prune: &[u32]| {
                let history = history(revisions);
                assert_eq!(history.last_healthy(), healthy, "{revisions:?}");
                assert_eq!(history.current().map(|record| record.release.version), current, "{revisions:?}");
                assert_eq!(history.prunable(3), prune, "{revisions:?}");
                assert!(history.prunable(0).is_empty(), "{revisions:?}");
            };
        let proven = |revision| Some(Healthy::Proven(revision));
        let assumed = |revision| Some(Healthy::Assumed(revision));
        check(&[], None, None, &[]);
        check(&[(Failed, false)], None, Some(1), &[]);
        check(&[(Uninstalled, false)], None, None, &[]);
        check(&[(Superseded, false), (Deployed, false)], assumed(2), Some(2), &[]);
        // Helm's trap: 2 was recorded as deployed without anybody looking; 1 is known to have worked.
        check(&[(Superseded, true), (Deployed, false), (Failed, false)], proven(1), Some(2), &[]);
        check(&[(Superseded, true), (Failed, false), (PendingUpgrade, false)], proven(1), None, &[2]);
        check(&[(Superseded, false), (Superseded, false), (Failed, false)], assumed(2), Some(3), &[1]);
        check(
            &[(Superseded, true), (Superseded, true), (Superseded, false), (Failed, false), (Deployed, true)],
            proven(5),
            Some(5),
            &[1, 2, 3],
        );
    }

    #[test]
    fn a_pending_latest_says_whose_it_is() {
        let mut history = history(&[(Deployed, true), (PendingRollback, false)]);
        let now = Timestamp(90_000);
        assert_eq!(history.pending(now).unwrap().owner, PendingOwner::Helm);
        assert_eq!(history.pending(now).unwrap().age, None);
        let latest = history.records.last_mut().unwrap();
        latest.journal = Some("{}".to_string());
        latest.modified_at = Some(Timestamp(30_000));
        let pending = history.pending(now).unwrap();
        assert_eq!(pending.owner, PendingOwner::Backstay { journal: "{}" });
        assert_eq!(pending.age, Some(Duration::from_secs(60)));
        history.records.pop();
        assert_eq!(history.pending(now), None);
        assert_eq!(history.superseded_by(2).count(), 1);
        assert_eq!(history.superseded_by(1).count(), 0);
        assert_eq!(history.next_revision(), 2);
    }

    #[test]
    fn what_a_host_saw_counts_as_proof() {
        let mut history = history(&[(Superseded, true), (Deployed, false)]);
        history.mark_healthy(2);
        assert_eq!(history.last_healthy(), Some(Healthy::Proven(2)));
    }
}
