//! The store as one JSON document, for the sandbox's file.

use std::sync::Arc;

use backstay_object::ResourceKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::log::ChangeLog;
use super::pod_log::PodLogs;
use super::{DEFAULT_LOG_LIMIT, Store};
use crate::ordered::Map;

/// The form the document has; a reader refuses others.
const FORMAT: u32 = 1;

/// The document cannot be read as a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Not the expected shape of JSON.
    #[error("the sandbox document is damaged: {0}; reset the sandbox to go on")]
    Shape(String),
    /// Written by another version.
    #[error(
        "the sandbox document has format {0}, this program reads format {FORMAT}; reset the sandbox to go on"
    )]
    Format(u32),
    /// An entry without kind or name.
    #[error("object {0} of the sandbox document has no kind or no name; reset the sandbox to go on")]
    Object(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    format: u32,
    resource_version: u64,
    seed: u64,
    identities: u64,
    #[serde(default)]
    notes: Map<String, Value>,
    objects: Vec<Value>,
    #[serde(default)]
    pod_logs: PodLogs,
}

impl Store {
    /// The whole store as one document. The log of changes is not in it: who watched before must list again.
    #[must_use]
    pub fn save(&self) -> Value {
        let document = Document {
            format: FORMAT,
            resource_version: self.rv,
            seed: self.seed,
            identities: self.identities,
            notes: self.notes.clone(),
            objects: self.objects.values().map(|object| Value::clone(object)).collect(),
            pod_logs: self.pod_logs.clone(),
        };
        // A document of maps with text keys always has a JSON form.
        serde_json::to_value(document).unwrap_or(Value::Null)
    }

    /// Reads what [`Store::save`] wrote.
    ///
    /// # Errors
    /// When the document is damaged or of another format.
    pub fn load(document: Value) -> Result<Self, LoadError> {
        if let Some(format) = document.get("format").and_then(Value::as_u64)
            && format != u64::from(FORMAT)
        {
            return Err(LoadError::Format(u32::try_from(format).unwrap_or(u32::MAX)));
        }
        let document: Document =
            serde_json::from_value(document).map_err(|error| LoadError::Shape(error.to_string()))?;
        let mut store = Self::new(document.seed);
        store.rv = document.resource_version;
        store.identities = document.identities;
        store.notes = document.notes;
        store.pod_logs = document.pod_logs;
        store.log = ChangeLog::new(DEFAULT_LOG_LIMIT, document.resource_version);
        for (index, object) in document.objects.into_iter().enumerate() {
            let key = ResourceKey::of(&object).ok_or(LoadError::Object(index))?;
            store.index_insert(&key, &Arc::new(object));
        }
        Ok(store)
    }
}
