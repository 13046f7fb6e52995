//! `cargo xtask bench group`: a hundred small releases on a real API server. Helm installs them one after another and with
//! `xargs -P`; backstay as one group. Helm does not wait for them, backstay does.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;

use super::{Contender, contenders, on_cluster};
use crate::{paths, run};

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many releases
    #[arg(long, default_value_t = 100)]
    releases: usize,
    /// How many at once, for `xargs -P` and for the group
    #[arg(long, default_value_t = 8)]
    concurrency: usize,
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Use the cluster in this folder, which runs already, instead of one of our own
    #[arg(long, value_name = "FOLDER")]
    cluster: Option<PathBuf>,
    /// Use this backstay instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let contenders = contenders(options.program.as_deref())?;
    let scratch = std::env::temp_dir().join(format!("backstay-group-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let measured = on_cluster(options.cluster.as_deref(), |folder| {
        let bench = Bench { kubeconfig: folder.join("kubeconfig"), scratch: scratch.clone(), options };
        bench.measure(&contenders)
    });
    fs::remove_dir_all(&scratch).with_context(|| format!("{}: cannot be removed", scratch.display()))?;
    measured
}

struct Bench<'a> {
    kubeconfig: PathBuf,
    scratch: PathBuf,
    options: &'a Options,
}

impl Bench<'_> {
    fn measure(&self, contenders: &[Contender]) -> anyhow::Result<()> {
        let mut rows = Vec::new();
        for contender in contenders {
            let ways: &[usize] = if contender.is_ours() { &[0] } else { &[1, self.options.concurrency] };
            for at_once in ways {
                let mut seconds = Vec::new();
                for round in 0..self.options.rounds.max(1) {
                    let short: String = contender.name.chars().filter(char::is_ascii_alphanumeric).collect();
                    seconds.push(self.once(
                        contender,
                        *at_once,
                        &format!("group-{short}-{at_once}-{round}"),
                    )?);
                }
                seconds.sort_by(f64::total_cmp);
                let name = match at_once {
                    0 => "backstay deploy --group".to_owned(),
                    1 => format!("{} in a loop", program_of(contender)),
                    many => format!("{} with xargs -P {many}", program_of(contender)),
                };
                rows.push((name, seconds.get(seconds.len() / 2).copied().unwrap_or_default()));
            }
        }
        let own = rows.first().map_or(0.0, |(_, seconds)| *seconds);
        println!("{} releases, {} at once", self.options.releases, self.options.concurrency);
        for (name, seconds) in rows {
            println!("{name:<28} {seconds:>7.2} s {:>6.1}x", seconds / own);
        }
        Ok(())
    }

    /// The seconds that all releases take, in a namespace that goes afterwards.
    fn once(&self, contender: &Contender, at_once: usize, namespace: &str) -> anyhow::Result<f64> {
        self.kubectl(&["create", "namespace", namespace])?;
        let chart = paths::repository().join("tests/charts/interop");
        let mut command = if contender.is_ours() {
            let file = self.scratch.join(format!("{namespace}.yaml"));
            fs::write(&file, self.group(&chart, namespace))?;
            let mut command = Command::new(&contender.program);
            command.args(["deploy", "--group"]).arg(file);
            command
        } else {
            let names: String = (0..self.options.releases).map(|number| format!("r{number} ")).collect();
            let mut command = Command::new("sh");
            command.env("HELM", &contender.program).env("CHART", &chart).env("NAMESPACE", namespace);
            command.args(["-c", &format!(
                "echo {names} | tr ' ' '\\n' | grep . | xargs -P {at_once} -I% \"$HELM\" install % \"$CHART\" -n \"$NAMESPACE\""
            )]);
            command
        };
        command.env("KUBECONFIG", &self.kubeconfig).env("XDG_STATE_HOME", self.scratch.join("state"));
        let before = Instant::now();
        let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
        let seconds = before.elapsed().as_secs_f64();
        if !output.status.success() {
            bail!("{}: {}: {}", contender.name, output.status, String::from_utf8_lossy(&output.stderr));
        }
        self.check(namespace)?;
        self.kubectl(&["delete", "namespace", namespace, "--wait=false"])?;
        Ok(seconds)
    }

    /// Every release has its record and its object.
    fn check(&self, namespace: &str) -> anyhow::Result<()> {
        for (kind, selector) in
            [("secrets", "owner=helm,status=deployed"), ("services", "app.kubernetes.io/managed-by=Helm")]
        {
            let found = self.kubectl(&["get", kind, "-n", namespace, "-l", selector, "-o", "name"])?;
            let count = found.lines().count();
            if count != self.options.releases {
                bail!("{namespace}: {count} {kind} of {} releases", self.options.releases);
            }
        }
        Ok(())
    }

    fn group(&self, chart: &Path, namespace: &str) -> String {
        let mut text = format!("name: many\nconcurrency: {}\nreleases:\n", self.options.concurrency);
        for number in 0..self.options.releases {
            let chart = chart.display();
            let _ = writeln!(text, "  - {{name: r{number}, chart: {chart}, namespace: {namespace}}}");
        }
        text
    }

    fn kubectl(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(words);
        run::read(&mut command)
    }
}

fn program_of(contender: &Contender) -> String {
    contender.name.split(' ').take(2).collect::<Vec<_>>().join(" ")
}
