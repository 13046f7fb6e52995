//! Pods on nodes, without controllers: the tests step the timers themselves.

use backstay_object::{ResourceKey, Timestamp, condition_is_true, list_at, text_at};
use serde_json::{Value, json};

use super::{pod_gone, run_pod, schedule, wake_unscheduled};
use crate::faults::ActiveFault;
use crate::store::{ChangeKind, DeleteOptions, LogQuery, Store};
use crate::world::{Ctx, Duty, Task, World};

const START: u64 = 1_790_000_000_000;

struct Lab {
    store: Store,
    world: World,
    now: Timestamp,
    /// (milliseconds since the start, name, state of the first container or phase) at every change of a pod.
    seen: Vec<(u64, String, String)>,
}

impl Lab {
    fn new() -> Self {
        let mut lab =
            Self { store: Store::new(7), world: World::new(7), now: Timestamp(START), seen: Vec::new() };
        for space in ["default", "shop"] {
            lab.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}));
        }
        lab.node("node-1", "4", "8Gi");
        lab
    }

    fn node(&mut self, name: &str, cpu: &str, memory: &str) {
        self.put(json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "spec": {"podCIDR": "10.88.0.0/24"},
            "status": {
                "allocatable": {"cpu": cpu, "memory": memory, "pods": "110"},
                "addresses": [{"type": "InternalIP", "address": "192.0.2.2"}],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }));
    }

    fn put(&mut self, object: Value) {
        self.ctx().store.create(object, Timestamp(START)).unwrap();
        self.notice();
    }

    fn ctx(&mut self) -> Ctx<'_> {
        Ctx { store: &mut self.store, world: &mut self.world, now: self.now }
    }

    /// A pod in `shop` with one container `c`; `more` is laid over its spec, `container` over the container.
    fn pod(&mut self, name: &str, container: Value, more: Value) {
        let mut spec = json!({"containers": [{"name": "c", "image": "nginx:1.27"}]});
        overlay(&mut spec["containers"][0], container);
        overlay(&mut spec, more);
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
            "spec": spec,
        });
        self.ctx().create(pod).unwrap();
        self.notice();
    }

    fn fault(&mut self, text: &str) {
        let fault = text.parse().unwrap();
        let since = self.now;
        self.world.faults.push(ActiveFault {
            fault,
            since,
            spared: Default::default(),
            namespace: String::new(),
            first_met: None,
        });
    }

    fn notice(&mut self) {
        let changes: Vec<_> = self.store.changes_since(self.world.seen).unwrap().cloned().collect();
        self.world.seen = self.store.resource_version();
        for change in changes {
            if let Some(previous) = &change.previous {
                self.world.index.note(&change.key.kind, previous, false);
            }
            if change.kind != ChangeKind::Deleted {
                self.world.index.note(&change.key.kind, &change.object, true);
            }
            if change.key.kind == "Pod" {
                self.pod_changed(&change.object, change.kind);
            }
        }
    }

    fn pod_changed(&mut self, pod: &Value, kind: ChangeKind) {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let at = self.now.0 - START;
        let state = &pod["status"]["containerStatuses"][0]["state"];
        let word = match kind {
            ChangeKind::Deleted => "gone".to_owned(),
            _ if condition_is_true(pod, "Ready") => "ready".to_owned(),
            _ => match state.as_object().and_then(|state| state.iter().next()) {
                Some((kind, state)) => state["reason"].as_str().unwrap_or(kind).to_owned(),
                None => pod["status"]["phase"].as_str().unwrap_or("").to_owned(),
            },
        };
        if self.seen.iter().rfind(|seen| seen.1 == name).is_none_or(|seen| seen.2 != word) {
            self.seen.push((at, name.clone(), word));
        }
        let mut ctx = self.ctx();
        if kind == ChangeKind::Deleted {
            pod_gone(&mut ctx, pod);
            return wake_unscheduled(&mut ctx);
        }
        let placed = text_at(pod, &["spec", "nodeName"]).is_some();
        let duty = if placed { Duty::Pod } else { Duty::Schedule };
        if kind == ChangeKind::Added || !ctx.world.pods.contains_key(backstay_object::uid(pod)) {
            ctx.due(Task::new(duty, "shop", &name), std::time::Duration::from_millis(5));
        }
    }

    /// Lets so many milliseconds since the start pass.
    fn until(&mut self, millis: u64) {
        let end = Timestamp(START + millis);
        let mut steps = 0;
        while let Some((at, task)) = self.world.timers.pop_due(end) {
            self.now = self.now.max(at);
            match task.duty {
                Duty::Pod => run_pod(&mut self.ctx(), &task.namespace, &task.name),
                Duty::Schedule => schedule(&mut self.ctx(), &task.namespace, &task.name),
                _ => {}
            }
            self.notice();
            steps += 1;
            assert!(steps < 5000, "time does not pass");
        }
        self.now = end;
    }

    fn wake(&mut self, name: &str) {
        self.ctx().due(Task::new(Duty::Pod, "shop", name), std::time::Duration::ZERO);
    }

    fn get(&self, name: &str) -> Option<Value> {
        let key = ResourceKey::new("v1", "Pod", "shop", name);
        self.store.get(&key).map(|pod| Value::clone(pod))
    }

    fn status(&self, name: &str) -> Value {
        self.get(name).unwrap()["status"].clone()
    }

    fn delete(&mut self, name: &str, grace: Option<u64>) {
        let options = DeleteOptions { grace_period: grace, ..DeleteOptions::default() };
        self.store.delete(&ResourceKey::new("v1", "Pod", "shop", name), &options, self.now).unwrap();
        self.notice();
        self.wake(name);
    }

    /// `reason: message` and count of every event about a pod, in order.
    fn events(&self, name: &str) -> Vec<(String, i64)> {
        let mut events: Vec<_> = self
            .store
            .list("", "Event", Some("shop"))
            .filter(|event| text_at(event, &["involvedObject", "name"]) == Some(name))
            .map(|event| {
                let text =
                    format!("{}: {}", event["reason"].as_str().unwrap(), event["message"].as_str().unwrap());
                (
                    event["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap(),
                    text,
                    event["count"].as_i64(),
                )
            })
            .collect();
        events.sort();
        events.into_iter().map(|(_, text, count)| (text, count.unwrap_or(1))).collect()
    }

    fn said(&self, name: &str, text: &str) -> bool {
        self.events(name).iter().any(|(event, _)| event == text)
    }

    /// When a pod's word was seen, each time.
    fn times(&self, name: &str, word: &str) -> Vec<u64> {
        self.seen.iter().filter(|seen| seen.1 == name && seen.2 == word).map(|seen| seen.0).collect()
    }

    fn words(&self, name: &str) -> Vec<&str> {
        self.seen.iter().filter(|seen| seen.1 == name).map(|seen| seen.2.as_str()).collect()
    }
}

fn overlay(under: &mut Value, over: Value) {
    if let (Some(under), Value::Object(over)) = (under.as_object_mut(), over) {
        under.extend(over);
    }
}

#[track_caller]
fn within(times: &[u64], expected: &[std::ops::Range<u64>]) {
    assert_eq!(times.len(), expected.len(), "{times:?} {expected:?}");
    for (time, range) in times.iter().zip(expected) {
        assert!(range.contains(time), "{time} not in {range:?}: {times:?}");
    }
}

fn probe(period: u64) -> Value {
    json!({"httpGet": {"path": "/ok", "port": "web"}, "periodSeconds": period})
}

fn web(kind: &str, period: u64) -> Value {
    json!({"ports": [{"name": "web", "containerPort": 8080}], kind: probe(period)})
}

#[test]
fn a_healthy_pod_becomes_ready() {
    let mut lab = Lab::new();
    lab.pod("web", json!({}), json!({}));
    lab.until(20_000);
    assert_eq!(lab.words("web"), ["Pending", "ContainerCreating", "ready"]);
    within(&lab.times("web", "ready"), &[2_000..7_000]);
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
    within(&lab.times("web", "ready"), &[30_000..40_000]);
}

#[test]
fn a_crash_loop_waits_longer_each_time() {
    let mut lab = Lab::new();
    lab.pod("web", json!({"command": ["sh", "-c", "exit 1"]}), json!({}));
    lab.until(180_000);
    let pod = lab.get("web").unwrap();
    let status = &pod["status"]["containerStatuses"][0];
    // First again at once, then after 10, 20, 40 and 80 s.
    assert_eq!(status["restartCount"], 5);
    assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
    let uid = backstay_object::uid(&pod);
    assert_eq!(
        status["state"]["waiting"]["message"],
        format!("back-off 2m40s restarting failed container=c pod=web_shop({uid})")
    );
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    assert_eq!(pod["status"]["phase"], "Running");
    assert!(
        lab.said("web", &format!("BackOff: Back-off restarting failed container c in pod web_shop({uid})"))
    );
    let deaths = lab.times("web", "Error");
    let gaps: Vec<u64> = deaths.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
    assert!(gaps.len() >= 4, "{gaps:?}");
    for (gap, expected) in gaps.iter().rev().zip([80, 40, 20, 10]) {
        assert!((expected..expected + 4).contains(gap), "{gaps:?}");
    }
}

#[test]
fn readiness_delays_ready() {
    let mut lab = Lab::new();
    lab.fault("slow-start(20000)@pod/web");
    lab.pod("web", web("readinessProbe", 5), json!({}));
    lab.until(60_000);
    within(&lab.times("web", "ready"), &[20_000..30_000]);
    assert!(lab.said(
        "web",
        "Unhealthy: Readiness probe failed: Get \"http://10.88.0.2:8080/ok\": dial tcp 10.88.0.2:8080: connect: connection refused"
    ));
    assert_eq!(lab.status("web")["containerStatuses"][0]["restartCount"], 0);
}

#[test]
fn a_fault_that_comes_and_goes_while_running() {
    let mut lab = Lab::new();
    lab.pod("web", web("readinessProbe", 2), json!({}));
    lab.until(20_000);
    assert!(condition_is_true(&lab.get("web").unwrap(), "Ready"));
    lab.fault("never-ready@pod/web");
    lab.wake("web");
    lab.until(40_000);
    assert!(!condition_is_true(&lab.get("web").unwrap(), "Ready"));
    assert!(lab.said("web", "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"));
    lab.world.faults.clear();
    lab.until(50_000);
    assert!(condition_is_true(&lab.get("web").unwrap(), "Ready"));
}

#[test]
fn liveness_and_startup_kill() {
    for (kind, word) in [("livenessProbe", "liveness"), ("startupProbe", "startup")] {
        let mut lab = Lab::new();
        lab.fault(if kind == "livenessProbe" { "never-live@pod/web" } else { "slow-start(600000)@pod/web" });
        lab.pod("web", web(kind, 5), json!({}));
        lab.until(60_000);
        let status = lab.status("web")["containerStatuses"][0].clone();
        assert!(status["restartCount"].as_u64().unwrap() >= 2, "{word} {status}");
        assert!(lab.said("web", &format!("Killing: Container c failed {word} probe, will be restarted")));
    }
}

#[test]
fn deletion_honours_the_grace() {
    for (command, asked, gone) in [
        // nginx listens to SIGTERM.
        (json!([]), None, 300..3_000),
        // A sleeping shell does not: it is killed after its grace.
        (json!(["sh", "-c", "sleep infinity"]), None, 12_000..14_500),
        (json!(["sh", "-c", "sleep infinity"]), Some(3), 3_000..5_500),
        (json!(["sh", "-c", "sleep infinity"]), Some(0), 0..100),
    ] {
        let mut lab = Lab::new();
        lab.pod("web", json!({"command": command}), json!({"terminationGracePeriodSeconds": 12}));
        lab.until(20_000);
        lab.delete("web", asked);
        lab.until(60_000);
        within(&lab.times("web", "gone"), &[20_000 + gone.start..20_000 + gone.end]);
        assert_eq!(lab.get("web"), None);
        assert!(lab.world.pods.is_empty());
        if asked != Some(0) {
            assert!(lab.said("web", "Killing: Stopping container c"), "{:#?}", lab.events("web"));
        }
    }
}

#[test]
fn pods_that_end() {
    for (command, policy, phase, reason) in [
        ("sleep 2", "Never", "Succeeded", "PodCompleted"),
        ("sleep 1; exit 3", "Never", "Failed", "PodFailed"),
        ("exit 0", "OnFailure", "Succeeded", "PodCompleted"),
    ] {
        let mut lab = Lab::new();
        lab.pod("job", json!({"command": ["sh", "-c", command]}), json!({"restartPolicy": policy}));
        lab.until(30_000);
        let status = lab.status("job");
        assert_eq!(status["phase"], phase, "{command}");
        let ready =
            list_at(&status, &["conditions"]).iter().find(|it| it["type"] == "Ready").unwrap().clone();
        assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!(reason)));
        lab.delete("job", None);
        lab.until(31_000);
        assert_eq!(lab.get("job"), None);
    }
    let mut lab = Lab::new();
    lab.pod("late", json!({}), json!({"activeDeadlineSeconds": 20}));
    lab.until(30_000);
    let status = lab.status("late");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Failed"), &json!("DeadlineExceeded")));
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
