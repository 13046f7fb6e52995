//! Flags that say who is told how a command ended.

use std::path::PathBuf;

use clap::Args;

use crate::notify::{self, Hidden, Target};

/// Who is told, of every command that changes a release.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct NotifyArgs {
    /// Tell somebody how it ended: slack=URL or webhook=URL; may be repeated
    #[arg(
        long,
        env = "BACKSTAY_NOTIFY",
        hide_env_values = true,
        value_delimiter = ' ',
        value_name = "slack=URL|webhook=URL"
    )]
    pub(crate) notify: Vec<Hidden>,
    /// File with the secret that signs what goes to webhooks; or set BACKSTAY_NOTIFY_SECRET
    #[arg(long, value_name = "FILE")]
    pub(crate) notify_secret_file: Option<PathBuf>,
}

impl NotifyArgs {
    /// The receivers: those of the flags, or else those of the policy file.
    ///
    /// # Errors
    /// With exit code 4 when one cannot be used, see [`notify::targets`].
    pub(crate) fn targets(&self, of_policy: &[Target]) -> anyhow::Result<Vec<Target>> {
        let secret = notify::secret(self.notify_secret_file.as_deref())?;
        notify::targets(&self.notify, of_policy, secret.as_deref())
    }
}
