//! What a deploy will do before it is done: objects and hooks of a manifest, their lines, times and findings.
//!
//! Hosts and the call table share these functions, so that a page and a binary say the same, byte for byte.

mod findings;
mod lines;
mod preview;
mod rehearsal;
mod roles;
mod sarif;
mod timeout;

use std::collections::BTreeMap;

use backstay_chart::parse_manifest;
use backstay_object::{ResourceKey, kind_info};
use backstay_plan::{Operation, Plan, PlanInput, PlannedObject, PreviousRevision};

pub use findings::{findings, findings_text, findings_with, placed, remarks_as_findings};
pub use lines::Lines;
pub use preview::{is_fatal, preview_json, preview_text};
pub(crate) use rehearsal::policy;
pub use rehearsal::{Moment, Rehearse, Run, rehearsals, rehearsals_text};
pub use roles::{needs, roles_text};
pub use sarif::sarif;
pub use timeout::{duration, rule, timed, timeout_text};

/// Why a manifest cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlannerError {
    /// The manifest is no YAML.
    #[error("{0}")]
    Manifest(String),
    /// A document no server would take.
    #[error("{place}: a document has no apiVersion, kind or metadata.name; the server would refuse it")]
    Nameless {
        /// The template, or `the manifest`.
        place: String,
    },
    /// It cannot be rehearsed.
    #[error("{0}")]
    Rehearsal(String),
    /// The objects contradict each other.
    #[error(transparent)]
    Plan(#[from] backstay_plan::PlanError),
}

/// A manifest taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// What becomes part of the release.
    pub objects: Vec<PlannedObject>,
    /// What runs beside it.
    pub hooks: Vec<PlannedObject>,
}

/// Objects and hooks of a manifest as `backstay template` prints it; tests (`helm.sh/hook: test`) are hooks, too.
///
/// # Errors
/// When the text is no YAML, or a document has no kind or name.
pub fn parts(manifest: &str, namespace: &str) -> Result<Parts, PlannerError> {
    let mut parts = Parts::default();
    for object in documents(manifest, namespace)? {
        let is_hook = backstay_object::annotation(&object.object, "helm.sh/hook").is_some();
        if is_hook { parts.hooks.push(object) } else { parts.objects.push(object) }
    }
    Ok(parts)
}

/// All objects of a manifest, placed in a namespace.
///
/// # Errors
/// As [`parts`].
pub fn documents(manifest: &str, namespace: &str) -> Result<Vec<PlannedObject>, PlannerError> {
    let objects = parse_manifest(manifest).map_err(|error| PlannerError::Manifest(error.to_string()))?;
    objects
        .into_iter()
        .map(|document| {
            let mut object = PlannedObject::new(document.object, &document.source).ok_or_else(|| {
                let place = if document.source.is_empty() { "the manifest" } else { &document.source };
                PlannerError::Nameless { place: place.to_owned() }
            })?;
            place(&mut object.key, namespace);
            Ok(object)
        })
        .collect()
}

/// Without a server to ask, a kind that is not built in is taken to live in a namespace, as most do.
fn place(key: &mut ResourceKey, namespace: &str) {
    if kind_info(&key.group, &key.kind).is_some_and(|info| !info.namespaced) {
        key.namespace.clear();
    } else if key.namespace.is_empty() {
        namespace.clone_into(&mut key.namespace);
    }
}

/// What the new manifest meets.
#[derive(Clone, Debug, PartialEq)]
pub enum Before {
    /// Nothing: a first install.
    Nothing,
    /// A revision of the same shape whose pods all differ: what an upgrade can be at most, where nobody knows better.
    AllDiffers,
    /// This manifest.
    Manifest(String),
}

/// The revision before; `None` when there is none.
fn before_of(namespace: &str, manifest: &str, before: &Before) -> Result<Option<Parts>, PlannerError> {
    Ok(match before {
        Before::Nothing => None,
        Before::Manifest(text) => Some(parts(text, namespace)?),
        Before::AllDiffers => {
            let mut before = parts(manifest, namespace)?;
            for object in &mut before.objects {
                mark(&mut object.object);
            }
            Some(before)
        }
    })
}

/// Makes an object, and its pods where they may change, differ from the new one.
fn mark(object: &mut serde_json::Value) {
    let path = ["metadata", "annotations", "backstay.dev/assumed"];
    backstay_object::set_at(object, &path, "before".into());
    let rolls = matches!(backstay_object::kind(object), "Deployment" | "StatefulSet" | "DaemonSet");
    if rolls && let Some(template) = backstay_object::at_mut(object, &["spec", "template"]) {
        backstay_object::set_at(template, &path, "before".into());
    }
}

/// The plan of a first install of these objects.
fn plan_first(release: &str, namespace: &str, before: Option<Parts>) -> Result<Plan, PlannerError> {
    let before = before.unwrap_or_default();
    Ok(backstay_plan::build(PlanInput {
        release: release.to_owned(),
        namespace: namespace.to_owned(),
        operation: Operation::Install,
        to: 1,
        objects: before.objects,
        hooks: before.hooks,
        current: None,
        healthy: None,
        live: BTreeMap::new(),
    })?)
}

/// The plan of a manifest without a cluster.
///
/// # Errors
/// When a manifest cannot be read or planned.
pub fn plan_of(
    release: &str,
    namespace: &str,
    manifest: &str,
    before: &Before,
) -> Result<Plan, PlannerError> {
    plan_with(release, namespace, "", manifest, before)
}

/// The same, with the files of `crds/`: a first install creates them first, and never takes them back. A later one finds
/// them there.
///
/// # Errors
/// As [`plan_of`].
pub fn plan_with(
    release: &str,
    namespace: &str,
    definitions: &str,
    manifest: &str,
    before: &Before,
) -> Result<Plan, PlannerError> {
    let mut new = parts(manifest, namespace)?;
    if *before == Before::Nothing && !definitions.trim().is_empty() {
        let mut objects = documents(definitions, namespace)?;
        for definition in &mut objects {
            definition.owned = false;
        }
        objects.append(&mut new.objects);
        new.objects = objects;
    }
    let before = before_of(namespace, manifest, before)?;
    let previous =
        before.map(|parts| PreviousRevision { revision: 1, objects: parts.objects, hooks: parts.hooks });
    Ok(backstay_plan::build(PlanInput {
        release: release.to_owned(),
        namespace: namespace.to_owned(),
        operation: if previous.is_some() { Operation::Upgrade } else { Operation::Install },
        to: if previous.is_some() { 2 } else { 1 },
        objects: new.objects,
        hooks: new.hooks,
        current: previous.clone(),
        healthy: previous,
        live: BTreeMap::new(),
    })?)
}
