//! `cargo xtask setup`: everything a fresh machine needs beyond Rust, from package registries only.

mod debian;
mod mdbook;
mod wasm_target;

use std::fs;

use anyhow::Context as _;
use clap::Args;

use crate::{paths, run, tools};

pub(crate) use debian::{chromium, why_no_node};
pub(crate) use mdbook::install as mdbook;
pub(crate) use wasm_target::{
    TARGET as WASM_TARGET, install as install_wasm_target, install_source as install_wasm_source,
};

/// What to leave out.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Leave out what only the real cluster needs (the programs built with Go, the node's packages)
    #[arg(long)]
    pub(crate) no_cluster: bool,
}

/// Does what is not done yet; the second run costs nothing.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    run::step("wasm target", wasm_target::install)?;
    if options.no_cluster {
        return Ok(());
    }
    run::step("node packages", debian::install_node_packages)?;
    run::step("cluster programs", || build_tools(None))
}

/// Builds the tools that are missing, one at a time; `only` names folders of `xtask/tools`.
pub(crate) fn build_tools(only: Option<&[&str]>) -> anyhow::Result<()> {
    let folder = paths::cache()?.join("tools");
    fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    for tool in tools::ALL.iter().filter(|tool| only.is_none_or(|only| only.contains(&tool.folder))) {
        let version = tool.version()?;
        if tool.is_built()? {
            println!("    {} {version}: there", tool.folder);
            continue;
        }
        let go = tools::go()?;
        println!("    {} {version}: building; the first time this takes minutes", tool.folder);
        tool.build(&go)?;
    }
    Ok(())
}
