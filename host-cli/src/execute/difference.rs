//! What brought a failing object: its manifest before and now, field by field. Which values are shown is decided by a list
//! of what is known to be harmless; of every other only that it changed.

use backstay_core::object::{kind, text_at};
use backstay_core::plan::{Plan, UndoWork};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most changes told of one object.
const CHANGES_MOST: usize = 60;
/// Stands for a value that is not shown.
const HIDDEN: &str = "(not shown)";
/// Fields whose texts are shown, by their own name. Numbers, truth values and what has no value are shown everywhere but
/// in the data of Secrets and ConfigMaps.
const SHOWN: &[&str] = &[
    "apiVersion",
    "kind",
    "name",
    "namespace",
    "image",
    "imagePullPolicy",
    "type",
    "path",
    "port",
    "targetPort",
    "nodePort",
    "containerPort",
    "protocol",
    "scheme",
    "cpu",
    "memory",
    "storage",
    "ephemeral-storage",
    "replicas",
    "serviceName",
    "serviceAccountName",
    "restartPolicy",
    "dnsPolicy",
    "schedulerName",
    "priorityClassName",
    "runtimeClassName",
    "nodeName",
    "storageClassName",
    "volumeName",
    "claimName",
    "secretName",
    "key",
    "mountPath",
    "subPath",
    "accessModes",
    "maxSurge",
    "maxUnavailable",
    "minAvailable",
    "schedule",
    "concurrencyPolicy",
    "podManagementPolicy",
    "updateStrategy",
    "strategy",
    "operator",
    "effect",
    "topologyKey",
    "whenUnsatisfiable",
    "ingressClassName",
    "host",
    "pathType",
    "apiGroup",
    "fieldPath",
    "completionMode",
    "imagePullSecrets",
    "workingDir",
    "terminationMessagePolicy",
    "clusterIP",
    "externalTrafficPolicy",
    "sizeLimit",
    "medium",
    "policyTypes",
];

/// One field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Where: `spec.template.spec.containers[web].image`.
    pub(crate) field: String,
    /// What was there, if anything.
    pub(crate) before: Option<String>,
    /// What is there now, if anything.
    pub(crate) after: Option<String>,
}

/// What a plan changes of an object, as paths and harmless values. Empty where it creates the object: everything is new.
pub(crate) fn changes(plan: &Plan, path: &str) -> Vec<Change> {
    let Some(step) = plan.steps.iter().find(|step| step.key.path() == path) else { return Vec::new() };
    let (Some(after), UndoWork::Restore { object: before }) = (&step.desired, &step.undo) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let all_hidden = matches!(kind(after), "Secret" | "ConfigMap");
    compare(
        &Walk { path: String::new(), name: "", hidden: false, all_hidden },
        Some(before),
        Some(after),
        &mut found,
    );
    found.truncate(CHANGES_MOST);
    found
}

/// Where a comparison is.
struct Walk<'n> {
    path: String,
    /// The nearest name that is no position.
    name: &'n str,
    /// Whether everything from here on is hidden.
    hidden: bool,
    /// Whether the object's data is.
    all_hidden: bool,
}

impl Walk<'_> {
    fn field<'n>(&self, name: &'n str) -> Walk<'n> {
        let field = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        let at_top = self.path.is_empty();
        let hidden = self.hidden
            || (self.all_hidden && at_top && !matches!(name, "metadata" | "kind" | "apiVersion"))
            || matches!(name, "annotations" | "labels" | "env" | "args" | "command");
        Walk { path: field, name, hidden, all_hidden: self.all_hidden }
    }

    fn item(&self, mark: &str) -> Walk<'_> {
        Walk { path: format!("{}[{mark}]", self.path), name: self.name, ..*self }
    }

    fn show(&self, value: &Value) -> String {
        let shown = match value {
            Value::String(_) => SHOWN.contains(&self.name),
            _ => true,
        };
        if self.hidden || !shown {
            return HIDDEN.to_owned();
        }
        value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
    }
}

fn compare(walk: &Walk<'_>, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let object = |value: Option<&Value>| value.is_none_or(Value::is_object);
    let array = |value: Option<&Value>| value.is_none_or(Value::is_array);
    if object(before) && object(after) {
        let maps = [before, after].map(|value| value.and_then(Value::as_object));
        let mut names: Vec<&String> = maps.iter().flatten().flat_map(|map| map.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let [before, after] = maps.map(|map| map.and_then(|map| map.get(name)));
            compare(&walk.field(name), before, after, found);
        }
        return;
    }
    if array(before) && array(after) {
        let lists = [before, after]
            .map(|value| value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default());
        return compare_lists(walk, lists, found);
    }
    found.push(Change {
        field: walk.path.clone(),
        before: before.map(|value| walk.show(value)),
        after: after.map(|value| walk.show(value)),
    });
}

/// Items with a name are compared by it, others by their position.
fn compare_lists(walk: &Walk<'_>, [before, after]: [&[Value]; 2], found: &mut Vec<Change>) {
    let mark = |(index, item): (usize, &Value)| {
        text_at(item, &["name"]).map_or_else(|| index.to_string(), ToOwned::to_owned)
    };
    let mut marks: Vec<String> = before.iter().enumerate().map(mark).collect();
    for new in after.iter().enumerate().map(mark) {
        if !marks.contains(&new) {
            marks.push(new);
        }
    }
    for wanted in marks {
        let find = |list: &'_ [Value]| list.iter().enumerate().position(|item| mark(item) == wanted);
        let (old, new) =
            (find(before).and_then(|at| before.get(at)), find(after).and_then(|at| after.get(at)));
        compare(&walk.item(&wanted), old, new, found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: Value, after: Value, expected: &[(&str, Option<&str>, Option<&str>)]) {
        let mut found = Vec::new();
        let all_hidden = matches!(kind(&after), "Secret" | "ConfigMap");
        let walk = Walk { path: String::new(), name: "", hidden: false, all_hidden };
        compare(&walk, Some(&before), Some(&after), &mut found);
        let found: Vec<_> = found
            .iter()
            .map(|change| (change.field.as_str(), change.before.as_deref(), change.after.as_deref()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn harmless_values_are_shown_and_others_only_named() {
        let workload = |image: &str, replicas: u32, container: Value| {
            let mut containers = vec![json!({"name": "web", "image": image})];
            containers[0].as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
            json!({"kind": "Deployment", "spec": {"replicas": replicas, "template": {"spec": {"containers": containers}}}})
        };
        let place = "spec.template.spec.containers[web]";
        check(
            workload("web:v1", 2, json!({"env": [{"name": "A", "value": "old"}], "args": ["--password=x"]})),
            workload(
                "web:v2",
                3,
                json!({"env": [{"name": "A", "value": "new"}, {"name": "B", "value": "b"}]}),
            ),
            &[
                ("spec.replicas", Some("2"), Some("3")),
                (&format!("{place}.args[0]"), Some(HIDDEN), None),
                (&format!("{place}.env[A].value"), Some(HIDDEN), Some(HIDDEN)),
                (&format!("{place}.env[B].name"), None, Some(HIDDEN)),
                (&format!("{place}.env[B].value"), None, Some(HIDDEN)),
                (&format!("{place}.image"), Some("web:v1"), Some("web:v2")),
            ],
        );
        let data = |value: &str| json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"key": value}});
        check(data("YQ=="), data("Yg=="), &[("data.key", Some(HIDDEN), Some(HIDDEN))]);
        let own = |value: Value| json!({"kind": "Database", "spec": {"motd": value, "size": 3}});
        check(own(json!("x")), own(json!("y")), &[("spec.motd", Some(HIDDEN), Some(HIDDEN))]);
        check(own(json!([1, 2])), own(json!([1])), &[("spec.motd[1]", Some("2"), None)]);
        check(own(json!("x")), own(json!("x")), &[]);
    }
}
