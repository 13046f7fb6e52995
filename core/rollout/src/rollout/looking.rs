//! What the machine looks at: which objects an action means, what is watched, what is judged, what is waited for.

use alloc::vec::Vec;

use backstay_health::Circumstances;
use backstay_object::ResourceKey;
use backstay_plan::{Operation, PlannedHook, UndoWork};

use super::Rollout;
use crate::contract::{ActionKind, Event, Output, Verdict, WaitReason};
use crate::decide::stage_hooks;
use crate::phase::{HookStage, Phase};
use crate::policy::{NoReturn, Remediation, Waiting};
use crate::state::State;
use crate::undo::{created_steps, restored_steps};
use crate::view::Measure;

impl Rollout {
    /// The steps of the plan that an action means, in the order to do them.
    #[must_use]
    pub fn steps_of(&self, kind: &ActionKind) -> Vec<usize> {
        let none = Vec::new;
        match kind {
            ActionKind::Validate => {
                (0..self.plan.wave_count()).flat_map(|wave| self.plan.wave(wave)).collect()
            }
            ActionKind::Apply { wave } => self.plan.wave(*wave),
            ActionKind::Prune { holding_data } => self.plan.deletions(*holding_data),
            ActionKind::Uninstall => {
                let mut steps = self.plan.deletions(false);
                steps.extend(self.plan.deletions(true));
                steps
            }
            ActionKind::DeleteCreated => {
                self.state.as_ref().map_or_else(none, |state| created_steps(state, &self.plan))
            }
            ActionKind::Restore => {
                self.state.as_ref().map_or_else(none, |state| restored_steps(state, &self.plan))
            }
            _ => none(),
        }
    }

    /// The hooks of a stage, in the order they run.
    #[must_use]
    pub fn hooks_of(&self, stage: HookStage) -> Vec<&PlannedHook> {
        let hooks = match stage {
            HookStage::Before | HookStage::After => &self.plan.hooks,
            HookStage::UndoBefore | HookStage::UndoAfter => &self.plan.undo_hooks,
        };
        stage_hooks(&self.plan, stage).into_iter().filter_map(|index| hooks.get(index)).collect()
    }

    /// The hook that made this run stop and ask instead of going back, if it did.
    #[must_use]
    pub fn point_of_no_return(&self) -> Option<&PlannedHook> {
        let state = self.state.as_ref()?;
        let stopped = matches!(state.verdict, Some(Verdict::LeftInPlace { .. }))
            && self.policy.remediation == Remediation::Undo
            && self.policy.no_return == NoReturn::Ask;
        if stopped { crate::hooks::point_of_no_return(state, &self.plan) } else { None }
    }

    pub(super) fn reassess(&mut self) {
        let since = match &self.state {
            // On the way back only what happens from its beginning counts.
            Some(state) if state.undo_deadline.is_some() && !state.phase.is_forward() => state
                .undo_deadline
                .map_or(self.began_at, |end| end.before(core::time::Duration::from_millis(state.undo_ms))),
            _ => self.began_at,
        };
        // What was there before is judged by what it does with what was applied, not by what came before that.
        let applied_at = match &self.state {
            Some(State {
                phase: Phase::Verifying { .. } | Phase::Baking | Phase::VerifyingUndo,
                phase_since,
                ..
            }) => since.max(*phase_since),
            _ => since,
        };
        let circumstances = Circumstances {
            applied_at,
            provided: &self.provided,
            promised: &self.promised,
            ..Circumstances::new(self.now, since, &self.policy.health)
        };
        let baking_since =
            self.state.as_ref().filter(|state| state.phase == Phase::Baking).map(|state| state.phase_since);
        let measure = Measure { circumstances, patience_ms: self.policy.patience_ms, baking_since };
        for key in self.view.reassess(&measure) {
            let Some(assessment) = self.view.assessment(&key) else { continue };
            let event = Event::Readiness {
                readiness: assessment.readiness.clone(),
                suspicion: assessment.findings.first().map(|finding| finding.cause.clone()),
                key,
            };
            self.outputs.push_back(Output::Event { event });
        }
    }

    /// Begins to judge what the plan applies, and its hooks.
    pub(super) fn track(&mut self) {
        for step in self.plan.steps.iter().filter(|step| step.desired.is_some()) {
            self.view.track(&step.key, backstay_plan::is_ready_once_there(&step.key, &self.policy.health));
        }
        for step in self.plan.steps.iter().filter(|step| matches!(step.undo, UndoWork::Restore { .. })) {
            self.view.track(&step.key, backstay_plan::is_ready_once_there(&step.key, &self.policy.health));
        }
        let stages = [HookStage::Before, HookStage::After, HookStage::UndoBefore, HookStage::UndoAfter];
        let hooks: Vec<ResourceKey> = stages
            .into_iter()
            .flat_map(|stage| self.hooks_of(stage))
            .map(|hook| hook.object.key.clone())
            .collect();
        for key in hooks {
            self.view.track(&key, false);
        }
    }

    pub(super) fn scopes(&self) -> Vec<backstay_plan::WatchScope> {
        // Nothing is waited for: nothing needs to be watched, except for hooks.
        let no_wait = self.policy.waiting == Waiting::None || self.plan.operation == Operation::Uninstall;
        let no_hooks = !self.policy.hooks || (self.plan.hooks.is_empty() && self.plan.undo_hooks.is_empty());
        if no_wait && no_hooks { Vec::new() } else { self.plan.watch_scopes(&self.policy.health) }
    }

    pub(super) fn waiting_on(&self) -> Vec<WaitReason> {
        if let Some((id, ..)) = &self.reads.in_flight {
            return alloc::vec![WaitReason::Action { id: *id }];
        }
        let Some(state) = &self.state else { return Vec::new() };
        if !state.in_flight.is_empty() {
            return state.in_flight.keys().map(|id| WaitReason::Action { id: *id }).collect();
        }
        let keys: Vec<&ResourceKey> = match state.phase {
            Phase::Verifying { wave } => self.keys_of(&self.plan.wave(wave)),
            Phase::VerifyingUndo => self.keys_of(&restored_steps(state, &self.plan)),
            _ => Vec::new(),
        };
        let unready = keys.into_iter().filter_map(|key| {
            let assessment = self.view.assessment(key)?;
            (!assessment.readiness.is_current())
                .then(|| WaitReason::Readiness { key: key.clone(), readiness: assessment.readiness.clone() })
        });
        let mut reasons: Vec<WaitReason> = unready.collect();
        if reasons.is_empty() {
            reasons.extend(self.wait_until.map(|until| WaitReason::Backoff { until }));
        }
        reasons
    }

    fn keys_of(&self, steps: &[usize]) -> Vec<&ResourceKey> {
        steps.iter().filter_map(|index| self.plan.steps.get(*index)).map(|step| &step.key).collect()
    }
}
