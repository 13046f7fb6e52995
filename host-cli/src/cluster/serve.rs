//! `backstay sandbox serve`: the sandbox on a loopback port, where kubectl and helm can use it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use http_body_util::BodyExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::sandbox::Sandbox;
use crate::signals::Signals;

/// Serves until the process is told to stop; saves the sandbox then.
pub(crate) async fn serve(sandbox: Arc<Sandbox>, port: u16, kubeconfig: Option<&Path>) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.with_context(|| {
            format!("cannot listen on 127.0.0.1:{port}; give another --port, or 0 for a free one")
        })?;
    let address = listener.local_addr()?;
    if let Some(path) = kubeconfig {
        std::fs::write(path, kubeconfig_for(address))
            .with_context(|| format!("cannot write {}", path.display()))?;
        anstream::println!("kubeconfig {}", path.display());
    }
    anstream::println!("serving {} on http://{address}   Ctrl-C stops", sandbox.path().display());
    let mut signals = Signals::listen()?;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("the listening socket failed")?;
                let sandbox = Arc::clone(&sandbox);
                tokio::spawn(async move {
                    let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                        let sandbox = Arc::clone(&sandbox);
                        async move {
                            let (parts, body) = request.into_parts();
                            // A body that breaks off is an empty one: the API refuses it with its own words.
                            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                            Ok::<_, Infallible>(sandbox.answer(&parts, body).await)
                        }
                    });
                    // A client that hangs up is none of our business.
                    let _hung_up = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
            () = signals.next() => return sandbox.save(),
        }
    }
}

fn kubeconfig_for(address: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: sandbox, cluster: {{server: \"http://{address}\"}}}}]\n\
         users: [{{name: sandbox, user: {{token: sandbox}}}}]\n\
         contexts: [{{name: sandbox, context: {{cluster: sandbox, user: sandbox}}}}]\ncurrent-context: sandbox\n"
    )
}
