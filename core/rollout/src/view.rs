//! What was last seen of the cluster. Volatile: never journaled, read again after a restart.
//!
//! Indexed so that an observation costs a look at the object's owners and at what they own, never at everything.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use backstay_health::{
    Assessment, Circumstances, Readiness, Related, Restarts, Siblings, Status, assess, crashed_restarts,
};
use backstay_object::{
    ResourceKey, Timestamp, controller_owner, generation, int_at, kind, label, list_at, namespace, text_at,
    uid,
};
use serde_json::Value;

use crate::contract::Applied;
use crate::index::Index;
use crate::settle::Settling;
use crate::siblings::SiblingView;
use crate::{bake, progress, settle};

/// Rounds of judging after which what crashes beside others is settled: its own judgement changes nothing for the others.
const SIBLING_ROUNDS: usize = 3;

/// What was last seen of the cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterView {
    objects: Index<ResourceKey, Value>,
    key_of_uid: Index<String, ResourceKey>,
    owned_by_uid: Index<String, BTreeSet<ResourceKey>>,
    events_about_uid: Index<String, BTreeSet<ResourceKey>>,
    slices_of_service: Index<ResourceKey, BTreeSet<ResourceKey>>,
    pods_of_claim: BTreeMap<(String, String), BTreeSet<ResourceKey>>,
    tracked: Index<ResourceKey, Tracked>,
    stale: BTreeSet<ResourceKey>,
    /// What counts as ready once it has run on, see [`crate::settle`].
    settling: BTreeSet<ResourceKey>,
    siblings: SiblingView,
}

#[derive(Clone, Debug, Default)]
struct Tracked {
    expected: Option<Applied>,
    always_ready: bool,
    assessment: Option<Assessment>,
    /// Restarts that crashed while others came up.
    excused: Restarts,
    /// Whether others came up at the last judgement.
    beside_others: bool,
    /// When they no longer did.
    settled_at: Option<Timestamp>,
    /// What has to run on before the object counts as ready.
    settling: Option<Settling>,
}

/// By what objects are judged.
#[derive(Clone, Copy, Debug)]
pub struct Measure<'a> {
    /// The time and the rules.
    pub circumstances: Circumstances<'a>,
    /// How long an object may go without progress; computed from its manifest unless given, see [`crate::Policy`].
    pub patience_ms: Option<u64>,
    /// Since when everything has to stay as it is, while it does.
    pub baking_since: Option<Timestamp>,
}

impl ClusterView {
    /// Begins to judge an object. `always_ready`: it is ready once applied, nobody watches it.
    pub fn track(&mut self, key: &ResourceKey, always_ready: bool) {
        self.tracked.of(key).always_ready = always_ready;
        self.stale.insert(key.clone());
    }

    /// Remembers what an apply made of an object, so that older observations do not pass for it.
    pub(crate) fn expect(&mut self, applied: Applied) {
        if let Some(tracked) = self.tracked.get_mut(&applied.key) {
            self.stale.insert(applied.key.clone());
            tracked.expected = Some(applied);
        }
    }

    /// Takes in an observation.
    pub fn observe(&mut self, object: Value, deleted: bool) {
        let Some(key) = ResourceKey::of(&object) else { return };
        if deleted {
            // Who lists after a gap knows no more of what is gone than its name: what it was is remembered here.
            let known = self.forget(&key);
            self.mark_stale(&key, known.as_ref().unwrap_or(&object));
            return;
        }
        self.link(&key, &object);
        self.mark_stale(&key, &object);
        self.objects.insert(key, object);
    }

    /// The object as last seen.
    #[must_use]
    pub fn object(&self, key: &ResourceKey) -> Option<&Value> {
        self.objects.get(key)
    }

    /// What belongs to an object, as last seen: what it owns and the events about all of it.
    #[must_use]
    pub fn related_to(&self, key: &ResourceKey) -> Related<'_> {
        self.objects.get(key).map_or_else(Related::default, |object| self.related(key, object))
    }

    /// The last judgement of a tracked object.
    #[must_use]
    pub fn assessment(&self, key: &ResourceKey) -> Option<&Assessment> {
        self.tracked.get(key)?.assessment.as_ref()
    }

    /// Judges again what observations touched since the last call, without a rollout around it: to look, and to measure.
    pub fn look_again(
        &mut self,
        circumstances: &Circumstances<'_>,
        policy: &crate::Policy,
    ) -> Vec<ResourceKey> {
        self.reassess(&Measure {
            circumstances: *circumstances,
            patience_ms: policy.patience_ms,
            baking_since: None,
        })
    }

    /// Judges again what observations touched since the last call; returns the keys whose readiness or first finding
    /// changed.
    pub fn reassess(&mut self, measure: &Measure<'_>) -> Vec<ResourceKey> {
        let mut stale = core::mem::take(&mut self.stale);
        let now = measure.circumstances.now;
        let is_over = |tracked: &Tracked| tracked.settling.as_ref().is_some_and(|one| one.until <= now);
        stale.extend(self.settling.iter().filter(|key| self.tracked.get(key).is_some_and(is_over)).cloned());
        let mut changed = BTreeSet::new();
        // What others do matters to what crashes beside them: that is judged once more where it changed.
        for _ in 0..SIBLING_ROUNDS {
            for key in stale {
                if self.judge_tracked(&key, measure) {
                    changed.insert(key);
                }
            }
            let is_other = |key: &&ResourceKey| {
                self.tracked
                    .get(*key)
                    .is_some_and(|one| one.beside_others != self.siblings.come_up_beside(key))
            };
            stale = self.siblings.suffering().filter(is_other).cloned().collect();
            if stale.is_empty() {
                break;
            }
        }
        changed.into_iter().collect()
    }

    /// Judges a tracked object; whether the judgement is another one.
    fn judge_tracked(&mut self, key: &ResourceKey, measure: &Measure<'_>) -> bool {
        let Some(tracked) = self.tracked.get(key) else { return false };
        let beside_others = self.siblings.come_up_beside(key);
        let before = tracked.assessment.as_ref().map_or(&[][..], |known| known.findings.as_slice());
        let now = measure.circumstances.now;
        let settled_at =
            tracked.settled_at.or_else(|| (tracked.beside_others && !beside_others).then_some(now));
        let siblings = Siblings {
            are_coming_up: beside_others,
            free_room: self.siblings.rolling_beside(key),
            settled_at,
            excused: Some(&tracked.excused),
        };
        let circumstances = Circumstances { before, siblings, ..measure.circumstances };
        let (assessment, settling) = self.judge(key, tracked, &Measure { circumstances, ..*measure });
        let excused = self
            .objects
            .get(key)
            .filter(|_| beside_others)
            .map(|object| crashed_restarts(object, &self.related(key, object)));
        let has_pods = !tracked.always_ready && self.has_pods(key);
        let will_shrink = self.objects.get(key).is_some_and(will_shrink);
        self.siblings.place(key, &assessment, has_pods, now);
        self.siblings.roll(key, will_shrink && assessment.readiness.status == Status::InProgress);
        match settling {
            Some(_) => self.settling.insert(key.clone()),
            None => self.settling.remove(key),
        };
        let Some(tracked) = self.tracked.get_mut(key) else { return false };
        tracked.settling = settling;
        tracked.beside_others = beside_others;
        tracked.settled_at = settled_at.filter(|_| !beside_others);
        if let Some(excused) = excused {
            tracked.excused = excused;
        }
        let is_other = tracked.assessment.as_ref() != Some(&assessment);
        if is_other {
            tracked.assessment = Some(assessment);
        }
        is_other
    }

    /// Whether an object runs pods: those of Kubernetes do, others when pods of theirs have been seen.
    fn has_pods(&self, key: &ResourceKey) -> bool {
        let own =
            ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Pod"];
        own.contains(&key.kind.as_str())
            || self.related_to(key).owned.iter().any(|owned| kind(owned) == "Pod")
    }

    /// Has every tracked object judged again: the circumstances changed.
    pub fn invalidate(&mut self) {
        self.stale = self.tracked.keys().cloned().collect();
    }

    /// The same for the objects of which something is suspected.
    pub(crate) fn invalidate_suspects(&mut self) {
        let is_suspect = |key: &&ResourceKey| {
            self.assessment(key).is_some_and(|assessment| !assessment.findings.is_empty())
        };
        let suspects: Vec<ResourceKey> = self.tracked.keys().filter(is_suspect).cloned().collect();
        self.stale.extend(suspects);
    }

    /// Pods of a StatefulSet that are left from a revision which is no longer wanted and never became ready. The
    /// controller waits for them for ever (kubernetes issue 67250).
    pub(crate) fn blocking_pods(&self, key: &ResourceKey) -> Vec<ResourceKey> {
        let Some(set) = self.objects.get(key).filter(|object| kind(object) == "StatefulSet") else {
            return Vec::new();
        };
        let Some(wanted) = text_at(set, &["status", "updateRevision"]) else { return Vec::new() };
        let observed = int_at(set, &["status", "observedGeneration"]);
        if observed != generation(set) || !self.has_seen_expected(key) {
            return Vec::new();
        }
        self.owned_by_uid
            .get(uid(set))
            .into_iter()
            .flatten()
            .filter(|pod_key| pod_key.kind == "Pod")
            .filter(|pod_key| {
                self.objects.get(*pod_key).is_some_and(|pod| {
                    label(pod, "controller-revision-hash") != Some(wanted)
                        && !backstay_object::condition_is_true(pod, "Ready")
                        && !backstay_object::is_deleting(pod)
                })
            })
            .cloned()
            .collect()
    }

    fn has_seen_expected(&self, key: &ResourceKey) -> bool {
        let expected = self.tracked.get(key).and_then(|tracked| tracked.expected.as_ref());
        match (expected, self.objects.get(key)) {
            (None, seen) => seen.is_some(),
            (Some(_), None) => false,
            (Some(expected), Some(seen)) => {
                uid(seen) == expected.uid && generation(seen).unwrap_or(0) >= expected.generation
            }
        }
    }

    /// When the object counts as ready if it stays as it is, where that is a matter of time.
    #[must_use]
    pub fn settles_at(&self, key: &ResourceKey) -> Option<Timestamp> {
        Some(self.tracked.get(key)?.settling.as_ref()?.until)
    }

    /// When an object that has to run on has surely run for longer than it did before it crashed; at once where it did not.
    #[must_use]
    pub fn outlives_at(&self, key: &ResourceKey) -> Option<Timestamp> {
        Some(self.tracked.get(key)?.settling.as_ref()?.outlives)
    }

    fn judge(
        &self,
        key: &ResourceKey,
        tracked: &Tracked,
        measure: &Measure<'_>,
    ) -> (Assessment, Option<Settling>) {
        let plain = |status, message| {
            (Assessment { readiness: fixed(status, message, 0), findings: Vec::new() }, None)
        };
        if tracked.always_ready {
            return (
                Assessment { readiness: fixed(Status::Current, "applied", 1), findings: Vec::new() },
                None,
            );
        }
        match self.objects.get(key) {
            Some(object) if self.has_seen_expected(key) => {
                let related = self.related(key, object);
                let mut assessment = assess(object, &related, &measure.circumstances);
                progress::judge(key, object, &related, measure, &mut assessment);
                let unstable = measure
                    .baking_since
                    .and_then(|since| bake::instability(key, object, &related, &assessment.readiness, since));
                if let Some(finding) = unstable {
                    assessment.findings.insert(0, finding);
                }
                let before = tracked.settling.as_ref();
                let settling = settle::judge(object, &related, measure, before, &mut assessment);
                (assessment, settling)
            }
            Some(_) => plain(Status::InProgress, "applied, not seen yet"),
            None => plain(Status::NotFound, "not there yet"),
        }
    }

    /// Everything that belongs to an object: what it owns at any depth, the claims its pods use, the slices of a
    /// Service, and the events about all of it.
    fn related<'a>(&'a self, key: &ResourceKey, object: &'a Value) -> Related<'a> {
        let mut found: Vec<(&ResourceKey, &Value)> = Vec::new();
        let mut uids: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = Vec::new();
        open.push(uid(object));
        while let Some(owner) = open.pop() {
            if owner.is_empty() || !uids.insert(owner) {
                continue;
            }
            for owned in self.owned_by_uid.get(owner).into_iter().flatten() {
                if let Some(value) = self.objects.get(owned) {
                    found.push((owned, value));
                    open.push(uid(value));
                }
            }
        }
        let slices = self.slices_of_service.get(key).into_iter().flatten();
        found.extend(slices.filter_map(|key| Some((key, self.objects.get(key)?))));
        // A slice is owned by its Service and names it, too.
        found.sort_unstable_by_key(|(key, _)| *key);
        found.dedup_by_key(|(key, _)| *key);
        let mut owned: Vec<&Value> = found.iter().map(|(_, value)| *value).collect();
        let mut claims = claim_keys(object);
        claims.extend(owned.iter().flat_map(|owned| claim_keys(owned)));
        for claim in claims.iter().filter_map(|key| self.objects.get(key)) {
            uids.insert(uid(claim));
            owned.push(claim);
        }
        let events = uids
            .iter()
            .filter_map(|uid| self.events_about_uid.get(*uid))
            .flatten()
            .filter_map(|key| self.objects.get(key))
            .collect();
        Related { owned, events }
    }

    fn link(&mut self, key: &ResourceKey, object: &Value) {
        let uid = uid(object);
        if !uid.is_empty() {
            self.key_of_uid.insert(uid.to_string(), key.clone());
        }
        if let Some(owner) = controller_owner(object).and_then(|owner| text_at(owner, &["uid"])) {
            self.owned_by_uid.of(owner).insert(key.clone());
        }
        match key.kind.as_str() {
            "Event" => {
                if let Some(about) = text_at(object, &["involvedObject", "uid"]) {
                    self.events_about_uid.of(about).insert(key.clone());
                }
            }
            "EndpointSlice" => {
                if let Some(service) = service_of_slice(object) {
                    self.slices_of_service.of(&service).insert(key.clone());
                }
            }
            "Pod" => {
                for claim in claim_names(object) {
                    let place = (key.namespace.clone(), claim.to_string());
                    self.pods_of_claim.entry(place).or_default().insert(key.clone());
                }
            }
            _ => {}
        }
    }

    fn forget(&mut self, key: &ResourceKey) -> Option<Value> {
        let object = self.objects.remove(key)?;
        self.key_of_uid.remove(uid(&object));
        self.owned_by_uid.remove(uid(&object));
        if let Some(owner) = controller_owner(&object).and_then(|owner| text_at(owner, &["uid"])) {
            remove_from(&mut self.owned_by_uid, owner, key);
        }
        if let Some(about) = text_at(&object, &["involvedObject", "uid"]) {
            remove_from(&mut self.events_about_uid, about, key);
        }
        if let Some(slices) =
            service_of_slice(&object).and_then(|service| self.slices_of_service.get_mut(&service))
        {
            slices.remove(key);
        }
        Some(object)
    }

    /// Marks the tracked objects that an observation may change: the object itself, its owners, the Service of a slice,
    /// the workload behind an event or a claim.
    fn mark_stale(&mut self, key: &ResourceKey, object: &Value) {
        let mut open: Vec<(ResourceKey, Option<String>)> = Vec::new();
        let owner_uid = |object: &Value| {
            controller_owner(object).and_then(|owner| text_at(owner, &["uid"])).map(String::from)
        };
        open.push((key.clone(), owner_uid(object)));
        if key.kind == "Event" {
            let about = text_at(object, &["involvedObject", "uid"]).and_then(|uid| self.key_of_uid.get(uid));
            if let Some(about) = about.cloned() {
                let owner = self.objects.get(&about).and_then(owner_uid);
                open.push((about, owner));
            }
        }
        open.extend(service_of_slice(object).map(|service| (service, None)));
        let mut steps = 0;
        while let Some((key, owner)) = open.pop() {
            // Owner chains are short; a cycle in somebody's ownerReferences must not hang us.
            steps += 1;
            if steps > 64 {
                break;
            }
            if key.kind == "PersistentVolumeClaim" {
                let pods =
                    self.pods_of_claim.get(&(key.namespace.clone(), key.name.clone())).into_iter().flatten();
                for pod in pods.take(8) {
                    open.push((pod.clone(), self.objects.get(pod).and_then(owner_uid)));
                }
            }
            if let Some(owner) = owner.and_then(|uid| self.key_of_uid.get(uid.as_str())).cloned() {
                let next = self.objects.get(&owner).and_then(owner_uid);
                open.push((owner, next));
            }
            if self.tracked.contains_key(&key) {
                self.stale.insert(key);
            }
        }
    }
}

/// Whether a workload has more pods than it will have in the end.
fn will_shrink(object: &Value) -> bool {
    let count = |path: &[&str]| int_at(object, path).unwrap_or(0);
    match kind(object) {
        "Job" => count(&["status", "active"]) > 0,
        "Deployment" | "ReplicaSet" | "StatefulSet" => {
            count(&["status", "replicas"]) > int_at(object, &["spec", "replicas"]).unwrap_or(1)
        }
        _ => false,
    }
}

fn fixed(status: Status, message: &str, ready: u32) -> Readiness {
    Readiness { status, message: message.to_string(), ready, desired: 1 }
}

fn service_of_slice(object: &Value) -> Option<ResourceKey> {
    if kind(object) != "EndpointSlice" {
        return None;
    }
    label(object, "kubernetes.io/service-name")
        .map(|name| ResourceKey::new("v1", "Service", namespace(object), name))
}

/// The claims a pod uses; none for other kinds.
fn claim_keys(object: &Value) -> BTreeSet<ResourceKey> {
    let names = claim_names(object).filter(|_| kind(object) == "Pod");
    names.map(|name| ResourceKey::new("v1", "PersistentVolumeClaim", namespace(object), name)).collect()
}

fn claim_names(pod: &Value) -> impl Iterator<Item = &str> {
    list_at(pod, &["spec", "volumes"])
        .iter()
        .filter_map(|volume| text_at(volume, &["persistentVolumeClaim", "claimName"]))
}

fn remove_from(index: &mut Index<String, BTreeSet<ResourceKey>>, uid: &str, key: &ResourceKey) {
    if let Some(keys) = index.get_mut(uid) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(uid);
        }
    }
}
