//! Signals: the first asks to stop in order, the second stops at once.

use std::time::Duration;

use backstay_core::object::parse_duration;

use crate::exit::{Exit, Stop};

/// Seconds, or a duration with units, between the signal that asks a CI job to stop and the one that kills it.
const GRACE: &str = "BACKSTAY_GRACE";

fn grace() -> anyhow::Result<Option<Duration>> {
    let Ok(text) = std::env::var(GRACE) else { return Ok(None) };
    match usable_grace(&text) {
        Some(grace) => Ok(Some(grace)),
        None => {
            Err(Stop::with(Exit::Usage, format!("{GRACE} is a number of seconds, such as 30, not {text:?}")))
        }
    }
}

/// What of a grace may be used: the rest is for writing down where the rollout stands.
fn usable_grace(text: &str) -> Option<Duration> {
    let given =
        text.trim().parse().map(Duration::from_secs).ok().or_else(|| parse_duration(text.trim()).ok())?;
    Some(given - (given / 4).min(Duration::from_secs(3)))
}

/// The signals that ask this process to stop: Ctrl-C, SIGTERM, SIGHUP. One listener for the whole run, so that none is
/// lost between two waits.
pub(crate) struct Signals {
    /// How long whoever sends the first signal waits before it kills, if that is known.
    pub(crate) grace: Option<Duration>,
    #[cfg(unix)]
    listeners: Option<[tokio::signal::unix::Signal; 3]>,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let open = || -> std::io::Result<_> {
            Ok([
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ])
        };
        // Without listeners the default action of the signals ends the process, which is safe at any instant.
        Ok(Self { grace: grace()?, listeners: open().ok() })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self { grace: grace()? })
    }

    /// Completes at the next signal.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        let Some([interrupt, terminate, hangup]) = &mut self.listeners else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Completes at the next signal.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_leaves_time_to_write_down_where_it_stopped() {
        let seconds = |text: &str| usable_grace(text).map(|grace| grace.as_secs_f64());
        for (text, usable) in [
            ("30", Some(27.0)),
            ("8", Some(6.0)),
            ("1m", Some(57.0)),
            ("0", Some(0.0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), usable, "{text}");
        }
    }
}
