//! `cargo xtask wasm`: the core as WebAssembly, with nothing imported from whoever embeds it.

mod imports;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{paths, run, setup};

/// The packages that must build alone for wasm32: the core for embedders in Rust, the host for all others.
const PACKAGES: [&str; 2] = ["backstay-core", "backstay-wasm"];

/// How to build.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Build as for a release: small, and minutes slower
    #[arg(long)]
    dist: bool,
}

/// Builds the modules, checks that they import nothing, and prints where they are.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    setup::install_wasm_target()?;
    for package in PACKAGES {
        let file = build(package, if options.dist { "dist" } else { "release" })?;
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
        println!("    {package}: {} bytes, no imports: {}", module.len(), file.display());
    }
    Ok(())
}

/// Builds one package as a module and gives the file, as cargo reports it.
fn build(package: &str, profile: &str) -> anyhow::Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.current_dir(paths::repository()).stderr(Stdio::inherit());
    command.args(["rustc", "--lib", "--crate-type", "cdylib", "--target", setup::WASM_TARGET]);
    command.args(["--package", package, "--profile", profile, "--message-format", "json-render-diagnostics"]);
    let messages = run::read(&mut command)?;
    let reported = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let files = reported.flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default());
    let mut modules = files
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .filter(|file| file.extension().is_some_and(|ending| ending == "wasm"));
    modules.next_back().with_context(|| format!("cargo reported no module of {package}"))
}
