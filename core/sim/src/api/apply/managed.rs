//! `metadata.managedFields`: recording writers, and the apply operation itself.

use backstay_object::{Timestamp, list_at, remove_at, set_at, text_at};
use serde_json::Value;

use super::fields::{Difference, FieldSet, collect, compare};
use super::merge::{merge, prune};
use crate::api::schema::Place;
use crate::json::json;
use crate::store::{ApiError, Cause};

/// Who writes, and how.
#[derive(Clone, Debug)]
pub(in crate::api) struct Writer {
    pub(in crate::api) manager: String,
    pub(in crate::api) api_version: String,
    /// Empty for the object itself.
    pub(in crate::api) subresource: &'static str,
    pub(in crate::api) now: Timestamp,
}

/// One entry of `managedFields`.
#[derive(Clone, Debug)]
struct Entry {
    manager: String,
    operation: String,
    api_version: String,
    subresource: String,
    time: String,
    fields: FieldSet,
}

impl Entry {
    fn read(value: &Value) -> Self {
        let text = |field: &str| text_at(value, &[field]).unwrap_or("").to_owned();
        Self {
            manager: text("manager"),
            operation: text("operation"),
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: value.get("fieldsV1").map(FieldSet::from_json).unwrap_or_default(),
        }
    }

    fn write(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.to_json(),
        });
        if !self.subresource.is_empty() {
            entry["subresource"] = Value::String(self.subresource.clone());
        }
        entry
    }

    fn is(&self, writer: &Writer, operation: &str) -> bool {
        self.manager == writer.manager
            && self.operation == operation
            && self.subresource == writer.subresource
            && (operation == "Apply" || self.api_version == writer.api_version)
    }

    fn of(writer: &Writer, operation: &str, fields: FieldSet) -> Self {
        Self {
            manager: writer.manager.clone(),
            operation: operation.to_owned(),
            api_version: writer.api_version.clone(),
            subresource: writer.subresource.to_owned(),
            time: writer.now.to_rfc3339_seconds(),
            fields,
        }
    }

    /// How a conflict names this manager.
    fn title(&self) -> String {
        let mut title = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            title.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == "Update" {
            title.push_str(&format!(" using {}", self.api_version));
        }
        title
    }
}

fn read_entries(object: &Value) -> Vec<Entry> {
    list_at(object, &["metadata", "managedFields"]).iter().map(Entry::read).collect()
}

fn write_entries(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    if entries.is_empty() {
        remove_at(object, &["metadata", "managedFields"]);
        return;
    }
    // Applied sets first, then by time, as the API server writes them.
    entries.sort_by(|a, b| {
        (a.operation.as_str(), &a.time, &a.manager, &a.subresource).cmp(&(
            b.operation.as_str(),
            &b.time,
            &b.manager,
            &b.subresource,
        ))
    });
    set_at(object, &["metadata", "managedFields"], entries.iter().map(Entry::write).collect());
}

/// Fields nobody owns.
const NOT_OWNED: [&[&str]; 11] = [
    &["f:apiVersion"],
    &["f:kind"],
    &["f:metadata", "f:name"],
    &["f:metadata", "f:namespace"],
    &["f:metadata", "f:creationTimestamp"],
    &["f:metadata", "f:uid"],
    &["f:metadata", "f:generation"],
    &["f:metadata", "f:managedFields"],
    &["f:metadata", "f:resourceVersion"],
    &["f:metadata", "f:deletionTimestamp"],
    &["f:metadata", "f:deletionGracePeriodSeconds"],
];

fn strip(mut set: FieldSet) -> FieldSet {
    for path in NOT_OWNED {
        set.cut(path);
    }
    if let Some(metadata) = set.children.get_mut("f:metadata") {
        metadata.owned = false;
        if metadata.is_empty() {
            set.children.remove("f:metadata");
        }
    }
    set.owned = false;
    set
}

fn difference(place: Place<'_>, old: Option<&Value>, new: &Value) -> Difference {
    let found = match old {
        Some(old) => compare(place, Some(old), Some(new)),
        None => Difference { changed: collect(place, new, true), removed: FieldSet::default() },
    };
    Difference { changed: strip(found.changed), removed: strip(found.removed) }
}

/// Records an update (create, replace, patch) in `managedFields` of the new state.
pub(in crate::api) fn record_update(place: Place<'_>, old: Option<&Value>, new: &mut Value, writer: &Writer) {
    let base = old.unwrap_or(&Value::Null);
    // A client that sends an empty list clears all owners; one that sends entries sets them; one that sends none keeps
    // them (k8s.io/apimachinery `managedfields/internal/fieldmanager.go`).
    let mut entries = match new.get("metadata").and_then(|metadata| metadata.get("managedFields")) {
        Some(Value::Array(list)) if list.is_empty() => Vec::new(),
        Some(Value::Array(_)) => read_entries(new),
        _ => read_entries(base),
    };
    let found = difference(place, old, new);
    if found.changed.is_empty() && found.removed.is_empty() {
        write_entries(new, entries);
        return;
    }
    for entry in &mut entries {
        entry.fields.subtract(&found.removed);
        if !entry.is(writer, "Update") {
            entry.fields.subtract(&found.changed);
        }
    }
    match entries.iter_mut().find(|entry| entry.is(writer, "Update")) {
        Some(entry) => {
            entry.fields.union(&found.changed);
            entry.time = writer.now.to_rfc3339_seconds();
        }
        None => entries.push(Entry::of(writer, "Update", found.changed)),
    }
    write_entries(new, entries);
}

/// Merges an applied configuration into the live object. The result still has to be given defaults; `complete` does
/// that, so that what defaults bring back does not count as a conflict.
pub(in crate::api) fn apply(
    place: Place<'_>,
    live: Option<&Value>,
    applied: &Value,
    writer: &Writer,
    force: bool,
    complete: impl Fn(&mut Value),
) -> Result<Value, ApiError> {
    let wanted = strip(collect(place, applied, false));
    let Some(live) = live else {
        let mut object = applied.clone();
        complete(&mut object);
        write_entries(&mut object, vec![Entry::of(writer, "Apply", wanted)]);
        return Ok(object);
    };
    let mut entries = read_entries(live);
    let mut merged = merge(place, live, applied);
    let mut others = FieldSet::default();
    for entry in entries.iter().filter(|entry| !entry.is(writer, "Apply")) {
        others.union(&entry.fields);
    }
    if let Some(last) = entries.iter().find(|entry| entry.is(writer, "Apply")) {
        prune(place, &mut merged, &last.fields, Some(&wanted), Some(&others));
    }
    complete(&mut merged);
    let found = difference(place, Some(live), &merged);
    let mut conflicts = Vec::new();
    for entry in entries.iter_mut().filter(|entry| !entry.is(writer, "Apply")) {
        // Only what this configuration names can conflict; what defaults or pruning changed cannot.
        let contested = entry.fields.intersection(&found.changed);
        if !contested.is_empty() && !force {
            conflicts.push((entry.title(), contested.paths()));
        }
        entry.fields.subtract(&contested);
        entry.fields.subtract(&found.removed);
    }
    if !conflicts.is_empty() {
        return Err(conflict_error(conflicts));
    }
    match entries.iter_mut().find(|entry| entry.is(writer, "Apply")) {
        Some(entry) => {
            let same = entry.fields == wanted && entry.api_version == writer.api_version;
            if !same || !found.changed.is_empty() || !found.removed.is_empty() {
                entry.time = writer.now.to_rfc3339_seconds();
            }
            entry.fields = wanted;
            entry.api_version.clone_from(&writer.api_version);
        }
        None => entries.push(Entry::of(writer, "Apply", wanted)),
    }
    write_entries(&mut merged, entries);
    Ok(merged)
}

/// The words of k8s.io/apimachinery `managedfields/internal/conflict.go`.
fn conflict_error(mut conflicts: Vec<(String, Vec<String>)>) -> ApiError {
    conflicts.sort();
    let count: usize = conflicts.iter().map(|(_, paths)| paths.len()).sum();
    let mut causes = Vec::with_capacity(count);
    let mut lines = Vec::new();
    for (title, paths) in &conflicts {
        lines.push(format!("conflicts with {title}:"));
        for path in paths {
            lines.push(format!("- {path}"));
            causes.push(Cause {
                reason: "FieldManagerConflict".to_owned(),
                message: format!("conflict with {title}"),
                field: path.clone(),
            });
        }
    }
    let message = match conflicts.as_slice() {
        [(title, paths)] if count == 1 => {
            format!("Apply failed with 1 conflict: conflict with {title}: {}", paths.join(""))
        }
        _ => format!("Apply failed with {count} conflicts: {}", lines.join("\n")),
    };
    let mut error = ApiError::new(409, "Conflict", message);
    error.details.causes = causes;
    error
}
