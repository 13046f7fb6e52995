//! From the creation of a pod to its running.

use serde_json::json;

use super::*;

#[test]
fn a_healthy_pod_becomes_ready() {
    let mut lab = Lab::new();
    lab.pod("web", json!({}), json!({}));
    lab.until(20_000);
    assert_eq!(lab.words("web"), ["Pending", "ContainerCreating", "ready"]);
    once(&lab.times("web", "ready"), 2_000..7_000);
    let status = lab.status("web");
    assert_eq!(status["phase"], "Running");
    assert_eq!(status["podIP"], "10.88.0.2");
    assert_eq!(status["hostIP"], "192.0.2.2");
    let types: Vec<_> = list_at(&status, &["conditions"])
        .iter()
        .map(|it| (it["type"].as_str().unwrap().to_owned(), it["status"].as_str().unwrap().to_owned()))
        .collect();
    for wanted in ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"] {
        assert!(types.contains(&(wanted.to_owned(), "True".to_owned())), "{wanted} {types:?}");
    }
    let events: Vec<String> = lab.events("web").into_iter().map(|(text, _)| text).collect();
    let starts: Vec<&str> = events.iter().map(|text| text.split(':').next().unwrap()).collect();
    assert_eq!(starts, ["Scheduled", "Pulling", "Pulled", "Created", "Started"]);
    let log =
        lab.store.read_log(backstay_object::uid(&lab.get("web").unwrap()), "c", 0, &LogQuery::default());
    assert_eq!(log, "starting nginx:1.27\nlistening\n");
    // A second pod finds the image.
    lab.pod("web-2", json!({}), json!({}));
    lab.until(40_000);
    assert!(lab.said(
        "web-2",
        "Pulled: Container image \"nginx:1.27\" already present on machine and can be accessed by the pod"
    ));
    assert!(lab.world.timers.next().is_none(), "{:?}", lab.world.timers);
}

#[test]
fn an_image_that_is_not_there() {
    let mut lab = Lab::new();
    lab.pod("web", json!({"image": "127.0.0.1:5000/app:nope"}), json!({}));
    lab.until(200_000);
    let error = "rpc error: code = NotFound desc = failed to pull and unpack image \"127.0.0.1:5000/app:nope\": failed to resolve image: 127.0.0.1:5000/app:nope: not found";
    let words = lab.words("web");
    assert_eq!(
        words.get(..6).unwrap(),
        [
            "Pending",
            "ContainerCreating",
            "ErrImagePull",
            "ImagePullBackOff",
            "ErrImagePull",
            "ImagePullBackOff"
        ]
    );
    for text in [
        format!("Failed: Failed to pull image \"127.0.0.1:5000/app:nope\": {error}"),
        "Failed: Error: ErrImagePull".to_owned(),
        "Failed: Error: ImagePullBackOff".to_owned(),
        "BackOff: Back-off pulling image \"127.0.0.1:5000/app:nope\"".to_owned(),
    ] {
        assert!(lab.said("web", &text), "{text}\n{:#?}", lab.events("web"));
    }
    // As recorded: pulls at about 0, 11, 39, 93, 180 s; the back-off is looked at only every 10 to 15 s.
    let pulls = lab.events("web").iter().find(|(text, _)| text.starts_with("Pulling")).unwrap().1;
    assert!((4..=5).contains(&pulls), "{pulls}");
    let status = lab.status("web");
    assert_eq!(status["phase"], "Pending");
    // The image comes late: the pod recovers by itself.
    lab.world.registry.push("127.0.0.1:5000/app:nope", 5_000_000);
    lab.until(520_000);
    assert_eq!(lab.words("web").last(), Some(&"ready"));
}

#[test]
fn waiting_reasons() {
    let sources = |kind: &str, key: Value| json!({"env": [{"name": "A", "valueFrom": {kind: key}}]});
    for (container, more, reason, message) in [
        (
            sources("configMapKeyRef", json!({"name": "conf", "key": "nokey"})),
            json!({}),
            "CreateContainerConfigError",
            "couldn't find key nokey in ConfigMap shop/conf",
        ),
        (
            sources("secretKeyRef", json!({"name": "nosec", "key": "k"})),
            json!({}),
            "CreateContainerConfigError",
            "secret \"nosec\" not found",
        ),
        (
            json!({"envFrom": [{"configMapRef": {"name": "nocm"}}]}),
            json!({}),
            "CreateContainerConfigError",
            "configmap \"nocm\" not found",
        ),
        (
            json!({"image": "nginx:1.27", "imagePullPolicy": "Never"}),
            json!({}),
            "ErrImageNeverPull",
            "Container image \"nginx:1.27\" is not present with pull policy of Never",
        ),
        (
            json!({}),
            json!({"volumes": [{"name": "v", "secret": {"secretName": "nosec"}}]}),
            "ContainerCreating",
            "FailedMount: MountVolume.SetUp failed for volume \"v\" : secret \"nosec\" not found",
        ),
        (
            json!({}),
            json!({"volumes": [{"name": "v", "configMap": {"name": "conf", "items": [{"key": "nokey", "path": "p"}]}}]}),
            "ContainerCreating",
            "FailedMount: MountVolume.SetUp failed for volume \"v\" : configmap references non-existent config key: nokey",
        ),
    ] {
        let mut lab = Lab::new();
        lab.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "shop"}, "data": {"key": "x"}}));
        lab.pod("web", container, more);
        lab.until(30_000);
        let state = lab.status("web")["containerStatuses"][0]["state"]["waiting"].clone();
        assert_eq!(state["reason"], reason, "{message}");
        if reason == "ContainerCreating" {
            let count = lab.events("web").iter().find(|(text, _)| text == message).map(|(_, count)| *count);
            assert_eq!(count, Some(6), "{:#?}", lab.events("web"));
        } else {
            assert_eq!(state["message"], message);
        }
    }
}

#[test]
fn a_volume_that_comes_late() {
    let mut lab = Lab::new();
    lab.pod("web", json!({}), json!({"volumes": [{"name": "v", "secret": {"secretName": "late"}}]}));
    lab.until(20_000);
    assert!(lab.times("web", "ready").is_empty());
    lab.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late", "namespace": "shop"}}));
    lab.until(60_000);
    once(&lab.times("web", "ready"), 30_000..40_000);
}

#[test]
fn init_containers_and_sidecars_come_first() {
    let mut lab = Lab::new();
    let init = json!([
        {"name": "i", "image": "busybox:1", "command": ["sh", "-c", "sleep 3"]},
        {"name": "s", "image": "busybox:1", "restartPolicy": "Always", "command": ["sh", "-c", "sleep infinity"]},
    ]);
    lab.pod("web", json!({}), json!({"initContainers": init, "terminationGracePeriodSeconds": 2}));
    lab.until(4_000);
    let status = lab.status("web");
    assert_eq!(status["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
    let text = status["conditions"].to_string();
    assert!(text.contains("containers with incomplete status: [i s]"), "{text}");
    lab.until(20_000);
    assert_eq!(lab.words("web").last(), Some(&"ready"));
    let status = lab.status("web");
    assert_eq!(status["initContainerStatuses"][0]["state"]["terminated"]["reason"], "Completed");
    assert!(status["initContainerStatuses"][1]["state"]["running"].is_object());
    lab.delete("web", None);
    lab.until(30_000);
    assert_eq!(lab.get("web"), None);
    let mut lab = Lab::new();
    let init = json!([{"name": "i", "image": "busybox:1", "command": ["false"]}]);
    lab.pod("web", json!({}), json!({"initContainers": init}));
    lab.until(60_000);
    let status = lab.status("web");
    assert_eq!(status["phase"], "Pending");
    assert_eq!(status["initContainerStatuses"][0]["restartCount"], 3);
}

#[test]
fn the_same_seed_gives_the_same_times() {
    let run = || {
        let mut lab = Lab::new();
        for name in ["a", "b", "c"] {
            lab.pod(name, web("readinessProbe", 3), json!({}));
        }
        lab.until(30_000);
        (lab.seen, lab.store.resource_version())
    };
    assert_eq!(run(), run());
}

#[test]
fn an_image_changed_in_place() {
    let mut lab = Lab::new();
    lab.pod("bad", json!({"image": "nginx:nope"}), json!({}));
    lab.pod("good", json!({"image": "nginx:1.27"}), json!({}));
    lab.until(20_000);
    for name in ["bad", "good"] {
        let key = ResourceKey::new("v1", "Pod", "shop", name);
        let now = lab.now;
        let changed =
            lab.store.update(&key, now, |pod| pod["spec"]["containers"][0]["image"] = json!("nginx:1.28"));
        assert!(changed.is_ok());
        lab.wake(name);
    }
    lab.until(27_000);
    for (name, restarts) in [("bad", 0), ("good", 1)] {
        let status = lab.status(name)["containerStatuses"][0].clone();
        assert_eq!(status["restartCount"], restarts, "{status}");
        assert_eq!(
            (&status["image"], &status["ready"]),
            (&json!("docker.io/library/nginx:1.28"), &json!(true))
        );
    }
    assert!(lab.said("good", "Killing: Container c definition changed, will be restarted"));
}
