//! ResourceQuotas: how much of them is used. What a quota refuses is decided by admission, from the objects themselves.

use std::time::Duration;

use backstay_object::{is_deleting, text_at};

use crate::json::json;
use crate::store::{Change, ChangeKind};
use crate::world::{Ctx, Duty, Task};

/// Changes of one namespace are counted together.
const DELAY: Duration = Duration::from_millis(200);

pub(super) fn run(ctx: &mut Ctx<'_>, space: &str, quota_name: &str) {
    let Some(quota) = ctx.get("v1", "ResourceQuota", space, quota_name) else { return };
    if is_deleting(&quota) {
        return;
    }
    let used = crate::api::quota_used(ctx.store, &quota);
    ctx.set_status(&quota, json!({"hard": quota["spec"]["hard"], "used": used}));
}

/// Has the quotas of a namespace counted again when something came, went or ended in it.
pub(super) fn wake(ctx: &mut Ctx<'_>, change: &Change) {
    let phase = |object: &serde_json::Value| text_at(object, &["status", "phase"]).map(str::to_owned);
    let ended = change.previous.as_ref().is_some_and(|before| phase(before) != phase(&change.object));
    let resized = change
        .previous
        .as_ref()
        .is_some_and(|before| change.key.kind != "Pod" && before.get("spec") != change.object.get("spec"));
    if change.key.namespace.is_empty() || (change.kind == ChangeKind::Modified && !ended && !resized) {
        return;
    }
    let quotas: Vec<Task> = ctx
        .store
        .list("", "ResourceQuota", Some(&change.key.namespace))
        .map(|quota| Task::of(Duty::Quota, quota))
        .collect();
    for task in quotas {
        ctx.due(task, DELAY);
    }
}
