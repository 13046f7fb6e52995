//! The descriptions that Helm writes and other tools look for (helm `pkg/action` v4.3).

use alloc::format;
use alloc::string::String;

/// A first install began.
pub const INSTALL_UNDERWAY: &str = "Initial install underway";
/// A first install is done.
pub const INSTALL_COMPLETE: &str = "Install complete";
/// An upgrade began.
pub const PREPARING_UPGRADE: &str = "Preparing upgrade";
/// An upgrade is done.
pub const UPGRADE_COMPLETE: &str = "Upgrade complete";
/// An uninstall began.
pub const DELETION_IN_PROGRESS: &str = "Deletion in progress (or silently failed)";
/// An uninstall is done and its record is kept.
pub const UNINSTALLATION_COMPLETE: &str = "Uninstallation complete";

/// A rollback, begun or done.
#[must_use]
pub fn rollback_to(revision: u32) -> String {
    format!("Rollback to {revision}")
}

/// An install that failed.
#[must_use]
pub fn install_failed(release: &str, reason: &str) -> String {
    format!("Release {release:?} failed: {reason}")
}

/// An upgrade that failed.
#[must_use]
pub fn upgrade_failed(release: &str, reason: &str) -> String {
    format!("Upgrade {release:?} failed: {reason}")
}

/// A rollback that failed.
#[must_use]
pub fn rollback_failed(release: &str, reason: &str) -> String {
    format!("Rollback {release:?} failed: {reason}")
}
