//! Manifests old and new to a [`Plan`]: what is created, changed and deleted, in which wave, how each step is undone,
//! and how long it may take.
//!
//! A plan is data. It can be printed, compared, saved, shown in a browser, and executed later exactly: its
//! [`Plan::digest`] names it, and the machine refuses to resume with another one.
#![no_std]
#![warn(clippy::indexing_slicing)]
extern crate alloc;

mod access;
mod budget;
mod build;
mod digest;
mod hook;
mod lint;
mod step;
mod timing;

pub use access::{Need, needs_of, roles_of};
pub use budget::{Budget, BudgetTerm, budget_of};
pub use build::{PlanError, PlanInput, PreviousRevision, build};
pub use hook::{DeletePolicy, HookEvent, PlannedHook};
pub use lint::{Facts, Finding, RULES, Rule, Severity, finding, finding_of, lint, rule_of};
pub use step::{
    Change, Operation, Plan, PlannedObject, Step, UndoTarget, UndoWork, WatchScope, holds_data,
    is_always_ready, is_ready_once_there, scopes_of,
};
pub use timing::{
    Inputs, ObjectTime, Override, Remark, Term, TimeoutGiven, Timing, patience, rule_of_thumb, timing_of,
};
