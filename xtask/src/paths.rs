//! Where things are: the repository, and the cache of built tools.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The root of the repository this binary was built from.
pub(crate) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where cargo puts the programs of a profile.
pub(crate) fn built(profile: &str) -> PathBuf {
    let given = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    let target = given.map_or_else(|| PathBuf::from("target"), PathBuf::from);
    repository().join(target).join(profile)
}

/// The folder of built tools: `$BACKSTAY_CACHE_DIR`, else `$XDG_CACHE_HOME/backstay`, else `~/.cache/backstay`.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    let given = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = given("BACKSTAY_CACHE_DIR") {
        return Ok(folder);
    }
    if let Some(folder) = given("XDG_CACHE_HOME") {
        return Ok(folder.join("backstay"));
    }
    let home =
        given("HOME").context("HOME is not set; set BACKSTAY_CACHE_DIR to a folder for built tools")?;
    Ok(home.join(".cache").join("backstay"))
}

/// The file of an executable on PATH or in the places of administrators' programs, which a plain user's PATH lacks.
pub(crate) fn executable(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/local/go/bin"].map(PathBuf::from);
    env::split_paths(&path).chain(usual).map(|folder| folder.join(name)).find(|file| file.is_file())
}
