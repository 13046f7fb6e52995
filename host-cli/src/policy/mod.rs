//! The policy file: what a team has decided about its rollouts, beside the chart. Flags win over it.

mod fields;
mod profiles;
mod read;
mod remedy;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use backstay_core::health::{FailFast, Policy as Health, ReadinessRule, ReadinessRules};

use backstay_core::rollout::NoReturn;
use serde_json::{Map, Value};

use crate::exit::Stop;
use crate::notify::Target;
pub(crate) use remedy::Strategy;
use remedy::{Tests, Way};

/// What a policy file beside a chart is called.
pub(crate) const FILE_NAME: &str = "backstay.yaml";

/// What a policy file says; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PolicyFile {
    /// What counts for every way, and then for installs and upgrades alone.
    pub(crate) general: Way,
    pub(crate) install: Way,
    pub(crate) upgrade: Way,
    pub(crate) tests: Tests,
    pub(crate) bake: Option<Duration>,
    /// How long running pods may go without progress; `None` computes it.
    pub(crate) patience: Option<Duration>,
    pub(crate) fail_fast: Option<FailFast>,
    /// What a failure after a point of no return means.
    pub(crate) no_return: Option<NoReturn>,
    pub(crate) readiness: Option<ReadinessRules>,
    pub(crate) readiness_rules: Vec<ReadinessRule>,
    pub(crate) crash_restarts: Option<u32>,
    pub(crate) crash_share_percent: Option<u32>,
    pub(crate) graces: Vec<(String, u64)>,
    pub(crate) notify: Vec<Target>,
}

impl PolicyFile {
    /// Reads `--policy`, with the profile if one is chosen, over what was decided elsewhere; nothing given says nothing.
    ///
    /// # Errors
    /// With exit code 4, before anything is changed: file, line, what is wrong there.
    pub(crate) fn load(
        path: Option<&Path>,
        profile: Option<&str>,
        elsewhere: &Map<String, Value>,
    ) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return read::read("", profile, elsewhere).map_err(|wrong| Stop::refused(wrong.words));
        };
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Stop::refused(format!("the policy file {shown} cannot be read: {error}")))?;
        read::read(&text, profile, elsewhere)
            .map_err(|wrong| Stop::refused(format!("{shown}:{}: {}", wrong.line, wrong.words)))
    }

    /// Who is told, for commands that need no more of the file.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn receivers(path: Option<&Path>) -> anyhow::Result<Vec<Target>> {
        Ok(Self::load(path, None, &Map::new())?.notify)
    }

    /// What counts for an install, or for an upgrade.
    pub(crate) fn way(&self, is_install: bool) -> Way {
        let own = if is_install { &self.install } else { &self.upgrade };
        let general = &self.general;
        Way {
            timeout: own.timeout.or(general.timeout),
            remedy: own.remedy.or(&general.remedy),
            hooks: own.hooks.or(general.hooks),
            cleanup_on_fail: own.cleanup_on_fail.or(general.cleanup_on_fail),
            wait: own.wait.or(general.wait),
            wait_for_jobs: own.wait_for_jobs.or(general.wait_for_jobs),
            ignore_test_failures: own.ignore_test_failures.or(general.ignore_test_failures),
        }
    }

    /// The rules of judging at a level.
    pub(crate) fn health(&self, level: FailFast) -> Health {
        let mut health = fields::with_graces(&Health::at(level), &self.graces);
        if let Some(readiness) = self.readiness {
            health.readiness = readiness;
        }
        health.readiness_rules.clone_from(&self.readiness_rules);
        if let Some(restarts) = self.crash_restarts {
            health.crash_restarts = restarts;
        }
        if let Some(share) = self.crash_share_percent {
            health.crash_share_percent = share;
        }
        health
    }
}

/// The policy file beside a chart: in its folder, or next to it. None for a chart that is not on this machine: what is fetched
/// does not say how it is deployed.
pub(crate) fn beside(chart: &str) -> Option<PathBuf> {
    let chart = Path::new(chart);
    if !chart.exists() {
        return None;
    }
    let inside = chart.join(FILE_NAME);
    // The folder of `.` is told by its full path alone.
    let next = || std::fs::canonicalize(chart).ok()?.parent().map(|folder| folder.join(FILE_NAME));
    if inside.is_file() { Some(inside) } else { next().filter(|path| path.is_file()) }
}
