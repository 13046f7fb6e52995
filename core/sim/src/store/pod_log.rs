//! What containers wrote: filled by the kubelet, read by `pods/log`.

use backstay_object::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ordered::Map;

/// One line of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// Which run of the container wrote it: its restart count at that time.
    pub run: u32,
    /// The line, without its end.
    pub text: String,
}

/// Which lines are wanted (the query of `pods/log`).
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Lines of the run before the latest instead of the latest.
    pub previous: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<usize>,
    /// Only lines from this time on.
    pub since: Option<Timestamp>,
    /// Only so many bytes from the start.
    pub limit_bytes: Option<usize>,
    /// Whether each line starts with its time.
    pub timestamps: bool,
}

/// Lines kept per container; the oldest go first.
const MAX_LINES: usize = 2000;

/// All lines, by pod uid and container.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PodLogs(Map<String, Map<String, Vec<LogLine>>>);

impl PodLogs {
    fn append(&mut self, pod_uid: &str, container: &str, line: LogLine) {
        let lines = self.0.or_default(pod_uid.to_owned()).or_default(container.to_owned());
        if lines.len() >= MAX_LINES {
            lines.remove(0);
        }
        lines.push(line);
    }

    pub(super) fn forget(&mut self, pod_uid: &str) {
        self.0.remove(pod_uid);
    }

    fn lines(&self, pod_uid: &str, container: &str) -> &[LogLine] {
        self.0.get(pod_uid).and_then(|pod| pod.get(container)).map_or(&[], Vec::as_slice)
    }
}

impl super::Store {
    /// Adds a line to a container's log. It is forgotten with the pod.
    pub fn append_log(&mut self, pod_uid: &str, container: &str, line: LogLine) {
        self.pod_logs.append(pod_uid, container, line);
    }

    /// All lines of a container, of all its runs.
    #[must_use]
    pub fn log_lines(&self, pod_uid: &str, container: &str) -> &[LogLine] {
        self.pod_logs.lines(pod_uid, container)
    }

    /// The text `pods/log` answers for the run the query asks for. `runs` is the container's restart count now.
    #[must_use]
    pub fn read_log(&self, pod_uid: &str, container: &str, restarts: u32, query: &LogQuery) -> String {
        let lines = self.log_lines(pod_uid, container);
        let run = if query.previous { restarts.checked_sub(1) } else { Some(restarts) };
        let wanted: Vec<&LogLine> = lines
            .iter()
            .filter(|line| Some(line.run) == run && query.since.is_none_or(|since| line.at >= since))
            .collect();
        let skip = query.tail_lines.map_or(0, |tail| wanted.len().saturating_sub(tail));
        let mut text = String::new();
        for line in wanted.into_iter().skip(skip) {
            if query.timestamps {
                text.push_str(&line.at.to_rfc3339());
                text.push(' ');
            }
            text.push_str(&line.text);
            text.push('\n');
        }
        if let Some(limit) = query.limit_bytes
            && text.len() > limit
        {
            let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
        }
        text
    }
}
