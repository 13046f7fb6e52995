//! `/version`, health, and discovery in its old and its aggregated form.

use serde_json::{Value, json};

use crate::api::KUBERNETES_VERSION;
use crate::api::kinds::{Served, served};
use crate::api::request::{Request, Response};
use crate::store::Store;

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Paths of discovery; `None` for other paths.
pub(super) fn handle(store: &Store, request: &Request, segments: &[&str]) -> Option<Response> {
    if request.method != "GET" {
        return None;
    }
    let aggregated = request.accept.contains("as=APIGroupDiscoveryList");
    Some(match segments {
        ["version"] => Response::json(200, version()),
        ["healthz" | "readyz" | "livez", ..] => Response::text(200, "ok"),
        ["api"] if aggregated => Response::json(200, aggregate(store, true)),
        ["apis"] if aggregated => Response::json(200, aggregate(store, false)),
        ["api"] => Response::json(
            200,
            json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
            }),
        ),
        ["apis"] => Response::json(
            200,
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups(store).iter().map(Group::to_json).collect::<Vec<_>>()}),
        ),
        ["api", version] => resource_list(store, "", version),
        ["apis", group] => match groups(store).iter().find(|found| found.name == *group) {
            Some(found) => {
                let mut body = found.to_json();
                body["kind"] = json!("APIGroup");
                body["apiVersion"] = json!("v1");
                Response::json(200, body)
            }
            None => Response::page_not_found(),
        },
        ["apis", group, version] => resource_list(store, group, version),
        _ => return None,
    })
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": KUBERNETES_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "sandbox",
    })
}

/// A group and its versions, the preferred one first.
struct Group {
    name: String,
    versions: Vec<String>,
}

impl Group {
    fn to_json(&self) -> Value {
        let version = |version: &String| json!({"groupVersion": format!("{}/{version}", self.name), "version": version});
        json!({
            "name": self.name,
            "versions": self.versions.iter().map(version).collect::<Vec<_>>(),
            "preferredVersion": self.versions.first().map(version),
        })
    }
}

fn groups(store: &Store) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut kinds = served(store);
    kinds.push(review("authorization.k8s.io", "SelfSubjectAccessReview"));
    kinds.push(review("authentication.k8s.io", "SelfSubjectReview"));
    for kind in kinds.into_iter().filter(|kind| !kind.group.is_empty()) {
        match groups.iter_mut().find(|group| group.name == kind.group) {
            Some(group) if group.versions.contains(&kind.version) => {}
            Some(group) => group.versions.push(kind.version),
            None => groups.push(Group { name: kind.group, versions: vec![kind.version] }),
        }
    }
    groups
}

/// The review kinds are only ever created and never stored.
fn review(group: &str, kind: &str) -> Served {
    Served::review(group, kind)
}

fn kinds_of(store: &Store, group: &str, version: &str) -> Vec<Served> {
    let mut kinds: Vec<Served> =
        served(store).into_iter().filter(|kind| kind.group == group && kind.version == version).collect();
    match (group, version) {
        ("authorization.k8s.io", "v1") => kinds.push(review(group, "SelfSubjectAccessReview")),
        ("authentication.k8s.io", "v1") => kinds.push(review(group, "SelfSubjectReview")),
        _ => {}
    }
    kinds
}

fn is_review(kind: &Served) -> bool {
    kind.kind.ends_with("Review")
}

fn verbs(kind: &Served) -> Vec<&'static str> {
    if is_review(kind) { vec!["create"] } else { VERBS.to_vec() }
}

/// Subresources: name, kind (group, version, kind), verbs.
fn subresources(kind: &Served) -> Vec<(&'static str, [&'static str; 3], Vec<&'static str>)> {
    let own = ["", "", ""];
    let mut list = Vec::new();
    if (kind.group.as_str(), kind.plural.as_str()) == ("", "pods") {
        list.push(("binding", ["", "", "Binding"], vec!["create"]));
        list.push(("eviction", ["policy", "v1", "Eviction"], vec!["create"]));
        list.push(("log", own, vec!["get"]));
    }
    if (kind.group.as_str(), kind.plural.as_str()) == ("", "namespaces") {
        list.push(("finalize", own, vec!["update"]));
    }
    if kind.scale().is_some() {
        list.push(("scale", ["autoscaling", "v1", "Scale"], vec!["get", "patch", "update"]));
    }
    if kind.has_status {
        list.push(("status", own, vec!["get", "patch", "update"]));
    }
    list
}

fn add_names(resource: &mut Value, kind: &Served) {
    for (field, names) in [("shortNames", kind.short_names()), ("categories", kind.categories())] {
        if !names.is_empty() {
            resource[field] = json!(names);
        }
    }
}

fn resource_list(store: &Store, group: &str, version: &str) -> Response {
    let kinds = kinds_of(store, group, version);
    let Some(first) = kinds.first() else { return Response::page_not_found() };
    let group_version = first.api_version();
    let mut resources = Vec::new();
    for kind in &kinds {
        let mut resource = json!({
            "name": kind.plural,
            "singularName": kind.singular(),
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": verbs(kind),
        });
        add_names(&mut resource, kind);
        resources.push(resource);
        for (name, [sub_group, sub_version, sub_kind], sub_verbs) in subresources(kind) {
            let mut resource = json!({
                "name": format!("{}/{name}", kind.plural),
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": if sub_kind.is_empty() { kind.kind.as_str() } else { sub_kind },
                "verbs": sub_verbs,
            });
            if !sub_group.is_empty() {
                resource["group"] = json!(sub_group);
                resource["version"] = json!(sub_version);
            }
            resources.push(resource);
        }
    }
    Response::json(
        200,
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}),
    )
}

fn aggregate(store: &Store, core: bool) -> Value {
    let all = if core {
        vec![Group { name: String::new(), versions: vec!["v1".to_owned()] }]
    } else {
        groups(store)
    };
    let items: Vec<Value> = all
        .iter()
        .map(|group| {
            let versions: Vec<Value> = group
                .versions
                .iter()
                .map(|version| {
                    let resources: Vec<Value> =
                        kinds_of(store, &group.name, version).iter().map(aggregated_resource).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if group.name.is_empty() { json!({}) } else { json!({"name": group.name}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_resource(kind: &Served) -> Value {
    let response_kind = |sub: [&str; 3]| json!({"group": sub[0], "version": sub[1], "kind": if sub[2].is_empty() { kind.kind.as_str() } else { sub[2] }});
    let mut resource = json!({
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular(),
        "verbs": verbs(kind),
    });
    add_names(&mut resource, kind);
    let subs: Vec<Value> = subresources(kind)
        .into_iter()
        .map(|(name, sub, sub_verbs)| {
            json!({"subresource": name, "responseKind": response_kind(sub), "verbs": sub_verbs})
        })
        .collect();
    if !subs.is_empty() {
        resource["subresources"] = Value::Array(subs);
    }
    resource
}
