//! `deploy --group FILE`: many releases, on many clusters, in the order of their needs; one view, one table, one code.

mod back;
mod board;
mod file;
mod report;
mod run;

pub(crate) use board::Member;
pub(crate) use file::OnFailure;

use std::path::Path;
use std::process::ExitCode;

use crate::args::{DeployArgs, GlobalArgs, OutputFormat};
use crate::exit::{Exit, Stop};
use crate::policy::PolicyFile;
use file::Group;
use run::Run;

/// Carries out a group file.
pub(crate) async fn deploy(
    global: &GlobalArgs,
    arguments: DeployArgs,
    path: &Path,
) -> anyhow::Result<ExitCode> {
    let mut group = Group::load(path)?;
    if let Some(concurrency) = arguments.concurrency {
        group.concurrency = concurrency.max(1);
    }
    if let Some(on_failure) = arguments.on_failure {
        group.on_failure = on_failure;
    }
    let output = arguments.apply.output;
    // Bad addresses are found before anything is changed.
    let of_policy = PolicyFile::receivers(arguments.apply.policy.as_deref())?;
    let receivers = arguments.apply.tell.targets(&of_policy)?;
    let mut run = Run::new(global, &group, &arguments)?;
    run.forward().await;
    if group.on_failure == OnFailure::RollbackGroup && run.has_failed() {
        run.back().await;
    }
    run.save()?;
    let ended = run.ended();
    if output == OutputFormat::Table {
        report::print(&group, &ended);
    } else {
        crate::table::print_structured(output, &report::document(&group, &ended), || ())?;
    }
    for line in report::tell(&group, ended, &receivers).await {
        anstream::eprintln!("{line}");
    }
    Ok(run.exit().into())
}

/// Which of two ends a person has to hear of first.
fn gravity(exit: Exit) -> usize {
    let order = [
        Exit::Success,
        Exit::Refused,
        Exit::Usage,
        Exit::Held,
        Exit::Unreachable,
        Exit::Interrupted,
        Exit::Failed,
        Exit::LeftInPlace,
        Exit::UndoFailed,
    ];
    order.iter().position(|other| *other == exit).unwrap_or(order.len())
}

/// A flag that does not go with a group.
fn refuse(arguments: &DeployArgs) -> anyhow::Result<()> {
    if !arguments.name_and_chart.is_empty() {
        return Err(Stop::with(Exit::Usage, "--group names releases and charts itself; give no other"));
    }
    Ok(())
}
