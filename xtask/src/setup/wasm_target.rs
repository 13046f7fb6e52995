//! The standard library for wasm32-unknown-unknown: from rustup, or built from Debian's copy of its source where rustup's
//! server cannot be reached.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::debian;
use crate::{paths, run};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Some networks never answer instead of refusing.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// Whether the compiler in use has a standard library for the target.
fn is_installed() -> anyhow::Result<bool> {
    let folder = library_folder()?;
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(false) };
    let names: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let has = |start: &str| names.iter().any(|name| name.starts_with(start) && name.ends_with(".rlib"));
    Ok(has("libcore-") && has("liballoc-") && has("libstd-"))
}

/// Installs the target where it is missing.
pub(crate) fn install() -> anyhow::Result<()> {
    if is_installed()? {
        println!("    {TARGET}: there");
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(paths::repository()).args(["target", "add", TARGET]);
    match run::within(RUSTUP_LIMIT, &mut rustup) {
        Ok(()) if is_installed()? => Ok(()),
        Ok(()) => bail!("rustup added {TARGET}, but to another toolchain than the one in use"),
        Err(error) => {
            println!("    {error:#}; building the standard library from Debian's source package instead");
            build_from_debian()
                .with_context(|| format!("{TARGET} can neither be had from rustup nor be built"))
        }
    }
}

/// Installs the source of the standard library, which the shipped modules are built from.
pub(crate) fn install_source() -> anyhow::Result<()> {
    let library = source_folder()?;
    if library.join("Cargo.lock").exists() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(paths::repository()).args(["component", "add", "rust-src"]);
    if let Err(error) = run::within(RUSTUP_LIMIT, &mut rustup) {
        println!("    {error:#}; taking the standard library's source from Debian instead");
    }
    if library.join("Cargo.lock").exists() {
        return Ok(());
    }
    let work = std::env::temp_dir().join(format!("backstay-std-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let taken = take_source(&work);
    fs::remove_dir_all(&work)?;
    taken
}

/// Puts Debian's copy of the standard library's source where cargo looks for it.
fn take_source(work: &Path) -> anyhow::Result<()> {
    let version =
        rustc(&["--version"])?.split_whitespace().nth(1).context("rustc gave no version")?.to_owned();
    let unpacked = debian::source_of_std(&version, work)?;
    let library = source_folder()?;
    if !library.join("Cargo.lock").exists() {
        copy_tree(&unpacked, &library)?;
    }
    Ok(())
}

/// Where cargo looks for the standard library's source.
fn source_folder() -> anyhow::Result<PathBuf> {
    let sysroot = rustc(&["--print", "sysroot"])?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library"))
}

/// Builds std once and puts its libraries where the compiler looks for them, so that later builds are ordinary ones.
fn build_from_debian() -> anyhow::Result<()> {
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
    let work = std::env::temp_dir().join(format!("backstay-std-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let built = (|| {
        take_source(&work)?;
        let crate_folder = work.join("std");
        fs::create_dir_all(crate_folder.join("src"))?;
        fs::write(
            crate_folder.join("Cargo.toml"),
            "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
        )?;
        fs::write(crate_folder.join("src/lib.rs"), "")?;
        let mut cargo = Command::new("cargo");
        // `-Zbuild-std` is unstable; the compiler is the stable one of rust-toolchain.toml, so it has to be let.
        cargo.current_dir(&crate_folder).env("RUSTC_BOOTSTRAP", "1").env_remove("CARGO_TARGET_DIR");
        // Outside the repository rustup would choose another compiler.
        cargo.env("RUSTUP_TOOLCHAIN", &sysroot);
        cargo.args(["build", "--quiet", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET]);
        run::seen(&mut cargo)?;
        install_libraries(&crate_folder.join("target").join(TARGET).join("release/deps"))
    })();
    fs::remove_dir_all(&work)?;
    built
}

/// The folder must hold one build only: with two the compiler cannot choose (E0464).
fn install_libraries(built: &Path) -> anyhow::Result<()> {
    let folder = library_folder()?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(built)? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&file, folder.join(&name))?;
        }
    }
    if !is_installed()? {
        bail!("{}: the build left no standard library", folder.display());
    }
    Ok(())
}

/// Where rustc looks for the target's libraries.
fn library_folder() -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(rustc(&["--print", "target-libdir", "--target", TARGET])?.trim()))
}

fn rustc(arguments: &[&str]) -> anyhow::Result<String> {
    run::read(Command::new("rustc").current_dir(paths::repository()).args(arguments))
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{}: cannot be made", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("{}: cannot be read", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("{}: cannot be copied", target.display()))?;
        }
    }
    Ok(())
}
