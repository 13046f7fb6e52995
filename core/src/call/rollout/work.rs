//! What an action means, object by object: the requests a host sends, so that it needs to know neither plan nor machine.

use backstay_object::{ResourceKey, set_at};
use backstay_plan::{Change, DeletePolicy, PlannedHook, Step, UndoWork};
use backstay_release::claim;
use backstay_rollout::{ActionId, ActionKind, Rollout};
use serde_json::{Value, json};

/// The mark of the action that created a hook: a hook that carries it is not created again.
const MARK: &str = "backstay.dev/action";

/// The requests of an action, in order. What watches, looks, explains or keeps records says in the action itself what it
/// is about, and has none.
pub(super) fn of(kind: &ActionKind, id: ActionId, machine: &Rollout) -> Value {
    let plan = machine.plan();
    let steps: Vec<&Step> =
        machine.steps_of(kind).into_iter().filter_map(|index| plan.steps.get(index)).collect();
    let work: Vec<Value> = match kind {
        ActionKind::Validate => content(&steps, machine, false, "check"),
        ActionKind::Apply { .. } => content(&steps, machine, false, "apply"),
        ActionKind::Restore => content(&steps, machine, true, "apply"),
        ActionKind::Prune { .. } => steps.iter().map(|step| delete(&step.key, true, false)).collect(),
        ActionKind::DeleteCreated | ActionKind::Uninstall => {
            steps.iter().map(|step| delete(&step.key, true, true)).collect()
        }
        ActionKind::DeletePods { pods } => pods.iter().map(|pod| delete(pod, false, false)).collect(),
        ActionKind::CreateHook { stage, position } => {
            let hooks = machine.hooks_of(*stage);
            let hook = usize::try_from(*position).ok().and_then(|position| hooks.get(position).copied());
            hook.map(|hook| create(hook, &format!("{}-{}", plan.digest(), id.0))).into_iter().collect()
        }
        ActionKind::CleanHooks { stage, succeeded } => {
            clean(&machine.hooks_of(*stage), usize::try_from(*succeeded).unwrap_or(usize::MAX))
        }
        ActionKind::Observe { .. }
        | ActionKind::Look { .. }
        | ActionKind::CaptureEvidence { .. }
        | ActionKind::SaveRecord { .. } => Vec::new(),
    };
    Value::Array(work)
}

/// What steps apply on the way forward or back, marked as the release's.
fn content(steps: &[&Step], machine: &Rollout, former: bool, what: &str) -> Vec<Value> {
    let plan = machine.plan();
    let objects = steps.iter().filter_map(|step| {
        let mut object = match (&step.undo, former) {
            (UndoWork::Restore { object }, true) => object.clone(),
            (_, true) => return None,
            (_, false) => step.desired.clone()?,
        };
        if step.owned && !(former && step.change == Change::Adopt) {
            claim(&mut object, &plan.release, &plan.namespace);
        }
        Some(json!({"do": what, "key": step.key, "object": placed(object, &step.key)}))
    });
    objects.collect()
}

/// The object with its namespace written in.
fn placed(mut object: Value, key: &ResourceKey) -> Value {
    if !key.namespace.is_empty() {
        set_at(&mut object, &["metadata", "namespace"], json!(key.namespace));
    }
    object
}

/// A deletion; `owned`: only where the live object is the release's, `wait`: the action ends when the object is gone.
fn delete(key: &ResourceKey, owned: bool, wait: bool) -> Value {
    json!({"do": "delete", "key": key, "only_owned": owned, "wait": wait})
}

fn create(hook: &PlannedHook, mark: &str) -> Value {
    let mut object = hook.object.object.clone();
    set_at(&mut object, &["metadata", "annotations", MARK], json!(mark));
    let key = &hook.object.key;
    json!({
        "do": "create-hook", "key": key, "object": placed(object, key), "mark": mark,
        "delete_before": hook.deletes(DeletePolicy::BeforeHookCreation),
    })
}

/// Which hooks of a group go: those that succeeded and whose policy says so, the last one first, and the one that failed;
/// `unless_ended` keeps a failed one that has ended and whose policy does not name it.
fn clean(hooks: &[&PlannedHook], succeeded: usize) -> Vec<Value> {
    let done = hooks.iter().take(succeeded).rev().filter(|hook| hook.deletes(DeletePolicy::HookSucceeded));
    let mut work: Vec<Value> = done.map(|hook| delete(&hook.object.key, false, true)).collect();
    if let Some(failed) = hooks.get(succeeded) {
        let mut one = delete(&failed.object.key, false, true);
        one["unless_ended"] = json!(!failed.deletes(DeletePolicy::HookFailed));
        work.push(one);
    }
    work
}
