//! Helm's release record: what a revision is, how it is kept in a Secret, and what a history means.
//!
//! Helm and Backstay read each other's records: same Secret name, labels, type and encoding (Helm
//! `pkg/storage/driver/secrets.go` v4.3, `pkg/release/v1`). What Backstay adds hides where Helm looks past it, see
//! [`Record`].
#![no_std]
#![warn(clippy::indexing_slicing)]
extern crate alloc;

mod codec;
pub mod description;
mod history;
mod name;
mod ownership;
mod record;
mod release;
mod status;
mod time;

pub use codec::{CodecError, decode, encode};
pub use history::{Healthy, History, Pending, PendingOwner};
pub use name::{MAX_NAME, NameError, validate_name};
pub use ownership::{
    MANAGED_BY, Mismatch, OwnershipError, RELEASE_NAME, RELEASE_NAMESPACE, check_ownership, claim,
};
pub use record::{
    EVIDENCE_KEY, HEALTHY_LABEL, JOURNAL_KEY, MAX_SECRET_BYTES, Packed, RESUME_KEY, Record, RecordError,
    SECRET_TYPE, SYSTEM_LABELS, check_labels, history_selector, parse_secret_name, secret_name,
};
pub use release::{ApplyMethod, Hook, HookRun, Info, Release};
pub use status::Status;
pub use time::HelmTime;
