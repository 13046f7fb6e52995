//! YAML exactly as Helm reads and writes it.
//!
//! Helm 3 and 4 read values, manifests and `fromYaml` through `sigs.k8s.io/yaml` 1.6, which parses with
//! `go.yaml.in/yaml/v2` and passes the result through JSON; `toYaml` goes the same way back. This crate gives the same
//! values and the same bytes, with its own resolver and emitter on top of a parser of YAML events.
//!
//! Nothing is tied to one value type: [`read`] builds whatever a [`Builder`] makes, [`to_yaml`] writes whatever
//! describes itself as a [`Source`]. [`JsonBuilder`] and the `Source` of [`serde_json::Value`] are provided.

mod emit;
mod error;
mod json;
pub mod number;
mod order;
mod places;
mod read;
mod resolve;
mod scalar;
mod timestamp;
mod write;

pub use error::{ReadError, ReadErrorKind, WriteError};
pub use json::{JsonBuilder, from_yaml};
pub use order::natural_less;
pub use places::{Place, Places, places};
pub use read::{Builder, Document, Documents, ReadOptions, decode_text, read, read_with};
pub use resolve::{Scalar, resolve_plain};
pub use write::{Dialect, Sink, Source, to_yaml, to_yaml_pretty, write};

/// How deep lists and maps may be nested, in reading (aliases expanded) and in writing.
///
/// yaml.v2 stops at 10,000; this limit is what recursive code over the values can bear on a 1 MiB stack, and far
/// above what charts use.
pub const MAX_DEPTH: usize = 500;

/// How many bytes are written for one value. Shared parts are written once for every place that has them, so a small value may
/// become a text without measure.
pub const MAX_TEXT: usize = 64 << 20;
