//! `cargo xtask corpus`: public charts rendered by Backstay and by both real Helms, compared byte for byte.

mod cases;
mod compare;
mod helm;
mod judge;
mod known;
mod ours;
mod sources;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use backstay_gotemplate::Compatibility;
use clap::Parser;

use cases::Case;
use compare::Verdict;
use helm::Helm;
use judge::{Finding, Trial};
use known::Known;

/// What to render and what to say about it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask corpus")]
struct Options {
    /// Render only the first N cases
    #[arg(long)]
    limit: Option<usize>,
    /// Render only charts whose `owner/name/path` contains this
    #[arg(long)]
    only: Option<String>,
    /// A folder with `owner+name/repo` git directories to take the repositories from, instead of GitHub
    #[arg(long)]
    mirror: Option<PathBuf>,
    /// Where charts and Helm's answers are kept
    #[arg(long)]
    folder: PathBuf,
    /// The program of Helm 3.22
    #[arg(long, env = "BACKSTAY_TEST_HELM3")]
    helm3: PathBuf,
    /// The program of Helm 4.3
    #[arg(long, env = "BACKSTAY_TEST_HELM4")]
    helm4: PathBuf,
    /// Write what was found to list.tsv
    #[arg(long)]
    write: bool,
    /// How many lines to show of each difference
    #[arg(long, default_value_t = 3)]
    lines: usize,
    /// Show also where both refuse with other words
    #[arg(long)]
    words: bool,
    /// Begin no case after so many minutes; Helm's answers are kept, and the next run goes on quicker
    #[arg(long)]
    minutes: Option<u64>,
}

/// How deep the templates of a chart may call each other before a thread of the usual size is too small.
const STACK: usize = 512 << 20;

/// The names of the Helms, as lists have them.
const HELMS: [&str; 2] = ["helm3", "helm4"];

/// What was found with each Helm, by the case's number.
type Findings = BTreeMap<usize, [Finding; 2]>;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("corpus: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources::read(&here.join("sources.tsv"))?;
    let known = Known::read(&here.join("differences.md"))?;
    let charts = options.folder.join("charts");
    fs::create_dir_all(&charts)?;
    sources::bring(&sources, options.mirror.as_deref(), &charts)?;
    let mut cases = cases::find(&sources, &charts, options.only.as_deref())?;
    cases.truncate(options.limit.unwrap_or(usize::MAX));
    let helms = [helm(options, &options.helm3, "helm3")?, helm(options, &options.helm4, "helm4")?];
    let started = Instant::now();
    let found = render_all(&cases, &helms, options)?;
    report(&found, started.elapsed());
    let unknown = known.unknown(&cases, &found);
    for line in &unknown {
        println!("no row in differences.md: {line}");
    }
    let is_whole = found.len() == cases.len();
    if !is_whole {
        println!("{} of {} cases; the next run goes on", found.len(), cases.len());
    } else if options.write {
        anyhow::ensure!(options.only.is_none() && options.limit.is_none(), "--write goes with all cases");
        fs::write(here.join("list.tsv"), list(&cases, &found))?;
    }
    Ok(if is_whole && unknown.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn helm(options: &Options, program: &Path, name: &str) -> anyhow::Result<Helm> {
    let answers = options.folder.join("answers").join(name);
    let home = options.folder.join("home");
    fs::create_dir_all(&answers)?;
    fs::create_dir_all(&home)?;
    Ok(Helm { program: program.to_path_buf(), answers, home })
}

/// Renders all cases on two threads, or as many as there is time for; the findings by the case's number.
fn render_all(cases: &[Case], helms: &[Helm; 2], options: &Options) -> anyhow::Result<Findings> {
    let next = AtomicUsize::new(0);
    let end = options.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    // Mixed, so that each part of a run says something about all of it.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|at| (&cases[*at].digest, *at));
    let found: Mutex<Findings> = Mutex::new(Findings::new());
    let work = || -> anyhow::Result<()> {
        while end.is_none_or(|end| Instant::now() < end) {
            let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() else { break };
            let case = &cases[at];
            let judge =
                |helm, compatibility| Trial { case, helm, compatibility, lines: options.lines }.judge();
            let pair = [judge(&helms[0], Compatibility::Helm3)?, judge(&helms[1], Compatibility::Helm4)?];
            for (finding, name) in pair.iter().zip(HELMS) {
                let is_told =
                    !finding.verdict.agrees() || options.words && finding.verdict == Verdict::OtherWords;
                if is_told {
                    println!("{} {name}: {}\n{}", case.name(), finding.verdict, finding.note);
                }
            }
            found.lock().map_err(|_| anyhow!("a thread stopped"))?.insert(at, pair);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..2).map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)).collect();
        for thread in threads {
            thread?.join().map_err(|_| anyhow!("a thread stopped"))??;
        }
        anyhow::Ok(())
    })?;
    found.into_inner().map_err(|_| anyhow!("a thread stopped"))
}

/// Prints the counts.
fn report(found: &Findings, took: Duration) {
    for (at, name) in HELMS.into_iter().enumerate() {
        let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
        for finding in found.values().map(|pair| &pair[at]) {
            *counts.entry(finding.verdict).or_default() += 1;
        }
        let count = |of: &dyn Fn(Verdict) -> bool| -> usize {
            counts.iter().filter(|(verdict, _)| of(**verdict)).map(|(_, count)| count).sum()
        };
        let rendered = count(&Verdict::is_rendering);
        let same = count(&|verdict| verdict.is_rendering() && verdict.agrees());
        let counts: Vec<String> =
            counts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
        println!("{name}: {} cases: {}", found.len(), counts.join(", "));
        println!("{name}: Helm rendered {rendered}, of which {same} are the same");
    }
    let ours: Duration = found.values().flatten().map(|finding| finding.ours).sum();
    println!("{:.1} s, of which Backstay {:.1} s", took.as_secs_f64(), ours.as_secs_f64());
}

/// The lines of `list.tsv`: repository, chart, digest of its files, values file, and with each Helm the verdict and the
/// digest of what was rendered; `-` where there are no same bytes.
fn list(cases: &[Case], found: &Findings) -> String {
    let mut text = String::new();
    for (at, [three, four]) in found {
        let case = &cases[*at];
        let values = case.values.as_deref().unwrap_or("-");
        let path = if case.path.is_empty() { "." } else { &case.path };
        let shown =
            |finding: &Finding| format!("{}\t{}", finding.verdict, finding.digest.as_deref().unwrap_or("-"));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}\t{path}\t{}\t{values}\t{}\t{}",
            case.repository,
            case.digest,
            shown(three),
            shown(four)
        );
    }
    text
}
