//! How the process ends: one table for codes, one type for errors at the edge.

use std::process::ExitCode;

/// The documented exit codes. README, `--help` and the tests speak of the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Deployed, or the question was answered.
    Success = 0,
    /// Failed; what ran before runs again, verified. Also: a question whose answer is no.
    Failed = 1,
    /// Refused before any change.
    Refused = 4,
    /// Another rollout holds the release.
    Held = 5,
    /// Interrupted; can be resumed.
    Interrupted = 6,
    /// The cluster could not be reached; nothing changed.
    Unreachable = 7,
    /// Wrong usage.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that already knows its exit code. Everything else ends with 1.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Stop {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Stop {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> anyhow::Error {
        Self { exit, message: message.into() }.into()
    }

    /// Refused before any change: chart, values, names, server checks.
    pub(crate) fn refused(message: impl Into<String>) -> anyhow::Error {
        Self::new(Exit::Refused, message)
    }
}

/// The exit code of an error: its own, or what its nature says.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stop.exit;
    }
    if error.chain().any(|cause| cause.downcast_ref::<kube::Error>().is_some_and(is_unreachable)) {
        return Exit::Unreachable;
    }
    Exit::Failed
}

/// Whether the server was not reached at all.
pub(crate) fn is_unreachable(error: &kube::Error) -> bool {
    matches!(error, kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::Auth(_) | kube::Error::InferConfig(_))
}
