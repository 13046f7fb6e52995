//! The status of a revision.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The status of a revision, in Helm's words (`pkg/release/common/status.go`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Applied and, as far as anybody knows, running.
    Deployed,
    /// Gone; only its record is kept.
    Uninstalled,
    /// Replaced by a newer revision.
    Superseded,
    /// Did not come up.
    Failed,
    /// Being removed.
    Uninstalling,
    /// A first install is under way, or its process died.
    PendingInstall,
    /// An upgrade is under way, or its process died.
    PendingUpgrade,
    /// A rollback is under way, or its process died.
    PendingRollback,
    /// Nothing is known; also any word that Helm does not write.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Helm's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Uninstalled => "uninstalled",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalling => "uninstalling",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
            Self::Unknown => "unknown",
        }
    }

    /// Whether an operation holds the release: Helm refuses to upgrade then.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
    }

    /// Whether Helm takes the revision for one that once worked (`action/upgrade.go`, `failRelease`).
    #[must_use]
    pub const fn counts_as_successful(self) -> bool {
        matches!(self, Self::Deployed | Self::Superseded)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
