//! Rules that no recording shows: one object and what belongs to it, made up, against the first finding.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

use backstay_health::{
    Assessment, CauseCode, Circumstances, Class, FailFast, Policy, Related, Siblings, assess,
};
use backstay_object::{ResourceKey, Timestamp};
use serde_json::{Value, json};

/// The rollout began at 12:00:00; now it is 12:10:00.
fn judge(object: &Value, owned: &[Value], events: &[Value], policy: &Policy) -> Assessment {
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let (since, now) = (time("2026-01-01T12:00:00.400Z"), time("2026-01-01T12:10:00Z"));
    let related = Related { owned: owned.iter().collect(), events: events.iter().collect() };
    assess(object, &related, &Circumstances::new(now, since, policy))
}

/// Code, class and seconds from the beginning to the verdict of the first finding.
type Found = Option<(CauseCode, Class, Option<u64>)>;

fn check(what: &str, object: &Value, owned: &[Value], events: &[Value], policy: &Policy, expected: Found) {
    let assessment = judge(object, owned, events, policy);
    let found = assessment.findings.first().map(|finding| {
        let begin = Timestamp::parse("2026-01-01T12:00:00Z").unwrap();
        (finding.cause.code, finding.cause.class, finding.condemned_at.map(|at| at.since(begin).as_secs()))
    });
    assert_eq!(found, expected, "{what}: {assessment:#?}");
}

const fn grace(ms: u64) -> Class {
    Class::AfterGrace { grace_ms: ms }
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}})
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "n", "uid": "d", "generation": 2},
        "spec": {"replicas": 2, "template": template("new"), "strategy": {"rollingUpdate": {"maxUnavailable": 0}}},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 2},
    })
}

fn replica_set(uid: &str, image: &str) -> Value {
    let mut template = template(image);
    template["metadata"]["labels"]["pod-template-hash"] = json!(uid);
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": uid, "namespace": "n", "uid": uid, "ownerReferences": [{"uid": "d", "controller": true}]},
        "spec": {"replicas": 1, "template": template}, "status": {"replicas": 1},
    })
}

fn pod(uid: &str, owner: &str, containers: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": uid, "namespace": "n", "uid": uid, "creationTimestamp": "2026-01-01T12:00:00Z",
            "ownerReferences": [{"uid": owner, "controller": true}],
        },
        "spec": {"containers": [{"name": "c", "image": "new"}]},
        "status": {"phase": "Pending", "containerStatuses": containers},
    })
}

fn waiting(reason: &str, message: &str) -> Value {
    json!([{"name": "c", "image": "new", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}}}])
}

/// Ended for the `restarts + 1`st time at 12:01:00 and held back.
fn crashed(restarts: u32, code: i32, reason: &str, message: &str) -> Value {
    json!([{
        "name": "c", "image": "new", "ready": false, "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": code, "reason": reason, "message": message, "finishedAt": "2026-01-01T12:01:00Z"}},
    }])
}

fn event(about: &str, reason: &str, message: &str, first: &str, last: &str) -> Value {
    let time = |clock: &str| format!("2026-01-01T{clock}Z");
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{about}-{reason}-{last}"), "namespace": "n"},
        "involvedObject": {"uid": about}, "reason": reason, "message": message,
        "firstTimestamp": time(first), "lastTimestamp": time(last),
    })
}

#[test]
fn only_pods_of_the_new_revision_condemn_it() {
    let policy = Policy::default();
    let bad = || waiting("ErrImagePull", "x: not found");
    let sets = || vec![replica_set("new", "new"), replica_set("old", "old")];
    let at_new = [sets(), vec![pod("p", "new", bad())]].concat();
    // Nobody says when: it is now.
    check("new", &deployment(), &at_new, &[], &policy, Some((CauseCode::ImageNotFound, grace(0), Some(600))));
    let at_old = [sets(), vec![pod("p", "old", bad())]].concat();
    check("old", &deployment(), &at_old, &[], &policy, None);
    let mut going = pod("p", "new", bad());
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T12:01:00Z");
    check("going", &deployment(), &[sets(), vec![going]].concat(), &[], &policy, None);
    let off = Policy::at(FailFast::Off);
    check("off", &deployment(), &at_new, &[], &off, Some((CauseCode::ImageNotFound, grace(0), None)));
}

#[test]
fn crashes_are_counted() {
    let (default, strict) = (Policy::default(), Policy::at(FailFast::Strict));
    let of = |statuses: Vec<Value>| {
        let pods =
            statuses.into_iter().enumerate().map(|(index, status)| pod(&format!("p{index}"), "new", status));
        [vec![replica_set("new", "new")], pods.collect()].concat()
    };
    let up = || json!([{"name": "c", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T12:00:05Z"}}}]);
    let certain = Some((CauseCode::CrashLoop, Class::FatalNow, Some(60)));
    let perhaps = Some((CauseCode::CrashLoop, Class::Recoverable, None));
    let error = |restarts| crashed(restarts, 1, "Error", "");
    for (what, statuses, policy, expected) in [
        ("two restarts", vec![error(2)], &default, perhaps),
        ("three restarts", vec![error(3)], &default, certain),
        ("strict, one restart", vec![error(1)], &strict, certain),
        ("one of three", vec![error(3), up(), up()], &default, perhaps),
        ("two of three", vec![error(3), error(4), up()], &default, certain),
        ("not executable, one of three", vec![crashed(0, 126, "Error", ""), up(), up()], &default, certain),
        ("command not found", vec![crashed(0, 127, "Error", "")], &default, certain),
        ("other machine", vec![crashed(0, 255, "Error", "exec /app: exec format error")], &default, certain),
        (
            "memory",
            vec![crashed(3, 137, "OOMKilled", "")],
            &default,
            Some((CauseCode::OutOfMemory, Class::FatalNow, Some(60))),
        ),
        (
            "no such program",
            vec![crashed(0, 128, "StartError", "exec: \"/x\": no such file or directory")],
            &default,
            Some((CauseCode::ContainerCreateFailed, Class::FatalNow, Some(60))),
        ),
        (
            "busy runtime",
            vec![crashed(0, 128, "StartError", "context deadline exceeded")],
            &default,
            Some((CauseCode::ContainerCreateFailed, grace(40_000), Some(100))),
        ),
    ] {
        check(what, &deployment(), &of(statuses), &[], policy, expected);
    }
}

#[test]
fn crashes_before_the_rollout_do_not_count() {
    let mut old = pod("p", "new", crashed(40, 1, "Error", ""));
    old["metadata"]["creationTimestamp"] = json!("2026-01-01T09:00:00Z");
    let owned = |pod: &Value| [replica_set("new", "new"), pod.clone()];
    let perhaps = Some((CauseCode::CrashLoop, Class::Recoverable, None));
    check("one of them since", &deployment(), &owned(&old), &[], &Policy::default(), perhaps);
    old["status"]["containerStatuses"][0]["lastState"]["terminated"]["finishedAt"] =
        json!("2026-01-01T11:59:00Z");
    check("none since", &deployment(), &owned(&old), &[], &Policy::default(), perhaps);
    let status = &mut old["status"]["containerStatuses"][0];
    status["lastState"]["terminated"]["exitCode"] = json!(127);
    check("none since, hopeless", &deployment(), &owned(&old), &[], &Policy::default(), perhaps);
    old["status"]["containerStatuses"][0]["state"] =
        json!({"running": {"startedAt": "2026-01-01T11:59:30Z"}});
    check("it runs", &deployment(), &owned(&old), &[], &Policy::default(), None);
}

/// A pod of a former attempt with the same template. The rollout applied its objects at 12:01:00.
#[test]
fn what_was_there_is_judged_by_what_it_does_from_then_on() {
    let policy = Policy::default();
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let provided = [ResourceKey::new("v1", "ConfigMap", "n", "conf")];
    let circumstances = Circumstances {
        applied_at: time("2026-01-01T12:01:00.500Z"),
        provided: &provided,
        ..Circumstances::new(time("2026-01-01T12:01:30Z"), time("2026-01-01T12:00:00.400Z"), &policy)
    };
    let absent =
        || waiting("ImagePullBackOff", "Back-off pulling image \"new\": ErrImagePull: new: not found");
    let tried = || waiting("ErrImagePull", "new: not found");
    let no_key = || waiting("CreateContainerConfigError", "couldn't find key a in ConfigMap n/conf");
    let pull = |last: &str| event("p", "Failed", "Failed to pull image \"new\": not found", "11:30:00", last);
    let key =
        |last: &str| event("p", "Failed", "Error: couldn't find key a in ConfigMap n/conf", "11:30:00", last);
    let mount = |last: &str| event("p", "FailedMount", "configmap \"x\" not found", "11:30:00", last);
    let evicted = json!([]);
    // Seconds from 12:01:00.5, when the objects were applied.
    for (what, statuses, written, events, expected) in [
        ("an image, not tried since", absent(), "11:50:00", vec![], Some((CauseCode::ImageNotFound, 330))),
        (
            "an image, tried before",
            absent(),
            "12:01:10",
            vec![pull("12:00:59")],
            Some((CauseCode::ImageNotFound, 330)),
        ),
        (
            "an image, tried again",
            absent(),
            "11:50:00",
            vec![pull("12:01:20")],
            Some((CauseCode::ImageNotFound, 0)),
        ),
        (
            "an image, and its status says so",
            tried(),
            "12:01:10",
            vec![],
            Some((CauseCode::ImageNotFound, 9)),
        ),
        (
            "a key, not tried since",
            no_key(),
            "11:50:00",
            vec![key("12:00:55")],
            Some((CauseCode::ConfigMissing, 40)),
        ),
        (
            "a key, tried again",
            no_key(),
            "11:50:00",
            vec![key("12:01:05")],
            Some((CauseCode::ConfigMissing, 0)),
        ),
        (
            "a name is wrong whenever it is read",
            waiting("InvalidImageName", "couldn't parse image name"),
            "11:50:00",
            vec![],
            Some((CauseCode::ImageNameInvalid, 0)),
        ),
        ("a mount before", waiting("ContainerCreating", ""), "11:50:00", vec![mount("12:00:50")], None),
        (
            "a mount",
            waiting("ContainerCreating", ""),
            "11:50:00",
            vec![mount("12:01:05")],
            Some((CauseCode::MountFailed, 40)),
        ),
        ("evictions", evicted, "11:50:00", vec![], None),
    ] {
        let mut old = pod("p", "new", statuses);
        old["metadata"]["creationTimestamp"] = json!("2026-01-01T11:20:00Z");
        old["metadata"]["managedFields"] =
            json!([{"subresource": "status", "time": format!("2026-01-01T{written}Z")}]);
        if what == "evictions" {
            old["status"]["phase"] = json!("Failed");
            old["status"]["reason"] = json!("Evicted");
        }
        // As many as condemn where they count.
        let more = (0..if what == "evictions" { 5 } else { 0 }).map(|_| old.clone());
        let owned: Vec<Value> = [replica_set("new", "new"), old.clone()].into_iter().chain(more).collect();
        let related = Related { owned: owned.iter().collect(), events: events.iter().collect() };
        let assessment = assess(&deployment(), &related, &circumstances);
        let found = assessment.findings.first().map(|finding| {
            let at = finding.condemned_at.map(|at| at.since(circumstances.applied_at).as_secs());
            (finding.cause.code, at.unwrap_or(u64::MAX))
        });
        assert_eq!(found, expected, "{what}: {assessment:#?}");
    }
}

#[test]
fn images_of_older_kubelets_are_explained_by_events() {
    let owned = [
        replica_set("new", "new"),
        pod("p", "new", waiting("ImagePullBackOff", "Back-off pulling image \"new\"")),
    ];
    let pull = |words: &str, last: &str| {
        event("p", "Failed", &format!("Failed to pull image \"new\": {words}"), "12:00:10", last)
    };
    let policy = Policy::default();
    let absent = Some((CauseCode::ImageNotFound, grace(0), Some(10)));
    check("absent", &deployment(), &owned, &[pull("manifest unknown", "12:00:20")], &policy, absent);
    let away = Some((CauseCode::ImagePullFailed, grace(60_000), Some(70)));
    check("away", &deployment(), &owned, &[pull("503 Service Unavailable", "12:00:20")], &policy, away);
    let last_word = [pull("503 Service Unavailable", "12:00:20"), pull("manifest unknown", "12:00:40")];
    check("the last word", &deployment(), &owned, &last_word, &policy, absent);
    let earlier = event("p", "Failed", "Failed to pull image \"new\": not found", "11:00:00", "11:30:00");
    let unknown = Some((CauseCode::ImagePullFailed, grace(60_000), Some(660)));
    check("before the rollout", &deployment(), &owned, &[earlier], &policy, unknown);
}

#[test]
fn an_autoscaler_gets_its_time() {
    let mut pod = pod("p", "new", json!([]));
    pod["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient cpu.", "lastTransitionTime": "2026-01-01T12:00:01Z"}]);
    let owned = [replica_set("new", "new"), pod];
    let policy = Policy::default();
    let alone = Some((CauseCode::Unschedulable, grace(180_000), Some(181)));
    check("alone", &deployment(), &owned, &[], &policy, alone);
    let coming = event("p", "TriggeredScaleUp", "pod triggered scale-up", "12:00:12", "12:00:12");
    check(
        "coming",
        &deployment(),
        &owned,
        &[coming],
        &policy,
        Some((CauseCode::Unschedulable, grace(600_000), Some(601))),
    );
    let refused = event("p", "NotTriggerScaleUp", "pod didn't trigger scale-up", "12:00:12", "12:00:12");
    check("not coming", &deployment(), &owned, &[refused], &policy, alone);
}

fn stateful_set() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "n", "uid": "s", "generation": 1}, "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "updateRevision": "r1", "currentRevision": "r1"},
    })
}

#[test]
fn pods_that_may_not_be_created() {
    let policy = Policy::default();
    let refused = |words: &str| {
        event("s", "FailedCreate", &format!("create Pod db-1 failed error: {words}"), "12:00:03", "12:00:30")
    };
    let quota =
        "pods \"db-1\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2";
    for (what, words, expected) in [
        ("quota", quota, (CauseCode::QuotaExceeded, grace(5_000), Some(8))),
        (
            "sizes",
            "pods \"db-1\" is forbidden: failed quota: q: must specify requests.cpu",
            (CauseCode::QuotaExceeded, Class::FatalNow, Some(3)),
        ),
        (
            "policy",
            "admission webhook \"v\" denied the request: no",
            (CauseCode::AdmissionDenied, Class::FatalNow, Some(3)),
        ),
        (
            "account",
            "pods \"db-1\" is forbidden: error looking up service account n/x: serviceaccount \"x\" not found",
            (CauseCode::AdmissionDenied, grace(30_000), Some(33)),
        ),
        (
            "webhook",
            "Internal error occurred: failed calling webhook \"w\": connection refused",
            (CauseCode::WebhookUnreachable, grace(90_000), Some(93)),
        ),
        ("server", "etcdserver: request timed out", (CauseCode::ApiUnreachable, Class::Recoverable, None)),
    ] {
        check(what, &stateful_set(), &[], &[refused(words)], &policy, Some(expected));
    }
    let success = event("s", "SuccessfulCreate", "create Pod db-1 successful", "12:00:40", "12:00:40");
    check("got over it", &stateful_set(), &[], &[refused(quota), success], &policy, None);
}

#[test]
fn a_quota_that_old_pods_will_free_gets_time() {
    let mut set = replica_set("new", "new");
    set["status"]["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"x\" is forbidden: exceeded quota: q", "lastTransitionTime": "2026-01-01T12:00:02Z"}]);
    let up = || json!([{"name": "c", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T11:00:05Z"}}}]);
    let owned = [set, replica_set("old", "old"), pod("o", "old", up())];
    let policy = Policy::default();
    check(
        "surge only",
        &deployment(),
        &owned,
        &[],
        &policy,
        Some((CauseCode::QuotaExceeded, grace(5_000), Some(7))),
    );
    let mut shrinking = deployment();
    shrinking["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = json!("50%");
    check(
        "may shrink",
        &shrinking,
        &owned,
        &[],
        &policy,
        Some((CauseCode::QuotaExceeded, grace(180_000), Some(182))),
    );
}

/// The quota is used by others, too, whose old pods go when they are done.
#[test]
fn a_quota_that_was_making_room_keeps_its_time() {
    let mut set = replica_set("new", "new");
    set["status"]["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4",
        "lastTransitionTime": "2026-01-01T12:00:02Z"}]);
    let (object, owned, policy) = (deployment(), [set, replica_set("old", "old")], Policy::default());
    let time = |text: &str| Timestamp::parse(text).unwrap();
    let (since, now) = (time("2026-01-01T12:00:00Z"), time("2026-01-01T12:00:30Z"));
    let related = Related { owned: owned.iter().collect(), events: Vec::new() };
    let alone = Circumstances::new(now, since, &policy);
    let rolling = Siblings { free_room: true, ..Siblings::default() };
    let beside = assess(&object, &related, &Circumstances { siblings: rolling, ..alone });
    let before = beside.findings.as_slice();
    for (what, circumstances, seconds) in [
        ("alone", alone, 7),
        ("beside one that rolls", Circumstances { siblings: rolling, ..alone }, 182),
        ("after that", Circumstances { before, ..alone }, 182),
    ] {
        let findings = assess(&object, &related, &circumstances).findings;
        let condemned_at = findings[0].condemned_at.map(|at| at.since(since).as_secs());
        assert_eq!(
            (findings[0].cause.code, condemned_at),
            (CauseCode::QuotaExceeded, Some(seconds)),
            "{what}"
        );
    }
}

#[test]
fn claims() {
    let policy = Policy::default();
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "n", "uid": "v", "creationTimestamp": "2026-01-01T12:00:01Z"},
        "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}});
    let silent = Some((CauseCode::VolumeNotBound, grace(180_000), Some(181)));
    check("silent", &claim, &[], &[], &policy, silent);
    let said = |reason: &str, words: &str, last: &str| event("v", reason, words, "12:00:02", last);
    let refused = said("ProvisioningFailed", "storageclass.storage.k8s.io \"fast\" not found", "12:00:40");
    let absent = Some((CauseCode::VolumeNotBound, grace(5_000), Some(7)));
    check("no class", &claim, &[], &[refused], &policy, absent);
    let slow = said("ProvisioningFailed", "rpc error: code = DeadlineExceeded desc = slow disk", "12:00:40");
    check(
        "slow",
        &claim,
        &[],
        &[slow],
        &policy,
        Some((CauseCode::VolumeNotBound, grace(180_000), Some(182))),
    );
    let waits = said("WaitForFirstConsumer", "waiting for first consumer", "12:00:50");
    check("waits for a pod", &claim, &[], &[waits], &policy, None);
}

#[test]
fn what_objects_say_of_themselves_counts_with_fail_fast_off() {
    let off = Policy::at(FailFast::Off);
    let mut late = deployment();
    late["status"]["conditions"] = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"new\" has timed out progressing.", "lastUpdateTime": "2026-01-01T12:09:00Z"}]);
    let owned = [replica_set("new", "new"), pod("p", "new", waiting("ErrImagePull", "x: not found"))];
    check("progress", &late, &owned, &[], &off, Some((CauseCode::NoProgress, Class::FatalNow, Some(540))));
    let message = &judge(&late, &owned, &[], &off).findings[0].cause.message;
    assert!(message.contains("timed out progressing") && message.contains("image-not-found"), "{message}");
    late["status"]["conditions"][0]["lastUpdateTime"] = json!("2026-01-01T11:00:00Z");
    check("long ago", &late, &[], &[], &off, Some((CauseCode::NoProgress, Class::Recoverable, None)));
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "n", "uid": "j", "generation": 1},
        "spec": {}, "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded",
        "message": "Job was active longer than specified deadline", "lastTransitionTime": "2026-01-01T12:02:00Z"}]}});
    check("job", &job, &[], &[], &off, Some((CauseCode::JobFailed, Class::FatalNow, Some(120))));
}

#[test]
fn jobs_count_their_own_tries() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "n", "uid": "j", "generation": 1},
        "spec": {}, "status": {"startTime": "2026-01-01T12:00:00Z"}});
    let mut crashing = pod("p", "j", crashed(9, 127, "Error", ""));
    crashing["spec"]["restartPolicy"] = json!("OnFailure");
    let perhaps = Some((CauseCode::CrashLoop, Class::Recoverable, None));
    check("tries", &job, &[crashing], &[], &Policy::default(), perhaps);
    let mut unready = pod("p", "j", waiting("ErrImagePull", "x: not found"));
    unready["spec"]["restartPolicy"] = json!("Never");
    let certain = Some((CauseCode::ImageNotFound, grace(0), Some(600)));
    check("an image that is not there", &job, &[unready], &[], &Policy::default(), certain);
}

#[test]
fn evictions_condemn_when_they_repeat() {
    let evicted = |index: usize| {
        let mut pod = pod(&format!("p{index}"), "new", json!([]));
        pod["status"] = json!({"phase": "Failed", "reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds 5Mi."});
        pod
    };
    let of = |count: usize| [vec![replica_set("new", "new")], (0..count).map(evicted).collect()].concat();
    let policy = Policy::default();
    check("three", &deployment(), &of(3), &[], &policy, Some((CauseCode::Evicted, Class::Recoverable, None)));
    check(
        "four",
        &deployment(),
        &of(4),
        &[],
        &policy,
        Some((CauseCode::Evicted, Class::FatalNow, Some(600))),
    );
}

#[test]
fn what_is_ready_has_no_findings_and_each_trouble_is_told_once() {
    let owned: Vec<Value> = std::iter::once(replica_set("new", "new"))
        .chain((0..20).map(|index| pod(&format!("p{index}"), "new", waiting("ErrImagePull", "x: not found"))))
        .collect();
    assert_eq!(judge(&deployment(), &owned, &[], &Policy::default()).findings.len(), 1);
    let mut ready = deployment();
    ready["status"] = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
        "conditions": [{"type": "Available", "status": "True"}]});
    let crash = [replica_set("new", "new"), pod("p", "new", crashed(9, 1, "Error", ""))];
    assert_eq!(judge(&ready, &crash, &[], &Policy::default()).findings, []);
}

/// Volumes of one node only and drivers that are not there: both may pass, and each has its own advice.
#[test]
fn a_volume_elsewhere_and_a_missing_driver_have_their_time_and_their_advice() {
    let policy = Policy::default();
    let starting = || waiting("ContainerCreating", "");
    let new = || vec![replica_set("new", "new"), pod("p", "new", starting())];
    let multi = "Multi-Attach error for volume \"pvc-1\" Volume is already";
    let driver = "kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name ebs.csi.aws.com not found in the list of registered CSI drivers";
    let device = "kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name x.csi not found in the list of registered CSI drivers";
    for (reason, message, grace_ms, hint) in [
        ("FailedAttachVolume", format!("{multi} used by pod(s) web-old-1"), 180_000, "Recreate"),
        (
            "FailedAttachVolume",
            format!("{multi} used by pod(s) a, b and 1 pod(s) in different namespaces"),
            180_000,
            "Recreate",
        ),
        (
            "FailedAttachVolume",
            format!("{multi} exclusively attached to one node and can't be attached to another"),
            180_000,
            "Recreate",
        ),
        (
            "FailedMount",
            format!("MountVolume.SetUp failed for volume \"d\" : {driver}"),
            180_000,
            "CSI driver",
        ),
        (
            "FailedMount",
            format!("MountVolume.MountDevice failed for volume \"d\" : {device}"),
            180_000,
            "CSI driver",
        ),
        (
            "FailedAttachVolume",
            "AttachVolume.Attach failed for volume \"d\" : CSINode n1 does not contain driver x.csi"
                .to_owned(),
            180_000,
            "CSI driver",
        ),
        (
            "FailedMount",
            "MountVolume.SetUp failed for volume \"d\" : secret \"x\" not found".to_owned(),
            40_000,
            "what the volume refers to",
        ),
    ] {
        let told = [event("p", reason, &message, "12:00:10", "12:09:50")];
        let at = Some(10 + grace_ms / 1000);
        check(
            &message,
            &deployment(),
            &new(),
            &told,
            &policy,
            Some((CauseCode::MountFailed, grace(grace_ms), at)),
        );
        let found = judge(&deployment(), &new(), &told, &policy);
        assert!(found.findings[0].cause.hint.contains(hint), "{message}: {}", found.findings[0].cause.hint);
        // The old pod has left, or the driver has come: nothing is wrong any more.
        let running = json!([{"name": "c", "image": "new", "ready": false, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T12:09:55Z"}}}]);
        let healed = vec![replica_set("new", "new"), pod("p", "new", running)];
        check(&message, &deployment(), &healed, &told, &policy, None);
    }
}

/// The table for people names every code with its meaning and its hint, and each has a page.
#[test]
fn the_documented_causes_are_the_causes() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let read = |name: &str| std::fs::read_to_string(docs.join(name)).unwrap_or_default();
    let (index, contents) = (read("causes.md"), read("SUMMARY.md"));
    for code in CauseCode::ALL {
        let row = format!("| [`{code}`](causes/{code}.md) | {} | {} |", code.meaning(), code.hint());
        assert!(index.contains(&row), "docs/causes.md lacks\n{row}");
        assert!(
            contents.contains(&format!("  - [{code}](causes/{code}.md)\n")),
            "docs/SUMMARY.md lacks {code}"
        );
        let page = read(&format!("causes/{code}.md"));
        let title = format!("# {code}\n");
        let parts = [
            "\n## What was seen\n",
            "\n## What it means\n",
            "\n**Certain:** ",
            "\n## What usually fixes it\n",
        ];
        for part in [title.as_str(), code.meaning(), code.hint()].into_iter().chain(parts) {
            assert!(page.contains(part), "docs/causes/{code}.md lacks {part:?}");
        }
    }
    let pages = std::fs::read_dir(docs.join("causes")).unwrap().count();
    assert_eq!(pages, CauseCode::ALL.len(), "docs/causes has pages without a code");
}
