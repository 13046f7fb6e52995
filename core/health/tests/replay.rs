//! Recorded rollouts of a real node, played through `assess` as a rollout would: what is said of the workload, and when.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

use std::collections::BTreeMap;
use std::path::Path;

use backstay_health::{Assessment, CauseCode, Circumstances, FailFast, Policy, Related, Status, assess};
use backstay_object::{
    ResourceKey, Timestamp, controller_owner, generation, kind, list_at, name, text_at, uid,
};
use serde_json::Value;

/// One line of a recording.
struct Step {
    /// Seconds from its start.
    t: f64,
    object: Value,
}

/// A recording with the cluster's time of its start.
struct Recording {
    steps: Vec<Step>,
    start_ms: f64,
}

impl Recording {
    fn read(file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(file);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let steps: Vec<Step> = text
            .lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                Step { t: line["t"].as_f64().unwrap(), object: line["object"].take() }
            })
            .collect();
        // Nothing is seen before it was made: the latest time of making that fits all is that of the start.
        let made = |object: &Value| {
            let created = text_at(object, &["metadata", "creationTimestamp"])?;
            Some(Timestamp::parse(text_at(object, &["eventTime"]).unwrap_or(created)).unwrap().0 as f64)
        };
        let start_ms = steps
            .iter()
            .filter_map(|step| Some(made(&step.object)? - step.t * 1000.0))
            .fold(f64::MIN, f64::max);
        Self { steps, start_ms }
    }

    fn time(&self, t: f64) -> Timestamp {
        Timestamp((self.start_ms + t * 1000.0).round() as u64)
    }

    /// When an object's generation was first seen.
    fn change(&self, wanted: &ResourceKey, of: i64) -> f64 {
        let found = self.steps.iter().find(|step| {
            ResourceKey::of(&step.object).as_ref() == Some(wanted) && generation(&step.object) == Some(of)
        });
        found.unwrap_or_else(|| panic!("{wanted} never had generation {of}")).t
    }
}

/// What was last seen, as the rollout's view keeps it.
#[derive(Default)]
struct View {
    objects: BTreeMap<ResourceKey, Value>,
}

impl View {
    fn assess(&self, key: &ResourceKey, circumstances: &Circumstances<'_>) -> Option<Assessment> {
        let object = self.objects.get(key)?;
        let mut owned: Vec<&Value> = Vec::new();
        let mut uids = vec![uid(object)];
        loop {
            let belongs = |other: &&Value| {
                let owner = controller_owner(other).and_then(|owner| text_at(owner, &["uid"]));
                !uids.contains(&uid(other)) && owner.is_some_and(|owner| uids.contains(&owner))
            };
            let more: Vec<&Value> = self.objects.values().filter(belongs).collect();
            if more.is_empty() {
                break;
            }
            uids.extend(more.iter().map(|object| uid(object)));
            owned.extend(more);
        }
        let claims: Vec<&str> = owned
            .iter()
            .flat_map(|pod| list_at(pod, &["spec", "volumes"]))
            .filter_map(|volume| text_at(volume, &["persistentVolumeClaim", "claimName"]))
            .collect();
        for claim in self
            .objects
            .values()
            .filter(|claim| kind(claim) == "PersistentVolumeClaim" && claims.contains(&name(claim)))
        {
            uids.push(uid(claim));
            owned.push(claim);
        }
        let about = |event: &&Value| {
            text_at(event, &["involvedObject", "uid"]).is_some_and(|about| uids.contains(&about))
        };
        let events = self.objects.values().filter(about).collect();
        Some(assess(object, &Related { owned, events }, circumstances))
    }
}

/// What a replay came to.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// Ready after so many seconds.
    Ready(f64),
    /// Condemned after so many seconds.
    Condemned(CauseCode, f64),
    /// Neither; the first finding at the end.
    Waiting(Option<CauseCode>),
}

/// Plays a recording from the moment in which `key` got the generation `of`. Between two lines the verdict falls when the
/// earlier of them said that it would.
fn play(
    file: &str,
    key: &ResourceKey,
    of: i64,
    policy: &Policy,
    provided: &[ResourceKey],
) -> (Outcome, Option<Assessment>) {
    let recording = Recording::read(file);
    let begin = recording.change(key, of);
    let since = recording.time(begin);
    let mut view = View::default();
    let mut last: Option<Assessment> = None;
    for step in &recording.steps {
        let now = recording.time(step.t);
        if step.t > begin
            && let Some(at) =
                last.as_ref().and_then(|last| last.findings.first()?.condemned_at).filter(|at| *at < now)
        {
            return condemned(last, seconds(at, since));
        }
        if let Some(key) = ResourceKey::of(&step.object) {
            view.objects.insert(key, step.object.clone());
        }
        if step.t < begin {
            continue;
        }
        let Some(assessment) = view.assess(key, &Circumstances { now, since, policy, provided }) else {
            continue;
        };
        if assessment.readiness.status == Status::Current {
            return (Outcome::Ready(step.t - begin), Some(assessment));
        }
        let is_condemned =
            assessment.findings.first().and_then(|finding| finding.condemned_at).is_some_and(|at| at <= now);
        last = Some(assessment);
        if is_condemned {
            return condemned(last, step.t - begin);
        }
    }
    if let Some(at) = last.as_ref().and_then(|last| last.findings.first()?.condemned_at) {
        return condemned(last, seconds(at, since));
    }
    let suspicion = last.as_ref().and_then(|last| last.findings.first()).map(|finding| finding.cause.code);
    (Outcome::Waiting(suspicion), last)
}

fn seconds(at: Timestamp, since: Timestamp) -> f64 {
    at.since(since).as_secs_f64()
}

fn condemned(last: Option<Assessment>, after: f64) -> (Outcome, Option<Assessment>) {
    let code = last.as_ref().unwrap().findings[0].cause.code;
    (Outcome::Condemned(code, after), last)
}

fn deployment() -> ResourceKey {
    ResourceKey::new("apps/v1", "Deployment", "shop", "web")
}

/// Seconds of the cluster's events are whole and arrive late: times are compared to a second and a half.
fn check(file: &str, key: &ResourceKey, policy: &Policy, expected: &Outcome) {
    // The recordings of an upgrade change the Deployment or StatefulSet once; what is new has its first generation.
    let of = if file.starts_with("f2i") || key.kind == "Job" { 1 } else { 2 };
    let (outcome, last) = play(file, key, of, policy, &[]);
    let is_near = |left: f64, right: f64| (left - right).abs() <= 1.5;
    let is_right = match (&outcome, expected) {
        (Outcome::Ready(at), Outcome::Ready(wanted)) => is_near(*at, *wanted),
        (Outcome::Condemned(code, at), Outcome::Condemned(wanted, when)) => {
            code == wanted && is_near(*at, *when)
        }
        _ => outcome == *expected,
    };
    assert!(is_right, "{file}: {outcome:?} instead of {expected:?}; {last:#?}");
}

#[test]
fn recorded_rollouts_are_judged_right_and_in_time() {
    use CauseCode::{
        ConfigMissing, CrashLoop, ImageNotFound, ImagePullFailed, JobFailed, MountFailed, ProbeFailing,
    };
    use Outcome::{Condemned, Ready, Waiting};
    let policy = Policy::at(FailFast::Default);
    for (file, expected) in [
        ("f1-image-not-found.ndjson", Condemned(ImageNotFound, 1.8)),
        ("f1b-registry-down.ndjson", Condemned(ImagePullFailed, 60.6)),
        ("f2-crash.ndjson", Condemned(CrashLoop, 39.8)),
        ("f2i-install.ndjson", Condemned(CrashLoop, 42.6)),
        ("f3-config-key.ndjson", Condemned(ConfigMissing, 30.0)),
        ("f4-unschedulable.ndjson", Condemned(CauseCode::Unschedulable, 180.0)),
        ("f5-quota.ndjson", Condemned(CauseCode::QuotaExceeded, 5.0)),
        ("f6-never-ready.ndjson", Waiting(Some(ProbeFailing))),
        ("f8-pvc.ndjson", Condemned(CauseCode::VolumeNotBound, 5.0)),
        ("f9-mount.ndjson", Condemned(MountFailed, 40.0)),
        ("g13-image-pushed-late.ndjson", Condemned(ImageNotFound, 3.6)),
        ("h1-slow-start.ndjson", Ready(75.4)),
        ("h2-crash-until-dependency.ndjson", Ready(40.2)),
        ("h5-secret-volume-late.ndjson", Ready(35.2)),
        ("h8-node-labelled-late.ndjson", Ready(29.8)),
        ("h9-scaled-by-other.ndjson", Ready(42.6)),
        ("h11-pod-deleted.ndjson", Ready(34.1)),
    ] {
        check(file, &deployment(), &policy, &expected);
    }
    let set = ResourceKey::new("apps/v1", "StatefulSet", "shop", "web-db");
    check("f12-sts.ndjson", &set, &policy, &Condemned(CrashLoop, 47.2));
    for (file, name, at) in
        [("f7-hook-job.ndjson", "web-hook", 6.1), ("f7b-plain-job.ndjson", "web-job-2", 4.7)]
    {
        check(file, &ResourceKey::new("batch/v1", "Job", "shop", name), &policy, &Condemned(JobFailed, at));
    }
}
