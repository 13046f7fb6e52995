//! The pure host: drives a rollout against the model cluster in virtual time, and checks the invariants while it does.
//!
//! Used by the simulation tests, by `backstay rehearse` and by the planner page.

mod beginning;
mod check;
mod client;
mod execute;
mod host;
mod recording;
mod replay;
mod rival;
mod trouble;

pub use check::Violation;
pub use host::{Moment, Rehearsal, Report};
pub use recording::{Recording, RecordingError, Sight, record_line};
pub use replay::{Judgement, Outcome as ReplayOutcome, Thought, replay, replay_told};
pub use trouble::{Meanwhile, Rival, Sleep, Trouble};
