//! Notifications over TLS: delivered where the receiver's certificate is signed by a known authority, and only there.
//!
//! The certificates below `tls/` belong to nobody: an authority whose key was thrown away, and a receiver for `localhost`.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has to fail loudly")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// A receiver that speaks TLS; gives its port and what it was told.
fn receiver() -> (u16, Arc<Mutex<Vec<String>>>) {
    let certificates =
        CertificateDer::pem_file_iter(pem("receiver.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(pem("receiver.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(certificates, key).unwrap());
    // Every address of the loopback reaches it.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let into = Arc::clone(&told);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            while !is_whole(&bytes) {
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                    _ => break,
                }
            }
            // A client that does not trust us ends here, without a word.
            if is_whole(&bytes) {
                into.lock().unwrap().push(String::from_utf8_lossy(&bytes).into_owned());
                let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    (port, told)
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

/// Deploys and tells `https://HOST:PORT`, trusting one authority; gives what the command said.
fn deploy(name: &str, host: &str, port: u16, authority: &Path) -> String {
    let folder = std::env::temp_dir().join(format!("backstay-tls-{name}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("chart/templates")).unwrap();
    std::fs::write(folder.join("chart/Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.0.0\n").unwrap();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n";
    std::fs::write(folder.join("chart/templates/map.yaml"), map).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_backstay"))
        .args(["deploy", "shop"])
        .arg(folder.join("chart"))
        .arg(format!("--sandbox={}", folder.join("sandbox.json").display()))
        .arg(format!("--notify=webhook=https://{host}:{port}/t0ken"))
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("SSL_CERT_FILE", authority)
        .env_remove("SSL_CERT_DIR")
        .env_remove("BACKSTAY_NOTIFY")
        .env_remove("BACKSTAY_POLICY")
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{text}");
    let _gone = std::fs::remove_dir_all(&folder);
    text
}

#[test]
fn a_receiver_is_told_over_tls_when_its_certificate_is_good() {
    let (port, told) = receiver();
    let text = deploy("good", "localhost", port, &pem("authority.pem"));
    assert!(!text.contains("not delivered"), "{text}");
    let requests = told.lock().unwrap().clone();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].starts_with("POST /t0ken HTTP/1.1"), "{}", requests[0]);
    assert!(requests[0].contains("dev.backstay.rollout.deployed"), "{}", requests[0]);
}

#[test]
fn nothing_is_told_to_who_cannot_prove_who_it_is() {
    let (port, told) = receiver();
    // Known, but by another name; and not known at all: its own certificate is no authority.
    for (name, host, authority) in
        [("name", "127.0.0.2", pem("authority.pem")), ("unknown", "localhost", pem("receiver.pem"))]
    {
        let text = deploy(name, host, port, &authority);
        assert!(text.contains("not delivered") && !text.contains("t0ken"), "{name}: {text}");
    }
    assert_eq!(told.lock().unwrap().len(), 0);
}
