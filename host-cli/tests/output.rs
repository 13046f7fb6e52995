//! Real output of the binary on the sandbox: it fits the published schemas, and a seeded secret appears nowhere in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use backstay_core::chart::validate_json;
use base64::Engine as _;
use serde_json::Value;

/// Stands in the chart where secrets stand.
const SEEDED: [&str; 3] = ["Seeded-Secret-4711", "Seeded-Env-0815", "Seeded-Arg-1234"];

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("backstay-output-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("chart/templates")).unwrap();
        let chart = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";
        std::fs::write(folder.join("chart/Chart.yaml"), chart).unwrap();
        std::fs::write(folder.join("chart/templates/all.yaml"), TEMPLATE).unwrap();
        Self(folder)
    }

    fn run(&self, words: &[&str]) -> Output {
        self.run_as("state", "secret", words)
    }

    /// As a machine with a state folder of its own, with records kept by a driver.
    fn run_as(&self, state: &str, driver: &str, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_backstay"))
            .args(words)
            .arg(format!("--sandbox={}", self.0.join("sandbox.json").display()))
            .env("XDG_STATE_HOME", self.0.join(state))
            .env("HELM_DRIVER", driver)
            .env_remove("BACKSTAY_NOTIFY")
            .env_remove("BACKSTAY_POLICY")
            .output()
            .unwrap()
    }

    fn deploy(&self, more: &[&str]) -> Output {
        let chart = self.0.join("chart");
        let mut words = vec!["deploy", "shop", chart.to_str().unwrap()];
        words.extend(more);
        self.run(&words)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

const TEMPLATE: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: "Seeded-Secret-4711"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {sandbox.backstay.dev/note: "Seeded-Env-0815"}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {sandbox.backstay.dev/fault: "{{ .Values.fault }}"}}
    spec:
      containers:
        - name: web
          image: registry.example/web:{{ .Values.tag }}
          args: ["--token=Seeded-Arg-1234-{{ .Values.tag }}"]
          env:
            - {name: DATABASE, value: "Seeded-Env-0815"}
            - {name: VERSION, value: "Seeded-Env-0815-{{ .Values.tag }}"}
"#;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn says_no_secret(what: &str, text: &str) {
    for seeded in SEEDED {
        let encoded = base64::engine::general_purpose::STANDARD.encode(seeded);
        assert!(!text.contains(seeded) && !text.contains(&encoded), "{what} tells {seeded}:\n{text}");
    }
}

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A receiver that keeps the one message it gets.
fn receiver() -> (String, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/t0ken", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if count == 0 || length.is_some_and(|length: usize| body.len() >= length) {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                return text;
            }
        }
    });
    (address, thread)
}

#[test]
fn output_fits_the_schemas_and_tells_no_secret() {
    let place = Place::new("failure");
    let good = place.deploy(&["--set", "tag=v1,fault=", "-o", "json"]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good));
    let kept = place.0.join("evidence");
    let (address, received) = receiver();
    let notify = format!("--notify=webhook={address}");
    let folder = format!("--evidence-dir={}", kept.display());
    let bad = place.deploy(&["--set", "tag=v2,fault=crash", "-o", "json", &folder, &notify]);
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad));

    let events = schema("events.schema.json");
    for output in [&good, &bad] {
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(validate_json(&events, &event), Ok(()), "{line}");
        }
    }
    let wrong = serde_json::json!({"v": 1, "t": 1.0, "type": "phase", "phase": "dreaming"});
    assert!(validate_json(&events, &wrong).is_err());

    let file = std::fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
    let evidence: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(validate_json(&schema("evidence.schema.json"), &evidence), Ok(()), "{evidence:#}");
    let changes = evidence["objects"][0]["changes"].as_array().unwrap();
    let image = changes.iter().find(|change| change["field"].as_str().unwrap().ends_with("[web].image"));
    assert_eq!(image.unwrap()["after"], "registry.example/web:v2", "{changes:#?}");
    assert!(changes.iter().any(|change| change["field"].as_str().unwrap().ends_with("env[VERSION].value")));

    let message = received.join().unwrap();
    assert!(message.contains("rolled-back"), "{message}");
    says_no_secret("the notification", &message);
    says_no_secret("the evidence", &evidence.to_string());
    for (what, output) in [("a deploy", &good), ("a failed deploy", &bad)] {
        says_no_secret(what, &text(output));
        assert!(!text(output).contains("t0ken"), "{what} tells an address");
    }
    for words in [vec!["evidence", "shop"], vec!["history", "shop"], vec!["status", "shop"]] {
        says_no_secret(words[0], &text(&place.run(&words)));
    }
    let sandbox = std::fs::read_to_string(place.0.join("sandbox.json")).unwrap();
    let journals: Vec<&str> = sandbox.split("\"backstay.journal\":").skip(1).collect();
    assert!(journals.len() >= 2, "the journals are kept with the records");
    for journal in journals {
        let encoded = journal.trim_start().trim_start_matches('"').split('"').next().unwrap();
        let journal = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
        says_no_secret("the journal", &String::from_utf8_lossy(&journal));
    }
    let plain = place.deploy(&["--set", "tag=v3,fault=crash", "--debug"]);
    assert_eq!(plain.status.code(), Some(1), "{}", text(&plain));
    says_no_secret("a failed deploy with --debug", &text(&plain));
    // Every decision comes with its rule.
    for line in [
        "debug: deployment/web: rule crash-loop: may heal",
        "debug: decided: deployment/web: rule crash-loop: certain at once",
    ] {
        assert!(text(&plain).contains(line), "{line:?} is missing in {}", text(&plain));
    }
}

#[test]
fn evidence_is_of_one_cluster_and_revision() {
    let (here, there) = (Place::new("evidence"), Place::new("evidence-elsewhere"));
    assert_eq!(here.deploy(&["--set", "tag=v1,fault="]).status.code(), Some(0));
    assert_eq!(here.deploy(&["--set", "tag=v2,fault=crash"]).status.code(), Some(1));
    for words in
        [vec!["evidence", "shop"], vec!["evidence", "shop", "2"], vec!["evidence", "shop", "--revision", "2"]]
    {
        let shown = here.run(&words);
        assert_eq!(shown.status.code(), Some(0), "{words:?}: {}", text(&shown));
        assert!(text(&shown).contains("revision 2"), "{words:?}: {}", text(&shown));
    }
    assert_eq!(here.run(&["evidence", "shop", "1"]).status.code(), Some(1));
    // A release of the same name on another cluster, with the same state folder.
    let sandbox = format!("--sandbox={}", there.0.join("sandbox.json").display());
    let state = here.0.join("state");
    let output = Command::new(env!("CARGO_BIN_EXE_backstay"))
        .args(["evidence", "shop", &sandbox])
        .env("XDG_STATE_HOME", &state)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
}

#[test]
fn evidence_lies_with_the_release_for_every_machine() {
    for driver in ["secret", "configmap"] {
        let place = Place::new(&format!("evidence-{driver}"));
        let deploy = |values: &str| {
            let chart = place.0.join("chart").display().to_string();
            let words = ["deploy", "shop", &chart, "--set", values, "--history-max=4"];
            place.run_as("state", driver, &words)
        };
        let elsewhere = |words: &[&str]| place.run_as("nothing-here", driver, words);
        assert_eq!(deploy("tag=v1,fault=").status.code(), Some(0));
        assert_eq!(deploy("tag=v2,fault=crash").status.code(), Some(1));
        let shown = elsewhere(&["evidence", "shop", "-o", "json"]);
        assert_eq!(shown.status.code(), Some(0), "{}", text(&shown));
        let evidence: Value = serde_json::from_slice(&shown.stdout).unwrap();
        assert_eq!(validate_json(&schema("evidence.schema.json"), &evidence), Ok(()), "{evidence:#}");
        assert_eq!(
            (&evidence["revision"], &evidence["verdict"]["verdict"]),
            (&2.into(), &"rolled-back".into())
        );
        assert_eq!(evidence["verdict"]["cause"]["code"], "crash-loop", "{evidence:#}");
        let object = &evidence["objects"][0];
        assert!(object["object"].as_str().unwrap().ends_with("/web"), "{object:#}");
        let pod = &object["pods"][0];
        assert_eq!(pod["status"]["containerStatuses"][0]["name"], "web", "{pod:#}");
        assert!(!pod["logs"][0]["lines"].as_array().unwrap().is_empty(), "{pod:#}");
        assert!(
            !object["events"].as_array().unwrap().is_empty()
                && !object["changes"].as_array().unwrap().is_empty()
        );
        says_no_secret("the evidence of another machine", &text(&shown));
        // The machine that ran it shows the same; the journal beside it is whole, so the release goes on as ever.
        let here: Value = serde_json::from_slice(
            &place.run_as("state", driver, &["evidence", "shop", "-o", "json"]).stdout,
        )
        .unwrap();
        assert_eq!(here["objects"], evidence["objects"]);
        // It stays with its revision, and goes with it.
        assert_eq!(deploy("tag=v3,fault=").status.code(), Some(0));
        assert_eq!(deploy("tag=v4,fault=").status.code(), Some(0));
        assert_eq!(elsewhere(&["evidence", "shop", "2"]).status.code(), Some(0));
        assert_eq!(elsewhere(&["evidence", "shop", "4"]).status.code(), Some(1));
        assert_eq!(deploy("tag=v5,fault=").status.code(), Some(0));
        assert_eq!(deploy("tag=v6,fault=").status.code(), Some(0));
        let gone = elsewhere(&["evidence", "shop"]);
        assert_eq!(gone.status.code(), Some(1), "{}", text(&gone));
        assert_eq!(place.run_as("state", driver, &["evidence", "shop", "2"]).status.code(), Some(0));
        // Another release of that name: what this machine kept of the former one is not shown for it.
        assert_eq!(place.run_as("state", driver, &["uninstall", "shop"]).status.code(), Some(0));
        assert_eq!(deploy("tag=v1,fault=").status.code(), Some(0));
        let chart = place.0.join("chart").display().to_string();
        let again = elsewhere(&["deploy", "shop", &chart, "--set", "tag=v9,fault=crash"]);
        assert_eq!(again.status.code(), Some(1), "{}", text(&again));
        let shown = place.run_as("state", driver, &["evidence", "shop", "2"]);
        assert!(text(&shown).contains("web:v9"), "{}", text(&shown));
    }
}

#[test]
fn a_dry_run_shows_what_would_be_sent_and_no_address() {
    let place = Place::new("dry-run");
    let shown = place.deploy(&[
        "--set",
        "tag=v1,fault=",
        "--dry-run=server",
        "--notify",
        "slack=https://hooks.slack.example/services/t0ken",
    ]);
    let told = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(told.contains("would notify slack https://hooks.slack.example/…"), "{told}");
    assert!(told.contains("\"blocks\"") && !told.contains("t0ken"), "{told}");
    // Policy file, environment and flags add up, unless somebody says that nobody else is to be told.
    let policy = place.0.join("policy.yaml");
    std::fs::write(&policy, "notify:\n  - slack: https://policy.example/t0ken\n").unwrap();
    for (words, expected) in [
        (vec![], vec!["policy", "environment"]),
        (vec!["--notify", "webhook=https://flag.example/t0ken"], vec!["policy", "environment", "flag"]),
        (vec!["--notify", "none"], vec![]),
        (vec!["--notify", "none", "--notify", "webhook=https://flag.example/t0ken"], vec!["flag"]),
    ] {
        let shown = Command::new(env!("CARGO_BIN_EXE_backstay"))
            .args(["deploy", "shop", place.0.join("chart").to_str().unwrap(), "--set", "tag=v1,fault="])
            .args(["--dry-run=server", "--policy", policy.to_str().unwrap()])
            .arg(format!("--sandbox={}", place.0.join("sandbox.json").display()))
            .args(&words)
            .env("XDG_STATE_HOME", place.0.join("state"))
            .env("BACKSTAY_NOTIFY", "webhook=https://environment.example/t0ken")
            .output()
            .unwrap();
        let told = text(&shown);
        for receiver in ["policy", "environment", "flag"] {
            let is_told = told.contains(&format!("https://{receiver}.example/…"));
            assert_eq!(is_told, expected.contains(&receiver), "{words:?}: {receiver}: {told}");
        }
    }
    let wrong = place.deploy(&["--set", "tag=v1,fault=", "--notify", "mail=https://t0ken.example"]);
    assert_eq!(wrong.status.code(), Some(4));
    assert!(
        text(&wrong).contains("slack=URL or webhook=URL") && !text(&wrong).contains("t0ken"),
        "{}",
        text(&wrong)
    );
}
