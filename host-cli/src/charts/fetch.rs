//! Values from addresses: one plain GET.

use http::Uri;
use kube::{Client, Config};

/// The most that is taken of an answer's error page.
const SHOWN: usize = 200;

/// Whether a values file is an address. Anything else with a scheme is refused by [`fetch`].
pub(crate) fn is_address(name: &str) -> bool {
    name.split_once("://").is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// The body behind an `http` or `https` address. Redirects are not followed.
pub(crate) async fn fetch(address: &str) -> anyhow::Result<Vec<u8>> {
    let uri: Uri =
        address.parse().map_err(|error| anyhow::anyhow!("{address} is not an address: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        anyhow::bail!("scheme {:?} not supported: use http or https", uri.scheme_str().unwrap_or_default());
    }
    let parts = uri.clone().into_parts();
    let authority = parts.authority.map(|authority| authority.to_string()).unwrap_or_default();
    let origin = format!("{}://{authority}", uri.scheme_str().unwrap_or_default()).parse()?;
    let mut config = Config::new(origin);
    config.default_retry = false;
    // The client of the cluster has TLS and proxies already; without a kubeconfig it sends no credentials.
    let client = Client::try_from(config)?;
    let path = parts.path_and_query.map_or_else(|| "/".to_owned(), |path| path.to_string());
    let request = http::Request::get(path).body(kube::client::Body::empty())?;
    let response =
        client.send(request).await.map_err(|error| anyhow::anyhow!("cannot get {address}: {error}"))?;
    let status = response.status();
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    let body = body.map_err(|error| anyhow::anyhow!("cannot get {address}: {error}"))?.to_bytes();
    if !status.is_success() {
        let text: String = String::from_utf8_lossy(&body).trim().chars().take(SHOWN).collect();
        anyhow::bail!("failed to fetch {address} : {status} {text}");
    }
    Ok(body.to_vec())
}
