//! The smallest role is enough and not too much: a user with exactly what `backstay rbac` prints deploys, watches and undoes;
//! with one verb less the deploy is refused before its first change.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

use backstay_tests_cluster::{Node, World, chart};
use serde_json::{Value, json};

/// Gives a user exactly these roles.
fn bind(world: &World, user: &str, roles: &[Value]) {
    for (index, role) in roles.iter().enumerate() {
        let kind = role["kind"].as_str().unwrap();
        let mut role = role.clone();
        role["metadata"]["name"] = json!(format!("{user}-{index}"));
        let mut binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": format!("{kind}Binding"),
            "metadata": role["metadata"],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role["metadata"]["name"]},
        });
        binding["subjects"] =
            json!([{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}]);
        for object in [&role, &binding] {
            let file =
                world.directory().join(format!("{user}-{index}-{}.json", object["kind"].as_str().unwrap()));
            fs::write(&file, object.to_string()).unwrap();
            world.api().kubectl(&["apply", "-f", &file.display().to_string()]).exits(0);
        }
    }
}

/// The roles without one verb on one resource.
fn without(roles: &[Value], resource: &str, verb: &str) -> Vec<Value> {
    let mut roles = roles.to_vec();
    for role in &mut roles {
        let rules = role["rules"].as_array().unwrap().clone();
        let mut fewer = Vec::new();
        for rule in rules {
            let has = |field: &str, word: &str| rule[field].as_array().unwrap().contains(&json!(word));
            if !(has("resources", resource) && has("verbs", verb)) {
                fewer.push(rule);
                continue;
            }
            let (mut others, mut own) = (rule.clone(), rule.clone());
            others["resources"].as_array_mut().unwrap().retain(|one| one != resource);
            own["resources"] = json!([resource]);
            own["verbs"].as_array_mut().unwrap().retain(|one| one != verb);
            fewer.extend([others, own].into_iter().filter(|rule| {
                !rule["resources"].as_array().unwrap().is_empty()
                    && !rule["verbs"].as_array().unwrap().is_empty()
            }));
        }
        role["rules"] = fewer.into();
    }
    roles
}

#[test]
fn exactly_the_printed_role_deploys_and_one_verb_less_does_not() {
    let Some(world) = World::real("rbac", Node::Real) else { return };
    let app = chart("app").display().to_string();
    world.api().kubectl(&["create", "namespace", &world.namespace]).exits(0);
    let hook = ["--set", "hook.enabled=true"];
    let words = ["rbac", &app, "--name", "app", "--required-only", "-o", "json"];
    let printed = world.backstay(&[&words[..], &hook].concat()).exits(0).json();
    let roles = printed["roles"].as_array().unwrap();
    let user = format!("{}-all", world.namespace);
    bind(&world, &user, roles);
    let deploy = |user: &str, more: &[&str]| {
        world.backstay(&[&["deploy", "app", &app, "--kube-as-user", user], &hook[..], more].concat())
    };
    deploy(&user, &[]).exits(0);
    // A failure is taken back with the same rights.
    deploy(&user, &["--set", "tag=does-not-exist"]).exits(1).shows("image");
    let before = world.history("app").len();

    let needs = printed["needs"].as_array().unwrap();
    let mut tried = 0;
    for (index, need) in needs.iter().filter(|need| need["optional"] == false).enumerate() {
        let (resource, verb) = (need["resource"].as_str().unwrap(), need["verb"].as_str().unwrap());
        let poor = format!("{}-{index}", world.namespace);
        bind(&world, &poor, &without(roles, resource, verb));
        let ended = deploy(&poor, &["--set", &format!("text=try{index}")]);
        assert_ne!(ended.code, 0, "without {verb} {resource} it still works:\n{}", ended.text());
        tried += 1;
    }
    eprintln!("{tried} permissions, each one needed");
    assert!(tried >= 15, "{tried}");
    assert_eq!(world.history("app").len(), before, "none of them began a revision");
}
