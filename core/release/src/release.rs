//! One revision of a release (`pkg/release/v1` of Helm v4.3; Helm 3 writes the same without `apply_method`).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::description;
use crate::status::Status;
use crate::time::{HelmTime, lenient};

/// How a release's objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplyMethod {
    /// Server-side apply.
    #[serde(rename = "ssa")]
    ServerSide,
    /// Client-side apply; also what a record without the field means.
    #[serde(rename = "csa")]
    ClientSide,
}

/// One revision of a release. Fields that this version does not know stay in `extra` and are written back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Name of the release.
    #[serde(default)]
    pub name: String,
    /// How it stands.
    #[serde(default, deserialize_with = "or_default")]
    pub info: Info,
    /// The chart as it was when rendered, in Helm's own form; null when a record has none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub chart: Value,
    /// The values the user gave.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// The rendered objects, without hooks and without ownership marks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// The rendered hooks.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    /// The revision, from 1.
    #[serde(default)]
    pub version: u32,
    /// Namespace of the release and of its record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// How its objects are written.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "apply_method")]
    pub apply_method: Option<ApplyMethod>,
    /// Labels the user gave. They live on the Secret, not in the record.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
    /// Fields of other versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How a revision stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// When the release was first installed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub first_deployed: Option<HelmTime>,
    /// When this revision was begun.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub last_deployed: Option<HelmTime>,
    /// When the release was uninstalled.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub deleted: Option<HelmTime>,
    /// A line for people, see [`crate::description`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The status; the Secret's label must say the same.
    #[serde(default)]
    pub status: Status,
    /// The revision that this one repeats; 0 when it is no rollback.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rollback_revision: u32,
    /// The rendered NOTES.txt.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// Fields of other versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A rendered hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    /// Name of its object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Kind of its object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Template it comes from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it runs: `pre-install` and so on.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Its last run.
    #[serde(default, deserialize_with = "or_default")]
    pub last_run: HookRun,
    /// Order among hooks of the same event, low first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When its object is deleted.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<String>,
    /// When its logs are shown.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub output_log_policies: Vec<String>,
    /// Fields of other versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The last run of a hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HookRun {
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub started_at: Option<HelmTime>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub completed_at: Option<HelmTime>,
    /// `Succeeded`, `Failed`, `Running`, `Unknown`; empty before the first run.
    #[serde(default)]
    pub phase: String,
    /// Fields of other versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Release {
    /// Sets the status with its line for people.
    pub fn set_status(&mut self, status: Status, description: &str) {
        self.info.status = status;
        self.info.description = description.into();
    }

    /// The revision that repeats `target` on top of `last`, pending: content, hooks and labels of the target, first
    /// deployment and next number of the last (`pkg/action/rollback.go` v4.3).
    #[must_use]
    pub fn rollback(target: &Self, last: &Self, now: Timestamp) -> Self {
        let info = Info {
            first_deployed: last.info.first_deployed.clone(),
            last_deployed: Some(now.into()),
            deleted: None,
            description: description::rollback_to(target.version),
            status: Status::PendingRollback,
            rollback_revision: target.version,
            notes: target.info.notes.clone(),
            extra: Map::new(),
        };
        Self { info, version: last.version.saturating_add(1), ..target.clone() }
    }

    /// How its objects are written, with Helm's default for records that do not say.
    #[must_use]
    pub fn applied_by(&self) -> ApplyMethod {
        self.apply_method.unwrap_or(ApplyMethod::ClientSide)
    }
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// `null` means the same as absent, as in Go.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Go's zero value `""` means "not said".
fn apply_method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ApplyMethod>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(match text.as_deref() {
        Some("ssa") => Some(ApplyMethod::ServerSide),
        Some("csa") => Some(ApplyMethod::ClientSide),
        _ => None,
    })
}
