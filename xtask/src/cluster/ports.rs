//! Free ports on loopback. Below the range from which the system picks ports for outgoing connections, and below that of NodePorts.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, bail};

const FIRST: u16 = 20_000;
const COUNT: u16 = 9_000;

/// The ports of one cluster. They are chosen all at once: one that is chosen and not yet used still looks free.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) api: u16,
    pub(crate) controller_manager: u16,
    pub(crate) scheduler: u16,
    pub(crate) registry: u16,
    /// The kubelet's, or kwok's.
    pub(crate) node: u16,
}

impl Ports {
    /// Ports nobody listens on.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let [etcd, etcd_peer, api, controller_manager, scheduler, registry, node] = free()?;
        Ok(Self { etcd, etcd_peer, api, controller_manager, scheduler, registry, node })
    }
}

/// As many free ports as asked for. All are held until all are found, so that they differ; the search starts at a place that
/// depends on our process id, so that two clusters that start at once do not meet.
fn free<const N: usize>() -> anyhow::Result<[u16; N]> {
    let offset =
        u16::try_from(std::process::id().wrapping_mul(61) % u32::from(COUNT)).context("port offset")?;
    let mut held = Vec::new();
    for step in 0..COUNT {
        let port = FIRST + (offset + step) % COUNT;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
        if held.len() == N {
            let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
            return ports.try_into().map_err(|_| anyhow::anyhow!("port count"));
        }
    }
    bail!("no {N} free ports between {FIRST} and {}", FIRST + COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_are_free() {
        let [taken] = free::<1>().unwrap();
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, taken));
        let mut ports = free::<6>().unwrap();
        assert!(held.is_err() || !ports.contains(&taken), "{taken} in {ports:?}");
        ports.sort_unstable();
        assert!(ports.windows(2).all(|pair| pair[0] < pair[1]), "{ports:?}");
    }
}
