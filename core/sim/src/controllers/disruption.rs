//! PodDisruptionBudgets: how many pods may be disturbed at present.

use backstay_object::{condition_is_true, int_at, is_deleting, map_at, selector_matches};
use serde_json::Value;

use super::pods::{is_over, is_ready};
use super::{conditions_of, put_condition, scaled};
use crate::json::json;
use crate::world::Ctx;

pub(super) fn run(ctx: &mut Ctx<'_>, space: &str, budget_name: &str) {
    let Some(budget) = ctx.get("policy/v1", "PodDisruptionBudget", space, budget_name) else { return };
    if is_deleting(&budget) {
        return;
    }
    let selector = &budget["spec"]["selector"];
    let (mut total, mut healthy) = (0_i64, 0_i64);
    let names = match map_at(selector, &["matchLabels"]).filter(|labels| !labels.is_empty()) {
        Some(labels) => ctx.world.index.pods_with_labels(space, labels),
        None => {
            ctx.store.list("", "Pod", Some(space)).map(|pod| backstay_object::name(pod).to_owned()).collect()
        }
    };
    for pod in names.iter().filter_map(|pod| ctx.store.find("", "Pod", space, pod)) {
        if is_over(pod) || !selector_matches(selector, pod) {
            continue;
        }
        total += 1;
        healthy += i64::from(is_ready(pod) && !is_deleting(pod));
    }
    let spec = &budget["spec"];
    let desired = match (spec.get("minAvailable"), spec.get("maxUnavailable")) {
        (Some(least), _) if !least.is_null() => scaled(Some(least), total, true),
        (_, Some(most)) => (total - scaled(Some(most), total, true)).max(0),
        _ => 1.min(total),
    };
    let allowed = if total > 0 { (healthy - desired).max(0) } else { 0 };
    let now = ctx.time();
    let mut conditions = conditions_of(&budget);
    let (truth, reason) =
        if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let condition = json!({
        "type": "DisruptionAllowed", "status": truth, "reason": reason, "message": "",
        "observedGeneration": budget["metadata"]["generation"],
    });
    if conditions.is_empty() || condition_is_true(&budget, "DisruptionAllowed") != (allowed > 0) {
        put_condition(&mut conditions, condition, &now);
    }
    let status = json!({
        "conditions": conditions,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": total,
        "observedGeneration": int_at(&budget, &["metadata", "generation"]).map_or(Value::Null, Value::from),
    });
    ctx.set_status(&budget, status);
}
