//! `topologySpreadConstraints` that must hold (`DoNotSchedule`).

use backstay_object::{int_at, label, list_at, namespace, selector_matches, text_at};
use serde_json::Value;

use super::super::status::finished;
use super::fit::{Refusal, node_selected};
use crate::ordered::Map;
use crate::world::Ctx;

/// Why a node would spread the pods too unevenly.
pub(super) fn refusal(ctx: &Ctx<'_>, pod: &Value, node: &Value) -> Option<Refusal> {
    const WORDS: &str = "node(s) didn't match pod topology spread constraints";
    list_at(pod, &["spec", "topologySpreadConstraints"])
        .iter()
        .filter(|rule| text_at(rule, &["whenUnsatisfiable"]).unwrap_or("DoNotSchedule") == "DoNotSchedule")
        .find_map(|rule| {
            let topology = text_at(rule, &["topologyKey"]).unwrap_or("");
            let Some(here) = label(node, topology) else {
                return Some(Refusal::lasting(&format!("{WORDS} (missing required label)")));
            };
            let counts = counts(ctx, pod, rule, topology);
            let least = counts.values().min().copied().unwrap_or(0);
            let own = counts.get(here).copied().unwrap_or(0) + i64::from(matches(rule, pod));
            let allowed = int_at(rule, &["maxSkew"]).unwrap_or(1);
            (own - least > allowed).then(|| Refusal::passing(WORDS))
        })
}

fn matches(rule: &Value, pod: &Value) -> bool {
    rule.get("labelSelector").is_some_and(|selector| selector_matches(selector, pod))
}

/// How many matching pods each domain has, among the nodes the pod may go to.
fn counts(ctx: &Ctx<'_>, pod: &Value, rule: &Value, topology: &str) -> Map<String, i64> {
    let mut counts = Map::new();
    for node in ctx.store.list("", "Node", None).filter(|node| node_selected(pod, node)) {
        if let Some(domain) = label(node, topology) {
            counts.or_default(domain.to_owned());
        }
    }
    for other in ctx.store.list("", "Pod", Some(namespace(pod))) {
        let node =
            text_at(other, &["spec", "nodeName"]).and_then(|node| ctx.store.find("", "Node", "", node));
        let domain = node.and_then(|node| label(node, topology));
        if let Some(count) = domain.and_then(|domain| counts.get_mut(domain))
            && !finished(other)
            && !backstay_object::is_deleting(other)
            && matches(rule, other)
        {
            *count += 1;
        }
    }
    counts
}
