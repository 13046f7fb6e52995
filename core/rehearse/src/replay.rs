//! The machine's judgement over a [`Recording`]: when a rollout that somebody else drove would have been called deployed or
//! condemned, and why.

use std::collections::BTreeMap;

use backstay_health::{
    Assessment, Cause, CauseCode, Circumstances, Finding, Policy, Readiness, Status, promised_secret,
};
use backstay_object::{ResourceKey, Timestamp, annotation, at, kind, text_at, uid};
use backstay_rollout::{ClusterView, Measure};
use serde::Serialize;
use serde_json::Value;

use crate::beginning::{self, Beginning, Roots, changed_spec};
use crate::recording::Recording;

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything new became ready.
    Deployed,
    /// It was certain that it would not.
    Condemned,
    /// The recording ends before either.
    Undecided,
}

/// What a replay came to. Times in seconds since the recording's start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// How it ended.
    pub verdict: Outcome,
    /// The cause; of an undecided replay what was suspected at its end.
    pub code: Option<CauseCode>,
    /// The object of the release, in its long form.
    pub object: Option<String>,
    /// The pod that shows the cause.
    pub pod: Option<String>,
    /// The container that shows it.
    pub container: Option<String>,
    /// When the cause was first seen.
    pub first_seen: Option<f64>,
    /// When the verdict fell.
    pub decided_at: Option<f64>,
    /// The cluster's words.
    pub message: String,
    /// What usually fixes it.
    pub hint: Option<String>,
    /// When the new revision began.
    pub began_at: Option<f64>,
}

/// What began within so many seconds after everything was ready belongs to the same rollout: the next wave, what comes after
/// a hook.
const SETTLES_S: f64 = 5.0;
/// How often something is looked at again while nothing is heard, in seconds.
const TICK_S: f64 = 1.0;

/// Judges a recording. What is created or changes its spec after `since` seconds is the new revision; without it, the first
/// such change once everything recorded was healthy, or the first creation where nothing was.
#[must_use]
pub fn replay(recording: &Recording, policy: &Policy, since: Option<f64>) -> Judgement {
    replay_told(recording, policy, since).0
}

/// The same, with every change of what was thought of an object on the way to the judgement, in order of time.
#[must_use]
pub fn replay_told(recording: &Recording, policy: &Policy, since: Option<f64>) -> (Judgement, Vec<Thought>) {
    let Some(beginning) = beginning::find(recording, policy, since) else {
        return (nothing_new(), Vec::new());
    };
    let mut replay = Replay::new(recording, policy, beginning);
    let judgement = replay.run();
    (judgement, replay.thoughts)
}

/// What was thought of an object from a moment on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thought {
    /// Seconds since the recording's start.
    pub t: f64,
    /// The object.
    pub key: ResourceKey,
    /// How far it is.
    pub readiness: Readiness,
    /// What stands in the way, if something does.
    pub suspicion: Option<Cause>,
    /// When that condemns it, unless it heals; seconds since the start.
    pub condemned_at: Option<f64>,
}

fn nothing_new() -> Judgement {
    Judgement {
        verdict: Outcome::Undecided,
        code: None,
        object: None,
        pod: None,
        container: None,
        first_seen: None,
        decided_at: None,
        message: "nothing was created or changed".into(),
        hint: None,
        began_at: None,
    }
}

/// Everything new is ready, or only has to run on, see `backstay_rollout`'s rule of containers without a probe.
#[derive(Clone, Copy)]
struct Ready {
    /// Since when, in seconds since the start. That is the time of the verdict, should it hold.
    since: f64,
    /// Whether everything counts by now. From then on only a crash takes it back.
    is_settled: bool,
}

struct Replay<'a> {
    recording: &'a Recording,
    policy: &'a Policy,
    beginning: Beginning,
    view: ClusterView,
    roots: Roots,
    /// What is judged, with the template it had before.
    judged: BTreeMap<ResourceKey, Option<Value>>,
    provided: Vec<ResourceKey>,
    promised: Vec<ResourceKey>,
    ready: Option<Ready>,
    looked_at: f64,
    thoughts: Vec<Thought>,
}

impl<'a> Replay<'a> {
    fn new(recording: &'a Recording, policy: &'a Policy, beginning: Beginning) -> Self {
        Self {
            recording,
            policy,
            beginning,
            view: ClusterView::default(),
            roots: Roots::default(),
            judged: BTreeMap::new(),
            provided: Vec::new(),
            promised: Vec::new(),
            ready: None,
            looked_at: 0.0,
            thoughts: Vec::new(),
        }
    }

    fn run(&mut self) -> Judgement {
        let recording = self.recording;
        for (index, sight) in recording.sights().iter().enumerate() {
            let has_begun = index >= self.beginning.index;
            if has_begun {
                if let Some(judgement) = self.pass_time(sight.t) {
                    return judgement;
                }
                if self.takes_back(&sight.object, sight.deleted) {
                    return self.undecided();
                }
                self.track(&sight.object, sight.deleted);
            }
            self.roots.observe(&sight.object, sight.deleted);
            self.provide(&sight.object);
            self.view.observe(sight.object.clone(), sight.deleted);
            // What came at the same moment is judged together.
            let is_moments_last = recording.sights().get(index + 1).is_none_or(|next| next.t > sight.t);
            if has_begun
                && is_moments_last
                && let Some(judgement) = self.look(sight.t)
            {
                return judgement;
            }
        }
        let end = self.recording.time(self.looked_at);
        // A recording may end before a container without a probe has run for long: it counts unless it crashed before.
        let counts = |key| self.is_current(key) || self.view.outlives_at(key).is_some_and(|at| at <= end);
        match self.ready {
            Some(ready) if ready.is_settled || self.judged.keys().all(counts) => self.deployed(ready.since),
            _ => self.undecided(),
        }
    }

    /// Judges while nothing is heard, up to the next sight.
    fn pass_time(&mut self, until: f64) -> Option<Judgement> {
        while !self.judged.is_empty() && self.looked_at + TICK_S < until {
            self.view.invalidate();
            if let Some(judgement) = self.look(self.looked_at + TICK_S) {
                return Some(judgement);
            }
        }
        if self.ready.is_some() {
            return self.look(until);
        }
        None
    }

    /// A root that belongs to the new revision is judged from now on.
    fn track(&mut self, object: &Value, deleted: bool) {
        let Some(key) = self.roots.root_key(object).filter(|_| !deleted) else { return };
        if self.judged.contains_key(&key) {
            return;
        }
        let before = self.roots.known(&key).filter(|known| uid(known) == uid(object));
        let is_new = match before {
            None => self.beginning.judges_all || self.recording_made(object),
            Some(before) => changed_spec(before, object),
        };
        if !is_new || !self.beginning.belongs(object) {
            return;
        }
        let template = before.and_then(|before| at(before, &["spec", "template"])).cloned();
        if let Some(template) = &template {
            // The revision that ran used them: they are there, and no controller has yet to write them.
            self.provided.extend(beginning::config_maps(template, &key.namespace));
        }
        self.view.track(&key, false);
        self.judged.insert(key, template);
        self.ready = None;
    }

    /// Whether an object was made while the recording ran, not only listed late.
    fn recording_made(&self, object: &Value) -> bool {
        beginning::is_made_within(self.recording, object)
    }

    /// Objects of the release that others may refer to.
    fn provide(&mut self, object: &Value) {
        if matches!(kind(object), "ConfigMap" | "Secret")
            && annotation(object, beginning::RELEASE).is_some()
            && self.beginning.belongs(object)
        {
            self.provided.extend(ResourceKey::of(object));
        }
        self.promised.extend(promised_secret(object).filter(|_| self.beginning.belongs(object)));
    }

    /// Whether somebody takes the change back before it was decided: the template is as before, or what was new is deleted.
    fn takes_back(&self, object: &Value, deleted: bool) -> bool {
        let Some(key) = ResourceKey::of(object) else { return false };
        let (Some(before), Some(now)) = (self.judged.get(&key), self.roots.known(&key)) else { return false };
        if self.is_settled() || beginning::is_hook(object) {
            return false;
        }
        let is_gone = deleted || backstay_object::is_deleting(object);
        let template = at(object, &["spec", "template"]);
        let is_back = before.is_some()
            && before.as_ref() == template
            && at(now, &["spec", "template"]) != before.as_ref();
        (is_gone && uid(now) == uid(object)) || is_back
    }

    fn look(&mut self, t: f64) -> Option<Judgement> {
        let now = self.recording.time(t);
        let circumstances = Circumstances {
            provided: &self.provided,
            promised: &self.promised,
            ..Circumstances::new(now, self.beginning.since, self.policy)
        };
        let changed = self.view.reassess(&Measure { circumstances, patience_ms: None, baking_since: None });
        self.note(t, &changed);
        let before = self.recording.time(self.looked_at);
        self.looked_at = t;
        if !self.is_settled()
            && let Some(finding) = self.earliest()
            && let Some(at) = finding.condemned_at.filter(|at| *at <= now)
        {
            // The machine wakes when a grace is over, not when it next hears something.
            let decided = if at > before { at } else { now };
            return Some(self.judgement(Outcome::Condemned, Some(&finding.cause), Some(decided)));
        }
        self.note_ready(t);
        let holds = |ready: &Ready| ready.is_settled && t - ready.since > SETTLES_S;
        self.ready.filter(holds).map(|ready| self.deployed(ready.since))
    }

    /// Notes since when everything is ready, and whether it still is.
    fn note_ready(&mut self, t: f64) {
        let is_current = self.judged.keys().all(|key| self.is_current(key));
        let is_ready = self.judged.keys().any(|key| !self.is_hook(key))
            && self.judged.keys().all(|key| self.is_current(key) || self.view.settles_at(key).is_some());
        self.ready = match self.ready {
            // It was ready only as long as it ran.
            Some(ready) if ready.is_settled => (!self.has_crashed()).then_some(ready),
            Some(ready) => is_ready.then_some(Ready { is_settled: is_current, ..ready }),
            None => is_ready.then_some(Ready { since: t, is_settled: is_current }),
        };
    }

    fn is_settled(&self) -> bool {
        self.ready.is_some_and(|ready| ready.is_settled)
    }

    fn is_current(&self, key: &ResourceKey) -> bool {
        self.view.assessment(key).is_some_and(|assessment| assessment.readiness.is_current())
    }

    fn note(&mut self, t: f64, changed: &[ResourceKey]) {
        for key in changed {
            let Some(assessment) = self.view.assessment(key) else { continue };
            let finding = assessment.findings.first();
            self.thoughts.push(Thought {
                t: (t * 1000.0).round() / 1000.0,
                key: key.clone(),
                readiness: assessment.readiness.clone(),
                suspicion: finding.map(|finding| finding.cause.clone()),
                condemned_at: finding
                    .and_then(|finding| finding.condemned_at)
                    .map(|at| self.recording.seconds(at)),
            });
        }
    }

    /// Whether something that is judged is not ready because it crashes.
    fn has_crashed(&self) -> bool {
        let assessments = self.judged.keys().filter_map(|key| self.view.assessment(key));
        assessments.filter(|assessment| !assessment.readiness.is_current()).any(|assessment| {
            assessment.findings.iter().any(|finding| finding.cause.code == CauseCode::CrashLoop)
        })
    }

    fn is_hook(&self, key: &ResourceKey) -> bool {
        self.roots.known(key).is_some_and(beginning::is_hook)
    }

    /// The finding that condemns first, or else the first suspicion.
    fn earliest(&self) -> Option<&Finding> {
        let open = |assessment: &&Assessment| {
            matches!(assessment.readiness.status, Status::InProgress | Status::Failed)
        };
        let findings = self
            .judged
            .keys()
            .filter_map(|key| self.view.assessment(key))
            .filter(open)
            .flat_map(|assessment| &assessment.findings);
        findings.min_by_key(|finding| finding.condemned_at.unwrap_or(Timestamp::MAX))
    }

    fn deployed(&self, at: f64) -> Judgement {
        let count = self.judged.len();
        let message = format!("{count} new or changed object{} ready", if count == 1 { "" } else { "s" });
        let decided_at = Some((at * 1000.0).round() / 1000.0);
        Judgement { message, decided_at, ..self.judgement(Outcome::Deployed, None, None) }
    }

    fn undecided(&self) -> Judgement {
        let suspected = self.earliest().map(|finding| &finding.cause);
        let judgement = self.judgement(Outcome::Undecided, suspected, None);
        if suspected.is_some() {
            return judgement;
        }
        let waiting = self.judged.keys().find_map(|key| {
            let readiness = &self.view.assessment(key)?.readiness;
            (!readiness.is_current()).then(|| (key.path(), readiness.message.clone()))
        });
        match waiting {
            Some((object, message)) => Judgement { object: Some(object), message, ..judgement },
            None => judgement,
        }
    }

    fn judgement(&self, verdict: Outcome, cause: Option<&Cause>, decided: Option<Timestamp>) -> Judgement {
        let code = cause.map(|cause| match cause.code {
            CauseCode::JobFailed | CauseCode::PodFailed if self.is_hook(&cause.object) => {
                CauseCode::HookFailed
            }
            code => code,
        });
        Judgement {
            verdict,
            code,
            object: cause.map(|cause| cause.object.path()),
            pod: cause.and_then(|cause| cause.pod.clone()),
            container: cause.and_then(|cause| cause.container.clone()),
            first_seen: cause.map(|cause| self.recording.seconds(cause.first_seen)),
            decided_at: decided.map(|at| self.recording.seconds(at)),
            message: cause
                .map_or_else(|| "neither ready nor certain to fail".into(), |cause| cause.message.clone()),
            hint: code.map(|code| code.hint().into()),
            began_at: Some(self.recording.seconds(self.beginning.since)),
        }
    }
}

/// The annotation or label by which an object tells its release.
pub(crate) fn release_of(object: &Value) -> Option<&str> {
    annotation(object, beginning::RELEASE)
        .or_else(|| text_at(object, &["metadata", "labels", "app.kubernetes.io/instance"]))
}
