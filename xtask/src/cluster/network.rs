//! The bridge that pods and node share. It is made before the node and its address is the node's: the kubelet can then be
//! reached from this machine and its pods only, and two clusters do not meet.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::{paths, run};

/// The first two numbers of all pod networks; the third is the bridge's number.
const PREFIX: &str = "10.213";

/// A bridge of ours.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) name: String,
    pub(crate) address: String,
    subnet: String,
}

impl Bridge {
    /// Takes the first free number. Making the bridge is what reserves it: of two that try, one fails and goes on.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let mut last = None;
        for number in 0..64 {
            let name = format!("backstay{number}");
            if Path::new("/sys/class/net").join(&name).exists() {
                continue;
            }
            match ip(&["link", "add", &name, "type", "bridge"]) {
                Ok(()) => {
                    let address = format!("{PREFIX}.{number}.1");
                    let bridge = Self { name, address, subnet: format!("{PREFIX}.{number}.0/24") };
                    if let Err(error) = bridge.raise() {
                        remove(&bridge.name)?;
                        return Err(error);
                    }
                    return Ok(bridge);
                }
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(error) => Err(error).context("no bridge can be made for the pods"),
            None => bail!("64 clusters have bridges already; `ip link` lists them as backstay0 and so on"),
        }
    }

    fn raise(&self) -> anyhow::Result<()> {
        ip(&["address", "add", &format!("{}/24", self.address), "dev", &self.name])?;
        ip(&["link", "set", &self.name, "up"])
    }

    /// Writes the network's definition for the container runtime. Addresses given out are kept in the cluster's folder.
    pub(crate) fn write_cni(&self, folder: &Path) -> anyhow::Result<()> {
        let addresses = json!({
            "type": "host-local", "dataDir": folder.join("cni-addresses"),
            "ranges": [[{"subnet": self.subnet, "gateway": self.address}]], "routes": [{"dst": "0.0.0.0/0"}],
        });
        let network = json!({
            "cniVersion": "0.4.0", "name": self.name,
            "plugins": [{"type": "bridge", "bridge": self.name, "isGateway": true, "ipMasq": false, "ipam": addresses}],
        });
        let cni = folder.join("cni");
        let written = fs::create_dir_all(&cni)
            .and_then(|()| fs::write(cni.join("10-net.conflist"), network.to_string()));
        written.with_context(|| format!("{}: cannot be written", cni.display()))
    }
}

/// Removes a bridge of ours.
pub(crate) fn remove(name: &str) -> anyhow::Result<()> {
    if Path::new("/sys/class/net").join(name).exists() {
        ip(&["link", "delete", name])?;
    }
    Ok(())
}

/// Whether any cluster has a bridge on this machine.
pub(crate) fn any() -> anyhow::Result<bool> {
    let devices = fs::read_dir("/sys/class/net").context("/sys/class/net cannot be read")?;
    let is_ours =
        |name: &str| name.strip_prefix("backstay").is_some_and(|number| number.parse::<u8>().is_ok());
    Ok(devices.filter_map(Result::ok).any(|device| is_ours(&device.file_name().to_string_lossy())))
}

/// Removes what the CNI library remembers of containers; it has one place for the whole machine.
pub(crate) fn forget(containers: &[String]) -> anyhow::Result<()> {
    let Ok(results) = fs::read_dir("/var/lib/cni/results") else { return Ok(()) };
    for entry in results {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if containers.iter().any(|container| name.contains(container.as_str())) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let program = paths::executable("ip").context("ip is missing (Debian package iproute2)")?;
    run::read(Command::new(program).args(arguments)).map(|_| ())
}
