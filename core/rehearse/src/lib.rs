//! The pure host: drives a rollout against the model cluster in virtual time, and checks the invariants while it does.
//!
//! Used by the simulation tests, by `backstay rehearse` and by the planner page.

mod check;
mod client;
mod execute;
mod host;
mod trouble;

pub use check::Violation;
pub use host::{Moment, Rehearsal, Report};
pub use trouble::{Meanwhile, Trouble};
