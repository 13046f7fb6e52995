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
