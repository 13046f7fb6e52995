//! Doing what the machine decided. One file per kind of action; each may be done twice with the effect of once.

mod apply;
mod attached;
mod contested;
mod delete;
mod difference;
mod evidence;
mod failure;
mod hook;
mod managers;
mod secrets;
mod validate;

use std::cell::RefCell;
use std::rc::Rc;

use backstay_core::object::ResourceKey;
use backstay_core::plan::{Plan, PlannedHook, Step};
use backstay_core::rollout::{Action, ActionKind, HookStage, Outcome};
use kube::api::PropagationPolicy;

pub(crate) use attached::{attach_to, attached_to};
#[cfg(test)]
pub(crate) use evidence::{EventEvidence, PodEvidence};
pub(crate) use evidence::{EvidenceBundle, Subject};
pub(crate) use failure::{explain, failed};
pub(crate) use secrets::{MASK, Secrets};

use serde::{Deserialize, Serialize};

use crate::args::Cascade;
use crate::cluster::Cluster;
use crate::records::Records;

/// What a person allowed to be overridden, and how deletions go. Kept with the plan, for whoever resumes.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Manner {
    /// Take over fields that other managers own.
    pub(crate) force_conflicts: bool,
    /// Take over objects of no release or of another one.
    pub(crate) take_ownership: bool,
    /// Write whole objects instead of applying them (Helm's `--force-replace`).
    #[serde(default)]
    pub(crate) force_replace: bool,
    /// What becomes of an uninstalled object's dependents.
    #[serde(default)]
    pub(crate) cascade: Cascade,
}

/// What an executor needs beside the action.
pub(crate) struct Executor {
    pub(crate) cluster: Cluster,
    pub(crate) records: Rc<Records>,
    pub(crate) release: String,
    pub(crate) namespace: String,
    pub(crate) manner: Manner,
    /// The namespace will be created by this run, so that the server cannot check objects in it yet.
    pub(crate) namespace_is_new: bool,
    /// What must not be told.
    pub(crate) secrets: Secrets,
    pub(crate) evidence: RefCell<Vec<EvidenceBundle>>,
    /// Lines worth telling a person that change nothing: skipped deletions and the like.
    pub(crate) notes: RefCell<Vec<String>>,
}

/// An action with all the data it needs, so that it can run beside the machine.
pub(crate) enum Work {
    /// Let the server check these, and the hooks that will run.
    Validate(Vec<Step>, Vec<PlannedHook>),
    /// Apply these.
    Apply(Vec<Step>),
    /// Apply this former content.
    Restore(Vec<Step>),
    /// Delete these; wait until they are gone if so said.
    Delete { steps: Vec<Step>, wait: bool, propagation: PropagationPolicy },
    /// Create a hook.
    CreateHook { hook: Box<PlannedHook>, mark: String },
    /// Delete hooks as their policies say.
    CleanHooks { succeeded: Vec<PlannedHook>, failed: Option<Box<PlannedHook>> },
    /// Keep evidence.
    Evidence { subjects: Vec<Subject>, of_undo: bool },
    /// Delete pods that block the way back.
    DeletePods(Vec<ResourceKey>),
    /// Change records.
    Record(backstay_core::rollout::RecordChange),
}

impl Executor {
    /// Does the work and says how it ended.
    pub(crate) async fn execute(&self, action: &Action, work: Work) -> Outcome {
        let outcome = self.attempt(action, work).await;
        self.secrets.clean_outcome(outcome)
    }

    async fn attempt(&self, action: &Action, work: Work) -> Outcome {
        match work {
            Work::Validate(steps, hooks) => self.validate(&steps, &hooks).await,
            Work::Apply(steps) => self.apply(&steps, false).await,
            Work::Restore(steps) => self.apply(&steps, true).await,
            Work::Delete { steps, wait, propagation } => {
                self.delete(&steps, wait, propagation, action.deadline).await
            }
            Work::CreateHook { hook, mark } => self.create_hook(&hook, &mark, action.deadline).await,
            Work::CleanHooks { succeeded, failed } => {
                self.clean_hooks(&succeeded, failed.as_deref(), action.deadline).await
            }
            Work::Evidence { subjects, of_undo } => {
                self.keep_evidence(subjects, of_undo, action.deadline).await
            }
            Work::DeletePods(pods) => self.delete_pods(&pods).await,
            Work::Record(change) => {
                let evidence = self.evidence.borrow().clone();
                match self.records.change(&change, &evidence).await {
                    Ok(()) => done(),
                    Err(error) => failed(&self.release_key(), &error, self.cluster.clock.now()),
                }
            }
        }
    }

    /// Something worth telling a person, once however often it is tried.
    fn note(&self, line: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&line) {
            notes.push(line);
        }
    }

    /// A key that stands for the release where no object is meant.
    fn release_key(&self) -> ResourceKey {
        ResourceKey::new("backstay.dev/v1", "Release", &self.namespace, &self.release)
    }
}

/// Succeeded, nothing applied.
pub(crate) const fn done() -> Outcome {
    Outcome::Succeeded { applied: Vec::new() }
}

/// The hooks that run on the way forward.
pub(crate) fn forward_hooks(plan: &Plan) -> Vec<PlannedHook> {
    let (before, after) = plan.operation.hook_events();
    let runs = |hook: &&PlannedHook| hook.events.contains(&before) || hook.events.contains(&after);
    plan.hooks.iter().filter(runs).cloned().collect()
}

/// The work behind an action.
pub(crate) fn work_of(
    rollout: &backstay_core::rollout::Rollout,
    action: &Action,
    manner: Manner,
) -> Option<Work> {
    let plan = rollout.plan();
    let steps = || {
        rollout
            .steps_of(&action.kind)
            .into_iter()
            .filter_map(|index| plan.steps.get(index))
            .cloned()
            .collect::<Vec<_>>()
    };
    Some(match &action.kind {
        ActionKind::Observe { .. } | ActionKind::Look { .. } => return None,
        ActionKind::Validate => Work::Validate(steps(), forward_hooks(plan)),
        ActionKind::Apply { .. } => Work::Apply(steps()),
        ActionKind::Restore => Work::Restore(steps()),
        ActionKind::Prune { .. } => {
            Work::Delete { steps: steps(), wait: false, propagation: PropagationPolicy::Background }
        }
        ActionKind::DeleteCreated => {
            Work::Delete { steps: steps(), wait: true, propagation: PropagationPolicy::Foreground }
        }
        ActionKind::Uninstall => {
            Work::Delete { steps: steps(), wait: true, propagation: manner.cascade.propagation() }
        }
        ActionKind::CreateHook { stage, position } => {
            let hook = hooks(rollout, *stage).into_iter().nth(usize::try_from(*position).ok()?)?;
            Work::CreateHook { hook: Box::new(hook), mark: format!("{}-{}", plan.digest(), action.id.0) }
        }
        ActionKind::CleanHooks { stage, succeeded } => {
            let mut hooks = hooks(rollout, *stage).into_iter();
            let succeeded = hooks.by_ref().take(usize::try_from(*succeeded).ok()?).collect();
            let begun = rollout.state().and_then(|state| state.hooks_begun.get(stage)).copied().unwrap_or(0);
            let failed = hooks
                .next()
                .filter(|_| begun > 0 && rollout.state().is_some_and(|state| state.cause.is_some()));
            Work::CleanHooks { succeeded, failed: failed.map(Box::new) }
        }
        ActionKind::CaptureEvidence { keys, of_undo } => {
            let subjects = keys.iter().map(|key| Subject::of(rollout, key)).collect();
            Work::Evidence { subjects, of_undo: *of_undo }
        }
        ActionKind::DeletePods { pods } => Work::DeletePods(pods.clone()),
        ActionKind::SaveRecord { change } => Work::Record(change.clone()),
    })
}

fn hooks(rollout: &backstay_core::rollout::Rollout, stage: HookStage) -> Vec<PlannedHook> {
    rollout.hooks_of(stage).into_iter().cloned().collect()
}
