//! Puts the planner page into the program, where `cargo xtask web` has built it; without it the program is built all the
//! same, and `backstay ui` says what is missing. Tells the program its commit, too.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The page's files with their media types.
const FILES: [(&str, &str); 5] = [
    ("index.html", "text/html; charset=utf-8"),
    ("style.css", "text/css"),
    ("page.js", "text/javascript"),
    ("backstay-first.wasm", "application/wasm"),
    ("backstay.wasm", "application/wasm"),
];

/// The commit that `BACKSTAY_COMMIT` names, else, for a release, git's. Builds for development are not made anew with every
/// commit and would name an old one.
fn commit() -> Option<String> {
    println!("cargo::rerun-if-env-changed=BACKSTAY_COMMIT");
    let given = env::var("BACKSTAY_COMMIT").ok().map(|commit| commit.trim().to_owned());
    if let Some(commit) = given.filter(|commit| !commit.is_empty()) {
        return Some(commit);
    }
    if env::var("PROFILE").as_deref() != Ok("release") {
        return None;
    }
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout)
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    // Grows with every commit and every change of branch.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "HEAD"])
}

fn main() -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    match commit() {
        Some(commit) => {
            println!("cargo::rustc-env=BACKSTAY_COMMIT={commit}");
            println!("cargo::rustc-env=BACKSTAY_VERSION_LINE={version} (commit {commit})");
        }
        None => println!("cargo::rustc-env=BACKSTAY_VERSION_LINE={version}"),
    }
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("musl") {
        println!("cargo::rerun-if-changed=native/memory.c");
        let mut memory = cc::Build::new();
        // Without the flags the compiler would make calls of these functions out of them.
        memory.flag("-fno-builtin").flag_if_supported("-fno-tree-loop-distribute-patterns");
        memory.opt_level(2).file("native/memory.c").compile("memory");
    }
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
