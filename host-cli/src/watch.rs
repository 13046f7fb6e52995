//! Watches: what the cluster says, as inputs for the machine.
//!
//! A watch is opened before the first write, so that nothing between the two is missed. A blip never ends one: it is
//! opened again, and where the server has forgotten the place (410) everything is listed again.

use std::collections::BTreeSet;
use std::time::Duration;

use backstay_core::object::ResourceKey;
use backstay_core::plan::WatchScope;
use futures::StreamExt as _;
use kube::api::{Api, DynamicObject, ListParams, WatchEvent, WatchParams};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cluster::Cluster;

/// An object as it is, or that it is gone.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) object: Value,
    pub(crate) deleted: bool,
}

/// The open watches of a rollout. Dropping them closes them.
pub(crate) struct Watches {
    _tasks: JoinSet<()>,
}

/// Delay before a broken watch is opened again: short at first, for a blip; longer for an outage.
const REOPEN_FIRST: Duration = Duration::from_millis(250);
const REOPEN_MOST: Duration = Duration::from_secs(5);
/// How long the server keeps a watch open before it ends it in good order. Short, because of [`WATCH_MORE`].
const WATCH_SECONDS: u32 = 25;
/// A watch that is still open this long after its end is half open: nothing will come through it any more.
const WATCH_MORE: Duration = Duration::from_secs(5);
/// The sandbox has no network, and time passes there only when everybody waits.
const WATCH_SECONDS_SANDBOX: u32 = 290;

impl Watches {
    /// Opens a watch per scope and waits until each has listed what is there. What is seen goes to `seen`.
    ///
    /// Fails when a kind cannot be listed for a reason that trying again does not cure; events are optional.
    pub(crate) async fn open(
        cluster: &Cluster,
        scopes: &[WatchScope],
        seen: &mpsc::UnboundedSender<Seen>,
    ) -> anyhow::Result<Self> {
        let mut tasks = JoinSet::new();
        let mut first_lists = Vec::new();
        for scope in scopes {
            let key = ResourceKey::new(&scope.api_version, &scope.kind, &scope.namespace, "");
            let api = match cluster.discovery.api(&key).await {
                Ok(api) => api,
                // A kind whose definition comes with this very rollout: applying it will say more.
                Err(error) if error.is::<crate::cluster::UnknownKind>() => continue,
                Err(error) => return Err(error),
            };
            first_lists.push((scope.clone(), api));
        }
        let lists = first_lists.into_iter().map(|(scope, api)| async move {
            let listed = api.list(&ListParams::default()).await;
            (scope, api, listed)
        });
        for (scope, api, listed) in futures::future::join_all(lists).await {
            let mut watch =
                Watch { cluster: cluster.clone(), scope, api, seen: seen.clone(), known: BTreeSet::new() };
            let version = match listed {
                Ok(list) => watch.take_list(list),
                Err(error) if watch.scope.kind == "Event" && !crate::exit::is_unreachable(&error) => continue,
                Err(error) => {
                    return Err(anyhow::Error::from(error).context(format!(
                        "cannot list {} in {:?}",
                        watch.scope.kind, watch.scope.namespace
                    )));
                }
            };
            tasks.spawn_local(async move { watch.run(version).await });
        }
        Ok(Self { _tasks: tasks })
    }
}

/// Lists every scope once, past every cache.
pub(crate) async fn look(
    cluster: &Cluster,
    scopes: &[WatchScope],
    seen: &mpsc::UnboundedSender<Seen>,
) -> anyhow::Result<()> {
    for scope in scopes {
        let key = ResourceKey::new(&scope.api_version, &scope.kind, &scope.namespace, "");
        let api = match cluster.discovery.api(&key).await {
            Ok(api) => api,
            Err(error) if error.is::<crate::cluster::UnknownKind>() => continue,
            Err(error) => return Err(error),
        };
        match api.list(&ListParams::default()).await {
            Ok(list) => {
                for object in list.items {
                    // The receiver lives as long as the rollout; without it nobody needs the look.
                    let _closed = seen.send(Seen { object: to_value(object, scope), deleted: false });
                }
            }
            Err(_) if scope.kind == "Event" => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

struct Watch {
    cluster: Cluster,
    scope: WatchScope,
    api: Api<DynamicObject>,
    seen: mpsc::UnboundedSender<Seen>,
    known: BTreeSet<ResourceKey>,
}

impl Watch {
    async fn run(&mut self, mut version: String) {
        let mut delay = REOPEN_FIRST;
        let is_sandbox = self.cluster.sandbox.is_some();
        let seconds = if is_sandbox { WATCH_SECONDS_SANDBOX } else { WATCH_SECONDS };
        loop {
            let opened = self.api.watch(&WatchParams::default().timeout(seconds), &version).await;
            let limit = Duration::from_secs(seconds.into()) + WATCH_MORE;
            let end = (!is_sandbox).then(|| tokio::time::Instant::now() + limit);
            let forgotten = match opened {
                Ok(stream) => {
                    let mut stream = Box::pin(stream);
                    let mut forgotten = false;
                    while let Some(event) = next_until(&mut stream, end).await {
                        match event {
                            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                                version = object.metadata.resource_version.clone().unwrap_or(version);
                                self.take(object, false);
                            }
                            Ok(WatchEvent::Deleted(object)) => {
                                version = object.metadata.resource_version.clone().unwrap_or(version);
                                self.take(object, true);
                            }
                            Ok(WatchEvent::Bookmark(bookmark)) => {
                                version = bookmark.metadata.resource_version
                            }
                            Ok(WatchEvent::Error(status)) => {
                                forgotten = status.code == 410;
                                break;
                            }
                            Err(_) => break,
                        }
                        delay = REOPEN_FIRST;
                    }
                    forgotten
                }
                Err(kube::Error::Api(status)) => status.code == 410,
                Err(_) => false,
            };
            if self.seen.is_closed() {
                return;
            }
            self.cluster.clock.sleep(delay).await;
            delay = (delay * 2).min(REOPEN_MOST);
            if forgotten && let Ok(list) = self.api.list(&ListParams::default()).await {
                version = self.take_list(list);
            }
        }
    }

    /// Takes in a full list: what was known and is not in it is gone.
    fn take_list(&mut self, list: kube::api::ObjectList<DynamicObject>) -> String {
        let before = std::mem::take(&mut self.known);
        let version = list.metadata.resource_version.clone().unwrap_or_default();
        for object in list.items {
            self.take(object, false);
        }
        for key in before.difference(&self.known) {
            let object = serde_json::json!({
                "apiVersion": key.api_version(), "kind": key.kind, "metadata": {"name": key.name, "namespace": key.namespace},
            });
            let _closed = self.seen.send(Seen { object, deleted: true });
        }
        version
    }

    fn take(&mut self, object: DynamicObject, deleted: bool) {
        let object = to_value(object, &self.scope);
        if let Some(key) = ResourceKey::of(&object) {
            if deleted {
                self.known.remove(&key);
            } else {
                self.known.insert(key);
            }
        }
        let _closed = self.seen.send(Seen { object, deleted });
    }
}

/// The next item; none when the stream or its time is over.
async fn next_until<S: futures::Stream + Unpin>(
    stream: &mut S,
    end: Option<tokio::time::Instant>,
) -> Option<S::Item> {
    match end {
        Some(end) => tokio::time::timeout_at(end, stream.next()).await.ok().flatten(),
        None => stream.next().await,
    }
}

/// The object as JSON, with its kind: items of lists come without.
fn to_value(object: DynamicObject, scope: &WatchScope) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    backstay_core::object::set_at(&mut value, &["apiVersion"], scope.api_version.clone().into());
    backstay_core::object::set_at(&mut value, &["kind"], scope.kind.clone().into());
    backstay_core::object::remove_at(&mut value, &["metadata", "managedFields"]);
    value
}
