//! What templates may know of a cluster: its version, what it serves, and the objects they look up.

use backstay_core::chart::{Capabilities, KubeVersion};
use backstay_core::gotemplate::{Compatibility, LookupKey};
use backstay_core::object::{ResourceKey, list_at, split_api_version, text_at};
use kube::api::{Api, DynamicObject, ListParams};
use serde_json::{Value, json};

use super::{Cluster, UnknownKind};

/// Asks for group, version and kinds of everything at once.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

impl Cluster {
    /// `.Capabilities` of this cluster: version, `group/version` and `group/version/Kind` of everything it serves.
    pub(crate) async fn capabilities(&self, compatibility: Compatibility) -> anyhow::Result<Capabilities> {
        let version = self.client.apiserver_version().await?;
        let mut api_versions = Vec::new();
        for path in ["/api", "/apis"] {
            let request =
                http::Request::get(path).header(http::header::ACCEPT, AGGREGATED).body(Vec::new())?;
            let groups: Value = self.client.request(request).await?;
            for group in list_at(&groups, &["items"]) {
                let name = text_at(group, &["metadata", "name"]).unwrap_or_default();
                for version in list_at(group, &["versions"]) {
                    let number = text_at(version, &["version"]).unwrap_or_default();
                    let api_version =
                        if name.is_empty() { number.to_owned() } else { format!("{name}/{number}") };
                    let kinds = list_at(version, &["resources"])
                        .iter()
                        .filter_map(|resource| text_at(resource, &["responseKind", "kind"]));
                    api_versions.extend(kinds.map(|kind| format!("{api_version}/{kind}")));
                    api_versions.push(api_version);
                }
            }
        }
        Ok(Capabilities {
            kube_version: KubeVersion::parse(&version.git_version, compatibility)?,
            api_versions,
        })
    }

    /// The answer to a template's `lookup`: an object, a list, or nothing (an empty map), as Helm answers.
    pub(crate) async fn look_up(&self, key: &LookupKey) -> anyhow::Result<Value> {
        let (group, version) = split_api_version(&key.api_version);
        let of_kind = ResourceKey {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: key.kind.clone(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        };
        let kind = match self.discovery.kind(&of_kind).await {
            Ok(kind) => kind,
            Err(error) if error.is::<UnknownKind>() => return Ok(json!({})),
            Err(error) => return Err(error),
        };
        let api: Api<DynamicObject> = if kind.namespaced && !key.namespace.is_empty() {
            Api::namespaced_with(self.client.clone(), &key.namespace, &kind.resource)
        } else {
            Api::all_with(self.client.clone(), &kind.resource)
        };
        if !key.name.is_empty() {
            let found = api.get_opt(&key.name).await?;
            return Ok(found.map(serde_json::to_value).transpose()?.unwrap_or_else(|| json!({})));
        }
        let list = api.list(&ListParams::default()).await?;
        let items = list.items.into_iter().map(|mut item| {
            item.types.get_or_insert_with(|| kube::api::TypeMeta {
                api_version: key.api_version.clone(),
                kind: key.kind.clone(),
            });
            serde_json::to_value(item)
        });
        let items: Result<Vec<Value>, _> = items.collect();
        Ok(
            json!({"apiVersion": key.api_version, "kind": format!("{}List", key.kind), "metadata": {}, "items": items?}),
        )
    }
}
