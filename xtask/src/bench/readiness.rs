//! `cargo xtask bench readiness`: what one judgement costs beside kstatus in Go on the same objects, and what one observation
//! costs with few and with many objects known.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::paths;

/// Builds and runs both measurements, and prints how many times quicker than kstatus one judgement is.
pub(crate) fn run() -> anyhow::Result<()> {
    let judged = example("backstay-health", "readiness_cost")?;
    print!("{judged}");
    let each = |who: &str| nanoseconds(&judged, who);
    match (each("Backstay"), each("HelmWatcher"), each("kstatus")) {
        (Some(ours), Some(watcher), Some(theirs)) => println!(
            "kstatus / ours: {:.1}; kstatus / its own rules here: {:.1}",
            theirs / ours.max(1.0),
            theirs / watcher.max(1.0)
        ),
        _ => println!("nothing to compare with"),
    }
    println!();
    print!("{}", example("backstay-rollout", "observation_cost")?);
    Ok(())
}

/// Runs an example of a package, and returns what it printed.
fn example(package: &str, name: &str) -> anyhow::Result<String> {
    let mut command = Command::new("cargo");
    command.current_dir(paths::repository()).args(["run", "--release", "--quiet", "--package", package]);
    let output = command
        .args(["--example", name])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run the example {name} of {package}"))?;
    ensure!(output.status.success(), "the example {name} of {package} failed: {}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("{name} printed something that is no text"))
}

/// The figure in `WHO: N objects, X ns each, M current`.
fn nanoseconds(printed: &str, who: &str) -> Option<f64> {
    let line = printed.lines().find_map(|line| line.strip_prefix(who)?.strip_prefix(": "))?;
    let (_, rest) = line.split_once(", ")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn figures_are_found_by_their_name() {
        let printed = "Backstay: 12 objects, 340 ns each, 5 current\nkstatus: skipped, there is no Go here\n";
        for (who, expected) in [("Backstay", Some(340.0)), ("kstatus", None), ("HelmWatcher", None)] {
            assert_eq!(nanoseconds(printed, who), expected, "{who}");
        }
    }
}
