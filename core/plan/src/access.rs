//! What a deploy may need to do: every verb on every resource, the way back included. The base of the preflight check and of
//! the smallest role.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use backstay_health::Policy;
use backstay_object::{FromJson, ResourceKey, kind_info, list_at, text_at};
use serde::Serialize;

use crate::step::{Change, Plan, WatchScope};

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, FromJson)]
pub struct Need {
    /// Empty for everything outside of namespaces.
    pub namespace: String,
    /// API group, empty for the core.
    pub group: String,
    /// Resource in the plural, with its subresource (`pods/log`).
    pub resource: String,
    /// `get`, `create`, …
    pub verb: String,
    /// What it is for.
    pub why: String,
    /// Whether the deploy works without it, with less evidence.
    pub optional: bool,
}

/// Permissions, each once.
#[derive(Default)]
struct Needs(BTreeMap<(String, String, String, String), (String, bool)>);

impl Needs {
    fn add(&mut self, namespace: &str, (group, resource): (&str, &str), verbs: &[&str], why: &str) {
        self.note(namespace, (group, resource), verbs, why, false);
    }

    fn note(
        &mut self,
        namespace: &str,
        (group, resource): (&str, &str),
        verbs: &[&str],
        why: &str,
        optional: bool,
    ) {
        for verb in verbs {
            let key = (namespace.to_owned(), group.to_owned(), resource.to_owned(), (*verb).to_owned());
            let entry = self.0.entry(key).or_insert_with(|| (why.to_owned(), optional));
            entry.1 &= optional;
        }
    }
}

/// Everything a deploy of this plan needs: applying, watching, undoing, keeping records and the lease.
///
/// `policy` says what is watched. `plural` names the resource of kinds that are not built in.
#[must_use]
pub fn needs_of(
    plan: &Plan,
    policy: &Policy,
    create_namespace: bool,
    plural: impl Fn(&ResourceKey) -> Option<String>,
) -> Vec<Need> {
    let mut needs = Needs::default();
    let defined = definitions(plan);
    let resource = |key: &ResourceKey| -> String {
        if let Some(info) = kind_info(&key.group, &key.kind) {
            return info.plural.to_owned();
        }
        let own = defined.get(&(key.group.clone(), key.kind.clone())).cloned();
        own.or_else(|| plural(key)).unwrap_or_else(|| format!("{}s", key.kind.to_ascii_lowercase()))
    };
    for step in &plan.steps {
        let name = resource(&step.key);
        let at = (step.key.group.as_str(), name.as_str());
        let space = step.key.namespace.as_str();
        needs.add(space, at, &["get"], "what is there is compared before anything is changed");
        if step.desired.is_some() {
            // A server-side apply of an object that is not there needs both (kube-apiserver `createHandler`).
            needs.add(space, at, &["create", "patch"], "objects are applied");
        }
        // A later revision, or the way back, deletes what this one brings.
        if !crate::step::holds_data(&step.key.kind) || step.change == Change::Delete {
            needs.add(
                space,
                at,
                &["delete"],
                "what is new is deleted on the way back, what is gone with the new revision",
            );
        }
        if step.key.kind == "StatefulSet" {
            needs.add(
                space,
                ("", "pods"),
                &["delete"],
                "a pod of a failed revision blocks a StatefulSet's way back",
            );
        }
    }
    for hook in plan.hooks.iter().chain(&plan.undo_hooks) {
        let key = &hook.object.key;
        let name = resource(key);
        let at = (key.group.as_str(), name.as_str());
        needs.add(&key.namespace, at, &["get", "create", "patch", "delete"], "hooks are created afresh");
        needs.note(&key.namespace, ("", "pods/log"), &["get"], "evidence of a failed hook", true);
    }
    for WatchScope { api_version, kind, namespace } in plan.watch_scopes(policy) {
        let key = ResourceKey::new(&api_version, &kind, &namespace, "");
        let name = resource(&key);
        needs.add(&namespace, (&key.group, &name), &["list", "watch"], "readiness is watched");
        if kind == "Pod" {
            needs.note(&namespace, ("", "pods/log"), &["get"], "logs as evidence of a failure", true);
        }
    }
    plan.steps
        .iter()
        .filter_map(|step| step.desired.as_ref())
        .for_each(|object| granted(object, plan, &mut needs));
    let own = plan.namespace.as_str();
    needs.add(own, ("", "secrets"), &["get", "list", "create", "update", "delete"], "Helm's release records");
    let lease = ["get", "create", "update"];
    needs.note(own, ("coordination.k8s.io", "leases"), &lease, "says who works on the release", true);
    needs.note(own, ("", "resourcequotas"), &["list"], "room is reckoned before the first change", true);
    needs.note("", ("", "nodes"), &["list"], "room is reckoned before the first change", true);
    if create_namespace {
        needs.add("", ("", "namespaces"), &["get", "create"], "--create-namespace");
    }
    let need = |((namespace, group, resource, verb), (why, optional))| Need {
        namespace,
        group,
        resource,
        verb,
        why,
        optional,
    };
    needs.0.into_iter().map(need).collect()
}

/// Nobody may give what he does not have: the rules of the plan's own roles, and `bind` for roles of others
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>).
fn granted(object: &serde_json::Value, plan: &Plan, needs: &mut Needs) {
    let kind = text_at(object, &["kind"]).unwrap_or_default();
    let space = match text_at(object, &["metadata", "namespace"]) {
        Some(space) => space,
        None if kind.starts_with("Cluster") => "",
        None => plan.namespace.as_str(),
    };
    match kind {
        "Role" | "ClusterRole" => {
            let why = format!("the chart's {kind} gives it away");
            for rule in list_at(object, &["rules"]) {
                let words =
                    |field: &str| list_at(rule, &[field]).iter().filter_map(serde_json::Value::as_str);
                let verbs: Vec<&str> = words("verbs").collect();
                for group in words("apiGroups") {
                    words("resources").for_each(|resource| needs.add(space, (group, resource), &verbs, &why));
                }
            }
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            let role = |field: &str| text_at(object, &["roleRef", field]).unwrap_or_default();
            let own =
                plan.steps.iter().any(|step| step.key.kind == role("kind") && step.key.name == role("name"));
            if !own {
                let resource = if role("kind") == "Role" { "roles" } else { "clusterroles" };
                needs.add(
                    space,
                    ("rbac.authorization.k8s.io", resource),
                    &["bind"],
                    "the chart binds a role it does not bring",
                );
            }
        }
        _ => {}
    }
}

/// Plurals of the kinds the plan itself defines.
fn definitions(plan: &Plan) -> BTreeMap<(String, String), String> {
    let of = |object: &serde_json::Value| {
        let text = |path: &[&str]| text_at(object, path).unwrap_or_default().to_owned();
        ((text(&["spec", "group"]), text(&["spec", "names", "kind"])), text(&["spec", "names", "plural"]))
    };
    let steps = plan.steps.iter().filter(|step| step.key.kind == "CustomResourceDefinition");
    steps.filter_map(|step| step.desired.as_ref()).map(of).collect()
}

/// Roles with exactly these permissions, as objects: a Role for each namespace and a ClusterRole for what is outside of them,
/// each where there is something in it. Optional permissions are left out on request.
#[must_use]
pub fn roles_of(needs: &[Need], name: &str, with_optional: bool) -> Vec<serde_json::Value> {
    let mut spaces: BTreeMap<&str, BTreeMap<(&str, &str), Vec<&str>>> = BTreeMap::new();
    for need in needs.iter().filter(|need| with_optional || !need.optional) {
        let resources = spaces.entry(&need.namespace).or_default();
        resources.entry((&need.group, &need.resource)).or_default().push(&need.verb);
    }
    spaces
        .into_iter()
        .map(|(namespace, resources)| {
            // Resources of one group with the same verbs share a rule.
            let mut rules: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
            for ((group, resource), verbs) in resources {
                rules.entry((group, verbs)).or_default().push(resource);
            }
            let rules: Vec<serde_json::Value> = rules
                .into_iter()
                .map(|((group, verbs), resources)| {
                    serde_json::json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
                })
                .collect();
            let (kind, metadata) = if namespace.is_empty() {
                ("ClusterRole", serde_json::json!({"name": name}))
            } else {
                ("Role", serde_json::json!({"name": name, "namespace": namespace}))
            };
            serde_json::json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": rules,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{PlanInput, build};
    use crate::step::{Operation, PlannedObject};
    use serde_json::json;

    fn plan(objects: &[serde_json::Value]) -> Plan {
        let planned = |value: &serde_json::Value| {
            let mut object = PlannedObject::new(value.clone(), "t.yaml").unwrap();
            if kind_info(&object.key.group, &object.key.kind).is_none_or(|info| info.namespaced) {
                object.key.namespace = "prod".into();
            }
            object
        };
        let input = PlanInput {
            release: "shop".into(),
            namespace: "prod".into(),
            operation: Operation::Install,
            to: 1,
            objects: objects.iter().map(planned).collect(),
            hooks: Vec::new(),
            current: None,
            healthy: None,
            live: BTreeMap::new(),
        };
        build(input).unwrap()
    }

    #[test]
    fn needs_follow_from_the_objects() {
        let rbac = "rbac.authorization.k8s.io/v1";
        let rule = json!({"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]});
        for (object, space, group, resource, verbs) in [
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}),
                "prod",
                "apps",
                "deployments",
                "create delete get list patch watch",
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}),
                "prod",
                "apps",
                "replicasets",
                "list watch",
            ),
            (
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
                "prod",
                "",
                "configmaps",
                "create delete get patch",
            ),
            (
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
                "prod",
                "",
                "secrets",
                "create delete get list update",
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a"}}),
                "prod",
                "",
                "pods",
                "delete list watch",
            ),
            // Claims are never deleted by a way back.
            (
                json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"}}),
                "prod",
                "",
                "persistentvolumeclaims",
                "create get list patch watch",
            ),
            (
                json!({"apiVersion": rbac, "kind": "Role", "metadata": {"name": "a"}, "rules": [rule]}),
                "prod",
                "batch",
                "jobs",
                "list",
            ),
            (
                json!({"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": "a"}, "rules": [rule]}),
                "",
                "batch",
                "jobs",
                "list",
            ),
            (
                json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": {"name": "a"}, "roleRef": {"kind": "ClusterRole", "name": "view"}}),
                "prod",
                "rbac.authorization.k8s.io",
                "clusterroles",
                "bind",
            ),
            (
                json!({"apiVersion": "e.org/v1", "kind": "Box", "metadata": {"name": "a"}}),
                "prod",
                "e.org",
                "boxen",
                "create delete get list patch watch",
            ),
        ] {
            let needs = needs_of(&plan(core::slice::from_ref(&object)), &Policy::default(), false, |key| {
                (key.kind == "Box").then(|| "boxen".into())
            });
            let found = needs.iter().filter(|need| {
                !need.optional && need.namespace == space && need.group == group && need.resource == resource
            });
            let found: Vec<&str> = found.map(|need| need.verb.as_str()).collect();
            assert_eq!(found.join(" "), verbs, "{object} {needs:#?}");
        }
    }

    #[test]
    fn roles_hold_exactly_the_needs() {
        let plan = plan(&[json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}})]);
        let needs = needs_of(&plan, &Policy::default(), false, |_| None);
        let roles = roles_of(&needs, "x", false);
        assert_eq!(roles.len(), 2, "{roles:#?}");
        let verbs = |role: &serde_json::Value| -> usize {
            list_at(role, &["rules"])
                .iter()
                .map(|rule| list_at(rule, &["verbs"]).len() * list_at(rule, &["resources"]).len())
                .sum()
        };
        assert_eq!(
            roles.iter().map(verbs).sum::<usize>(),
            needs.iter().filter(|need| !need.optional).count()
        );
    }
}
