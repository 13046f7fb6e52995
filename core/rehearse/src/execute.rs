//! Doing in the model what the machine decided, as the native host does it on a cluster.

use backstay_health::{Cause, CauseCode, is_transient_refusal, refusal};
use backstay_object::{
    ResourceKey, Timestamp, annotation, condition_is_true, generation, set_at, text_at, uid,
};
use backstay_plan::{Change, DeletePolicy, PlannedHook, Step, UndoWork};
use backstay_release::{check_ownership, claim};
use backstay_rollout::{Action, ActionKind, Applied, FailureKind, Outcome, Rollout};
use backstay_sim::Cluster;
use serde_json::{Value, json};

use crate::client::{self, Refusal};

/// The mark of the action that created a hook.
const MARK: &str = "backstay.dev/action";

/// An action on its way: some wait until objects are gone.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) action: Action,
    /// When it goes on.
    pub(crate) at: Timestamp,
    /// Deletions it waits for.
    gone: Vec<(ResourceKey, String)>,
    started: bool,
}

impl Running {
    pub(crate) fn new(action: Action, at: Timestamp) -> Self {
        Self { action, at, gone: Vec::new(), started: false }
    }

    /// Goes on; `None` while it has to wait. `now` is the host's time.
    pub(crate) fn step(
        &mut self,
        cluster: &mut Cluster,
        rollout: &Rollout,
        now: Timestamp,
    ) -> Option<Outcome> {
        if !self.started {
            self.started = true;
            match self.begin(cluster, rollout) {
                Ok(applied) if self.gone.is_empty() => return Some(Outcome::Succeeded { applied }),
                Ok(_) => {}
                Err(failure) => return Some(failure),
            }
        }
        self.wait_gone(cluster, rollout, now)
    }

    fn wait_gone(&mut self, cluster: &mut Cluster, rollout: &Rollout, now: Timestamp) -> Option<Outcome> {
        let mut left = Vec::new();
        for (key, wanted) in std::mem::take(&mut self.gone) {
            match client::get(cluster, &key) {
                Ok(Some(live)) if uid(&live) == wanted => left.push((key, wanted)),
                Ok(_) => {}
                Err(error) => return Some(failed(&key, &error, cluster.now())),
            }
        }
        let Some((key, _)) = left.first() else {
            return Some(match &self.action.kind {
                // The old object is gone: now the hook can be created.
                ActionKind::CreateHook { .. } => {
                    self.begin(cluster, rollout).map_or_else(|failure| failure, succeeded)
                }
                _ => succeeded(Vec::new()),
            });
        };
        if now >= self.action.deadline {
            let message = json!({"message": format!("{key} is still being deleted")});
            return Some(failed(key, &(504, message), cluster.now()));
        }
        self.gone = left;
        self.at = cluster.now().after(client::LOOK_EVERY);
        None
    }

    fn begin(&mut self, cluster: &mut Cluster, rollout: &Rollout) -> Result<Vec<Applied>, Outcome> {
        let plan = rollout.plan();
        let steps: Vec<&Step> = rollout
            .steps_of(&self.action.kind)
            .into_iter()
            .filter_map(|index| plan.steps.get(index))
            .collect();
        match &self.action.kind {
            ActionKind::Validate => validate(cluster, &steps, rollout).map(|()| Vec::new()),
            ActionKind::Apply { .. } => apply_all(cluster, &steps, rollout, false),
            ActionKind::Restore => apply_all(cluster, &steps, rollout, true),
            ActionKind::Prune { .. } => self.delete_all(cluster, &steps, rollout, false).map(|()| Vec::new()),
            ActionKind::DeleteCreated | ActionKind::Uninstall => {
                self.delete_all(cluster, &steps, rollout, true).map(|()| Vec::new())
            }
            ActionKind::DeletePods { pods } => {
                for pod in pods {
                    client::delete(cluster, pod, None, "Background")
                        .map_err(|error| failed(pod, &error, cluster.now()))?;
                }
                Ok(Vec::new())
            }
            ActionKind::CreateHook { stage, position } => {
                let hooks = rollout.hooks_of(*stage);
                let Some(hook) =
                    usize::try_from(*position).ok().and_then(|position| hooks.get(position).copied())
                else {
                    return Ok(Vec::new());
                };
                self.create_hook(cluster, hook, &plan.digest())
            }
            ActionKind::CleanHooks { stage, succeeded } => {
                let hooks = rollout.hooks_of(*stage);
                let succeeded = usize::try_from(*succeeded).unwrap_or(usize::MAX);
                self.clean_hooks(cluster, &hooks, succeeded).map(|()| Vec::new())
            }
            ActionKind::Observe { .. }
            | ActionKind::Look { .. }
            | ActionKind::CaptureEvidence { .. }
            | ActionKind::SaveRecord { .. } => Ok(Vec::new()),
        }
    }

    fn delete_all(
        &mut self,
        cluster: &mut Cluster,
        steps: &[&Step],
        rollout: &Rollout,
        wait: bool,
    ) -> Result<(), Outcome> {
        let plan = rollout.plan();
        for step in steps {
            let explain = |error: Refusal, now| failed(&step.key, &error, now);
            let live = client::get(cluster, &step.key).map_err(|error| explain(error, cluster.now()))?;
            let Some(live) =
                live.filter(|live| check_ownership(live, &plan.release, &plan.namespace).is_ok())
            else {
                continue;
            };
            let propagation = if wait { "Foreground" } else { "Background" };
            client::delete(cluster, &step.key, Some(uid(&live)), propagation)
                .map_err(|error| explain(error, cluster.now()))?;
            if wait {
                self.gone.push((step.key.clone(), uid(&live).to_owned()));
            }
        }
        Ok(())
    }

    fn create_hook(
        &mut self,
        cluster: &mut Cluster,
        hook: &PlannedHook,
        digest: &str,
    ) -> Result<Vec<Applied>, Outcome> {
        let key = &hook.object.key;
        let explain = |error: Refusal, now| failed(key, &error, now);
        let mark = format!("{digest}-{}", self.action.id.0);
        if let Some(live) = client::get(cluster, key).map_err(|error| explain(error, cluster.now()))? {
            if annotation(&live, MARK) == Some(mark.as_str()) {
                return Ok(vec![applied(key, &live)]);
            }
            if hook.deletes(DeletePolicy::BeforeHookCreation) {
                client::delete(cluster, key, Some(uid(&live)), "Foreground")
                    .map_err(|error| explain(error, cluster.now()))?;
                if client::get(cluster, key).map_err(|error| explain(error, cluster.now()))?.is_some() {
                    self.gone.push((key.clone(), uid(&live).to_owned()));
                    return Ok(Vec::new());
                }
            }
        }
        let mut object = hook.object.object.clone();
        set_at(&mut object, &["metadata", "annotations", MARK], json!(mark));
        let stored = client::apply(cluster, key, &object, true, false)
            .map_err(|error| explain(error, cluster.now()))?;
        Ok(vec![applied(key, &stored)])
    }

    fn clean_hooks(
        &mut self,
        cluster: &mut Cluster,
        hooks: &[&PlannedHook],
        succeeded: usize,
    ) -> Result<(), Outcome> {
        let mut unwanted: Vec<&ResourceKey> = hooks
            .iter()
            .take(succeeded)
            .rev()
            .filter(|hook| hook.deletes(DeletePolicy::HookSucceeded))
            .map(|hook| &hook.object.key)
            .collect();
        if let Some(hook) = hooks.get(succeeded) {
            let key = &hook.object.key;
            let runs = client::get(cluster, key).is_ok_and(|live| live.is_some_and(|live| !has_ended(&live)));
            if runs || hook.deletes(DeletePolicy::HookFailed) {
                unwanted.push(key);
            }
        }
        for key in unwanted {
            let explain = |error: Refusal, now| failed(key, &error, now);
            if let Some(live) = client::get(cluster, key).map_err(|error| explain(error, cluster.now()))? {
                client::delete(cluster, key, Some(uid(&live)), "Foreground")
                    .map_err(|error| explain(error, cluster.now()))?;
                self.gone.push((key.clone(), uid(&live).to_owned()));
            }
        }
        Ok(())
    }
}

fn succeeded(applied: Vec<Applied>) -> Outcome {
    Outcome::Succeeded { applied }
}

fn applied(key: &ResourceKey, stored: &Value) -> Applied {
    Applied { key: key.clone(), uid: uid(stored).to_owned(), generation: generation(stored).unwrap_or(0) }
}

fn has_ended(object: &Value) -> bool {
    condition_is_true(object, "Complete")
        || condition_is_true(object, "Failed")
        || matches!(text_at(object, &["status", "phase"]), Some("Succeeded" | "Failed"))
}

/// What a step applies on the way forward or back, marked as the release's.
fn content(step: &Step, rollout: &Rollout, former: bool) -> Option<Value> {
    let mut object = match (&step.undo, former) {
        (UndoWork::Restore { object }, true) => object.clone(),
        (_, true) => return None,
        (_, false) => step.desired.clone()?,
    };
    if step.owned && !(former && step.change == Change::Adopt) {
        claim(&mut object, &rollout.plan().release, &rollout.plan().namespace);
    }
    Some(object)
}

fn apply_all(
    cluster: &mut Cluster,
    steps: &[&Step],
    rollout: &Rollout,
    former: bool,
) -> Result<Vec<Applied>, Outcome> {
    let mut done = Vec::new();
    for step in steps {
        let Some(object) = content(step, rollout, former) else { continue };
        match client::apply(cluster, &step.key, &object, former, false) {
            Ok(stored) => done.push(applied(&step.key, &stored)),
            Err(error) => {
                let outcome = failed(&step.key, &error, cluster.now());
                return Err(match outcome {
                    Outcome::Failed { failure, causes, .. } => {
                        Outcome::Failed { failure, causes, applied: done }
                    }
                    other @ Outcome::Succeeded { .. } => other,
                });
            }
        }
    }
    Ok(done)
}

fn validate(cluster: &mut Cluster, steps: &[&Step], rollout: &Rollout) -> Result<(), Outcome> {
    let mut causes: Vec<Cause> = Vec::new();
    let mut failure = FailureKind::Refused;
    for step in steps {
        let Some(object) = content(step, rollout, false) else { continue };
        if let Err(error) = client::apply(cluster, &step.key, &object, false, true) {
            let cause = refusal(&step.key, error.0, &error.1, cluster.now());
            // What this very plan brings first cannot be checked before it is there.
            if !matches!(cause.code, CauseCode::CrdMissing | CauseCode::NamespaceMissing) {
                causes.push(cause);
                if is_transient_refusal(error.0, &error.1) {
                    failure = FailureKind::Transient;
                }
            }
        }
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Outcome::Failed { failure, causes, applied: Vec::new() })
}

/// The outcome behind a refusal.
pub(crate) fn failed(key: &ResourceKey, error: &Refusal, now: Timestamp) -> Outcome {
    let cause = refusal(key, error.0, &error.1, now);
    let failure =
        if is_transient_refusal(error.0, &error.1) { FailureKind::Transient } else { FailureKind::Refused };
    Outcome::Failed { failure, causes: vec![cause], applied: Vec::new() }
}
