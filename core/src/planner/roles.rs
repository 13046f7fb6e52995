//! The answer of `backstay rbac`: the smallest roles that deploying, watching and undoing a chart needs.

use backstay_health::Policy;
use backstay_object::ResourceKey;
use backstay_plan::{Need, needs_of, roles_of};
use backstay_yaml::to_yaml;
use serde_json::Value;

use super::{Before, PlannerError, plan_of};

/// What a deploy of this manifest needs, be it the first or an upgrade. `definitions` are the files of `crds/`.
///
/// # Errors
/// When a manifest cannot be planned.
pub fn needs(
    release: &str,
    namespace: &str,
    manifest: &str,
    definitions: &str,
    create_namespace: bool,
    plural: impl Fn(&ResourceKey) -> Option<String>,
) -> Result<Vec<Need>, PlannerError> {
    let all = if definitions.trim().is_empty() {
        manifest.to_owned()
    } else {
        format!("{definitions}\n---\n{manifest}")
    };
    let plan = plan_of(release, namespace, &all, &Before::AllDiffers)?;
    Ok(needs_of(&plan, &Policy::default(), create_namespace, plural))
}

/// Roles with exactly these permissions, as YAML documents, each permission's purpose left to `-o json`.
///
/// # Errors
/// Never in practice: roles are plain data.
pub fn roles_text(
    needs: &[Need],
    release: &str,
    with_optional: bool,
) -> Result<(Vec<Value>, String), PlannerError> {
    let roles = roles_of(needs, &format!("backstay-{release}"), with_optional);
    let mut text = String::new();
    for role in &roles {
        text.push_str("---\n");
        text.push_str(&to_yaml(role).map_err(|error| PlannerError::Manifest(error.to_string()))?);
    }
    Ok((roles, text))
}
