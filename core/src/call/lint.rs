//! The call `lint`: a manifest looked over.

use backstay_object::FromJson;
use backstay_plan::{Facts, RULES, Severity};
use serde_json::{Value, json};

use super::{CallError, input, output};
use crate::planner::{Lines, findings, findings_text, sarif};

#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default = "super::default_namespace")]
    namespace: String,
    /// As `backstay template` prints it, hooks included.
    manifest: String,
    /// The manifest that runs: for fields that may not change.
    #[serde(default)]
    previous: Option<String>,
    #[serde(default)]
    facts: Facts,
    /// Templates by the name in `# Source:`, for their lines.
    #[serde(default)]
    templates: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    ignore: Vec<String>,
    /// Whether the answer has the SARIF form, too.
    #[serde(default)]
    sarif: bool,
}

/// The findings, and their form for people.
pub(super) fn call(given: Value) -> Result<Value, CallError> {
    if given.get("rules").is_some() {
        return Ok(json!({"rules": output(RULES)?}));
    }
    let given: Input = input(given)?;
    let lines = Lines::of(&given.manifest).with_templates(given.templates);
    let found = findings(
        &given.namespace,
        &given.manifest,
        given.previous.as_deref(),
        &given.facts,
        &lines,
        &given.ignore,
    )
    .map_err(|error| CallError::Refused(error.to_string()))?;
    let mut answer = json!({"findings": output(&found)?, "text": findings_text(&found, Severity::Info)});
    if given.sarif {
        backstay_object::set_at(
            &mut answer,
            &["sarif"],
            sarif(&found, &Default::default(), env!("CARGO_PKG_VERSION")),
        );
    }
    Ok(answer)
}
