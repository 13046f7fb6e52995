//! `backstay test` on the sandbox.

use std::fs;

use crate::place::Place;

const TESTS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: second, annotations: {helm.sh/hook: test, helm.sh/hook-weight: "1"}}
spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [sh, -c, "exit {{ .Values.code }}"]}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: first, annotations: {helm.sh/hook: test-success, helm.sh/hook-delete-policy: hook-succeeded}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [sh, -c, "exit 0"]}]}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: third
  annotations: {helm.sh/hook: test, helm.sh/hook-weight: "2", sandbox.backstay.dev/fault: image-missing}
spec: {restartPolicy: Never, containers: [{name: main, image: "nope:missing"}]}
"#;

#[test]
fn tests_of_a_release_run_in_order_and_the_first_that_fails_ends_it() {
    let place = Place::new("release-tests");
    fs::write(place.path("chart/templates/tests.yaml"), TESTS).unwrap();
    fs::write(place.path("chart/values.yaml"), "code: 0\n").unwrap();
    place.ok(&["deploy", "x", "chart"]);
    // Shown in the order of the record, as Helm does.
    let phases = |told: &str| -> Vec<String> {
        let part = |suite: &str| {
            let name = suite.lines().next().unwrap_or_default().trim().to_owned();
            let phase = suite.lines().find_map(|line| line.strip_prefix("Phase:"))?;
            Some(format!("{name} {}", phase.trim()))
        };
        let mut found: Vec<String> = told.split("TEST SUITE:").skip(1).filter_map(part).collect();
        found.sort();
        found
    };
    let told = place.ok(&["test", "x", "--filter", "name=first,name=second", "--logs"]);
    assert_eq!(phases(&told), ["first Succeeded", "second Succeeded"], "{told}");
    assert!(told.contains("POD LOGS: second (main)"), "{told}");
    // The third can never start: over long before its five minutes are.
    let (code, error) = place.fails(&["test", "x", "--filter", "!name=second"]);
    assert_eq!(code, 1);
    assert!(error.contains("test third failed: image-not-found"), "{error}");
    place.ok(&["deploy", "x", "chart", "--set", "code=3"]);
    let output = place.run(&["test", "x"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(phases(&told), ["first Succeeded", "second Failed"], "{told}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("test second failed: container main ended with exit code 3"), "{error}");
    assert!(place.ok(&["test", "x", "--filter", "name=none"]).contains("STATUS: deployed"));
}
