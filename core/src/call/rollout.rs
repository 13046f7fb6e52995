//! The call `rollout`: the state machine of a rollout for hosts in other languages, as question and answer.
//!
//! The first request says what is to be rolled out; every later one brings the `state` of the answer before and what
//! happened since. The state is text that the caller keeps and does not look into: it holds the plan, the policy and the
//! inputs so far, and the machine is made anew from it each time. As the machine is deterministic, that gives the same
//! machine; `docs/embedding.md` tells how to keep it small.

mod work;

use backstay_health::{is_transient_refusal, refusal};
use backstay_object::{FromJson, FromJsonError, ResourceKey, Timestamp};
use backstay_plan::Plan;
use backstay_rollout::{
    ActionId, BEHAVIOUR, FailureKind, Input, JournalEntry, Outcome, Output, Policy, Rollout, WaitReason,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::{CallError, Refusal, input, output, planned};
use crate::planner::policy;

/// The request that begins a rollout, or takes one up again.
#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct First {
    /// Now.
    at: Timestamp,
    /// What the call `plan` takes.
    #[serde(default)]
    of: Option<super::Rollout>,
    /// What the call `plan` answered, instead of `of`.
    #[serde(default)]
    plan: Option<Plan>,
    #[serde(default)]
    policy: Option<Policy>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    /// What a former host made durable: the rollout goes on where it ends.
    #[serde(default)]
    journal: Vec<JournalEntry>,
}

/// Every other request.
#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Later {
    /// Now.
    at: Timestamp,
    state: String,
    #[serde(default)]
    inputs: Vec<Told>,
}

/// What a host can tell: the machine's own inputs, or a server's refusal as it came.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Told {
    Plain(Input),
    Refused(Refused),
}

impl FromJson for Told {
    fn from_json(given: &mut Value) -> Result<Self, FromJsonError> {
        if given.get("refused").is_some() {
            Refused::from_json(given).map(Self::Refused)
        } else {
            Input::from_json(given).map(Self::Plain)
        }
    }
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        backstay_object::from_json::deserialize(deserializer)
    }
}

/// The server's answer to a request of an action, which ends the action.
#[derive(Clone, Serialize, FromJson)]
#[serde(deny_unknown_fields)]
struct Refused {
    /// The action.
    refused: ActionId,
    /// The object the request was about.
    key: ResourceKey,
    /// The status of the answer; 0 when there was none.
    http_status: u16,
    /// Its body: a `Status` object or text.
    #[serde(default)]
    body: Value,
}

impl Told {
    fn into_input(self, at: Timestamp) -> Input {
        let refused = match self {
            Self::Plain(input) => return input,
            Self::Refused(refused) => refused,
        };
        let (status, body) = (refused.http_status, &refused.body);
        let failure = match status {
            0 => FailureKind::Unknown,
            status if is_transient_refusal(status, body) => FailureKind::Transient,
            _ => FailureKind::Refused,
        };
        let causes = vec![refusal(&refused.key, status, body, at)];
        let outcome = Outcome::Failed { failure, causes, applied: Vec::new() };
        Input::Completed { id: refused.refused, outcome }
    }
}

/// What a caller keeps between two requests.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// [`BEHAVIOUR`] of the module that wrote it: another one would decide otherwise.
    behaviour: u32,
    began: Timestamp,
    plan: Plan,
    policy: Policy,
    journal: Vec<JournalEntry>,
    told: Vec<(Timestamp, Told)>,
}

impl Kept {
    fn first(given: First) -> Result<Self, CallError> {
        let plan = match (given.plan, given.of) {
            (Some(plan), None) => plan,
            (None, Some(of)) => planned(&of)?,
            _ => return Err(CallError::BadRequest("input: give either `of` or `plan`".to_owned())),
        };
        let policy = match given.policy {
            Some(_) if given.timeout_ms.is_some() => {
                let message = "input: `timeout_ms` belongs to the policy that is computed; give one of both";
                return Err(CallError::BadRequest(message.to_owned()));
            }
            Some(policy) => policy,
            None => policy(&plan, given.timeout_ms),
        };
        let (began, journal) = (given.at, given.journal);
        Ok(Self { behaviour: BEHAVIOUR, began, plan, policy, journal, told: Vec::new() })
    }

    fn read(text: &str) -> Result<Self, CallError> {
        let refuse = |message: String| CallError::from(Refusal::new("state", message));
        let kept: Self = serde_json::from_str(text).map_err(|error| {
            refuse(format!("the state is not one that an answer gave: {error}; begin anew from the journal"))
        })?;
        if kept.behaviour != BEHAVIOUR {
            let found = kept.behaviour;
            return Err(refuse(format!(
                "the state was written by behaviour {found}, this module has {BEHAVIOUR}; begin anew from the journal"
            )));
        }
        Ok(kept)
    }

    /// The machine as it was when the state was given away, with nothing left to poll.
    fn machine(&self) -> Result<Rollout, CallError> {
        let (plan, policy) = (self.plan.clone(), self.policy.clone());
        let mut machine = if self.journal.is_empty() {
            Rollout::new(plan, policy, self.began)
        } else {
            Rollout::resume(plan, policy, self.journal.iter().cloned(), self.began)
                .map_err(|error| Refusal::new("journal", error.to_string()))?
        };
        for (at, told) in &self.told {
            drain(&mut machine);
            tell(&mut machine, told.clone(), *at)?;
        }
        Ok(machine)
    }
}

/// Takes what can be polled, up to the output that repeats.
fn drain(machine: &mut Rollout) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        let output = machine.poll_output();
        let last = matches!(output, Output::Wait { .. } | Output::Finished { .. });
        outputs.push(output);
        if last {
            return outputs;
        }
    }
}

fn tell(machine: &mut Rollout, told: Told, at: Timestamp) -> Result<(), CallError> {
    let told = machine.handle(told.into_input(at), at);
    told.map_err(|error| Refusal::new("input", error.to_string()).into())
}

/// A step of a rollout: what happened in, what is to be done out.
pub(super) fn call(given: Value) -> Result<Value, CallError> {
    let (kept, outputs, machine) = if given.get("state").is_some() {
        let later: Later = input(given)?;
        let mut kept = Kept::read(&later.state)?;
        let mut machine = kept.machine()?;
        let mut outputs = drain(&mut machine);
        // What the answer before gave is known; only what repeats is new when nothing happened.
        outputs.drain(..outputs.len().saturating_sub(1));
        for told in later.inputs {
            tell(&mut machine, told.clone(), later.at)?;
            outputs.pop();
            outputs.append(&mut drain(&mut machine));
            kept.told.push((later.at, told));
        }
        (kept, outputs, machine)
    } else {
        let kept = Kept::first(input(given)?)?;
        let mut machine = kept.machine()?;
        let outputs = drain(&mut machine);
        (kept, outputs, machine)
    };
    answer(&kept, &outputs, &machine)
}

fn answer(kept: &Kept, outputs: &[Output], machine: &Rollout) -> Result<Value, CallError> {
    let mut records = Vec::new();
    let mut actions = Vec::new();
    let mut events = Vec::new();
    let mut waiting_on: &[WaitReason] = &[];
    let (mut wake_at, mut verdict, mut exit) = (None, None, None);
    for one in outputs {
        match one {
            Output::Record { entry } => records.push(output(entry)?),
            Output::Act { action } => {
                let mut action_json = output(action)?;
                action_json["work"] = work::of(&action.kind, action.id, machine);
                actions.push(action_json);
            }
            Output::Event { event } => events.push(output(event)?),
            Output::Wait { deadline, waiting_on: reasons } => {
                wake_at = deadline.filter(|at| *at < Timestamp::MAX);
                waiting_on = reasons;
            }
            Output::Finished { verdict: end } => {
                exit = Some(end.exit_code());
                verdict = Some(output(end)?);
            }
        }
    }
    let state = serde_json::to_string(kept).map_err(|error| CallError::Refused(error.to_string()))?;
    Ok(json!({
        "records": records, "actions": actions, "events": events, "wake_at": wake_at,
        "waiting_on": output(waiting_on)?, "verdict": verdict, "exit": exit, "state": state,
    }))
}
