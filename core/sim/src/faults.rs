//! Faults on request: what is to go wrong, and with whom.
//!
//! Text form: `code[(number)]@kind/name[/container][!][~time]`, e.g. `image-not-found@deployment/web`,
//! `crash-until-restart(3)@statefulset/db/postgres`, `pvc-pending@pvc/data-db-0~40s`. A name `*` means every object of the
//! kind. A fault meets the revisions made after it was injected, so that going back to an older one heals; with `!` it
//! meets older revisions, too. With `~40s` it heals 40 seconds after it was first met.
//!
//! On a pod (template), the annotation `sandbox.backstay.dev/fault` holds one or more codes, separated by commas;
//! `sandbox.backstay.dev/fault.NAME` those of one container.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use backstay_object::{
    Timestamp, bool_at, format_duration, kind, label, list_at, name, namespace, parse_duration, text_at, uid,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::own_annotation;
use crate::ordered::Set;
use crate::world::Ctx;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FaultCode {
    /// The registry does not have the image.
    ImageNotFound,
    /// The registry does not answer.
    RegistryUnreachable,
    /// The registry wants credentials.
    RegistryDenied,
    /// The registry answers 429.
    RegistryBusy,
    /// Pulling takes so many milliseconds.
    SlowPull(u64),
    /// The container exits with 1 right after every start.
    Crash,
    /// The container exits with 1 so many milliseconds after every start.
    CrashAfter(u64),
    /// The container exits with 1 right after its start until it was restarted so many times.
    CrashUntilRestart(u64),
    /// The container exits with this code right after its start.
    Exit(u64),
    /// The container is killed for want of memory.
    Oom,
    /// The container's program does not exist.
    NoSuchProgram,
    /// Readiness never comes: the probe answers 503.
    NeverReady,
    /// Readiness comes only so many milliseconds after the start.
    SlowStart(u64),
    /// The liveness probe fails.
    NeverLive,
    /// No node takes the pod.
    Unschedulable,
    /// A quota refuses the pod.
    Quota,
    /// A key the container needs is not in its ConfigMap.
    MissingConfig,
    /// A volume cannot be mounted.
    MissingVolume,
    /// The first so many pods of a Job fail; without a number, all.
    JobFails(u64),
    /// The Job's pods never end.
    JobHangs,
    /// The claim is never bound.
    PvcPending,
    /// The node stops answering.
    NodeDown,
    /// An admission webhook for the object does not answer, so that the API refuses to write it.
    WebhookDown,
}

/// One thing that is to go wrong with one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    pub code: FaultCode,
    /// Lower-case kind of the object, e.g. `deployment`.
    pub kind: String,
    /// Its name, or `*`.
    pub name: String,
    /// One container, or all.
    pub container: Option<String>,
    /// Whether revisions older than the injection are met, too.
    pub older_too: bool,
    /// How long after it was first met the fault heals.
    pub heals_after: Option<Duration>,
}

/// The text does not name a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No `@` or no `/`.
    #[error("fault \"{0}\" has another shape than code@kind/name, e.g. image-not-found@deployment/web")]
    Shape(String),
    /// Unknown code.
    #[error("no fault is called \"{0}\"; known are: {known}", known = FaultCode::names().join(", "))]
    Code(String),
    /// A number is missing or is none.
    #[error("fault \"{0}\" needs a whole number in parentheses, e.g. {0}(3)")]
    Number(String),
    /// An unknown kind.
    #[error("faults cannot be asked for kind \"{0}\"; known are: {known}", known = KINDS.join(", "))]
    Kind(String),
    /// The time after `~` is none.
    #[error("\"{0}\" is not a time such as 20s or 1m30s")]
    Time(String),
}

/// Kinds a fault can be asked for.
const KINDS: [&str; 9] =
    ["deployment", "statefulset", "daemonset", "replicaset", "job", "pod", "pvc", "node", "cronjob"];

impl FaultCode {
    /// All codes, as they are written; those with `(…)` take a number.
    #[must_use]
    pub fn names() -> Vec<String> {
        ALL.iter().map(|code| code.to_string().replace("(0)", "(n)")).collect()
    }

    const fn parts(self) -> (&'static str, Option<u64>) {
        match self {
            Self::ImageNotFound => ("image-not-found", None),
            Self::RegistryUnreachable => ("registry-unreachable", None),
            Self::RegistryDenied => ("registry-denied", None),
            Self::RegistryBusy => ("registry-busy", None),
            Self::SlowPull(millis) => ("slow-pull", Some(millis)),
            Self::Crash => ("crash", None),
            Self::CrashAfter(millis) => ("crash-after", Some(millis)),
            Self::CrashUntilRestart(count) => ("crash-until-restart", Some(count)),
            Self::Exit(code) => ("exit", Some(code)),
            Self::Oom => ("oom", None),
            Self::NoSuchProgram => ("no-such-program", None),
            Self::NeverReady => ("never-ready", None),
            Self::SlowStart(millis) => ("slow-start", Some(millis)),
            Self::NeverLive => ("never-live", None),
            Self::Unschedulable => ("unschedulable", None),
            Self::Quota => ("quota", None),
            Self::MissingConfig => ("missing-config", None),
            Self::MissingVolume => ("missing-volume", None),
            Self::JobFails(count) => ("job-fails", Some(count)),
            Self::JobHangs => ("job-hangs", None),
            Self::PvcPending => ("pvc-pending", None),
            Self::NodeDown => ("node-down", None),
            Self::WebhookDown => ("webhook-down", None),
        }
    }

    fn with_number(self, number: u64) -> Self {
        match self {
            Self::SlowPull(_) => Self::SlowPull(number),
            Self::CrashAfter(_) => Self::CrashAfter(number),
            Self::CrashUntilRestart(_) => Self::CrashUntilRestart(number),
            Self::Exit(_) => Self::Exit(number),
            Self::SlowStart(_) => Self::SlowStart(number),
            Self::JobFails(_) => Self::JobFails(number),
            other => other,
        }
    }
}

const ALL: [FaultCode; 23] = [
    FaultCode::ImageNotFound,
    FaultCode::RegistryUnreachable,
    FaultCode::RegistryDenied,
    FaultCode::RegistryBusy,
    FaultCode::SlowPull(0),
    FaultCode::Crash,
    FaultCode::CrashAfter(0),
    FaultCode::CrashUntilRestart(0),
    FaultCode::Exit(0),
    FaultCode::Oom,
    FaultCode::NoSuchProgram,
    FaultCode::NeverReady,
    FaultCode::SlowStart(0),
    FaultCode::NeverLive,
    FaultCode::Unschedulable,
    FaultCode::Quota,
    FaultCode::MissingConfig,
    FaultCode::MissingVolume,
    FaultCode::JobFails(0),
    FaultCode::JobHangs,
    FaultCode::PvcPending,
    FaultCode::NodeDown,
    FaultCode::WebhookDown,
];

impl fmt::Display for FaultCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (name, Some(number)) => write!(formatter, "{name}({number})"),
            (name, None) => formatter.write_str(name),
        }
    }
}

impl FromStr for FaultCode {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, number) = match text.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(rest))),
            None => (text, None),
        };
        let code = ALL.iter().copied().find(|code| code.parts().0 == name);
        let code = code.ok_or_else(|| FaultError::Code(name.to_owned()))?;
        match (code.parts().1, number) {
            (None, None) => Ok(code),
            (Some(_), None) if code == Self::JobFails(0) => Ok(Self::JobFails(u64::MAX)),
            (Some(_), Some(number)) => number
                .parse()
                .map(|number| code.with_number(number))
                .map_err(|_| FaultError::Number(name.to_owned())),
            (Some(_), None) => Err(FaultError::Number(name.to_owned())),
            (None, Some(_)) => Err(FaultError::Code(text.to_owned())),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let shape = || FaultError::Shape(text.to_owned());
        let (code, rest) = text.split_once('@').ok_or_else(shape)?;
        let (rest, heals_after) = match rest.split_once('~') {
            Some((rest, time)) => {
                (rest, Some(parse_duration(time).map_err(|_| FaultError::Time(time.to_owned()))?))
            }
            None => (rest, None),
        };
        let (rest, older_too) = rest.strip_suffix('!').map_or((rest, false), |rest| (rest, true));
        let mut parts = rest.splitn(3, '/');
        let (Some(kind), Some(name)) = (parts.next(), parts.next().filter(|name| !name.is_empty())) else {
            return Err(shape());
        };
        let kind = match kind.to_ascii_lowercase().as_str() {
            "persistentvolumeclaim" => "pvc".to_owned(),
            "deploy" => "deployment".to_owned(),
            "sts" => "statefulset".to_owned(),
            "ds" => "daemonset".to_owned(),
            other => other.to_owned(),
        };
        if !KINDS.contains(&kind.as_str()) {
            return Err(FaultError::Kind(kind));
        }
        let container = parts.next().filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(Self { code: code.parse()?, kind, name: name.to_owned(), container, older_too, heals_after })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}/{}", self.code, self.kind, self.name)?;
        if let Some(container) = &self.container {
            write!(formatter, "/{container}")?;
        }
        if self.older_too {
            formatter.write_str("!")?;
        }
        if let Some(after) = self.heals_after {
            write!(formatter, "~{}", format_duration(after))?;
        }
        Ok(())
    }
}

/// A fault that was injected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ActiveFault {
    pub(crate) fault: Fault,
    pub(crate) since: Timestamp,
    /// Revisions that were there already, see [`revision_of`]; empty when older ones are met, too.
    pub(crate) spared: Set<String>,
    /// Namespace it is limited to, empty for all.
    pub(crate) namespace: String,
    pub(crate) first_met: Option<Timestamp>,
}

impl ActiveFault {
    fn meets(
        &self,
        pod: &Value,
        owners: &[(String, String)],
        container: Option<&str>,
        now: Timestamp,
    ) -> bool {
        let fault = &self.fault;
        (self.namespace.is_empty() || self.namespace == namespace(pod))
            && owners
                .iter()
                .any(|(kind, name)| *kind == fault.kind && (fault.name == "*" || fault.name == *name))
            && fault
                .container
                .as_deref()
                .is_none_or(|wanted| container.is_none_or(|container| container == wanted))
            && !self.spared.contains(&revision_of(pod))
            && fault.heals_after.is_none_or(|after| self.first_met.is_none_or(|met| now.since(met) < after))
    }
}

/// What a pod is an instance of: the uid of its ReplicaSet or Job, the revision of its StatefulSet or DaemonSet, or itself.
pub(crate) fn revision_of(pod: &Value) -> String {
    let Some(owner) = controller_of(pod) else { return uid(pod).to_owned() };
    let owner_uid = text_at(owner, &["uid"]).unwrap_or("");
    match label(pod, "controller-revision-hash") {
        Some(revision) => format!("{owner_uid}/{revision}"),
        None => owner_uid.to_owned(),
    }
}

/// The owner reference of the controller.
pub(crate) fn controller_of(object: &Value) -> Option<&Value> {
    list_at(object, &["metadata", "ownerReferences"])
        .iter()
        .find(|owner| bool_at(owner, &["controller"]) == Some(true))
}

impl Ctx<'_> {
    /// The pod and its controllers, as (lower-case kind, name).
    pub(crate) fn chain(&self, pod: &Value) -> Vec<(String, String)> {
        let mut chain = vec![(kind(pod).to_ascii_lowercase(), name(pod).to_owned())];
        let mut owner = controller_of(pod).cloned();
        while let Some(reference) = owner.take() {
            let text = |field| text_at(&reference, &[field]).unwrap_or("").to_owned();
            chain.push((text("kind").to_ascii_lowercase(), text("name")));
            owner = self.store.by_uid(&text("uid")).and_then(|object| controller_of(object).cloned());
        }
        chain
    }

    /// What is to go wrong with a pod, or with one of its containers.
    pub(crate) fn faults_of(&mut self, pod: &Value, container: Option<&str>) -> Vec<FaultCode> {
        let mut codes = Vec::new();
        let annotated = container
            .and_then(|container| own_annotation(pod, &format!("fault.{container}")))
            .into_iter()
            .chain(own_annotation(pod, "fault"));
        for text in annotated {
            codes.extend(text.split(',').filter_map(|code| code.trim().parse::<FaultCode>().ok()));
        }
        if self.world.faults.is_empty() {
            return codes;
        }
        let owners = self.chain(pod);
        let now = self.now;
        for active in &mut self.world.faults {
            if active.meets(pod, &owners, container, now) {
                active.first_met.get_or_insert(now);
                codes.push(active.fault.code);
            }
        }
        codes
    }

    /// When the next of the faults that a pod has met heals by itself.
    pub(crate) fn next_healing(&self, pod: &Value) -> Option<Timestamp> {
        if self.world.faults.is_empty() {
            return None;
        }
        let owners = self.chain(pod);
        let met = self.world.faults.iter().filter(|active| active.meets(pod, &owners, None, self.now));
        met.filter_map(|active| Some(active.first_met?.after(active.fault.heals_after?))).min()
    }

    /// Whether something is to go wrong with an object that is no pod: a claim or a node.
    pub(crate) fn fault_on(
        &mut self,
        code: FaultCode,
        wanted_kind: &str,
        space: &str,
        object_name: &str,
    ) -> bool {
        let now = self.now;
        let mut met = false;
        for active in &mut self.world.faults {
            let fault = &active.fault;
            let hit = fault.code == code
                && fault.kind == wanted_kind
                && (fault.name == "*" || fault.name == object_name)
                && (active.namespace.is_empty() || space.is_empty() || active.namespace == space)
                && fault
                    .heals_after
                    .is_none_or(|after| active.first_met.is_none_or(|met| now.since(met) < after));
            if hit {
                active.first_met.get_or_insert(now);
                met = true;
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_read_and_write() {
        for text in [
            "image-not-found@deployment/web",
            "crash-until-restart(3)@statefulset/db/postgres",
            "never-ready@deployment/*!",
            "pvc-pending@pvc/data-db-0~40s",
            "slow-start(35000)@pod/web-1/app!~1m30s",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        assert_eq!("crash@deploy/web".parse::<Fault>().unwrap().kind, "deployment");
        for bad in
            ["crash", "crash@web", "crsh@pod/x", "slow-start@pod/x", "crash@thing/x", "crash@pod/x~soon"]
        {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
        assert_eq!(
            "bang@pod/x".parse::<Fault>().unwrap_err().to_string().split(';').next(),
            Some("no fault is called \"bang\"")
        );
    }
}
