//! The state machine of a rollout: observations in, actions out.
//!
//! ```text
//! loop {
//!     match rollout.poll_output() {
//!         Record(entry)  => make it durable before anything polled after it
//!         Act(action)    => start it; its outcome comes back as Input::Completed
//!         Event(event)   => show it
//!         Wait{deadline} => block until an input arrives or the deadline passes
//!         Finished(v)    => stop
//!     }
//!     rollout.handle(input, now)
//! }
//! ```
//!
//! Deciding and acting are apart: `decide` is pure and gives one decision, [`State::apply`] is the only mutator
//! and is used live and on replay. A host may write several records at once, as long as they are durable before the
//! first action polled after them; only actions that change something are recorded.
#![no_std]
#![warn(clippy::indexing_slicing)]
extern crate alloc;

mod bake;
mod contract;
mod decide;
mod forward;
mod hooks;
mod index;
mod journal;
mod phase;
mod policy;
mod progress;
mod rollout;
mod settle;
mod siblings;
mod state;
mod undo;
mod view;

pub use contract::*;
pub use journal::{BEHAVIOUR, JOURNAL_FORMAT, JournalEntry, JournalEvent, OLDEST_BEHAVIOUR, ResumeError};
pub use phase::{HookStage, Phase, may_follow};
pub use policy::{NoReturn, Policy, Remediation, Waiting};
pub use rollout::{InputError, Rollout, replay};
pub use state::{InFlight, LastAction, State};
pub use view::{ClusterView, Measure};
