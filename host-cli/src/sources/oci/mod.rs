//! Charts in OCI registries (Helm `pkg/registry`): every blob is compared with its digest before it is used.

mod challenge;
mod client;
mod push;
mod reference;

use backstay_core::gotemplate::semver::{Constraint, Version};
use bytes::Bytes;
use http::StatusCode;
use http::header::LINK;
use serde_json::Value;

use super::cache::{is_digest, sha256};
use super::web;
use client::{Call, DOCUMENT_MOST, refused};

pub(crate) use client::{Client, RegistryError};
pub(crate) use push::Parcel;
pub(crate) use reference::Reference;

/// The media types of a chart's parts.
const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const OLD_CHART: &str = "application/tar+gzip";
const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Pages of tags read at most.
const PAGES: usize = 1000;

/// A chart as a registry has it.
#[derive(Debug)]
pub(crate) struct Pulled {
    pub(crate) archive: Bytes,
    /// The sha256 of the archive, without `sha256:`.
    pub(crate) archive_digest: String,
    /// The provenance file, if there is one and it was asked for.
    pub(crate) provenance: Option<Bytes>,
    /// The digest of the manifest: `sha256:…`.
    pub(crate) digest: String,
}

impl Client {
    /// The versions of a repository, newest first; tags that are no versions are left out.
    pub(crate) async fn versions(&self, reference: &Reference) -> Result<Vec<Version>, RegistryError> {
        let mut found = Vec::new();
        let mut address = self.address(&format!("/v2/{}/tags/list", reference.repository));
        for _ in 0..PAGES {
            let call = Call::get(address.clone());
            let answer = self.call(&call).await?;
            if !answer.status().is_success() {
                return Err(refused(&call, answer).await);
            }
            let link = answer.headers().get(LINK).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let document = document(answer).await?;
            let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
            let version = |tag: &Value| Version::parse_strict(&tag.as_str()?.replace('_', "+")).ok();
            found.extend(tags.filter_map(version));
            match link.as_deref().and_then(next_page) {
                Some(next) => address = self.resolved(&address, next),
                None => break,
            }
        }
        found.sort_by(|a, b| b.compare(a));
        Ok(found)
    }

    fn resolved(&self, from: &str, next: &str) -> String {
        from.parse().map_or_else(|_| self.address(next), |from| super::address::redirected(&from, next))
    }

    /// The reference with the tag that a version or range stands for (Helm `ValidateReference`).
    pub(crate) async fn with_version(
        &self,
        mut reference: Reference,
        wanted: &str,
    ) -> Result<Reference, RegistryError> {
        let wrong = |words: String| Err(RegistryError::Wrong(words));
        if !wanted.is_empty() && !reference.tag.is_empty() && reference.tag != wanted {
            return wrong(format!("chart reference and version mismatch: {wanted} is not {}", reference.tag));
        }
        let wanted = if wanted.is_empty() { reference.tag.clone() } else { wanted.to_owned() };
        if !reference.digest.is_empty() {
            if !wanted.is_empty() {
                reference.tag = wanted;
                self.check_tag(&reference).await?;
            }
            return Ok(reference);
        }
        if Version::parse(&wanted).is_ok() {
            reference.tag = wanted;
            return Ok(reference);
        }
        let versions = self.versions(&reference).await?;
        if versions.is_empty() {
            return wrong(format!(
                "unable to locate any tags in provided repository: oci://{}",
                reference.shown()
            ));
        }
        let range = if wanted.is_empty() { "*" } else { &wanted };
        let Ok(range) = Constraint::parse(range) else {
            return wrong(format!("improper constraint: {wanted}"));
        };
        match versions.iter().find(|version| range.check(version)) {
            Some(found) => reference.tag = found.original().to_owned(),
            None => {
                return wrong(format!(
                    "could not locate a version matching provided version string {wanted}"
                ));
            }
        }
        Ok(reference)
    }

    /// A tag beside a digest must not name something else; one that is not there is fine, as with Helm.
    async fn check_tag(&self, reference: &Reference) -> Result<(), RegistryError> {
        let tag = reference.stored_tag();
        let address = self.address(&format!("/v2/{}/manifests/{tag}", reference.repository));
        let call = Call { accept: Some(MANIFEST), ..Call::get(address) };
        let answer = self.call(&call).await?;
        if !answer.status().is_success() {
            return Ok(());
        }
        let bytes = web::body(answer, DOCUMENT_MOST).await.map_err(RegistryError::Wrong)?;
        let found = format!("sha256:{}", sha256(&bytes));
        if found == reference.digest {
            return Ok(());
        }
        Err(RegistryError::Wrong(format!(
            "chart reference digest mismatch: {found} is not {}",
            reference.digest
        )))
    }

    /// Fetches a chart; `cached` gives archives that need not be fetched again.
    pub(crate) async fn pull(
        &self,
        reference: &Reference,
        with_provenance: bool,
        cached: &dyn Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<Pulled, RegistryError> {
        let (digest, manifest) = self.manifest(reference).await?;
        let config = manifest.pointer("/config/mediaType").and_then(Value::as_str).unwrap_or_default();
        if config != CONFIG {
            return Err(RegistryError::Wrong(format!(
                "could not load config with mediatype {CONFIG}: {} is no chart ({config})",
                reference.shown()
            )));
        }
        let layers = manifest.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let of = |kind: &str| layers.iter().find(|layer| layer.get("mediaType").is_some_and(|is| is == kind));
        let Some(chart) = of(CHART).or_else(|| of(OLD_CHART)) else {
            return Err(RegistryError::Wrong(format!(
                "manifest does not contain a layer with mediatype {CHART}"
            )));
        };
        let known =
            chart.get("digest").and_then(Value::as_str).and_then(|digest| digest.strip_prefix("sha256:"));
        let archive = match known.filter(|digest| is_digest(digest)).and_then(cached) {
            Some(bytes) => bytes.into(),
            None => self.blob(reference, chart, web::ARCHIVE_MOST).await?,
        };
        let provenance = match of(PROVENANCE).filter(|_| with_provenance) {
            Some(layer) => Some(self.blob(reference, layer, DOCUMENT_MOST).await?),
            None => None,
        };
        let archive_digest = sha256(&archive);
        Ok(Pulled { archive, archive_digest, provenance, digest })
    }

    /// The manifest of a chart and its digest.
    async fn manifest(&self, reference: &Reference) -> Result<(String, Value), RegistryError> {
        let name =
            if reference.digest.is_empty() { reference.stored_tag() } else { reference.digest.clone() };
        let (digest, manifest) = self.manifest_named(reference, &name).await?;
        let kind = manifest.get("mediaType").and_then(Value::as_str).unwrap_or_default();
        if kind != INDEX {
            return Ok((digest, manifest));
        }
        for entry in manifest.get("manifests").and_then(Value::as_array).into_iter().flatten() {
            let inner = entry.get("digest").and_then(Value::as_str).unwrap_or_default();
            if !inner.strip_prefix("sha256:").is_some_and(is_digest) {
                continue;
            }
            let found = self.manifest_named(reference, inner).await?;
            if found.1.pointer("/config/mediaType").is_some_and(|kind| kind == CONFIG) {
                return Ok(found);
            }
        }
        Err(RegistryError::Wrong(format!("none of the manifests of {} is a chart", reference.shown())))
    }

    async fn manifest_named(
        &self,
        reference: &Reference,
        name: &str,
    ) -> Result<(String, Value), RegistryError> {
        let address = self.address(&format!("/v2/{}/manifests/{name}", reference.repository));
        let accept = format!("{MANIFEST}, {INDEX}");
        let call = Call { accept: Some(&accept), ..Call::get(address) };
        let answer = self.call(&call).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(RegistryError::Wrong(format!("{}: not found", reference.shown())));
        }
        if !answer.status().is_success() {
            return Err(refused(&call, answer).await);
        }
        let bytes = web::body(answer, DOCUMENT_MOST).await.map_err(RegistryError::Wrong)?;
        let digest = format!("sha256:{}", sha256(&bytes));
        if name.starts_with("sha256:") && name != digest {
            return Err(RegistryError::Wrong(format!(
                "the registry gave another manifest of {} than was asked for: {digest}, not {name}",
                reference.shown()
            )));
        }
        let manifest = serde_json::from_slice(&bytes).map_err(|error| {
            RegistryError::Wrong(format!("the manifest of {} cannot be read: {error}", reference.shown()))
        })?;
        Ok((digest, manifest))
    }

    async fn blob(&self, reference: &Reference, layer: &Value, most: usize) -> Result<Bytes, RegistryError> {
        let digest = layer.get("digest").and_then(Value::as_str).unwrap_or_default();
        if !digest.strip_prefix("sha256:").is_some_and(is_digest) {
            return Err(RegistryError::Wrong(format!("{}: {digest:?} is not a sha256", reference.shown())));
        }
        let call = Call::get(self.address(&format!("/v2/{}/blobs/{digest}", reference.repository)));
        let answer = self.call(&call).await?;
        if !answer.status().is_success() {
            return Err(refused(&call, answer).await);
        }
        let wrong =
            |reason: String| RegistryError::Wrong(format!("{} {digest}: {reason}", reference.shown()));
        let bytes = web::body(answer, most).await.map_err(wrong)?;
        let found = sha256(&bytes);
        if digest.strip_prefix("sha256:") != Some(&found) {
            return Err(wrong(format!(
                "the registry gave something else, its sha256 is {found}; it is not used"
            )));
        }
        Ok(bytes)
    }
}

async fn document(answer: http::Response<hyper::body::Incoming>) -> Result<Value, RegistryError> {
    let bytes = web::body(answer, DOCUMENT_MOST).await.map_err(RegistryError::Wrong)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| RegistryError::Wrong(format!("the registry's answer cannot be read: {error}")))
}

/// The address in `<…>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(address)
}
