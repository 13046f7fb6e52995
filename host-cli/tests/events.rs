//! Every kind of event that a program may read: produced by a real run on the sandbox, and as its schema says.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use backstay_core::chart::validate_json;
use backstay_core::sim::{Cluster, Fault};
use serde_json::Value;

const CHART: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "registry.example/web:{{ .Values.tag }}"}]
"#;

struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("backstay-events-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("chart/templates")).unwrap();
        std::fs::write(folder.join("chart/Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.0.0\n")
            .unwrap();
        std::fs::write(folder.join("chart/templates/web.yaml"), CHART).unwrap();
        Self(folder)
    }

    /// The cluster's file.
    fn file(&self) -> PathBuf {
        self.0.join("sandbox.json")
    }

    /// Makes something go wrong in the cluster.
    fn inject(&self, fault: &str) {
        let document = serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap();
        let mut cluster = Cluster::load(document).unwrap();
        cluster.inject(fault.parse::<Fault>().unwrap());
        std::fs::write(self.file(), cluster.save().to_string()).unwrap();
    }

    /// Deploys a tag; gives the exit code and the events.
    fn deploy(&self, tag: &str, more: &[&str]) -> (Option<i32>, Vec<Value>) {
        let output = Command::new(env!("CARGO_BIN_EXE_backstay"))
            .args(["deploy", "shop", "-o", "json", "--set", &format!("tag={tag}")])
            .arg(self.0.join("chart"))
            .arg(format!("--sandbox={}", self.file().display()))
            .args(more)
            .env("XDG_STATE_HOME", self.0.join("state"))
            .env_remove("BACKSTAY_NOTIFY")
            .env_remove("BACKSTAY_POLICY")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_kind_of_event_is_produced_and_fits_the_schema() {
    let place = Place::new();
    // A disk that is full must not fail a rollout: a note says that the recording ends.
    let (code, mut events) = place.deploy("v1", &["--record=/dev/full"]);
    assert_eq!(code, Some(0), "{events:#?}");
    // A webhook that is away for some seconds: the write is tried again.
    place.inject("webhook-down@deployment/web~5s");
    let (code, more) = place.deploy("v2", &[]);
    assert_eq!(code, Some(0), "{more:#?}");
    events.extend(more);
    // Neither the new revision's image nor the former one's is there any more.
    place.inject("image-not-found@deployment/web!");
    let (code, more) = place.deploy("v3", &[]);
    assert_eq!(code, Some(2), "{more:#?}");
    events.extend(more);

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/events.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for event in &events {
        assert_eq!(validate_json(&schema, event), Ok(()), "{event}");
    }
    let produced: BTreeSet<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let mut known = BTreeSet::new();
    types_in(&schema, &mut known);
    assert!(known.len() >= 9, "{known:?}");
    assert_eq!(produced, known, "left: seen in these runs; right: in the schema");
}

/// The values a `type` property may have by a schema.
fn types_in<'s>(schema: &'s Value, into: &mut BTreeSet<&'s str>) {
    into.extend(schema.pointer("/properties/type/const").and_then(Value::as_str));
    match schema {
        Value::Object(map) => map.values().for_each(|part| types_in(part, into)),
        Value::Array(parts) => parts.iter().for_each(|part| types_in(part, into)),
        _ => {}
    }
}
