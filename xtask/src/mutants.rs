//! `cargo xtask mutants`: deliberate bugs, each of which the simulation tests have to catch. A mutant that survives fails the
//! run: then the tests prove less than they say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use crate::paths;

/// Which mutants.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only these mutants, by name; several with commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Write what caught each into `tests/mutants/caught.md`; rows of mutants that did not run stay as they are
    #[arg(long)]
    write: bool,
}

struct Mutant {
    name: String,
    caught_by: String,
    package: String,
    file: PathBuf,
    original: String,
    mutated: String,
}

/// Tries them one after the other in a copy of the sources.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let table = paths::repository().join("tests/mutants/table.txt");
    let mutants =
        read(&fs::read_to_string(&table).with_context(|| format!("{}: cannot be read", table.display()))?)?;
    let copy = std::env::temp_dir().join(format!("backstay-mutants-{}", std::process::id()));
    let chosen = choose(&mutants, &options.only)?;
    copy_sources(&copy)?;
    let mut survivors = Vec::new();
    let mut rows = Vec::new();
    for mutant in chosen {
        let began = Instant::now();
        let caught = try_one(&copy, mutant);
        let caught = caught.with_context(|| format!("mutant {}", mutant.name))?;
        let seconds = began.elapsed().as_secs_f64();
        match caught {
            Some(how) => {
                println!("    caught    {:<28} {:<8} {seconds:>5.1} s  {how}", mutant.name, mutant.caught_by);
                rows.push((
                    mutant.name.as_str(),
                    format!("| {} | {} | {how} |", mutant.name, mutant.caught_by),
                ));
            }
            None => {
                println!("    SURVIVED  {:<28} {:<8} {seconds:>5.1} s", mutant.name, mutant.caught_by);
                survivors.push(mutant.name.clone());
            }
        }
    }
    fs::remove_dir_all(&copy).with_context(|| format!("{}: cannot be removed", copy.display()))?;
    ensure!(survivors.is_empty(), "mutants survived: {}", survivors.join(", "));
    if options.write {
        let file = paths::repository().join("tests/mutants/caught.md");
        let known = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, written(&mutants, &rows, &known))
            .with_context(|| format!("{}: cannot be written", file.display()))?;
    }
    Ok(())
}

/// The mutants of these names, in the order of the table; all when none is named.
fn choose<'a>(mutants: &'a [Mutant], names: &[String]) -> anyhow::Result<Vec<&'a Mutant>> {
    let unknown = names.iter().find(|name| mutants.iter().all(|mutant| mutant.name != **name));
    if let Some(name) = unknown {
        bail!("tests/mutants/table.txt has no mutant {name:?}");
    }
    Ok(mutants.iter().filter(|mutant| names.is_empty() || names.contains(&mutant.name)).collect())
}

/// The table anew: the rows of this run, and of mutants that did not run those that are known.
fn written(mutants: &[Mutant], rows: &[(&str, String)], known: &str) -> String {
    let row_of = |mutant: &Mutant| {
        let fresh = rows.iter().find(|(name, _)| *name == mutant.name).map(|(_, row)| row.as_str());
        fresh.or_else(|| known.lines().find(|line| line.starts_with(&format!("| {} |", mutant.name))))
    };
    let rows = mutants.iter().filter_map(row_of).fold(String::new(), |rows, row| rows + row + "\n");
    format!("{HEAD}{rows}")
}

/// How the written table begins.
const HEAD: &str = "# What caught each deliberate bug\n\nWritten by `cargo xtask mutants --write`. The second column is the \
    promise that `table.txt` names, the third what failed first.\n\n| Mutant | Promise | Failed first |\n| --- | --- | --- |\n";

/// The tests of a package, those that catch most first.
fn stages(package: &str) -> &'static [&'static [&'static str]] {
    match package {
        "backstay-rehearse" => &[
            &["--test", "soak"],
            &["--test", "crashes", "--test", "limits", "--test", "verdicts"],
            &["--tests"],
        ],
        _ => &[&["--tests"]],
    }
}

/// Runs the tests with a mutant in place; `None` when they pass all the same.
fn try_one(copy: &Path, mutant: &Mutant) -> anyhow::Result<Option<String>> {
    let file = copy.join(&mutant.file);
    let text = fs::read_to_string(&file).with_context(|| format!("{}: cannot be read", file.display()))?;
    let places = text.matches(&mutant.original).count();
    ensure!(
        places == 1,
        "{} has {places} places like {:?}; bring the table up to date",
        mutant.file.display(),
        mutant.original
    );
    fs::write(&file, text.replace(&mutant.original, &mutant.mutated))?;
    let mut caught = Ok(None);
    for tests in stages(&mutant.package) {
        caught = test(copy, &mutant.package, tests);
        if !matches!(caught, Ok(None)) {
            break;
        }
    }
    fs::write(&file, &text)?;
    caught
}

/// Runs some tests; what failed first, if anything did.
fn test(copy: &Path, package: &str, tests: &[&str]) -> anyhow::Result<Option<String>> {
    let mut command = Command::new("cargo");
    command.current_dir(copy).args(["test", "--quiet", "--package", package]).args(tests);
    // One cache for all mutants and for the next run.
    command.env("CARGO_TARGET_DIR", paths::built("mutants")).env("RUST_BACKTRACE", "0");
    let output = command.env("BACKSTAY_SOAK", "0..64").stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(None);
    }
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if said.contains("error: could not compile") || said.contains("error[E") {
        bail!("it does not compile:\n{}", crate::run::last_lines(&said, 20));
    }
    Ok(Some(first_failure(&said)))
}

/// The first failure in a test's output, in a few words.
fn first_failure(said: &str) -> String {
    let promise = |line: &&str| line.contains("invariant: \"") || line.contains(" is wrong: ");
    let first = said.lines().find(promise).or_else(|| said.lines().find(|line| line.contains("panicked at")));
    let first = first.unwrap_or("the tests").trim();
    let what = first.split_once(" is wrong: ").map_or(first, |(_, why)| why);
    let what = what.split_once("Violation {").map_or(what, |(_, violation)| violation);
    what.split(';').next().unwrap_or(what).chars().take(110).collect::<String>().replace('|', "/")
}

/// Everything the tests are built from, without what was built.
fn copy_sources(to: &Path) -> anyhow::Result<()> {
    let listed = crate::run::read(Command::new("git").current_dir(paths::repository()).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    for name in listed.lines() {
        let from = paths::repository().join(name);
        if !from.is_file() {
            continue;
        }
        let target = to.join(name);
        let parent = target.parent().context("a file has a folder")?;
        fs::create_dir_all(parent)?;
        fs::copy(&from, &target).with_context(|| format!("{name}: cannot be copied"))?;
    }
    Ok(())
}

fn read(table: &str) -> anyhow::Result<Vec<Mutant>> {
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut mutants = Vec::new();
    let mut lines = lines.peekable();
    while let Some(head) = lines.next() {
        let words: Vec<&str> = head.trim_start_matches('=').split_whitespace().collect();
        let [name, caught_by, package] = words[..] else {
            bail!("{head:?} is not \"= NAME CAUGHT-BY PACKAGE\"")
        };
        let file = lines.next().context("a mutant without a file")?;
        let original = lines
            .next()
            .and_then(|line| line.strip_prefix('-'))
            .with_context(|| format!("{name} has no original line"))?;
        let mutated = lines
            .next()
            .and_then(|line| line.strip_prefix('+'))
            .with_context(|| format!("{name} has no mutated line"))?;
        mutants.push(Mutant {
            name: name.to_owned(),
            caught_by: caught_by.to_owned(),
            package: package.to_owned(),
            file: file.into(),
            original: original.trim_start().to_owned(),
            mutated: mutated.trim_start().to_owned(),
        });
    }
    Ok(mutants)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# head\n= one  S1  a\nf\n- x\n+ y\n\n= two  S2  a\nf\n- x\n+ y\n";

    #[test]
    fn names_choose_and_rows_of_others_stay() {
        let mutants = read(TABLE).expect("the table");
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            choose(&mutants, &names).map(|found| found.iter().map(|one| one.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]).expect("all"), ["one", "two"]);
        assert_eq!(of(&["two"]).expect("one of them"), ["two"]);
        assert!(of(&["thr"]).is_err(), "a name that nothing has");
        let rows = [("two", "| two | S2 | new |".to_owned())];
        let text = written(&mutants, &rows, "| one | S1 | old |\n| two | S2 | old |\n| gone | S3 | old |\n");
        assert_eq!(text, format!("{HEAD}| one | S1 | old |\n| two | S2 | new |\n"));
    }
}
