//! Deleting, only what is this release's, and waiting until it is gone.

use std::time::Duration;

use backstay_core::object::{ResourceKey, Timestamp, uid};
use backstay_core::plan::Step;
use backstay_core::release::check_ownership;
use backstay_core::rollout::Outcome;
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use serde_json::Value;

use super::failure::failed;
use super::{Executor, done};

/// How often a deletion that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);

impl Executor {
    /// Deletes the objects of steps in order. An object that carries another owner's marks, or none, stays (S5).
    pub(super) async fn delete(
        &self,
        steps: &[Step],
        wait: bool,
        propagation: PropagationPolicy,
        deadline: Timestamp,
    ) -> Outcome {
        let mut gone = Vec::new();
        for step in steps {
            match self.delete_owned(&step.key, propagation.clone()).await {
                Ok(Some(uid)) => gone.push((&step.key, uid)),
                Ok(None) => {}
                Err(error) if error.is::<crate::cluster::UnknownKind>() => {}
                Err(error) => return failed(&step.key, &error, self.cluster.clock.now()),
            }
        }
        if wait {
            for (key, uid) in gone {
                if let Err(error) = self.wait_gone(key, &uid, deadline).await {
                    return failed(key, &error, self.cluster.clock.now());
                }
            }
        }
        done()
    }

    pub(super) async fn delete_pods(&self, pods: &[ResourceKey]) -> Outcome {
        for pod in pods {
            if let Err(error) = self.delete_one(pod, None, PropagationPolicy::Background).await {
                return failed(pod, &error, self.cluster.clock.now());
            }
        }
        done()
    }

    /// Deletes one object if it is this release's; returns its uid when a deletion was begun.
    async fn delete_owned(
        &self,
        key: &ResourceKey,
        propagation: PropagationPolicy,
    ) -> anyhow::Result<Option<String>> {
        let Some(live) = self.live(key).await? else { return Ok(None) };
        if check_ownership(&live, &self.release, &self.namespace).is_err() {
            self.note(format!("{key} was left alone: it does not belong to release {}", self.release));
            return Ok(None);
        }
        let uid = uid(&live).to_owned();
        self.delete_one(key, Some(uid.clone()), propagation).await?;
        Ok(Some(uid))
    }

    /// Deletes one object; one that is not there, or is another one by now, is fine.
    pub(super) async fn delete_one(
        &self,
        key: &ResourceKey,
        uid: Option<String>,
        propagation: PropagationPolicy,
    ) -> anyhow::Result<()> {
        let api = self.cluster.discovery.api(key).await?;
        let parameters = DeleteParams {
            propagation_policy: Some(propagation),
            preconditions: uid.map(|uid| Preconditions { uid: Some(uid), resource_version: None }),
            ..DeleteParams::default()
        };
        match api.delete(&key.name, &parameters).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the object with this uid is gone.
    pub(super) async fn wait_gone(
        &self,
        key: &ResourceKey,
        wanted_uid: &str,
        deadline: Timestamp,
    ) -> anyhow::Result<()> {
        loop {
            match self.live(key).await? {
                None => return Ok(()),
                Some(live) if uid(&live) != wanted_uid => return Ok(()),
                Some(_) => {}
            }
            anyhow::ensure!(
                self.cluster.clock.now() < deadline,
                "{key} is still being deleted; a finalizer or a slow shutdown holds it (look at metadata.finalizers)"
            );
            self.cluster.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// The object as it is now.
    pub(crate) async fn live(&self, key: &ResourceKey) -> anyhow::Result<Option<Value>> {
        let api = self.cluster.discovery.api(key).await?;
        Ok(api.get_opt(&key.name).await?.map(serde_json::to_value).transpose()?)
    }
}
