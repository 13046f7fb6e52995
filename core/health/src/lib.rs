//! Objects to readiness; pods, events and conditions to causes.
//!
//! The public face agreed with `core/rollout`:
//! * `assess(&object, &Related, &Circumstances) -> Assessment` for one object of the release;
//! * `refusal(&ResourceKey, http_status, &body, now) -> Cause` for an API server's no;
//! * `types.rs`, `CauseCode` (with `Aborted` = `aborted` for an abort by a person), `Policy`.
