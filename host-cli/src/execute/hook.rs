//! Hooks: created fresh, cleaned up as their policies say (Helm `pkg/action/hooks.go`).

use backstay_core::object::{
    ResourceKey, Timestamp, annotation, condition_is_true, generation, set_at, text_at, uid,
};
use backstay_core::plan::{DeletePolicy, PlannedHook};
use backstay_core::rollout::{Applied, Outcome};
use kube::api::PropagationPolicy;
use serde_json::Value;

use super::failure::failed;
use super::{Executor, done};

/// Which action created a hook object: after a crash the same action finds its own work instead of doing it twice.
const MARK: &str = "backstay.dev/action";

impl Executor {
    pub(crate) async fn create_hook(&self, hook: &PlannedHook, mark: &str, deadline: Timestamp) -> Outcome {
        let key = &hook.object.key;
        match self.create_hook_once(hook, mark, deadline).await {
            Ok(stored) => Outcome::Succeeded {
                applied: vec![Applied {
                    key: key.clone(),
                    uid: uid(&stored).to_owned(),
                    generation: generation(&stored).unwrap_or(0),
                }],
            },
            Err(error) => failed(key, &error, self.cluster.clock.now()),
        }
    }

    async fn create_hook_once(
        &self,
        hook: &PlannedHook,
        mark: &str,
        deadline: Timestamp,
    ) -> anyhow::Result<Value> {
        let key = &hook.object.key;
        if let Some(live) = self.live(key).await? {
            if annotation(&live, MARK) == Some(mark) {
                return Ok(live);
            }
            if hook.deletes(DeletePolicy::BeforeHookCreation) {
                self.delete_hook(key, &live, deadline).await?;
            }
        }
        let mut object = hook.object.object.clone();
        set_at(&mut object, &["metadata", "annotations", MARK], mark.into());
        self.apply_object(key, object, true).await
    }

    /// Deletes what the policies say. The failed hook goes under `hook-failed`, and in any case while it still runs:
    /// nothing may go on in the background of the way back.
    pub(crate) async fn clean_hooks(
        &self,
        succeeded: &[PlannedHook],
        failed_hook: Option<&PlannedHook>,
        deadline: Timestamp,
    ) -> Outcome {
        let mut unwanted: Vec<&ResourceKey> = Vec::new();
        unwanted.extend(
            succeeded
                .iter()
                .rev()
                .filter(|hook| hook.deletes(DeletePolicy::HookSucceeded))
                .map(|hook| &hook.object.key),
        );
        if let Some(hook) = failed_hook {
            let running = match self.live(&hook.object.key).await {
                Ok(Some(live)) => !has_ended(&live),
                _ => false,
            };
            if running || hook.deletes(DeletePolicy::HookFailed) {
                unwanted.push(&hook.object.key);
            }
        }
        for key in unwanted {
            let cleaned = match self.live(key).await {
                Ok(Some(live)) => self.delete_hook(key, &live, deadline).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = cleaned {
                return failed(key, &error, self.cluster.clock.now());
            }
        }
        done()
    }

    async fn delete_hook(&self, key: &ResourceKey, live: &Value, deadline: Timestamp) -> anyhow::Result<()> {
        self.delete_one(key, Some(uid(live).to_owned()), PropagationPolicy::Foreground).await?;
        self.wait_gone(key, uid(live), deadline).await
    }
}

fn has_ended(object: &Value) -> bool {
    condition_is_true(object, "Complete")
        || condition_is_true(object, "Failed")
        || matches!(text_at(object, &["status", "phase"]), Some("Succeeded" | "Failed"))
}
