//! Processes: started, listened to, signalled by id, always ended.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test: `BACKSTAY_BIN`, or the one cargo builds beside this test.
#[must_use]
pub fn binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(path) = std::env::var_os("BACKSTAY_BIN") {
                return path.into();
            }
            let test = std::env::current_exe().expect("the test knows its own path");
            let folder = test.parent().and_then(Path::parent).expect("tests lie in a profile's deps folder");
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let target = folder.parent().expect("profiles lie in the target folder");
            let built = Command::new(cargo)
                .args(["build", "--quiet", "--package", "backstay", "--manifest-path"])
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"))
                .arg("--target-dir")
                .arg(target)
                .status()
                .expect("cargo runs");
            assert!(built.success(), "the binary could not be built");
            folder.join("backstay")
        })
        .clone()
}

/// A tool of the test's set-up: `BACKSTAY_TEST_<NAME>` (`cargo xtask test` sets it), or the one on the PATH.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let variable = format!("BACKSTAY_TEST_{}", name.to_ascii_uppercase());
    std::env::var_os(variable).map(PathBuf::from).or_else(|| {
        std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    })
}

/// How a command ended.
#[derive(Debug)]
pub struct Run {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Wall time.
    pub took: Duration,
}

impl Run {
    /// Both outputs.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Fails the test unless the exit code is this one.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the text is shown.
    pub fn shows(self, text: &str) -> Self {
        assert!(self.text().contains(text), "{text:?} is not shown in\n{}", self.text());
        self
    }

    /// Standard output as one JSON document.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Standard output as one JSON object a line.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// A running command.
#[derive(Debug)]
pub struct Started {
    child: Child,
    began: Instant,
    lines: Receiver<String>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Started {
    /// Starts a program.
    #[must_use]
    pub fn new<S: AsRef<OsStr>>(program: &Path, arguments: &[S], environment: &[(&str, &OsStr)]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).envs(environment.iter().copied()).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let (sender, lines) = channel();
        let mut readers = Vec::new();
        let stdout: Arc<Mutex<String>> = Arc::default();
        let stderr: Arc<Mutex<String>> = Arc::default();
        for (pipe, into) in [
            (
                child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn std::io::Read + Send>),
                Arc::clone(&stdout),
            ),
            (
                child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn std::io::Read + Send>),
                Arc::clone(&stderr),
            ),
        ] {
            let sender = sender.clone();
            let Some(pipe) = pipe else { continue };
            readers.push(std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let mut into = into.lock().unwrap();
                    into.push_str(&line);
                    into.push('\n');
                    let _ = sender.send(line);
                }
            }));
        }
        Self { child, began: Instant::now(), lines, stdout, stderr, readers }
    }

    /// Waits until a line with this text comes.
    pub fn wait_for(&self, text: &str, patience: Duration) -> String {
        let until = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!(
                        "{text:?} was not shown in\n{}{}",
                        self.stdout.lock().unwrap(),
                        self.stderr.lock().unwrap()
                    )
                }
            }
        }
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        // Its standard output is closed when the process is gone.
        self.readers.iter().all(std::thread::JoinHandle::is_finished)
    }

    /// Sends a signal, e.g. `INT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([format!("-{name}"), id]).status().expect("kill runs");
        assert!(sent.success(), "the signal could not be sent");
    }

    /// Waits for the end.
    #[must_use]
    pub fn finish(mut self, patience: Duration) -> Run {
        let until = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                break status;
            }
            if Instant::now() > until {
                let _ = self.child.kill();
                panic!(
                    "no end after {patience:?}:\n{}{}",
                    self.stdout.lock().unwrap(),
                    self.stderr.lock().unwrap()
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let (stdout, stderr) = (self.stdout.lock().unwrap().clone(), self.stderr.lock().unwrap().clone());
        Run { code: status.code().unwrap_or(-1), stdout, stderr, took: self.began.elapsed() }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Only our own child, by its handle; it is gone already in the usual case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
