//! Patience with the network: every request has a time limit, and what may be asked again is asked again.
//!
//! A read changes nothing, so a blip of the server costs a moment and never decides anything. A write is sent again only when
//! the server says that it did not take it (429); whether any other failed write has happened is for those to find out who
//! know what it meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use kube::client::Body;
use kube::{Client, Config};
use tokio::time::{Instant, sleep, timeout};

use super::renew::Connection;

/// How long a reply may take. The server itself gives a request up after 60 s, a webhook after 30 s.
const REPLY_LIMIT: Duration = Duration::from_secs(40);
/// How long a request is asked again after its first failure; then whoever asked decides.
const RETRY_LIMIT: Duration = Duration::from_secs(20);
/// Pause before the second try; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MOST: Duration = Duration::from_secs(2);
/// The longest `Retry-After` that is obeyed.
const TOLD_MOST: Duration = Duration::from_secs(10);

/// A client that is patient, of one that was made of `config`.
pub(super) fn patient(client: Client, config: &Config, namespace: &str) -> Client {
    let reached = Arc::new(AtomicBool::new(false));
    let connection = Arc::new(Connection::new(client, config));
    let service =
        tower::service_fn(move |request| ask(Arc::clone(&connection), Arc::clone(&reached), request));
    Client::new(service, namespace)
}

/// What may be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Nature {
    /// It changes nothing.
    reads: bool,
    /// Its reply goes on for as long as both sides like.
    streams: bool,
}

impl Nature {
    fn of(request: &Parts) -> Self {
        let query = request.uri.query().unwrap_or_default();
        let has = |name: &str| {
            query.split('&').any(|pair| pair.split_once('=').is_some_and(|(key, _)| key == name))
        };
        // Questions about permissions are asked by POST.
        let asks = request.uri.path().contains("/selfsubject");
        Self {
            reads: request.method == Method::GET || has("dryRun") || asks,
            streams: has("watch") || has("follow"),
        }
    }

    /// Whether a try that ended so may be followed by another. `reached`: the server has answered this process before.
    fn again(self, ended: Result<StatusCode, ()>, reached: bool) -> bool {
        match ended {
            Ok(StatusCode::TOO_MANY_REQUESTS) => true,
            Ok(status) => self.reads && matches!(status.as_u16(), 500 | 502..=504),
            Err(()) => self.reads && reached,
        }
    }
}

async fn ask(
    connection: Arc<Connection>,
    reached: Arc<AtomicBool>,
    request: Request<Body>,
) -> Result<Response<Body>, kube::Error> {
    let (parts, body) = request.into_parts();
    let nature = Nature::of(&parts);
    let mut until = None;
    let mut pause = PAUSE_FIRST;
    let mut was_renewed = false;
    loop {
        let used = connection.current();
        let Some(again) = body.try_clone() else {
            return once(&used.client, Request::from_parts(parts, body), nature).await;
        };
        let answer = once(&used.client, Request::from_parts(parts.clone(), again), nature).await;
        let is_stranger = answer.as_ref().is_ok_and(|reply| reply.status() == StatusCode::UNAUTHORIZED);
        // Who is not known has changed nothing.
        if is_stranger && !was_renewed && connection.renew(&used).await {
            was_renewed = true;
            continue;
        }
        let ended = answer.as_ref().map(Response::status).map_err(|_| ());
        let was_reached = reached.fetch_or(ended.is_ok(), Ordering::Relaxed);
        let is_final = answer.as_ref().is_ok_and(|reply| reply.extensions().get::<Final>().is_some());
        if is_final || !nature.again(ended, was_reached) {
            return answer;
        }
        let told = answer.as_ref().ok().and_then(|reply| retry_after(reply.headers()));
        let wait = told.unwrap_or(pause);
        pause = (pause * 2).min(PAUSE_MOST);
        let until = *until.get_or_insert_with(|| Instant::now() + RETRY_LIMIT);
        if Instant::now() + wait > until {
            return answer;
        }
        sleep(wait).await;
    }
}

/// One try, with its reply read to the end, so that a reply that breaks off counts as none.
async fn once(
    client: &Client,
    request: Request<Body>,
    nature: Nature,
) -> Result<Response<Body>, kube::Error> {
    let reply = timeout(REPLY_LIMIT, client.send(request)).await.map_err(|_| too_late())??;
    if nature.streams && reply.status().is_success() {
        return Ok(reply);
    }
    let (parts, body) = reply.into_parts();
    let bytes = timeout(REPLY_LIMIT, body.collect_bytes()).await.map_err(|_| too_late())??;
    let mut reply = Response::from_parts(parts, Body::from(bytes.clone()));
    // A webhook that fails is told as 500, too; asking again does not mend it.
    if contains(&bytes, b"webhook") {
        reply.extensions_mut().insert(Final);
    }
    Ok(reply)
}

/// Marks a reply that another try would not change.
#[derive(Clone, Copy)]
struct Final;

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn too_late() -> kube::Error {
    kube::Error::Service(format!("no reply within {} s", REPLY_LIMIT.as_secs()).into())
}

/// What the server says of when to come again, in whole seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(PAUSE_FIRST, TOLD_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_is_asked_again_and_writes_are_not() {
        let of = |method: &str, uri: &str| {
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            Nature::of(&request.into_parts().0)
        };
        let read = Nature { reads: true, streams: false };
        let write = Nature { reads: false, streams: false };
        for (method, uri, expected) in [
            ("GET", "/api/v1/pods", read),
            ("GET", "/api/v1/pods?watch=true&timeoutSeconds=25", Nature { streams: true, ..read }),
            ("GET", "/api/v1/pods/a/log?follow=true", Nature { streams: true, ..read }),
            ("PATCH", "/api/v1/configmaps/a?dryRun=All&fieldManager=helm", read),
            ("PATCH", "/api/v1/configmaps/a?fieldManager=helm", write),
            ("DELETE", "/api/v1/configmaps/dryRun", write),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", read),
            ("POST", "/api/v1/namespaces", write),
        ] {
            assert_eq!(of(method, uri), expected, "{method} {uri}");
        }
        for (status, after_read, after_write) in [
            (200, false, false),
            (404, false, false),
            (409, false, false),
            (429, true, true),
            (500, true, false),
            (501, false, false),
            (503, true, false),
            (504, true, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(read.again(Ok(status), true), after_read, "{status}");
            assert_eq!(write.again(Ok(status), true), after_write, "{status}");
        }
        assert!(read.again(Err(()), true) && !write.again(Err(()), true));
        assert!(!read.again(Err(()), false), "a server that never answered is told of at once");
    }

    #[test]
    fn a_told_time_is_obeyed_within_reason() {
        for (told, expected) in [
            ("1", Some(Duration::from_secs(1))),
            ("0", Some(PAUSE_FIRST)),
            ("3600", Some(TOLD_MOST)),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, told.parse().unwrap())]);
            assert_eq!(retry_after(&headers), expected, "{told}");
        }
    }
}
