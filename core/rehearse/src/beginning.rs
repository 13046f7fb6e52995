//! Where in a recording the new revision begins, and what belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use backstay_health::{Circumstances, Policy, Status};
use backstay_object::{
    ResourceKey, Timestamp, annotation, controller_owner, is_deleting, kind, list_at, remove_at, text_at, uid,
};
use backstay_plan::is_always_ready;
use backstay_rollout::{ClusterView, Measure};
use serde_json::Value;

use crate::recording::{Recording, is_workload};
use crate::replay::release_of;

/// Helm's mark of what belongs to a release.
pub(crate) const RELEASE: &str = "meta.helm.sh/release-name";
/// Times of creation are whole seconds, and the recording's start is known to about as much.
const LISTED_MS: u64 = 2_000;

/// The new revision.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    /// The sight with which it begins.
    pub(crate) index: usize,
    /// When it began.
    pub(crate) since: Timestamp,
    /// The release whose revision it is, where the first change tells.
    release: Option<String>,
    /// Whether what was there already is judged, too: nothing was made or changed.
    pub(crate) judges_all: bool,
}

impl Beginning {
    /// Whether an object may be of the release: objects that name no release may.
    pub(crate) fn belongs(&self, object: &Value) -> bool {
        match (&self.release, release_of(object)) {
            (Some(ours), Some(its)) => ours == its,
            _ => true,
        }
    }
}

/// The objects that somebody made, as opposed to those that controllers made for them.
#[derive(Default)]
pub(crate) struct Roots {
    uids: BTreeSet<String>,
    objects: BTreeMap<ResourceKey, Value>,
}

impl Roots {
    /// Remembers an object.
    pub(crate) fn observe(&mut self, object: &Value, deleted: bool) {
        self.uids.insert(uid(object).into());
        let Some(key) = self.root_key(object) else { return };
        if deleted {
            self.objects.remove(&key);
        } else {
            self.objects.insert(key, object.clone());
        }
    }

    /// The object as last seen.
    pub(crate) fn known(&self, key: &ResourceKey) -> Option<&Value> {
        self.objects.get(key)
    }

    /// The key of what a person or a tool made and what can be unready.
    pub(crate) fn root_key(&self, object: &Value) -> Option<ResourceKey> {
        let key = ResourceKey::of(object)?;
        let is_noise = matches!(
            key.kind.as_str(),
            "Event" | "Lease" | "Node" | "ControllerRevision" | "CustomResourceDefinition" | "APIService"
        );
        // Claims that a StatefulSet makes have no owner; they are its own affair.
        let is_made_for_set = key.kind == "PersistentVolumeClaim" && annotation(object, RELEASE).is_none();
        if is_noise || is_made_for_set || is_always_ready(&key.group, &key.kind) || self.is_owned(object) {
            return None;
        }
        Some(key)
    }

    fn is_owned(&self, object: &Value) -> bool {
        let Some(owner) = controller_owner(object) else {
            return false;
        };
        // An owner that nobody recorded speaks through what it owns, unless it is only gone.
        is_workload(kind(owner))
            || kind(owner) == "Node"
            || text_at(owner, &["uid"]).is_some_and(|uid| self.uids.contains(uid))
    }
}

/// Whether the spec is another one. Objects without a generation are compared.
pub(crate) fn changed_spec(before: &Value, now: &Value) -> bool {
    // A pod's spec changes when it is deleted; only its containers make it another one.
    if kind(now) == "Pod" {
        return false;
    }
    before.get("spec") != now.get("spec")
}

/// Whether nothing but the number of replicas differs: the change of an autoscaler, or of a person who scales.
fn only_scales(before: &Value, now: &Value) -> bool {
    let without = |object: &Value| {
        let mut object = object.clone();
        remove_at(&mut object, &["spec", "replicas"]);
        object.get("spec").cloned()
    };
    without(before) == without(now)
}

/// Whether an object was made while the recording ran.
pub(crate) fn is_made_within(recording: &Recording, object: &Value) -> bool {
    let made = made_at(object);
    made.is_none_or(|made| made.0 + LISTED_MS >= recording.time(0.0).0)
}

fn made_at(object: &Value) -> Option<Timestamp> {
    Timestamp::parse(text_at(object, &["metadata", "creationTimestamp"])?).ok()
}

pub(crate) fn is_hook(object: &Value) -> bool {
    annotation(object, "helm.sh/hook").is_some()
}

/// The ConfigMaps that a pod template refers to.
pub(crate) fn config_maps(template: &Value, namespace: &str) -> Vec<ResourceKey> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for containers in ["initContainers", "containers"] {
        for container in list_at(template, &["spec", containers]) {
            let variables = list_at(container, &["env"]).iter();
            names.extend(variables.filter_map(|one| text_at(one, &["valueFrom", "configMapKeyRef", "name"])));
            let sources = list_at(container, &["envFrom"]).iter();
            names.extend(sources.filter_map(|one| text_at(one, &["configMapRef", "name"])));
        }
    }
    let volumes = list_at(template, &["spec", "volumes"]).iter();
    names.extend(volumes.filter_map(|one| text_at(one, &["configMap", "name"])));
    names.into_iter().map(|name| ResourceKey::new("v1", "ConfigMap", namespace, name)).collect()
}

/// A change that may begin a revision.
struct Candidate {
    index: usize,
    /// Everything else of the release was healthy.
    all_were_healthy: bool,
    /// The object itself was.
    it_was_healthy: bool,
    only_scales: bool,
    is_creation: bool,
}

/// Finds the beginning; `None` where nothing was ever seen that could be unready.
pub(crate) fn find(recording: &Recording, policy: &Policy, since: Option<f64>) -> Option<Beginning> {
    let candidates = candidates(recording, policy, since.is_none());
    let chosen = match since {
        Some(since) => candidates
            .iter()
            .find(|one| recording.sights().get(one.index).is_some_and(|sight| sight.t > since)),
        None => choose(&candidates),
    };
    match (chosen, since) {
        (Some(candidate), _) => begin_at(recording, candidate.index),
        (None, None) => whole(recording),
        (None, Some(_)) => None,
    }
}

fn choose(candidates: &[Candidate]) -> Option<&Candidate> {
    let first = |wanted: &dyn Fn(&Candidate) -> bool| candidates.iter().find(|one| wanted(one));
    // Somebody who scales begins no revision, unless nothing else does.
    first(&|one| one.all_were_healthy && !one.only_scales)
        .or_else(|| first(&|one| one.all_were_healthy))
        .or_else(|| first(&|one| one.it_was_healthy && !one.only_scales))
        .or_else(|| first(&|one| one.is_creation))
}

fn begin_at(recording: &Recording, index: usize) -> Option<Beginning> {
    let sight = recording.sights().get(index)?;
    let seen = recording.time(sight.t);
    let is_new = is_made_within(recording, &sight.object) && changed_from_nothing(recording, index);
    let since = made_at(&sight.object).filter(|_| is_new).map_or(seen, |made| made.min(seen));
    let since = made_in_one_look(recording, sight.t).map_or(since, |made| made.min(since));
    let release = release_of(&sight.object).map(ToString::to_string);
    Some(Beginning { index, since, release, judges_all: false })
}

/// When the first object was made that shows for the first time in the look that was taken then; `None` of the first look, and
/// where no earlier look says since when it can have been there. Who looks now and then sees a change late.
fn made_in_one_look(recording: &Recording, t: f64) -> Option<Timestamp> {
    let sights = recording.sights();
    let (from, to) =
        (sights.partition_point(|sight| sight.t < t), sights.partition_point(|sight| sight.t <= t));
    let before = recording.time(sights.get(from.checked_sub(1)?)?.t);
    let known: BTreeSet<&str> = sights.iter().take(from).map(|sight| uid(&sight.object)).collect();
    let new = sights.get(from..to)?.iter().filter(|sight| !known.contains(uid(&sight.object)));
    new.filter_map(|sight| made_at(&sight.object)).filter(|made| *made > before).min()
}

fn changed_from_nothing(recording: &Recording, index: usize) -> bool {
    let Some(object) = recording.sights().get(index).map(|sight| &sight.object) else { return false };
    recording.sights().iter().take(index).all(|earlier| uid(&earlier.object) != uid(object))
}

/// A recording in which nothing begins, such as a single look: all of it is judged, from its oldest object on.
fn whole(recording: &Recording) -> Option<Beginning> {
    let mut roots = Roots::default();
    let mut oldest: Option<Timestamp> = None;
    for sight in recording.sights() {
        if roots.root_key(&sight.object).is_some() {
            let made = made_at(&sight.object).unwrap_or_else(|| recording.time(sight.t));
            oldest = Some(oldest.map_or(made, |oldest| oldest.min(made)));
        }
        roots.observe(&sight.object, sight.deleted);
    }
    Some(Beginning { index: 0, since: oldest?, release: None, judges_all: true })
}

/// Every creation and change of a root, with how things stood before it.
fn candidates(recording: &Recording, policy: &Policy, judges: bool) -> Vec<Candidate> {
    let mut view = ClusterView::default();
    let mut roots = Roots::default();
    let mut found = Vec::new();
    // Whoever changed it took it for healthy as soon as Kubernetes did.
    let policy = &Policy { settle_grace_ms: 0, ..policy.clone() };
    for (index, sight) in recording.sights().iter().enumerate() {
        let object = &sight.object;
        if let Some(key) = roots.root_key(object).filter(|_| !sight.deleted && !is_deleting(object)) {
            let before = roots.known(&key).filter(|known| uid(known) == uid(object));
            let is_creation = before.is_none() && is_made_within(recording, object);
            if is_creation || before.is_some_and(|before| changed_spec(before, object)) {
                let release = release_of(object);
                found.push(Candidate {
                    index,
                    all_were_healthy: judges && all_healthy(&view, &roots, release),
                    it_was_healthy: judges && before.is_some() && is_healthy(&view, &key),
                    only_scales: before.is_some_and(|before| only_scales(before, object)),
                    is_creation,
                });
            }
            view.track(&key, false);
        }
        roots.observe(object, sight.deleted);
        view.observe(object.clone(), sight.deleted);
        if judges {
            let now = recording.time(sight.t);
            let circumstances = Circumstances::new(now, recording.time(0.0), policy);
            view.reassess(&Measure { circumstances, patience_ms: None, baking_since: None });
        }
    }
    found
}

fn is_healthy(view: &ClusterView, key: &ResourceKey) -> bool {
    view.assessment(key).is_some_and(|assessment| assessment.readiness.is_current())
}

/// Whether everything that may be of the release was healthy, and there was something.
fn all_healthy(view: &ClusterView, roots: &Roots, release: Option<&str>) -> bool {
    let is_of = |object: &Value| match (release, release_of(object)) {
        (Some(ours), Some(its)) => ours == its,
        _ => true,
    };
    let mut ours =
        roots.objects.iter().filter(|(_, object)| is_of(object) && !is_deleting(object)).peekable();
    ours.peek().is_some()
        && ours.all(|(key, _)| {
            view.assessment(key).is_some_and(|assessment| {
                matches!(assessment.readiness.status, Status::Current | Status::NotFound)
            })
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scaling_is_told_from_changing() {
        let object = |replicas: u32, image: &str| json!({"kind": "Deployment", "spec": {"replicas": replicas, "template": {"image": image}}});
        for (before, now, changes, scales) in [
            (object(1, "a"), object(1, "a"), false, true),
            (object(1, "a"), object(2, "a"), true, true),
            (object(1, "a"), object(1, "b"), true, false),
        ] {
            assert_eq!(changed_spec(&before, &now), changes, "{now}");
            assert_eq!(only_scales(&before, &now), scales, "{now}");
        }
    }
}
