//! Signals: the first asks to stop in order, the second stops at once.

/// The signals that ask this process to stop: Ctrl-C, SIGTERM, SIGHUP. One listener for the whole run, so that none is
/// lost between two waits.
pub(crate) struct Signals {
    #[cfg(unix)]
    listeners: Option<[tokio::signal::unix::Signal; 3]>,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let open = || -> std::io::Result<_> {
            Ok([
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ])
        };
        // Without listeners the default action of the signals ends the process, which is safe at any instant.
        Self { listeners: open().ok() }
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Self {
        Self {}
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
