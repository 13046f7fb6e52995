//! The budget of a plan: what the machine gives the way forward and the way back, from [`timing_of`] with its usual inputs.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use backstay_object::{FromJson, format_duration};
use serde::Serialize;

use crate::step::Plan;
use crate::timing::{Inputs, timing_of};

/// The time a plan may need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, FromJson)]
pub struct Budget {
    /// What the forward way may take before it is certainly stuck: the recommended timeout without the undo's share.
    pub forward_ms: u64,
    /// The share to keep for the way back.
    pub reserve_ms: u64,
    /// Where the forward time comes from: hooks one by one, then the slowest object of each wave.
    pub terms: Vec<BudgetTerm>,
}

impl Budget {
    /// The recommended `--timeout` of `deploy`: forward and back.
    #[must_use]
    pub const fn total_ms(&self) -> u64 {
        self.forward_ms.saturating_add(self.reserve_ms)
    }
}

/// One summand.
#[derive(Clone, Debug, PartialEq, Serialize, FromJson)]
pub struct BudgetTerm {
    /// The object in kubectl's form, or what the time is for.
    pub what: String,
    /// Its time.
    pub time_ms: u64,
    /// How the time was computed, for people.
    pub how: String,
    /// Whether it counts: only the slowest object of a wave does.
    pub decides: bool,
}

/// Computes the budget of a plan.
#[must_use]
pub fn budget_of(plan: &Plan) -> Budget {
    let inputs = Inputs::default();
    let timing = timing_of(plan, &inputs);
    let mut terms: Vec<BudgetTerm> = timing
        .objects
        .into_iter()
        .map(|object| {
            let words = |term: &crate::timing::Term| {
                format!("{} {}", term.what, format_duration(Duration::from_millis(term.most_ms)))
            };
            let how: Vec<String> = object.terms.iter().map(words).collect();
            BudgetTerm {
                what: object.object,
                time_ms: object.most_ms,
                how: how.join(" + "),
                decides: object.decides,
            }
        })
        .collect();
    let (what, how) = ("reserve".to_string(), "scheduling and API".to_string());
    terms.push(BudgetTerm { what, time_ms: inputs.buffer_ms, how, decides: true });
    Budget { forward_ms: timing.recommended_ms, reserve_ms: timing.undo_ms, terms }
}
