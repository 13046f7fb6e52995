//! The modules as they are shipped: built for size, then made smaller by Binaryen's wasm-opt, which is one of the page's
//! packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{EMBEDDED, SHIPPED, build};
use crate::{paths, run, setup, web};

/// A module with its cargo features.
struct Variant {
    name: &'static str,
    flags: &'static [&'static str],
}

/// What a page loads first; the rest is in the full module (`elsewhere.rs` of backstay-gotemplate says how they share work).
const FIRST: Variant = Variant { name: "backstay-first.wasm", flags: &["--no-default-features"] };

/// Everything.
const FULL: Variant = Variant { name: "backstay.wasm", flags: &[] };

/// What rustc lets itself use on this target (its book, "wasm32-unknown-unknown"); the optimiser may use it, too, and no more.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Builds the module with everything.
pub(crate) fn full() -> anyhow::Result<PathBuf> {
    setup::install_wasm_target()?;
    make(&FULL)
}

/// Builds the module of the first load and the one with everything.
pub(crate) fn both() -> anyhow::Result<[PathBuf; 2]> {
    setup::install_wasm_target()?;
    Ok([make(&FIRST)?, make(&FULL)?])
}

/// What is done to a module. The second round finds what the first left, and like functions side by side pack better: together a
/// fiftieth. The lowest kilobyte is the far end of the stack, where no object lies.
const PASSES: [&str; 8] = [
    "--low-memory-unused",
    "-Oz",
    "-Oz",
    "--reorder-functions",
    "--reorder-locals",
    "--reorder-globals",
    "--strip-debug",
    "--strip-producers",
];

fn make(variant: &Variant) -> anyhow::Result<PathBuf> {
    let built = build(EMBEDDED, SHIPPED, variant.flags)?;
    let folder = built.parent().unwrap_or(Path::new("."));
    let (kept, shipped) = (folder.join(variant.name).with_extension("built"), folder.join(variant.name));
    let content = fs::read(&built).with_context(|| format!("{}: cannot be read", built.display()))?;
    // It takes a minute: again only when the module has changed.
    if shipped.is_file() && fs::read(&kept).is_ok_and(|known| known == content) {
        return Ok(shipped);
    }
    let page = paths::repository().join("web");
    web::packages(&page)?;
    let mut command = Command::new("node");
    command.arg(page.join("node_modules/binaryen/bin/wasm-opt"));
    run::seen(command.args(PASSES).args(FEATURES).arg(&built).arg("-o").arg(&shipped))?;
    fs::write(&kept, content).with_context(|| format!("{}: cannot be written", kept.display()))?;
    Ok(shipped)
}
