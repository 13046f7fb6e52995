//! One file per group of commands.

mod apply;
mod diagnose;
mod evidence;
mod get;
mod lint;
mod manuscript;
mod read;
mod recording;
mod resume;
mod reverse;
mod run;
mod sandbox;
mod show;
mod template;
mod timeout;

pub(crate) use recording::Recorder;

use std::process::ExitCode;

use crate::args::{Arguments, CommandLine};
use crate::cluster::Cluster;
use crate::exit::{Exit, exit_of};

/// Runs the command and says how the process ends.
pub(crate) async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let global = arguments.global;
    match arguments.command {
        CommandLine::Template(template) => template::template(&global, &template).await,
        CommandLine::Lint(arguments) => lint::lint(&global, &arguments).await,
        CommandLine::Timeout(arguments) => timeout::timeout(&global, &arguments).await,
        CommandLine::Show(command) => show::show(&command),
        CommandLine::Sandbox(command) => sandbox::run(&global, &command).await,
        CommandLine::Evidence(evidence) => evidence::show(&global, &evidence),
        CommandLine::Diagnose(arguments) if arguments.replay.is_some() => {
            diagnose::judge_recording(&arguments)
        }
        command => {
            let cluster = Cluster::connect(&global).await?;
            let ended = on_cluster(&cluster, &global, command).await;
            let saved = cluster.sandbox.as_ref().map_or(Ok(()), |sandbox| sandbox.save());
            let code = ended.map_err(|error| match exit_of(&error) {
                Exit::Unreachable => {
                    error.context(format!("cannot reach the API server at {}", cluster.server))
                }
                _ => error,
            })?;
            saved?;
            Ok(code)
        }
    }
}

async fn on_cluster(
    cluster: &Cluster,
    global: &crate::args::GlobalArgs,
    command: CommandLine,
) -> anyhow::Result<ExitCode> {
    match command {
        CommandLine::Deploy(deploy) => apply::deploy(cluster, global, *deploy).await,
        CommandLine::Install(install) => apply::install(cluster, global, *install).await,
        CommandLine::Upgrade(upgrade) => apply::upgrade(cluster, global, *upgrade).await,
        CommandLine::Resume(arguments) => resume::resume(cluster, global, &arguments).await,
        CommandLine::Rollback(rollback) => reverse::rollback(cluster, global, rollback).await,
        CommandLine::Uninstall(uninstall) => reverse::uninstall(cluster, global, uninstall).await,
        CommandLine::List(list) => read::list(cluster, &list).await,
        CommandLine::History(history) => read::history(cluster, &history).await,
        CommandLine::Status(status) => read::status(cluster, &status).await,
        CommandLine::Get(arguments) => get::get(cluster, &arguments).await,
        CommandLine::Diagnose(arguments) => diagnose::diagnose(cluster, &arguments).await,
        // These need no cluster, or look for one themselves: `dispatch` has them.
        CommandLine::Template(_) | CommandLine::Lint(_) | CommandLine::Show(_) => Ok(ExitCode::SUCCESS),
        CommandLine::Sandbox(_) | CommandLine::Evidence(_) | CommandLine::Timeout(_) => Ok(ExitCode::SUCCESS),
    }
}
