//! `docs/compatibility.md` against our own flags and, where they are at hand, the help of both Helms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::{Command, CommandFactory as _};

use super::Arguments;

/// A flag of a command: which Helms have it, and what happens here.
#[derive(Debug)]
struct Row {
    helm: BTreeSet<u32>,
    here: String,
    why: String,
}

/// A section: the flags of one command; no name for the global ones.
#[derive(Debug, Default)]
struct Section {
    refused: bool,
    rows: BTreeMap<String, Row>,
}

fn sections() -> BTreeMap<String, Section> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut name = None;
    for line in include_str!("../../../docs/compatibility.md").lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let command =
                title.strip_prefix('`').map_or(String::new(), |rest| rest.trim_end_matches('`').to_owned());
            sections.insert(command.clone(), Section::default());
            name = Some(command);
            continue;
        }
        let Some(section) = name.as_ref().and_then(|name| sections.get_mut(name)) else { continue };
        section.refused |= line.starts_with("Helm ") && line.contains("**refused**: ");
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if let [flag, helm, here, rest @ ..] = cells.as_slice()
            && let Some(flag) = flag.strip_prefix("`--")
        {
            let helm = helm.split(", ").map(|version| version.parse().unwrap()).collect();
            let why = rest.join(" | ");
            let row = Row { helm, here: (*here).to_owned(), why };
            section.rows.insert(flag.trim_end_matches('`').to_owned(), row);
        }
    }
    sections
}

fn find<'a>(root: &'a Command, path: &str) -> Option<&'a Command> {
    path.split_whitespace().try_fold(root, |command, word| command.find_subcommand(word))
}

fn has(command: &Command, flag: &str) -> bool {
    command.get_arguments().any(|argument| {
        argument.get_long() == Some(flag)
            || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&flag))
    })
}

#[test]
fn what_the_page_says_is_there_is_there() {
    let mut root = Arguments::command();
    root.build();
    let sections = sections();
    assert!(sections.len() > 40 && sections.values().map(|section| section.rows.len()).sum::<usize>() > 400);
    for (name, section) in &sections {
        // Our shells are arguments, not commands.
        let path = if name.starts_with("completion ") { "completion" } else { name.as_str() };
        let command = find(&root, path);
        assert!(command.is_some() || section.refused, "`{name}` is not there, and the page does not say why");
        for (flag, row) in &section.rows {
            match row.here.as_str() {
                "same" | "better" => {
                    assert!(
                        command.is_some_and(|command| has(command, flag)),
                        "{name} --{flag} is not there"
                    );
                    assert!(row.here == "same" || !row.why.is_empty(), "{name} --{flag}: better in what?");
                }
                "refused" => assert!(section.refused || !row.why.is_empty(), "{name} --{flag}: why?"),
                other => panic!("{name} --{flag}: {other:?} is no answer"),
            }
        }
    }
}

/// Commands and their own flags, from a Helm's help.
fn walk(helm: &Path, path: &[String], found: &mut BTreeMap<String, BTreeSet<String>>) {
    let output = Process::new(helm).args(path).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut part = "";
    let mut flags = BTreeSet::new();
    let mut below = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') && line.ends_with(':') {
            part = line;
        } else if part == "Available Commands:" {
            below.extend(line.split_whitespace().next().filter(|word| *word != "help").map(str::to_owned));
        } else if part == "Flags:"
            && line.trim_start().starts_with('-')
            && let Some((_, rest)) = line.split_once("--")
        {
            let flag = rest.split_whitespace().next().unwrap_or_default();
            flags.insert(flag.to_owned());
        }
    }
    flags.remove("help");
    if below.is_empty() || path.is_empty() || !flags.is_empty() {
        found.insert(path.join(" "), flags);
    }
    for command in below {
        walk(helm, &[path, &[command]].concat(), found);
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a test says what it skips")]
fn the_page_forgets_nothing_of_either_helm() {
    let sections = sections();
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let tools = set("BACKSTAY_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("backstay")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache/backstay")))
        .unwrap()
        .join("tools");
    for (version, program) in [(3, "helm-v3.22.0/helm"), (4, "helm-v4.3.1/helm")] {
        let helm = tools.join(program);
        if !helm.exists() {
            eprintln!("skipped: no {program}; `cargo xtask setup` builds it");
            continue;
        }
        let mut theirs = BTreeMap::new();
        walk(&helm, &[], &mut theirs);
        assert!(theirs.len() > 40, "the help of {program} was not understood");
        for (command, flags) in &theirs {
            let section = sections.get(command);
            let section = section.unwrap_or_else(|| panic!("Helm {version}: `{command}` is not on the page"));
            let ours = section.rows.iter().filter(|(_, row)| row.helm.contains(&version));
            let ours: BTreeSet<String> = ours.map(|(flag, _)| flag.clone()).collect();
            assert_eq!(&ours, flags, "Helm {version}: flags of `{command}`");
        }
    }
}
