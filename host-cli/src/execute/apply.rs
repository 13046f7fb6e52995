//! Applying objects: server-side, with the manager Helm uses, so that both tools see the same owner.

use backstay_core::health::Cause;
use backstay_core::object::{ResourceKey, generation, uid};
use backstay_core::plan::{Step, UndoWork};
use backstay_core::release::claim;
use backstay_core::rollout::{Applied, FailureKind, Outcome};
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;

use super::Executor;
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
        let stored = self.apply_object(&step.key, object, self.force_conflicts || former).await?;
        Ok(Some(Applied {
            key: step.key.clone(),
            uid: uid(&stored).to_owned(),
            generation: generation(&stored).unwrap_or(0),
        }))
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
