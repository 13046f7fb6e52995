//! What judging one object costs, beside kstatus in Go on the same objects in the same run: all workloads, pods, jobs, claims
//! and services of the recordings. `cargo run --release -p backstay-health --example readiness_cost`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use backstay_health::{ReadinessRules, Related, readiness};
use backstay_object::{Timestamp, kind};
use serde_json::Value;

const ROUNDS: usize = 201;
const KINDS: &[&str] = &[
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "Pod",
    "PersistentVolumeClaim",
    "Service",
];

fn main() -> std::io::Result<()> {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    let objects = recorded(&room.join("tests/recordings"))?;
    for rules in [ReadinessRules::Backstay, ReadinessRules::HelmWatcher] {
        let (each, current) = measure(&objects, rules);
        println!("{rules:?}: {} objects, {each} ns each, {current} current", objects.len());
    }
    let go = Command::new("go")
        .args(["run", "."])
        .current_dir(room.join("examples/kstatus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut go) = go else {
        println!("kstatus: skipped, there is no Go here");
        return Ok(());
    };
    if let Some(mut input) = go.stdin.take() {
        for object in &objects {
            writeln!(input, "{object}")?;
        }
    }
    let output = go.wait_with_output()?;
    match output.status.success() {
        true => print!("kstatus: {}", String::from_utf8_lossy(&output.stdout)),
        false => println!("kstatus: skipped, it did not build"),
    }
    Ok(())
}

fn recorded(folder: &Path) -> std::io::Result<Vec<Value>> {
    let mut files: Vec<_> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut objects = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "ndjson")) {
        for line in fs::read_to_string(file)?.lines() {
            let line: Value = serde_json::from_str(line).map_err(std::io::Error::other)?;
            let object = line.get("object").unwrap_or(&line);
            if KINDS.contains(&kind(object)) {
                objects.push(object.clone());
            }
        }
    }
    Ok(objects)
}

fn measure(objects: &[Value], rules: ReadinessRules) -> (u128, usize) {
    let related = Related::default();
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut current = 0;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        current = objects
            .iter()
            .filter(|object| readiness(object, &related, rules, Timestamp(4_000_000_000_000)).is_current())
            .count();
        rounds.push(begin.elapsed().as_nanos());
    }
    // The quickest: what else the machine does only adds.
    (rounds.iter().min().copied().unwrap_or_default() / objects.len().max(1) as u128, current)
}
