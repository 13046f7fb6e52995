//! The time a rollout lives in: the wall clock for a real cluster, the model's own time for the sandbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backstay_core::object::Timestamp;
use tokio::sync::oneshot;

/// A clock that can be slept on.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// The wall clock as it was when the process began, and the time since then: a clock that is set in the middle of a rollout,
    /// by whatever it is set, decides nothing.
    Wall(Timestamp, Instant),
    /// The sandbox's time.
    Model(ModelClock),
}

impl Clock {
    /// The time of a real cluster.
    pub(crate) fn wall() -> Self {
        Self::Wall(wall_now(), Instant::now())
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Wall(began, since) => began.after(since.elapsed()),
            Self::Model(clock) => clock.time().now,
        }
    }

    /// Sleeps until a time; returns at once when it has passed.
    pub(crate) async fn sleep_until(&self, until: Timestamp) {
        match self {
            Self::Wall(..) => tokio::time::sleep(until.since(self.now())).await,
            Self::Model(clock) => clock.sleep_until(until).await,
        }
    }

    /// Sleeps for a while.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let until = self.now().after(duration);
        self.sleep_until(until).await;
    }
}

/// Milliseconds of the wall clock.
pub(crate) fn wall_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The sandbox's time. It stands still unless the sandbox moves it on.
#[derive(Clone, Debug)]
pub(crate) struct ModelClock(Arc<Mutex<ModelTime>>);

#[derive(Debug)]
struct ModelTime {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
    next: u64,
}

impl ModelClock {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(ModelTime { now, sleepers: BTreeMap::new(), next: 0 })))
    }

    fn time(&self) -> MutexGuard<'_, ModelTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the first sleeper wants to be woken; `None` when nobody sleeps.
    pub(crate) fn next_sleeper(&self) -> Option<Timestamp> {
        let mut time = self.time();
        // Sleepers that were given up (the other branch of a select came first) must not hold time back.
        time.sleepers.retain(|_, sender| !sender.is_closed());
        time.sleepers.keys().next().map(|(at, _)| *at)
    }

    /// Moves time on and wakes who is due.
    pub(crate) fn advance(&self, now: Timestamp) {
        let mut time = self.time();
        time.now = time.now.max(now);
        let next = (Timestamp(time.now.0.saturating_add(1)), 0);
        let later = time.sleepers.split_off(&next);
        let due = std::mem::replace(&mut time.sleepers, later);
        drop(time);
        for sender in due.into_values() {
            // A sleeper that has gone needs no waking.
            let _gone = sender.send(());
        }
    }

    async fn sleep_until(&self, until: Timestamp) {
        let receiver = {
            let mut time = self.time();
            if until <= time.now {
                None
            } else {
                let (sender, receiver) = oneshot::channel();
                time.next += 1;
                let key = (until, time.next);
                time.sleepers.insert(key, sender);
                Some(receiver)
            }
        };
        match receiver {
            // The clock outlives its sleepers; should it not, waking is right.
            Some(receiver) => drop(receiver.await),
            None => tokio::task::yield_now().await,
        }
    }
}
