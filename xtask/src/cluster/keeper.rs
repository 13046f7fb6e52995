//! Takes a cluster down when the process that uses it ends in a way that leaves it no time to do so itself: Ctrl-C, a kill.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::process::Process;
use super::state::State;
use super::take_down;

/// Starts a keeper for a cluster that ends with this process.
pub(crate) fn start(folder: &Path) -> anyhow::Result<()> {
    // By the process, not by its path: cargo may have built another xtask there since this one was started.
    let mut command = Command::new("/proc/self/exe");
    command.args(["cluster", "keep", "--owner", &std::process::id().to_string(), "--dir"]).arg(folder);
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(|_| ()).context("no keeper for the cluster can be started")
}

/// Waits until the owner has ended, the cluster is gone, or it is left to run on without its owner.
pub(crate) fn run(folder: &Path, owner: i32) -> anyhow::Result<()> {
    let owner = Process::running("owner", owner)?;
    loop {
        // The owner is looked at first: what it left to run on before its end is then seen as such.
        let is_alive = owner.as_ref().is_some_and(Process::is_alive);
        if !State::load(folder)?.is_some_and(|state| state.bound) {
            return Ok(());
        }
        if !is_alive {
            return take_down::take_down(folder);
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}
