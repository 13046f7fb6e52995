//! Is the timeout calculator right on a real node: a dozen healthy workloads, rolled out side by side, take no longer than
//! `backstay timeout` says they may. Prints what was expected beside what it took.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::sync::Mutex;
use std::time::Instant;

use backstay_tests_cluster::{Node, World, chart};
use serde_json::{Value, json};

const SERVE: &str = "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w";
const IMAGE: &str = "registry.example/shop/web:1.4.0";
/// What is true of the node and of the programs below.
const MEASURED: &[&str] = &[
    "--image-size=2",
    "--bandwidth=20",
    "--scheduling=3s",
    "--nodes=1",
    "--start=2s",
    "--init=3s",
    "--job=3s",
];

/// A release before and after; no objects before is a first install.
struct Case {
    name: &'static str,
    before: Vec<Value>,
    after: Vec<Value>,
    /// Seconds that it takes at least: the program below would else not do what the case is about.
    at_least: u64,
}

fn workload(kind: &str, revision: &str, spec: &Value) -> Value {
    let container = json!({
        "name": "web", "image": IMAGE, "command": ["sh", "-c", SERVE],
        "env": [{"name": "REVISION", "value": revision}], "resources": {"requests": {"cpu": "5m"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    });
    let pod = json!({"terminationGracePeriodSeconds": 2, "containers": [container]});
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
        },
    });
    merge(&mut object["spec"], spec);
    object
}

/// Objects grow into each other, of lists the first entries.
fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            more.iter().for_each(|(name, value)| merge(into.entry(name).or_insert(Value::Null), value));
        }
        (Value::Array(into), Value::Array(more)) if !into.is_empty() => {
            into.iter_mut().zip(more).for_each(|(into, more)| merge(into, more));
        }
        (into, more) => *into = more.clone(),
    }
}

fn upgrade(name: &'static str, kind: &str, at_least: u64, spec: &Value) -> Case {
    Case { name, before: vec![workload(kind, "1", spec)], after: vec![workload(kind, "2", spec)], at_least }
}

fn install(name: &'static str, at_least: u64, object: Value) -> Case {
    Case { name, before: Vec::new(), after: vec![object], at_least }
}

fn rolling(surge: u32, unavailable: u32, replicas: u32) -> Value {
    let rule = json!({"maxSurge": surge, "maxUnavailable": unavailable});
    json!({"replicas": replicas, "strategy": {"rollingUpdate": rule}})
}

fn job(seconds: u32, annotations: &Value) -> Value {
    let container = json!({"name": "work", "image": IMAGE, "command": ["sleep", format!("{seconds}")]});
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work", "annotations": annotations},
        "spec": {
            "completions": 4, "parallelism": 2,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    })
}

fn cases() -> Vec<Case> {
    let started = json!({"template": {"spec": {
        "initContainers": [{"name": "before", "image": IMAGE, "command": ["sleep", "2"]}],
        "containers": [{"startupProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "failureThreshold": 20}}],
    }}});
    let stops = json!({"replicas": 2, "strategy": {"type": "Recreate"}, "template": {"spec": {
        "terminationGracePeriodSeconds": 10,
        "containers": [{"lifecycle": {"preStop": {"exec": {"command": ["sleep", "4"]}}}}],
    }}});
    let mut patient = rolling(1, 0, 2);
    patient["minReadySeconds"] = json!(4);
    let hook = json!({"helm.sh/hook": "pre-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation"});
    let set = |more: &Value| {
        let mut spec = json!({"replicas": 3, "serviceName": "web"});
        merge(&mut spec, more);
        spec
    };
    vec![
        upgrade("surge of one", "Deployment", 4, &rolling(1, 0, 4)),
        upgrade("two may be missing", "Deployment", 2, &rolling(0, 2, 4)),
        upgrade("a quarter each", "Deployment", 2, &json!({"replicas": 5})),
        upgrade("min ready seconds", "Deployment", 8, &patient),
        upgrade("recreated after a slow stop", "Deployment", 4, &stops),
        upgrade("in order", "StatefulSet", 6, &set(&json!({}))),
        install(
            "in parallel",
            1,
            workload("StatefulSet", "1", &set(&json!({"podManagementPolicy": "Parallel"}))),
        ),
        upgrade("on every node", "DaemonSet", 1, &json!({})),
        install("init container and startup probe", 3, workload("Deployment", "1", &started)),
        install("completions by parallelism", 4, job(2, &json!({}))),
        Case {
            after: vec![workload("Deployment", "2", &json!({})), job(1, &hook)],
            ..upgrade("a hook before", "Deployment", 3, &json!({}))
        },
    ]
}

impl Case {
    /// A line of the table, or what was wrong.
    fn rolls(&self, world: &World) -> Result<String, String> {
        world.api().kubectl(&["create", "namespace", &world.namespace]).exits(0);
        let chart = chart("healing").display().to_string();
        let values = |name: &str, objects: &[Value]| {
            let file = world.directory().join(name);
            fs::write(&file, json!({"objects": objects}).to_string()).unwrap();
            file.display().to_string()
        };
        let (before, after) = (values("before.json", &self.before), values("after.json", &self.after));
        let previous = world.directory().join("previous.yaml");
        let mut words = vec!["timeout", &chart, "-f", &after, "-o", "json"];
        words.extend(MEASURED);
        let flag = format!("--previous={}", previous.display());
        if self.before.is_empty() {
            words.push("--install");
        } else {
            world.backstay(&["deploy", "web", &chart, "-f", &before]).exits(0);
            let manifest = world.backstay(&["template", "web", &chart, "-f", &before]).exits(0).text();
            fs::write(&previous, manifest).unwrap();
            words.push(&flag);
        }
        let words: Vec<&str> = words.clone();
        let timing = world.backstay_on(&words).exits(0).json();
        let number = |field: &str| timing[field].as_u64().unwrap() as f64 / 1000.0;
        let began = Instant::now();
        let run = world.backstay(&["deploy", "web", &chart, "-f", &after]);
        let took = began.elapsed().as_secs_f64();
        if run.code != 0 {
            return Err(format!("{}: exit {} after {took:.0} s\n{}", self.name, run.code, run.text()));
        }
        let (expected, recommended) = (number("expected_ms"), number("recommended_ms"));
        // The recommendation is never below a minute; what it is made of has to be enough by itself.
        let deciding = timing["objects"].as_array().unwrap().iter().filter(|one| one["decides"] == true);
        let most: u64 = deciding.map(|one| one["most_ms"].as_u64().unwrap()).sum();
        let enough = (most + timing["inputs"]["buffer_ms"].as_u64().unwrap()) as f64 / 1000.0;
        let line = format!("{:<34} {expected:>9.1} {took:>8.1} {enough:>8.1} {recommended:>12.1}", self.name);
        if took > recommended || took > enough || took < self.at_least as f64 {
            return Err(format!("{line}\n{timing:#}"));
        }
        Ok(line)
    }
}

#[test]
fn healthy_rollouts_take_no_longer_than_recommended() {
    let all = cases();
    let (lines, wrong) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for case in &all {
            scope.spawn(|| {
                let Some(world) = World::real(&case.name.replace(' ', "-"), Node::Real) else { return };
                match case.rolls(&world) {
                    Ok(line) => lines.lock().unwrap().push(line),
                    Err(problem) => wrong.lock().unwrap().push(problem),
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap();
    lines.sort();
    eprintln!("{:<34} {:>9} {:>8} {:>8} {:>12}", "seconds", "expected", "took", "enough", "recommended");
    lines.iter().for_each(|line| eprintln!("{line}"));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(all.len() >= 10);
}
