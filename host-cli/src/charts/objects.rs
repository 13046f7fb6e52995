//! Manifests as objects with a place: a kind with a namespace gets the release's where it names none.

use std::collections::BTreeMap;

use backstay_core::chart::parse_manifest;
use backstay_core::object::{ResourceKey, kind_info, text_at};
use backstay_core::plan::{PlannedObject, PreviousRevision};
use backstay_core::release::Release;
use serde_json::Value;

use crate::cluster::{Cluster, UnknownKind};
use crate::exit::Stop;

/// The objects and hooks of a recorded revision.
pub(crate) async fn revision_of(cluster: &Cluster, release: &Release) -> anyhow::Result<PreviousRevision> {
    let mut objects = objects_of(&release.manifest, "the recorded manifest")?;
    let mut hooks = Vec::new();
    for hook in &release.hooks {
        hooks.extend(objects_of(&hook.manifest, &hook.path)?);
    }
    place(cluster, &release.namespace, &mut objects, &mut hooks).await?;
    Ok(PreviousRevision { revision: release.version, objects, hooks })
}

/// The objects of a manifest. Documents without a name or kind are refused: no server would take them.
pub(super) fn objects_of(manifest: &str, origin: &str) -> anyhow::Result<Vec<PlannedObject>> {
    let documents = parse_manifest(manifest).map_err(|error| Stop::refused(format!("{origin}: {error}")))?;
    documents
        .into_iter()
        .map(|document| {
            let source = if document.source.is_empty() { origin.to_owned() } else { document.source };
            PlannedObject::new(document.object, &source)
                .ok_or_else(|| Stop::refused(format!("{source}: a document has no apiVersion, kind or metadata.name; the server would refuse it")))
        })
        .collect()
}

/// Gives every object its namespace, or none for kinds without one.
pub(super) async fn place(
    cluster: &Cluster,
    namespace: &str,
    objects: &mut [PlannedObject],
    hooks: &mut [PlannedObject],
) -> anyhow::Result<()> {
    let defined = scopes_of_definitions(objects.iter());
    for object in objects.iter_mut().chain(hooks) {
        let namespaced = match kind_info(&object.key.group, &object.key.kind) {
            Some(info) => info.namespaced,
            None => match defined.get(&(object.key.group.clone(), object.key.kind.clone())) {
                Some(namespaced) => *namespaced,
                None => asked(cluster, &object.key).await?,
            },
        };
        if !namespaced {
            object.key.namespace.clear();
        } else if object.key.namespace.is_empty() {
            namespace.clone_into(&mut object.key.namespace);
        }
    }
    Ok(())
}

/// Whether the server keeps a kind in namespaces. One it does not know is taken to be: most are, and it will say so itself.
async fn asked(cluster: &Cluster, key: &ResourceKey) -> anyhow::Result<bool> {
    match cluster.discovery.kind(key).await {
        Ok(kind) => Ok(kind.namespaced),
        Err(error) if error.is::<UnknownKind>() => Ok(true),
        Err(error) => Err(error),
    }
}

/// The scopes of kinds that the chart itself defines.
fn scopes_of_definitions<'a>(
    objects: impl Iterator<Item = &'a PlannedObject>,
) -> BTreeMap<(String, String), bool> {
    let definitions = objects.filter(|object| object.key.kind == "CustomResourceDefinition");
    let scope = |object: &Value| {
        let text = |path: &[&str]| text_at(object, path).unwrap_or_default().to_owned();
        ((text(&["spec", "group"]), text(&["spec", "names", "kind"])), text(&["spec", "scope"]) != "Cluster")
    };
    definitions.map(|object| scope(&object.object)).collect()
}
