//! The images of the test cluster: busybox under the names charts ask for, written into the registry's folder as the
//! registry itself would keep them. Nothing is pulled from anywhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{paths, run};

/// The image that keeps a pod's network alive.
pub(crate) const PAUSE: &str = "backstay.test/pause:1";

/// What an image does when it is started without a command.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// A shell.
    Shell,
    /// Sleeps for ever.
    Sleep,
    /// Answers HTTP on this port, `/healthz` included, and ends at once when asked to.
    Serve(u16),
    /// Says why and ends with status 1.
    Crash,
}

/// Repository (without the host, which does not matter: our registry answers for all hosts), tags, what it does.
const IMAGES: &[(&str, &[&str], Does)] = &[
    ("pause", &["1"], Does::Sleep),
    ("library/busybox", &["1", "1.36", "latest"], Does::Shell),
    ("library/nginx", &["1.16.0", "1.27", "latest"], Does::Serve(80)),
    ("shop/web", &["1.4.0", "1.4.1", "1.5.0"], Does::Serve(8080)),
    ("shop/web", &["1.5.1-crash"], Does::Crash),
    ("shop/postgres", &["16.4"], Does::Serve(5432)),
    ("shop/redis", &["7.2"], Does::Serve(6379)),
    ("shop/migrate", &["1.4.0", "1.4.1", "1.5.0"], Does::Shell),
];

impl Does {
    /// Entry point and default command. A chart's arguments come after the entry point; `sh -c` ignores them.
    fn start(self) -> serde_json::Value {
        match self {
            Self::Shell => json!({"Cmd": ["sh"]}),
            Self::Sleep => json!({"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]}),
            Self::Serve(port) => {
                let script =
                    format!("trap 'exit 0' TERM; echo serving on {port}; httpd -f -p {port} -h /www & wait");
                json!({"Entrypoint": ["sh", "-c", script, "serve"]})
            }
            Self::Crash => {
                let script =
                    "echo starting; echo 'fatal: cannot open database: connection refused' >&2; exit 1";
                json!({"Entrypoint": ["sh", "-c", script, "crash"]})
            }
        }
    }
}

/// Writes all images below `root`, the registry's `rootdirectory`.
pub(crate) fn write_all(root: &Path) -> anyhow::Result<()> {
    let store = Store { root: root.join("docker/registry/v2") };
    let layer = busybox_layer()?;
    let layer_digest = store.blob(&layer)?;
    for (repository, tags, does) in IMAGES {
        let mut container = does.start();
        container["Env"] = json!(["PATH=/bin"]);
        let config = json!({
            "architecture": architecture()?, "os": "linux", "config": container,
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        });
        let config = config.to_string();
        let config_digest = store.blob(config.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": layer.len()}],
        });
        let manifest_digest = store.blob(manifest.to_string().as_bytes())?;
        let of = format!("repositories/{repository}");
        for digest in [&layer_digest, &config_digest] {
            store.link(&format!("{of}/_layers/{}", folded(digest)), digest)?;
        }
        store.link(&format!("{of}/_manifests/revisions/{}", folded(&manifest_digest)), &manifest_digest)?;
        for tag in *tags {
            store.link(&format!("{of}/_manifests/tags/{tag}/current"), &manifest_digest)?;
            store.link(
                &format!("{of}/_manifests/tags/{tag}/index/{}", folded(&manifest_digest)),
                &manifest_digest,
            )?;
        }
    }
    Ok(())
}

/// The registry's own storage: blobs by digest, and files named `link` that hold a digest.
struct Store {
    root: PathBuf,
}

impl Store {
    fn blob(&self, bytes: &[u8]) -> anyhow::Result<String> {
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        self.write(&format!("blobs/sha256/{}/{hex}/data", &hex[..2]), bytes)?;
        Ok(format!("sha256:{hex}"))
    }

    fn link(&self, place: &str, digest: &str) -> anyhow::Result<()> {
        self.write(&format!("{place}/link"), digest.as_bytes())
    }

    fn write(&self, place: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let file = self.root.join(place);
        let written =
            fs::create_dir_all(file.parent().unwrap_or(&self.root)).and_then(|()| fs::write(&file, bytes));
        written.with_context(|| format!("{}: cannot be written", file.display()))
    }
}

/// `sha256:abc` as the registry's folders have it: `sha256/abc`.
fn folded(digest: &str) -> String {
    digest.replace(':', "/")
}

fn architecture() -> anyhow::Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("no images for {other}"),
    }
}

/// A file system with busybox under all its names, a web page and a folder for files.
fn busybox_layer() -> anyhow::Result<Vec<u8>> {
    let busybox =
        paths::executable("busybox").context("busybox is missing; run `cargo xtask setup` as root")?;
    let program = fs::read(&busybox).with_context(|| format!("{}: cannot be read", busybox.display()))?;
    let names = run::read(Command::new(&busybox).arg("--list"))?;
    let mut layer = Tar::default();
    for (folder, mode) in [("bin", 0o755), ("etc", 0o755), ("www", 0o755), ("tmp", 0o1777)] {
        layer.add(folder, mode, b'5', b"", "")?;
    }
    layer.add("bin/busybox", 0o755, b'0', &program, "")?;
    for name in names.lines().filter(|name| !name.is_empty() && *name != "busybox") {
        layer.add(&format!("bin/{name}"), 0o777, b'2', b"", "busybox")?;
    }
    for page in ["www/index.html", "www/healthz"] {
        layer.add(page, 0o644, b'0', b"ok\n", "")?;
    }
    Ok(layer.end())
}

/// A tar archive in the ustar format (POSIX.1-1988), with time 0 and owner root: the same files give the same digest.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    /// Adds an entry; `kind` is `0` for a file, `2` for a symbolic link, `5` for a folder.
    fn add(&mut self, name: &str, mode: u32, kind: u8, content: &[u8], target: &str) -> anyhow::Result<()> {
        if name.len() > 100 || target.len() > 100 {
            bail!("{name}: too long a name for a layer");
        }
        let mut header = [0_u8; 512];
        let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
        put(0, name.as_bytes());
        put(100, format!("{mode:07o}").as_bytes());
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}", content.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[kind]);
        put(157, target.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        Ok(())
    }

    /// The finished archive: two empty blocks are its end.
    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tar_reads_our_archive() {
        let mut archive = Tar::default();
        archive.add("bin", 0o755, b'5', b"", "").unwrap();
        archive.add("bin/a", 0o640, b'0', b"content of a", "").unwrap();
        archive.add("bin/b", 0o777, b'2', b"", "a").unwrap();
        let file = std::env::temp_dir().join(format!("backstay-tar-{}.tar", std::process::id()));
        fs::write(&file, archive.end()).unwrap();
        let listed = run::read(Command::new("tar").arg("-tvf").arg(&file)).unwrap();
        let content = run::read(Command::new("tar").arg("-xOf").arg(&file).arg("bin/a")).unwrap();
        fs::remove_file(&file).unwrap();
        for part in ["drwxr-xr-x", "-rw-r-----", "bin/b -> a"] {
            assert!(listed.contains(part), "{part} in {listed}");
        }
        assert_eq!(content, "content of a");
    }
}
