//! Pods on nodes, without controllers: the tests step the timers themselves.

mod faults;
mod running;
mod scheduling;
mod starting;

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
fn once(times: &[u64], expected: std::ops::Range<u64>) {
    assert!(
        times.len() == 1 && times.iter().all(|time| expected.contains(time)),
        "{times:?}, expected {expected:?}"
    );
}

fn probe(period: u64) -> Value {
    json!({"httpGet": {"path": "/ok", "port": "web"}, "periodSeconds": period})
}

fn web(kind: &str, period: u64) -> Value {
    json!({"ports": [{"name": "web", "containerPort": 8080}], kind: probe(period)})
}
