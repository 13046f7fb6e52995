//! Probes, crashes and the end of pods.

use serde_json::json;

use super::*;

#[test]
fn a_crash_loop_waits_longer_each_time() {
    let mut lab = Lab::new();
    lab.pod("web", json!({"command": ["sh", "-c", "exit 1"]}), json!({}));
    lab.until(180_000);
    let pod = lab.get("web").unwrap();
    let status = &pod["status"]["containerStatuses"][0];
    // First again at once, then after 10, 20, 40 and 80 s.
    assert_eq!(status["restartCount"], 5);
    assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
    let uid = backstay_object::uid(&pod);
    assert_eq!(
        status["state"]["waiting"]["message"],
        format!("back-off 2m40s restarting failed container=c pod=web_shop({uid})")
    );
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    assert_eq!(pod["status"]["phase"], "Running");
    assert!(
        lab.said("web", &format!("BackOff: Back-off restarting failed container c in pod web_shop({uid})"))
    );
    let deaths = lab.times("web", "Error");
    let gaps: Vec<u64> = deaths.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
    assert!(gaps.len() >= 4, "{gaps:?}");
    for (gap, expected) in gaps.iter().rev().zip([80, 40, 20, 10]) {
        assert!((expected..expected + 4).contains(gap), "{gaps:?}");
    }
}

#[test]
fn readiness_delays_ready() {
    let mut lab = Lab::new();
    lab.fault("slow-start(20000)@pod/web");
    lab.pod("web", web("readinessProbe", 5), json!({}));
    lab.until(60_000);
    once(&lab.times("web", "ready"), 20_000..30_000);
    assert!(lab.said(
        "web",
        "Unhealthy: Readiness probe failed: Get \"http://10.88.0.2:8080/ok\": dial tcp 10.88.0.2:8080: connect: connection refused"
    ));
    assert_eq!(lab.status("web")["containerStatuses"][0]["restartCount"], 0);
}

#[test]
fn a_fault_that_comes_and_goes_while_running() {
    let mut lab = Lab::new();
    lab.pod("web", web("readinessProbe", 2), json!({}));
    lab.until(20_000);
    assert!(condition_is_true(&lab.get("web").unwrap(), "Ready"));
    lab.fault("never-ready@pod/web");
    lab.wake("web");
    lab.until(40_000);
    assert!(!condition_is_true(&lab.get("web").unwrap(), "Ready"));
    assert!(lab.said("web", "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"));
    lab.world.faults.clear();
    lab.until(50_000);
    assert!(condition_is_true(&lab.get("web").unwrap(), "Ready"));
}

#[test]
fn liveness_and_startup_kill() {
    for (kind, word) in [("livenessProbe", "liveness"), ("startupProbe", "startup")] {
        let mut lab = Lab::new();
        lab.fault(if kind == "livenessProbe" { "never-live@pod/web" } else { "slow-start(600000)@pod/web" });
        lab.pod("web", web(kind, 5), json!({}));
        lab.until(60_000);
        let status = lab.status("web")["containerStatuses"][0].clone();
        assert!(status["restartCount"].as_u64().unwrap() >= 2, "{word} {status}");
        assert!(lab.said("web", &format!("Killing: Container c failed {word} probe, will be restarted")));
    }
}

#[test]
fn deletion_honours_the_grace() {
    for (command, asked, gone) in [
        // nginx listens to SIGTERM.
        (json!([]), None, 300..3_000),
        // A sleeping shell does not: it is killed after its grace.
        (json!(["sh", "-c", "sleep infinity"]), None, 12_000..14_500),
        (json!(["sh", "-c", "sleep infinity"]), Some(3), 3_000..5_500),
        (json!(["sh", "-c", "sleep infinity"]), Some(0), 0..100),
    ] {
        let mut lab = Lab::new();
        lab.pod("web", json!({"command": command}), json!({"terminationGracePeriodSeconds": 12}));
        lab.until(20_000);
        lab.delete("web", asked);
        lab.until(60_000);
        once(&lab.times("web", "gone"), 20_000 + gone.start..20_000 + gone.end);
        assert_eq!(lab.get("web"), None);
        assert!(lab.world.pods.is_empty());
        if asked != Some(0) {
            assert!(lab.said("web", "Killing: Stopping container c"), "{:#?}", lab.events("web"));
        }
    }
}

#[test]
fn pods_that_end() {
    for (command, policy, phase, reason) in [
        ("sleep 2", "Never", "Succeeded", "PodCompleted"),
        ("sleep 1; exit 3", "Never", "Failed", "PodFailed"),
        ("exit 0", "OnFailure", "Succeeded", "PodCompleted"),
    ] {
        let mut lab = Lab::new();
        lab.pod("job", json!({"command": ["sh", "-c", command]}), json!({"restartPolicy": policy}));
        lab.until(30_000);
        let status = lab.status("job");
        assert_eq!(status["phase"], phase, "{command}");
        let ready =
            list_at(&status, &["conditions"]).iter().find(|it| it["type"] == "Ready").unwrap().clone();
        assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!(reason)));
        lab.delete("job", None);
        lab.until(31_000);
        assert_eq!(lab.get("job"), None);
    }
    let mut lab = Lab::new();
    lab.pod("late", json!({}), json!({"activeDeadlineSeconds": 20}));
    lab.until(30_000);
    let status = lab.status("late");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Failed"), &json!("DeadlineExceeded")));
}

#[test]
fn the_log_as_last_words() {
    for (policy, expected) in [("File", json!(null)), ("FallbackToLogsOnError", json!("no database\n"))] {
        let mut lab = Lab::new();
        let container = json!({
            "command": ["sh", "-c", "echo no database; sleep 1; exit 2"],
            "terminationMessagePolicy": policy,
        });
        lab.pod("job", container, json!({"restartPolicy": "Never"}));
        lab.until(20_000);
        let state = lab.status("job")["containerStatuses"][0]["state"]["terminated"].clone();
        assert_eq!(state["message"], expected, "{state}");
        assert_eq!(state["exitCode"], 2);
    }
}

#[test]
fn an_image_is_pulled_once_per_node() {
    let mut lab = Lab::new();
    for name in ["a", "b", "c"] {
        lab.pod(name, json!({"image": "postgres:17"}), json!({}));
    }
    lab.until(30_000);
    // 155 MB at 50 MB/s: the first pull takes 3.5 s, the others find the layers there.
    let mut ready: Vec<u64> = ["a", "b", "c"].iter().flat_map(|name| lab.times(name, "ready")).collect();
    ready.sort_unstable();
    assert!(ready.len() == 3 && ready.iter().all(|at| (4_500..9_000).contains(at)), "{ready:?}");
    let pulls = |name| lab.events(name).iter().filter(|(text, _)| text.starts_with("Pulling")).count();
    assert_eq!(["a", "b", "c"].map(pulls), [1, 1, 1]);
    assert_eq!(lab.get("a").unwrap()["metadata"]["generation"], 1, "a node is no new generation");
}
