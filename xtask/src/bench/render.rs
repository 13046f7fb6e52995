//! `cargo xtask bench render`: `template` beside `helm template` on the same charts, in one run; then the engine alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use super::{charts, peak_of};
use crate::{paths, run, tools};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A chart, or a folder of charts; may be repeated (default: the list tests/corpus/heaviest.tsv)
    #[arg(long, value_name = "DIR")]
    charts: Vec<PathBuf>,
    /// Where the corpus of charts is kept, or brought to (default: the cache)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How often each process is measured; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Of the charts named, only as many: those that take Helm 4 the most processor time
    #[arg(long, default_value_t = 20)]
    heaviest: usize,
    /// The program to measure (default: built as the image ships it)
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
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
    cpu_ms: f64,
    peak_mib: f64,
}

type Figure = fn(&Figures) -> f64;

/// The figures by name.
const FIGURES: [(&str, Figure); 3] = [
    ("time on the clock", |figures| figures.ms),
    ("time of the processor", |figures| figures.cpu_ms),
    ("peak memory", |figures| figures.peak_mib),
];

/// Measures and prints.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let own = match &options.program {
        Some(program) => program.clone(),
        None => shipped()?,
    };
    println!("backstay: {}", own.display());
    let contenders = [
        Contender { name: "backstay", program: own },
        Contender { name: "helm 4.3.1", program: tools::HELM4.program("helm")? },
        Contender { name: "helm 3.22.0", program: tools::HELM3.program("helm")? },
    ];
    let heaviest = if options.charts.is_empty() {
        charts::heaviest(options.folder.as_deref())?
    } else {
        heaviest(&contenders, charts::named(&options.charts)?, options.heaviest)?
    };
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

/// The program as it is shipped, as Helm's is: static with a fixed address where this machine can build that, as in the image.
fn shipped() -> anyhow::Result<PathBuf> {
    let mut build = Command::new("cargo");
    build.current_dir(paths::repository());
    build.args(["build", "--locked", "--profile", "dist", "--package", "backstay"]);
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let mut library = Command::new("rustc");
    library.current_dir(paths::repository());
    let has_library = run::read(library.args(["--print", "target-libdir", "--target", &target]))
        .is_ok_and(|folder| Path::new(folder.trim()).is_dir());
    if cfg!(target_os = "linux") && has_library && paths::executable("musl-gcc").is_some() {
        build.args(["--target", &target]).env("RUSTFLAGS", "-Crelocation-model=static");
        run::seen(&mut build)?;
        return Ok(paths::built(&target).join("dist").join("backstay"));
    }
    println!("not static: that needs `rustup target add {target}` and musl-gcc (Debian: musl-tools)");
    run::seen(&mut build)?;
    Ok(paths::built("dist").join("backstay"))
}

/// The charts that take Helm 4 the longest. What a contender does not render is left out, and said.
fn heaviest(contenders: &[Contender], charts: Vec<PathBuf>, most: usize) -> anyhow::Result<Vec<PathBuf>> {
    let mut timed = Vec::new();
    for chart in charts {
        let mut took = Vec::new();
        for contender in contenders {
            match once(contender, &chart) {
                Ok((_, cpu)) => took.push(cpu),
                Err(error) => {
                    println!("left out: {error}");
                    break;
                }
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

/// Runs one process to its end: the time on the clock and of the processor.
fn once(contender: &Contender, chart: &Path) -> anyhow::Result<(Duration, Duration)> {
    let before = processor_time()?;
    let began = Instant::now();
    let status = template(contender, chart).status()?;
    let took = began.elapsed();
    if !status.success() {
        bail!("{} template {}: {status}", contender.name, chart.display());
    }
    Ok((took, processor_time()?.saturating_sub(before)))
}

/// What all processes that have ended took of the processor, their own and the system's part.
fn processor_time() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.try_into()?))
}

/// The medians of the times, and the memory of one more run: looking at it costs time.
fn measure(contender: &Contender, chart: &Path, rounds: usize) -> anyhow::Result<Figures> {
    let (mut times, mut cpu_times) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let (time, cpu) = once(contender, chart)?;
        times.push(time.as_secs_f64() * 1e3);
        cpu_times.push(cpu.as_secs_f64() * 1e3);
    }
    let mut child = template(contender, chart).spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(peak_of(child.id()).unwrap_or(0));
        std::thread::sleep(LOOK);
    }
    Ok(Figures { ms: middle(times), cpu_ms: middle(cpu_times), peak_mib: peak as f64 / 1024.0 })
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(contenders: &[Contender], rows: &[Row]) {
    println!(
        "\n`template` as a whole process: milliseconds on the clock, of the processor, peak MiB, and how many of ours fit into theirs"
    );
    print!("{:<34}", "");
    for (index, contender) in contenders.iter().enumerate() {
        print!("{:>width$}", contender.name, width = if index == 0 { 25 } else { 45 });
    }
    println!();
    for row in rows {
        print!("{:<34}", row.chart.chars().take(33).collect::<String>());
        let ours = row.figures.first().copied().unwrap_or_default();
        for (index, theirs) in row.figures.iter().enumerate() {
            print!(" {:>7.1} {:>7.1} {:>4.0} MiB", theirs.ms, theirs.cpu_ms, theirs.peak_mib);
            if index > 0 {
                let [time, cpu, memory] =
                    FIGURES.map(|(_, figure)| format!("{:.1}x", figure(theirs) / figure(&ours)));
                print!(" {time:>6} {cpu:>6} {memory:>5}");
            }
        }
        println!();
    }
    for (index, contender) in contenders.iter().enumerate().skip(1) {
        for (name, figure) in FIGURES {
            let ratio = |row: &Row| Some(figure(row.figures.get(index)?) / figure(row.figures.first()?));
            let ratios: Vec<f64> = rows.iter().filter_map(ratio).collect();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let median = middle(ratios);
            println!(
                "beside {}: {name}: {median:.1}x less by median, {least:.1}x at the least",
                contender.name
            );
        }
    }
}
