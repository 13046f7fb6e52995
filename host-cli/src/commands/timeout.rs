//! `timeout`: how long a rollout may take, and why.

use std::process::ExitCode;

use backstay_core::plan::{TimeoutGiven, rule_of_thumb};
use backstay_core::planner::{Before, plan_of, rule, timed, timeout_text};
use serde_json::json;

use super::manuscript;
use crate::args::{GlobalArgs, TimeoutArgs};
use crate::exit::Stop;
use crate::table::print_structured;

pub(crate) async fn timeout(global: &GlobalArgs, arguments: &TimeoutArgs) -> anyhow::Result<ExitCode> {
    let Some(chart) = &arguments.chart else { return by_rule(arguments) };
    let is_upgrade = !arguments.install;
    let written = manuscript::read(global, chart, &arguments.render, "release-name", is_upgrade).await?;
    let before = match &arguments.previous {
        Some(file) => Before::Manifest(manuscript::manifests(&file.display().to_string())?),
        None if arguments.install => Before::Nothing,
        None => Before::AllDiffers,
    };
    let namespace = global.namespace.as_deref().unwrap_or("default");
    let plan = plan_of("release-name", namespace, &written.text, &before)
        .map_err(|error| Stop::refused(error.to_string()))?;
    let given = arguments.timeout.map(|given| TimeoutGiven::Total(millis(given)));
    let timing = timed(&plan, &arguments.inputs.inputs(arguments.buffer), given, &written.lines);
    let table = || anstream::print!("{}", timeout_text(&timing));
    print_structured(arguments.output, &serde_json::to_value(&timing)?, table)
}

fn by_rule(arguments: &TimeoutArgs) -> anyhow::Result<ExitCode> {
    let pods = arguments.pods.unwrap_or_default();
    let (initial, period) = (millis(arguments.initial_delay), millis(arguments.period));
    let buffer = arguments.buffer.map_or(0, millis);
    let failures = arguments.failure_threshold;
    let total_ms = rule_of_thumb(pods, initial, period, failures, buffer);
    let table = || anstream::print!("{}", rule(pods, initial, period, failures, buffer));
    print_structured(arguments.output, &json!({"total_ms": total_ms}), table)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
