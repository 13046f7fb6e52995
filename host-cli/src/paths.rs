//! Where this program keeps its files, by the XDG rules.

use std::path::PathBuf;

/// `$XDG_STATE_HOME/backstay`, or `~/.local/state/backstay`.
pub(crate) fn state_dir() -> PathBuf {
    base("XDG_STATE_HOME", ".local/state")
}

fn base(variable: &str, below_home: &str) -> PathBuf {
    let given = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let path = given.or_else(|| std::env::home_dir().map(|home| home.join(below_home)));
    path.unwrap_or_else(std::env::temp_dir).join("backstay")
}

/// The sandbox file when none is named.
pub(crate) fn sandbox_file() -> PathBuf {
    std::env::var_os("BACKSTAY_SANDBOX").map_or_else(|| state_dir().join("sandbox.json"), PathBuf::from)
}
