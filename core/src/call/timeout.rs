//! The call `timeout`: how long a manifest's rollout may take, and why.

use backstay_object::from_json::read;
use backstay_object::{FromJson, FromJsonError};
use backstay_plan::{Inputs, TimeoutGiven, rule_of_thumb};
use serde_json::{Value, json};

use super::{CallError, input, output};
use crate::planner::{Before, Lines, plan_of, timed, timeout_text};

/// A manifest, or the numbers of the rule of thumb.
enum Input {
    Rule(Rule),
    Manifest(Box<Manifest>),
}

impl FromJson for Input {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        if given.get("rule").is_some() {
            read::field(given, "rule").map(Self::Rule)
        } else {
            Manifest::from_json(given).map(|manifest| Self::Manifest(Box::new(manifest)))
        }
    }
}

#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Rule {
    pods: u64,
    #[serde(default)]
    initial_delay_ms: u64,
    #[serde(default = "ten_seconds")]
    period_ms: u64,
    #[serde(default = "three")]
    failure_threshold: u64,
    #[serde(default)]
    buffer_ms: u64,
}

const fn ten_seconds() -> u64 {
    10_000
}

const fn three() -> u64 {
    3
}

#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[serde(default = "super::render::default_release")]
    release: String,
    #[serde(default = "super::default_namespace")]
    namespace: String,
    /// As `backstay template` prints it, hooks included.
    manifest: String,
    /// The manifest that runs; without it an upgrade is assumed that changes every pod.
    #[serde(default)]
    previous: Option<String>,
    /// A first install.
    #[serde(default)]
    install: bool,
    #[serde(default)]
    inputs: Inputs,
    /// The `--timeout` of `deploy` to judge.
    #[serde(default)]
    timeout_ms: Option<u64>,
}

/// The times, and their form for people.
pub(super) fn call(given: Value) -> Result<Value, CallError> {
    let given = match input(given)? {
        Input::Rule(rule) => {
            let (initial, period) = (rule.initial_delay_ms, rule.period_ms);
            let total_ms = rule_of_thumb(rule.pods, initial, period, rule.failure_threshold, rule.buffer_ms);
            return Ok(json!({"total_ms": total_ms}));
        }
        Input::Manifest(given) => given,
    };
    let before = match (given.install, given.previous) {
        (true, _) => Before::Nothing,
        (false, Some(previous)) => Before::Manifest(previous),
        (false, None) => Before::AllDiffers,
    };
    let plan = plan_of(&given.release, &given.namespace, &given.manifest, &before)
        .map_err(|error| CallError::Refused(error.to_string()))?;
    let lines = Lines::of(&given.manifest);
    let timing = timed(&plan, &given.inputs, given.timeout_ms.map(TimeoutGiven::Total), &lines);
    Ok(json!({"timing": output(&timing)?, "text": timeout_text(&timing)}))
}
