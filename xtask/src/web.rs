//! `cargo xtask web`: the planner page, built, measured and tested in a real Chromium.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{paths, run, setup, wasm};

/// The files of the page that are loaded first.
const FIRST: [&str; 4] = ["index.html", "style.css", "page.js", "backstay-first.wasm"];

/// The module that is loaded when a rehearsal, a schema or a rare function needs it.
const FULL: &str = "backstay.wasm";

/// At most so many bytes with gzip may the page's own files have.
const PAGE_BUDGET: usize = 26_500;

/// At most so many bytes with gzip may all have that the page loads first: 600 KiB.
const FIRST_BUDGET: usize = 614_400;

/// How to build.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// The modules to put into the page, the first one and the one with everything, instead of building them
    #[arg(long, num_args = 2, value_names = ["FIRST", "FULL"])]
    modules: Option<Vec<PathBuf>>,
    /// Leave out the tests in Chromium
    #[arg(long)]
    no_test: bool,
}

/// Builds the page into `web/dist`, prints what it weighs, and tests it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    run::read(Command::new("node").arg("--version")).context("the page is built with Node 20 or later")?;
    let modules = match &options.modules {
        Some(modules) => modules.clone(),
        None => wasm::both()?.to_vec(),
    };
    let modules = modules.iter().map(fs::canonicalize).collect::<Result<Vec<_>, _>>()?;
    let folder = paths::repository().join("web");
    packages(&folder)?;
    run::seen(Command::new("node").current_dir(&folder).args([
        "node_modules/typescript/bin/tsc",
        "--project",
        ".",
    ]))?;
    run::seen(Command::new("node").current_dir(&folder).arg("build.mjs").args(modules))?;
    measure(&folder.join("dist"))?;
    if options.no_test {
        return Ok(());
    }
    test(&folder.join("dist"))
}

/// Installs what the lock file names; again only when it has changed.
pub(crate) fn packages(folder: &Path) -> anyhow::Result<()> {
    let lock = fs::read(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.backstay-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    run::seen(Command::new("npm").current_dir(folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]))?;
    fs::write(&stamp, lock).with_context(|| format!("{}: cannot be written", stamp.display()))
}

fn measure(dist: &Path) -> anyhow::Result<()> {
    let size = |name: &str| -> anyhow::Result<usize> {
        let content = fs::read(dist.join(name)).with_context(|| format!("{name} was not built"))?;
        let packed = wasm::packed(&content);
        println!("    {name}: {} bytes, {packed} with gzip", content.len());
        Ok(packed)
    };
    let (mut own, mut first) = (0, 0);
    for name in FIRST {
        let packed = size(name)?;
        first += packed;
        own += if Path::new(name).extension().is_some_and(|ending| ending == "wasm") { 0 } else { packed };
    }
    let full = size(FULL)?;
    println!("    the page loads {first} bytes with gzip first, {own} of them its own files");
    for (what, bytes, budget) in [
        ("the page's own files have", own, PAGE_BUDGET),
        ("what the page loads first has", first, FIRST_BUDGET),
        ("the module with everything has", full, wasm::BUDGET),
    ] {
        if bytes > budget {
            bail!("{what} {bytes} bytes with gzip, {budget} are allowed");
        }
    }
    Ok(())
}

/// What a user does, in Chromium.
fn test(dist: &Path) -> anyhow::Result<()> {
    let Some(chromium) = setup::chromium()? else {
        println!("    left out: there is no chromium, and only root can install it with apt-get");
        return Ok(());
    };
    let mut command = Command::new("node");
    command.current_dir(paths::repository()).args(["--test", "--test-concurrency=1"]);
    command.args([
        "tests/web/page.test.mjs",
        "tests/web/access.test.mjs",
        "tests/web/parity.test.mjs",
        "tests/web/ui.test.mjs",
    ]);
    // The same commit's program, which the module is compared with.
    run::seen(Command::new("cargo").current_dir(paths::repository()).args([
        "build",
        "--package",
        "backstay",
    ]))?;
    command.env("BACKSTAY_TEST_BINARY", paths::built("debug").join("backstay"));
    command.env("BACKSTAY_TEST_CHROMIUM", chromium).env("BACKSTAY_TEST_PAGE", dist);
    run::seen(&mut command)
}
