//! Keeps the house in order: arrows between rooms, licences, and what may not be in any file.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/licences.rs"]
mod licences;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The root of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// What cargo says about the workspace, without asking the network.
fn metadata(more: &[&str]) -> anyhow::Result<Value> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(["metadata", "--format-version", "1", "--offline"]).args(more);
    let output = command.output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")
}

/// The same with all packages that are built on this platform; those of others need not be downloaded where the tests run.
fn metadata_with_packages(more: &[&str]) -> anyhow::Result<Value> {
    let output =
        Command::new("rustc").current_dir(root()).arg("-vV").output().context("rustc cannot be started")?;
    let said = String::from_utf8(output.stdout)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc named no host")?;
    metadata(&[&["--filter-platform", host], more].concat())
}

/// The members of an array; none when it is no array.
fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A string; empty when it is none.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What has to be empty, shown line by line when it is not.
fn assert_none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}
