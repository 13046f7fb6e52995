//! The JSON call table: what embedders in other languages ask, and what they get.
//!
//! A request is `{"call": NAME, "input": {…}}`, an answer `{"ok": …}` or `{"error": {"code", "message", …}}`. Names and
//! fields are only ever added; [`ABI_VERSION`] is raised when something changes its meaning.

mod lint;
mod look_ahead;
mod render;
mod replay;
mod rollout;
mod timeout;
mod unpack;

use std::collections::BTreeMap;

use backstay_object::from_json::from_value;
use backstay_object::{FromJson, Timestamp};
use backstay_plan::{Operation, Plan, PlanInput, PlannedObject, PreviousRevision};
use backstay_rehearse::{Rehearsal, Trouble};
use backstay_rollout::Policy;
use backstay_sim::{Cluster, Fault, FaultCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::planner::{self, policy};

/// The version of the call table.
pub const ABI_VERSION: u32 = 1;

/// Why a call was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request is not what the table asks for.
    #[error("{0}")]
    BadRequest(String),
    /// There is no such call.
    #[error("there is no call {0:?}; known are: {known}", known = names().join(", "))]
    UnknownCall(String),
    /// The input was understood and cannot be used.
    #[error("{0}")]
    Refused(String),
    /// This is the small module, and the answer needs what only the full one has.
    #[error("the small module leaves this to the full one; ask that")]
    Elsewhere,
    /// The same, with a code and what belongs to it.
    #[error(transparent)]
    Typed(#[from] Box<Refusal>),
}

/// An input that cannot be used, for callers that act on the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of reason, e.g. `template`.
    pub code: &'static str,
    /// The reason in words.
    pub message: String,
    /// What else the answer tells: `file`, `line` (from 1), `lookup`.
    pub details: serde_json::Map<String, Value>,
}

impl Refusal {
    fn new(code: &'static str, message: String) -> Self {
        Self { code, message, details: serde_json::Map::new() }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    fn at(self, file: &str, line: Option<usize>) -> Self {
        let placed = self.with("file", file.into());
        match line {
            Some(line) => placed.with("line", line.into()),
            None => placed,
        }
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::Typed(Box::new(refusal))
    }
}

impl CallError {
    const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad-request",
            Self::UnknownCall(_) => "unknown-call",
            Self::Refused(_) => "refused",
            Self::Elsewhere => "elsewhere",
            Self::Typed(refusal) => refusal.code,
        }
    }

    fn to_json(&self) -> Value {
        let mut error = json!({"code": self.code(), "message": self.to_string()});
        if let (Self::Typed(refusal), Value::Object(fields)) = (self, &mut error) {
            fields.extend(refusal.details.clone());
        }
        json!({"error": error})
    }
}

type Call = fn(Value) -> Result<Value, CallError>;

/// The call in the full module, what stands for it in the small one.
#[cfg(feature = "full")]
macro_rules! full {
    ($call:expr) => {
        $call
    };
}

/// The call in the full module, what stands for it in the small one.
#[cfg(not(feature = "full"))]
macro_rules! full {
    ($call:expr) => {
        |_| Err(CallError::Elsewhere)
    };
}

const CALLS: [(&str, Call); 13] = [
    ("version", version),
    ("render", render::call),
    ("parse-manifest", parse_manifest),
    ("plan", full!(plan)),
    ("rehearse", full!(rehearse)),
    ("timeout", timeout::call),
    ("lint", full!(lint::call)),
    ("preview", look_ahead::preview),
    ("rehearsals", full!(look_ahead::rehearse)),
    ("rbac", full!(look_ahead::rbac)),
    ("replay", full!(replay::call)),
    ("unpack", unpack::call),
    ("rollout", full!(rollout::call)),
];

/// The names of all calls.
#[must_use]
pub fn names() -> Vec<&'static str> {
    CALLS.iter().map(|(name, _)| *name).collect()
}

/// Answers a request; never fails: an error is an answer, too.
#[must_use]
pub fn call(request: &str) -> String {
    let answer = match answer(request) {
        Ok(value) => json!({"ok": value}),
        Err(error) => error.to_json(),
    };
    answer.to_string()
}

/// The answer that tells an error, for hosts that could not even read the request.
#[must_use]
pub fn refuse(error: &CallError) -> String {
    error.to_json().to_string()
}

/// By serde, whose errors tell the line and the column: the request is a text that somebody wrote.
#[derive(Deserialize)]
struct Request {
    call: String,
    #[serde(default)]
    input: Value,
}

fn answer(request: &str) -> Result<Value, CallError> {
    let request: Request = serde_json::from_str(request).map_err(|error| {
        CallError::BadRequest(format!("the request is not {{\"call\": …, \"input\": …}}: {error}"))
    })?;
    let (_, call) = CALLS
        .iter()
        .find(|(name, _)| *name == request.call)
        .ok_or_else(|| CallError::UnknownCall(request.call.clone()))?;
    let answer = call(request.input);
    // A template may have caught the error, or not seen one.
    if backstay_gotemplate::elsewhere::take() { Err(CallError::Elsewhere) } else { answer }
}

fn input<T: FromJson>(input: Value) -> Result<T, CallError> {
    from_value(input).map_err(|error| CallError::BadRequest(format!("input: {error}")))
}

fn output(value: impl serde::Serialize) -> Result<Value, CallError> {
    serde_json::to_value(value).map_err(|error| CallError::Refused(error.to_string()))
}

fn version(_input: Value) -> Result<Value, CallError> {
    Ok(json!({
        "abi": ABI_VERSION, "version": env!("CARGO_PKG_VERSION"), "calls": names(),
        "journal_format": backstay_rollout::JOURNAL_FORMAT, "behaviour": backstay_rollout::BEHAVIOUR,
        "faults": FaultCode::names(),
    }))
}

#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Manifest {
    manifest: String,
}

/// YAML documents to objects with the templates they come from.
fn parse_manifest(given: Value) -> Result<Value, CallError> {
    let given: Manifest = input(given)?;
    let objects = documents(&given.manifest, "default")?;
    Ok(objects.into_iter().map(|object| json!({"source": object.source, "object": object.object})).collect())
}

/// What a rollout is planned from: manifests as text, before and after.
#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Rollout {
    release: String,
    #[serde(default = "default_namespace")]
    namespace: String,
    manifest: String,
    #[serde(default)]
    hooks: String,
    /// The manifest that runs, for an upgrade.
    #[serde(default)]
    previous: Option<String>,
    #[serde(default)]
    previous_hooks: String,
    /// Faults of the rehearsal, e.g. `image-not-found@deployment/web`; they meet the new revision.
    #[serde(default)]
    faults: Vec<String>,
    #[serde(default)]
    seed: u64,
    /// Total time in milliseconds; computed when absent.
    #[serde(default)]
    timeout_ms: Option<u64>,
}

fn default_namespace() -> String {
    "default".to_owned()
}

/// What will be done, in which waves, how it is undone, how long it may take.
fn plan(given: Value) -> Result<Value, CallError> {
    output(planned(&input(given)?)?)
}

/// The rollout on a model cluster: how it goes, how it ends, how long it takes.
fn rehearse(given: Value) -> Result<Value, CallError> {
    let given: Rollout = input(given)?;
    let now =
        Timestamp::parse("2026-01-01T00:00:00Z").map_err(|error| CallError::Refused(error.to_string()))?;
    let mut cluster = Cluster::new(given.seed, now);
    if let Some(previous) = &given.previous {
        let before = Rollout {
            release: given.release.clone(),
            namespace: given.namespace.clone(),
            manifest: previous.clone(),
            hooks: String::new(),
            previous: None,
            previous_hooks: String::new(),
            faults: Vec::new(),
            seed: given.seed,
            timeout_ms: None,
        };
        let plan = planned(&before)?;
        let policy = policy(&plan, None);
        let (left, _) = run(cluster, plan, policy)?;
        cluster = left;
    }
    for text in &given.faults {
        cluster.inject(text.parse::<Fault>().map_err(|error| CallError::Refused(error.to_string()))?);
    }
    let plan = planned(&given)?;
    let policy = policy(&plan, given.timeout_ms);
    let (_, report) = run(cluster, plan, policy)?;
    Ok(json!({
        "verdict": report.verdict, "exit": report.verdict.exit_code(),
        "took_ms": u64::try_from(report.to.since(report.from).as_millis()).unwrap_or(u64::MAX),
        "records": report.records,
        "story": report.story.iter().map(|moment| json!({
            "t_ms": u64::try_from(moment.at.since(report.from).as_millis()).unwrap_or(u64::MAX), "event": moment.event,
        })).collect::<Vec<_>>(),
    }))
}

fn run(
    cluster: Cluster,
    plan: Plan,
    policy: Policy,
) -> Result<(Cluster, backstay_rehearse::Report), CallError> {
    let rehearsal = Rehearsal::new(cluster, plan, policy, Trouble::default());
    rehearsal.run().map_err(|error| CallError::Refused(error.to_string()))
}

fn planned(given: &Rollout) -> Result<Plan, CallError> {
    let previous = match &given.previous {
        None => None,
        Some(manifest) => Some(PreviousRevision {
            revision: 1,
            objects: documents(manifest, &given.namespace)?,
            hooks: documents(&given.previous_hooks, &given.namespace)?,
        }),
    };
    let build = backstay_plan::build(PlanInput {
        release: given.release.clone(),
        namespace: given.namespace.clone(),
        operation: if previous.is_some() { Operation::Upgrade } else { Operation::Install },
        to: if previous.is_some() { 2 } else { 1 },
        objects: documents(&given.manifest, &given.namespace)?,
        hooks: documents(&given.hooks, &given.namespace)?,
        current: previous.clone(),
        healthy: previous,
        live: BTreeMap::new(),
    });
    build.map_err(|error| CallError::Refused(error.to_string()))
}

fn documents(manifest: &str, namespace: &str) -> Result<Vec<PlannedObject>, CallError> {
    planner::documents(manifest, namespace).map_err(|error| CallError::Refused(error.to_string()))
}
