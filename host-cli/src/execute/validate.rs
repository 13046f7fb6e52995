//! The server checks everything before anything is changed.

use backstay_core::object::{ResourceKey, kind_info, set_at};
use backstay_core::plan::{Change, PlannedHook, Step};
use backstay_core::release::{check_ownership, claim};
use backstay_core::rollout::{FailureKind, Outcome};
use futures::{FutureExt as _, StreamExt as _};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::Value;

use super::apply::FIELD_MANAGER;
use super::contested::{all_of, contested};
use super::failure::explain;
use super::{Executor, done};

/// How many checks are under way at once.
const AT_ONCE: usize = 8;

impl Executor {
    /// Sends every object as a dry run and collects all refusals, so that a person sees them at once.
    pub(crate) async fn validate(&self, steps: &[Step], hooks: &[PlannedHook]) -> Outcome {
        let brought: Vec<&ResourceKey> =
            steps.iter().map(|step| &step.key).chain(hooks.iter().map(|hook| &hook.object.key)).collect();
        let steps = steps.iter().map(|step| self.validate_step(step).boxed_local());
        let hooks = hooks.iter().map(|hook| self.validate_hook(hook).boxed_local());
        let checks: Vec<_> = futures::stream::iter(steps.chain(hooks)).buffered(AT_ONCE).collect().await;
        let mut causes = Vec::new();
        let mut failure = FailureKind::Refused;
        for (key, result) in brought.iter().zip(checks) {
            let Err(error) = result else { continue };
            if awaits(key, &error, &brought) {
                continue;
            }
            let (kind, cause) = explain(key, &error, self.cluster.clock.now());
            if kind != FailureKind::Refused {
                failure = kind;
            }
            causes.push(cause);
        }
        if causes.is_empty() { done() } else { Outcome::Failed { failure, causes, applied: Vec::new() } }
    }

    async fn validate_step(&self, step: &Step) -> anyhow::Result<()> {
        let Some(desired) = &step.desired else { return Ok(()) };
        if step.change == Change::Adopt && step.owned && !self.manner.take_ownership {
            let live = self.live(&step.key).await?;
            if let Some(live) = live {
                check_ownership(&live, &self.release, &self.namespace)?;
            }
        }
        let mut object = desired.clone();
        if step.owned {
            claim(&mut object, &self.release, &self.namespace);
        }
        self.dry_run(step, object).await
    }

    /// What the live object would be once a step is applied; `None` for one that goes. Whether the server takes objects
    /// that are not there yet is `validate`'s question.
    pub(crate) async fn preview(&self, step: &Step, live: Option<&Value>) -> anyhow::Result<Option<Value>> {
        let Some(desired) = &step.desired else { return Ok(None) };
        let mut object = desired.clone();
        if step.owned {
            claim(&mut object, &self.release, &self.namespace);
        }
        let Some(live) = live else { return Ok(Some(object)) };
        if step.change == Change::Adopt && step.owned && !self.manner.take_ownership {
            check_ownership(live, &self.release, &self.namespace)?;
        }
        let api = self.cluster.discovery.api(&step.key).await?;
        let mut parameters = PatchParams::apply(FIELD_MANAGER).dry_run();
        parameters.force = self.manner.force_conflicts || self.manner.force_replace;
        let first: Result<DynamicObject, kube::Error> =
            api.patch(&step.key.name, &parameters, &Patch::Apply(&object)).await;
        let stored = match first {
            // Fields of Helm 3 are handed over at the real apply.
            Err(kube::Error::Api(status)) if all_of(&contested(&status), FIELD_MANAGER) => {
                parameters.force = true;
                api.patch(&step.key.name, &parameters, &Patch::Apply(&object)).await?
            }
            answered => answered?,
        };
        Ok(Some(serde_json::to_value(stored)?))
    }

    /// A hook is created, so that a former run's object is no obstacle: the server looks a new one over before it says that
    /// the name is taken.
    async fn validate_hook(&self, hook: &PlannedHook) -> anyhow::Result<()> {
        let mut object = hook.object.object.clone();
        let key = self.checked_at(&hook.object.key, &mut object);
        let api = self.cluster.discovery.api(&key).await?;
        let object: DynamicObject = serde_json::from_value(object)?;
        let parameters = PostParams { dry_run: true, field_manager: Some(FIELD_MANAGER.to_owned()) };
        match api.create(&parameters, &object).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where an object is checked: a dry run cannot create the namespace it needs, and any other checks the object as well.
    fn checked_at(&self, key: &ResourceKey, object: &mut Value) -> ResourceKey {
        let mut key = key.clone();
        let namespaced = kind_info(&key.group, &key.kind).is_none_or(|info| info.namespaced);
        if self.namespace_is_new && namespaced && key.namespace == self.namespace {
            "default".clone_into(&mut key.namespace);
            set_at(object, &["metadata", "namespace"], "default".into());
        }
        key
    }

    async fn dry_run(&self, step: &Step, mut object: Value) -> anyhow::Result<()> {
        let key = self.checked_at(&step.key, &mut object);
        let api = self.cluster.discovery.api(&key).await?;
        let mut parameters = PatchParams::apply(FIELD_MANAGER).dry_run();
        parameters.force = self.manner.force_conflicts || self.manner.force_replace;
        let result: Result<DynamicObject, kube::Error> =
            api.patch(&key.name, &parameters, &Patch::Apply(&object)).await;
        match result {
            Ok(_) => Ok(()),
            // Fields of Helm 3 are handed over at the real apply; other managers' fields are a real conflict.
            Err(kube::Error::Api(status)) if all_of(&contested(&status), FIELD_MANAGER) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether an object is refused only because something is missing that this run brings before it: nobody can check it yet.
fn awaits(key: &ResourceKey, error: &anyhow::Error, brought: &[&ResourceKey]) -> bool {
    let brings = |kind: &str| brought.iter().any(|one| one.kind == kind);
    if error.is::<crate::cluster::UnknownKind>() {
        return brings("CustomResourceDefinition");
    }
    let Some(kube::Error::Api(status)) = error.downcast_ref::<kube::Error>() else { return false };
    match status.reason.as_str() {
        "NotFound" => {
            let name = status.details.as_ref().map_or("", |details| details.name.as_str());
            name == key.namespace && brought.iter().any(|one| one.kind == "Namespace" && one.name == name)
        }
        // What admission says of a pod whose account is not there (plugin ServiceAccount).
        "Forbidden" => {
            key.kind == "Pod"
                && status.message.contains("looking up service account")
                && brings("ServiceAccount")
        }
        _ => false,
    }
}
