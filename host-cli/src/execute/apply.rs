//! Applying objects: server-side, with the manager Helm uses, so that both tools see the same owner.

use backstay_core::health::Cause;
use backstay_core::object::{ResourceKey, generation, set_at, text_at, uid};
use backstay_core::plan::{Step, UndoWork};
use backstay_core::release::claim;
use backstay_core::rollout::{Applied, FailureKind, Outcome};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::Value;

use super::Executor;
use super::contested::{Contested, contested, left_alone, without};
use super::failure::explain;

/// The field manager of Helm (`kube.ManagedFieldsManager`).
pub(crate) const FIELD_MANAGER: &str = "helm";

impl Executor {
    /// Applies the desired content of steps, or the former content when `former`. Objects of one kind go side by
    /// side, kinds one after another, as Helm does. An object's failure does not keep its siblings from being applied,
    /// but the kinds after it are not begun.
    pub(super) async fn apply(&self, steps: &[Step], former: bool) -> Outcome {
        let mut applied = Vec::new();
        for batch in steps.chunk_by(|before, after| before.key.kind == after.key.kind) {
            let results =
                futures::future::join_all(batch.iter().map(|step| self.apply_step(step, former))).await;
            let mut failures: Vec<(FailureKind, Cause)> = Vec::new();
            for (step, result) in batch.iter().zip(results) {
                match result {
                    Ok(done) => applied.extend(done),
                    Err(error) => failures.push(explain(&step.key, &error, self.cluster.clock.now())),
                }
            }
            if let Some(outcome) = worst(failures, &mut applied) {
                return outcome;
            }
            if batch.iter().any(|step| step.key.kind == "CustomResourceDefinition") {
                self.cluster.discovery.forget();
            }
        }
        Outcome::Succeeded { applied }
    }

    async fn apply_step(&self, step: &Step, former: bool) -> anyhow::Result<Option<Applied>> {
        let content = match (&step.undo, former) {
            (UndoWork::Restore { object }, true) => object,
            (_, true) => return Ok(None),
            (_, false) => match &step.desired {
                Some(desired) => desired,
                None => return Ok(None),
            },
        };
        let mut object = content.clone();
        if step.owned && !is_foreign(step, former) {
            claim(&mut object, &self.release, &self.namespace);
        }
        let stored = if former {
            self.give_back(&step.key, object).await?
        } else if self.manner.force_replace {
            self.replace_object(&step.key, object).await?
        } else {
            self.apply_object(&step.key, object, self.manner.force_conflicts).await?
        };
        Ok(Some(Applied {
            key: step.key.clone(),
            uid: uid(&stored).to_owned(),
            generation: generation(&stored).unwrap_or(0),
        }))
    }

    /// Applies former content. Fields that somebody else has written since keep what they say (S11) and are told.
    async fn give_back(&self, key: &ResourceKey, mut object: Value) -> anyhow::Result<Value> {
        let mut kept: Vec<Contested> = Vec::new();
        loop {
            let error = match self.apply_object(key, object.clone(), false).await {
                Ok(stored) => {
                    if !kept.is_empty() {
                        self.note(left_alone(key, &kept));
                    }
                    return Ok(stored);
                }
                Err(error) => error,
            };
            let fields = match error.downcast_ref::<kube::Error>() {
                Some(kube::Error::Api(status)) => contested(status),
                _ => Vec::new(),
            };
            // Each round takes something out, so that there is an end.
            if fields.is_empty() || !without(&mut object, &fields) {
                return Err(error);
            }
            kept.extend(fields);
        }
    }

    /// Writes a whole object over the one that is there, as Helm's `--force-replace` does (`pkg/kube/client.go` v4.3).
    async fn replace_object(&self, key: &ResourceKey, mut object: Value) -> anyhow::Result<Value> {
        let Some(live) = self.live(key).await? else { return self.apply_object(key, object, true).await };
        let version = text_at(&live, &["metadata", "resourceVersion"]).unwrap_or_default();
        set_at(&mut object, &["metadata", "resourceVersion"], version.into());
        let api = self.cluster.discovery.api(key).await?;
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let object: DynamicObject = serde_json::from_value(object)?;
        Ok(serde_json::to_value(api.replace(&key.name, &parameters, &object).await?)?)
    }

    /// Applies one object and returns it as the server has it now.
    pub(super) async fn apply_object(
        &self,
        key: &ResourceKey,
        object: Value,
        force: bool,
    ) -> anyhow::Result<Value> {
        let api = self.cluster.discovery.api(key).await?;
        let mut parameters = PatchParams::apply(FIELD_MANAGER);
        parameters.force = force;
        let first = api.patch(&key.name, &parameters, &Patch::Apply(&object)).await;
        let stored: DynamicObject = match first {
            // Fields that Helm 3 wrote belong to the same manager by another method: hand them over, then apply.
            Err(kube::Error::Api(status)) if status.code == 409 && self.hand_over(&api, key).await? => {
                api.patch(&key.name, &parameters, &Patch::Apply(&object)).await?
            }
            other => other?,
        };
        Ok(serde_json::to_value(stored)?)
    }
}

/// An adopted object gets its former content back, and with it its former owner.
fn is_foreign(step: &Step, former: bool) -> bool {
    former && step.change == backstay_core::plan::Change::Adopt
}

/// The outcome of a batch with failures: all of them, final ones first.
fn worst(mut failures: Vec<(FailureKind, Cause)>, applied: &mut Vec<Applied>) -> Option<Outcome> {
    failures.sort_by_key(|(kind, _)| match kind {
        FailureKind::Refused => 0,
        FailureKind::Unknown => 1,
        FailureKind::Transient => 2,
    });
    let failure = failures.first()?.0;
    let causes = failures.into_iter().map(|(_, cause)| cause).collect();
    Some(Outcome::Failed { failure, causes, applied: std::mem::take(applied) })
}
