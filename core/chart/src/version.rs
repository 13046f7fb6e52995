//! Versions of charts and of Kubernetes.

use backstay_gotemplate::semver::{Constraint, Version};

/// Whether a chart may have this version.
pub(crate) fn is_valid(version: &str) -> bool {
    Version::parse(version).is_ok()
}

/// Whether a version is in a range (`IsCompatibleRange`); what cannot be read is not.
pub(crate) fn is_compatible(range: &str, version: &str) -> bool {
    match (Constraint::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.check(&version),
        _ => false,
    }
}
