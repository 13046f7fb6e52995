//! `cargo xtask bench wait`: a healthy release of 100 objects. How many requests the waiting makes, and how long after the
//! last object's readiness was published the command is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use super::trial::second_of_day;
use super::{Contender, contenders, on_cluster, seconds_of};
use crate::cluster::AUDIT_LOG;
use crate::{run, tools};

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many upgrades of one Deployment among the 100 objects; the median counts
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Only backstay
    #[arg(long)]
    alone: bool,
    /// Use the cluster in this folder, which runs already, instead of one of our own
    #[arg(long, value_name = "FOLDER")]
    cluster: Option<PathBuf>,
    /// Use this backstay instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// How many objects there are of each kind; 100 in all.
const KINDS: [(&str, usize); 5] =
    [("Deployment", 20), ("Service", 20), ("ConfigMap", 30), ("Secret", 20), ("ServiceAccount", 10)];

/// Measures and prints.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut contenders = contenders(options.program.as_deref())?;
    contenders.truncate(if options.alone { 1 } else { contenders.len() });
    let scratch = std::env::temp_dir().join(format!("backstay-wait-{}", std::process::id()));
    let chart = write_chart(&scratch.join("chart"))?;
    let measured = on_cluster(options.cluster.as_deref(), |folder| {
        let bench = Bench { folder: folder.to_owned(), chart, state: scratch.join("state") };
        bench.measure(&contenders, options.rounds)
    });
    fs::remove_dir_all(&scratch).with_context(|| format!("{}: cannot be removed", scratch.display()))?;
    measured
}

struct Bench {
    /// The cluster's.
    folder: PathBuf,
    chart: PathBuf,
    state: PathBuf,
}

/// One run of a command.
#[derive(Debug, Default)]
struct Ended {
    seconds: f64,
    /// Requests by verb; a watch counts once, however long it lasts.
    verbs: BTreeMap<String, usize>,
    /// Lists and watches, and the reads after the last object was written.
    waiting: usize,
    /// Milliseconds from the last Deployment's last status to the end of the process.
    late_ms: f64,
}

impl Bench {
    fn measure(&self, contenders: &[Contender], rounds: usize) -> anyhow::Result<()> {
        let objects: usize = KINDS.iter().map(|(_, count)| count).sum();
        println!("\na healthy release of {objects} objects, then {rounds} upgrades of one Deployment of it");
        println!(
            "  {:<30} {:>10} {:>16} {:>12} {:>16} {:>26}",
            "", "install s", "install requests", "of waiting", "upgrade requests", "gone after readiness, ms"
        );
        for contender in contenders {
            let who = contender.name.split(' ').take(2).collect::<String>();
            let namespace = format!("wait-{who}-{}", std::process::id());
            self.kubectl(&["create", "namespace", &namespace])?;
            let outcome = self.compete(contender, &namespace, rounds);
            self.kubectl(&["delete", "namespace", &namespace, "--wait=false"])?;
            outcome?;
        }
        Ok(())
    }

    fn compete(&self, contender: &Contender, namespace: &str, rounds: usize) -> anyhow::Result<()> {
        let install = self.deploy(contender, namespace, "1.4.0")?;
        let mut upgrades = Vec::new();
        for round in 0..rounds {
            let tag = if round % 2 == 0 { "1.5.0" } else { "1.4.0" };
            upgrades.push(self.deploy(contender, namespace, tag)?);
        }
        let sorted = |figure: &dyn Fn(&Ended) -> f64| {
            let mut figures: Vec<f64> = upgrades.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures
        };
        let late = sorted(&|ended| ended.late_ms);
        let requests = sorted(&|ended| ended.verbs.values().sum::<usize>() as f64);
        let middle = |figures: &[f64]| figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN);
        println!(
            "  {:<30} {:>10.1} {:>16} {:>12} {:>16.0} {:>26}",
            contender.name,
            install.seconds,
            install.verbs.values().sum::<usize>(),
            install.waiting,
            middle(&requests),
            format!(
                "{:.0} ({:.0} to {:.0})",
                middle(&late),
                late.first().copied().unwrap_or(f64::NAN),
                late.last().copied().unwrap_or(f64::NAN)
            ),
        );
        let verbs: Vec<String> =
            install.verbs.iter().map(|(verb, count)| format!("{verb} {count}")).collect();
        println!("  {:<30} install: {}", "", verbs.join(", "));
        Ok(())
    }

    fn deploy(&self, contender: &Contender, namespace: &str, tag: &str) -> anyhow::Result<Ended> {
        let audit_log = self.folder.join(AUDIT_LOG);
        let from = fs::metadata(&audit_log)?.len();
        let mut command = Command::new(&contender.program);
        command.args(contender.deploy).arg(&self.chart).args(["-n", namespace, "--timeout", "10m"]);
        command
            .arg("--kubeconfig")
            .arg(self.folder.join("kubeconfig"))
            .args(["--set", &format!("tag={tag}")]);
        command.env("XDG_STATE_HOME", &self.state);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (began, began_at) = (Instant::now(), second_of_day());
        let status = command.status().with_context(|| format!("{}: cannot be started", contender.name))?;
        let (seconds, ended_at) = (began.elapsed().as_secs_f64(), second_of_day());
        if !status.success() {
            bail!("{}: a healthy release ended with {status}", contender.name);
        }
        // The audit log is written in batches.
        std::thread::sleep(Duration::from_millis(1500));
        let log = fs::read(&audit_log)?;
        let new = String::from_utf8_lossy(log.get(usize::try_from(from)?..).unwrap_or_default()).into_owned();
        let entries: Vec<Value> = new.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let (verbs, waiting) = count(&entries);
        let published = entries
            .iter()
            .filter(|entry| is_published(entry, namespace))
            .filter_map(|entry| seconds_of(entry["stageTimestamp"].as_str()?))
            .filter(|at| *at >= began_at && *at <= ended_at)
            .reduce(f64::max);
        let late_ms = published.map_or(f64::NAN, |at| (ended_at - at) * 1000.0);
        Ok(Ended { seconds, verbs, waiting, late_ms })
    }

    fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let kubectl = tools::KUBERNETES.program("kubectl")?;
        run::read(
            Command::new(kubectl).arg("--kubeconfig").arg(self.folder.join("kubeconfig")).args(arguments),
        )
    }
}

/// Whether this wrote the status of a Deployment.
fn is_published(entry: &Value, namespace: &str) -> bool {
    let object = &entry["objectRef"];
    object["namespace"] == namespace
        && object["resource"] == "deployments"
        && object["subresource"] == "status"
        && entry["stage"] == "ResponseComplete"
        && matches!(entry["verb"].as_str(), Some("update" | "patch"))
}

/// The administrator's requests by verb, but for kubectl's, and those of them that wait.
fn count(entries: &[Value]) -> (BTreeMap<String, usize>, usize) {
    let mut seen = BTreeSet::new();
    let requests: Vec<&Value> = entries
        .iter()
        .filter(|entry| {
            let agent = entry["userAgent"].as_str().unwrap_or_default();
            entry["user"]["username"] == "admin" && !agent.starts_with("kubectl")
        })
        // A watch has a line when it begins and another when it ends.
        .filter(|entry| seen.insert(entry["auditID"].as_str().unwrap_or_default()))
        .collect();
    let verb = |entry: &Value| entry["verb"].as_str().unwrap_or_default().to_owned();
    let at = |entry: &Value| entry["requestReceivedTimestamp"].as_str().and_then(seconds_of).unwrap_or(0.0);
    let is_record = |entry: &Value| {
        let object = &entry["objectRef"];
        let name = object["name"].as_str().unwrap_or_default();
        object["resource"] == "leases"
            || name.starts_with("sh.helm.release")
            || (object["resource"] == "secrets"
                && entry["requestURI"].as_str().is_some_and(|uri| uri.contains("owner")))
    };
    let writes =
        |entry: &&&Value| matches!(verb(entry).as_str(), "create" | "update" | "patch") && !is_record(entry);
    let last_write = requests.iter().filter(writes).map(|entry| at(entry)).reduce(f64::max).unwrap_or(0.0);
    let waits = |entry: &&&Value| {
        !is_record(entry)
            && match verb(entry).as_str() {
                "list" | "watch" => true,
                "get" => at(entry) > last_write,
                _ => false,
            }
    };
    let waiting = requests.iter().filter(waits).count();
    let mut verbs = BTreeMap::new();
    for request in &requests {
        *verbs.entry(verb(request)).or_default() += 1;
    }
    (verbs, waiting)
}

/// A chart of 100 objects. Only the first Deployment takes the tag.
fn write_chart(folder: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder.join("templates"))?;
    fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: many\nversion: 1.0.0\n")?;
    fs::write(folder.join("values.yaml"), "tag: 1.4.0\n")?;
    let mut text = String::new();
    for (kind, count) in KINDS {
        for number in 0..count {
            let name = format!("many-{number:02}");
            text.push_str("---\n");
            match kind {
                "Deployment" => {
                    let tag = if number == 0 { "{{ .Values.tag }}" } else { "1.4.0" };
                    writeln!(text, "{}", deployment(&name, tag))?;
                }
                "Service" => writeln!(
                    text,
                    "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}"
                )?,
                "ServiceAccount" => {
                    writeln!(text, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}}}")?;
                }
                _ => {
                    let field = if kind == "Secret" { "stringData" } else { "data" };
                    writeln!(
                        text,
                        "apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{field}: {{word: w{number}}}"
                    )?;
                }
            }
        }
    }
    fs::write(folder.join("templates/all.yaml"), text)?;
    Ok(folder.to_owned())
}

fn deployment(name: &str, tag: &str) -> String {
    let script = "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w";
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: {name}}}}}\n  \
         template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n        \
         - name: web\n          image: registry.example/shop/web:{tag}\n          command: [sh, -c, \"{script}\"]\n          \
         resources: {{requests: {{cpu: 5m}}}}\n          readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}"
    )
}
