//! The call `replay`: a recorded run judged again, thought by thought.

use backstay_health::{FailFast as Level, Policy};
use backstay_object::{FromJson, ResourceKey};
use backstay_rehearse::{Recording, replay_told};
use serde_json::{Value, json};

use super::{CallError, Refusal, input, output};

#[derive(FromJson)]
#[serde(deny_unknown_fields)]
struct Input {
    /// The lines of `--record`.
    recording: String,
    /// Seconds after which the new revision begins; found out when absent.
    #[serde(default)]
    since: Option<f64>,
    /// How soon a failure is certain, as `--fail-fast` says it.
    #[serde(default)]
    fail_fast: FailFast,
}

#[derive(Default, FromJson)]
#[serde(rename_all = "lowercase")]
enum FailFast {
    Off,
    #[default]
    Default,
    Strict,
}

/// The judgement of `backstay diagnose --replay`, what was thought on the way, and when each object was seen.
pub(super) fn call(given: Value) -> Result<Value, CallError> {
    let given: Input = input(given)?;
    let recording =
        Recording::read(&given.recording).map_err(|error| Refusal::new("recording", error.to_string()))?;
    let level = match given.fail_fast {
        FailFast::Off => Level::Off,
        FailFast::Default => Level::Default,
        FailFast::Strict => Level::Strict,
    };
    let (judgement, thoughts) = replay_told(&recording, &Policy::at(level), given.since);
    let sights = recording.sights().iter().filter_map(|sight| {
        let key = ResourceKey::of(&sight.object)?;
        Some(json!({"t": sight.t, "object": key.to_string(), "deleted": sight.deleted}))
    });
    let thoughts = thoughts.into_iter().map(|thought| {
        let object = thought.key.to_string();
        output(thought).map(|mut value| {
            backstay_object::set_at(&mut value, &["object"], object.into());
            value
        })
    });
    Ok(json!({
        "judgement": output(&judgement)?,
        "thoughts": thoughts.collect::<Result<Vec<_>, _>>()?,
        "sights": sights.collect::<Vec<_>>(),
        "end": recording.end(),
        "cut_off": recording.is_cut_off(),
    }))
}
