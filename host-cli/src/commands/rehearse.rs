//! `rehearse` and `rbac`: what a chart does and needs, without a cluster.

use std::process::ExitCode;

use backstay_core::planner::{Before, Rehearse, needs, rehearsals, rehearsals_text, roles_text};
use serde_json::json;

use super::manuscript;
use crate::args::{GlobalArgs, RbacArgs, RehearseArgs};
use crate::exit::Stop;
use crate::table::print_structured;

pub(crate) async fn rehearse(global: &GlobalArgs, arguments: &RehearseArgs) -> anyhow::Result<ExitCode> {
    let is_upgrade = !arguments.install;
    let release = &arguments.name;
    let written = manuscript::read(global, &arguments.chart, &arguments.render, release, is_upgrade).await?;
    let before = match &arguments.previous {
        Some(file) => Before::Manifest(manuscript::manifests(&file.display().to_string())?),
        None if arguments.install => Before::Nothing,
        None => Before::AllDiffers,
    };
    let wanted = Rehearse {
        release: release.clone(),
        namespace: global.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        manifest: written.text,
        before,
        seed: arguments.seed,
        timeout_ms: arguments.timeout.map(|given| u64::try_from(given.as_millis()).unwrap_or(u64::MAX)),
    };
    let runs = rehearsals(&wanted, &arguments.fault).map_err(|error| Stop::refused(error.to_string()))?;
    print_structured(arguments.output, &serde_json::to_value(&runs)?, || {
        anstream::print!("{}", rehearsals_text(&runs))
    })
}

pub(crate) async fn rbac(global: &GlobalArgs, arguments: &RbacArgs) -> anyhow::Result<ExitCode> {
    let release = &arguments.name;
    let written = manuscript::read(global, &arguments.chart, &arguments.render, release, true).await?;
    let namespace = global.namespace.as_deref().unwrap_or("default");
    let refused = |error: backstay_core::planner::PlannerError| Stop::refused(error.to_string());
    let (text, crds) = (&written.text, &written.definitions);
    let needs =
        needs(release, namespace, text, crds, arguments.create_namespace, |_| None).map_err(refused)?;
    let (roles, text) = roles_text(&needs, release, !arguments.required_only).map_err(refused)?;
    print_structured(arguments.output, &json!({"roles": roles, "needs": needs}), || {
        anstream::print!("{text}")
    })
}
