//! Charts into a registry (Helm `Client.Push`).

use std::collections::BTreeMap;

use backstay_core::chart::Metadata;
use bytes::Bytes;
use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::address;
use super::super::cache::sha256;
use super::challenge::encoded;
use super::client::{Call, Client, RegistryError, refused};
use super::{CHART, CONFIG, MANIFEST, PROVENANCE, Reference};

/// What is pushed.
pub(crate) struct Parcel<'a> {
    pub(crate) archive: Bytes,
    pub(crate) provenance: Option<Bytes>,
    pub(crate) metadata: &'a Metadata,
    /// RFC 3339.
    pub(crate) created: String,
}

impl Client {
    /// Whether the registry speaks to us (`GET /v2/`).
    pub(crate) async fn ping(&self) -> Result<(), RegistryError> {
        let call = Call::get(self.address("/v2/"));
        let answer = self.call(&call).await?;
        if answer.status().is_success() { Ok(()) } else { Err(refused(&call, answer).await) }
    }

    /// Pushes a chart and gives the digest of its manifest: `sha256:…`.
    pub(crate) async fn push(
        &self,
        reference: &Reference,
        parcel: &Parcel<'_>,
    ) -> Result<String, RegistryError> {
        let config = Bytes::from(parcel.metadata.to_json().to_string());
        let mut layers = vec![(CHART, parcel.archive.clone())];
        layers.extend(parcel.provenance.clone().map(|bytes| (PROVENANCE, bytes)));
        for (_, bytes) in &layers {
            self.upload(reference, bytes).await?;
        }
        self.upload(reference, &config).await?;
        let mut described: Vec<Value> = layers.iter().map(|(kind, bytes)| descriptor(kind, bytes)).collect();
        described.sort_by_key(|layer| layer.get("digest").map(ToString::to_string));
        let manifest = json!({
            "schemaVersion": 2,
            "config": descriptor(CONFIG, &config),
            "layers": described,
            "annotations": annotations(parcel.metadata, &parcel.created),
        });
        let bytes = Bytes::from(manifest.to_string());
        let digest = format!("sha256:{}", sha256(&bytes));
        let path = format!("/v2/{}/manifests/{}", reference.repository, reference.stored_tag());
        let call = Call {
            method: Method::PUT,
            address: self.address(&path),
            accept: None,
            content: Some((MANIFEST, bytes)),
        };
        let answer = self.call(&call).await?;
        if answer.status().is_success() { Ok(digest) } else { Err(refused(&call, answer).await) }
    }

    /// One blob, unless it is there already.
    async fn upload(&self, reference: &Reference, bytes: &Bytes) -> Result<(), RegistryError> {
        let digest = format!("sha256:{}", sha256(bytes));
        let blob = self.address(&format!("/v2/{}/blobs/{digest}", reference.repository));
        let head = Call { method: Method::HEAD, ..Call::get(blob) };
        if self.call(&head).await?.status() == StatusCode::OK {
            return Ok(());
        }
        let start = self.address(&format!("/v2/{}/blobs/uploads/", reference.repository));
        let call = Call { method: Method::POST, ..Call::get(start.clone()) };
        let answer = self.call(&call).await?;
        if answer.status() != StatusCode::ACCEPTED {
            return Err(refused(&call, answer).await);
        }
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(location) = location else {
            return Err(RegistryError::Wrong("the registry does not say where to put a blob".to_owned()));
        };
        let from = address::read(&start).map_err(super::super::web::WebError::from)?.0;
        let place = address::redirected(&from, location);
        let join = if place.contains('?') { '&' } else { '?' };
        let call = Call {
            method: Method::PUT,
            address: format!("{place}{join}digest={}", encoded(&digest)),
            accept: None,
            content: Some(("application/octet-stream", bytes.clone())),
        };
        let answer = self.call(&call).await?;
        if answer.status().is_success() { Ok(()) } else { Err(refused(&call, answer).await) }
    }
}

fn descriptor(kind: &str, bytes: &Bytes) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
}

/// What Helm writes beside a chart (`generateOCIAnnotations`): the chart's own annotations win over all but title and
/// version.
fn annotations(metadata: &Metadata, created: &str) -> BTreeMap<String, String> {
    let document = metadata.to_json();
    let text =
        |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut found = BTreeMap::new();
    let mut add = |key: &str, value: String| {
        if !value.trim().is_empty() {
            found.insert(format!("org.opencontainers.image.{key}"), value);
        }
    };
    add("description", text("/description"));
    add("title", text("/name"));
    add("version", text("/version"));
    add("url", text("/home"));
    add("created", created.to_owned());
    add("source", text("/sources/0"));
    add("authors", authors(&document));
    for (key, value) in document.get("annotations").and_then(Value::as_object).into_iter().flatten() {
        let fixed = ["org.opencontainers.image.version", "org.opencontainers.image.title"];
        if let Some(value) = value.as_str().filter(|_| !fixed.contains(&key.as_str())) {
            found.insert(key.clone(), value.to_owned());
        }
    }
    found
}

fn authors(document: &Value) -> String {
    let maintainers = document.get("maintainers").and_then(Value::as_array);
    let one = |maintainer: &Value| {
        let text = |key: &str| maintainer.get(key).and_then(Value::as_str).unwrap_or_default();
        let email = text("email");
        if email.is_empty() { text("name").to_owned() } else { format!("{} ({email})", text("name")) }
    };
    maintainers.into_iter().flatten().map(one).collect::<Vec<_>>().join(", ")
}
