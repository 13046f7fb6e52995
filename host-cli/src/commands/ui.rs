//! `ui`: the planner page on a loopback port, with a chart in it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use backstay_core::gotemplate::map_to_json;
use backstay_core::yaml::to_yaml;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::manuscript;
use crate::args::{GlobalArgs, UiArgs};
use crate::charts;
use crate::exit::Stop;
use crate::signals::Signals;

type File = (&'static str, &'static str, &'static [u8]);

/// The files of the page as `build.rs` found them: name, media type, content. None where the page was not built.
const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Tells the page that there is a `chart.json`; it does not ask for one elsewhere.
const MARK: &str = "<meta name=\"backstay-chart\" content=\"chart.json\">";

/// The same policy as in the page, and what only a header can say.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:; style-src 'self'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves until the process is told to stop.
pub(crate) async fn ui(global: &GlobalArgs, arguments: &UiArgs) -> anyhow::Result<ExitCode> {
    if FILES.is_empty() {
        return Err(Stop::refused(
            "this program was built without the planner page; in its source, run `cargo xtask web --no-test` (needs \
             Node 20) and build it again"
                .to_owned(),
        ));
    }
    let chart = match &arguments.chart {
        Some(_) => Some(Bytes::from(chart(global, arguments).await?.to_string())),
        None => None,
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; give another --port, or 0 for a free one"))?;
    let address = listener.local_addr()?;
    anstream::println!("http://{address}/   Ctrl-C stops");
    let page = Arc::new(Page { files: FILES, address, chart });
    let mut signals = Signals::listen()?;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("the listening socket failed")?;
                let page = Arc::clone(&page);
                tokio::spawn(async move {
                    let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                        let answer = page.answer(&request);
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    // A browser that hangs up is none of our business.
                    let _hung_up = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
            () = signals.next() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// What is served.
struct Page {
    files: &'static [File],
    address: SocketAddr,
    chart: Option<Bytes>,
}

impl Page {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !self.is_meant(request) {
            return refusal(StatusCode::MISDIRECTED_REQUEST, "another host is meant\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return refusal(StatusCode::METHOD_NOT_ALLOWED, "there is nothing to change here\n");
        }
        let name = request.uri().path().trim_start_matches('/');
        let name = if name.is_empty() { "index.html" } else { name };
        if let ("chart.json", Some(chart)) = (name, &self.chart) {
            return plain(StatusCode::OK, "application/json", chart.clone());
        }
        let Some((_, kind, content)) = self.files.iter().find(|(known, _, _)| *known == name) else {
            return refusal(StatusCode::NOT_FOUND, "there is no such file\n");
        };
        if name == "index.html" && self.chart.is_some() {
            let text = String::from_utf8_lossy(content).replacen("<head>", &format!("<head>{MARK}"), 1);
            return plain(StatusCode::OK, kind, Bytes::from(text));
        }
        plain(StatusCode::OK, kind, Bytes::from_static(content))
    }

    /// A page of another host whose name was made to lead here must not read the chart.
    fn is_meant<B>(&self, request: &Request<B>) -> bool {
        let host =
            request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let port = self.address.port();
        host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}")
    }
}

fn refusal(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    plain(status, "text/plain", Bytes::from_static(why.as_bytes()))
}

fn plain(status: StatusCode, kind: &str, content: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(content));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        if let Ok(value) = header::HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// The chart, the values and the names, as the page takes them.
async fn chart(global: &GlobalArgs, arguments: &UiArgs) -> anyhow::Result<Value> {
    let given = arguments.chart.as_deref().unwrap_or(std::path::Path::new("-")).display().to_string();
    let mut answer = json!({"namespace": global.namespace.as_deref().unwrap_or("default")});
    let is_archive = given.ends_with(".tgz") || given.ends_with(".tar.gz");
    let is_file = given == "-" || (std::path::Path::new(&given).is_file() && !is_archive);
    let source = if is_file {
        json!({"kind": "manifests", "name": given, "text": manuscript::manifests(&given)?})
    } else {
        let path = charts::locate(global, &given, &arguments.render.source).await?;
        let values =
            charts::values(&arguments.render.values, charts::compatibility(&arguments.render.compat)).await?;
        if !values.is_empty() {
            set(&mut answer, "values", to_yaml(&Value::Object(map_to_json(&values)))?.into());
        }
        let files: Vec<Value> = charts::files_of(&path)?
            .into_iter()
            .map(|file| match std::str::from_utf8(&file.content) {
                Ok(text) => json!({"path": file.path, "text": text}),
                Err(_) => json!({"path": file.path, "base64": STANDARD.encode(&file.content)}),
            })
            .collect();
        json!({"kind": "chart", "name": given, "files": files})
    };
    set(&mut answer, "source", source);
    if let Some(name) = &arguments.name {
        set(&mut answer, "release", name.clone().into());
    }
    Ok(answer)
}

fn set(answer: &mut Value, name: &str, value: Value) {
    backstay_core::object::set_at(answer, &[name], value);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const PORT: u16 = 4711;

    const BUILT: &[File] = &[
        ("index.html", "text/html; charset=utf-8", b"<html><head></head></html>"),
        ("backstay.wasm", "application/wasm", b"\0asm"),
    ];

    fn page(chart: bool) -> Page {
        let chart = chart.then(|| Bytes::from_static(b"{}"));
        Page { files: BUILT, address: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), chart }
    }

    #[test]
    fn it_answers_its_own_host_with_its_own_files() {
        let own = ["127.0.0.1:4711", "localhost:4711"];
        let cases = [
            (true, "GET", own[0], "/", 200, "text/html; charset=utf-8"),
            (true, "HEAD", own[1], "/index.html", 200, "text/html; charset=utf-8"),
            (true, "GET", own[0], "/backstay.wasm", 200, "application/wasm"),
            (true, "GET", own[1], "/chart.json", 200, "application/json"),
            (false, "GET", own[0], "/chart.json", 404, "text/plain"),
            (true, "GET", own[0], "/../secret", 404, "text/plain"),
            (true, "POST", own[0], "/", 405, "text/plain"),
            // What a page of that name, made to lead here, would send; and what a port scanner does.
            (true, "GET", "evil.example:4711", "/chart.json", 421, "text/plain"),
            (true, "GET", "127.0.0.1:80", "/chart.json", 421, "text/plain"),
            (true, "GET", "", "/chart.json", 421, "text/plain"),
        ];
        for (chart, method, host, path, status, kind) in cases {
            let request =
                Request::builder().method(method).uri(path).header(header::HOST, host).body(()).unwrap();
            let answer = page(chart).answer(&request);
            assert_eq!(answer.status(), status, "{method} {host} {path}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], kind, "{method} {host} {path}");
            assert_eq!(answer.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        }
    }

    #[test]
    fn the_policy_is_the_pages() {
        let html = include_str!("../../../web/src/index.html");
        let of_page = html
            .split_once("Content-Security-Policy\" content=\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        assert_eq!(
            of_page.map(|(policy, _)| format!("{policy}; frame-ancestors 'none'")),
            Some(POLICY.to_owned())
        );
    }
}
