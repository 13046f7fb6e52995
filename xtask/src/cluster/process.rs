//! Processes that outlive this one: started with a log, known by id and start time, ended by id.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::run;

/// A process we started. The id alone could meanwhile belong to somebody else; with the start time it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// What it is, e.g. `etcd`; its log is `log/<name>.log`.
    pub(crate) name: String,
    pid: i32,
    /// Clock ticks after boot (`/proc/<pid>/stat`, field 22).
    started: u64,
}

impl Process {
    /// Starts a program in a process group of its own, so that Ctrl-C in the terminal does not reach it.
    pub(crate) fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, String)],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log_file = log_of(folder, name);
        let log =
            File::create(&log_file).with_context(|| format!("{}: cannot be written", log_file.display()))?;
        let mut command = Command::new(program);
        command.current_dir(folder).args(arguments).process_group(0);
        command.envs(environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{}: cannot be started", program.display()))?;
        let pid = i32::try_from(child.id()).context("process id out of range")?;
        Self::running(name, pid)?.with_context(|| format!("{name} ended at once:\n{}", tail(folder, name)))
    }

    /// Ends it and starts the same program with the same arguments again; its log goes on.
    pub(crate) fn restart(&self, patience: Duration, folder: &Path) -> anyhow::Result<Self> {
        let of = |what: &str| format!("/proc/{}/{what}", self.pid);
        self.check(folder)?;
        let program = fs::read_link(of("exe")).with_context(|| format!("{} cannot be seen", self.name))?;
        let line = fs::read(of("cmdline"))?;
        let mut words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let _its_name = words.next();
        let mut command = Command::new(&program);
        command.args(words.map(OsStr::from_bytes)).current_dir(folder).process_group(0);
        let log = File::options().append(true).open(log_of(folder, &self.name))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.stop(patience)?;
        let child = command.spawn().with_context(|| format!("{}: cannot be started", program.display()))?;
        let pid = i32::try_from(child.id()).context("process id out of range")?;
        let name = &self.name;
        Self::running(name, pid)?.with_context(|| format!("{name} ended at once:\n{}", tail(folder, name)))
    }

    /// The process with this id, when there is one.
    pub(crate) fn running(name: &str, pid: i32) -> anyhow::Result<Option<Self>> {
        Ok(start_time(pid)?.map(|started| Self { name: name.to_owned(), pid, started }))
    }

    /// Whether it still runs. A child of ours that ended counts as ended although nobody has asked for its status yet.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(start_time(self.pid), Ok(Some(started)) if started == self.started)
    }

    /// Fails with the end of its log when it does not run any more.
    pub(crate) fn check(&self, folder: &Path) -> anyhow::Result<()> {
        if !self.is_alive() {
            bail!("{} ended; its log says:\n{}", self.name, tail(folder, &self.name));
        }
        Ok(())
    }

    /// Asks it to end and, when it does not within the time, ends it.
    pub(crate) fn stop(&self, patience: Duration) -> anyhow::Result<()> {
        for (signal, limit) in [(Signal::TERM, patience), (Signal::KILL, Duration::from_secs(5))] {
            if !self.is_alive() {
                return Ok(());
            }
            let pid = Pid::from_raw(self.pid).context("process id 0")?;
            // It may have ended since the look.
            if let Err(error) = kill_process(pid, signal)
                && error != rustix::io::Errno::SRCH
            {
                return Err(error).with_context(|| format!("{} ({}) cannot be ended", self.name, self.pid));
            }
            let asked = Instant::now();
            while self.is_alive() && asked.elapsed() < limit {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        if self.is_alive() {
            bail!("{} ({}) does not end", self.name, self.pid);
        }
        Ok(())
    }
}

/// Processes whose command line has this word, by id. Used for the children of our containerd, which name its socket.
pub(crate) fn with_argument(word: &str) -> anyhow::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("/proc cannot be read")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { continue };
        if line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes()) {
            found.extend(Process::running("containerd-shim", pid)?);
        }
    }
    Ok(found)
}

/// When a process started; nothing when there is none, or when it ended and only waits to be asked for its status.
fn start_time(pid: i32) -> anyhow::Result<Option<u64>> {
    if !Path::new("/proc/self/stat").exists() {
        bail!("the cluster needs Linux: /proc is missing");
    }
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return Ok(None) };
    Ok(parse_stat(&stat))
}

/// Field 22 of `/proc/<pid>/stat`. The second field is the program's name in brackets and may hold anything.
fn parse_stat(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn log_of(folder: &Path, name: &str) -> PathBuf {
    folder.join("log").join(format!("{name}.log"))
}

fn tail(folder: &Path, name: &str) -> String {
    let text = fs::read(log_of(folder, name)).unwrap_or_default();
    run::last_lines(&String::from_utf8_lossy(&text), 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_time_of_odd_names() {
        let after = |state: &str| {
            format!("{state} {} 4711 9 9", (4..22).map(|n| n.to_string()).collect::<Vec<_>>().join(" "))
        };
        for (stat, expected) in [
            (format!("12 (etcd) {}", after("S")), Some(4711)),
            (format!("12 (a) b) {}", after("R")), Some(4711)),
            (format!("12 (gone) {}", after("Z")), None),
            ("12 (short) S 1".to_owned(), None),
        ] {
            assert_eq!(parse_stat(&stat), expected, "{stat}");
        }
    }

    #[test]
    fn only_the_same_process_is_ended() {
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let process = Process::running("sleep", pid).unwrap().unwrap();
        let impostor = Process { started: process.started + 1, ..process.clone() };
        impostor.stop(Duration::from_millis(10)).unwrap();
        assert!(process.is_alive());
        process.stop(Duration::from_secs(5)).unwrap();
        assert!(!process.is_alive());
        child.wait().unwrap();
    }
}
