//! The calls `preview`, `rehearsals` and `rbac`: the answers of `backstay plan`, `rehearse` and `rbac`.

use std::collections::BTreeMap;

use backstay_object::FromJson;
use backstay_plan::{Facts, Inputs, TimeoutGiven};
use serde_json::{Value, json};

use super::{CallError, input, output};
use crate::planner::{
    Before, Lines, PlannerError, Rehearse, findings_with, needs, plan_with, preview_json, preview_text,
    rehearsals, rehearsals_text, roles_text, timed,
};

#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default = "super::render::default_release")]
    release: String,
    #[serde(default = "super::default_namespace")]
    namespace: String,
    /// As `backstay template` prints it, hooks included.
    manifest: String,
    /// The files of `crds/`, for `preview` and `rbac`.
    #[serde(default)]
    definitions: String,
    /// The manifest that runs; without it an upgrade is assumed that changes every pod.
    #[serde(default)]
    previous: Option<String>,
    /// A first install.
    #[serde(default)]
    install: bool,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    inputs: Inputs,
    #[serde(default)]
    facts: Facts,
    /// Templates by the name in `# Source:`, for their lines.
    #[serde(default)]
    templates: BTreeMap<String, String>,
    #[serde(default)]
    ignore: Vec<String>,
    /// For `rehearsals`, e.g. `image-not-found@api`.
    #[serde(default)]
    faults: Vec<String>,
    #[serde(default)]
    seed: u64,
    /// For `rbac`: also what a deploy can do without.
    #[serde(default)]
    optional: bool,
}

impl Input {
    fn before(&self) -> Before {
        match (self.install, &self.previous) {
            (true, _) => Before::Nothing,
            (false, Some(previous)) => Before::Manifest(previous.clone()),
            (false, None) => Before::AllDiffers,
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn refused(error: PlannerError) -> CallError {
    CallError::Refused(error.to_string())
}

/// What will be done, with times and findings.
pub(super) fn preview(given: Value) -> Result<Value, CallError> {
    let given: Input = input(given)?;
    let (release, namespace, definitions) = (&given.release, &given.namespace, &given.definitions);
    let plan =
        plan_with(release, namespace, definitions, &given.manifest, &given.before()).map_err(refused)?;
    let lines = Lines::of(&given.manifest).with_templates(given.templates.clone());
    let timing = timed(&plan, &given.inputs, given.timeout_ms.map(TimeoutGiven::Total), &lines);
    let previous = given.previous.as_deref();
    let (facts, ignore, remarks) = (&given.facts, &given.ignore, &timing.remarks);
    let found = findings_with(&given.namespace, &given.manifest, previous, facts, &lines, ignore, remarks)
        .map_err(refused)?;
    Ok(json!({"preview": preview_json(&plan, &timing, &found), "text": preview_text(&plan, &timing, &found)}))
}

/// A healthy run, and one for each fault.
pub(super) fn rehearse(given: Value) -> Result<Value, CallError> {
    let given: Input = input(given)?;
    let wanted = Rehearse {
        before: given.before(),
        release: given.release,
        namespace: given.namespace,
        manifest: given.manifest,
        seed: given.seed,
        timeout_ms: given.timeout_ms,
    };
    let runs = rehearsals(&wanted, &given.faults).map_err(refused)?;
    Ok(json!({"runs": output(&runs)?, "text": rehearsals_text(&runs)}))
}

/// The smallest roles.
pub(super) fn rbac(given: Value) -> Result<Value, CallError> {
    let given: Input = input(given)?;
    let needs = needs(&given.release, &given.namespace, &given.manifest, &given.definitions, false, |_| None)
        .map_err(refused)?;
    let (roles, text) = roles_text(&needs, &given.release, given.optional).map_err(refused)?;
    Ok(json!({"roles": roles, "needs": output(&needs)?, "text": text}))
}
