//! A folder with charts, policies and sandboxes, forgotten with the test, and the program run in it as a user runs it.
#![allow(dead_code, reason = "no test needs everything of it")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// The word that makes every command work on one sandbox.
pub(crate) const SANDBOX: &[&str] = &["--sandbox=cluster.json"];

/// The folder.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// What every command ends with.
    last: &'static [&'static str],
}

impl Place {
    /// An empty one of this name; every command ends with `last`.
    pub(crate) fn empty(name: &str, last: &'static [&'static str]) -> Self {
        let folder = std::env::temp_dir().join(format!("backstay-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, last }
    }

    /// Writes a file, its folders too.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs the words of a line: the exit code, and what was said on both ways out.
    pub(crate) fn run(&self, line: &str) -> (i32, String) {
        let output = self.output(line);
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    }

    pub(crate) fn output(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        for name in ["BACKSTAY_POLICY", "BACKSTAY_PROFILE", "BACKSTAY_NOTIFY"] {
            command.env_remove(name);
        }
        command
            .args(line.split(' '))
            .args(self.last)
            .current_dir(&self.folder)
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .output()
            .unwrap()
    }

    /// The statuses of a release's revisions, oldest first.
    pub(crate) fn history(&self, release: &str) -> String {
        let (code, text) = self.run(&format!("history {release} -o json"));
        if code != 0 {
            return "none".to_owned();
        }
        let revisions: serde_json::Value = serde_json::from_str(&text).unwrap();
        let revisions = revisions.as_array().unwrap().iter();
        let words: Vec<&str> = revisions.map(|revision| revision["status"].as_str().unwrap()).collect();
        words.join(" ")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}
