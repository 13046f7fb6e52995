//! `--dry-run=server`: everything is checked by the server, nothing is changed.

use std::process::ExitCode;

use backstay_core::health::Cause;
use backstay_core::plan::Step;
use backstay_core::rollout::Outcome;

use super::ground::{Ground, executor_of, plan_of};
use super::run::Request;
use super::voice::{Voice, without_secrets};
use crate::cluster::Cluster;
use crate::execute::{Secrets, forward_hooks};
use crate::exit::Stop;

/// `--dry-run=server`: the plan, checked by the server object by object; nothing is changed.
pub(crate) async fn check_only(
    cluster: &Cluster,
    ground: &Ground,
    request: Request,
    hide_secret: bool,
) -> anyhow::Result<ExitCode> {
    let plan = plan_of(cluster, ground, &request).await?;
    let executor = executor_of(cluster, ground, &request, &plan).await?;
    let steps: Vec<Step> = plan.steps.iter().filter(|step| step.desired.is_some()).cloned().collect();
    if let Outcome::Failed { causes, .. } = executor.validate(&steps, &forward_hooks(&plan)).await {
        return Err(refusal(&executor.secrets, causes));
    }
    let changes: String =
        plan.steps.iter().map(|step| format!("{:<9}  {}\n", step.change.word(), step.key)).collect();
    let accepted =
        format!("# revision {} of {}, not applied: the server accepts every object", plan.to, plan.release);
    let release = request.record.release;
    if request.voice != Voice::Own {
        anstream::eprintln!("{changes}{accepted}");
        let hidden = (request.hide_notes, hide_secret);
        request.voice.show_dry_run(release, request.operation, request.output, hidden)?;
        return Ok(ExitCode::SUCCESS);
    }
    let manifest = if hide_secret { without_secrets(&release.manifest) } else { release.manifest };
    anstream::print!("{changes}---\n{accepted}\n{manifest}");
    Ok(ExitCode::SUCCESS)
}

/// What the server said to objects it does not take, a line each.
pub(super) fn refusal(secrets: &Secrets, causes: Vec<Cause>) -> anyhow::Error {
    let lines: Vec<String> = causes
        .iter()
        .map(|cause| format!("{}: {}: {}", cause.code, cause.object, secrets.clean(&cause.message)))
        .collect();
    Stop::refused(lines.join("\n"))
}
