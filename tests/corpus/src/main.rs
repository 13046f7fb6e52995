//! `cargo xtask corpus`: public charts rendered by Backstay and by both real Helms, compared byte for byte.

mod cases;
mod compare;
mod helm;
mod ours;
mod sources;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use backstay_gotemplate::Compatibility;
use clap::Parser;

use cases::Case;
use compare::Verdict;
use helm::Helm;

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
}

/// How deep the templates of a chart may call each other before a thread of the usual size is too small.
const STACK: usize = 512 << 20;

/// What stands for the error of a rendering that panicked; it never agrees with anything.
const PANIC: &str = "panic";

/// What was found for one case and one Helm.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    /// The differing lines or words.
    note: String,
    /// How long Backstay took.
    ours: Duration,
}

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
    let charts = options.folder.join("charts");
    fs::create_dir_all(&charts)?;
    sources::bring(&sources, options.mirror.as_deref(), &charts)?;
    let mut cases = cases::find(&sources, &charts, options.only.as_deref())?;
    cases.truncate(options.limit.unwrap_or(usize::MAX));
    let helms = [helm(options, &options.helm3, "helm3")?, helm(options, &options.helm4, "helm4")?];
    let started = Instant::now();
    let found = render_all(&cases, &helms, options)?;
    let all_agree = report(&found, started.elapsed());
    if options.write {
        fs::write(here.join("list.tsv"), list(&cases, &found))?;
    }
    Ok(if all_agree { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn helm(options: &Options, program: &Path, name: &str) -> anyhow::Result<Helm> {
    let answers = options.folder.join("answers").join(name);
    let home = options.folder.join("home");
    fs::create_dir_all(&answers)?;
    fs::create_dir_all(&home)?;
    Ok(Helm { program: program.to_path_buf(), answers, home })
}

/// Renders all cases on two threads; the findings come in the order of the cases.
fn render_all(cases: &[Case], helms: &[Helm; 2], options: &Options) -> anyhow::Result<Vec<[Finding; 2]>> {
    let next = AtomicUsize::new(0);
    // Mixed, so that each part of a run says something about all of it.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|at| (&cases[*at].digest, *at));
    let found: Mutex<BTreeMap<usize, [Finding; 2]>> = Mutex::new(BTreeMap::new());
    let work = || -> anyhow::Result<()> {
        loop {
            let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() else { return Ok(()) };
            let case = &cases[at];
            let pair = [
                compare_one(case, &helms[0], Compatibility::Helm3, options)?,
                compare_one(case, &helms[1], Compatibility::Helm4, options)?,
            ];
            for (finding, name) in pair.iter().zip(["helm3", "helm4"]) {
                let is_told =
                    !finding.verdict.agrees() || options.words && finding.verdict == Verdict::OtherWords;
                if is_told {
                    println!("{} {name}: {}\n{}", case.name(), finding.verdict, finding.note);
                }
            }
            found.lock().map_err(|_| anyhow!("a thread stopped"))?.insert(at, pair);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..2).map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)).collect();
        for thread in threads {
            thread?.join().map_err(|_| anyhow!("a thread stopped"))??;
        }
        anyhow::Ok(())
    })?;
    let found = found.into_inner().map_err(|_| anyhow!("a thread stopped"))?;
    Ok(found.into_values().collect())
}

fn compare_one(
    case: &Case,
    helm: &Helm,
    compatibility: Compatibility,
    options: &Options,
) -> anyhow::Result<Finding> {
    let values = case.values_file();
    let theirs = |round| {
        helm.template(&case.chart, &case.digest, values.as_deref(), round).with_context(|| case.name())
    };
    let expected = theirs(0)?;
    let started = Instant::now();
    let ours =
        catch_unwind(AssertUnwindSafe(|| ours::template(&case.chart, values.as_deref(), compatibility)))
            .unwrap_or_else(|_| Err(PANIC.to_owned()));
    let took = started.elapsed();
    let (verdict, note) = match (ours, expected) {
        (Ok(ours), Ok(expected)) if ours == expected => (Verdict::Identical, String::new()),
        (Ok(ours), Ok(expected)) => {
            let mut line = None;
            // Random fields differ in length now and then, and with them the lines.
            for round in 1..4 {
                let Ok(again) = theirs(round)? else { continue };
                line = compare::first_difference(&ours, &expected, &again);
                if line.is_none() {
                    break;
                }
            }
            match line {
                None => (Verdict::Masked, String::new()),
                Some(line) => (Verdict::Differs, compare::show(&ours, &expected, line, options.lines)),
            }
        }
        (Err(ours), _) if ours == PANIC => (Verdict::OnlyOursErrors, format!("    ours {ours}\n")),
        (_, Err(expected)) if expected.contains("HTTP request failed") => (Verdict::Network, String::new()),
        (Err(ours), Err(expected)) => {
            let expected = expected.replace("\n\nUse --debug flag to render out invalid YAML", "");
            let is_same = ours.trim_end() == expected.trim_end();
            let verdict = if is_same { Verdict::BothError } else { Verdict::OtherWords };
            (verdict, format!("    helm {}\n    ours {}\n", expected.trim_end(), ours.trim_end()))
        }
        (Err(ours), Ok(_)) => (Verdict::OnlyOursErrors, format!("    ours {ours}\n")),
        (Ok(_), Err(expected)) => (Verdict::OnlyHelmErrors, format!("    helm {expected}\n")),
    };
    Ok(Finding { verdict, note, ours: took })
}

/// Prints the counts; whether everything agrees.
fn report(found: &[[Finding; 2]], took: Duration) -> bool {
    let mut all_agree = true;
    for (at, name) in ["helm3", "helm4"].into_iter().enumerate() {
        let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
        for finding in found.iter().map(|pair| &pair[at]) {
            *counts.entry(finding.verdict).or_default() += 1;
            all_agree &= finding.verdict.agrees();
        }
        let counts: Vec<String> =
            counts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
        println!("{name}: {} cases: {}", found.len(), counts.join(", "));
    }
    let ours: Duration = found.iter().flatten().map(|finding| finding.ours).sum();
    println!("{:.1} s, of which Backstay {:.1} s", took.as_secs_f64(), ours.as_secs_f64());
    all_agree
}

/// The lines of `list.tsv`: repository, chart, digest, values file, and what was found with each Helm.
fn list(cases: &[Case], found: &[[Finding; 2]]) -> String {
    let mut text = String::new();
    for (case, [three, four]) in cases.iter().zip(found) {
        let values = case.values.as_deref().unwrap_or("-");
        let path = if case.path.is_empty() { "." } else { &case.path };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}\t{path}\t{}\t{values}\t{}\t{}",
            case.repository, case.digest, three.verdict, four.verdict
        );
    }
    text
}
