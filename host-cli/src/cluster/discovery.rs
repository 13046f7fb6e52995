//! Which kinds the server has and where they live. Asked per group and version, once, and only for what is needed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};

use backstay_core::object::{ResourceKey, kind_info};

/// The server has no such kind.
#[derive(Debug, thiserror::Error)]
#[error("the server has no kind {kind} in {api_version}; is its custom resource definition missing?")]
pub(crate) struct UnknownKind {
    pub(crate) api_version: String,
    pub(crate) kind: String,
}

/// What the server serves, as far as it was asked.
pub(crate) struct Discovery {
    client: Client,
    groups: RefCell<BTreeMap<String, BTreeMap<String, Kind>>>,
}

/// One kind.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
}

impl Discovery {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, groups: RefCell::default() }
    }

    /// How a kind is served. Built-in kinds are known without asking.
    pub(crate) async fn kind(&self, key: &ResourceKey) -> anyhow::Result<Kind> {
        let api_version = key.api_version();
        if let Some(info) = kind_info(&key.group, &key.kind) {
            let resource = ApiResource {
                group: key.group.clone(),
                version: key.version.clone(),
                api_version,
                kind: key.kind.clone(),
                plural: info.plural.to_owned(),
            };
            return Ok(Kind { resource, namespaced: info.namespaced });
        }
        let known = self.listed(key).await?;
        Ok(known.ok_or_else(|| UnknownKind { api_version, kind: key.kind.clone() })?)
    }

    /// Whether the server has a kind in this version of its group, built in or not.
    pub(crate) async fn serves(&self, key: &ResourceKey) -> anyhow::Result<bool> {
        Ok(self.listed(key).await?.is_some())
    }

    async fn listed(&self, key: &ResourceKey) -> anyhow::Result<Option<Kind>> {
        let api_version = key.api_version();
        if !self.groups.borrow().contains_key(&api_version) {
            let kinds = self.ask(key).await?;
            self.groups.borrow_mut().insert(api_version.clone(), kinds);
        }
        Ok(self.groups.borrow().get(&api_version).and_then(|kinds| kinds.get(&key.kind)).cloned())
    }

    /// The API of an object's kind in its namespace.
    pub(crate) async fn api(&self, key: &ResourceKey) -> anyhow::Result<Api<DynamicObject>> {
        let kind = self.kind(key).await?;
        Ok(if kind.namespaced {
            Api::namespaced_with(self.client.clone(), &key.namespace, &kind.resource)
        } else {
            Api::all_with(self.client.clone(), &kind.resource)
        })
    }

    /// Forgets what was learned: custom resource definitions have changed.
    pub(crate) fn forget(&self) {
        self.groups.borrow_mut().clear();
    }

    async fn ask(&self, key: &ResourceKey) -> anyhow::Result<BTreeMap<String, Kind>> {
        let listed: Result<APIResourceList, kube::Error> = if key.group.is_empty() {
            self.client.list_core_api_resources(&key.version).await
        } else {
            self.client.list_api_group_resources(&key.api_version()).await
        };
        let list = match listed {
            Ok(list) => list,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        let kinds =
            list.resources.into_iter().filter(|resource| !resource.name.contains('/')).map(|resource| {
                let kind = Kind {
                    namespaced: resource.namespaced,
                    resource: ApiResource {
                        group: key.group.clone(),
                        version: key.version.clone(),
                        api_version: key.api_version(),
                        kind: resource.kind.clone(),
                        plural: resource.name,
                    },
                };
                (resource.kind, kind)
            });
        Ok(kinds.collect())
    }
}
