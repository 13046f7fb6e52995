//! Fetching over HTTP: credentials stay with the host they were given for, what is cut short is refused.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, LOCATION, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::address::{self, Origin};
use super::proxy::Connector;
use super::tls::TlsOptions;

/// The most bytes of a chart's archive.
pub(crate) const ARCHIVE_MOST: usize = 128 * 1024 * 1024;
/// The most bytes of a file of values.
pub(crate) const VALUES_MOST: usize = 64 * 1024 * 1024;
/// The most bytes of a repository's index.
pub(crate) const INDEX_MOST: usize = 512 * 1024 * 1024;
/// How long a server may take to begin an answer, and to go on with it (Helm: 120 s for the whole).
const SILENCE: Duration = Duration::from_secs(120);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(30);
/// How many redirects are followed, as in Go's client.
const REDIRECTS: usize = 10;

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// The server said no. Helm's words.
    #[error("failed to fetch {address} : {status}")]
    Status { address: String, status: StatusCode },
    /// It was not reached, or broke off.
    #[error("cannot fetch {address}: {reason}")]
    Broken { address: String, reason: String },
    /// Certificates and keys.
    #[error("can't create TLS config for client: {0}")]
    Tls(String),
    /// The address.
    #[error(transparent)]
    Address(#[from] address::AddressError),
}

impl WebError {
    /// The status the server answered with.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// User name and password, and whom they are for.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
    /// Only this host is told; `None` with [`Self::to_all`] tells every host.
    pub(crate) origin: Option<Origin>,
    /// `--pass-credentials`.
    pub(crate) to_all: bool,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Credentials(hidden, for {:?}, to all {})", self.origin, self.to_all)
    }
}

impl Credentials {
    /// The header for an address, if it may be told.
    fn header(&self, uri: &Uri) -> Option<HeaderValue> {
        if self.username.is_empty() || self.password.is_empty() {
            return None;
        }
        let same = self.origin.is_some() && Origin::of(uri) == self.origin;
        (same || self.to_all).then(|| basic(&self.username, &self.password)).flatten()
    }
}

/// The value of an `Authorization` header; never printed.
pub(crate) fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    let mut value = HeaderValue::from_str(&format!("Basic {text}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A client for one set of certificates.
pub(crate) struct Web {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
    connector: Connector,
}

impl Web {
    /// A client that checks servers as told.
    pub(crate) fn new(tls: &TlsOptions) -> Result<Self, WebError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        let connector = Connector::new(http);
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.config().map_err(WebError::Tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector.clone());
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(https), connector })
    }

    /// One request, one answer; redirects are answers.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, WebError> {
        let uri = request.uri().clone();
        let headers = request.headers_mut();
        headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("backstay/", env!("CARGO_PKG_VERSION"))));
        if let Some(value) = self.connector.plain_authorization(&uri) {
            headers.insert(PROXY_AUTHORIZATION, value);
        }
        let broken = |reason: String| WebError::Broken { address: uri.to_string(), reason };
        match tokio::time::timeout(SILENCE, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| broken(reason(&error))),
            Err(_) => Err(broken(format!("no answer in {} s", SILENCE.as_secs()))),
        }
    }

    /// The body behind an address. Redirects are followed; credentials go to no host but their own.
    pub(crate) async fn get(
        &self,
        address: &str,
        credentials: &Credentials,
        accept: Option<&'static str>,
        most: usize,
    ) -> Result<Bytes, WebError> {
        let (mut uri, user) = address::read(address)?;
        let mut credentials = credentials.clone();
        if let Some((username, password)) = user {
            // What stands in the address itself is for its host alone.
            credentials = Credentials { username, password, origin: Origin::of(&uri), to_all: false };
        }
        for _ in 0..=REDIRECTS {
            let mut request = Request::get(uri.clone());
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            if let Some(value) = credentials.header(&uri) {
                request = request.header(AUTHORIZATION, value);
            }
            let broken = |reason: String| WebError::Broken { address: uri.to_string(), reason };
            let request = request.body(Full::default()).map_err(|error| broken(error.to_string()))?;
            let answer = self.send(request).await?;
            let status = answer.status();
            if let Some(location) = answer.headers().get(LOCATION).filter(|_| status.is_redirection()) {
                let location =
                    location.to_str().map_err(|_| broken("it redirects to an unreadable address".into()))?;
                // A user name in a redirect is the server's idea, not ours.
                uri = address::read(&address::redirected(&uri, location))?.0;
                continue;
            }
            if status != StatusCode::OK {
                return Err(WebError::Status { address: uri.to_string(), status });
            }
            return body(answer, most).await.map_err(broken);
        }
        let reason = format!("stopped after {REDIRECTS} redirects");
        Err(WebError::Broken { address: address::shown(address), reason })
    }
}

/// Reads a body to its end. One that is shorter than its `Content-Length` is an error.
pub(crate) async fn body(answer: Response<Incoming>, most: usize) -> Result<Bytes, String> {
    let mut body = answer.into_body();
    let mut bytes = bytes::BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(SILENCE, body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|error| reason(&error))?,
            Ok(None) => return Ok(bytes.freeze()),
            Err(_) => return Err(format!("the server fell silent for {} s", SILENCE.as_secs())),
        };
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > most {
                return Err(format!("it is larger than {most} bytes"));
            }
            bytes.extend_from_slice(&data);
        }
    }
}

/// The innermost cause: the outer ones say only that a request failed.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    let mut words = error.to_string();
    while let Some(source) = inner.source() {
        inner = source;
        let text = source.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
    }
    words
}
