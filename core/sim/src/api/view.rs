//! How objects are shown: as they are, as metadata only, or as rows of a table.

use backstay_object::Timestamp;
use serde_json::{Value, json};

use super::http::Request;
use super::kinds::Served;
use super::{convert, table};
use crate::store::Store;

/// What the `Accept` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Whole objects.
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
    /// `Table`; with how much of the object in each row.
    Table(RowObject),
}

/// The `includeObject` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowObject {
    None,
    Metadata,
    Whole,
}

impl View {
    pub(super) fn of(request: &Request) -> Self {
        let first = request.accept.split(',').next().unwrap_or("");
        if first.contains("as=Table") {
            Self::Table(match request.param("includeObject") {
                Some("None") => RowObject::None,
                Some("Object") => RowObject::Whole,
                _ => RowObject::Metadata,
            })
        } else if first.contains("as=PartialObjectMetadata") {
            Self::Metadata
        } else {
            Self::Whole
        }
    }

    /// One object.
    pub(super) fn one(self, kind: &Served, object: &Value, now: Timestamp) -> Value {
        match self {
            Self::Whole => convert::to_served(kind, object),
            Self::Metadata => metadata_only(object),
            Self::Table(row_object) => {
                let mut table = table::head(kind);
                table["rows"] = json!([table::row(kind, object, row_object, now)]);
                table["metadata"] = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                table
            }
        }
    }

    /// A list, with the metadata of the list.
    pub(super) fn list<'o>(
        self,
        kind: &Served,
        objects: impl Iterator<Item = &'o Value>,
        metadata: Value,
        now: Timestamp,
    ) -> Value {
        match self {
            Self::Whole => {
                let items: Vec<Value> = objects
                    .map(|object| {
                        let mut item = convert::to_served(kind, object);
                        if let Some(map) = item.as_object_mut()
                            && !kind.is_custom()
                        {
                            map.remove("kind");
                            map.remove("apiVersion");
                        }
                        item
                    })
                    .collect();
                json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata, "items": items})
            }
            Self::Metadata => json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": objects.map(metadata_only).collect::<Vec<_>>(),
            }),
            Self::Table(row_object) => {
                let mut table = table::head(kind);
                table["metadata"] = metadata;
                table["rows"] = objects.map(|object| table::row(kind, object, row_object, now)).collect();
                table
            }
        }
    }

    /// The object of a bookmark event at a resourceVersion.
    pub(super) fn bookmark(self, kind: &Served, store: &Store, initial_end: bool) -> Value {
        let mut metadata =
            json!({"resourceVersion": store.resource_version().to_string(), "creationTimestamp": null});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        match self {
            Self::Whole => json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": metadata}),
            Self::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
            }
            Self::Table(_) => {
                let mut table = table::head(kind);
                table["metadata"] = json!({"resourceVersion": store.resource_version().to_string()});
                table["rows"] = json!([{"cells": [], "object":
                    {"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": metadata}}]);
                table
            }
        }
    }
}

/// `PartialObjectMetadata` of an object.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_default(),
    })
}
