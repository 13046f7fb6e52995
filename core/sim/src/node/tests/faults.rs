//! Every fault that a node shows, and what becomes of it when it heals.

use serde_json::json;

use super::*;

/// The states a pod goes through at first, and whether it gets well after the fault's time.
#[test]
fn what_faults_look_like() {
    for (fault, container, words, heals) in [
        (
            "image-not-found@pod/web~40s",
            json!({}),
            vec!["ContainerCreating", "ErrImagePull", "ImagePullBackOff"],
            true,
        ),
        ("registry-unreachable@pod/web~40s", json!({}), vec!["ContainerCreating", "ErrImagePull"], true),
        ("registry-denied@pod/*", json!({}), vec!["ContainerCreating", "ErrImagePull"], false),
        ("registry-busy@pod/web/c", json!({}), vec!["ContainerCreating", "ErrImagePull"], false),
        ("slow-pull(30000)@pod/web", json!({}), vec!["ContainerCreating", "ready"], true),
        ("crash@pod/web~40s", json!({}), vec!["ContainerCreating", "ready", "Error"], true),
        ("crash-after(8000)@pod/web", json!({}), vec!["ContainerCreating", "ready", "Error"], false),
        ("crash-until-restart(2)@pod/web", json!({}), vec!["ContainerCreating", "ready", "Error"], true),
        ("exit(7)@pod/web", json!({}), vec!["ContainerCreating", "ready", "Error"], false),
        ("oom@pod/web", json!({}), vec!["ContainerCreating", "ready", "OOMKilled"], false),
        ("no-such-program@pod/web~40s", json!({}), vec!["ContainerCreating", "RunContainerError"], true),
        (
            "never-ready@pod/web~40s",
            web("readinessProbe", 5),
            vec!["ContainerCreating", "running", "ready"],
            true,
        ),
        ("never-ready@pod/web", web("readinessProbe", 5), vec!["ContainerCreating", "running"], false),
        (
            "missing-config@pod/web~40s",
            json!({}),
            vec!["ContainerCreating", "CreateContainerConfigError"],
            true,
        ),
        ("missing-volume@pod/web~40s", json!({}), vec!["ContainerCreating", "ready"], true),
        ("missing-volume@pod/web", json!({}), vec!["ContainerCreating"], false),
        ("unschedulable@pod/web~40s", json!({}), vec!["ContainerCreating", "ready"], true),
        ("unschedulable@pod/web", json!({}), vec![], false),
        ("crash@pod/other", json!({}), vec!["ContainerCreating", "ready"], true),
        ("crash@pod/web/other", json!({}), vec!["ContainerCreating", "ready"], true),
    ] {
        let mut lab = Lab::new();
        lab.fault(fault);
        lab.pod("web", container, json!({}));
        lab.until(300_000);
        let seen: Vec<&str> = lab.words("web").into_iter().filter(|word| *word != "Pending").collect();
        let start = seen.get(..words.len().min(seen.len())).unwrap();
        // A crash right after the start may be over before a relist sees the container run.
        let start: Vec<&str> = start.to_vec();
        let without: Vec<&str> = words.iter().copied().filter(|word| *word != "ready").collect();
        assert!(
            start == words
                || seen
                    .get(..without.len())
                    .is_some_and(|seen| seen == without && without.contains(&"Error")),
            "{fault}: {seen:?}"
        );
        let well = condition_is_true(&lab.get("web").unwrap(), "Ready");
        let sometimes = fault.starts_with("crash-after");
        assert!(well == heals || sometimes, "{fault}: {seen:?}");
    }
}

#[test]
fn a_fault_by_annotation_meets_one_container() {
    let mut lab = Lab::new();
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "two",
            "namespace": "shop",
            "annotations": {"sandbox.backstay.dev/fault.b": "exit(4)"},
        },
        "spec": {"containers": [{"name": "a", "image": "nginx:1"}, {"name": "b", "image": "redis:7"}]},
    });
    lab.ctx().create(pod).unwrap();
    lab.notice();
    lab.until(60_000);
    let status = lab.status("two");
    let restarts: Vec<i64> = list_at(&status, &["containerStatuses"])
        .iter()
        .map(|status| status["restartCount"].as_i64().unwrap())
        .collect();
    assert_eq!(restarts, [0, 3]);
    let last = &status["containerStatuses"][1]["lastState"]["terminated"];
    assert_eq!(last["exitCode"], 4);
    assert!(status["conditions"].to_string().contains("containers with unready status: [b]"), "{status}");
}

#[test]
fn a_crash_asked_for_while_running() {
    let mut lab = Lab::new();
    lab.pod("web", json!({}), json!({}));
    lab.until(20_000);
    lab.fault("crash@pod/web");
    lab.wake("web");
    lab.until(22_000);
    let status = lab.status("web");
    assert!(status["containerStatuses"][0]["restartCount"].as_i64().unwrap() >= 1, "{status}");
    let pod = lab.get("web").unwrap();
    let query = LogQuery { previous: true, ..LogQuery::default() };
    let log = lab.store.read_log(backstay_object::uid(&pod), "c", 1, &query);
    assert!(log.contains("FATAL"), "{log}");
}

#[test]
fn a_node_that_does_not_answer() {
    let mut lab = Lab::new();
    lab.pod("web", json!({}), json!({"terminationGracePeriodSeconds": 1}));
    lab.until(1_000);
    let now = lab.now;
    lab.world.nodes.or_default("node-1".to_owned()).down_since = Some(now);
    lab.until(30_000);
    assert!(lab.times("web", "ready").is_empty());
    lab.delete("web", None);
    lab.until(60_000);
    assert!(lab.get("web").is_some(), "nobody confirms the deletion");
    lab.world.nodes.or_default("node-1".to_owned()).down_since = None;
    lab.wake("web");
    lab.until(80_000);
    assert_eq!(lab.get("web"), None);
}

#[test]
fn a_pod_deleted_before_it_ran() {
    let mut lab = Lab::new();
    lab.pod("web", json!({"image": "nginx:nope"}), json!({}));
    lab.until(20_000);
    lab.delete("web", None);
    lab.until(23_000);
    assert_eq!(lab.get("web"), None);
    assert_eq!(
        lab.words("web").iter().rev().nth(1),
        Some(&"ContainerStatusUnknown"),
        "{:?}",
        lab.words("web")
    );
}

#[test]
fn memory_survives_a_save() {
    let mut lab = Lab::new();
    lab.pod("web", web("readinessProbe", 2), json!({}));
    lab.pod("bad", json!({"image": "nginx:nope"}), json!({}));
    for end in [500, 1_500, 3_000, 9_000] {
        lab.until(end);
        let saved = serde_json::to_value(&lab.world).unwrap();
        let index = std::mem::take(&mut lab.world.index);
        lab.world = serde_json::from_value(saved).unwrap();
        lab.world.index = index;
    }
    lab.until(30_000);
    assert_eq!(lab.words("web").last(), Some(&"ready"));
    assert!(lab.words("bad").contains(&"ImagePullBackOff"));
}

#[test]
fn a_node_that_comes_back_says_what_is_ready() {
    let mut lab = Lab::new();
    lab.pod("web", json!({}), json!({}));
    lab.until(20_000);
    let now = lab.now;
    lab.world.nodes.or_default("node-1".to_owned()).down_since = Some(now);
    let key = ResourceKey::new("v1", "Pod", "shop", "web");
    let unready = lab.store.update_status(&key, now, |pod| {
        for condition in pod["status"]["conditions"].as_array_mut().unwrap() {
            if condition["type"] == "Ready" {
                condition["status"] = json!("False");
            }
        }
    });
    assert!(unready.is_ok());
    lab.wake("web");
    lab.until(30_000);
    assert!(!condition_is_true(&lab.get("web").unwrap(), "Ready"));
    lab.world.nodes.or_default("node-1".to_owned()).down_since = None;
    lab.wake("web");
    lab.until(31_000);
    assert!(condition_is_true(&lab.get("web").unwrap(), "Ready"));
}
