//! `cargo xtask bench render`: `template` beside `helm template` on the same charts, in one run; then the engine alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;

use super::peak_of;
use crate::{paths, run, tools};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A chart, or a folder of charts; may be repeated (default: tests/charts/shop)
    #[arg(long, value_name = "DIR")]
    charts: Vec<PathBuf>,
    /// How often each process is measured; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only as many charts, those that take Helm 4 the longest
    #[arg(long, default_value_t = 20)]
    heaviest: usize,
    /// Leave out the measurements inside the process
    #[arg(long)]
    processes_only: bool,
}

/// The version of Kubernetes that charts are told, the same for all: Helm's defaults differ.
const KUBE_VERSION: &str = "1.33.0";

/// How long between two looks at a process' memory. A look takes about 20 microseconds.
const LOOK: Duration = Duration::from_micros(200);

struct Contender {
    name: &'static str,
    program: PathBuf,
}

/// A chart and what every contender took for it, in the order of the contenders.
struct Row {
    chart: String,
    figures: Vec<Figures>,
}

#[derive(Clone, Copy, Default)]
struct Figures {
    ms: f64,
    peak_mib: f64,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut build = Command::new("cargo");
    build.current_dir(paths::repository()).args(["build", "--release", "--package", "backstay"]);
    run::seen(&mut build)?;
    let contenders = [
        Contender { name: "backstay", program: paths::built("release").join("backstay") },
        Contender { name: "helm 4.3.1", program: tools::HELM4.program("helm")? },
        Contender { name: "helm 3.22.0", program: tools::HELM3.program("helm")? },
    ];
    let charts = find(options)?;
    let heaviest = heaviest(&contenders, charts, options.heaviest)?;
    let mut rows = Vec::new();
    for chart in &heaviest {
        let figures = contenders.iter().map(|contender| measure(contender, chart, options.rounds));
        let name = chart.file_name().unwrap_or_default().to_string_lossy().into_owned();
        rows.push(Row { chart: name, figures: figures.collect::<anyhow::Result<_>>()? });
    }
    print(&contenders, &rows);
    if options.processes_only {
        return Ok(());
    }
    println!();
    let mut inside = Command::new("cargo");
    inside.current_dir(paths::repository()).args(["run", "--quiet", "--release", "--package"]);
    run::seen(inside.args(["backstay-chart", "--example", "growth", "--"]).args(&heaviest))
}

/// The charts in what was named.
fn find(options: &Options) -> anyhow::Result<Vec<PathBuf>> {
    let is_chart =
        |path: &Path| path.join("Chart.yaml").is_file() || path.extension().is_some_and(|e| e == "tgz");
    let mut found = Vec::new();
    for named in &options.charts {
        let named = named.canonicalize().with_context(|| format!("{}: cannot be found", named.display()))?;
        if is_chart(&named) {
            found.push(named);
            continue;
        }
        let entries = fs::read_dir(&named).with_context(|| format!("{}: is no folder", named.display()))?;
        let mut inside: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
        inside.retain(|path| is_chart(path));
        inside.sort();
        found.append(&mut inside);
    }
    if options.charts.is_empty() {
        found.push(paths::repository().join("tests/charts/shop"));
    }
    if found.is_empty() {
        bail!("there is no chart in the folders given; a chart is a folder with a Chart.yaml, or a .tgz");
    }
    Ok(found)
}

/// The charts that take Helm 4 the longest. What a contender does not render is left out, and said.
fn heaviest(contenders: &[Contender], charts: Vec<PathBuf>, most: usize) -> anyhow::Result<Vec<PathBuf>> {
    let mut timed = Vec::new();
    for chart in charts {
        let mut took = Vec::new();
        for contender in contenders {
            let began = Instant::now();
            let status = template(contender, &chart).status()?;
            took.push(began.elapsed());
            if !status.success() {
                println!("left out: {}: {} ends with {status}", chart.display(), contender.name);
                break;
            }
        }
        if let (true, Some(helm)) = (took.len() == contenders.len(), took.get(1)) {
            timed.push((*helm, chart));
        }
    }
    timed.sort_by_key(|(took, _)| std::cmp::Reverse(*took));
    timed.truncate(most);
    Ok(timed.into_iter().map(|(_, chart)| chart).collect())
}

fn template(contender: &Contender, chart: &Path) -> Command {
    let mut command = Command::new(&contender.program);
    command.args(["template", "web"]).arg(chart).args(["--kube-version", KUBE_VERSION]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The median of the times, and the memory of one more run: looking at it costs time.
fn measure(contender: &Contender, chart: &Path, rounds: usize) -> anyhow::Result<Figures> {
    let mut times = Vec::new();
    for _ in 0..rounds.max(1) {
        let began = Instant::now();
        let status = template(contender, chart).status()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        if !status.success() {
            bail!("{} template {}: {status}", contender.name, chart.display());
        }
    }
    let mut child = template(contender, chart).spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(peak_of(child.id()).unwrap_or(0));
        std::thread::sleep(LOOK);
    }
    Ok(Figures { ms: middle(times), peak_mib: peak as f64 / 1024.0 })
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(contenders: &[Contender], rows: &[Row]) {
    println!(
        "\n`template` as a whole process: milliseconds and peak MiB, and how often ours fits into theirs"
    );
    print!("{:<44}", "");
    for contender in contenders {
        print!("{:>13}{:>13}", contender.name, "");
    }
    println!();
    for row in rows {
        print!("{:<44}", row.chart.chars().take(43).collect::<String>());
        let ours = row.figures.first().copied().unwrap_or_default();
        for (index, theirs) in row.figures.iter().enumerate() {
            print!(" {:>7.0} ms {:>4.0} MiB", theirs.ms, theirs.peak_mib);
            if index > 0 {
                print!(" {:>5.1}x {:>5.1}x", theirs.ms / ours.ms, theirs.peak_mib / ours.peak_mib);
            }
        }
        println!();
    }
    for (index, contender) in contenders.iter().enumerate().skip(1) {
        let ratios = |figure: fn(&Figures) -> f64| {
            let ratio = |row: &Row| Some(figure(row.figures.get(index)?) / figure(row.figures.first()?));
            rows.iter().filter_map(ratio).collect::<Vec<f64>>()
        };
        let (times, memory) = (ratios(|figures| figures.ms), ratios(|figures| figures.peak_mib));
        let least = |ratios: &[f64]| ratios.iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "beside {}: {:.1}x faster by median, {:.1}x at the least; memory 1/{:.1} by median, 1/{:.1} at the most",
            contender.name,
            middle(times.clone()),
            least(&times),
            middle(memory.clone()),
            least(&memory)
        );
    }
}
