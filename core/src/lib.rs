//! The one crate an embedder needs: every room of the core under one name.
//!
//! Everything here is pure: no clock, no randomness, no files, no network, no log. It builds for `wasm32-unknown-unknown`
//! with an empty import section.

#![cfg_attr(not(feature = "full"), allow(dead_code, reason = "the small build leaves calls to the full one"))]

pub use backstay_chart as chart;
pub use backstay_gotemplate as gotemplate;
pub use backstay_health as health;
pub use backstay_object as object;
pub use backstay_plan as plan;
pub use backstay_rehearse as rehearse;
pub use backstay_release as release;
pub use backstay_rollout as rollout;
pub use backstay_sim as sim;
pub use backstay_yaml as yaml;

pub mod call;
pub mod planner;
