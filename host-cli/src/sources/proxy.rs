//! Connections, direct or through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

type Fault = Box<dyn Error + Send + Sync>;

/// Connects to a server, or to the proxy in front of it.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    http: HttpConnector,
    matcher: Arc<Matcher>,
}

impl Connector {
    /// Proxies are those of the environment.
    pub(crate) fn new(http: HttpConnector) -> Self {
        Self { http, matcher: Arc::new(Matcher::from_env()) }
    }

    /// The `Proxy-Authorization` of plain requests to a server, which no CONNECT carries.
    pub(crate) fn plain_authorization(&self, to: &Uri) -> Option<http::HeaderValue> {
        if to.scheme_str() != Some("http") {
            return None;
        }
        self.matcher.intercept(to)?.basic_auth().cloned()
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Fault>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Service::poll_ready(&mut self.http, context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = self.matcher.intercept(&to) else {
            let connecting = self.http.call(to);
            return Box::pin(async move { Ok(Stream { io: connecting.await?, proxied: false }) });
        };
        let address = proxy.uri().clone();
        if address.scheme_str().is_some_and(|scheme| scheme != "http") {
            let scheme = address.scheme_str().unwrap_or_default().to_owned();
            return Box::pin(
                async move { Err(format!("proxies of kind {scheme} are not spoken to").into()) },
            );
        }
        if to.scheme_str() == Some("https") {
            let mut tunnel = Tunnel::new(address, self.http.clone());
            if let Some(auth) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(auth.clone());
            }
            let connecting = tunnel.call(to);
            return Box::pin(async move { Ok(Stream { io: connecting.await?, proxied: false }) });
        }
        let connecting = self.http.call(address);
        Box::pin(async move { Ok(Stream { io: connecting.await?, proxied: true }) })
    }
}

/// A connection, and whether a plain proxy is at its other end.
#[derive(Debug)]
pub(crate) struct Stream {
    io: TokioIo<TcpStream>,
    proxied: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.inner().connected().proxy(self.proxied)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
