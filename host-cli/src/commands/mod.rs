//! One file per group of commands.

mod about;
mod advice;
mod apply;
mod attempt;
mod create;
mod dependency;
mod dependency_list;
mod dependency_lock;
mod diagnose;
mod diff;
mod dry_run;
mod evidence;
mod get;
mod go_template;
mod ground;
mod jsonpath;
mod lint;
mod manuscript;
mod package;
mod plan;
mod plan_file;
mod pull;
mod read;
mod recording;
mod rehearse;
mod repo;
mod repo_index;
mod resources;
mod resume;
mod reverse;
mod run;
mod sandbox;
mod search;
mod show;
mod template;
mod test;
mod timeout;
mod ui;
mod voice;

pub(crate) use about::VERSION_LINE;
pub(crate) use apply::deploy as deploy_one;
pub(crate) use dependency::fetch_dependencies;
pub(crate) use recording::Recorder;
pub(crate) use reverse::{rollback as rollback_one, uninstall as uninstall_one};
pub(crate) use voice::Voice;

use std::process::ExitCode;

use crate::args::{Arguments, CommandLine};
use crate::cluster::Cluster;
use crate::exit::{Exit, exit_of};
use crate::storage::Driver;

/// Runs the command and says how the process ends.
pub(crate) async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let global = arguments.global;
    let only_reads = arguments.command.only_reads();
    match arguments.command {
        CommandLine::Template(template) => template::template(&global, &template).await,
        CommandLine::Lint(arguments) => lint::lint(&global, &arguments).await,
        CommandLine::Timeout(arguments) => timeout::timeout(&global, &arguments).await,
        CommandLine::Ui(arguments) => ui::ui(&global, &arguments).await,
        CommandLine::Rehearse(arguments) => rehearse::rehearse(&global, &arguments).await,
        CommandLine::Rbac(arguments) => rehearse::rbac(&global, &arguments).await,
        CommandLine::Show(command) => show::show(&global, &command).await,
        CommandLine::Version(arguments) => about::version(&arguments),
        CommandLine::Env(arguments) => about::environment(&global, &arguments),
        CommandLine::Completion(arguments) => Ok(about::completion(&arguments)),
        CommandLine::Man(arguments) => about::manual(&arguments),
        CommandLine::Create(arguments) => create::create(&arguments).map(|()| ExitCode::SUCCESS),
        CommandLine::Pull(arguments) => pull::pull(&global, &arguments).await,
        CommandLine::Push(arguments) => pull::push(&global, &arguments).await,
        CommandLine::Registry(command) => pull::registry(&global, &command).await,
        CommandLine::Package(arguments) => package::package(&global, &arguments).await,
        CommandLine::Verify(arguments) => package::verify(&arguments),
        CommandLine::Dependency(command) => dependency::dependency(&global, &command).await,
        CommandLine::Repo(command) => repo::repo(&global, &command).await,
        CommandLine::Search(command) => search::search(&global, &command),
        CommandLine::Sandbox(command) => sandbox::run(&global, &command).await,
        CommandLine::Evidence(evidence) => evidence::show(&global, &evidence).await,
        CommandLine::Diagnose(arguments) if arguments.replay.is_some() => {
            diagnose::judge_recording(&arguments)
        }
        CommandLine::Deploy(deploy) if deploy.group.is_some() => {
            Driver::of_environment()?.warn(only_reads);
            let file = deploy.group.clone().unwrap_or_default();
            crate::group::deploy(&global, *deploy, &file).await
        }
        command => {
            Driver::of_environment()?.warn(only_reads);
            let voice = match command {
                CommandLine::Install(_) => Voice::Install,
                CommandLine::Upgrade(_) => Voice::Upgrade,
                _ => Voice::Own,
            };
            let cluster = Cluster::connect(&global).await.map_err(|error| voice.before(error))?;
            let ended = on_cluster(&cluster, &global, command).await;
            let saved = cluster.sandbox.as_ref().map_or(Ok(()), |sandbox| sandbox.save());
            let code = ended.map_err(|error| match exit_of(&error) {
                Exit::Unreachable => error.context(format!(
                    "Kubernetes cluster unreachable: cannot reach the API server at {}",
                    cluster.server
                )),
                _ => error,
            });
            let code = code.map_err(|error| voice.before(error))?;
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
        CommandLine::Deploy(deploy) => crate::flux::deploy(cluster, global, *deploy).await,
        CommandLine::Plan(mut plan) => {
            let (cluster, deploy) = crate::flux::one(cluster, global, plan.deploy).await?;
            plan.deploy = deploy;
            apply::plan(&cluster, global, *plan).await
        }
        CommandLine::Diff(mut diff) => {
            let (cluster, deploy) = crate::flux::one(cluster, global, diff.deploy).await?;
            diff.deploy = deploy;
            apply::diff(&cluster, global, *diff).await
        }
        CommandLine::Install(install) => apply::install(cluster, global, *install).await,
        CommandLine::Upgrade(upgrade) => apply::upgrade(cluster, global, *upgrade).await,
        CommandLine::Resume(arguments) => resume::resume(cluster, global, &arguments).await,
        CommandLine::Rollback(rollback) => reverse::rollback(cluster, global, rollback).await,
        CommandLine::Uninstall(uninstall) => reverse::uninstall(cluster, global, uninstall).await,
        CommandLine::List(list) => read::list(cluster, &list).await,
        CommandLine::History(history) => read::history(cluster, &history).await,
        CommandLine::Status(status) => read::status(cluster, &status).await,
        CommandLine::Get(arguments) => get::get(cluster, &arguments).await,
        CommandLine::Test(arguments) => test::test(cluster, &arguments).await,
        CommandLine::Diagnose(arguments) => diagnose::diagnose(cluster, &arguments).await,
        // These need no cluster, or look for one themselves: `dispatch` has them.
        CommandLine::Template(_) | CommandLine::Lint(_) | CommandLine::Show(_) => Ok(ExitCode::SUCCESS),
        CommandLine::Sandbox(_)
        | CommandLine::Evidence(_)
        | CommandLine::Timeout(_)
        | CommandLine::Ui(_)
        | CommandLine::Rehearse(_)
        | CommandLine::Rbac(_) => Ok(ExitCode::SUCCESS),
        CommandLine::Pull(_) | CommandLine::Push(_) | CommandLine::Registry(_) => Ok(ExitCode::SUCCESS),
        CommandLine::Version(_) | CommandLine::Env(_) | CommandLine::Completion(_) => Ok(ExitCode::SUCCESS),
        CommandLine::Package(_) | CommandLine::Dependency(_) => Ok(ExitCode::SUCCESS),
        CommandLine::Create(_) | CommandLine::Man(_) | CommandLine::Verify(_) => Ok(ExitCode::SUCCESS),
        CommandLine::Repo(_) | CommandLine::Search(_) => Ok(ExitCode::SUCCESS),
    }
}
