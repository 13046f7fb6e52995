//! What if: numbers of a manifest tried out in the calculation, without editing the manifest.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use backstay_object::FromJson;
use serde::Serialize;
use serde_json::Value;

use super::Inputs;
use crate::step::Plan;

/// A number that counts instead of the manifest's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromJson)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The object in kubectl's form, as the answer names it.
    pub object: String,
    /// The field, as the answer's terms name theirs: `spec.template.spec.containers[0].readinessProbe.periodSeconds`.
    pub field: String,
    /// What counts.
    pub value: u32,
}

/// The plan with the overrides in it. One whose object or probe is not there changes nothing.
pub(super) fn tried<'a>(plan: &'a Plan, inputs: &Inputs) -> Cow<'a, Plan> {
    let mut plan = Cow::Borrowed(plan);
    for one in &inputs.overrides {
        let place = plan.steps.iter().position(|step| step.key.to_string() == one.object);
        let step = place.and_then(|place| plan.to_mut().steps.get_mut(place));
        if let Some(object) = step.and_then(|step| step.desired.as_mut()) {
            put(object, &one.field, one.value);
        }
    }
    plan
}

/// Sets a field of something that is there.
fn put(object: &mut Value, field: &str, value: u32) {
    let (parent, name) = field.rsplit_once('.').unwrap_or(("", field));
    let mut pointer = String::new();
    for part in parent.split(['.', '[']).filter(|part| !part.is_empty()) {
        pointer.push('/');
        pointer.push_str(part.trim_end_matches(']'));
    }
    if let Some(Value::Object(parent)) = object.pointer_mut(&pointer) {
        parent.insert(name.to_string(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_there_is_set() {
        let probe = "spec.containers[1].readinessProbe";
        for (field, expected) in [
            ("spec.replicas".to_string(), "/spec/replicas"),
            ("kind".to_string(), "/kind"),
            (alloc::format!("{probe}.periodSeconds"), "/spec/containers/1/readinessProbe/periodSeconds"),
            (alloc::format!("{probe}.httpGet.port"), ""),
            ("spec.containers[2].readinessProbe.periodSeconds".to_string(), ""),
            ("status.replicas".to_string(), ""),
        ] {
            let before = json!({"kind": "x", "spec": {"containers": [{}, {"readinessProbe": {}}]}});
            let mut object = before.clone();
            put(&mut object, &field, 7);
            if expected.is_empty() {
                assert_eq!(object, before, "{field}");
            } else {
                assert_eq!(object.pointer(expected), Some(&json!(7)), "{field}: {object}");
            }
        }
    }
}
