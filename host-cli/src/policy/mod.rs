//! The policy file: what a team has decided about its rollouts, beside the chart. Flags win over it.

mod fields;
mod read;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use backstay_core::health::{FailFast, Policy as Health, ReadinessRule, ReadinessRules};

use backstay_core::rollout::NoReturn;

use crate::args::Timeout;
use crate::exit::Stop;
use crate::notify::Target;

/// What a policy file says; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PolicyFile {
    pub(crate) timeout: Option<Timeout>,
    pub(crate) bake: Option<Duration>,
    /// How long running pods may go without progress; `None` computes it.
    pub(crate) patience: Option<Duration>,
    pub(crate) fail_fast: Option<FailFast>,
    /// Whether a failure is undone.
    pub(crate) undo: Option<bool>,
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
    /// Reads `--policy`; nothing given says nothing.
    ///
    /// # Errors
    /// With exit code 4, before anything is changed: file, line, what is wrong there.
    pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Stop::refused(format!("the policy file {shown} cannot be read: {error}")))?;
        read::read(&text).map_err(|wrong| Stop::refused(format!("{shown}:{}: {}", wrong.line, wrong.words)))
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
