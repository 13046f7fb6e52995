//! Field managers: objects written by Helm 3 carry their fields under manager `helm` with operation `Update`. Before
//! server-side apply can take fields away again, these must become its own (what client-go calls a managed-fields
//! migration, and Helm 4 does with `csaupgrade`).

use backstay_core::object::{ResourceKey, list_at, text_at};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Map, Value, json};

use super::Executor;
use super::apply::FIELD_MANAGER;

impl Executor {
    /// Hands the fields that Helm wrote client-side over to server-side apply. Says whether there were any.
    pub(super) async fn hand_over(
        &self,
        api: &Api<DynamicObject>,
        key: &ResourceKey,
    ) -> Result<bool, kube::Error> {
        let Some(live) = api.get_opt(&key.name).await? else { return Ok(false) };
        let live = serde_json::to_value(live).map_err(kube::Error::SerdeError)?;
        let Some(managers) = handed_over(list_at(&live, &["metadata", "managedFields"])) else {
            return Ok(false);
        };
        let version = text_at(&live, &["metadata", "resourceVersion"]).unwrap_or_default();
        let patch = json!([
            {"op": "replace", "path": "/metadata/managedFields", "value": managers},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]);
        let patch = serde_json::from_value(patch).map_err(kube::Error::SerdeError)?;
        api.patch(&key.name, &PatchParams::default(), &Patch::Json::<()>(patch)).await?;
        Ok(true)
    }
}

/// The managers with Helm's `Update` entry merged into its `Apply` entry; `None` when there is nothing to do.
fn handed_over(managers: &[Value]) -> Option<Vec<Value>> {
    let is_ours = |entry: &Value, operation: &str| {
        text_at(entry, &["manager"]) == Some(FIELD_MANAGER)
            && text_at(entry, &["operation"]) == Some(operation)
            && text_at(entry, &["subresource"]).is_none()
    };
    let updates: Vec<&Value> = managers.iter().filter(|entry| is_ours(entry, "Update")).collect();
    let mut target =
        managers.iter().find(|entry| is_ours(entry, "Apply")).or(updates.first().copied())?.clone();
    if updates.is_empty() {
        return None;
    }
    for update in updates {
        if let (Some(Value::Object(into)), Some(Value::Object(from))) =
            (target.get_mut("fieldsV1"), update.get("fieldsV1"))
        {
            merge(into, from);
        }
    }
    backstay_core::object::set_at(&mut target, &["operation"], "Apply".into());
    let others =
        managers.iter().filter(|entry| !is_ours(entry, "Update") && !is_ours(entry, "Apply")).cloned();
    Some(std::iter::once(target).chain(others).collect())
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helm_3_fields_become_server_side_fields() {
        let entry = |manager: &str, operation: &str, fields: Value| json!({"manager": manager, "operation": operation, "fieldsV1": fields});
        let managers = [
            entry("helm", "Update", json!({"f:spec": {"f:a": {}}})),
            entry("kubectl", "Update", json!({"f:spec": {"f:b": {}}})),
            entry("helm", "Apply", json!({"f:spec": {"f:c": {}}})),
        ];
        assert_eq!(
            handed_over(&managers).unwrap(),
            [
                entry("helm", "Apply", json!({"f:spec": {"f:a": {}, "f:c": {}}})),
                entry("kubectl", "Update", json!({"f:spec": {"f:b": {}}}))
            ]
        );
        assert_eq!(handed_over(&managers[1..]), None);
        assert_eq!(handed_over(&[]), None);
    }
}
