//! Why an object does not become ready. One file per kind of trouble; each looks at one thing and adds findings to a
//! [`Scene`]. Only what shows at the new revision's pods condemns it.

mod config;
mod crash;
mod create;
mod creation;
mod events;
mod image;
mod outcome;
mod pod;
mod probe;
mod scheduling;
mod volume;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use backstay_object::{ResourceKey, Timestamp, name};
use serde_json::Value;

use crate::code::CauseCode;
use crate::policy::FailFast;
use crate::types::{Cause, Circumstances, Class, Finding, Readiness, Related, Status};
pub use crash::crashed_restarts;
use events::Events;

/// All findings about an object that is not ready.
pub(crate) fn diagnose(
    object: &Value,
    related: &Related<'_>,
    circumstances: &Circumstances<'_>,
    readiness: &Readiness,
) -> Vec<Finding> {
    let Some(key) = ResourceKey::of(object) else { return Vec::new() };
    let events = Events::index(object, related, circumstances);
    let mut scene = Scene { object, key, related, circumstances, events, findings: Vec::new() };
    let pods = pod::judged_pods(&scene);
    creation::look(&mut scene);
    pod::look(&mut scene, &pods);
    volume::claims(&mut scene, &pods);
    outcome::ended_pods(&mut scene, &pods);
    if readiness.status == Status::Failed {
        outcome::declared(&mut scene, readiness);
    }
    scene.findings
}

/// Orders findings: the earliest verdict first, then what only explains; of equal ones the longest known.
pub(crate) fn certainty(finding: &Finding) -> (bool, Option<Timestamp>, Timestamp) {
    (finding.condemned_at.is_none(), finding.condemned_at, finding.cause.first_seen)
}

/// What a diagnosis looks at, and what it has found so far.
pub(crate) struct Scene<'a> {
    pub(crate) object: &'a Value,
    pub(crate) key: ResourceKey,
    pub(crate) related: &'a Related<'a>,
    pub(crate) circumstances: &'a Circumstances<'a>,
    pub(crate) events: Events<'a>,
    pub(crate) findings: Vec<Finding>,
}

/// Where and how a trouble shows.
pub(crate) struct Trouble<'a> {
    pub(crate) code: CauseCode,
    pub(crate) class: Class,
    pub(crate) pod: Option<&'a Value>,
    pub(crate) container: Option<&'a str>,
    pub(crate) message: String,
    /// What helps here where it is not what helps against most troubles of this code.
    pub(crate) hint: Option<&'static str>,
    /// The first sight of it; `None` when the cluster does not say: then it is now.
    pub(crate) seen: Option<Timestamp>,
}

impl Trouble<'_> {
    /// A trouble of the object as a whole.
    pub(crate) fn new(code: CauseCode, class: Class, message: impl Into<String>) -> Self {
        Self { code, class, pod: None, container: None, message: message.into(), hint: None, seen: None }
    }
}

/// After which time the kubelet has surely tried again to start a container that did not crash: about every ten seconds, three
/// times (`kubernetes pkg/kubelet/pod_workers.go`, `backOffPeriod`).
pub(crate) const START_RETRY_MS: u64 = 40_000;
/// The same for what is tried after ever longer pauses, of five minutes in the end: pulls (`pkg/kubelet/kubelet.go`,
/// `MaxContainerBackOff`) and creating pods.
pub(crate) const LONGEST_RETRY_MS: u64 = 330_000;

/// It may heal within so many milliseconds.
pub(crate) const fn after_grace(grace_ms: u64) -> Class {
    Class::AfterGrace { grace_ms }
}

impl<'a> Scene<'a> {
    /// Adds what we conclude from signs. With `failFast: off` such a finding only explains.
    pub(crate) fn suspect(&mut self, trouble: Trouble<'a>) {
        let condemns = self.circumstances.policy.fail_fast != FailFast::Off;
        self.add(trouble, condemns);
    }

    /// Adds what an object says of itself.
    pub(crate) fn declare(&mut self, trouble: Trouble<'a>) {
        self.add(trouble, true);
    }

    /// Since when the last assessment knew the same trouble.
    fn known_since(
        &self,
        (code, pod, container): &(CauseCode, Option<&str>, Option<&str>),
    ) -> Option<Timestamp> {
        let is_it = |cause: &Cause| {
            cause.code == *code && cause.pod.as_deref() == *pod && cause.container.as_deref() == *container
        };
        let known = self.circumstances.before.iter().map(|finding| &finding.cause);
        known.filter(|cause| is_it(cause)).map(|cause| cause.first_seen).min()
    }

    /// A verdict on what a pod shows that was there before the rollout. Unless it was seen to happen again, it may be of before:
    /// then it counts once it has surely been tried again, `retry_ms` after the objects were applied.
    pub(crate) fn unless_old(
        &self,
        part: &Value,
        happened_again: bool,
        (class, seen): (Class, Option<Timestamp>),
        retry_ms: u64,
    ) -> (Class, Option<Timestamp>) {
        if happened_again || !self.circumstances.was_there(part) {
            return (class, seen);
        }
        let class = match class {
            Class::FatalNow => after_grace(retry_ms),
            Class::AfterGrace { grace_ms } => after_grace(grace_ms.max(retry_ms)),
            Class::Recoverable => class,
        };
        (class, Some(self.circumstances.applied_at))
    }

    fn add(&mut self, trouble: Trouble<'a>, condemns: bool) {
        let trouble_key = (trouble.code, trouble.pod.map(name), trouble.container);
        let Trouble { code, class, pod, container, message, hint, seen } = trouble;
        let Circumstances { now, since, applied_at, .. } = *self.circumstances;
        let is_old = pod.is_some_and(|pod| self.circumstances.was_there(pod));
        let since = if is_old { applied_at.max(since) } else { since };
        // Never before the rollout, never after now: node clocks differ a little.
        let first_seen = seen.or_else(|| self.known_since(&trouble_key)).unwrap_or(now).max(since).min(now);
        let condemned_at = match class {
            Class::FatalNow => Some(first_seen),
            Class::AfterGrace { grace_ms } => Some(first_seen.after(Duration::from_millis(grace_ms))),
            Class::Recoverable => None,
        };
        let cause = Cause {
            code,
            class,
            object: self.key.clone(),
            pod: pod.map(|pod| name(pod).to_string()),
            container: container.map(ToString::to_string),
            message,
            hint: String::from(hint.unwrap_or_else(|| code.hint())),
            first_seen,
        };
        self.findings.push(Finding { cause, condemned_at: condemned_at.filter(|_| condemns) });
    }
}

/// A time in one of an object's fields.
pub(crate) fn time_at(object: &Value, path: &[&str]) -> Option<Timestamp> {
    Timestamp::parse(backstay_object::text_at(object, path)?).ok()
}
