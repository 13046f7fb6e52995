//! Sending: after the verdict, within ten seconds in all, and never with a say in the outcome.

use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::Sha256;
use tokio::time::Instant;

use super::message::Story;
use super::target::Target;

/// The header with the signature: `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
pub(crate) const SIGNATURE_HEADER: &str = "x-backstay-signature-256";
/// How long one try may take.
const TRY: Duration = Duration::from_secs(4);
/// Pause before the second try; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// Most bytes read of an answer.
const ANSWER_MOST: usize = 64 * 1024;

/// How it went with one receiver.
pub(crate) struct Delivery {
    /// The receiver, without what may be secret.
    pub(crate) to: String,
    pub(crate) tries: u32,
    /// Why it was not delivered.
    pub(crate) failure: Option<String>,
}

/// Tells every receiver that wants to know, all at once; returns after `budget` at the latest.
pub(crate) async fn deliver(targets: &[Target], story: &Story<'_>, budget: Duration) -> Vec<Delivery> {
    let deadline = Instant::now() + budget;
    let wanted = targets.iter().filter(|target| target.wants(story.is_success()));
    futures::future::join_all(wanted.map(|target| deliver_to(target, story, deadline))).await
}

async fn deliver_to(target: &Target, story: &Story<'_>, deadline: Instant) -> Delivery {
    let (content_type, body) = story.body(target);
    let body = Bytes::from(body.to_string());
    let mut delivery = Delivery { to: target.to_string(), tries: 0, failure: None };
    let client = match client(target) {
        Ok(client) => client,
        Err(failure) => return Delivery { failure: Some(failure), ..delivery },
    };
    loop {
        delivery.tries += 1;
        let limit = deadline.min(Instant::now() + TRY);
        let answer = tokio::time::timeout_at(limit, post(&client, target, content_type, body.clone())).await;
        let (failure, again) = match answer {
            Ok(Ok(())) => return Delivery { failure: None, ..delivery },
            Ok(Err(refusal)) => (refusal.words, refusal.again),
            Err(_) => ("it did not answer in time".to_owned(), true),
        };
        delivery.failure = Some(failure);
        let next = Instant::now() + PAUSE * 2_u32.pow(delivery.tries.min(8) - 1);
        if !again || next >= deadline {
            return delivery;
        }
        tokio::time::sleep_until(next).await;
    }
}

/// Why a message was not taken.
struct Refusal {
    words: String,
    again: bool,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

fn client(target: &Target) -> Result<HttpClient, String> {
    let builder = hyper_rustls::HttpsConnectorBuilder::new();
    let connector = if target.address.scheme_str() == Some("http") {
        // No certificates are needed; reading the system's may fail.
        builder.with_tls_config(no_tls()?).https_or_http().enable_http1().build()
    } else {
        let with_roots = builder.with_provider_and_native_roots(rustls::crypto::ring::default_provider());
        let with_roots = with_roots.map_err(|error| format!("no certificates to check it by: {error}"))?;
        with_roots.https_only().enable_http1().build()
    };
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

fn no_tls() -> Result<rustls::ClientConfig, String> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| format!("cannot speak TLS: {error}"))?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

/// One try. Redirects are not followed: what is signed and what may hold a token goes to the address that was given.
async fn post(client: &HttpClient, target: &Target, content_type: &str, body: Bytes) -> Result<(), Refusal> {
    let refused = |words: String, again: bool| Refusal { words, again };
    let mut request = Request::post(target.address.clone())
        .header(http::header::CONTENT_TYPE, content_type)
        .header(http::header::USER_AGENT, concat!("backstay/", env!("CARGO_PKG_VERSION")));
    if let Some(secret) = &target.secret {
        request = request.header(SIGNATURE_HEADER, signature(secret, &body));
    }
    let request =
        request.body(Full::new(body)).map_err(|_| refused("the address cannot be used".to_owned(), false))?;
    // The client's own words may hold the address.
    let answer = client.request(request).await.map_err(|error| {
        let words =
            if error.is_connect() { "it cannot be reached" } else { "it broke off or does not speak HTTP" };
        refused(words.to_owned(), true)
    })?;
    let status = answer.status();
    // Whatever it says: it is read so that the connection ends well, and not shown.
    let _read = Limited::new(answer.into_body(), ANSWER_MOST).collect().await;
    match status {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => Err(refused(
            format!("it answers {status}, and redirects are not followed; give the final address"),
            false,
        )),
        status => {
            let again = status.is_server_error()
                || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
            Err(refused(format!("it answers {status}"), again))
        }
    }
}

/// `sha256=` and the HMAC-SHA256 of a body.
pub(crate) fn signature(secret: &[u8], body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
