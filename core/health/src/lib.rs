//! Objects to [`Readiness`]; pods, events and conditions to [`Cause`]: why something will not become ready, and from when on
//! that is certain.
//!
//! * [`assess`] judges one object of a release with what belongs to it;
//! * [`refusal`] explains an API server's no;
//! * [`Policy`] says when a suspicion becomes a verdict.
//!
//! Everything is pure and looks at one workload and its own pods only: cost does not depend on how much else there is. Times
//! come from the cluster's objects, so `now` has to be the cluster's time; a host whose clock differs corrects it by the
//! API server's `Date` header.
#![no_std]
#![warn(clippy::indexing_slicing)]
extern crate alloc;

mod assess;
mod code;
mod diagnose;
mod expression;
mod policy;
mod promised;
mod readiness;
mod refusal;
mod revision;
mod types;

pub use assess::assess;
pub use code::{CauseCode, UnknownCode};
pub use diagnose::crashed_restarts;
pub use expression::{Expression, ExpressionError};
pub use policy::{FailFast, Policy, ReadinessRule, ReadinessRules};
pub use promised::promised_secret;
pub use readiness::readiness;
pub use refusal::{is_transient_refusal, refusal};
pub use revision::{new_pods, new_replica_set};
pub use types::{
    Assessment, Cause, Circumstances, Class, Finding, Readiness, Related, Restarts, Siblings, Status,
};
