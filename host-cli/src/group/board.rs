//! Where the releases of a group tell how they do and how they ended.

use std::cell::RefCell;
use std::rc::Rc;

use crate::reporter::Summary;

/// A release as a part of a group, for whoever reports it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// What the group calls it.
    pub(crate) id: String,
    /// Show nothing while it runs: the group prints one document at the end.
    pub(crate) silent: bool,
    /// How it ended, once it has.
    end: Rc<RefCell<Option<Summary>>>,
}

impl Member {
    pub(crate) fn new(id: &str, silent: bool) -> Self {
        Self { id: id.to_owned(), silent, end: Rc::default() }
    }

    /// Keeps the end for the group's own.
    pub(crate) fn ended(&self, summary: Summary) {
        *self.end.borrow_mut() = Some(summary);
    }

    /// The end that was kept.
    pub(crate) fn take(&self) -> Option<Summary> {
        self.end.borrow_mut().take()
    }
}
