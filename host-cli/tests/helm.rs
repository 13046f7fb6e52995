//! `lint`, `show` and `template` against what both Helms say: `helm/cases.txt` has charts and command lines,
//! `helm/expected/` what Helm 3.22 and 4.3 answered. With HELM3 and HELM4 naming their binaries, the answers are
//! recorded anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Case {
    name: String,
    commands: Vec<String>,
    files: Vec<(String, String)>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("helm/cases.txt").lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name: name.to_owned(), commands: Vec::new(), files: Vec::new() });
            continue;
        }
        let case = cases.last_mut().unwrap();
        if let Some(command) = line.strip_prefix("$ ").filter(|_| case.files.is_empty()) {
            case.commands.push(command.to_owned());
        } else if let Some(path) = line.strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --")) {
            case.files.push((path.to_owned(), String::new()));
        } else {
            let (_, text) = case.files.last_mut().unwrap();
            text.push_str(line);
            text.push('\n');
        }
    }
    cases
}

/// Words of a command line; double quotes keep words together, with `\"` inside.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => words.last_mut().unwrap().extend(chars.next()),
            '"' => quoted = !quoted,
            ' ' if !quoted && !command.contains("{{add") => words.push(String::new()),
            ' ' if !quoted && words.len() < 4 => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}

/// What a program prints and how it ends, with the parts that are its own taken out.
fn answer(program: &Path, case: &Case, folder: &Path, compat: Option<&str>) -> String {
    let mut text = String::new();
    let chart = folder.join(&case.name);
    let out = folder.join("out");
    for command in &case.commands {
        let _gone = fs::remove_dir_all(&out);
        let mut run = Command::new(program);
        for word in words(command) {
            let word = match word.as_str() {
                "CHART" => chart.display().to_string(),
                "OUT" => out.display().to_string(),
                _ => word,
            };
            run.arg(word);
        }
        if let Some(compat) = compat {
            run.env("BACKSTAY_COMPAT", compat);
        }
        let output = run.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        // Only what is said of the end: both programs warn and hint on the way in their own words.
        let error = stderr.find("Error: ").map_or("", |at| &stderr[at..]);
        let code = output.status.code().unwrap_or(-1);
        text.push_str(&format!(
            "$ {command}\n{}{error}exit {code}\n",
            String::from_utf8_lossy(&output.stdout)
        ));
        let mut written = Vec::new();
        files(&out, &mut written);
        for file in written {
            text.push_str(&format!("file {}:\n{}", file.display(), fs::read_to_string(&file).unwrap()));
        }
    }
    text.replace(&folder.display().to_string(), "FOLDER")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() { files(&entry, found) } else { found.push(entry) }
    }
}

/// What is left to each program: the words of its YAML reader, and what we say beside Helm's error.
fn comparable(text: &str) -> String {
    let mut lines = Vec::new();
    let mut beside = false;
    for line in text.lines() {
        beside = match line {
            _ if line.starts_with("exit ") || line.starts_with("$ ") => false,
            _ => {
                beside
                    || line.starts_with("the value ")
                    || line.contains(" [debug] ")
                    || line.starts_with("no template is called ")
            }
        };
        // What is no YAML is told in each reader's own words, after the name of the file.
        let after_file = |mark: &str| {
            let at = line.find(mark)? + mark.len();
            line[at..].find(": ").map(|colon| at + colon + 2)
        };
        let ends = [
            line.find("error converting YAML to JSON"),
            line.find("json: offset"),
            after_file("YAML parse error on "),
            after_file("cannot load "),
        ];
        let end = ends.into_iter().flatten().min();
        let line = end.map_or(line, |end| &line[..end]).replace('`', "'").replace("Error: An", "Error: an");
        if !beside && !line.is_empty() {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[test]
fn as_both_helms() {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/helm/expected");
    let folder = std::env::temp_dir().join(format!("backstay-helm-{}", std::process::id()));
    let mut wrong = Vec::new();
    for case in cases() {
        for (path, text) in &case.files {
            let file = folder.join(&case.name).join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        for (compat, variable) in [("helm3", "HELM3"), ("helm4", "HELM4")] {
            let file = expected.join(format!("{}.{compat}.txt", case.name));
            if let Some(helm) = std::env::var_os(variable) {
                fs::create_dir_all(&expected).unwrap();
                fs::write(&file, answer(Path::new(&helm), &case, &folder, None)).unwrap();
            }
            let theirs = fs::read_to_string(&file).unwrap();
            let ours = answer(Path::new(env!("CARGO_BIN_EXE_backstay")), &case, &folder, Some(compat));
            let (left, right) = (comparable(&theirs), comparable(&ours));
            if left != right {
                let at = left.lines().zip(right.lines()).take_while(|(a, b)| a == b).count();
                wrong.push(format!(
                    "{} {compat}, line {}:\n  Helm {:?}\n  ours {:?}",
                    case.name,
                    at + 1,
                    left.lines().nth(at).unwrap_or("(ends)"),
                    right.lines().nth(at).unwrap_or("(ends)")
                ));
            }
        }
    }
    let _gone = fs::remove_dir_all(&folder);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
