//! Deployments: one ReplicaSet per pod template, and the way from one to the next
//! (rules of Kubernetes `pkg/controller/deployment`).

use std::sync::Arc;

use backstay_object::{
    ResourceKey, annotation, controller_owner, int_at, is_deleting, name, namespace, remove_at, set_at,
    text_at, uid,
};
use serde_json::Value;

use super::deployment_new::ensure_new;
use super::deployment_status as status;
use super::{scaled, stays};
use crate::events::{normal, source};
use crate::json::json;
use crate::store::DeleteOptions;
use crate::world::Ctx;

pub(super) const COMPONENT: &str = "deployment-controller";
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";
pub(super) const HASH: &str = "pod-template-hash";

/// A deployment with its ReplicaSets.
pub(super) struct Rollout {
    pub(super) deployment: Value,
    pub(super) new: Option<Arc<Value>>,
    /// The others, oldest first.
    pub(super) old: Vec<Arc<Value>>,
}

pub(super) fn replicas(object: &Value) -> i64 {
    int_at(object, &["spec", "replicas"]).unwrap_or(1)
}

fn available(set: &Value) -> i64 {
    int_at(set, &["status", "availableReplicas"]).unwrap_or(0)
}

pub(super) fn revision(object: &Value) -> i64 {
    annotation(object, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The template without the label that names it.
pub(super) fn plain_template(object: &Value) -> Value {
    let mut template = object["spec"]["template"].clone();
    remove_at(&mut template, &["metadata", "labels", HASH]);
    template
}

impl Rollout {
    fn find(ctx: &Ctx<'_>, space: &str, deployment_name: &str) -> Option<Self> {
        let deployment = ctx.get("apps/v1", "Deployment", space, deployment_name)?;
        let own = |set: &Value| {
            controller_owner(set).and_then(|owner| text_at(owner, &["uid"])) == Some(uid(&deployment))
        };
        let mut sets: Vec<Arc<Value>> = ctx
            .store
            .dependents(uid(&deployment))
            .filter(|(key, set)| key.kind == "ReplicaSet" && own(set))
            .map(|(_, set)| set.clone())
            .collect();
        sets.sort_by_cached_key(|set| {
            (
                text_at(set, &["metadata", "creationTimestamp"]).unwrap_or("").to_owned(),
                revision(set),
                name(set).to_owned(),
            )
        });
        let template = plain_template(&deployment);
        let new = sets
            .iter()
            .position(|set| stays(set) && plain_template(set) == template)
            .map(|at| sets.remove(at));
        Some(Self { deployment, new, old: sets })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.old.iter().chain(&self.new)
    }

    pub(super) fn desired(&self) -> i64 {
        replicas(&self.deployment)
    }

    fn rolling(&self) -> bool {
        text_at(&self.deployment, &["spec", "strategy", "type"]) != Some("Recreate")
    }

    /// Pods above and below the wanted number, `maxSurge` and `maxUnavailable` in whole pods.
    pub(super) fn bounds(&self) -> (i64, i64) {
        if !self.rolling() {
            return (0, 0);
        }
        let rolling = &self.deployment["spec"]["strategy"]["rollingUpdate"];
        let surge = scaled(rolling.get("maxSurge"), self.desired(), true);
        let unavailable = scaled(rolling.get("maxUnavailable"), self.desired(), false);
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable.min(self.desired())) }
    }

    fn asked(&self) -> i64 {
        self.all().map(|set| replicas(set)).sum()
    }

    /// How many pods the newest ReplicaSet may ask for now.
    pub(super) fn new_size(&self, present: i64) -> i64 {
        if !self.rolling() {
            return self.desired();
        }
        let room = self.desired() + self.bounds().0 - self.asked();
        if room <= 0 { present } else { present + room.min(self.desired() - present).max(0) }
    }
}

pub(super) fn run(ctx: &mut Ctx<'_>, space: &str, deployment_name: &str) {
    let Some(mut rollout) = Rollout::find(ctx, space, deployment_name) else { return };
    if is_deleting(&rollout.deployment) {
        return status::write(ctx, &rollout, false);
    }
    let paused = backstay_object::bool_at(&rollout.deployment, &["spec", "paused"]) == Some(true);
    status::note_pause(ctx, &mut rollout.deployment, paused);
    if paused || resized(&rollout) {
        resize(ctx, &mut rollout);
        refresh(ctx, &mut rollout);
        if paused {
            clean_up(ctx, &rollout);
        }
        return status::write(ctx, &rollout, false);
    }
    if rollout.rolling() {
        roll(ctx, &mut rollout);
    } else {
        recreate(ctx, &mut rollout);
    }
    refresh(ctx, &mut rollout);
    if status::complete(&rollout) {
        clean_up(ctx, &rollout);
    }
    status::write(ctx, &rollout, true);
}

/// Takes what was changed from the store.
fn refresh(ctx: &Ctx<'_>, rollout: &mut Rollout) {
    if let Some(found) = Rollout::find(ctx, namespace(&rollout.deployment), name(&rollout.deployment)) {
        *rollout = found;
    }
}

fn roll(ctx: &mut Ctx<'_>, rollout: &mut Rollout) {
    if !ensure_new(ctx, rollout) {
        return;
    }
    let Some(new) = rollout.new.clone() else { return };
    let (present, desired) = (replicas(&new), rollout.desired());
    let wanted = if present > desired { desired } else { rollout.new_size(present) };
    if wanted != present {
        return scale(ctx, rollout, &new, wanted);
    }
    shrink_old(ctx, rollout, &new);
}

/// Takes pods from the older ReplicaSets, the unhealthy ones first.
fn shrink_old(ctx: &mut Ctx<'_>, rollout: &Rollout, new: &Value) {
    let floor = rollout.desired() - rollout.bounds().1;
    let mut room = rollout.asked() - floor - (replicas(new) - available(new)).max(0);
    if room <= 0 {
        return;
    }
    let mut sizes: Vec<i64> = rollout.old.iter().map(|set| replicas(set)).collect();
    for (set, size) in rollout.old.iter().zip(&mut sizes) {
        let unhealthy = (*size - available(set)).clamp(0, room);
        *size -= unhealthy;
        room -= unhealthy;
    }
    // A set that was made smaller a moment ago still shows the pods it is about to lose.
    let healthy: i64 = rollout.all().map(|set| available(set).min(replicas(set))).sum();
    let mut room = (healthy - floor).max(0);
    for (set, size) in rollout.old.iter().zip(&mut sizes) {
        let less = room.min(*size);
        room -= less;
        *size -= less;
        scale(ctx, rollout, set, *size);
    }
}

fn recreate(ctx: &mut Ctx<'_>, rollout: &mut Rollout) {
    let mut busy = false;
    for set in &rollout.old {
        busy |= replicas(set) > 0;
        scale(ctx, rollout, set, 0);
    }
    let running = rollout.old.iter().any(|set| {
        ctx.store.dependents(uid(set)).any(|(key, pod)| key.kind == "Pod" && !super::pods::is_over(pod))
    });
    if busy || running || !ensure_new(ctx, rollout) {
        return;
    }
    if let Some(new) = rollout.new.clone() {
        scale(ctx, rollout, &new, rollout.desired());
    }
}

/// Sets the size of a ReplicaSet and says so.
fn scale(ctx: &mut Ctx<'_>, rollout: &Rollout, set: &Value, size: i64) {
    let present = replicas(set);
    let Some(key) = ResourceKey::of(set).filter(|_| stays(set)) else { return };
    let (desired, most) =
        (rollout.desired().to_string(), (rollout.desired() + rollout.bounds().0).to_string());
    let written = ctx.store.update(&key, ctx.now, |set| {
        set_at(set, &["spec", "replicas"], json!(size));
        set_at(set, &["metadata", "annotations", DESIRED], json!(desired));
        set_at(set, &["metadata", "annotations", MAX], json!(most));
    });
    if written.is_ok() && size != present {
        let direction = if size > present { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {} from {present} to {size}", name(set));
        ctx.event(&rollout.deployment, source(COMPONENT), normal("ScalingReplicaSet", &message));
    }
}

/// Whether only the number of pods was changed.
fn resized(rollout: &Rollout) -> bool {
    rollout.all().filter(|set| replicas(set) > 0).any(|set| {
        annotation(set, DESIRED)
            .and_then(|text| text.parse::<i64>().ok())
            .is_some_and(|before| before != rollout.desired())
    })
}

/// Shares a new size among the ReplicaSets in proportion to what they have.
fn resize(ctx: &mut Ctx<'_>, rollout: &mut Rollout) {
    let active: Vec<Arc<Value>> = rollout.all().filter(|set| replicas(set) > 0).cloned().collect();
    let desired = rollout.desired();
    if let [only] = active.as_slice() {
        return scale(ctx, rollout, only, desired);
    }
    if active.is_empty() {
        if let Some(new) = rollout.new.clone() {
            scale(ctx, rollout, &new, desired);
        }
        return;
    }
    let total = rollout.asked();
    let mut left = if desired > 0 { desired + rollout.bounds().0 - total } else { -total };
    let mut order = active;
    order.sort_by_key(|set| std::cmp::Reverse(replicas(set)));
    let mut sizes: Vec<i64> = Vec::new();
    for set in &order {
        let most = annotation(set, MAX).and_then(|text| text.parse::<i64>().ok()).unwrap_or(total).max(1);
        let target = if desired > 0 { desired + rollout.bounds().0 } else { 0 };
        let ideal = (2 * replicas(set) * target + most) / (2 * most) - replicas(set);
        let share = if left > 0 { ideal.clamp(0, left) } else { ideal.clamp(left, 0) };
        left -= share;
        sizes.push(replicas(set) + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + left).max(0);
    }
    for (set, size) in order.iter().zip(sizes) {
        scale(ctx, rollout, set, size);
    }
}

/// Deletes the oldest ReplicaSets beyond `revisionHistoryLimit`.
fn clean_up(ctx: &mut Ctx<'_>, rollout: &Rollout) {
    let limit = usize::try_from(int_at(&rollout.deployment, &["spec", "revisionHistoryLimit"]).unwrap_or(10))
        .unwrap_or(0);
    let mut old: Vec<&Arc<Value>> = rollout.old.iter().filter(|set| stays(set)).collect();
    old.sort_by_key(|set| revision(set));
    for set in old.iter().take(old.len().saturating_sub(limit)) {
        let used = replicas(set) > 0 || int_at(set, &["status", "replicas"]).unwrap_or(0) > 0;
        if let Some(key) = ResourceKey::of(set).filter(|_| !used) {
            // Gone already: just as well.
            let _ = ctx.store.delete(&key, &DeleteOptions::default(), ctx.now);
        }
    }
}
