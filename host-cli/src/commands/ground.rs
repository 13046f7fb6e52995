//! What every command looks at before it plans: the history, the live objects, who else is at work.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use backstay_core::object::{ResourceKey, format_duration};
use backstay_core::plan::{HookEvent, Plan, PlanInput, PreviousRevision, build};
use backstay_core::release::{History, PendingOwner, Status};
use futures::StreamExt as _;
use serde_json::Value;

use super::run::Request;
use crate::charts::revision_of;
use crate::cluster::Cluster;
use crate::execute::{Executor, Secrets};
use crate::exit::{Exit, Stop};
use crate::lease::SignOfLife;
use crate::records::{RecordOptions, Records};

/// How many objects are read at once before planning.
const READS_AT_ONCE: usize = 16;

/// What is known of a release before anything is planned.
pub(crate) struct Ground {
    pub(crate) records: Rc<Records>,
    pub(crate) history: History,
    pub(crate) current: Option<PreviousRevision>,
    pub(crate) healthy: Option<PreviousRevision>,
}

/// Reads the history and what it means.
pub(crate) async fn survey(
    cluster: &Cluster,
    release: &str,
    options: RecordOptions,
) -> anyhow::Result<Ground> {
    let records = Rc::new(Records::new(cluster, release, &cluster.namespace, options)?);
    let history = records.read().await?;
    let current = match history.current() {
        Some(record) => Some(revision_of(cluster, &record.release).await?),
        None => None,
    };
    // A release that was uninstalled has a history, but nothing to go back to.
    let healthy_revision =
        current.as_ref().and_then(|_| history.last_healthy()).map(|healthy| healthy.revision());
    let healthy = match healthy_revision.and_then(|revision| history.get(revision)) {
        Some(record) => Some(revision_of(cluster, &record.release).await?),
        None => None,
    };
    Ok(Ground { records, history, current, healthy })
}

/// Refuses, or takes over, what another run left.
///
/// A pending revision of ours whose journal has been quiet is a dead run: the new one goes over it. Helm's pending
/// revisions carry no sign of life, so only their age can speak.
pub(crate) async fn check_pending(
    ground: &Ground,
    release: &str,
    cluster: &Cluster,
) -> anyhow::Result<Option<String>> {
    let sign = ground.records.lease().look().await?;
    if let SignOfLife::Held(holder) = &sign {
        return Err(Stop::with(
            Exit::Held,
            format!(
                "{release} is being changed: {holder}; --wait-for-lock 2m waits for it, --take-over does not"
            ),
        ));
    }
    let Some(pending) = ground.history.pending(cluster.clock.now()) else { return Ok(None) };
    let age = pending.age.map_or_else(|| "an unknown time".to_owned(), format_duration);
    // A sandbox has one process at a time: whoever began there is gone. So is whoever gave its Lease back.
    let is_ours = matches!(pending.owner, PendingOwner::Backstay { .. });
    let quiet = cluster.sandbox.is_some()
        || (is_ours && sign == SignOfLife::None)
        || pending.age.is_none_or(|age| age > quiet_after(&pending.owner));
    let (who, advice) = match pending.owner {
        PendingOwner::Backstay { .. } => {
            ("backstay", "wait for it; a run that is dead is taken over after 30s")
        }
        PendingOwner::Helm => (
            "helm",
            "wait for it; if it is dead, a deploy with --take-over goes on from the last healthy revision (without it after 10m)",
        ),
    };
    if quiet {
        return Ok(Some(format!(
            "revision {} was left {} by {who} {age} ago; its run is gone",
            pending.revision, pending.status
        )));
    }
    Err(Stop::with(
        Exit::Held,
        format!(
            "{release} is being changed by {who} (revision {}, {}, last sign of life {age} ago); {advice}",
            pending.revision, pending.status
        ),
    ))
}

const fn quiet_after(owner: &PendingOwner<'_>) -> Duration {
    match owner {
        PendingOwner::Backstay { .. } => Duration::from_secs(30),
        PendingOwner::Helm => Duration::from_secs(600),
    }
}

pub(super) async fn plan_of(cluster: &Cluster, ground: &Ground, request: &Request) -> anyhow::Result<Plan> {
    let keys: Vec<ResourceKey> = request.objects.iter().map(|object| object.key.clone()).collect();
    let live = look_at(cluster, &keys).await?;
    let mut plan = build(PlanInput {
        release: request.release.clone(),
        namespace: cluster.namespace.clone(),
        operation: request.operation,
        to: request.record.release.version,
        objects: request.objects.clone(),
        hooks: request.hooks.clone(),
        current: ground.current.clone(),
        healthy: ground.healthy.clone(),
        live,
    })
    .map_err(|error| Stop::refused(error.to_string()))?;
    if !request.run_hooks {
        plan.hooks.retain(|hook| request.tests && hook.events.contains(&HookEvent::Test));
        plan.undo_hooks.clear();
    }
    if request.tests {
        tests_last(&mut plan);
    }
    Ok(plan)
}

/// The chart's tests run after everything else, as hooks whose failure is that of the rollout.
fn tests_last(plan: &mut Plan) {
    // Weights are small numbers that people write; the order among the tests stays.
    const LAST: i64 = 1 << 40;
    let (_, after) = plan.operation.hook_events();
    for test in plan.hooks.iter_mut().filter(|hook| hook.events.contains(&HookEvent::Test)) {
        test.events.push(after);
        test.weight = test.weight.saturating_add(LAST);
    }
}

pub(super) async fn executor_of(
    cluster: &Cluster,
    ground: &Ground,
    request: &Request,
    plan: &Plan,
) -> anyhow::Result<Executor> {
    Ok(Executor {
        cluster: cluster.clone(),
        records: Rc::clone(&ground.records),
        release: request.release.clone(),
        namespace: cluster.namespace.clone(),
        manner: request.manner,
        namespace_is_new: request.options.create_namespace && !namespace_exists(cluster).await?,
        secrets: Secrets::of(plan),
        evidence: Default::default(),
        notes: Default::default(),
    })
}

/// Reads the live objects; `None` for one that is not there. Kinds the server does not have yet have no objects.
pub(crate) async fn look_at(
    cluster: &Cluster,
    keys: &[ResourceKey],
) -> anyhow::Result<BTreeMap<ResourceKey, Option<Value>>> {
    let reads = futures::stream::iter(keys).map(|key| async move {
        let api = match cluster.discovery.api(key).await {
            Ok(api) => api,
            Err(error) if error.is::<crate::cluster::UnknownKind>() => return Ok((key.clone(), None)),
            Err(error) => return Err(error),
        };
        let live = api.get_opt(&key.name).await?.map(serde_json::to_value).transpose()?;
        Ok((key.clone(), live))
    });
    let results: Vec<anyhow::Result<_>> = reads.buffered(READS_AT_ONCE).collect().await;
    results.into_iter().collect()
}

async fn namespace_exists(cluster: &Cluster) -> anyhow::Result<bool> {
    let key = ResourceKey::new("v1", "Namespace", "", &cluster.namespace);
    Ok(look_at(cluster, &[key]).await?.into_values().any(|live| live.is_some()))
}

/// Whether the release exists for Helm: it has a revision that was not uninstalled.
pub(crate) fn exists(history: &History) -> bool {
    history.latest().is_some_and(|record| record.release.info.status != Status::Uninstalled)
}
