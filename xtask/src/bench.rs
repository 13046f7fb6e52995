//! `cargo xtask bench`: backstay beside both Helms on one real control plane. Printed as figures and as ratios; nothing is
//! asserted, because machines differ.

mod charts;
mod failures;
mod group;
mod readiness;
mod render;
mod trial;
mod wait;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cluster::AUDIT_LOG;
use crate::{cluster, paths, run, setup, tools};

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: Option<What>,
    /// How often each case is measured; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// What Helm is given as --timeout for an image that does not exist; its default would be 5m
    #[arg(long, default_value = "60s")]
    helm_timeout: String,
}

/// Other measurements.
#[derive(Debug, Subcommand)]
enum What {
    /// `template` beside `helm template`: whole processes and the engine alone
    Render(render::Options),
    /// Upgrades that fail, F1 to F12: the cause, how soon it is certain, what still serves
    Failures(failures::Options),
    /// A healthy release of 100 objects: requests of waiting, and how soon after readiness the command is gone
    Wait(wait::Options),
    /// A hundred small releases: as a group, beside Helm in a loop and with `xargs -P`
    Group(group::Options),
    /// One judgement beside kstatus in Go, and one observation among 10 to 100,000 objects
    Readiness,
}

/// Who is measured.
struct Contender {
    name: &'static str,
    program: PathBuf,
    deploy: &'static [&'static str],
}

impl Contender {
    fn is_ours(&self) -> bool {
        self.name.starts_with("backstay")
    }
}

/// One run of a contender.
#[derive(Clone, Debug, Default)]
struct Figures {
    seconds: f64,
    requests: f64,
    peak_mib: f64,
    /// Seconds from the kubelet's first report of the missing image to the first step back.
    decided_after: Option<f64>,
    exit: i32,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.what {
        Some(What::Render(options)) => return render::run(options),
        Some(What::Failures(options)) => return failures::run(options),
        Some(What::Wait(options)) => return wait::run(options),
        Some(What::Group(options)) => return group::run(options),
        Some(What::Readiness) => return readiness::run(),
        None => {}
    }
    let contenders = contenders(None)?;
    on_cluster(None, |folder| {
        let bench = Bench { folder: folder.to_owned(), helm_timeout: options.helm_timeout.clone() };
        bench.measure(&contenders, options.rounds)
    })
}

/// Measures on the cluster in a folder that is given, or on one of our own that is taken down afterwards.
fn on_cluster(given: Option<&Path>, measure: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if let Some(folder) = given {
        return measure(folder);
    }
    let folder = std::env::temp_dir().join(format!("backstay-bench-{}", std::process::id()));
    let place = cluster::Place { dir: Some(folder) };
    let cluster = cluster::up(&cluster::Options { place, ..cluster::Options::default() })?;
    println!("node: {}", cluster.node());
    let measured = measure(cluster.folder());
    let down = cluster.down();
    measured.and(down)
}

/// Ourselves, freshly built unless a program is given, and both Helms.
fn contenders(program: Option<&Path>) -> anyhow::Result<Vec<Contender>> {
    setup::run(&setup::Options::default())?;
    let program = match program {
        Some(program) => program.to_owned(),
        None => {
            run::seen(Command::new("cargo").current_dir(paths::repository()).args([
                "build",
                "--release",
                "--package",
                "backstay",
            ]))?;
            paths::built("release").join("backstay")
        }
    };
    Ok(vec![
        Contender { name: "backstay deploy", program, deploy: &["deploy", "app"] },
        Contender {
            name: "helm 3 --atomic",
            program: tools::HELM3.program("helm")?,
            deploy: &["upgrade", "--install", "--atomic", "app"],
        },
        Contender {
            name: "helm 4 --rollback-on-failure",
            program: tools::HELM4.program("helm")?,
            deploy: &["upgrade", "--install", "--rollback-on-failure", "app"],
        },
    ])
}

struct Bench {
    /// The cluster's.
    folder: PathBuf,
    helm_timeout: String,
}

impl Bench {
    fn measure(&self, contenders: &[Contender], rounds: usize) -> anyhow::Result<()> {
        let mut rows: Vec<(&str, Figures, Figures)> = Vec::new();
        for contender in contenders {
            let (mut healthy, mut missing) = (Vec::new(), Vec::new());
            for round in 0..rounds {
                let namespace = format!(
                    "bench-{}-{round}",
                    contender.name.split(' ').take(2).collect::<Vec<_>>().join("-").replace("--", "")
                );
                self.kubectl(&["create", "namespace", &namespace])?;
                let first = self.deploy(contender, &namespace, "1.4.0")?;
                if first.exit != 0 {
                    bail!("{}: the first install failed with exit {}", contender.name, first.exit);
                }
                healthy.push(self.deploy(contender, &namespace, "1.5.0")?);
                missing.push(self.deploy(contender, &namespace, "does-not-exist")?);
                self.kubectl(&["delete", "namespace", &namespace, "--wait=false"])?;
            }
            rows.push((contender.name, median(&healthy), median(&missing)));
        }
        self.print(&rows);
        Ok(())
    }

    fn print(&self, rows: &[(&str, Figures, Figures)]) {
        let Some((_, our_healthy, our_missing)) = rows.first() else { return };
        let ratio = |theirs: f64, ours: f64| {
            if ours > 0.0 { format!("{:.1}x", theirs / ours) } else { "-".to_owned() }
        };
        println!(
            "\nhealthy upgrade of two replicas{:>18} {:>16} {:>16}",
            "seconds", "API requests", "peak MiB"
        );
        for (name, healthy, _) in rows {
            println!(
                "  {name:<30} {:>8.2} {:>7} {:>8.0} {:>7} {:>8.1} {:>7}",
                healthy.seconds,
                ratio(healthy.seconds, our_healthy.seconds),
                healthy.requests,
                ratio(healthy.requests, our_healthy.requests),
                healthy.peak_mib,
                ratio(healthy.peak_mib, our_healthy.peak_mib)
            );
        }
        println!("\nan image that does not exist (helm with --timeout {})", self.helm_timeout);
        println!("{:>50} {:>16} {:>16} {:>6}", "decided after s", "exit after s", "API requests", "exit");
        for (name, _, missing) in rows {
            let decided = missing.decided_after.unwrap_or(f64::NAN);
            println!(
                "  {name:<30} {:>9.2} {:>7} {:>8.2} {:>7} {:>8.0} {:>7} {:>6}",
                decided,
                ratio(decided, our_missing.decided_after.unwrap_or(0.0)),
                missing.seconds,
                ratio(missing.seconds, our_missing.seconds),
                missing.requests,
                ratio(missing.requests, our_missing.requests),
                missing.exit
            );
        }
    }

    /// Deploys the test chart with a tag and measures the run.
    fn deploy(&self, contender: &Contender, namespace: &str, tag: &str) -> anyhow::Result<Figures> {
        let mut command = Command::new(&contender.program);
        command.args(contender.deploy).arg(paths::repository().join("tests/charts/app"));
        command
            .args(["-n", namespace, "--set", &format!("tag={tag}")])
            .arg("--kubeconfig")
            .arg(self.folder.join("kubeconfig"));
        if contender.name.starts_with("helm") {
            command.args(["--timeout", &self.helm_timeout]);
        }
        command.env(
            "XDG_STATE_HOME",
            std::env::temp_dir().join(format!("backstay-bench-{}-state", std::process::id())),
        );
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let from = fs::metadata(self.folder.join(AUDIT_LOG))?.len();
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{}: cannot be started", contender.name))?;
        let mut peak_kib = 0;
        let status = loop {
            peak_kib = peak_kib.max(peak_of(child.id()).unwrap_or(0));
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let seconds = began.elapsed().as_secs_f64();
        // The audit log is written in batches.
        std::thread::sleep(Duration::from_millis(1500));
        let requests = self.requests(from, namespace)?;
        Ok(Figures {
            seconds,
            requests: requests.len() as f64,
            peak_mib: peak_kib as f64 / 1024.0,
            decided_after: self.decided_after(&requests, namespace)?,
            exit: status.code().unwrap_or(-1),
        })
    }

    /// The audit log's entries of this run: what the administrator asked, except by kubectl.
    fn requests(&self, from: u64, _namespace: &str) -> anyhow::Result<Vec<Value>> {
        let log = fs::read(self.folder.join(AUDIT_LOG))?;
        let new = log.get(usize::try_from(from)?..).unwrap_or_default();
        let entries = String::from_utf8_lossy(new)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .collect::<Vec<_>>();
        let ours = |entry: &Value| {
            let agent = entry["userAgent"].as_str().unwrap_or_default();
            entry["user"]["username"] == "admin"
                && !["kubectl", "kube-", "curl"]
                    .iter()
                    .any(|other| agent.starts_with(other) && !agent.starts_with("kube-rs"))
        };
        Ok(entries.into_iter().filter(ours).collect())
    }

    /// Seconds from the first event about the missing image to the last change of the deployment: the way back.
    fn decided_after(&self, requests: &[Value], namespace: &str) -> anyhow::Result<Option<f64>> {
        let events = self.kubectl(&["get", "events", "-n", namespace, "-o", "json"])?;
        let events: Value = serde_json::from_str(&events)?;
        let reported = events["items"].as_array().into_iter().flatten().filter(|event| {
            event["reason"] == "Failed"
                && event["message"].as_str().is_some_and(|message| message.contains("does-not-exist"))
        });
        let Some(reported) =
            reported.filter_map(|event| seconds_of(event["firstTimestamp"].as_str()?)).reduce(f64::min)
        else {
            return Ok(None);
        };
        let back = requests.iter().filter(|entry| {
            let verb = entry["verb"].as_str().unwrap_or_default();
            let is_real = !entry["requestURI"].as_str().unwrap_or_default().contains("dryRun");
            is_real
                && entry["objectRef"]["resource"] == "deployments"
                && matches!(verb, "patch" | "update" | "delete")
        });
        let times = back.filter_map(|entry| seconds_of(entry["requestReceivedTimestamp"].as_str()?));
        // The deployment is changed twice in such a run: by the upgrade and by the way back.
        Ok(times.filter(|time| *time >= reported).reduce(f64::max).map(|time| time - reported))
    }

    fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let kubectl = tools::KUBERNETES.program("kubectl")?;
        run::read(
            Command::new(kubectl).arg("--kubeconfig").arg(self.folder.join("kubeconfig")).args(arguments),
        )
    }
}

/// The most memory a process ever had resident, in KiB.
fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Seconds of a day of an RFC 3339 time; good enough for differences, except over midnight.
fn seconds_of(time: &str) -> Option<f64> {
    let clock = time.split('T').nth(1)?.trim_end_matches('Z');
    clock.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}

fn median(runs: &[Figures]) -> Figures {
    let middle = |figure: &dyn Fn(&Figures) -> f64| {
        let mut figures: Vec<f64> = runs.iter().map(figure).filter(|figure| figure.is_finite()).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let decided = middle(&|run| run.decided_after.unwrap_or(f64::NAN));
    Figures {
        seconds: middle(&|run| run.seconds),
        requests: middle(&|run| run.requests),
        peak_mib: middle(&|run| run.peak_mib),
        decided_after: decided.is_finite().then_some(decided),
        exit: runs.last().map_or(-1, |run| run.exit),
    }
}
