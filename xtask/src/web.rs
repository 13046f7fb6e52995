//! `cargo xtask web`: the planner page, built, measured and tested in a real Chromium.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{paths, run, setup, wasm};

/// The files of the page; all of them are loaded first.
const FILES: [&str; 4] = ["index.html", "style.css", "page.js", "backstay.wasm"];

/// At most so many bytes with gzip may the page's own files have.
const PAGE_BUDGET: usize = 24_000;

/// How to build.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// The module to put into the page, instead of building it
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Leave out the tests in Chromium
    #[arg(long)]
    no_test: bool,
}

/// Builds the page into `web/dist`, prints what it weighs, and tests it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    run::read(Command::new("node").arg("--version")).context("the page is built with Node 20 or later")?;
    let module = match &options.module {
        Some(module) => module.clone(),
        None => wasm::module()?,
    };
    let folder = paths::repository().join("web");
    packages(&folder)?;
    run::seen(Command::new("node").current_dir(&folder).args([
        "node_modules/typescript/bin/tsc",
        "--project",
        ".",
    ]))?;
    run::seen(Command::new("node").current_dir(&folder).arg("build.mjs").arg(fs::canonicalize(&module)?))?;
    measure(&folder.join("dist"))?;
    if options.no_test {
        return Ok(());
    }
    test(&folder.join("dist"))
}

/// Installs what the lock file names; again only when it has changed.
fn packages(folder: &Path) -> anyhow::Result<()> {
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
    let mut own = 0;
    let mut all = 0;
    for name in FILES {
        let content = fs::read(dist.join(name)).with_context(|| format!("{name} was not built"))?;
        let packed = wasm::packed(&content);
        println!("    {name}: {} bytes, {packed} with gzip", content.len());
        all += packed;
        own += if Path::new(name).extension().is_some_and(|ending| ending == "wasm") { 0 } else { packed };
    }
    println!("    the page loads {all} bytes with gzip, {own} of them its own files");
    let module = wasm::packed(&fs::read(dist.join("backstay.wasm"))?);
    if module > wasm::BUDGET {
        bail!("the module has {module} bytes with gzip, {} are allowed", wasm::BUDGET);
    }
    if own > PAGE_BUDGET {
        bail!("the page's own files have {own} bytes with gzip, {PAGE_BUDGET} are allowed");
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
