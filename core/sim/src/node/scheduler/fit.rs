//! Whether a node takes a pod: taints, selectors, ports, resources, and the neighbours it wants or shuns.

use backstay_object::{
    Quantity, at, bool_at, condition, controller_owner, int_at, label, list_at, map_at, name, namespace,
    selector_matches, text_at,
};
use serde_json::Value;

use super::super::conduct::is_sidecar;
use super::super::status::finished;
use crate::ordered::Map;
use crate::world::Ctx;

/// Why a node does not take a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) text: String,
    /// Removing other pods would not help.
    pub(super) lasting: bool,
}

impl Refusal {
    pub(super) fn lasting(text: &str) -> Self {
        Self { text: text.to_owned(), lasting: true }
    }

    pub(super) fn passing(text: &str) -> Self {
        Self { text: text.to_owned(), lasting: false }
    }
}

/// Processor and memory in thousandths of their units, the smallest that quantities know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    cpu: i128,
    memory: i128,
}

impl Wants {
    fn plus(self, other: Self) -> Self {
        Self { cpu: self.cpu.saturating_add(other.cpu), memory: self.memory.saturating_add(other.memory) }
    }

    fn minus(self, other: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(other.cpu), memory: self.memory.saturating_sub(other.memory) }
    }

    fn at_least(self, other: Self) -> Self {
        Self { cpu: self.cpu.max(other.cpu), memory: self.memory.max(other.memory) }
    }
}

fn amount(object: &Value, path: &[&str]) -> i128 {
    at(object, path).and_then(Quantity::of).map_or(0, |amount| amount.0)
}

fn of_container(spec: &Value) -> Wants {
    let asked = |resource| amount(spec, &["resources", "requests", resource]);
    Wants { cpu: asked("cpu"), memory: asked("memory") }
}

/// What a pod asks for: its containers and sidecars together, or its largest init container.
pub(super) fn requests(pod: &Value) -> Wants {
    let mut sum = Wants::default();
    let mut largest = Wants::default();
    for spec in list_at(pod, &["spec", "initContainers"]) {
        if is_sidecar(spec) {
            sum = sum.plus(of_container(spec));
        } else {
            largest = largest.at_least(sum.plus(of_container(spec)));
        }
    }
    let sum =
        list_at(pod, &["spec", "containers"]).iter().fold(sum, |sum, spec| sum.plus(of_container(spec)));
    let overhead = |resource| amount(pod, &["spec", "overhead", resource]);
    sum.at_least(largest).plus(Wants { cpu: overhead("cpu"), memory: overhead("memory") })
}

/// What the pods on a node take of it, kept up to date by the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pods: u64,
    used: Wants,
    /// How many pods hold a port of the node.
    ports: Map<(i64, String), u32>,
    /// How many pods belong to a controller, by its uid.
    owners: Map<String, u32>,
}

impl Load {
    /// Takes a pod in (`add`) or out.
    pub(crate) fn note(&mut self, pod: &Value, add: bool) {
        let wants = requests(pod);
        let owner = controller_owner(pod).and_then(|owner| text_at(owner, &["uid"])).map(str::to_owned);
        if add {
            self.pods = self.pods.saturating_add(1);
            self.used = self.used.plus(wants);
        } else {
            self.pods = self.pods.saturating_sub(1);
            self.used = self.used.minus(wants);
        }
        for port in host_ports(pod) {
            count(&mut self.ports, port, add);
        }
        if let Some(owner) = owner {
            count(&mut self.owners, owner, add);
        }
    }

    /// How many pods of a controller are there.
    pub(super) fn siblings(&self, owner: &str) -> u32 {
        self.owners.get(owner).copied().unwrap_or(0)
    }

    /// How full the node is, in thousandths of processor, memory and pods together.
    pub(super) fn share(&self, node: &Value) -> u64 {
        let part = |used: i128, resource: &str| {
            let all = allocatable(node, resource).filter(|all| *all > 0).unwrap_or(i128::MAX);
            u64::try_from(used.saturating_mul(1000) / all).unwrap_or(u64::MAX / 4)
        };
        let pods = self.pods.saturating_mul(1000) / pod_limit(node).max(1);
        part(self.used.cpu, "cpu").saturating_add(part(self.used.memory, "memory")).saturating_add(pods)
    }
}

fn count<K: Ord>(counts: &mut Map<K, u32>, key: K, add: bool) {
    if add {
        *counts.or_default(key) += 1;
    } else if let Some(present) = counts.get_mut(&key) {
        *present = present.saturating_sub(1);
        if *present == 0 {
            counts.remove(&key);
        }
    }
}

fn allocatable(node: &Value, resource: &str) -> Option<i128> {
    ["allocatable", "capacity"]
        .into_iter()
        .find_map(|field| at(node, &["status", field, resource]))
        .and_then(Quantity::of)
        .map(|amount| amount.0)
}

fn pod_limit(node: &Value) -> u64 {
    ["allocatable", "capacity"]
        .into_iter()
        .find_map(|field| at(node, &["status", field, "pods"]))
        .and_then(|limit| limit.as_u64().or_else(|| limit.as_str().and_then(|text| text.parse().ok())))
        .unwrap_or(110)
}

/// Why a node does not take a pod: the first filter that refuses, in the order of the scheduler's plugins.
pub(super) fn refusals(ctx: &Ctx<'_>, pod: &Value, node: &Value, wants: &Wants, load: &Load) -> Vec<Refusal> {
    if bool_at(node, &["spec", "unschedulable"]) == Some(true)
        && !tolerates(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule")
    {
        return vec![Refusal::lasting("node(s) were unschedulable")];
    }
    if let Some(taint) = untolerated(pod, node) {
        return vec![Refusal::lasting(&format!("node(s) had untolerated taint {{{taint}}}"))];
    }
    if !node_selected(pod, node) {
        return vec![Refusal::lasting("node(s) didn't match Pod's node affinity/selector")];
    }
    if host_ports(pod).any(|port| load.ports.contains_key(&port)) {
        return vec![Refusal::passing("node(s) didn't have free ports for the requested pod ports")];
    }
    let mut short = Vec::new();
    if load.pods >= pod_limit(node) {
        short.push(Refusal::passing("Too many pods"));
    }
    for (resource, wanted, used) in
        [("cpu", wants.cpu, load.used.cpu), ("memory", wants.memory, load.used.memory)]
    {
        let all = allocatable(node, resource).unwrap_or(i128::MAX);
        if wanted > 0 && wanted > all.saturating_sub(used) {
            short.push(Refusal { text: format!("Insufficient {resource}"), lasting: wanted > all });
        }
    }
    if short.is_empty() {
        short.extend(super::spread::refusal(ctx, pod, node));
    }
    if short.is_empty()
        && let Some(neighbours) = neighbours(ctx, pod, node)
    {
        short.push(Refusal {
            text: format!("node(s) didn't match pod {neighbours} rules"),
            lasting: neighbours == "affinity",
        });
    }
    short
}

/// `key: value` of the first taint that keeps the pod away.
fn untolerated(pod: &Value, node: &Value) -> Option<String> {
    let taints = list_at(node, &["spec", "taints"]).iter().filter_map(|taint| {
        let text = |field| text_at(taint, &[field]).unwrap_or("");
        let keeps = matches!(text("effect"), "NoSchedule" | "NoExecute");
        (keeps && !tolerates(pod, text("key"), text("value"), text("effect")))
            .then(|| format!("{}: {}", text("key"), text("value")))
    });
    let not_ready = condition(node, "Ready")
        .is_some_and(|ready| text_at(ready, &["status"]) != Some("True"))
        .then_some("node.kubernetes.io/not-ready")
        .filter(|key| !tolerates(pod, key, "", "NoSchedule"))
        .map(|key| format!("{key}: "));
    taints.chain(not_ready).next()
}

fn tolerates(pod: &Value, key: &str, value: &str, effect: &str) -> bool {
    list_at(pod, &["spec", "tolerations"]).iter().any(|toleration| {
        let text = |field| text_at(toleration, &[field]).unwrap_or("");
        let exists = text("operator") == "Exists";
        (text("effect").is_empty() || text("effect") == effect)
            && ((text("key").is_empty() && exists) || text("key") == key)
            && (exists || text("value") == value)
    })
}

/// Whether the pod's selector and required node affinity take a node.
pub(super) fn node_selected(pod: &Value, node: &Value) -> bool {
    let selected = map_at(pod, &["spec", "nodeSelector"])
        .into_iter()
        .flatten()
        .all(|(key, value)| label(node, key) == value.as_str());
    let path = ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    selected && at(pod, &path).is_none_or(|required| terms_match(required, node))
}

/// A node selector: any of its terms, each with all of its expressions.
pub(super) fn terms_match(selector: &Value, node: &Value) -> bool {
    list_at(selector, &["nodeSelectorTerms"]).iter().any(|term| {
        let labels = list_at(term, &["matchExpressions"]);
        let fields = list_at(term, &["matchFields"]);
        (!labels.is_empty() || !fields.is_empty())
            && labels
                .iter()
                .all(|wanted| expression(wanted, label(node, text_at(wanted, &["key"]).unwrap_or(""))))
            && fields.iter().all(|wanted| expression(wanted, Some(name(node))))
    })
}

fn expression(wanted: &Value, present: Option<&str>) -> bool {
    let values = list_at(wanted, &["values"]);
    let among = |text: &str| values.iter().any(|value| value.as_str() == Some(text));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let limit = || number(values.first().and_then(Value::as_str));
    match text_at(wanted, &["operator"]).unwrap_or("In") {
        "In" => present.is_some_and(among),
        "NotIn" => !present.is_some_and(among),
        "Exists" => present.is_some(),
        "DoesNotExist" => present.is_none(),
        "Gt" => number(present).zip(limit()).is_some_and(|(present, limit)| present > limit),
        "Lt" => number(present).zip(limit()).is_some_and(|(present, limit)| present < limit),
        _ => false,
    }
}

fn host_ports(pod: &Value) -> impl Iterator<Item = (i64, String)> {
    list_at(pod, &["spec", "containers"]).iter().flat_map(|spec| list_at(spec, &["ports"])).filter_map(
        |port| {
            let number = int_at(port, &["hostPort"]).filter(|number| *number > 0)?;
            Some((number, text_at(port, &["protocol"]).unwrap_or("TCP").to_owned()))
        },
    )
}

/// Which of the pod's rules about neighbours the node breaks: `affinity`, `anti-affinity`.
fn neighbours(ctx: &Ctx<'_>, pod: &Value, node: &Value) -> Option<&'static str> {
    let rules =
        |kind| list_at(pod, &["spec", "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution"]);
    let near = |term: &Value| {
        let topology = text_at(term, &["topologyKey"]).unwrap_or("");
        let here = label(node, topology)?;
        let met = |other: &Value| {
            let spaces = list_at(term, &["namespaces"]);
            let space = namespace(other);
            let in_space = if spaces.is_empty() {
                space == namespace(pod)
            } else {
                spaces.iter().any(|name| *name == space)
            };
            in_space && term.get("labelSelector").is_some_and(|selector| selector_matches(selector, other))
        };
        Some(ctx.store.list("", "Pod", None).any(|other| {
            let there =
                text_at(other, &["spec", "nodeName"]).and_then(|node| ctx.store.find("", "Node", "", node));
            !finished(other) && there.is_some_and(|there| label(there, topology) == Some(here)) && met(other)
        }))
    };
    // The first pod of a group that wants to be together may go anywhere.
    let first_of_all =
        |term: &Value| term.get("labelSelector").is_some_and(|selector| selector_matches(selector, pod));
    if rules("podAffinity").iter().any(|term| near(term) != Some(true) && !first_of_all(term)) {
        return Some("affinity");
    }
    rules("podAntiAffinity").iter().any(|term| near(term) == Some(true)).then_some("anti-affinity")
}
