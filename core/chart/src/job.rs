//! Work that is done once, by whoever comes first.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Work that several may do, and one does.
pub(crate) struct Job<T> {
    is_taken: AtomicBool,
    /// Nothing where it was given up.
    outcome: OnceLock<Option<T>>,
}

impl<T> Default for Job<T> {
    fn default() -> Self {
        Self { is_taken: AtomicBool::new(false), outcome: OnceLock::new() }
    }
}

impl<T> Job<T> {
    /// Does it, unless somebody has begun.
    pub(crate) fn begin(&self, work: impl FnOnce() -> T) {
        if !self.is_taken.swap(true, Ordering::Relaxed) {
            let _end = End(&self.outcome);
            // Nobody else sets it.
            let _ = self.outcome.set(Some(work()));
        }
    }

    #[cfg(test)]
    pub(crate) fn has_begun(&self) -> bool {
        self.is_taken.load(Ordering::Relaxed)
    }

    /// Nobody needs it any more; who has begun goes on.
    pub(crate) fn give_up(&self) {
        if !self.is_taken.swap(true, Ordering::Relaxed) {
            let _ = self.outcome.set(None);
        }
    }

    /// What comes of it: it is done here, or waited for where somebody has begun. Nothing where it was given up.
    pub(crate) fn outcome(&self, work: impl FnOnce() -> T) -> Option<&T> {
        self.begin(work);
        self.outcome.wait().as_ref()
    }
}

/// Who waits must not wait for ever where the work broke off.
struct End<'a, T>(&'a OnceLock<Option<T>>);

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        // Has no effect where there is an outcome.
        let _ = self.0.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_done_once() {
        let job = Job::default();
        job.begin(|| 1);
        job.begin(|| 2);
        job.give_up();
        assert_eq!(job.outcome(|| 3), Some(&1));
        let job = Job::default();
        job.give_up();
        assert_eq!(job.outcome(|| 1), None);
    }

    #[test]
    fn who_waits_is_told_that_work_broke_off() {
        let job: Job<u8> = Job::default();
        std::thread::scope(|scope| {
            let broken = scope.spawn(|| job.begin(|| std::panic::resume_unwind(Box::new(()))));
            assert!(broken.join().is_err());
            assert_eq!(job.outcome(|| 1), None);
        });
    }
}
