//! `plan`: what a deploy would do, and everything that can be known to be wrong with it before the first change.

use std::process::ExitCode;

use backstay_core::chart::Chart;
use backstay_core::plan::{Facts, Finding, Inputs, PlannedObject, Severity, finding, lint};
use backstay_core::planner::{
    Lines, duration, is_fatal, placed, preview_json, preview_text, remarks_as_findings, timed,
};
use backstay_core::rollout::{Outcome, Remediation};

use super::ground::{Ground, executor_of, plan_of};
use super::run::{Request, given_timeout};
use crate::charts::Rendered;
use crate::cluster::Cluster;
use crate::execute::forward_hooks;
use crate::exit::Exit;
use crate::preflight;
use crate::table::print_structured;

/// Shows the plan of a request with all findings; exit code 4 when one is fatal.
pub(crate) async fn show(
    cluster: &Cluster,
    ground: &Ground,
    request: Request,
    rendered: &Rendered,
    ignore: &[String],
) -> anyhow::Result<ExitCode> {
    let plan = plan_of(cluster, ground, &request).await?;
    let chart = &rendered.rendered.chart;
    let mut templates = Vec::new();
    gather(chart, &chart.metadata.name, &mut templates);
    let lines = Lines::of(&rendered.rendered.template_text(true, false)).with_templates(templates);
    let timing = timed(&plan, &Inputs::default(), given_timeout(&request), &lines);
    let create = request.options.create_namespace;
    let (access, (quotas, nodes)) = futures::join!(
        preflight::access(cluster, &plan, &request.health, create, true),
        preflight::room(cluster, &plan.namespace)
    );
    let facts = Facts {
        quotas,
        nodes,
        kubernetes: preflight::version(cluster).await,
        undo: request.remediation == Remediation::Undo,
        ..Facts::default()
    };
    let own: Vec<PlannedObject> = request.objects.iter().filter(|object| object.owned).cloned().collect();
    let before = ground.current.as_ref().map(|current| current.objects.as_slice()).unwrap_or_default();
    let mut found = lint(&plan.namespace, &own, &request.hooks, before, &facts);
    found.extend(remarks_as_findings(&timing.remarks));
    found.extend(access?);
    found.extend(preflight::way_back(cluster, &plan).await);
    found.extend(refusals(cluster, ground, &request, &plan).await?);
    let found = placed(found, &lines, ignore);
    print_structured(request.output, &preview_json(&plan, &timing, &found), || {
        anstream::print!("{}", preview_text(&plan, &timing, &found));
    })?;
    if !is_fatal(&found) {
        return Ok(ExitCode::SUCCESS);
    }
    let count = found.iter().filter(|finding| finding.severity == Severity::Error).count();
    let time = duration(timing.total_ms);
    anstream::eprintln!(
        "refused: {count} of the findings would make this deploy fail; nothing was changed (its time would be {time})"
    );
    Ok(Exit::Refused.into())
}

/// The templates of a chart and of those below it, by the name their manifests give as source.
fn gather(chart: &Chart, prefix: &str, into: &mut Vec<(String, String)>) {
    for file in &chart.templates {
        if let Ok(text) = std::str::from_utf8(&file.data) {
            into.push((format!("{prefix}/{}", file.name), text.to_owned()));
        }
    }
    for below in &chart.dependencies {
        gather(below, &format!("{prefix}/charts/{}", below.metadata.name), into);
    }
}

/// What the server says to every object.
async fn refusals(
    cluster: &Cluster,
    ground: &Ground,
    request: &Request,
    plan: &backstay_core::plan::Plan,
) -> anyhow::Result<Vec<Finding>> {
    let executor = executor_of(cluster, ground, request, plan).await?;
    let steps: Vec<_> = plan.steps.iter().filter(|step| step.desired.is_some()).cloned().collect();
    let outcome = executor.secrets.clean_outcome(executor.validate(&steps, &forward_hooks(plan)).await);
    let Outcome::Failed { causes, .. } = outcome else { return Ok(Vec::new()) };
    let of = |cause: &backstay_core::health::Cause| {
        let step = plan.steps.iter().find(|step| step.key == cause.object).map(|step| &step.source);
        let hook = plan.hooks.iter().map(|hook| &hook.object).find(|hook| hook.key == cause.object);
        let source = step.or(hook.map(|hook| &hook.source)).map_or("", String::as_str);
        finding(
            "server-refuses",
            &cause.object.to_string(),
            source,
            &format!("{}: {}", cause.code, cause.message),
        )
    };
    Ok(causes.iter().map(of).collect())
}
