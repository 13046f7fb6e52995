//! The controllers, seen through the API as a client sees them.

mod common;

use backstay_object::{int_at, is_deleting, list_at, name, text_at};
use backstay_sim::{Cluster, Fault, LoadError};
use common::{Model, WEB, conditions, deployment, job};
use serde_json::{Value, json};

fn count(object: &Value, field: &str) -> i64 {
    int_at(object, &["status", field]).unwrap_or(0)
}

#[test]
fn a_deployment_becomes_ready() {
    let mut model = Model::new(1);
    model.create(deployment(2, "nginx:1.27"));
    assert!(model.seconds_until(WEB, "availableReplicas", 2, 60).is_some(), "{}", model.get(WEB));
    model.pass(1);
    let web = model.get(WEB);
    assert_eq!(
        conditions(&web),
        ["Available=True MinimumReplicasAvailable", "Progressing=True NewReplicaSetAvailable"]
    );
    assert_eq!(count(&web, "observedGeneration"), 1);
    assert_eq!(text_at(&web, &["metadata", "annotations", "deployment.kubernetes.io/revision"]), Some("1"));
    let sets = model.items("/apis/apps/v1/namespaces/shop/replicasets");
    let hash = text_at(&sets[0], &["metadata", "labels", "pod-template-hash"]).unwrap().to_owned();
    assert_eq!(name(&sets[0]), format!("web-{hash}"));
    assert_eq!(
        model.events("Deployment"),
        [format!("Normal ScalingReplicaSet Scaled up replica set web-{hash} from 0 to 2")]
    );
    for pod in model.pods() {
        let suffix = name(&pod).strip_prefix(&format!("web-{hash}-")).unwrap();
        assert_eq!(suffix.len(), 5);
        assert!(
            model
                .events("ReplicaSet")
                .contains(&format!("Normal SuccessfulCreate Created pod: {}", name(&pod)))
        );
    }
}

#[test]
fn an_update_replaces_pods_within_its_bounds() {
    let mut model = Model::new(2);
    model.create(deployment(4, "nginx:1.27"));
    model.seconds_until(WEB, "availableReplicas", 4, 60).unwrap();
    model.patch(
        WEB,
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.28"}]}}}}),
    );
    for _ in 0..600 {
        let to = model.0.now().after(std::time::Duration::from_millis(100));
        model.0.advance_to(to);
        let pods = model.pods();
        let alive: Vec<&Value> = pods.iter().filter(|pod| !is_deleting(pod)).collect();
        let ready = alive.iter().filter(|pod| backstay_object::condition_is_true(pod, "Ready")).count();
        assert!(alive.len() <= 5, "{} pods with maxSurge 25% of 4", alive.len());
        assert!(ready >= 3, "{ready} ready pods with maxUnavailable 25% of 4");
    }
    let web = model.get(WEB);
    assert_eq!(
        [count(&web, "updatedReplicas"), count(&web, "replicas"), count(&web, "availableReplicas")],
        [4, 4, 4]
    );
    let sets = model.items("/apis/apps/v1/namespaces/shop/replicasets");
    let mut revisions: Vec<(&str, i64)> = sets
        .iter()
        .map(|set| {
            let revision = text_at(set, &["metadata", "annotations", "deployment.kubernetes.io/revision"]);
            (revision.unwrap(), int_at(set, &["spec", "replicas"]).unwrap())
        })
        .collect();
    revisions.sort_unstable();
    assert_eq!(revisions, [("1", 0), ("2", 4)]);
}

#[test]
fn a_bad_image_leaves_the_old_pods_and_going_back_heals() {
    let mut model = Model::new(3);
    let mut web = deployment(4, "nginx:1.27");
    web["spec"]["progressDeadlineSeconds"] = json!(30);
    model.create(web);
    model.seconds_until(WEB, "availableReplicas", 4, 60).unwrap();
    let image = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}});
    model.patch(WEB, image("nginx:nope"));
    model.pass(20);
    let web = model.get(WEB);
    assert_eq!([count(&web, "availableReplicas"), count(&web, "updatedReplicas")], [3, 2], "{web}");
    model.pass(20);
    assert!(conditions(&model.get(WEB)).contains(&"Progressing=False ProgressDeadlineExceeded".to_owned()));
    model.patch(WEB, image("nginx:1.27"));
    assert!(model.seconds_until(WEB, "availableReplicas", 4, 60).is_some());
    model.pass(30);
    let web = model.get(WEB);
    assert_eq!(text_at(&web, &["metadata", "annotations", "deployment.kubernetes.io/revision"]), Some("3"));
    assert!(conditions(&web).contains(&"Progressing=True NewReplicaSetAvailable".to_owned()));
    assert_eq!(model.items("/apis/apps/v1/namespaces/shop/replicasets").len(), 2);
}

#[test]
fn recreate_takes_the_old_pods_first() {
    let mut model = Model::new(4);
    let mut web = deployment(2, "nginx:1.27");
    web["spec"]["strategy"] = json!({"type": "Recreate"});
    model.create(web);
    model.seconds_until(WEB, "availableReplicas", 2, 60).unwrap();
    let old: Vec<String> = model.pods().iter().map(|pod| name(pod).to_owned()).collect();
    model.patch(
        WEB,
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.28"}]}}}}),
    );
    for _ in 0..60 {
        model.pass(1);
        let pods = model.pods();
        let left = pods.iter().filter(|pod| old.iter().any(|old| old == name(pod))).count();
        assert!(left == 0 || left == pods.len(), "old and new pods at the same time");
    }
    assert_eq!(count(&model.get(WEB), "availableReplicas"), 2);
}

#[test]
fn a_quota_refuses_pods_in_the_words_of_the_server() {
    let mut model = Model::new(5);
    model.create(
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"},
        "spec": {"hard": {"pods": "1"}}}),
    );
    model.create(deployment(2, "nginx:1.27"));
    model.pass(20);
    let text = "is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1";
    let events = model.events("ReplicaSet");
    let refused: Vec<&String> = events
        .iter()
        .filter(|event| event.starts_with("Warning FailedCreate Error creating: pods \"web-"))
        .collect();
    assert!(!refused.is_empty() && refused.iter().all(|event| event.ends_with(text)), "{events:?}");
    assert!(
        refused.len() <= 10 && events.iter().any(|event| event.contains("(combined from similar events)")),
        "{events:?}"
    );
    let web = model.get(WEB);
    assert!(conditions(&web).contains(&"ReplicaFailure=True FailedCreate".to_owned()), "{web}");
    assert_eq!(model.pods().len(), 1);
    let quota = model.get("/api/v1/namespaces/shop/resourcequotas/q");
    assert_eq!(quota["status"], json!({"hard": {"pods": "1"}, "used": {"pods": "1"}}));
    model.delete(WEB, "Background");
    model.pass(60);
    assert_eq!(model.get("/api/v1/namespaces/shop/resourcequotas/q")["status"]["used"]["pods"], "0");
}

#[test]
fn jobs_end_as_they_should() {
    for (command, backoff, end, steps, succeeded, failed) in [
        ("true", 2, "Complete", "SuccessCriteriaMet", 1, 0),
        ("exit 1 # fail", 0, "Failed", "FailureTarget", 0, 1),
        ("exit 1 # fail", 2, "Failed", "FailureTarget", 0, 3),
    ] {
        let mut model = Model::new(6);
        model.create(job("work", command, backoff));
        model.pass(120);
        let job = model.get("/apis/batch/v1/namespaces/shop/jobs/work");
        let reason = if succeeded > 0 { "CompletionsReached" } else { "BackoffLimitExceeded" };
        assert_eq!(
            conditions(&job),
            [format!("{steps}=True {reason}"), format!("{end}=True {reason}")],
            "{command}"
        );
        assert_eq!(
            [count(&job, "succeeded"), count(&job, "failed"), count(&job, "active")],
            [succeeded, failed, 0]
        );
        let last = model.events("Job").pop().unwrap();
        let expected = if succeeded > 0 {
            "Normal Completed Job completed"
        } else {
            "Warning BackoffLimitExceeded Job has reached the specified backoff limit"
        };
        assert_eq!(last, expected);
        assert!(model.pods().iter().all(|pod| list_at(pod, &["metadata", "finalizers"]).is_empty()));
        assert_eq!(model.delete("/apis/batch/v1/namespaces/shop/jobs/work", "Background"), 200);
        model.pass(60);
        assert_eq!(model.pods().len(), 0, "the job's pods go with it");
    }
}

fn database() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"},
        "spec": {
            "replicas": 3, "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "db", "image": "postgres:17", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]},
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
        },
    })
}

const DB: &str = "/apis/apps/v1/namespaces/shop/statefulsets/db";

#[test]
fn a_stateful_set_starts_and_updates_one_by_one() {
    let mut model = Model::new(7);
    model.create(database());
    for wanted in 1..=3_usize {
        model.seconds_until(DB, "replicas", i64::try_from(wanted).unwrap(), 60).unwrap();
        let ready = count(&model.get(DB), "readyReplicas");
        assert_eq!(ready, i64::try_from(wanted).unwrap() - 1, "the next comes when the one before is ready");
    }
    model.seconds_until(DB, "availableReplicas", 3, 60).unwrap();
    let claims = model.items("/api/v1/namespaces/shop/persistentvolumeclaims");
    let states: Vec<(&str, &str)> =
        claims.iter().map(|claim| (name(claim), text_at(claim, &["status", "phase"]).unwrap())).collect();
    assert_eq!(states, [("data-db-0", "Bound"), ("data-db-1", "Bound"), ("data-db-2", "Bound")]);
    let events = model.events("StatefulSet");
    assert_eq!(
        events[0],
        "Normal SuccessfulCreate create Claim data-db-0 Pod db-0 in StatefulSet db success"
    );
    assert_eq!(events[1], "Normal SuccessfulCreate Create Pod db-0 in StatefulSet db successful");
    model.patch(
        DB,
        json!({"spec": {"template": {"spec": {"containers": [{"name": "db", "image": "postgres:nope"}]}}}}),
    );
    model.pass(60);
    let old =
        model.pods().iter().filter(|pod| pod["spec"]["containers"][0]["image"] == "postgres:17").count();
    assert_eq!(old, 2, "only the highest pod was tried");
    assert_eq!(model.delete(DB, "Background"), 200);
    model.pass(60);
    assert_eq!(model.pods().len(), 0);
    assert_eq!(model.items("/api/v1/namespaces/shop/persistentvolumeclaims").len(), 3, "claims stay");
}

#[test]
fn services_know_their_ready_pods() {
    let mut model = Model::new(8);
    model.create(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}),
    );
    model.create(deployment(2, "nginx:1.27"));
    model.seconds_until(WEB, "availableReplicas", 2, 60).unwrap();
    model.pass(1);
    let endpoints = model.get("/api/v1/namespaces/shop/endpoints/web");
    assert_eq!(list_at(&endpoints["subsets"][0], &["addresses"]).len(), 2, "{endpoints}");
    assert_eq!(endpoints["subsets"][0]["ports"][0]["port"], 8080);
    let slices = model.items("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices");
    assert_eq!(list_at(&slices[0], &["endpoints"]).len(), 2);
    model.delete("/api/v1/namespaces/shop/services/web", "Background");
    model.pass(1);
    assert_eq!(model.items("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices").len(), 0);
    assert_eq!(model.items("/api/v1/namespaces/shop/endpoints").len(), 0);
}

#[test]
fn a_claim_without_its_class_waits_and_says_so() {
    let mut model = Model::new(9);
    model.create(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "no-such-class", "resources": {"requests": {"storage": "1Gi"}}}}));
    model.pass(20);
    assert_eq!(
        model.get("/api/v1/namespaces/shop/persistentvolumeclaims/data")["status"]["phase"],
        "Pending"
    );
    assert_eq!(
        model.events("PersistentVolumeClaim"),
        ["Warning ProvisioningFailed storageclass.storage.k8s.io \"no-such-class\" not found"]
    );
    model.create(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "no-such-class"},
        "provisioner": "disk.example.com", "volumeBindingMode": "Immediate"}));
    model.pass(20);
    assert_eq!(model.get("/api/v1/namespaces/shop/persistentvolumeclaims/data")["status"]["phase"], "Bound");
}

#[test]
fn a_cluster_goes_on_the_same_from_its_file() {
    let mut model = Model::new(10);
    model.create(deployment(2, "nginx:1.27"));
    model.create(database());
    model.create(job("work", "exit 1 # fail", 2));
    model.pass(7);
    let file = serde_json::to_string(&model.0.save()).unwrap();
    let mut other = Model(Cluster::load(serde_json::from_str(&file).unwrap()).unwrap());
    assert_eq!(serde_json::to_string(&other.0.save()).unwrap(), file);
    for model in [&mut model, &mut other] {
        model.pass(10);
        model.patch(WEB, json!({"spec": {"replicas": 3}}));
        model.pass(100);
    }
    assert_eq!(model.0.save(), other.0.save());
    let newer = json!({"format": 99});
    assert_eq!(Cluster::load(newer).unwrap_err(), LoadError::Newer { found: 99 });
    assert!(matches!(Cluster::load(json!({"format": 1, "now": "soon"})), Err(LoadError::Shape(_))));
}

#[test]
fn the_same_calls_give_the_same_cluster() {
    let run = |seed| {
        let mut model = Model::new(seed);
        model.create(deployment(3, "nginx:1.27"));
        model.pass(30);
        model.0.save().to_string()
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}

#[test]
fn deletion_in_the_foreground_waits_for_the_pods() {
    let mut model = Model::new(12);
    model.create(deployment(2, "nginx:1.27"));
    model.seconds_until(WEB, "availableReplicas", 2, 60).unwrap();
    assert_eq!(model.delete(WEB, "Foreground"), 200);
    for _ in 0..60 {
        if model.request("GET", WEB, "", &Value::Null).0 == 404 {
            assert_eq!(model.pods().len(), 0, "the deployment went before its pods");
        }
        model.pass(1);
    }
    assert_eq!(model.request("GET", WEB, "", &Value::Null).0, 404);
    assert_eq!(model.items("/apis/apps/v1/namespaces/shop/replicasets").len(), 0);
}

#[test]
fn a_namespace_is_filled_and_emptied() {
    let mut model = Model::new(13);
    assert_eq!(model.items("/api/v1/namespaces/shop/serviceaccounts").len(), 1);
    assert_eq!(name(&model.items("/api/v1/namespaces/shop/configmaps")[0]), "kube-root-ca.crt");
    model.create(deployment(2, "nginx:1.27"));
    model.seconds_until(WEB, "availableReplicas", 2, 60).unwrap();
    model.delete("/api/v1/namespaces/shop", "Background");
    model.pass(60);
    assert_eq!(model.request("GET", "/api/v1/namespaces/shop", "", &Value::Null).0, 404);
}

#[test]
fn a_daemon_runs_on_every_node() {
    let mut model = Model::new(14);
    let mut daemon = deployment(1, "nginx:1.27");
    daemon["kind"] = json!("DaemonSet");
    daemon["spec"].as_object_mut().unwrap().remove("replicas");
    model.create(daemon);
    let path = "/apis/apps/v1/namespaces/shop/daemonsets/web";
    assert!(model.seconds_until(path, "numberReady", 2, 60).is_some(), "{}", model.get(path));
    model.patch(
        path,
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:nope"}]}}}}),
    );
    model.pass(90);
    let daemon = model.get(path);
    assert_eq!([count(&daemon, "numberReady"), count(&daemon, "updatedNumberScheduled")], [1, 1], "{daemon}");
}

#[test]
fn a_job_deleted_at_work_leaves_nothing() {
    for propagation in ["Background", "Foreground"] {
        let mut model = Model::new(16);
        model.create(job("work", "sleep 1000", 0));
        model.pass(20);
        assert_eq!(count(&model.get("/apis/batch/v1/namespaces/shop/jobs/work"), "active"), 1);
        assert_eq!(model.delete("/apis/batch/v1/namespaces/shop/jobs/work", propagation), 200);
        model.pass(60);
        assert_eq!(model.pods().len(), 0, "{propagation}");
        assert_eq!(model.items("/apis/batch/v1/namespaces/shop/jobs").len(), 0, "{propagation}");
    }
}

#[test]
fn a_suspended_job_waits() {
    let mut model = Model::new(17);
    let mut work = job("work", "true", 0);
    work["spec"]["suspend"] = json!(true);
    model.create(work);
    model.pass(20);
    assert_eq!(model.pods().len(), 0);
    let path = "/apis/batch/v1/namespaces/shop/jobs/work";
    assert_eq!(conditions(&model.get(path)), ["Suspended=True JobSuspended"]);
    model.patch(path, json!({"spec": {"suspend": false}}));
    model.pass(30);
    assert!(conditions(&model.get(path)).contains(&"Complete=True CompletionsReached".to_owned()));
}

#[test]
fn a_job_out_of_time_fails() {
    let mut model = Model::new(18);
    let mut work = job("work", "sleep 1000", 0);
    work["spec"]["activeDeadlineSeconds"] = json!(15);
    work["spec"]["ttlSecondsAfterFinished"] = json!(100);
    model.create(work);
    let path = "/apis/batch/v1/namespaces/shop/jobs/work";
    model.pass(14);
    assert_eq!(conditions(&model.get(path)), Vec::<String>::new());
    model.pass(60);
    let reasons = ["FailureTarget=True DeadlineExceeded", "Failed=True DeadlineExceeded"];
    assert_eq!(conditions(&model.get(path)), reasons);
    model.pass(120);
    assert_eq!(model.request("GET", path, "", &Value::Null).0, 404, "deleted after its time to live");
}

#[test]
fn a_cron_job_starts_jobs_and_keeps_some() {
    let mut model = Model::new(19);
    let template = job("x", "true", 0)["spec"].clone();
    model.create(
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick", "namespace": "shop"},
        "spec": {"schedule": "*/2 * * * *", "jobTemplate": {"spec": template}}}),
    );
    model.pass(3600);
    let jobs = model.items("/apis/batch/v1/namespaces/shop/jobs");
    assert!(
        (3..=4).contains(&jobs.len()),
        "successfulJobsHistoryLimit is 3, one may be at work: {}",
        jobs.len()
    );
    assert!(model.events("CronJob").iter().any(|event| event.starts_with("Normal SawCompletedJob")));
}

#[test]
fn an_autoscaler_keeps_its_lower_bound() {
    let mut model = Model::new(20);
    model.create(deployment(1, "nginx:1.27"));
    model.create(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 3, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]}}));
    model.create(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}}));
    assert!(model.seconds_until(WEB, "availableReplicas", 3, 60).is_some());
    model.pass(1);
    let autoscaler = model.get("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web");
    assert_eq!(
        conditions(&autoscaler),
        ["AbleToScale=True SucceededGetScale", "ScalingActive=False FailedGetResourceMetric"]
    );
    let budget = model.get("/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web");
    assert_eq!([count(&budget, "currentHealthy"), count(&budget, "disruptionsAllowed")], [3, 1]);
}

#[test]
fn a_lost_node_loses_its_pods() {
    let mut model = Model::new(21);
    model.create(deployment(2, "nginx:1.27"));
    model.seconds_until(WEB, "availableReplicas", 2, 60).unwrap();
    let node = text_at(&model.pods()[0], &["spec", "nodeName"]).unwrap().to_owned();
    let there = |model: &mut Model| {
        model
            .pods()
            .iter()
            .filter(|pod| text_at(pod, &["spec", "nodeName"]) == Some(&node) && !is_deleting(pod))
            .count()
    };
    let hit = there(&mut model);
    let fault: Fault = format!("node-down@node/{node}").parse().unwrap();
    model.0.inject(fault.clone());
    model.pass(60);
    assert_eq!(count(&model.get(WEB), "readyReplicas"), 2 - i64::try_from(hit).unwrap());
    assert!(
        conditions(&model.get(&format!("/api/v1/nodes/{node}")))
            .contains(&"Ready=Unknown NodeStatusUnknown".to_owned())
    );
    model.pass(330);
    assert_eq!(there(&mut model), 0, "evicted after five minutes");
    assert_eq!(count(&model.get(WEB), "readyReplicas"), 2);
    assert!(model.0.heal(&fault));
    model.pass(60);
    assert!(
        conditions(&model.get(&format!("/api/v1/nodes/{node}")))
            .contains(&"Ready=True KubeletReady".to_owned())
    );
    assert_eq!(model.pods().len(), 2);
}

#[test]
fn a_quota_fault_meets_new_revisions_and_heals() {
    let mut model = Model::new(15);
    model.create(deployment(2, "nginx:1.27"));
    model.seconds_until(WEB, "availableReplicas", 2, 60).unwrap();
    let fault: Fault = "quota@deployment/web".parse().unwrap();
    model.0.inject(fault.clone());
    assert_eq!(model.0.faults().first(), Some(&fault));
    model.patch(
        WEB,
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.28"}]}}}}),
    );
    model.pass(10);
    assert_eq!(count(&model.get(WEB), "updatedReplicas"), 0);
    assert!(model.events("ReplicaSet").iter().any(|event| event.starts_with("Warning FailedCreate")));
    assert!(model.0.heal(&fault) && model.0.faults().is_empty());
    model.pass(60);
    assert_eq!(count(&model.get(WEB), "updatedReplicas"), 2);
}
