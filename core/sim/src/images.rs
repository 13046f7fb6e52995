//! The registries the sandbox's nodes pull from.
//!
//! The rule, in order:
//! 1. A repository of the catalogue that is *closed* has exactly the tags that were pushed to it ([`Registry::push`]).
//! 2. Of every other repository exist the tags that look like a release: they contain a digit, or are one of the usual
//!    moving names (`latest`, `stable`, `main`, `alpine`, …), alone or as the parts of a name such as `1.27-alpine`; so does
//!    every digest. Any other word (`nope`, `does-not-exist`) does not exist.
//! 3. A host under `.invalid` does not resolve, whatever the tag.
//!
//! The texts are containerd's, as a kubelet 1.36 shows them.

use serde::{Deserialize, Serialize};

use crate::ordered::Map;
use crate::world::chance;

/// Which images exist, how large they are, how fast they come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// By repository, e.g. `docker.io/library/nginx`.
    repositories: Map<String, Repository>,
    /// Bytes per second a node pulls.
    bandwidth: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Repository {
    /// Only pushed tags exist.
    closed: bool,
    /// Bytes of an image without an entry of its own, 0 for the general rule.
    size: u64,
    /// Bytes by tag.
    tags: Map<String, u64>,
}

/// An image's name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageName {
    pub(crate) host: String,
    /// Path without host, e.g. `library/nginx`.
    pub(crate) path: String,
    /// Tag, or `sha256:…`.
    pub(crate) reference: String,
    pub(crate) digest: bool,
}

/// Why an image could not be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PullFault {
    NotFound,
    Unreachable,
    Unauthorized,
    NoSuchHost,
    TooManyRequests,
}

/// Common public images with their compressed size in MB.
const COMMON: [(&str, u64); 22] = [
    ("docker.io/library/nginx", 72),
    ("docker.io/library/busybox", 2),
    ("docker.io/library/alpine", 4),
    ("docker.io/library/postgres", 155),
    ("docker.io/library/redis", 52),
    ("docker.io/library/mysql", 240),
    ("docker.io/library/mariadb", 125),
    ("docker.io/library/mongo", 280),
    ("docker.io/library/rabbitmq", 110),
    ("docker.io/library/httpd", 59),
    ("docker.io/library/python", 45),
    ("docker.io/library/node", 60),
    ("docker.io/library/golang", 300),
    ("docker.io/library/debian", 50),
    ("docker.io/library/ubuntu", 30),
    ("docker.io/library/memcached", 35),
    ("docker.io/bitnami/kubectl", 90),
    ("docker.io/curlimages/curl", 9),
    ("registry.k8s.io/pause", 1),
    ("registry.k8s.io/ingress-nginx/controller", 110),
    ("quay.io/prometheus/prometheus", 100),
    ("ghcr.io/stefanprodan/podinfo", 28),
];

/// Tags without a digit that exist by rule 2, alone or as parts of a tag.
const USUAL_WORDS: [&str; 26] = [
    "latest",
    "stable",
    "main",
    "master",
    "edge",
    "nightly",
    "release",
    "prod",
    "production",
    "staging",
    "dev",
    "develop",
    "development",
    "test",
    "alpine",
    "slim",
    "bookworm",
    "bullseye",
    "trixie",
    "jammy",
    "noble",
    "debian",
    "debug",
    "nonroot",
    "mainline",
    "lts",
];

const MB: u64 = 1_000_000;

impl Registry {
    /// Registries with the usual public images, all of them open.
    #[must_use]
    pub fn with_common_images() -> Self {
        let repositories = COMMON
            .iter()
            .map(|(name, size)| ((*name).to_owned(), Repository { size: size * MB, ..Repository::default() }))
            .collect();
        Self { repositories, bandwidth: 50 * MB }
    }

    /// Puts an image into its repository, e.g. `registry.example.com/shop/web:1.4.2`, of a size in bytes. From then on the
    /// repository is closed: tags nobody pushed do not exist in it. An unreadable name changes nothing and answers
    /// `false`.
    pub fn push(&mut self, image: &str, size: u64) -> bool {
        let Ok(name) = ImageName::parse(image) else { return false };
        let repository = self.repositories.or_default(name.repository());
        repository.closed = true;
        repository.tags.insert(name.reference, size);
        true
    }

    /// Takes an image out of its repository and closes it, so that the image does not exist any more.
    pub fn remove(&mut self, image: &str) -> bool {
        let Ok(name) = ImageName::parse(image) else { return false };
        let repository = self.repositories.or_default(name.repository());
        repository.closed = true;
        repository.tags.remove(&name.reference).is_some()
    }

    /// The tags pushed to the repository of an image, in order.
    #[must_use]
    pub fn tags(&self, image: &str) -> Vec<String> {
        let repository =
            ImageName::parse(image).ok().and_then(|name| self.repositories.get(&name.repository()));
        repository.map(|repository| repository.tags.keys().cloned().collect()).unwrap_or_default()
    }

    /// Sets how many bytes per second a node pulls.
    pub fn set_bandwidth(&mut self, bytes_per_second: u64) {
        self.bandwidth = bytes_per_second.max(1);
    }

    /// Bytes of an image that exists.
    pub(crate) fn find(&self, name: &ImageName) -> Result<u64, PullFault> {
        if name.host.ends_with(".invalid") {
            return Err(PullFault::NoSuchHost);
        }
        let known = self.repositories.get(&name.repository());
        if let Some(size) = known.and_then(|known| known.tags.get(&name.reference)) {
            return Ok(*size);
        }
        let plausible = name.digest || plausible_tag(&name.reference);
        if known.is_some_and(|known| known.closed) || !plausible {
            return Err(PullFault::NotFound);
        }
        let guessed = 20 * MB + chance(0, &name.repository(), "size") % (90 * MB);
        Ok(known.map(|known| known.size).filter(|size| *size > 0).unwrap_or(guessed))
    }

    /// Milliseconds a pull takes once the node gets to it.
    pub(crate) fn pull_millis(&self, size: u64) -> u64 {
        400 + size.saturating_mul(1000) / self.bandwidth.max(1)
    }
}

fn plausible_tag(tag: &str) -> bool {
    tag.bytes().any(|byte| byte.is_ascii_digit())
        || tag.split(['-', '_', '.']).all(|part| USUAL_WORDS.contains(&part.to_ascii_lowercase().as_str()))
}

impl ImageName {
    /// Takes a name apart; the error is the text of the reference parser.
    pub(crate) fn parse(image: &str) -> Result<Self, &'static str> {
        const INVALID: &str = "invalid reference format";
        let (rest, digest) = match image.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (image, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path.to_owned()),
            Some(_) => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(if tag.is_none_or(valid_tag) {
                "invalid reference format: repository name (library/…) must be lowercase"
            } else {
                INVALID
            });
        }
        let path_ok = !name.is_empty() && path.split('/').all(valid_component);
        let digest_ok = digest.is_none_or(|digest| {
            digest
                .strip_prefix("sha256:")
                .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        });
        if !path_ok || !digest_ok || tag.is_some_and(|tag| !valid_tag(tag)) {
            return Err(INVALID);
        }
        Ok(Self {
            host: host.to_owned(),
            path,
            reference: digest.or(tag).unwrap_or("latest").to_owned(),
            digest: digest.is_some(),
        })
    }

    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    /// The full name, as containerd writes it.
    pub(crate) fn full(&self) -> String {
        format!("{}{}{}", self.repository(), if self.digest { "@" } else { ":" }, self.reference)
    }

    /// What containerd answers.
    pub(crate) fn pull_error(&self, fault: PullFault) -> String {
        let full = self.full();
        let start = format!("failed to pull and unpack image \"{full}\": failed to resolve image: ");
        let plain = self.host.starts_with("127.") || self.host.starts_with("localhost");
        let (scheme, host) = (if plain { "http" } else { "https" }, self.api_host());
        let url = format!("{scheme}://{host}/v2/{}/manifests/{}", self.path, self.reference);
        match fault {
            PullFault::NotFound => format!("rpc error: code = NotFound desc = {start}{full}: not found"),
            PullFault::Unreachable => {
                let port = if host.contains(':') { "" } else { ":443" };
                format!(
                    "{start}failed to do request: Head \"{url}\": dial tcp {host}{port}: connect: connection refused"
                )
            }
            PullFault::NoSuchHost => format!(
                "{start}failed to do request: Head \"{url}\": dial tcp: lookup {host} on 10.96.0.10:53: no such host"
            ),
            PullFault::Unauthorized => format!(
                "{start}pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials"
            ),
            PullFault::TooManyRequests => {
                format!("{start}unexpected status from HEAD request to {url}: 429 Too Many Requests")
            }
        }
    }

    fn api_host(&self) -> &str {
        if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host }
    }
}

fn valid_component(part: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    edge(part.bytes().next())
        && edge(part.bytes().last())
        && part
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

fn valid_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.len() <= 128
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !tag.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_images_exist() {
        let mut registry = Registry::with_common_images();
        registry.push("registry.example.com/shop/web:1.4.2", 30 * MB);
        let digest = "app@sha256:0123456789012345678901234567890123456789012345678901234567890123";
        for (image, exists) in [
            ("nginx", true),
            ("nginx:1.27-alpine", true),
            ("nginx:nope", false),
            ("registry.example.com/other/app:v1", true),
            ("registry.example.com/other/app:does-not-exist", false),
            ("registry.example.com/shop/web:1.4.2", true),
            ("registry.example.com/shop/web:1.4.22", false),
            ("localhost:5000/a/b:stable-slim", true),
            ("registry.invalid/app:v1", false),
            (digest, true),
        ] {
            let name = ImageName::parse(image).unwrap();
            assert_eq!(registry.find(&name).is_ok(), exists, "{image}");
        }
        for bad in ["UPPER/case:bad tag", "", "a b", "x:", "x@sha256:12", "x//y"] {
            assert!(ImageName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_words_of_containerd() {
        let name = ImageName::parse("127.0.0.1:5000/app:nope").unwrap();
        assert_eq!(
            name.pull_error(PullFault::NotFound),
            "rpc error: code = NotFound desc = failed to pull and unpack image \"127.0.0.1:5000/app:nope\": failed to resolve image: 127.0.0.1:5000/app:nope: not found"
        );
        let name = ImageName::parse("127.0.0.1:5999/app:v1").unwrap();
        assert_eq!(
            name.pull_error(PullFault::Unreachable),
            "failed to pull and unpack image \"127.0.0.1:5999/app:v1\": failed to resolve image: failed to do request: Head \"http://127.0.0.1:5999/v2/app/manifests/v1\": dial tcp 127.0.0.1:5999: connect: connection refused"
        );
    }
}
