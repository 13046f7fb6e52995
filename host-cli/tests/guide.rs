//! The user guide: its commands run as they stand against the sandbox and print what it says, its links lead somewhere,
//! and its table of contents is whole. `cargo xtask book` builds it.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["docs", "docs/causes", "docs/lint"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

/// A command of a page: what is typed, the exit code it says, what it says is printed.
struct Step {
    line: usize,
    command: String,
    exit: i32,
    printed: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(typed) = line.strip_prefix("$ ").filter(|_| inside) {
            let (command, exit) = typed.split_once("# exit ").unwrap_or((typed, "0"));
            let exit = exit.trim().parse().unwrap();
            steps.push(Step {
                line: index + 1,
                command: command.trim().to_owned(),
                exit,
                printed: Vec::new(),
            });
        } else if inside {
            steps.last_mut().unwrap().printed.push(line.to_owned());
        }
    }
    steps
}

#[test]
fn every_command_of_the_guide_does_what_it_says() {
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let name = page.file_stem().unwrap().to_str().unwrap();
        let place = std::env::temp_dir().join(format!("backstay-guide-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        for folder in ["tests", "examples"] {
            std::os::unix::fs::symlink(root().join(folder), place.join(folder)).unwrap();
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_backstay")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        for step in steps(&text) {
            count += 1;
            let at = format!("{}:{}: {}", page.display(), step.line, step.command);
            let output = Command::new("sh")
                .args(["-c", &step.command])
                .current_dir(&place)
                .env("PATH", &path)
                .env("XDG_STATE_HOME", place.join("state"))
                .env_remove("BACKSTAY_NOTIFY")
                .env_remove("BACKSTAY_POLICY")
                .output()
                .unwrap();
            let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(step.exit), "{at}\n{printed}");
            let mut rest = &*printed;
            for line in &step.printed {
                let Some(found) = rest.find(line.as_str()) else {
                    panic!("{at}\ndoes not print (in this order): {line}\nbut:\n{printed}");
                };
                rest = &rest[found + line.len()..];
            }
        }
        std::fs::remove_dir_all(&place).unwrap();
    }
    assert!(count >= 15, "the guide shows only {count} commands");
}

/// The anchors of a page, as mdBook and GitHub make them of its headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut inside = false;
    let headings = text.lines().filter(|line| {
        if line.starts_with("```") {
            inside = !inside;
        }
        !inside && line.starts_with('#')
    });
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The targets of the links of a page that lead inside the project.
fn links(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        }
        if inside {
            continue;
        }
        for part in line.split("](").skip(1) {
            let target = part.split(')').next().unwrap();
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let own =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    for page in pages().into_iter().chain(own) {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let (file, anchor) =
                link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: the link {link} leads nowhere", page.display());
            if let Some(anchor) = anchor {
                let text = std::fs::read_to_string(&target).unwrap();
                let known = anchors(&text).contains(anchor) || text.contains(&format!("id=\"{anchor}\""));
                assert!(known, "{}: {} has no heading {anchor}", page.display(), target.display());
            }
        }
    }
}

#[test]
fn the_table_of_contents_is_whole() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = links(&summary).into_iter().collect();
    for page in pages() {
        let name = page.strip_prefix(root().join("docs")).unwrap().to_str().unwrap().to_owned();
        assert!(name == "SUMMARY.md" || listed.contains(&name), "SUMMARY.md does not list {name}");
    }
}
