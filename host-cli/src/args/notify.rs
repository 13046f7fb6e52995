//! Flags that say who is told how a command ended.

use std::path::PathBuf;

use clap::Args;

use crate::notify::{self, Hidden, Target};

/// Who is told, of every command that changes a release.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct NotifyArgs {
    /// Tell somebody how it ended, beside those of BACKSTAY_NOTIFY and of the policy file: slack=URL or webhook=URL; may be
    /// repeated; none: nobody named before it
    #[arg(long, value_delimiter = ' ', value_name = "slack=URL|webhook=URL|none")]
    pub(crate) notify: Vec<Hidden>,
    /// File with the secret that signs what goes to webhooks; or set BACKSTAY_NOTIFY_SECRET
    #[arg(long, value_name = "FILE")]
    pub(crate) notify_secret_file: Option<PathBuf>,
}

impl NotifyArgs {
    /// The receivers: those of the policy file, of the environment and of the flags.
    ///
    /// # Errors
    /// With exit code 4 when one cannot be used, see [`notify::targets`].
    pub(crate) fn targets(&self, of_policy: &[Target]) -> anyhow::Result<Vec<Target>> {
        let secret = notify::secret(self.notify_secret_file.as_deref())?;
        let of_environment = std::env::var("BACKSTAY_NOTIFY").unwrap_or_default();
        let words =
            of_environment.split_whitespace().chain(self.notify.iter().map(|hidden| hidden.0.as_str()));
        notify::targets(words, of_policy, secret.as_deref())
    }

    /// Has nobody told, whatever environment and policy file say.
    pub(crate) fn silence(&mut self) {
        self.notify = vec![Hidden(notify::NOBODY.to_owned())];
    }
}
