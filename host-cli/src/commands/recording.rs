//! `--record`: what the cluster showed, a line for every sight, as `backstay diagnose --replay` reads it.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backstay_core::object::{Timestamp, redact_secret};
use backstay_core::rehearse::record_line;
use serde_json::Value;

/// An open recording.
#[derive(Debug)]
pub(crate) struct Recorder {
    file: File,
    path: PathBuf,
    began: Timestamp,
    /// What was seen last and is there.
    last: Option<Value>,
}

impl Recorder {
    /// Begins a recording; a file that is there is replaced.
    pub(crate) fn create(path: &Path, began: Timestamp) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write a recording to {}", path.display()))?;
        Ok(Self { file, path: path.to_owned(), began, last: None })
    }

    /// Writes a sight down at once: a recording is worth most when the run ended badly.
    pub(crate) fn take(&mut self, object: &Value, deleted: bool, now: Timestamp) -> anyhow::Result<()> {
        let mut object = object.clone();
        redact_secret(&mut object);
        self.write(&object, deleted, now)?;
        if !deleted {
            self.last = Some(object);
        }
        Ok(())
    }

    /// Tells how long it was looked: the last sight once more, at the end. Else silence would look like the end.
    pub(crate) fn finish(mut self, now: Timestamp) -> anyhow::Result<()> {
        match self.last.take() {
            Some(object) => self.write(&object, false, now),
            None => Ok(()),
        }
    }

    fn write(&mut self, object: &Value, deleted: bool, now: Timestamp) -> anyhow::Result<()> {
        let line = record_line(now.since(self.began).as_secs_f64(), object, deleted);
        writeln!(self.file, "{line}").with_context(|| format!("cannot write to {}", self.path.display()))
    }
}
