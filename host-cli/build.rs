//! Puts the planner page into the program, where `cargo xtask web` has built it; without it the program is built all the
//! same, and `backstay ui` says what is missing.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The page's files with their media types.
const FILES: [(&str, &str); 4] = [
    ("index.html", "text/html; charset=utf-8"),
    ("style.css", "text/css"),
    ("page.js", "text/javascript"),
    ("backstay.wasm", "application/wasm"),
];

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/dist");
    // The folder is always there: it has a .gitignore.
    println!("cargo::rerun-if-changed={}", folder.display());
    let there = FILES.iter().all(|(name, _)| folder.join(name).is_file());
    let list: String = FILES
        .iter()
        .filter(|_| there)
        .map(|(name, kind)| format!("({name:?}, {kind:?}, include_bytes!({:?})),\n", folder.join(name)))
        .collect();
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("page.rs"), format!("&[{list}]"))
}
