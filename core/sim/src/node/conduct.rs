//! What a container does once it runs. The model's rules, first match wins:
//! 1. faults on request and the `sandbox.backstay.dev/…` annotations of the pod
//!    (`ready-after`, `exit-after`: durations; `exit-code`: a number; `log`: lines, separated by `|`);
//! 2. simple commands do what they say: `true`, `false`, `sleep N`; `wget` and `curl` get an answer at once; and in `sh -c` scripts also `exit N`, `echo TEXT`, joined
//!    by `;`, `&&` or new lines; loops and `tail -f` run for ever; other words take a moment and succeed, and the last of
//!    them is the program itself;
//! 3. init containers and containers of Jobs work for about 2 s and exit 0;
//! 4. everything else is a server: it answers its probes 1.5 to 3 s after its start and ends soon when asked to.
//!
//! A shell as first process does not hear SIGTERM: it is killed (137) at the end of its grace period.

use backstay_object::{list_at, parse_duration, text_at, uid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::own_annotation;
use crate::faults::{FaultCode, controller_of};
use crate::world::Ctx;

/// What one run of a container does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conduct {
    /// Milliseconds from the start until probes are answered well; `None` is never.
    pub(crate) ready_after: Option<u64>,
    /// Milliseconds until it ends by itself, with its exit code and reason.
    pub(crate) ends: Option<(u64, i64, String)>,
    /// It cannot even be started; the runtime's words.
    pub(crate) start_error: Option<String>,
    /// Milliseconds it takes to end when asked to; `None`: it does not listen.
    pub(crate) stops_after: Option<u64>,
    /// The server is up but says 503 to readiness probes, or to liveness probes.
    pub(crate) unready: bool,
    pub(crate) unlive: bool,
    /// Lines it writes: milliseconds after the start, text.
    pub(crate) log: Vec<(u64, String)>,
}

impl Conduct {
    fn ends_with(&mut self, after: u64, code: i64) {
        let reason = if code == 0 { "Completed" } else { "Error" };
        self.ends = Some((after, code, reason.to_owned()));
    }
}

impl Ctx<'_> {
    /// What the next run of a container does.
    pub(crate) fn conduct_of(&mut self, pod: &Value, spec: &Value, init: bool, restarts: u32) -> Conduct {
        let name = text_at(spec, &["name"]).unwrap_or("");
        let purpose = format!("{name}#{restarts}");
        let job = controller_of(pod).is_some_and(|owner| text_at(owner, &["kind"]) == Some("Job"));
        let mut conduct = Conduct {
            ready_after: Some(self.between(uid(pod), &format!("ready {purpose}"), 1500, 3000)),
            ends: None,
            start_error: None,
            stops_after: Some(self.between(uid(pod), &format!("stop {purpose}"), 200, 900)),
            unready: false,
            unlive: false,
            log: vec![(0, format!("starting {}", text_at(spec, &["image"]).unwrap_or("")))],
        };
        let work = self.between(uid(pod), &format!("work {purpose}"), 1600, 2400);
        match script(&command(spec)) {
            Script::Unknown if job || (init && !is_sidecar(spec)) => {
                conduct.ends_with(work, 0);
                conduct.log.push((work, "done".to_owned()));
            }
            Script::Unknown => {}
            Script::Server { after, shell } => {
                conduct.ready_after = conduct.ready_after.map(|ready| ready + after);
                if job || (init && !is_sidecar(spec)) {
                    conduct.ends_with(work + after, 0);
                }
                if shell {
                    conduct.stops_after = None;
                }
            }
            Script::Forever { lines } => {
                conduct.stops_after = None;
                conduct.log = lines;
            }
            Script::Ends { after, code, lines } => {
                conduct.ends_with(after.max(20), code);
                conduct.stops_after = None;
                conduct.log = lines;
            }
        }
        if let (Some(ready), None) = (conduct.ready_after, &conduct.ends)
            && conduct.stops_after.is_some()
        {
            let port = list_at(spec, &["ports"]).first().and_then(|port| port.get("containerPort"));
            let place = port.map(|port| format!(" on :{port}")).unwrap_or_default();
            conduct.log.push((ready, format!("listening{place}")));
        }
        annotated(pod, &mut conduct);
        for code in self.faults_of(pod, Some(name)) {
            apply_fault(code, restarts, &mut conduct);
        }
        conduct
    }
}

/// The annotations that describe a container's conduct.
fn annotated(pod: &Value, conduct: &mut Conduct) {
    let millis = |key: &str| {
        let text = own_annotation(pod, key)?;
        u64::try_from(parse_duration(text).ok()?.as_millis()).ok()
    };
    if let Some(ready) = millis("ready-after") {
        conduct.ready_after = Some(ready);
    }
    let code = own_annotation(pod, "exit-code").and_then(|code| code.parse().ok());
    match (millis("exit-after"), code) {
        (None, None) => {}
        (after, code) => conduct.ends_with(after.unwrap_or(500), code.unwrap_or(1)),
    }
    if let Some(lines) = own_annotation(pod, "log") {
        conduct.log = lines.split('|').map(|line| (0, line.to_owned())).collect();
    }
}

fn apply_fault(code: FaultCode, restarts: u32, conduct: &mut Conduct) {
    let mut die = |after: u64, exit: i64, line: &str| {
        conduct.ends_with(after, exit);
        conduct.log.push((after, line.to_owned()));
    };
    match code {
        FaultCode::Crash => die(80, 1, "FATAL: cannot start: exit status 1"),
        FaultCode::CrashAfter(millis) => die(millis, 1, "FATAL: unrecoverable error, giving up"),
        FaultCode::CrashUntilRestart(count) if u64::from(restarts) < count => {
            die(120, 1, "FATAL: dependency does not answer: connection refused");
        }
        FaultCode::Exit(exit) => {
            let exit = i64::try_from(exit.min(255)).unwrap_or(255);
            die(80, exit, &format!("exit status {exit}"));
        }
        FaultCode::Oom => {
            conduct.ends = Some((900, 137, "OOMKilled".to_owned()));
        }
        FaultCode::NoSuchProgram => {
            conduct.start_error = Some(no_such_program("/no/such/binary"));
        }
        FaultCode::NeverReady => conduct.unready = true,
        FaultCode::NeverLive => conduct.unlive = true,
        FaultCode::SlowStart(millis) => conduct.ready_after = Some(millis),
        FaultCode::JobHangs => conduct.ends = None,
        _ => {}
    }
}

/// containerd's and runc's words for a program that is not there.
pub(crate) fn no_such_program(program: &str) -> String {
    format!(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"{program}\": stat {program}: no such file or directory"
    )
}

pub(crate) fn is_sidecar(spec: &Value) -> bool {
    text_at(spec, &["restartPolicy"]) == Some("Always")
}

/// Command and arguments together.
fn command(spec: &Value) -> Vec<&str> {
    list_at(spec, &["command"]).iter().chain(list_at(spec, &["args"])).filter_map(Value::as_str).collect()
}

/// What a command says it does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// Nothing the model understands: the image's own program.
    Unknown,
    /// Some preparation, then the program; `shell` when a shell stays the first process.
    Server { after: u64, shell: bool },
    /// Waits for ever.
    Forever { lines: Vec<(u64, String)> },
    /// Ends by itself.
    Ends { after: u64, code: i64, lines: Vec<(u64, String)> },
}

/// Reads a command, see the rules at the top of this file.
pub(crate) fn script(words: &[&str]) -> Script {
    match words {
        [shell, flag, text, ..]
            if matches!(*shell, "sh" | "bash" | "ash" | "/bin/sh" | "/bin/bash")
                && flag.starts_with('-')
                && flag.ends_with('c') =>
        {
            read_script(text)
        }
        [first, ..]
            if matches!(
                first.trim_start_matches("/usr").trim_start_matches("/bin/"),
                "true" | "false" | "sleep" | "wget" | "curl"
            ) =>
        {
            read_script(&words.join(" "))
        }
        _ => Script::Unknown,
    }
}

fn read_script(text: &str) -> Script {
    let mut after = 0_u64;
    let mut lines = Vec::new();
    let mut code = 0;
    let mut understood = false;
    let steps: Vec<&str> = text
        .split([';', '\n'])
        .flat_map(|part| part.split("&&"))
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .collect();
    for (index, step) in steps.iter().enumerate() {
        let mut words = step.split_whitespace();
        let first = words.next().unwrap_or("").trim_start_matches("/bin/");
        let argument = words.next().unwrap_or("");
        let last = index + 1 == steps.len();
        match first {
            "set" | "trap" | "#" | ":" => {}
            "true" => (code, understood) = (0, true),
            "false" => (code, understood) = (1, true),
            "echo" => {
                let said = step.split_once(' ').map_or("", |(_, said)| said);
                // Both streams of a container end in its log.
                let said =
                    ["1>&2", ">&2"].iter().find_map(|end| said.strip_suffix(end)).unwrap_or(said).trim_end();
                if !said.contains('>') {
                    lines.push((after, said.trim_matches(['"', '\'']).to_owned()));
                }
                (code, understood) = (0, true);
            }
            "exit" => return Script::Ends { after, code: argument.parse().unwrap_or(code), lines },
            "sleep" => match sleep_millis(argument) {
                Some(millis) => {
                    after = after.saturating_add(millis);
                    (code, understood) = (0, true);
                }
                None => return Script::Forever { lines },
            },
            // The model has no network to ask; what asks is answered.
            "wget" | "curl" => {
                after = after.saturating_add(REQUEST_MS);
                (code, understood) = (0, true);
            }
            "while" | "for" if step.contains("true") || step.contains(':') => {
                return Script::Forever { lines };
            }
            "tail" if argument == "-f" || argument == "-F" => return Script::Forever { lines },
            _ if last => return Script::Server { after, shell: first != "exec" },
            _ => after += 10,
        }
    }
    if understood { Script::Ends { after, code, lines } } else { Script::Unknown }
}

/// How long a request over the network takes.
const REQUEST_MS: u64 = 50;

fn sleep_millis(text: &str) -> Option<u64> {
    let seconds =
        |number: &str| number.parse::<f64>().ok().filter(|number| *number >= 0.0 && number.is_finite());
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (text.get(..at)?, 1.0),
        Some((at, 'm')) => (text.get(..at)?, 60.0),
        Some((at, 'h')) => (text.get(..at)?, 3600.0),
        _ => (text, 1.0),
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be finite and not negative"
    )]
    seconds(number).map(|number| (number * unit * 1000.0).min(1e15) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_do_what_they_say() {
        let ends = |after, code| Script::Ends { after, code, lines: Vec::new() };
        for (words, expected) in [
            (vec!["sh", "-c", "exit 3"], ends(0, 3)),
            (vec!["sh", "-c", "sleep 2; exit 1"], ends(2000, 1)),
            (vec!["false"], ends(0, 1)),
            (vec!["/bin/true"], ends(0, 0)),
            (vec!["sleep", "1m"], ends(60_000, 0)),
            (vec!["wget", "web:80"], ends(50, 0)),
            (vec!["sh", "-c", "curl -sf http://web/ && exit 0"], ends(50, 0)),
            (vec!["sleep", "infinity"], Script::Forever { lines: Vec::new() }),
            (vec!["/bin/sh", "-ec", "while true; do sleep 1; done"], Script::Forever { lines: Vec::new() }),
            (
                vec!["sh", "-c", "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; exec httpd -f"],
                Script::Server { after: 10, shell: false },
            ),
            (
                vec!["sh", "-c", "echo 'no schema' >&2; exit 3"],
                Script::Ends { after: 0, code: 3, lines: vec![(0, "no schema".to_owned())] },
            ),
            (vec!["nginx", "-g", "daemon off;"], Script::Unknown),
            (
                vec!["sh", "-c", "echo hello && sleep 1"],
                Script::Ends { after: 1000, code: 0, lines: vec![(0, "hello".to_owned())] },
            ),
        ] {
            assert_eq!(script(&words), expected, "{words:?}");
        }
    }
}
