//! The server checks everything before anything is changed.

use backstay_core::object::{kind_info, set_at};
use backstay_core::plan::{Change, Step};
use backstay_core::release::{check_ownership, claim};
use backstay_core::rollout::{FailureKind, Outcome};
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;

use super::apply::FIELD_MANAGER;
use super::contested::{all_of, contested};
use super::failure::explain;
use super::{Executor, done};

/// How many checks are under way at once.
const AT_ONCE: usize = 8;

impl Executor {
    /// Sends every object as a dry run and collects all refusals, so that a person sees them at once.
    pub(crate) async fn validate(&self, steps: &[Step]) -> Outcome {
        let brings_kinds = steps.iter().any(|step| step.key.kind == "CustomResourceDefinition");
        let mut causes = Vec::new();
        let mut failure = FailureKind::Refused;
        for batch in steps.chunks(AT_ONCE) {
            let results = futures::future::join_all(batch.iter().map(|step| self.validate_step(step))).await;
            for (step, result) in batch.iter().zip(results) {
                let Err(error) = result else { continue };
                // Its definition comes with this run: nobody can check it yet.
                if brings_kinds && error.is::<crate::cluster::UnknownKind>() {
                    continue;
                }
                let (kind, cause) = explain(&step.key, &error, self.cluster.clock.now());
                if kind != FailureKind::Refused {
                    failure = kind;
                }
                causes.push(cause);
            }
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

    async fn dry_run(&self, step: &Step, mut object: Value) -> anyhow::Result<()> {
        let mut key = step.key.clone();
        let namespaced = kind_info(&key.group, &key.kind).is_none_or(|info| info.namespaced);
        if self.namespace_is_new && namespaced && key.namespace == self.namespace {
            // A dry run cannot create the namespace it needs; any other namespace checks the object as well.
            "default".clone_into(&mut key.namespace);
            set_at(&mut object, &["metadata", "namespace"], "default".into());
        }
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
