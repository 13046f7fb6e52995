//! Kubernetes objects as JSON: identity, look-ups, quantities, durations and time.
//!
//! Every room above speaks of objects as [`serde_json::Value`] and of their identity as [`ResourceKey`]. Nothing here
//! knows a clock: a [`Timestamp`] is always given by a host.
#![no_std]
#![warn(clippy::indexing_slicing)]
extern crate alloc;
// Derived code speaks of this crate by its name.
extern crate self as backstay_object;

mod duration;
pub mod from_json;
mod key;
mod kinds;
mod label_query;
mod look;
mod quantity;
mod selector;
mod sort;
mod time;

pub use backstay_object_derive::FromJson;
pub use duration::{DurationError, format_duration, parse_duration};
pub use from_json::{FromJson, FromJsonError};
pub use key::{ResourceKey, split_api_version};
pub use kinds::{KINDS, KindInfo, kind_info, kind_info_by_plural};
pub use label_query::{LabelQuery, LabelQueryError};
pub use look::*;
pub use quantity::{Quantity, QuantityError};
pub use selector::{labels_match, selector_matches};
pub use sort::sort_by;
pub use time::{Timestamp, TimestampError};
