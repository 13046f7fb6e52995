//! One failing upgrade, watched from outside: the API server's audit log tells when it was reported and undone.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::failures::{Scenario, TAKEN_PORT, reports};
use super::{Contender, seconds_of};
use crate::cluster::AUDIT_LOG;
use crate::{paths, run, tools};

/// How a trial ended.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The cause that was named.
    pub(super) code: Option<String>,
    /// Seconds from the first report by kubelet, controller or server to the decision.
    pub(super) decided_after: Option<f64>,
    /// Seconds from that report to the first step back.
    pub(super) undone_after: Option<f64>,
    /// Seconds of the whole command.
    pub(super) seconds: f64,
    pub(super) exit: i32,
    /// Whether the workloads are as the former revision wanted them, and ready.
    pub(super) serves: bool,
    /// The same in words.
    pub(super) former: String,
    /// Requests that changed objects other than the release's records.
    pub(super) changed: usize,
}

/// Where trials are made.
pub(super) struct Trial {
    folder: PathBuf,
    helm_timeout: String,
}

/// What a command left.
struct Ended {
    exit: i32,
    seconds: f64,
    /// Lines of JSON with the second of the day at which each came.
    lines: Vec<(f64, Value)>,
}

impl Trial {
    /// Trials on the cluster in a folder.
    pub(super) fn new(folder: PathBuf, helm_timeout: String) -> Self {
        Self { folder, helm_timeout }
    }

    /// A healthy revision, then the one that fails.
    pub(super) fn run(
        &self,
        contender: &Contender,
        scenario: &Scenario,
        number: usize,
    ) -> anyhow::Result<Outcome> {
        let who = contender.name.split(' ').take(2).collect::<String>();
        let id = scenario.id.to_ascii_lowercase();
        let namespace = format!("failures-{who}-{id}-{}", std::process::id());
        self.kubectl(&["create", "namespace", &namespace])?;
        let outcome = self.in_namespace(contender, scenario, number, &namespace);
        self.kubectl(&["delete", "namespace", &namespace, "--wait=false"])?;
        outcome
    }

    fn in_namespace(
        &self,
        contender: &Contender,
        scenario: &Scenario,
        number: usize,
        namespace: &str,
    ) -> anyhow::Result<Outcome> {
        // Node ports belong to the whole cluster: every trial takes another.
        let port = 31_000 + (std::process::id() as usize % 50) * 30 + number;
        if scenario.fails.contains(&TAKEN_PORT) {
            let port = format!("--node-port={port}");
            self.kubectl(&["create", "service", "nodeport", "other", "--tcp=80", &port, "-n", namespace])?;
        }
        let first = self.deploy(contender, namespace, scenario.both, &[])?;
        if first.exit != 0 {
            bail!("the first install ended with exit {}", first.exit);
        }
        let before = self.workloads(namespace)?;
        let values: Vec<String> =
            scenario.fails.iter().map(|value| value.replace("TAKEN", &port.to_string())).collect();
        let values: Vec<&str> =
            scenario.both.iter().copied().chain(values.iter().map(String::as_str)).collect();
        let from = fs::metadata(self.audit_log())?.len();
        let ended = self.deploy(contender, namespace, &values, scenario.flags)?;
        let after = self.workloads(namespace)?;
        // The audit log is written in batches.
        std::thread::sleep(Duration::from_millis(1500));
        let audit = self.audit(from, namespace)?;
        let events = self.kubectl(&["get", "events", "-n", namespace, "-o", "json"])?;
        let reported = reported(scenario, &serde_json::from_str(&events)?, &audit);
        let (code, told_at) = told(&ended.lines);
        let steps: Vec<f64> = changes(&audit);
        let undone = told_at
            .or(reported)
            .and_then(|at| steps.iter().copied().filter(|step| *step >= at).reduce(f64::min));
        let decided = told_at.or(undone);
        let (serves, former) = compare(&before, &after);
        Ok(Outcome {
            code,
            decided_after: decided.zip(reported).map(|(decided, reported)| decided - reported),
            undone_after: undone.zip(reported).map(|(undone, reported)| undone - reported),
            seconds: ended.seconds,
            exit: ended.exit,
            serves,
            former,
            changed: steps.len(),
        })
    }

    fn audit_log(&self) -> PathBuf {
        self.folder.join(AUDIT_LOG)
    }

    fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let kubectl = tools::KUBERNETES.program("kubectl")?;
        run::read(
            Command::new(kubectl).arg("--kubeconfig").arg(self.folder.join("kubeconfig")).args(arguments),
        )
    }

    /// Deployments and StatefulSets.
    fn workloads(&self, namespace: &str) -> anyhow::Result<Vec<Value>> {
        let list =
            self.kubectl(&["get", "deployments.apps,statefulsets.apps", "-n", namespace, "-o", "json"])?;
        let list: Value = serde_json::from_str(&list)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    fn deploy(
        &self,
        contender: &Contender,
        namespace: &str,
        values: &[&str],
        flags: &[&str],
    ) -> anyhow::Result<Ended> {
        let mut command = Command::new(&contender.program);
        command.args(contender.deploy).arg(paths::repository().join("tests/charts/failures"));
        command.args(["-n", namespace]).arg("--kubeconfig").arg(self.folder.join("kubeconfig"));
        for value in values {
            command.args(["--set", value]);
        }
        if contender.is_ours() {
            command.args(["--output", "json"]).args(flags);
        } else {
            command.args(["--timeout", &self.helm_timeout]);
        }
        let state = std::env::temp_dir().join(format!("backstay-failures-{}-state", std::process::id()));
        command.env("XDG_STATE_HOME", state);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{}: cannot be started", contender.name))?;
        let mut lines = Vec::new();
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    lines.push((second_of_day(), value));
                }
            }
        }
        let status = child.wait()?;
        Ok(Ended { exit: status.code().unwrap_or(-1), seconds: began.elapsed().as_secs_f64(), lines })
    }

    /// The audit log's entries about a namespace from a position on.
    fn audit(&self, from: u64, namespace: &str) -> anyhow::Result<Vec<Value>> {
        let log = fs::read(self.audit_log())?;
        let new = log.get(usize::try_from(from)?..).unwrap_or_default();
        let entries = String::from_utf8_lossy(new);
        let of_namespace = |entry: &Value| entry["objectRef"]["namespace"] == namespace;
        Ok(entries
            .lines()
            .filter(|line| line.contains(namespace))
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(of_namespace)
            .collect())
    }
}

/// Seconds since midnight, UTC.
pub(super) fn second_of_day() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs_f64() % 86_400.0
}

fn time_of(entry: &Value) -> Option<f64> {
    seconds_of(entry["requestReceivedTimestamp"].as_str()?)
}

/// When the cluster first reported the failure: the write of the event, or the server's refusal.
fn reported(scenario: &Scenario, events: &Value, audit: &[Value]) -> Option<f64> {
    let names = reports(scenario, events);
    let is_report = |entry: &&Value| {
        let reference = &entry["objectRef"];
        let code = entry["responseStatus"]["code"].as_u64().unwrap_or(0);
        match scenario.report {
            Some(_) => {
                reference["resource"] == "events"
                    && entry["verb"] == "create"
                    && reference["name"].as_str().is_some_and(|name| names.contains(&name))
            }
            None => code == 422 && entry["user"]["username"] == "admin",
        }
    };
    audit.iter().filter(is_report).filter_map(time_of).reduce(f64::min)
}

/// The code backstay named, and when.
fn told(lines: &[(f64, Value)]) -> (Option<String>, Option<f64>) {
    let condemned = lines.iter().find(|(_, line)| line["type"] == "condemned");
    if let Some((at, line)) = condemned {
        return (line["code"].as_str().map(str::to_owned), Some(*at));
    }
    let Some((at, line)) = lines.iter().find(|(_, line)| line["type"] == "finished") else {
        return (None, None);
    };
    let code = line["cause"]["code"].as_str().or_else(|| line["causes"][0]["code"].as_str());
    (code.map(str::to_owned), Some(*at))
}

/// When the administrator's tool changed something other than a release's record; dry runs and refusals change nothing.
fn changes(audit: &[Value]) -> Vec<f64> {
    let changes = audit.iter().filter(|entry| {
        let verb = entry["verb"].as_str().unwrap_or_default();
        let agent = entry["userAgent"].as_str().unwrap_or_default();
        entry["user"]["username"] == "admin"
            && !agent.starts_with("kubectl")
            && matches!(verb, "create" | "patch" | "update" | "delete")
            && !matches!(entry["objectRef"]["resource"].as_str(), Some("secrets" | "leases"))
            && entry["responseStatus"]["code"].as_u64().is_some_and(|code| code < 300)
            && !entry["requestURI"].as_str().is_some_and(|uri| uri.contains("dryRun="))
    });
    changes.filter_map(time_of).collect()
}

/// Whether the workloads are as they were, and ready.
fn compare(before: &[Value], after: &[Value]) -> (bool, String) {
    let mut serves = true;
    let mut words = Vec::new();
    for workload in before {
        let name = &workload["metadata"]["name"];
        let Some(now) = after
            .iter()
            .find(|other| other["kind"] == workload["kind"] && other["metadata"]["name"] == *name)
        else {
            serves = false;
            words.push(format!("{name} is gone"));
            continue;
        };
        let wanted = now["spec"]["replicas"].as_u64().unwrap_or(0);
        let ready = now["status"]["readyReplicas"].as_u64().unwrap_or(0);
        let same = now["spec"]["template"] == workload["spec"]["template"];
        serves &= same && ready >= wanted;
        let template = if same { "as before" } else { "changed" };
        words.push(format!("{ready}/{wanted} ready, template {template}"));
    }
    (serves, words.join("; "))
}
