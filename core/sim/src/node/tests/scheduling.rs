//! Where pods go.

use serde_json::json;

use super::*;

#[test]
fn where_pods_go() {
    let big = json!({"resources": {"requests": {"cpu": "3"}}});
    let lasting = |reason: &str| {
        format!(
            "0/1 nodes are available: 1 {reason}. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        )
    };
    for (container, more, expected) in [
        (json!({"resources": {"requests": {"cpu": "5"}}}), json!({}), lasting("Insufficient cpu")),
        (json!({"resources": {"requests": {"memory": "9Gi"}}}), json!({}), lasting("Insufficient memory")),
        (
            json!({}),
            json!({"nodeSelector": {"disk": "ssd"}}),
            lasting("node(s) didn't match Pod's node affinity/selector"),
        ),
        (
            json!({}),
            json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "nopvc"}}]}),
            "0/1 nodes are available: persistentvolumeclaim \"nopvc\" not found. not found".to_owned(),
        ),
    ] {
        let mut lab = Lab::new();
        lab.pod("web", container, more);
        lab.until(5_000);
        let condition = lab.status("web")["conditions"][0].clone();
        assert_eq!(condition["reason"], "Unschedulable");
        assert_eq!(condition["message"], expected);
        assert!(lab.said("web", &format!("FailedScheduling: {expected}")));
    }
    // Requests are counted in thousandths: many small ones fit.
    let mut lab = Lab::new();
    for count in 0..20 {
        lab.pod(&format!("small-{count}"), json!({"resources": {"requests": {"cpu": "10m"}}}), json!({}));
    }
    lab.until(60_000);
    assert_eq!(lab.words("small-19").last(), Some(&"ready"));
    // Two pods do not fit on one node; the second comes when the first has gone.
    let mut lab = Lab::new();
    lab.pod("one", big.clone(), json!({}));
    lab.until(5_000);
    lab.pod("two", big, json!({}));
    lab.until(10_000);
    assert!(lab.status("two")["conditions"].to_string().contains("No preemption victims found"));
    lab.delete("one", None);
    lab.until(20_000);
    assert_eq!(lab.words("two").last(), Some(&"ready"));
}

#[test]
fn a_claim_that_waits_for_its_pod() {
    let mut lab = Lab::new();
    lab.put(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "local"}, "volumeBindingMode": "WaitForFirstConsumer"}));
    lab.put(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}, "spec": {"storageClassName": "local"}, "status": {"phase": "Pending"}}));
    lab.pod(
        "db",
        json!({}),
        json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}),
    );
    lab.until(5_000);
    let key = ResourceKey::new("v1", "PersistentVolumeClaim", "shop", "data");
    let chosen =
        lab.store.get(&key).unwrap()["metadata"]["annotations"]["volume.kubernetes.io/selected-node"].clone();
    assert_eq!(chosen, "node-1");
    assert_eq!(lab.get("db").unwrap()["spec"].get("nodeName"), None);
    let now = lab.now;
    lab.store.update_status(&key, now, |claim| claim["status"]["phase"] = json!("Bound")).unwrap();
    wake_unscheduled(&mut lab.ctx());
    lab.until(15_000);
    assert_eq!(lab.words("db").last(), Some(&"ready"));
}

/// The node's share of the message, for one node that is like this.
#[test]
fn reasons_of_one_node() {
    let anti = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "first"}}, "topologyKey": "kubernetes.io/hostname"},
    ]}});
    let near = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "nobody"}}, "topologyKey": "kubernetes.io/hostname"},
    ]}});
    let zone = |operator: &str, values: Value| {
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]},
        ]}}})
    };
    let port = json!({"ports": [{"containerPort": 80, "hostPort": 8080}]});
    let tolerate = json!([{"key": "only", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}]);
    let affinity = "node(s) didn't match Pod's node affinity/selector";
    for (change, container, more, reason) in [
        ("", json!({}), json!({}), None),
        ("taint", json!({}), json!({}), Some("node(s) had untolerated taint {only: gpu}")),
        ("taint", json!({}), json!({"tolerations": tolerate}), None),
        ("cordon", json!({}), json!({}), Some("node(s) were unschedulable")),
        (
            "not-ready",
            json!({}),
            json!({}),
            Some("node(s) had untolerated taint {node.kubernetes.io/not-ready: }"),
        ),
        ("full", json!({}), json!({}), Some("Too many pods")),
        ("", port, json!({}), Some("node(s) didn't have free ports for the requested pod ports")),
        ("", json!({}), json!({"affinity": anti}), Some("node(s) didn't match pod anti-affinity rules")),
        ("", json!({}), json!({"affinity": near}), Some("node(s) didn't match pod affinity rules")),
        ("", json!({}), json!({"affinity": zone("In", json!(["b"]))}), Some(affinity)),
        ("zone", json!({}), json!({"affinity": zone("In", json!(["b"]))}), None),
        ("zone", json!({}), json!({"affinity": zone("NotIn", json!(["b"]))}), Some(affinity)),
    ] {
        let mut lab = Lab::new();
        lab.pod("first", json!({"ports": [{"containerPort": 80, "hostPort": 8080}]}), json!({}));
        lab.until(1_000);
        let now = lab.now;
        let key = ResourceKey::new("v1", "Node", "", "node-1");
        let changed = lab.store.update(&key, now, |node| match change {
            "taint" => {
                node["spec"]["taints"] = json!([{"key": "only", "value": "gpu", "effect": "NoSchedule"}])
            }
            "cordon" => node["spec"]["unschedulable"] = json!(true),
            "not-ready" => node["status"]["conditions"][0]["status"] = json!("Unknown"),
            "full" => node["status"]["allocatable"]["pods"] = json!("1"),
            "zone" => node["metadata"]["labels"]["zone"] = json!("b"),
            _ => {}
        });
        assert!(changed.is_ok());
        lab.pod("web", container, more);
        lab.until(3_000);
        let condition = lab.status("web")["conditions"].to_string();
        match reason {
            None => assert!(lab.get("web").unwrap()["spec"]["nodeName"] == "node-1", "{condition}"),
            Some(reason) => {
                assert!(
                    condition.contains(&format!("0/1 nodes are available: 1 {reason}.")),
                    "{reason}: {condition}"
                );
            }
        }
    }
}

#[test]
fn pods_of_a_controller_are_spread() {
    let mut lab = Lab::new();
    lab.node("node-2", "4", "8Gi");
    for index in 0..6 {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": format!("web-{index}"), "namespace": "shop", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u-1", "controller": true},
            ]},
            "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
        });
        lab.put(pod);
        lab.until(1_000 * (index + 1));
    }
    let on = |node: &str| {
        (0..6).filter(|i| lab.get(&format!("web-{i}")).unwrap()["spec"]["nodeName"] == node).count()
    };
    assert_eq!((on("node-1"), on("node-2")), (3, 3));
    assert_eq!(lab.status("web-0")["phase"], "Running");
}

#[test]
fn pods_that_are_not_placed() {
    for (more, reason) in [
        (json!({"schedulingGates": [{"name": "wait"}]}), Some("SchedulingGated")),
        (json!({"schedulerName": "other"}), None),
    ] {
        let mut lab = Lab::new();
        lab.pod("web", json!({}), more);
        lab.until(10_000);
        let pod = lab.get("web").unwrap();
        assert_eq!(pod["spec"].get("nodeName"), None);
        assert_eq!(pod["status"]["conditions"][0]["reason"].as_str(), reason);
        assert!(lab.events("web").is_empty());
    }
}

#[test]
fn pods_that_must_be_spread() {
    let mut lab = Lab::new();
    lab.node("node-2", "4", "8Gi");
    let spread = json!({"topologySpreadConstraints": [{
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
    }]});
    let key = ResourceKey::new("v1", "Node", "", "node-2");
    for (name, placed) in [("a", true), ("b", true), ("c", true), ("d", false)] {
        lab.pod(name, json!({}), spread.clone());
        let until = lab.now.0 - START + 2_000;
        lab.until(until);
        assert_eq!(lab.get(name).unwrap()["spec"].get("nodeName").is_some(), placed, "{name}");
        if name == "b" {
            // From now on only the first node takes pods: one more is even enough, two are not.
            let now = lab.now;
            lab.store.update(&key, now, |node| node["spec"]["unschedulable"] = json!(true)).unwrap();
            lab.notice();
        }
    }
    let text = lab.status("d")["conditions"].to_string();
    let reasons = "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable.";
    assert!(text.contains(reasons), "{text}");
}
