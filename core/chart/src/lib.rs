//! Chart files and values to manifests, hooks and notes, as Helm 3.22 and 4.3 make them.
//!
//! Everything is pure: the host hands in files, answers to look-ups and the time, and gets texts back.

#![cfg_attr(
    not(feature = "full"),
    allow(dead_code, unused_imports, reason = "the small build leaves schemas to the full one")
)]

mod ahead;
mod archive;
mod by_length;
mod capabilities;
mod chart;
mod chart_yaml;
mod coalesce;
mod content;
mod dependencies;
mod error;
mod every;
mod files;
mod formats;
mod formats_net;
mod hint;
mod job;
mod lint;
mod load;
mod manifests;
mod metadata;
mod objects;
mod pattern;
mod render;
mod schema;
mod schema_failure;
mod schema_links;
mod schema_meta;
mod schema_plain;
mod schema_rules;
mod schema_scalars;
mod schema_scope;
mod shared_text;
mod strvals;
mod template_cache;
mod trace;
mod values;
mod version;

pub use ahead::{Ahead, Parts};
pub use archive::unpack;
pub use capabilities::{Capabilities, DEFAULT_API_VERSIONS, KubeVersion, KubeVersionError};
pub use chart::{Chart, CrdFile};
pub use content::Content;
pub use dependencies::process_dependencies;
pub use error::{ChartError, ValuesError};
pub use every::{every_error, rendered_files};
pub use files::{ChartFile, IgnoreRules, MAX_CHART_SIZE, SourceFile};
pub use lint::{LintInput, LintMessage, Severity, lint};
pub use load::{from_archive, from_files};
pub use manifests::{
    INSTALL_ORDER, ManifestError, ManifestObject, RenderedHook, RenderedObject, Sorted, manifest,
    parse_manifest, sort_manifests, split,
};
pub use metadata::{Dependency, Maintainer, Metadata};
pub use pattern::path_match;
pub use render::{RenderError, RenderInput, Rendered, render, render_ahead, render_cached};
pub use schema::{validate as validate_json, validate_schemas};
pub use shared_text::SharedText;
pub use strvals::{SetFlag, set};
pub use template_cache::TemplateCache;
pub use values::{ReusePolicy, ValueSources, all_values, merge_maps, read_values, reuse_values};
