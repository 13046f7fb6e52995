//! Credentials that end while a rollout runs.
//!
//! An exec plugin's token with a time of expiry is renewed by the client before that time. One without, or one that the server
//! no longer takes, is told by a 401 alone: nothing has been done then, so the plugin is asked again and the same request is sent
//! once more, as client-go does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::{Client, Config};
use tokio::time::Instant;

/// The least time between two renewals: a plugin may open a browser, and a server may mean its 401.
const BETWEEN: Duration = Duration::from_secs(10);

/// The client in use, and what makes another one of the same kubeconfig.
pub(super) struct Connection {
    current: Mutex<Numbered>,
    /// Given when what it logs in with can be had anew.
    config: Option<Box<Config>>,
    /// One renewal at a time, and when the last one was.
    renewing: tokio::sync::Mutex<Option<Instant>>,
}

/// A client and how many there were before it.
#[derive(Clone)]
pub(super) struct Numbered {
    pub(super) client: Client,
    number: u32,
}

impl Connection {
    /// `client` was made of `config`.
    pub(super) fn new(client: Client, config: &Config) -> Self {
        let login = &config.auth_info;
        let renewable = login.exec.is_some() || login.token_file.is_some() || login.auth_provider.is_some();
        Self {
            current: Mutex::new(Numbered { client, number: 0 }),
            config: renewable.then(|| Box::new(config.clone())),
            renewing: tokio::sync::Mutex::default(),
        }
    }

    /// The client to ask with.
    pub(super) fn current(&self) -> Numbered {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server did not know who asks. Whether there is another client than `refused` now.
    pub(super) async fn renew(self: &Arc<Self>, refused: &Numbered) -> bool {
        let Some(config) = &self.config else { return false };
        let mut last = self.renewing.lock().await;
        if self.current().number != refused.number {
            return true;
        }
        if last.is_some_and(|last| last.elapsed() < BETWEEN) {
            return false;
        }
        *last = Some(Instant::now());
        // The plugin is a program that is waited for, and the client begins tasks where it is made.
        let (config, runtime) = ((**config).clone(), tokio::runtime::Handle::current());
        let made = tokio::task::spawn_blocking(move || {
            let _inside = runtime.enter();
            Client::try_from(config)
        });
        // Without a new one the refusal stands, and says more than the plugin's failure.
        let Ok(Ok(client)) = made.await else { return false };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Numbered { client, number: refused.number + 1 };
        true
    }
}
