//! `cargo xtask corpus`: public charts rendered by Backstay and by both real Helms (`tests/corpus`).

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::{paths, run, tools};

/// What the comparison is told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Options of the comparison; `--help` lists them after `--`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Brings the charts into a folder, without rendering any.
pub(crate) fn bring(folder: &Path) -> anyhow::Result<()> {
    let nothing = ["--limit", "0", "--folder"].map(OsString::from);
    run(&Options { options: nothing.into_iter().chain([folder.into()]).collect() })
}

/// Builds the comparison with optimisation and runs it; charts and Helm's answers are kept in the cache.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(paths::repository());
    command.args(["run", "--quiet", "--release", "--package", "backstay-tests-corpus", "--"]);
    command.env("BACKSTAY_TEST_HELM3", tools::HELM3.program("helm")?);
    command.env("BACKSTAY_TEST_HELM4", tools::HELM4.program("helm")?);
    let is_placed = options.options.iter().any(|option| option.to_string_lossy().starts_with("--folder"));
    if !is_placed {
        command.arg("--folder").arg(paths::cache()?.join("corpus"));
    }
    run::seen(command.args(&options.options))
}
