//! Chart files and values to manifests, hooks and notes, as Helm 3.22 and 4.3 make them.
//!
//! Everything is pure: the host hands in files, answers to look-ups and the time, and gets texts back.

mod archive;
mod error;
mod files;
mod pattern;

pub use archive::unpack;
pub use error::{ChartError, ValuesError};
pub use files::{ChartFile, IgnoreRules, MAX_CHART_SIZE, SourceFile};
pub use pattern::path_match;
