//! Server-side apply: who owns which field, merging, conflicts.

mod fields;
mod managed;
mod merge;

pub(super) use managed::{Writer, apply, record_update};
