//! A loopback proxy that counts the writes of one client and cuts its connections at a chosen one.
//!
//! It speaks plain HTTP/1.1 on both sides (`kubectl proxy` stands between it and the API server).

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Where the connections are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The request never arrives.
    Before,
    /// The request arrives, its reply does not.
    After,
}

/// A proxy in front of an API server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    writes: AtomicU32,
    /// The number of the write to cut at; none cuts nothing.
    at: Option<(u32, Cut)>,
    cut: AtomicBool,
    seen: Mutex<Vec<String>>,
}

impl Proxy {
    /// Starts a proxy to an address; it ends with the test's process.
    #[must_use]
    pub fn start(upstream: SocketAddr, at: Option<(u32, Cut)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("the listener has an address");
        let state = Arc::new(State {
            upstream,
            writes: AtomicU32::new(0),
            at,
            cut: AtomicBool::new(false),
            seen: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A connection that breaks is the point of this proxy.
                    let _broken = serve(&state, client);
                });
            }
        });
        Self { address, state }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many writes came through so far.
    #[must_use]
    pub fn writes(&self) -> u32 {
        self.state.writes.load(Ordering::SeqCst)
    }

    /// Whether the chosen write has come: from then on nothing goes through any more.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.state.cut.load(Ordering::SeqCst)
    }

    /// The writes that came, for messages.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }
}

/// Passes requests on until the connection ends or is cut.
fn serve(state: &State, mut client: TcpStream) -> std::io::Result<()> {
    let mut server = TcpStream::connect(state.upstream)?;
    let mut replies = (server.try_clone()?, client.try_clone()?);
    let copier = std::thread::spawn(move || {
        let _ended = std::io::copy(&mut replies.0, &mut replies.1);
        let _closed = replies.1.shutdown(Shutdown::Both);
    });
    while let Some(request) = read_request(&mut client)? {
        if state.cut.load(Ordering::SeqCst) {
            break;
        }
        if let Some(cut) = state.note(&request) {
            if cut == Cut::After {
                server.write_all(&request)?;
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
            break;
        }
        server.write_all(&request)?;
    }
    let _closed = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    let _joined = copier.join();
    Ok(())
}

impl State {
    /// Counts a write; says whether it is the one to cut at.
    fn note(&self, request: &[u8]) -> Option<Cut> {
        let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default())
            .into_owned();
        let is_write = ["POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|method| line.starts_with(method));
        if !is_write || line.contains("dryRun=") {
            return None;
        }
        self.seen.lock().unwrap().push(line);
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let (_, cut) = self.at.filter(|(at, _)| *at == number)?;
        self.cut.store(true, Ordering::SeqCst);
        Some(cut)
    }
}

/// One whole request, head and body; `None` at the end of the connection.
fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte)? == 0 {
            return Ok(None);
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    if let Some(length) = length {
        let mut body = vec![0; length];
        client.read_exact(&mut body)?;
        request.extend(body);
    } else if head.contains("transfer-encoding: chunked") {
        while !request.ends_with(b"\r\n0\r\n\r\n") && !request.ends_with(b"\r\n\r\n0\r\n\r\n") {
            if client.read(&mut byte)? == 0 {
                return Ok(None);
            }
            request.push(byte[0]);
        }
    }
    Ok(Some(request))
}
