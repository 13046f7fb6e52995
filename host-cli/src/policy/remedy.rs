//! What happens after a failure: how often it is tried again, and what becomes of what is left.

use std::time::Duration;

use crate::args::Timeout;

/// The way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// To the revision that worked; a first install is cleaned up.
    #[default]
    Rollback,
    /// The release is uninstalled.
    Uninstall,
    /// Everything stays as it is.
    None,
}

/// How many further tries a failure gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retries {
    /// As many.
    Count(u32),
    /// As long as `--deadline` leaves time for one.
    Unlimited,
}

/// Where nothing bounds the tries, somebody still waits for the command.
const UNLIMITED_WITHOUT_DEADLINE: u32 = 5;

/// Between two tries that nothing is said about.
const PAUSE: Duration = Duration::from_secs(10);

/// What a file says about failures; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remedy {
    pub(crate) strategy: Option<Strategy>,
    pub(crate) retries: Option<Retries>,
    pub(crate) retry_interval: Option<Duration>,
    /// Whether the strategy counts for the last failure, too, or only between tries.
    pub(crate) remediate_last_failure: Option<bool>,
    /// With `uninstall`: the records stay.
    pub(crate) keep_history: Option<bool>,
}

impl Remedy {
    /// With what is not said here taken from another.
    pub(crate) fn or(&self, general: &Self) -> Self {
        Self {
            strategy: self.strategy.or(general.strategy),
            retries: self.retries.or(general.retries),
            retry_interval: self.retry_interval.or(general.retry_interval),
            remediate_last_failure: self.remediate_last_failure.or(general.remediate_last_failure),
            keep_history: self.keep_history.or(general.keep_history),
        }
    }

    /// How many tries are left after so many that failed.
    pub(crate) fn left(&self, failed: u32, has_deadline: bool) -> u32 {
        match self.retries.unwrap_or(Retries::Count(0)) {
            Retries::Count(count) => count.saturating_sub(failed),
            Retries::Unlimited if has_deadline => u32::MAX,
            Retries::Unlimited => UNLIMITED_WITHOUT_DEADLINE.saturating_sub(failed),
        }
    }

    /// How long to wait before the next try.
    pub(crate) fn pause(&self) -> Duration {
        self.retry_interval.unwrap_or(PAUSE)
    }

    /// Whether a failure is remediated, when so many tries are left.
    pub(crate) fn applies(&self, left: u32) -> bool {
        left > 0 || self.remediate_last_failure.unwrap_or(true)
    }
}

/// What counts for installs or for upgrades alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Way {
    pub(crate) timeout: Option<Timeout>,
    pub(crate) remedy: Remedy,
    pub(crate) hooks: Option<bool>,
    pub(crate) cleanup_on_fail: Option<bool>,
    pub(crate) wait: Option<bool>,
    pub(crate) wait_for_jobs: Option<bool>,
    pub(crate) ignore_test_failures: Option<bool>,
}

/// What becomes of the chart's tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    pub(crate) enable: Option<bool>,
    /// They run and are told, and decide nothing.
    pub(crate) ignore_failures: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_and_bounded() {
        let remedy = |retries, last| Remedy { retries, remediate_last_failure: last, ..Remedy::default() };
        for (retries, failed, deadline, left) in [
            (None, 0, false, 0),
            (Some(Retries::Count(2)), 0, false, 2),
            (Some(Retries::Count(2)), 2, true, 0),
            (Some(Retries::Count(2)), 3, false, 0),
            (Some(Retries::Unlimited), 4, false, 1),
            (Some(Retries::Unlimited), 400, false, 0),
            (Some(Retries::Unlimited), 400, true, u32::MAX),
        ] {
            assert_eq!(remedy(retries, None).left(failed, deadline), left, "{retries:?} {failed}");
        }
        for (last, left, applies) in
            [(None, 0, true), (Some(false), 0, false), (Some(false), 1, true), (Some(true), 0, true)]
        {
            assert_eq!(remedy(None, last).applies(left), applies, "{last:?} {left}");
        }
        let own = Remedy { strategy: Some(Strategy::None), ..Remedy::default() };
        let general =
            Remedy { strategy: Some(Strategy::Uninstall), retries: Some(Retries::Count(1)), ..own.clone() };
        let both = own.or(&general);
        assert_eq!((both.strategy, both.retries), (Some(Strategy::None), Some(Retries::Count(1))));
    }
}
