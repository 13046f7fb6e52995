//! One writer per release: a Lease says who works on it, and its number of transitions fences whoever lost it.
//!
//! A sandbox has one process at a time and needs none. Where the user may not write Leases, the release record alone
//! carries the signs of life.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use backstay_core::object::format_duration;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp as Time;
use kube::api::{Api, ObjectMeta, PostParams};

use crate::cluster::Cluster;

/// How often the Lease is written before the release counts as out of reach, and the pause after the first try; it doubles.
const WRITES_MOST: u32 = 6;
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// For how long a holder is believed to live after its last renewal.
const DURATION_SECONDS: i32 = 30;

/// How often a Lease is tried to be given back, and the pauses after it.
const RELEASE_PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(400), Duration::from_millis(800), Duration::ZERO];

/// A Lease of one release.
pub(crate) struct ReleaseLease {
    api: Option<Api<Lease>>,
    name: String,
    identity: String,
    held: RefCell<Option<Lease>>,
    /// Somebody said to take it whoever holds it.
    seized: Cell<bool>,
}

/// What a Lease says of a release's writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignOfLife {
    /// Somebody lives and holds it; in words.
    Held(String),
    /// Whoever held it gave it back, or is silent for too long.
    None,
    /// There is no Lease to tell.
    Unknown,
}

/// Why the Lease is not ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeaseFailure {
    /// Another process holds it.
    #[error("{0}")]
    Held(String),
    /// Another process took it from us.
    #[error("lease {0} was taken over by another process")]
    Lost(String),
    /// Anything else; may pass.
    #[error(transparent)]
    Other(#[from] kube::Error),
}

impl ReleaseLease {
    pub(crate) fn new(cluster: &Cluster, release: &str, namespace: &str) -> anyhow::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .unwrap_or_else(|_| "unknown-host".to_owned());
        let identity =
            format!("{}-{}-{:016x}", machine.trim(), std::process::id(), u64::from_le_bytes(bytes));
        let api = cluster.sandbox.is_none().then(|| Api::namespaced(cluster.client.clone(), namespace));
        Ok(Self {
            api,
            name: format!("backstay-{release}"),
            identity,
            held: RefCell::default(),
            seized: Cell::default(),
        })
    }

    /// Takes the Lease, or says who holds it since when.
    pub(crate) async fn acquire(&self) -> Result<(), LeaseFailure> {
        let mut pause = PAUSE_FIRST;
        for _ in 1..WRITES_MOST {
            if self.try_acquire().await?.is_none() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.try_acquire().await?.map_or(Ok(()), |error| Err(error.into()))
    }

    /// One try. `Some` is why the write may not have happened, where that may pass: the next try looks first.
    async fn try_acquire(&self) -> Result<Option<kube::Error>, LeaseFailure> {
        let Some(api) = &self.api else { return Ok(None) };
        let now = Time::now();
        let found = match api.get_opt(&self.name).await {
            Err(error) if is_forbidden(&error) => return Ok(None),
            found => found?,
        };
        let stored = match found {
            None => {
                let lease = Lease {
                    metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                    spec: Some(self.spec(now, 1)),
                };
                api.create(&PostParams::default(), &lease).await
            }
            Some(lease) => {
                let spec = lease.spec.clone().unwrap_or_default();
                let is_ours = spec.holder_identity.as_deref() == Some(&self.identity);
                if !self.seized.get()
                    && !is_ours
                    && let Some(holder) = self.holder(api, &lease).await
                {
                    return Err(LeaseFailure::Held(holder));
                }
                let transitions = spec.lease_transitions.unwrap_or(0).saturating_add(1);
                let mine = Lease { spec: Some(self.spec(now, transitions)), ..lease };
                api.replace(&self.name, &PostParams::default(), &mine).await
            }
        };
        match stored {
            Ok(lease) => {
                *self.held.borrow_mut() = Some(lease);
                Ok(None)
            }
            Err(error) if is_forbidden(&error) => Ok(None),
            Err(error) if has_code(&error, 409) => {
                Err(LeaseFailure::Held("another process took the release at the same moment".to_owned()))
            }
            Err(error) if may_pass(&error) => Ok(Some(error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Who holds it, without taking it.
    pub(crate) async fn look(&self) -> anyhow::Result<SignOfLife> {
        let Some(api) = &self.api else { return Ok(SignOfLife::Unknown) };
        let found = match api.get_opt(&self.name).await {
            Err(error) if is_forbidden(&error) => None,
            found => found?,
        };
        let Some(lease) = found else { return Ok(SignOfLife::Unknown) };
        Ok(self.holder(api, &lease).await.map_or(SignOfLife::None, SignOfLife::Held))
    }

    /// Who holds a Lease, in words. By the server's clock alone: that of the holder, or ours, may be wrong by minutes.
    async fn holder(&self, api: &Api<Lease>, lease: &Lease) -> Option<String> {
        let spec = lease.spec.as_ref()?;
        spec.holder_identity.as_deref().filter(|name| !name.is_empty())?;
        let written = lease.metadata.managed_fields.iter().flatten();
        let written = written.filter_map(|entry| entry.time.as_ref()).map(|time| time.0).max();
        match (written, self.server_time(api).await) {
            (Some(written), Some(now)) => holder(spec, written, now),
            _ => holder(spec, spec.renew_time.as_ref()?.0, Time::now()),
        }
    }

    /// The server's time: what it would write on a Lease that is made now.
    async fn server_time(&self, api: &Api<Lease>) -> Option<Time> {
        let never_made = Lease {
            metadata: ObjectMeta { generate_name: Some(format!("{}-", self.name)), ..ObjectMeta::default() },
            spec: None,
        };
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        Some(api.create(&dry_run, &never_made).await.ok()?.metadata.creation_timestamp?.0)
    }

    /// Lets the next [`ReleaseLease::acquire`] take it whoever holds it.
    pub(crate) fn seize(&self) {
        self.seized.set(true);
    }

    /// Whether a Lease is held (and not only the record).
    pub(crate) fn is_held(&self) -> bool {
        self.held.borrow().is_some()
    }

    /// Gives a sign of life. Whoever lost the Lease must stop before its next write.
    pub(crate) async fn renew(&self) -> Result<(), LeaseFailure> {
        let (Some(api), Some(mut lease)) = (&self.api, self.held.borrow().clone()) else { return Ok(()) };
        if let Some(spec) = &mut lease.spec {
            spec.renew_time = Some(MicroTime(Time::now()));
        }
        match api.replace(&self.name, &PostParams::default(), &lease).await {
            Ok(stored) => {
                *self.held.borrow_mut() = Some(stored);
                Ok(())
            }
            // A lost reply to our own renewal looks the same: whose it is decides.
            Err(error) if has_code(&error, 409) || has_code(&error, 404) => {
                let found = api.get_opt(&self.name).await?;
                match found.filter(|lease| self.is_ours(lease)) {
                    Some(lease) => {
                        *self.held.borrow_mut() = Some(lease);
                        Ok(())
                    }
                    None => Err(LeaseFailure::Lost(self.name.clone())),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the Lease back, so that the next one need not wait until it expires. A failure only costs that wait.
    pub(crate) async fn release(&self) {
        let held = self.held.borrow_mut().take();
        let (Some(api), Some(mut lease)) = (&self.api, held) else { return };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.renew_time = None;
        }
        for pause in RELEASE_PAUSES {
            match api.replace(&self.name, &PostParams::default(), &lease).await {
                // A sign of life whose reply was lost has changed it since: it is given back as it is now.
                Err(error) if has_code(&error, 409) => match api.get_opt(&self.name).await {
                    Ok(Some(found)) if self.is_ours(&found) => lease.metadata = found.metadata,
                    // Given back already, or somebody else's by now.
                    Ok(_) => return,
                    Err(_) => tokio::time::sleep(pause).await,
                },
                // Given back, or never to be ours to write; else it is kept until it expires.
                Ok(_) => return,
                Err(kube::Error::Api(status)) if status.code < 500 => return,
                Err(_) => tokio::time::sleep(pause).await,
            }
        }
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        lease.spec.as_ref().is_some_and(|spec| spec.holder_identity.as_deref() == Some(&self.identity))
    }

    fn spec(&self, now: Time, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            acquire_time: Some(MicroTime(now)),
            renew_time: Some(MicroTime(now)),
            lease_duration_seconds: Some(DURATION_SECONDS),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

/// Who holds a Lease that was last written then, in words; `None` when nobody does (any more).
fn holder(spec: &LeaseSpec, written: Time, now: Time) -> Option<String> {
    let name = spec.holder_identity.as_deref().filter(|name| !name.is_empty())?;
    let between = |from: Time, to: Time| Duration::try_from(to.duration_since(from)).unwrap_or_default();
    let renewed = spec.renew_time.as_ref()?.0;
    let silent = between(written, now);
    let limit = Duration::from_secs(
        u64::try_from(spec.lease_duration_seconds.unwrap_or(DURATION_SECONDS)).unwrap_or(0),
    );
    if silent > limit {
        return None;
    }
    let held = silent + spec.acquire_time.as_ref().map(|time| between(time.0, renewed)).unwrap_or_default();
    let seconds = |time: Duration| format_duration(Duration::from_secs(time.as_secs()));
    Some(format!(
        "{name} holds the release since {}, last sign of life {} ago",
        seconds(held),
        seconds(silent)
    ))
}

fn is_forbidden(error: &kube::Error) -> bool {
    has_code(error, 403)
}

/// The server stumbled, or its reply was lost.
fn may_pass(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 500 | 502..=504),
        _ => true,
    }
}

fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_held_while_its_holder_gives_signs_of_life() {
        let at = |second: i64| Time::from_second(1_800_000_000 + second).unwrap();
        let micro = |second: i64| Some(MicroTime(at(second)));
        // The holder's clock is `ahead` of the server's, whose clock alone counts.
        for (name, ahead, silent, since) in [
            (Some("a"), 0, 5, Some("1m, last sign of life 5s ago")),
            (Some("a"), 0, 30, Some("1m25s, last sign of life 30s ago")),
            (Some("a"), 0, 31, None),
            (Some("a"), 300, 5, Some("1m, last sign of life 5s ago")),
            (Some("a"), -300, 5, Some("1m, last sign of life 5s ago")),
            (Some("a"), 300, 31, None),
            (Some(""), 0, 5, None),
            (None, 0, 5, None),
        ] {
            let spec = LeaseSpec {
                holder_identity: name.map(str::to_owned),
                renew_time: micro(ahead),
                acquire_time: micro(ahead - 55),
                lease_duration_seconds: Some(30),
                ..LeaseSpec::default()
            };
            let said = holder(&spec, at(0), at(silent));
            let expected = since.map(|since| format!("a holds the release since {since}"));
            assert_eq!(said, expected, "{name:?} {ahead} {silent}");
        }
        let given_back = LeaseSpec { holder_identity: Some("a".into()), ..LeaseSpec::default() };
        assert_eq!(holder(&given_back, at(0), at(1)), None);
    }
}
