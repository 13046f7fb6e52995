//! Services: the addresses of their pods, and a load balancer's address.
//!
//! A service of type `LoadBalancer` gets an address of the documentation network 203.0.113.0/24 five seconds after it was
//! made, as from a cloud.

use std::sync::Arc;
use std::time::Duration;

use backstay_object::{
    ResourceKey, Timestamp, bool_at, is_deleting, labels_match, list_at, map_at, name, namespace, set_at,
    text_at, uid,
};
use serde_json::Value;

use super::pods::{is_over, is_ready};
use crate::events::{normal, source};
use crate::json::json;
use crate::store::DeleteOptions;
use crate::world::{Ctx, Duty, Task};

const CLOUD_SECONDS: u64 = 5;

pub(super) fn run(ctx: &mut Ctx<'_>, space: &str, service_name: &str) {
    let Some(service) = ctx.get("v1", "Service", space, service_name) else {
        let key = ResourceKey::new("v1", "Endpoints", space, service_name);
        // Without endpoints there is nothing to remove.
        let _ = ctx.store.delete(&key, &DeleteOptions::default(), ctx.now);
        return;
    };
    if is_deleting(&service) {
        return;
    }
    balance(ctx, &service);
    let Some(selector) = map_at(&service, &["spec", "selector"]).filter(|selector| !selector.is_empty())
    else {
        return;
    };
    if text_at(&service, &["spec", "type"]) == Some("ExternalName") {
        return;
    }
    let mut pods: Vec<Arc<Value>> = Vec::new();
    for candidate in ctx.world.index.pods_with_labels(space, selector) {
        let Some(pod) = ctx.store.find("", "Pod", space, &candidate) else { continue };
        let placed = text_at(pod, &["status", "podIP"]).is_some_and(|address| !address.is_empty());
        if placed && !is_over(pod) && labels_match(selector, map_at(pod, &["metadata", "labels"])) {
            pods.push(pod.clone());
        }
    }
    pods.sort_by_cached_key(|pod| text_at(pod, &["status", "podIP"]).unwrap_or("").to_owned());
    write_endpoints(ctx, &service, &pods);
    write_slice(ctx, &service, &pods);
}

fn balance(ctx: &mut Ctx<'_>, service: &Value) {
    let has = !list_at(service, &["status", "loadBalancer", "ingress"]).is_empty();
    if text_at(service, &["spec", "type"]) != Some("LoadBalancer") || has {
        return;
    }
    if text_at(service, &["spec", "loadBalancerClass"]).is_some() {
        return;
    }
    let created =
        text_at(service, &["metadata", "creationTimestamp"]).and_then(|text| Timestamp::parse(text).ok());
    let until = created.unwrap_or(ctx.now).after(Duration::from_secs(CLOUD_SECONDS));
    if until > ctx.now {
        ctx.event(
            service,
            source("service-controller"),
            normal("EnsuringLoadBalancer", "Ensuring load balancer"),
        );
        return ctx.due(Task::of(Duty::Service, service), until.since(ctx.now));
    }
    let last = ctx.between(uid(service), "load balancer", 1, 254);
    let mut status = service["status"].clone();
    if !status.is_object() {
        status = json!({});
    }
    status["loadBalancer"] = json!({"ingress": [{"ip": format!("203.0.113.{last}"), "ipMode": "VIP"}]});
    ctx.set_status(service, status);
    ctx.event(service, source("service-controller"), normal("EnsuredLoadBalancer", "Ensured load balancer"));
}

fn target(pod: &Value) -> Value {
    json!({"kind": "Pod", "namespace": namespace(pod), "name": name(pod), "uid": uid(pod)})
}

/// Number of a port of a service on a pod; a named one is looked up.
fn port_on(pod: &Value, port: &Value) -> Option<Value> {
    match port.get("targetPort") {
        Some(Value::String(wanted)) => {
            let all =
                ["initContainers", "containers"].into_iter().flat_map(|list| list_at(pod, &["spec", list]));
            all.flat_map(|container| list_at(container, &["ports"]))
                .find(|candidate| candidate["name"] == **wanted)
                .map(|candidate| candidate["containerPort"].clone())
        }
        Some(Value::Number(number)) => Some(Value::Number(number.clone())),
        _ => Some(port["port"].clone()),
    }
}

fn ports(service: &Value, pods: &[Arc<Value>]) -> Vec<Value> {
    let mut ports = Vec::new();
    for port in list_at(service, &["spec", "ports"]) {
        let Some(number) = pods.iter().find_map(|pod| port_on(pod, port)) else { continue };
        let mut entry =
            json!({"port": number, "protocol": port.get("protocol").cloned().unwrap_or(json!("TCP"))});
        for field in ["name", "appProtocol"] {
            if let Some(value) = port.get(field) {
                entry[field] = value.clone();
            }
        }
        ports.push(entry);
    }
    ports
}

fn counts_as_ready(service: &Value, pod: &Value) -> bool {
    is_ready(pod) || bool_at(service, &["spec", "publishNotReadyAddresses"]) == Some(true)
}

fn write_endpoints(ctx: &mut Ctx<'_>, service: &Value, pods: &[Arc<Value>]) {
    let address = |pod: &Arc<Value>| {
        let mut address = json!({"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": target(pod)});
        if let Some(host) =
            pod["spec"].get("hostname").filter(|_| pod["spec"]["subdomain"] == service["metadata"]["name"])
        {
            address["hostname"] = host.clone();
        }
        address
    };
    let alive = pods.iter().filter(|pod| !is_deleting(pod));
    let (ready, waiting): (Vec<&Arc<Value>>, Vec<&Arc<Value>>) =
        alive.partition(|pod| counts_as_ready(service, pod));
    let mut subset = json!({});
    for (field, pods) in [("addresses", ready), ("notReadyAddresses", waiting)] {
        if !pods.is_empty() {
            subset[field] = pods.into_iter().map(address).collect();
        }
    }
    let mut subsets = json!([]);
    if subset.as_object().is_some_and(|subset| !subset.is_empty()) {
        let ports = ports(service, pods);
        if !ports.is_empty() {
            subset["ports"] = Value::Array(ports);
        }
        subsets = json!([subset]);
    }
    let mut labels = service["metadata"]["labels"].clone();
    if !labels.is_object() {
        labels = json!({});
    }
    labels["endpoints.kubernetes.io/managed-by"] = json!("endpoint-controller");
    if service["spec"]["clusterIP"] == "None" {
        labels["service.kubernetes.io/headless"] = json!("");
    }
    put(
        ctx,
        json!({
            "apiVersion": "v1", "kind": "Endpoints",
            "metadata": {"name": name(service), "namespace": namespace(service), "labels": labels},
            "subsets": subsets,
        }),
        &["subsets"],
    );
}

fn write_slice(ctx: &mut Ctx<'_>, service: &Value, pods: &[Arc<Value>]) {
    let endpoint = |pod: &Arc<Value>| {
        let ready = is_ready(pod);
        json!({
            "addresses": [pod["status"]["podIP"]],
            "conditions": {
                "ready": counts_as_ready(service, pod) && !is_deleting(pod),
                "serving": ready,
                "terminating": is_deleting(pod),
            },
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": target(pod),
        })
    };
    let number = ctx.chance(uid(service), "endpoint slice");
    let suffix: String =
        (0..5_u32).map(|place| char::from(super::letter(number / 27_u64.pow(place)))).collect();
    let owner = super::owner_references(service);
    let mut slice_ports = ports(service, pods);
    for port in &mut slice_ports {
        if port.get("name").is_none() {
            port["name"] = json!("");
        }
    }
    put(
        ctx,
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{}-{suffix}", name(service)),
                "generateName": format!("{}-", name(service)),
                "namespace": namespace(service),
                "labels": super::joined(&service["metadata"]["labels"], &[
                    ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
                    ("kubernetes.io/service-name", name(service)),
                ]),
                "ownerReferences": owner,
            },
            "addressType": "IPv4",
            "endpoints": pods.iter().map(endpoint).collect::<Vec<_>>(),
            "ports": slice_ports,
        }),
        &["endpoints", "ports"],
    );
}

/// Creates an object, or brings some of its fields up to date.
fn put(ctx: &mut Ctx<'_>, object: Value, fields: &[&str]) {
    let Some(key) = ResourceKey::of(&object) else { return };
    if ctx.store.get(&key).is_none() {
        // Refused while the namespace ends: then nobody needs it.
        let _ = ctx.create(object);
        return;
    }
    // There a moment ago.
    let _ = ctx.store.update(&key, ctx.now, |present| {
        for field in fields {
            set_at(present, &[field], object[*field].clone());
        }
        set_at(present, &["metadata", "labels"], object["metadata"]["labels"].clone());
    });
}
