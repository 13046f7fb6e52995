//! How objects are shown: as they are, as metadata only, or as rows of a table.

use backstay_object::Timestamp;
use serde_json::{Value, json};

use super::table;
use crate::api::kinds::Served;
use crate::api::request::Request;
use crate::api::{convert, view};
use crate::store::Store;

/// What the `Accept` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum View {
    /// Whole objects.
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
    /// `Table`; with how much of the object in each row.
    Table(RowObject),
}

/// The `includeObject` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum RowObject {
    None,
    Metadata,
    Whole,
}

impl View {
    pub(in crate::api) fn of(request: &Request) -> Self {
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
    pub(in crate::api) fn one(self, kind: &Served, object: &Value, now: Timestamp) -> Value {
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
    pub(in crate::api) fn list<'o>(
        self,
        kind: &Served,
        objects: impl Iterator<Item = &'o Value>,
        metadata: Value,
        now: Timestamp,
    ) -> Value {
        match self {
            Self::Whole => view::list_of(kind, objects, metadata),
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
    pub(in crate::api) fn bookmark(self, kind: &Served, store: &Store, initial_end: bool) -> Value {
        let mut whole = view::bookmark(kind, store, initial_end);
        match self {
            Self::Whole => whole,
            Self::Metadata => metadata_only(&whole),
            Self::Table(_) => {
                let mut table = table::head(kind);
                table["metadata"] = json!({"resourceVersion": store.resource_version().to_string()});
                table["rows"] = json!([{"cells": [], "object": whole.take()}]);
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
