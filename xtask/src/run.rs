//! Runs commands: seen (their output goes to the terminal) or read.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Runs a command in sight of the user and fails with its name when it fails.
pub(crate) fn seen(command: &mut Command) -> anyhow::Result<()> {
    let text = spell(command);
    let status = command.status().with_context(|| format!("{text}: cannot be started"))?;
    if !status.success() {
        bail!("{text}: {status}");
    }
    Ok(())
}

/// Runs a command and gives what it wrote to standard output; an error carries the end of what it wrote to standard error.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<String> {
    let text = spell(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("{text}: cannot be started"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{text}: {}: {}", output.status, last_lines(&said, 8));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command without showing its output, for at most a given time. The command is ended when the time is over.
pub(crate) fn within(limit: Duration, command: &mut Command) -> anyhow::Result<()> {
    let text = spell(command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("{text}: cannot be started"))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if status.success() {
                return Ok(());
            }
            bail!("{text}: {status}");
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("{text}: no answer within {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The last lines of a text, for error messages.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A command as one would type it.
fn spell(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a step of a task and prints how long it took.
pub(crate) fn step(name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("==> {name}");
    let started = Instant::now();
    work().with_context(|| format!("{name}, after {:.1} s", started.elapsed().as_secs_f64()))?;
    println!("    {name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}
