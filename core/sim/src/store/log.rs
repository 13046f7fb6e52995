//! The bounded log of changes, from which watches and controllers live.

use std::collections::VecDeque;
use std::sync::Arc;

use backstay_object::ResourceKey;
use serde_json::Value;

use super::ApiError;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was created.
    Added,
    /// It was changed (also: marked for deletion).
    Modified,
    /// It is gone; the change carries its last state.
    Deleted,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The resourceVersion this change made.
    pub rv: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// To which object.
    pub key: ResourceKey,
    /// The object after the change; the last state for [`ChangeKind::Deleted`].
    pub object: Arc<Value>,
    /// The object before the change, where there was one.
    pub previous: Option<Arc<Value>>,
}

/// Changes in the order of their resourceVersion, the oldest dropped first.
#[derive(Clone, Debug)]
pub(super) struct ChangeLog {
    changes: VecDeque<Change>,
    limit: usize,
    /// Changes up to and including this resourceVersion are no longer known.
    compacted: u64,
}

impl ChangeLog {
    pub(super) fn new(limit: usize, compacted: u64) -> Self {
        Self { changes: VecDeque::new(), limit: limit.max(1), compacted }
    }

    pub(super) fn push(&mut self, change: Change) {
        if self.changes.len() >= self.limit
            && let Some(dropped) = self.changes.pop_front()
        {
            self.compacted = dropped.rv;
        }
        self.changes.push_back(change);
    }

    pub(super) fn compact(&mut self, rv: u64) {
        while self.changes.front().is_some_and(|change| change.rv <= rv) {
            self.changes.pop_front();
        }
        self.compacted = self.compacted.max(rv);
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
        while self.changes.len() > self.limit {
            if let Some(dropped) = self.changes.pop_front() {
                self.compacted = dropped.rv;
            }
        }
    }

    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(super) fn since(&self, rv: u64) -> Result<impl Iterator<Item = &Change>, ApiError> {
        if rv < self.compacted {
            return Err(ApiError::expired(rv, self.compacted));
        }
        let start = self.changes.partition_point(|change| change.rv <= rv);
        Ok(self.changes.range(start..))
    }
}
