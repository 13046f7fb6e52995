//! `rollback` and `uninstall`.

use std::process::ExitCode;

use backstay_core::plan::Operation;
use backstay_core::release::{Record, Release, Status, description};
use backstay_core::rollout::{NoReturn, Remediation, Waiting};

use super::apply::level;
use super::ground::{check_pending, exists, survey};
use super::read::chart_of;
use super::resume::when_free;
use super::run::{Request, TimeoutRule, carry_out};
use super::voice::Voice;
use crate::args::{
    DryRun, GlobalArgs, OutputFormat, RollbackArgs, Timeout, UninstallArgs, WaitStrategy, server_side,
};
use crate::charts::revision_of;
use crate::cluster::Cluster;
use crate::execute::Manner;
use crate::exit::{Exit, Stop};
use crate::policy::PolicyFile;
use crate::records::RecordOptions;

pub(crate) async fn rollback(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: RollbackArgs,
) -> anyhow::Result<ExitCode> {
    let began = cluster.clock.now();
    server_side(arguments.server_side.as_deref())?;
    if arguments.recreate_pods {
        return Err(Stop::refused(
            "--recreate-pods is refused: deleting pods at once takes the service away; Helm 4 has no such flag either",
        ));
    }
    let file = PolicyFile::load(arguments.policy.as_deref(), None, &Default::default())?;
    let notify = arguments.tell.targets(&file.notify)?;
    let options = RecordOptions {
        history_max: arguments.history_max,
        description: arguments.description.clone(),
        ..RecordOptions::default()
    };
    let until = tokio::time::Instant::now() + arguments.busy.wait_for_lock;
    let ground =
        when_free(cluster, &arguments.name, &options, (until, arguments.busy.take_over), true).await?;
    let Some(last) = ground.history.latest() else {
        return Err(super::read::read_history(cluster, &arguments.name)
            .await
            .err()
            .unwrap_or_else(|| Stop::refused("release not found")));
    };
    // Helm's rule: without a number, the one before the last, whatever its status.
    let wanted = arguments
        .revision
        .filter(|revision| *revision > 0)
        .unwrap_or_else(|| last.release.version.saturating_sub(1));
    let Some(target) = ground.history.get(wanted) else {
        return Err(Stop::refused(format!(
            "release has no {wanted} version: `backstay history {}` lists those of {}",
            arguments.name, arguments.name
        )));
    };
    let mut release = Release::rollback(&target.release, &last.release, cluster.clock.now());
    release.set_status(Status::PendingRollback, &description::rollback_to(wanted));
    let content = revision_of(cluster, &target.release).await?;
    if arguments.dry_run != DryRun::None {
        anstream::println!(
            "{} would go back to revision {wanted}, as revision {}",
            arguments.name,
            release.version
        );
        return Ok(ExitCode::SUCCESS);
    }
    let request = Request {
        release: arguments.name,
        operation: Operation::Rollback { to: wanted },
        objects: content.objects,
        hooks: content.hooks,
        chart: chart_of(&release),
        record: Record::new(release),
        options,
        waiting: waiting(arguments.wait, arguments.wait_for_jobs),
        remediation: Remediation::None,
        cleanup_on_fail: arguments.cleanup_on_fail,
        run_hooks: !arguments.no_hooks,
        tests: false,
        may_be_tried_again: false,
        timeout: TimeoutRule::Helm(arguments.timeout),
        deadline: arguments.deadline.map(|total| began.after(total)),
        no_return: NoReturn::Ask,
        bake: std::time::Duration::ZERO,
        health: arguments.grace.applied(file.health(level(arguments.fail_fast, &file))),
        patience: file.patience,
        recording: arguments.record,
        manner: Manner {
            force_conflicts: arguments.force_conflicts,
            force_replace: arguments.force_replace,
            ..Manner::default()
        },
        validate: true,
        output: arguments.output,
        voice: voice(global, arguments.output),
        hide_notes: true,
        evidence_dir: arguments.evidence_dir,
        notes: None,
        notify,
    };
    Ok(Exit::from(&carry_out(cluster, global, &ground, request).await?).into())
}

pub(crate) async fn uninstall(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: UninstallArgs,
) -> anyhow::Result<ExitCode> {
    let mut worst = ExitCode::SUCCESS;
    for name in &arguments.names {
        let code = uninstall_one(cluster, global, &arguments, name).await?;
        if code != ExitCode::SUCCESS {
            worst = code;
        }
    }
    Ok(worst)
}

/// `uninstall --dry-run`: what would be deleted; nothing is.
async fn would_delete(cluster: &Cluster, arguments: &UninstallArgs, name: &str) -> anyhow::Result<ExitCode> {
    let ground = survey(cluster, name, RecordOptions::default()).await?;
    if !exists(&ground.history) && arguments.ignore_not_found {
        return Ok(ExitCode::SUCCESS);
    }
    let history = super::read::read_history(cluster, name).await?;
    if let Some(record) = history.latest() {
        for object in revision_of(cluster, &record.release).await?.objects {
            anstream::println!("would delete {}", object.key);
        }
    }
    anstream::println!("release {name:?} would be uninstalled");
    Ok(ExitCode::SUCCESS)
}

/// Helm's last words follow, unless these are events or one part of a group.
fn voice(global: &GlobalArgs, output: OutputFormat) -> Voice {
    if output == OutputFormat::Table && global.member.is_none() { Voice::Back } else { Voice::Own }
}

async fn uninstall_one(
    cluster: &Cluster,
    global: &GlobalArgs,
    arguments: &UninstallArgs,
    name: &str,
) -> anyhow::Result<ExitCode> {
    if arguments.dry_run {
        return would_delete(cluster, arguments, name).await;
    }
    let notify = arguments.tell.targets(&PolicyFile::receivers(arguments.policy.as_deref())?)?;
    let options = RecordOptions {
        keep_history: arguments.keep_history,
        description: arguments.description.clone(),
        ..RecordOptions::default()
    };
    let mut ground = survey(cluster, name, options.clone()).await?;
    if !exists(&ground.history) {
        if arguments.ignore_not_found {
            anstream::println!("release {name} is not there");
            return Ok(ExitCode::SUCCESS);
        }
        let missing = super::read::read_history(cluster, name).await.err();
        let missing = missing.map(|error| error.context(format!("uninstall: Release not loaded: {name}")));
        return Err(missing.unwrap_or_else(|| {
            Stop::with(
                Exit::Failed,
                format!("release {name} is already uninstalled; only its history is left"),
            )
        }));
    }
    if let Some(note) = check_pending(&ground, name, cluster).await? {
        anstream::eprintln!("{note}");
    }
    let Some(last) = ground.history.latest().cloned() else { return Ok(ExitCode::SUCCESS) };
    let running = revision_of(cluster, &last.release).await?;
    let mut record = last;
    record.release.set_status(Status::Uninstalling, description::DELETION_IN_PROGRESS);
    let request = Request {
        release: name.to_owned(),
        operation: Operation::Uninstall,
        objects: Vec::new(),
        hooks: running.hooks.clone(),
        chart: chart_of(&record.release),
        record,
        options,
        waiting: Waiting::All,
        remediation: Remediation::None,
        cleanup_on_fail: false,
        run_hooks: !arguments.no_hooks,
        tests: false,
        may_be_tried_again: false,
        timeout: TimeoutRule::Helm(Some(Timeout::Given(arguments.timeout))),
        deadline: None,
        no_return: NoReturn::Ask,
        bake: std::time::Duration::ZERO,
        health: backstay_core::health::Policy::default(),
        patience: None,
        recording: None,
        manner: Manner { cascade: arguments.cascade, ..Manner::default() },
        validate: false,
        output: arguments.output,
        voice: voice(global, arguments.output),
        hide_notes: true,
        evidence_dir: None,
        notes: None,
        notify,
    };
    ground.current = Some(running);
    ground.healthy = None;
    Ok(Exit::from(&carry_out(cluster, global, &ground, request).await?).into())
}

/// What Helm's `--wait` and `--wait-for-jobs` mean to the machine.
pub(crate) fn waiting(wait: Option<WaitStrategy>, jobs: bool) -> Waiting {
    match wait {
        None | Some(WaitStrategy::HookOnly) => Waiting::None,
        Some(WaitStrategy::Watcher | WaitStrategy::Legacy) if jobs => Waiting::All,
        Some(WaitStrategy::Watcher | WaitStrategy::Legacy) => Waiting::AllButJobs,
    }
}
