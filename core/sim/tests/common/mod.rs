//! What the tests of the model share: a cluster with shorthand for requests.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a module of tests; not every file needs every helper"
)]

use std::time::Duration;

use backstay_object::{Timestamp, int_at, list_at, text_at};
use backstay_sim::Cluster;
use backstay_sim::api::{Body, Request};
use serde_json::{Value, json};

/// A cluster with the namespace `shop`.
pub struct Model(pub Cluster);

pub fn start() -> Timestamp {
    Timestamp::parse("2026-03-01T10:00:00Z").unwrap()
}

impl Model {
    pub fn new(seed: u64) -> Self {
        let mut model = Self(Cluster::new(seed, start()));
        model.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
        model.pass(1);
        model
    }

    pub fn request(&mut self, method: &str, path: &str, content_type: &str, body: &Value) -> (u16, Value) {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            content_type: content_type.to_owned(),
            accept: "application/json".to_owned(),
            user_agent: "test/1".to_owned(),
            body: if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() },
            ..Request::default()
        };
        let response = self.0.handle(&request);
        match response.body {
            Body::Json(value) => (response.status, value),
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    pub fn create(&mut self, object: Value) -> Value {
        let path = collection(&object);
        let (status, answer) = self.request("POST", &path, "application/json", &object);
        assert_eq!(status, 201, "{answer}");
        answer
    }

    pub fn patch(&mut self, path: &str, patch: Value) -> Value {
        let (status, answer) = self.request("PATCH", path, "application/merge-patch+json", &patch);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub fn get(&mut self, path: &str) -> Value {
        self.request("GET", path, "", &Value::Null).1
    }

    pub fn items(&mut self, path: &str) -> Vec<Value> {
        list_at(&self.get(path), &["items"]).to_vec()
    }

    pub fn pods(&mut self) -> Vec<Value> {
        self.items("/api/v1/namespaces/shop/pods")
    }

    pub fn delete(&mut self, path: &str, propagation: &str) -> u16 {
        self.request("DELETE", path, "application/json", &json!({"propagationPolicy": propagation})).0
    }

    /// Lets seconds pass.
    pub fn pass(&mut self, seconds: u64) {
        let to = self.0.now().after(Duration::from_secs(seconds));
        self.0.advance_to(to);
    }

    /// Seconds until a number of an object's status has a value, looking at most so long.
    pub fn seconds_until(&mut self, path: &str, field: &str, wanted: i64, most: u64) -> Option<u64> {
        for seconds in 0..=most {
            if int_at(&self.get(path), &["status", field]).unwrap_or(0) == wanted {
                return Some(seconds);
            }
            self.pass(1);
        }
        None
    }

    /// `Type Reason Message` of the events about objects of a kind, in the order they were written.
    pub fn events(&mut self, kind: &str) -> Vec<String> {
        let mut events = self.items("/api/v1/namespaces/shop/events");
        events.retain(|event| event["involvedObject"]["kind"] == kind);
        events.sort_by_key(|event| {
            text_at(event, &["metadata", "resourceVersion"]).and_then(|text| text.parse::<u64>().ok())
        });
        let text = |event: &Value, field: &str| text_at(event, &[field]).unwrap_or("").to_owned();
        events
            .iter()
            .map(|event| {
                format!("{} {} {}", text(event, "type"), text(event, "reason"), text(event, "message"))
            })
            .collect()
    }
}

fn collection(object: &Value) -> String {
    let (group, version) = backstay_object::split_api_version(text_at(object, &["apiVersion"]).unwrap());
    let kind = backstay_object::kind_info(group, backstay_object::kind(object)).unwrap();
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    if kind.namespaced {
        format!("{root}/namespaces/shop/{}", kind.plural)
    } else {
        format!("{root}/{}", kind.plural)
    }
}

pub const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";

pub fn deployment(replicas: i64, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    })
}

pub fn job(name: &str, command: &str, backoff: i64) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "backoffLimit": backoff,
            "template": {"spec": {"restartPolicy": "Never", "containers": [
                {"name": "work", "image": "busybox:1.36", "command": ["sh", "-c", command]},
            ]}},
        },
    })
}

/// `type=status reason` of the conditions, in their order.
pub fn conditions(object: &Value) -> Vec<String> {
    let text = |condition: &Value, field: &str| text_at(condition, &[field]).unwrap_or("").to_owned();
    list_at(object, &["status", "conditions"])
        .iter()
        .map(|condition| {
            format!("{}={} {}", text(condition, "type"), text(condition, "status"), text(condition, "reason"))
        })
        .collect()
}
