//! The state machine: observations in, actions out.
