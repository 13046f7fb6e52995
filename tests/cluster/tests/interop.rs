//! One release, three programs: what one of them wrote, every other reads the same and goes on from. On the real control
//! plane, with both Helms; the table is printed at the end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the test's result")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use backstay_tests_cluster::{Node, Run, Served, World, chart, rows, tool};
use serde_json::Value;

/// Helm 4 that changes objects itself, as Helm 3 does, where it would let the server do it.
const CLIENT_SIDE: &str = "helm4 (client)";

/// Who writes, who reads. Helm with Helm is not ours to test.
const PAIRS: [(&str, &str); 7] = [
    ("helm3", "backstay"),
    ("helm4", "backstay"),
    (CLIENT_SIDE, "backstay"),
    ("backstay", "helm3"),
    ("backstay", "helm4"),
    ("backstay", CLIENT_SIDE),
    ("backstay", "backstay"),
];

/// What the writer does, each a command and the words after the release; the last one is what is tested.
const OPERATIONS: [(&str, &[&[&str]]); 5] = [
    ("install", &[&["install", "CHART"]]),
    ("upgrade", &[&["install", "CHART"], &["upgrade", "CHART", "--set", "text=second"]]),
    ("rollback", &[&["install", "CHART"], &["upgrade", "CHART", "--set", "text=second"], &["rollback", "1"]]),
    ("uninstall --keep-history", &[&["install", "CHART"], &["uninstall", "--keep-history"]]),
    ("test", &[&["install", "CHART"], &["test"]]),
];

/// A place for one cell.
struct Place {
    world: World,
    api: Served,
}

impl Place {
    /// `None` where there is no cluster or a Helm is missing.
    fn new() -> Option<Self> {
        let world = World::real("interop", Node::Any)?;
        let there = ["helm3", "helm4"].iter().all(|helm| tool(helm).is_some());
        if !there {
            eprintln!("SKIPPED: both Helms are needed; `cargo xtask setup` builds them");
            return None;
        }
        let api = world.api();
        api.kubectl(&["create", "namespace", &world.namespace]).exits(0);
        Some(Self { world, api })
    }

    fn run(&self, program: &str, words: &[&str]) -> Run {
        let folder = chart("interop").display().to_string();
        let mut words: Vec<&str> =
            words.iter().map(|word| if *word == "CHART" { folder.as_str() } else { word }).collect();
        match program {
            "backstay" => self.world.backstay(&words),
            CLIENT_SIDE => {
                if matches!(words[..], ["install" | "upgrade" | "rollback", ..]) {
                    words.push("--server-side=false");
                }
                self.api.helm("helm4", &words).unwrap()
            }
            helm => self.api.helm(helm, &words).unwrap(),
        }
    }

    /// A command on the release `app`.
    fn act(&self, program: &str, words: &[&str]) -> Result<Run, String> {
        let mut all = vec![words[0], "app"];
        all.extend(&words[1..]);
        let run = self.run(program, &all);
        if run.code == 0 { Ok(run) } else { Err(format!("{program} {}: {}", all.join(" "), run.text())) }
    }

    /// What a program says of the release, but for its own words about it.
    fn seen_by(&self, program: &str) -> Result<BTreeMap<&'static str, String>, String> {
        let mut seen = BTreeMap::new();
        let history = self.act(program, &["history", "-o", "json"])?.json();
        seen.insert("history", format!("{:?}", rows(&history)));
        let charts: Vec<_> =
            history.as_array().unwrap().iter().map(|row| (&row["chart"], &row["app_version"])).collect();
        seen.insert("charts", format!("{charts:?}"));
        for what in ["manifest", "values", "hooks", "notes"] {
            let run = self.run(program, &["get", what, "app"]);
            seen.insert(what, run.stdout.trim().to_owned());
        }
        let status = self.act(program, &["status", "-o", "json"])?.json();
        let info = &status["info"];
        let fields =
            [&status["version"], &status["config"], &info["status"], &info["description"], &info["notes"]];
        seen.insert("status", format!("{fields:?}"));
        // Helm 4 has no --all any more: it lists all.
        let all = if program.starts_with("helm4") { "--short=false" } else { "--all" };
        let list = self.run(program, &["list", all, "-o", "json"]).json();
        seen.insert("list", format!("{:?} {:?}", list[0]["status"], list[0]["revision"]));
        Ok(seen)
    }

    /// Release records as they lie in the cluster: their labels and their content.
    fn records(&self) -> Vec<(Value, Value)> {
        let secrets = self.api.kubectl_json(&["get", "secrets", "-l", "owner=helm"]);
        let record = |secret: &Value| (secret["metadata"]["labels"].clone(), content(secret));
        secrets["items"].as_array().unwrap().iter().map(record).collect()
    }

    fn text(&self) -> String {
        let object = self.api.kubectl_json(&["get", "configmap", "app"]);
        object["data"]["text"].as_str().unwrap_or_default().to_owned()
    }
}

/// The content of a release's Secret: base64 of base64 of gzip of JSON.
fn content(secret: &Value) -> Value {
    let mut child = Command::new("sh")
        .args(["-c", "base64 -d | base64 -d | gzip -dc"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = secret["data"]["release"].as_str().unwrap().to_owned();
    let mut into = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || into.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The reader sees what the writer sees.
fn reads(place: &Place, writer: &str, reader: &str) -> Result<(), String> {
    let (theirs, ours) = (place.seen_by(writer)?, place.seen_by(reader)?);
    let different = theirs.iter().filter(|(what, text)| ours.get(*what) != Some(text));
    let different: Vec<_> = different
        .map(|(what, text)| format!("{what}:\n  {writer}: {text}\n  {reader}: {}", ours[what]))
        .collect();
    if different.is_empty() { Ok(()) } else { Err(different.join("\n")) }
}

/// The reader deploys, tests, rolls back and removes what the writer left.
fn goes_on(place: &Place, reader: &str) -> Result<(), String> {
    place.act(reader, &["upgrade", "CHART", "--install", "--set", "text=third"])?;
    let revisions = rows(&place.act(reader, &["history", "-o", "json"])?.json());
    let (latest, status, _) = revisions.last().unwrap().clone();
    if place.text() != "third" || status != "deployed" {
        return Err(format!("after the upgrade: {:?}, {revisions:?}", place.text()));
    }
    place.act(reader, &["test"])?;
    let first = revisions.first().unwrap().0.to_string();
    place.act(reader, &["rollback", &first])?;
    if place.text() != "hello" {
        return Err(format!("after the rollback to {first} of {latest}: {:?}", place.text()));
    }
    place.act(reader, &["uninstall"])?;
    let left = place.records().len();
    if left == 0 { Ok(()) } else { Err(format!("{left} records are left")) }
}

#[test]
fn every_pair_of_programs() {
    let (mut cells, mut wrong) = (0, Vec::new());
    println!("{:<14} {:<14} {:<26} {:<6} goes on", "writer", "reader", "operation", "reads");
    for (writer, reader) in PAIRS {
        for (operation, steps) in OPERATIONS {
            let Some(place) = Place::new() else { return };
            let mut written = Ok(());
            for step in steps {
                written = written.and_then(|()| place.act(writer, step).map(drop));
            }
            let read = written.clone().and_then(|()| reads(&place, writer, reader));
            let gone_on = written.and_then(|()| goes_on(&place, reader));
            let mark = |result: &Result<(), String>| if result.is_ok() { "yes" } else { "NO" };
            println!("{writer:<14} {reader:<14} {operation:<26} {:<6} {}", mark(&read), mark(&gone_on));
            for (what, result) in [("reads", read), ("goes on", gone_on)] {
                cells += 1;
                if let Err(error) = result {
                    wrong.push(format!("{writer} -> {reader}, {operation}, {what}: {error}"));
                }
            }
        }
    }
    println!("{cells} cells, {} clean", cells - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A value as `path: value`, times without their digits.
fn flatten(value: &Value, path: &str, lines: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(value, &format!("{path}/{name}"), lines);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                flatten(value, &format!("{path}/{index}"), lines);
            }
        }
        Value::String(text) if is_time(text) => drop(lines.insert(path.to_owned(), "TIME".to_owned())),
        // Helm 3 writes times that are not there as empty texts.
        Value::String(text) if text.is_empty() => {}
        other => drop(lines.insert(path.to_owned(), other.to_string())),
    }
}

fn is_time(text: &str) -> bool {
    let begins = text.len() > 19 && text.as_bytes()[10] == b'T' && text.starts_with("20");
    begins || (text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Where records differ, and why that is right.
const DIFFERENT: [(&str, &str, &str); 8] = [
    (
        "",
        "backstay",
        "the journal and what goes with it: Helm passes over fields and labels it does not know",
    ),
    ("", "labels/createdAt", "Helm's second write drops this label, ours keeps it"),
    ("", "/chart/files", "null is nothing"),
    (
        "helm4",
        "modtime",
        "the times of the chart's files on this machine: not wanted in a record that should not change",
    ),
    ("helm3", "schemamodtime", "Helm 4 has this field"),
    ("helm3", "/apply_method", "objects are applied by the server; Helm 3 knows no other way than its own"),
    ("helm3", "/info/rollback_revision", "Helm 4 has this field"),
    ("helm3", "/info/deleted", "empty is nothing"),
];

/// Whether a difference is in the table.
fn is_known(helm: &str, path: &str) -> bool {
    DIFFERENT.iter().any(|(which, part, _)| helm.starts_with(which) && path.contains(part))
}

#[test]
fn records_are_helms() {
    let words: [&[&str]; 4] =
        [&["install", "CHART"], &["upgrade", "CHART", "--set", "text=second"], &["rollback", "1"], &["test"]];
    let mut wrong = Vec::new();
    for helm in ["helm3", "helm4"] {
        let (Some(theirs), Some(ours)) = (Place::new(), Place::new()) else { return };
        for step in words {
            theirs.act(helm, step).unwrap();
            let mut step = step.to_vec();
            if step.contains(&"CHART") {
                step.extend(["--compat", helm]);
            }
            ours.act("backstay", &step).unwrap();
        }
        let (theirs, ours) = (theirs.records(), ours.records());
        assert_eq!(theirs.len(), ours.len(), "{helm}");
        for ((their_labels, theirs), (our_labels, ours)) in theirs.iter().zip(&ours) {
            let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
            flatten(their_labels, "labels", &mut left);
            flatten(theirs, "", &mut left);
            flatten(our_labels, "labels", &mut right);
            flatten(ours, "", &mut right);
            let paths: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            for path in paths.into_iter().filter(|path| *path != "/namespace" && !is_known(helm, path)) {
                let (left, right) = (left.get(path), right.get(path));
                if left != right {
                    wrong.push(format!("{helm} {} {path}: {left:?}, ours {right:?}", theirs["version"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
