//! `cargo xtask wasm`: the core as WebAssembly, with nothing imported from whoever embeds it, tested in Node.

mod imports;
mod ship;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::Args;

pub(crate) use ship::both;

use crate::{embed, paths, run, setup};

/// The packages that must build alone for wasm32: the core for embedders in Rust, the host for all others.
const PACKAGES: [&str; 2] = ["backstay-core", EMBEDDED];

/// The package whose module other languages load.
const EMBEDDED: &str = "backstay-wasm";

/// The package that tests that module, and what tells it where the module is.
const TESTS: (&str, &str) = ("backstay-tests-embed", "BACKSTAY_TEST_WASM");

/// The profile of what is shipped, in the root Cargo.toml.
const SHIPPED: &str = "wasm";

/// Where cargo takes the compiler's flags for the target from.
const TARGET_FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";

/// At most so many bytes with gzip may the shipped module have. It is what was measured (973,592) and a little; the goal was 1.1 MB.
pub(crate) const BUDGET: usize = 1_000_000;

/// What gzip adds to the compressed bytes: its header, the checksum and the length (RFC 1952).
const GZIP_FRAME: usize = 18;

/// How to build.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Build as for a release: small, and minutes slower
    #[arg(long)]
    pub(crate) dist: bool,
    /// Leave out the tests in Node
    #[arg(long)]
    pub(crate) no_node: bool,
    /// Test the packages of `embed/` with the module, in every language whose tools are there
    #[arg(long)]
    pub(crate) embed: bool,
    /// Copy the module into the packages of `embed/`
    #[arg(long)]
    pub(crate) pack: bool,
}

/// Builds the modules, checks that they import nothing, prints how large they are and where, and tests them in Node.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    setup::install_wasm_target()?;
    for package in PACKAGES {
        let file = match (package, options.dist) {
            (EMBEDDED, true) => ship::full()?,
            (_, dist) => build(package, if dist { SHIPPED } else { "release" }, &[])?,
        };
        let module = fs::read(&file).with_context(|| format!("{}: cannot be read", file.display()))?;
        let imports = imports::of(&module).with_context(|| format!("{}: is not a module", file.display()))?;
        if !imports.is_empty() {
            bail!(
                "{package} imports {} from its host; something in it reads a clock, randomness, files or the like: {}",
                if imports.len() == 1 {
                    "one function".to_owned()
                } else {
                    format!("{} functions", imports.len())
                },
                imports.join(", ")
            );
        }
        let packed = packed(&module);
        println!("    {package}: {} bytes, {packed} with gzip, no imports: {}", module.len(), file.display());
        if package == EMBEDDED && options.dist && packed > BUDGET {
            bail!("the module has {packed} bytes with gzip, {BUDGET} are allowed");
        }
        if package == EMBEDDED && !options.no_node {
            test_in_node(&file)?;
        }
        if package == EMBEDDED && options.embed {
            embed::test(&file)?;
        }
        if package == EMBEDDED && options.pack {
            embed::pack(&file)?;
        }
    }
    Ok(())
}

/// How many bytes these are with gzip.
pub(crate) fn packed(bytes: &[u8]) -> usize {
    miniz_oxide::deflate::compress_to_vec(bytes, 9).len() + GZIP_FRAME
}

/// Compares what the module answers with what the core answers natively, and lets callers break the rules.
fn test_in_node(module: &Path) -> anyhow::Result<()> {
    run::read(Command::new("node").arg("--version"))
        .context("the module is tested in Node 20 or later; --no-node leaves that out")?;
    let (package, variable) = TESTS;
    let mut command = Command::new("cargo");
    command.current_dir(paths::repository()).args(["test", "--package", package]);
    run::seen(command.env(variable, module))
}

/// Builds one package as a module and gives the file, as cargo reports it.
fn build(package: &str, profile: &str, flags: &[&str]) -> anyhow::Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.current_dir(paths::repository()).stderr(Stdio::inherit());
    if profile == SHIPPED {
        setup::install_wasm_source()?;
        // A module has nowhere to write what a panic says, and traps either way: without the texts and what makes them it
        // is a twentieth smaller. That takes a standard library built the same way, which is unstable; the compiler is the
        // stable one of rust-toolchain.toml, so it has to be let. Its own feature for size has one small sort instead of the
        // long one that is compiled anew for every type: another thirtieth.
        command.env("RUSTC_BOOTSTRAP", "1").env(TARGET_FLAGS, "-Zunstable-options -Cpanic=immediate-abort");
        command.arg("-Zbuild-std=std,panic_abort").arg("-Zbuild-std-features=optimize_for_size");
    }
    command.args(["rustc", "--lib", "--crate-type", "cdylib", "--target", setup::WASM_TARGET]);
    command.args(flags);
    command.args(["--package", package, "--profile", profile, "--message-format", "json-render-diagnostics"]);
    let messages = run::read(&mut command)?;
    let reported = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let files = reported.flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default());
    let mut modules = files
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .filter(|file| file.extension().is_some_and(|ending| ending == "wasm"));
    modules.next_back().with_context(|| format!("cargo reported no module of {package}"))
}
