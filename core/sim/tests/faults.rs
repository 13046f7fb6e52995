//! Faults on request: they meet what is new, spare what was there, and heal.

mod common;

use backstay_object::{int_at, list_at, text_at};
use backstay_sim::Fault;
use common::{Model, WEB, conditions, deployment};
use serde_json::{Value, json};

fn image(tag: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": format!("nginx:{tag}"),
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2}}]}}}})
}

fn available(model: &mut Model) -> i64 {
    int_at(&model.get(WEB), &["status", "availableReplicas"]).unwrap_or(0)
}

/// What the pods that are not ready say: reasons of their waiting containers and of their scheduling.
fn troubles(model: &mut Model) -> Vec<String> {
    let mut reasons = Vec::new();
    for pod in model.pods() {
        if backstay_object::condition_is_true(&pod, "Ready") {
            continue;
        }
        for status in list_at(&pod, &["status", "containerStatuses"]) {
            reasons.extend(text_at(status, &["state", "waiting", "reason"]).map(str::to_owned));
        }
        reasons.extend(
            list_at(&pod, &["status", "conditions"])
                .iter()
                .filter(|condition| condition["type"] == "PodScheduled" && condition["status"] == "False")
                .filter_map(|condition| text_at(condition, &["reason"]).map(str::to_owned)),
        );
    }
    reasons
}

#[test]
fn faults_meet_new_revisions_and_going_back_heals() {
    for (code, trouble) in [
        ("image-not-found", Some("ImagePullBackOff")),
        ("registry-unreachable", Some("ImagePullBackOff")),
        ("crash", Some("CrashLoopBackOff")),
        ("never-ready", None),
        ("unschedulable", Some("Unschedulable")),
        ("missing-config", Some("CreateContainerConfigError")),
        ("missing-volume", Some("ContainerCreating")),
        ("oom", Some("CrashLoopBackOff")),
    ] {
        let mut model = Model::new(1);
        model.create(deployment(4, "nginx:1.27"));
        model.seconds_until(WEB, "availableReplicas", 4, 60).unwrap();
        model.0.inject(format!("{code}@deployment/web").parse().unwrap());
        model.pass(30);
        assert_eq!(available(&mut model), 4, "{code}: what was there is spared");
        model.patch(WEB, image("1.28"));
        // The back-off of a crashing container is between two starts at times: look for a while.
        let mut seen = trouble.is_none();
        for _ in 0..60 {
            model.pass(1);
            seen |= troubles(&mut model).iter().any(|reason| Some(reason.as_str()) == trouble);
        }
        assert!(seen, "{code}: {:?}", troubles(&mut model));
        assert_eq!(available(&mut model), 3, "{code}: maxUnavailable 25% of 4");
        model.patch(
            WEB,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]}}}}),
        );
        model.pass(60);
        assert_eq!(available(&mut model), 4, "{code}: the old revision is not met");
        assert!(
            conditions(&model.get(WEB)).contains(&"Progressing=True NewReplicaSetAvailable".to_owned()),
            "{code}"
        );
    }
}

#[test]
fn a_healed_fault_lets_the_pods_become_ready() {
    for (fault, most) in [
        ("image-not-found@deployment/web", 330),
        ("crash@deployment/web", 330),
        ("never-ready@deployment/web", 30),
        ("unschedulable@deployment/web", 330),
        ("quota@deployment/web", 30),
    ] {
        let mut model = Model::new(2);
        let fault: Fault = fault.parse().unwrap();
        model.0.inject(fault.clone());
        model.create(deployment(2, "nginx:1.27"));
        model.patch(WEB, image("1.27"));
        model.pass(40);
        assert_eq!(available(&mut model), 0, "{fault}");
        assert!(model.0.heal(&fault));
        assert!(!model.0.heal(&fault), "it is gone already");
        assert!(
            model.seconds_until(WEB, "availableReplicas", 2, most).is_some(),
            "{fault}: {:?}",
            troubles(&mut model)
        );
    }
}

#[test]
fn some_faults_heal_by_themselves() {
    let mut model = Model::new(3);
    model.0.inject("image-not-found@deployment/web~30s".parse().unwrap());
    model.create(deployment(2, "nginx:1.27"));
    model.pass(25);
    assert_eq!(available(&mut model), 0);
    assert!(model.seconds_until(WEB, "availableReplicas", 2, 120).is_some());
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "now", "resources": {"requests": {"storage": "1Gi"}}}});
    model.create(
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "now"},
        "provisioner": "disk.example.com", "volumeBindingMode": "Immediate", "allowVolumeExpansion": true}),
    );
    model.0.inject("pvc-pending@pvc/data~40s".parse().unwrap());
    model.create(claim);
    let path = "/api/v1/namespaces/shop/persistentvolumeclaims/data";
    model.pass(35);
    assert_eq!(model.get(path)["status"]["phase"], "Pending");
    model.pass(40);
    assert_eq!(model.get(path)["status"]["phase"], "Bound");
    model.patch(path, json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}}));
    model.pass(10);
    assert_eq!(model.get(path)["status"]["capacity"]["storage"], "2Gi");
    assert_eq!(model.delete(path, "Background"), 200);
    model.pass(5);
    assert_eq!(model.items("/api/v1/persistentvolumes").len(), 0, "reclaimPolicy Delete");
}

#[test]
fn a_fault_limited_to_a_namespace_meets_no_other() {
    let mut model = Model::new(4);
    model.0.inject_in("elsewhere", "image-not-found@deployment/web".parse().unwrap());
    model.create(deployment(2, "nginx:1.27"));
    assert!(model.seconds_until(WEB, "availableReplicas", 2, 60).is_some());
}
