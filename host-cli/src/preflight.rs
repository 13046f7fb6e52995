//! What is looked at before the first change: may this user do all of it, the way back included; is there room.

use std::collections::{BTreeMap, BTreeSet};

use backstay_core::health::Policy;
use backstay_core::object::{ResourceKey, at, list_at, text_at};
use backstay_core::plan::{Finding, Need, Plan, Step, UndoTarget, UndoWork, finding, needs_of};
use futures::StreamExt as _;
use http::Request;
use kube::Client;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::storage::Driver;

/// What the plan says records are needed for.
const RECORDS: &str = "Helm's release records";
/// How many questions are asked at once.
const AT_ONCE: usize = 16;

/// What this user may not do of what the plan needs. One question per namespace usually answers everything
/// (SelfSubjectRulesReview); what it leaves open is asked one by one (SelfSubjectAccessReview), with `optional` also what a
/// deploy can do without. A server that answers neither says nothing.
pub(crate) async fn access(
    cluster: &Cluster,
    plan: &Plan,
    policy: &Policy,
    create_namespace: bool,
    optional: bool,
) -> anyhow::Result<Vec<Finding>> {
    let plurals = plurals(cluster, plan).await;
    let mut needs = needs_of(plan, policy, create_namespace, |key| {
        plurals.get(&(key.group.clone(), key.kind.clone())).cloned()
    });
    needs.retain(|need| optional || !need.optional);
    let records = needs.iter_mut().filter(|need| need.resource == "secrets" && need.why == RECORDS);
    records
        .for_each(|need| need.resource = Driver::of_environment().map_or("secrets", Driver::resource).into());
    let spaces: BTreeSet<&str> =
        needs.iter().map(|need| need.namespace.as_str()).filter(|space| !space.is_empty()).collect();
    let reviews = spaces.into_iter().map(|space| async move { (space, rules(&cluster.client, space).await) });
    let rules: BTreeMap<&str, Vec<Value>> = futures::future::join_all(reviews).await.into_iter().collect();
    let open = needs.iter().filter(|need| {
        !rules.get(need.namespace.as_str()).is_some_and(|rules| rules.iter().any(|rule| allows(rule, need)))
    });
    let answers =
        futures::stream::iter(open).map(|need| async move { (need, may(&cluster.client, need).await) });
    let answers: Vec<_> = answers.buffered(AT_ONCE).collect().await;
    Ok(answers.into_iter().filter(|(_, may)| *may == Some(false)).map(|(need, _)| missing(need)).collect())
}

fn missing(need: &Need) -> Finding {
    let code = if need.optional { "access-optional" } else { "access-missing" };
    let group = if need.group.is_empty() { String::new() } else { format!(".{}", need.group) };
    let place = if need.namespace.is_empty() {
        "in the whole cluster".to_owned()
    } else {
        format!("in namespace {}", need.namespace)
    };
    finding(
        code,
        "",
        "",
        &format!("this user may not {} {}{group} {place}: {}", need.verb, need.resource, need.why),
    )
}

/// Resources of kinds that are not built in, as far as the server has them.
async fn plurals(cluster: &Cluster, plan: &Plan) -> BTreeMap<(String, String), String> {
    let mut plurals = BTreeMap::new();
    let hooks = plan.hooks.iter().chain(&plan.undo_hooks).map(|hook| &hook.object.key);
    let keys: Vec<&ResourceKey> = plan.steps.iter().map(|step| &step.key).chain(hooks).collect();
    for key in keys {
        if let Ok(kind) = cluster.discovery.kind(key).await {
            plurals.insert((key.group.clone(), key.kind.clone()), kind.resource.plural);
        }
    }
    plurals
}

async fn review(client: &Client, kind: &str, spec: Value) -> Option<Value> {
    let path = format!("/apis/authorization.k8s.io/v1/{}s", kind.to_lowercase());
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
    let request =
        Request::post(path).header("content-type", "application/json").body(body.to_string().into_bytes());
    client.request::<Value>(request.ok()?).await.ok()
}

async fn rules(client: &Client, namespace: &str) -> Vec<Value> {
    let answer = review(client, "SelfSubjectRulesReview", json!({"namespace": namespace})).await;
    answer.map(|answer| list_at(&answer, &["status", "resourceRules"]).to_vec()).unwrap_or_default()
}

/// Whether a rule allows it for objects of any name.
fn allows(rule: &Value, need: &Need) -> bool {
    let has = |field: &str, word: &str| {
        list_at(rule, &[field]).iter().filter_map(Value::as_str).any(|own| own == "*" || own == word)
    };
    list_at(rule, &["resourceNames"]).is_empty()
        && has("verbs", &need.verb)
        && has("apiGroups", &need.group)
        && has("resources", &need.resource)
}

async fn may(client: &Client, need: &Need) -> Option<bool> {
    let (resource, subresource) = need.resource.split_once('/').unwrap_or((&need.resource, ""));
    let attributes = json!({
        "namespace": need.namespace, "group": need.group, "resource": resource, "subresource": subresource,
        "verb": need.verb,
    });
    let answer = review(client, "SelfSubjectAccessReview", json!({"resourceAttributes": attributes})).await?;
    at(&answer, &["status", "allowed"]).and_then(Value::as_bool)
}

/// Quotas of the namespace and what the nodes have; nothing where this user may not look.
pub(crate) async fn room(cluster: &Cluster, namespace: &str) -> (Vec<Value>, Vec<Value>) {
    let (quotas, nodes) = futures::join!(quotas(cluster, namespace), items(cluster, "/api/v1/nodes"));
    let nodes = nodes.iter().filter_map(|node| at(node, &["status", "allocatable"]).cloned()).collect();
    (quotas, nodes)
}

/// Quotas of the namespace; nothing where this user may not look.
pub(crate) async fn quotas(cluster: &Cluster, namespace: &str) -> Vec<Value> {
    items(cluster, &format!("/api/v1/namespaces/{namespace}/resourcequotas")).await
}

async fn items(cluster: &Cluster, path: &str) -> Vec<Value> {
    let Ok(request) = Request::get(path).body(Vec::new()) else { return Vec::new() };
    let answer = cluster.client.request::<Value>(request).await;
    answer.map(|list| list_at(&list, &["items"]).to_vec()).unwrap_or_default()
}

/// Major and minor version of the server.
pub(crate) async fn version(cluster: &Cluster) -> Option<(u32, u32)> {
    let request = Request::get("/version").body(Vec::new()).ok()?;
    let answer = cluster.client.request::<Value>(request).await.ok()?;
    let number = |field: &str| text_at(&answer, &[field])?.trim_end_matches('+').parse().ok();
    Some((number("major")?, number("minor")?))
}

/// Whether there is a way back, and what of it the server will refuse.
pub(crate) async fn way_back(cluster: &Cluster, plan: &Plan) -> Vec<Finding> {
    match &plan.undo {
        UndoTarget::Closed { reason } => vec![finding("way-back-closed", "", "", reason)],
        UndoTarget::Revision { revision } => {
            let mut found: Vec<Finding> = plan.steps.iter().filter_map(locked).collect();
            for step in &plan.steps {
                found.extend(removed(cluster, step, *revision).await);
            }
            found
        }
        UndoTarget::Nothing => Vec::new(),
    }
}

/// An object whose former manifest is of a version that the server no longer has cannot be given it back. Asked only where the
/// new manifest is of another version.
async fn removed(cluster: &Cluster, step: &Step, revision: u32) -> Option<Finding> {
    let UndoWork::Restore { object } = &step.undo else { return None };
    let (former, kind) = (text_at(object, &["apiVersion"])?, text_at(object, &["kind"])?);
    if former == step.key.api_version() {
        return None;
    }
    let key = ResourceKey::new(former, kind, &step.key.namespace, &step.key.name);
    // Who may not ask learns nothing, as with quotas.
    if cluster.discovery.serves(&key).await.unwrap_or(true) {
        return None;
    }
    let words = format!(
        "revision {revision} has it as {former}, which the server no longer has: after a failure it cannot be given back; \
         deploy the new version alone first"
    );
    Some(finding("way-back-closed", &step.key.to_string(), &step.source, &words))
}

/// A ConfigMap or Secret that becomes immutable cannot be given its former content (Kubernetes
/// `pkg/apis/core/validation`, `ValidateConfigMapUpdate` and `ValidateSecretUpdate`).
fn locked(step: &Step) -> Option<Finding> {
    let (Some(desired), UndoWork::Restore { object }) = (&step.desired, &step.undo) else { return None };
    let is_kind = step.key.group.is_empty() && matches!(step.key.kind.as_str(), "ConfigMap" | "Secret");
    let is_locked = |object: &Value| object.get("immutable") == Some(&Value::Bool(true));
    if !is_kind || !is_locked(desired) || is_locked(object) {
        return None;
    }
    let words = "becomes immutable: after a failure the server refuses its former content, and the rollout ends broken; \
                 give it a new name instead";
    Some(finding("way-back-closed", &step.key.to_string(), &step.source, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_allows_what_it_names() {
        let need = Need {
            namespace: "prod".to_owned(),
            group: "apps".to_owned(),
            resource: "deployments".to_owned(),
            verb: "patch".to_owned(),
            why: String::new(),
            optional: false,
        };
        for (verbs, groups, resources, names, expected) in [
            (json!(["patch"]), json!(["apps"]), json!(["deployments"]), json!(null), true),
            (json!(["*"]), json!(["*"]), json!(["*"]), json!([]), true),
            (json!(["get"]), json!(["apps"]), json!(["deployments"]), json!(null), false),
            (json!(["patch"]), json!([""]), json!(["deployments"]), json!(null), false),
            (json!(["patch"]), json!(["apps"]), json!(["deployments/scale"]), json!(null), false),
            (json!(["patch"]), json!(["apps"]), json!(["deployments"]), json!(["web"]), false),
        ] {
            let rule =
                json!({"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names});
            assert_eq!(allows(&rule, &need), expected, "{rule}");
        }
    }
}
