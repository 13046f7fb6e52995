//! The words of other registries, runtimes, drivers and webhooks in small recordings by hand, one trouble each, as different
//! clients and kubelets tell them: what is said of each, and when.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong with it must stop it")]

use std::path::Path;

use backstay_health::{CauseCode, Policy};
use backstay_rehearse::{Recording, ReplayOutcome, replay};

use CauseCode::{
    AdmissionDenied, ConfigMissing, ContainerCreateFailed, CrashLoop, ImageNotFound, ImagePullDenied,
    ImagePullFailed, MountFailed, OutOfMemory, Unschedulable,
};

#[test]
fn other_words_are_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/words");
    let mut wrong = Vec::new();
    // The code, and the second of the verdict; none where the trouble may heal and only the deadline ends it.
    let cases = [
        ("ecr-absent", ImageNotFound, Some(8.0)),
        ("ecr-expired", ImagePullDenied, Some(8.0)),
        ("hub-limit", ImagePullFailed, Some(68.0)),
        ("quay-old-kubelet", ImagePullDenied, Some(9.0)),
        ("init-denied", ImagePullDenied, Some(8.0)),
        ("docker-cmd-missing", ContainerCreateFailed, Some(8.0)),
        ("crio-secret", ConfigMissing, Some(38.0)),
        // The kubelet tried 15 s after the first time and not again: the next try may find it.
        ("secret-tried-early", ConfigMissing, Some(53.0)),
        ("multi-attach", MountFailed, None),
        ("csi-missing", MountFailed, None),
        ("karpenter", Unschedulable, None),
        ("unsched", Unschedulable, Some(185.0)),
        ("kyverno", AdmissionDenied, Some(5.6)),
        ("podsecurity", AdmissionDenied, Some(5.6)),
        ("limitrange", AdmissionDenied, Some(5.6)),
        ("sa-missing", AdmissionDenied, Some(35.2)),
        ("oom", OutOfMemory, Some(44.0)),
        ("netz-deutsch", CrashLoop, Some(50.0)),
        ("network", ContainerCreateFailed, None),
    ];
    for (file, code, at) in cases {
        let path = folder.join(file).with_extension("ndjson");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let judgement = replay(&Recording::read(&text).unwrap(), &Policy::default(), None);
        let verdict = if at.is_some() { ReplayOutcome::Condemned } else { ReplayOutcome::Undecided };
        let is_near = match (judgement.decided_at, at) {
            (Some(decided), Some(at)) => f64::abs(decided - at) <= 1.5,
            (decided, at) => decided == at,
        };
        if judgement.verdict != verdict
            || judgement.code != Some(code)
            || !is_near
            || judgement.hint.is_none()
        {
            wrong.push(format!("{file}: {judgement:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), cases.len(), "a recording is left out");
}
