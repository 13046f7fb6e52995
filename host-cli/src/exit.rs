//! How the process ends: one table for codes, one type for errors at the edge.

use std::process::ExitCode;

use backstay_core::rollout::Verdict;

/// The documented exit codes. README, `--help` and the tests speak of the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Deployed, or the question was answered.
    Success = 0,
    /// Failed; what ran before runs again, verified. Also: a question whose answer is no.
    Failed = 1,
    /// Failed, and the way back failed, too: a person is needed.
    UndoFailed = 2,
    /// Failed and left in place, as asked.
    LeftInPlace = 3,
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

impl From<&Verdict> for Exit {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Deployed | Verdict::Uninstalled => Self::Success,
            Verdict::RolledBack { .. } | Verdict::CleanedUp { .. } => Self::Failed,
            Verdict::UndoFailed { .. } => Self::UndoFailed,
            Verdict::LeftInPlace { .. } => Self::LeftInPlace,
            Verdict::Refused { .. } => Self::Refused,
            Verdict::Held { .. } => Self::Held,
            Verdict::Interrupted { .. } => Self::Interrupted,
            Verdict::Unreachable { .. } => Self::Unreachable,
        }
    }
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
    pub(crate) fn with(exit: Exit, message: impl Into<String>) -> anyhow::Error {
        Self { exit, message: message.into() }.into()
    }

    /// Refused before any change: chart, values, names, server checks.
    pub(crate) fn refused(message: impl Into<String>) -> anyhow::Error {
        Self::with(Exit::Refused, message)
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
    matches!(
        error,
        kube::Error::HyperError(_)
            | kube::Error::Service(_)
            | kube::Error::Auth(_)
            | kube::Error::InferConfig(_)
    )
}

#[cfg(test)]
mod tests {
    use backstay_core::health::{Cause, CauseCode, Class};
    use backstay_core::object::{ResourceKey, Timestamp};

    use super::*;

    #[test]
    fn codes_are_those_of_the_machine_and_of_the_readme() {
        let cause = || Cause {
            code: CauseCode::Aborted,
            class: Class::FatalNow,
            object: ResourceKey::new("v1", "Pod", "prod", "web"),
            pod: None,
            container: None,
            message: String::new(),
            hint: String::new(),
            first_seen: Timestamp::default(),
        };
        let readme = include_str!("../../README.md");
        for (verdict, code) in [
            (Verdict::Deployed, 0),
            (Verdict::Uninstalled, 0),
            (Verdict::RolledBack { cause: cause(), running: 1, recorded_as: None }, 1),
            (Verdict::CleanedUp { cause: cause() }, 1),
            (Verdict::UndoFailed { cause: cause(), undo_cause: cause() }, 2),
            (Verdict::LeftInPlace { cause: cause() }, 3),
            (Verdict::Refused { causes: vec![] }, 4),
            (Verdict::Held { holder: String::new() }, 5),
            (Verdict::Interrupted { cause: cause() }, 6),
            (Verdict::Unreachable { cause: cause() }, 7),
        ] {
            assert_eq!(Exit::from(&verdict) as u8, code, "{verdict:?}");
            assert_eq!(verdict.exit_code(), code, "{verdict:?}");
            assert!(readme.contains(&format!("| {code} |")), "the README lacks code {code}");
        }
        assert!(readme.contains(&format!("| {} |", Exit::Usage as u8)));
    }
}
