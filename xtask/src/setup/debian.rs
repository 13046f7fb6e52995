//! Debian packages: the programs a real node needs besides those built with Go, and the source of Rust's standard library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{paths, run};

/// What a node is made of, as (package, a file that tells that it is installed).
const NODE_PACKAGES: &[(&str, &str)] = &[
    ("runc", "runc"),
    ("containernetworking-plugins", "/usr/lib/cni/bridge"),
    ("busybox-static", "busybox"),
    ("iproute2", "ip"),
    ("mount", "mount"),
];

/// The suites that may carry the source of a Rust version, newest stable first.
const RUST_SUITES: &[&str] = &["trixie-backports", "forky", "sid"];

/// The node's packages that are not installed.
pub(crate) fn missing_for_node() -> Vec<&'static str> {
    let there = |file: &str| {
        if file.starts_with('/') { Path::new(file).exists() } else { paths::executable(file).is_some() }
    };
    NODE_PACKAGES.iter().filter(|(_, file)| !there(file)).map(|(package, _)| *package).collect()
}

/// Why a real node cannot run on this machine; nothing when it can.
pub(crate) fn why_no_node() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("a node needs Linux".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Some("a node needs root".to_owned());
    }
    let missing = missing_for_node();
    (!missing.is_empty()).then(|| {
        format!("the packages {} are missing; `cargo xtask setup` as root installs them", missing.join(", "))
    })
}

/// Installs the node's packages where that is possible; elsewhere says what will do without them.
pub(super) fn install_node_packages() -> anyhow::Result<()> {
    let missing = missing_for_node();
    if missing.is_empty() {
        println!("    all there");
        return Ok(());
    }
    if !install(&missing)? {
        println!("    {} missing, and only root can install them with apt-get:", missing.join(", "));
        println!("    the cluster will have simulated nodes");
    }
    Ok(())
}

/// The program of Chromium, installed where that is possible.
pub(crate) fn chromium() -> anyhow::Result<Option<PathBuf>> {
    if let Some(program) = paths::executable("chromium") {
        return Ok(Some(program));
    }
    install(&["chromium"])?;
    Ok(paths::executable("chromium"))
}

/// Installs packages; tells whether that is possible here.
fn install(packages: &[&str]) -> anyhow::Result<bool> {
    let Some(apt) = paths::executable("apt-get").filter(|_| rustix::process::geteuid().is_root()) else {
        return Ok(false);
    };
    let install = |apt: &Path| {
        let mut command = Command::new(apt);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        // The registry's package would start its service; policy-rc.d is not ours to write, so RUNLEVEL=1 keeps it down.
        command
            .env("RUNLEVEL", "1")
            .args(["install", "--yes", "--quiet=2", "--no-install-recommends"])
            .args(packages);
        run::read(&mut command)
    };
    if install(&apt).is_err() {
        // The package lists may be old or absent.
        run::read(Command::new(&apt).args(["update", "--quiet=2"]))?;
        install(&apt)?;
    }
    println!("    installed {}", packages.join(", "));
    Ok(true)
}

/// Fetches Debian's source of the standard library of exactly this Rust version, unpacks it below `work` and gives the
/// `library` folder. The machine's own package sources stay as they are.
pub(super) fn source_of_std(version: &str, work: &Path) -> anyhow::Result<PathBuf> {
    let mirror = mirror()?;
    let mut reasons = Vec::new();
    for suite in RUST_SUITES {
        match fetch_rust_src(&mirror, suite, version, &work.join(suite)) {
            Ok(library) => return Ok(library),
            Err(error) => reasons.push(format!("{suite}: {error:#}")),
        }
    }
    bail!("no rust-src {version} to be had from Debian: {}", reasons.join("; "))
}

fn fetch_rust_src(mirror: &str, suite: &str, version: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    for part in ["lists/partial", "cache/archives/partial", "unpacked"] {
        fs::create_dir_all(folder.join(part))?;
    }
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::write(folder.join("sources.list"), format!("deb [signed-by={keyring}] {mirror} {suite} main\n"))?;
    let settings = [
        format!("Dir::Etc::SourceList={}", folder.join("sources.list").display()),
        "Dir::Etc::SourceParts=-".to_owned(),
        format!("Dir::State::Lists={}", folder.join("lists").display()),
        format!("Dir::Cache={}", folder.join("cache").display()),
        // apt's own user cannot read a private folder.
        "APT::Sandbox::User=root".to_owned(),
    ];
    let apt = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(folder.join("cache/archives"));
        for setting in &settings {
            command.arg("-o").arg(setting);
        }
        command
    };
    run::read(apt("apt-get").args(["update", "--quiet=2"]))?;
    let offered = run::read(apt("apt-cache").args(["madison", "rust-src"]))?;
    let package =
        newest_of(&offered, version).with_context(|| format!("rust-src {version} is not offered"))?;
    println!("    downloading rust-src {package}");
    run::read(apt("apt-get").args(["download", "--quiet=2", &format!("rust-src={package}")]))?;
    let archive = fs::read_dir(folder.join("cache/archives"))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|file| file.extension().is_some_and(|ending| ending == "deb"))
        .context("apt-get download left no package")?;
    let unpacked = folder.join("unpacked");
    run::read(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&unpacked))?;
    let library = unpacked.join("usr/src").join(format!("rustc-{version}")).join("library");
    if !library.is_dir() {
        bail!("the package has no library folder of {version}");
    }
    Ok(library)
}

/// The first package version in `apt-cache madison`'s table that is of this Rust version.
fn newest_of(madison: &str, version: &str) -> Option<String> {
    let versions = madison.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    versions
        .filter(|offered| offered.strip_prefix(version).is_some_and(|rest| rest.starts_with(['+', '-'])))
        .map(str::to_owned)
        .next()
}

/// The Debian mirror this machine uses, else Debian's own.
fn mirror() -> anyhow::Result<String> {
    let targets = run::read(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]))
        .context("the standard library is built from a Debian package, and apt-get does not work here")?;
    let found = targets.lines().map(|line| line.trim_end_matches('/')).find(|line| line.ends_with("/debian"));
    Ok(found.unwrap_or("https://deb.debian.org/debian").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_of_the_exact_version() {
        let table = " rust-src | 1.96.1+dfsg1-1 | http://x/debian sid/main amd64 Packages\n \
                     rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://x/debian trixie-backports/main amd64 Packages\n";
        assert_eq!(newest_of(table, "1.95.0").as_deref(), Some("1.95.0+dfsg1-2~bpo13+1"));
        assert_eq!(newest_of(table, "1.96.1").as_deref(), Some("1.96.1+dfsg1-1"));
        assert_eq!(newest_of(table, "1.9"), None);
    }
}
