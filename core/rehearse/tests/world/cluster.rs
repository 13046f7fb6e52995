//! What the API of the small world does, and what it shows.

use backstay_object::uid;

use super::*;

impl World {
    /// The API does what a host asked for, once; its reply is on the way.
    pub(super) fn perform(&mut self, at: usize) {
        let Some(Request { action, steps, reply: None }) = self.hosts[at].request.clone() else { return };
        let mut applied = Vec::new();
        match &action.kind {
            ActionKind::Observe { .. } | ActionKind::Look { .. } => {
                self.hosts[at].unseen = false;
                for (object, deleted) in self.objects() {
                    let seen = Input::Observed { object, deleted };
                    self.hosts[at].machine.handle(seen, self.now).unwrap();
                }
            }
            ActionKind::Validate | ActionKind::CaptureEvidence { .. } => {}
            ActionKind::CreateHook { stage: HookStage::Before, .. } => {
                let mark = action.id.0;
                if self.hook.is_none_or(|(made_by, _)| made_by != mark) {
                    self.change(|world| world.hook = Some((mark, Job::Running)));
                }
                let key = self.plan.hooks[0].object.key.clone();
                applied.push(Applied { key, uid: format!("hook-{mark}"), generation: 1 });
            }
            ActionKind::CleanHooks { succeeded, .. } => {
                let goes = match self.hook {
                    Some((_, Job::Failed)) => *succeeded > 0,
                    Some(_) => true,
                    None => false,
                };
                if goes {
                    self.change(|world| world.hook = None);
                }
            }
            ActionKind::Apply { .. } => applied = self.apply(&steps),
            ActionKind::DeleteCreated => {
                self.undo_begins("DeleteCreated");
                for step in &steps {
                    if self.plan.steps[*step].undo != UndoWork::Delete {
                        self.fail("S5: what the run did not create is deleted");
                    }
                }
                self.change(|world| world.web = None);
            }
            ActionKind::Restore => {
                self.undo_begins("Restore");
                if steps.iter().any(|step| self.plan.steps[*step].key.name != "conf") {
                    self.fail("S11: what the run did not change is restored");
                }
                self.change(|world| world.conf = 1);
            }
            ActionKind::SaveRecord { change } => {
                if !self.holds(at) {
                    self.hosts[at].stopped = true;
                    self.hosts[at].request = None;
                    return;
                }
                self.save(change);
                self.journal.clone_from(&self.hosts[at].journal);
            }
            other => self.fail(format!("nothing of this plan needs {other:?}")),
        }
        if self.journal.is_empty() && action.id.0 < READ_ONLY_FROM {
            self.fail(format!("S1: {action:?} without a durable record"));
        }
        self.reply(at, Outcome::Succeeded { applied });
    }

    /// S1: the journal that is durable tells of the undo, and nothing of the hook runs any more.
    fn undo_begins(&mut self, what: &str) {
        if self.journal.replayed.as_ref().is_none_or(|state| state.cause.is_none()) {
            self.fail(format!("S1: {what} before the failure is on record"));
        }
        if matches!(self.hook, Some((_, Job::Running))) {
            self.fail(format!("{what} while the hook still runs"));
        }
    }

    fn apply(&mut self, steps: &[usize]) -> Vec<Applied> {
        if matches!(self.hook, Some((_, Job::Running | Job::Failed))) {
            self.fail("objects are applied although the hook has not succeeded");
        }
        self.change(|world| {
            world.conf = 2;
            if world.web.is_none() {
                world.webs_made += 1;
                world.web = Some((world.webs_made, false));
            }
        });
        let objects = self.objects();
        let keys = steps.iter().map(|step| self.plan.steps[*step].key.clone());
        keys.map(|key| {
            let stored = objects.iter().find(|(object, _)| ResourceKey::of(object).as_ref() == Some(&key));
            Applied {
                uid: uid(&stored.unwrap().0).to_owned(),
                generation: i64::from(key.kind == "Deployment"),
                key,
            }
        })
        .collect()
    }

    fn save(&mut self, change: &RecordChange) {
        let (revision, status) = match change {
            RecordChange::Promote { .. } => {
                if self.conf != 2 || !matches!(self.web, Some((_, true))) {
                    self.fail("promoted although it is not ready");
                }
                (2, "deployed")
            }
            RecordChange::Fail { .. } => (2, "failed"),
            RecordChange::BeginUndo { revision, .. } => (*revision, "pending-rollback"),
            RecordChange::FinishUndo { revision, .. } => (*revision, "deployed"),
            RecordChange::FailUndo { revision, .. } => (*revision, "failed"),
            RecordChange::Purge => return self.fail("the records of a release that runs are purged"),
        };
        self.records.insert(revision, status);
    }

    /// All objects as the API shows them; what is gone is told as deleted.
    pub(super) fn objects(&self) -> Vec<(Value, bool)> {
        let desired = |kind: &str| {
            let steps = self.plan.steps.iter().find(|step| step.key.kind == kind);
            steps.unwrap().desired.clone().unwrap()
        };
        let mut conf = desired("ConfigMap");
        conf["metadata"]["uid"] = "conf".into();
        conf["metadata"]["namespace"] = "default".into();
        conf["data"]["text"] = self.conf.into();
        let mut web = desired("Deployment");
        web["metadata"]["namespace"] = "default".into();
        web["metadata"]["generation"] = 1.into();
        if let Some((uid, ready)) = self.web {
            web["metadata"]["uid"] = format!("web-{uid}").into();
            let ready = u8::from(ready);
            web["status"] = json!({
                "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready, "availableReplicas": ready,
                "unavailableReplicas": 1 - ready,
                "conditions": [{"type": "Available", "status": if ready == 1 { "True" } else { "False" }}]
            });
        }
        let mut job = self.plan.hooks[0].object.object.clone();
        job["metadata"]["namespace"] = "default".into();
        if let Some((mark, state)) = self.hook {
            job["metadata"]["uid"] = format!("hook-{mark}").into();
            job["metadata"]["generation"] = 1.into();
            let condition =
                |kind: &str| json!([{"type": kind, "status": "True", "reason": "x", "message": "x"}]);
            job["status"] = match state {
                Job::Running => json!({"active": 1}),
                Job::Complete => json!({"succeeded": 1, "conditions": condition("Complete")}),
                Job::Failed => json!({"failed": 1, "conditions": condition("Failed")}),
            };
        }
        vec![(conf, false), (web, self.web.is_none()), (job, self.hook.is_none())]
    }
}
