//! What no file may have: too many lines, unnumbered promises, paths of somebody's machine; and what some must have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::{assert_none, list, metadata, root, text};

/// Folders that are not ours to read: built things and git's own.
const NOT_OURS: &[&str] = &[".git", ".backstay", "node_modules", "target"];

/// Longer ones are two files.
const MOST_LINES: usize = 600;

/// Every file of the repository that is text, with its path from the root.
fn texts() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let root = root();
    let (mut open, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("{}: cannot be read", folder.display()))? {
            let entry = entry?;
            let path = entry.path();
            if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.strip_prefix(&root)?.to_path_buf(), text));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `path:line` of every line that is wrong.
fn lines_that(wrong: impl Fn(&Path, &str) -> bool) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for (path, text) in texts()? {
        let lines = text.lines().enumerate().filter(|(_, line)| wrong(&path, line));
        found.extend(lines.map(|(number, line)| {
            format!("{}:{}: {}", path.display(), number + 1, line.chars().take(100).collect::<String>())
        }));
    }
    Ok(found)
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "rs")
}

#[test]
fn files_are_short() -> anyhow::Result<()> {
    let long: Vec<String> = texts()?
        .iter()
        .filter(|(path, text)| is_rust(path) && text.lines().count() > MOST_LINES)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert_none(&format!("files of more than {MOST_LINES} lines"), &long);
    Ok(())
}

/// Whether a line promises work for later without the number of an issue, as in `(#12)`.
fn is_unnumbered(line: &str) -> bool {
    // Put together, so that this file does not break its own rule.
    [concat!("TO", "DO"), concat!("FIX", "ME")].iter().any(|word| {
        line.match_indices(word).any(|(at, _)| {
            let whole = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                && !line[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let number = line[at + word.len()..].strip_prefix("(#").unwrap_or_default();
            whole && !number.starts_with(|c: char| c.is_ascii_digit())
        })
    })
}

#[test]
fn promises_have_a_number() -> anyhow::Result<()> {
    let ours = |path: &Path| {
        is_rust(path) || path.extension().is_some_and(|ending| ending == "toml" || ending == "ts")
    };
    assert_none(
        "promises without an issue's number",
        &lines_that(|path, line| ours(path) && is_unnumbered(line))?,
    );
    Ok(())
}

#[test]
fn promise_rule() {
    let word = concat!("TO", "DO");
    for (line, expected) in [
        (format!("// {word}: later"), true),
        (format!("// {word}(#): later"), true),
        (format!("// {word}(#12): later"), false),
        (format!("let MY{word}S = 1;"), false),
        (String::from("nothing"), false),
    ] {
        assert_eq!(is_unnumbered(&line), expected, "{line}");
    }
}

/// Whether a line names a folder that exists on the machine of whoever wrote it. The places come apart here, so that this
/// file does not break its own rule.
fn names_a_machine(line: &str) -> bool {
    [concat!("/", "work/"), concat!("/", "root/"), concat!("/", "Users/"), concat!("/", "home/")].iter().any(
        |place| {
            line.match_indices(place).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                // `a/work/b`, `https://host/home/` and `$X/home/` are other things.
                before.is_none_or(|c| {
                    !(c.is_alphanumeric() || matches!(c, '/' | '.' | '}' | '-' | '_' | '~' | '*'))
                })
            })
        },
    )
}

#[test]
fn no_paths_of_a_machine() -> anyhow::Result<()> {
    // Charts of others say what happens inside their containers.
    let ours = |path: &Path| {
        !path.components().any(|part| part.as_os_str() == "charts" || part.as_os_str() == "recordings")
    };
    assert_none(
        "paths of somebody's machine",
        &lines_that(|path, line| ours(path) && names_a_machine(line))?,
    );
    Ok(())
}

#[test]
fn machine_rule() {
    let root = concat!("/", "root/");
    for (line, expected) in [
        (format!("read {root}x"), true),
        (format!("{root}x"), true),
        (format!("\"{root}x\""), true),
        (format!("https://host{root}x"), false),
        (format!("state{root}x"), false),
        (String::from("/rooted"), false),
    ] {
        assert_eq!(names_a_machine(&line), expected, "{line}");
    }
}

#[test]
fn packages_come_from_the_public_registry() -> anyhow::Result<()> {
    let public = "\"registry+https://github.com/rust-lang/crates.io-index\"";
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    let other: Vec<String> = sources.filter(|source| *source != public).map(str::to_owned).collect();
    assert_none("packages from elsewhere", &other);
    Ok(())
}

#[test]
fn every_room_is_on_the_map() -> anyhow::Result<()> {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let mut missing = Vec::new();
    for entry in fs::read_dir(root().join("core"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join("Cargo.toml").exists() && !map.contains(&format!("{name}/")) {
            missing.push(format!("core/{name}"));
        }
    }
    assert_none("rooms that ARCHITECTURE.md does not name", &missing);
    Ok(())
}

#[test]
fn the_toolchain_names_no_targets() -> anyhow::Result<()> {
    let toolchain = fs::read_to_string(root().join("rust-toolchain.toml"))?;
    let names = toolchain.lines().any(|line| line.trim_start().starts_with("targets"));
    assert!(!names, "rust-toolchain.toml: with `targets` rustup asks the network at every cargo call");
    Ok(())
}

#[test]
fn every_package_has_the_shared_lints() -> anyhow::Result<()> {
    let metadata = metadata(&["--no-deps"])?;
    let mut without = Vec::new();
    for package in list(&metadata["packages"]) {
        let manifest = fs::read_to_string(text(&package["manifest_path"]))?;
        let name = text(&package["name"]);
        // Its functions take pointers from foreign code: the one package that cannot do without unsafe, with lints of its own.
        let expected = if name == "backstay-wasm" { "[lints." } else { "[lints]\nworkspace = true" };
        if !manifest.contains(expected) {
            without.push(name.to_owned());
        }
    }
    assert_none("packages without `[lints] workspace = true`", &without);
    Ok(())
}

#[test]
fn ci_runs_the_readmes_command() -> anyhow::Result<()> {
    for file in [".ci/run", "README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
        assert!(text.contains("cargo xtask test"), "{file}: does not name `cargo xtask test`");
    }
    Ok(())
}
