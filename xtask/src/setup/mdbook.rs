//! mdBook, which makes a book of the guide: built once from the package registry into the cache of tools.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::{paths, run};

/// Without its server, its watcher and its search, which a folder of files has no use for.
const VERSION: &str = "0.5.4";

/// The program, installed where it is missing (two and a half minutes of one core).
pub(crate) fn install() -> anyhow::Result<PathBuf> {
    let home = paths::cache()?.join("tools").join(format!("mdbook-{VERSION}"));
    let program = home.join("bin/mdbook");
    if program.is_file() {
        println!("    mdbook {VERSION}: there");
        return Ok(program);
    }
    println!("    mdbook {VERSION}: building; the first time this takes minutes");
    let unfinished = home.with_file_name(format!(".unfinished-mdbook-{VERSION}-{}", std::process::id()));
    let mut cargo = Command::new("cargo");
    cargo.current_dir(paths::repository()).env_remove("CARGO_TARGET_DIR");
    cargo.args(["install", "--quiet", "--locked", "--no-default-features", "--no-track", "mdbook"]);
    run::seen(cargo.args(["--version", VERSION, "--root"]).arg(&unfinished))?;
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::rename(&unfinished, &home).with_context(|| format!("{}: cannot be made", home.display()))?;
    Ok(program)
}
