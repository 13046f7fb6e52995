//! A loopback proxy between one client and the API: it counts the writes and makes the weather.
//!
//! It speaks plain HTTP/1.1 on both sides (`kubectl proxy` stands between it and the API server).

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the connections are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The request never arrives.
    Before,
    /// The request arrives, its reply does not.
    After,
}

/// What goes wrong between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing.
    Calm,
    /// At the write of this number everything ends, for good.
    EndsAt(u32, Cut),
    /// The write of this number loses its connection; whatever comes later goes through.
    LosesOne(u32, Cut),
    /// This percentage of requests is answered 429 with Retry-After, or 500 before or after it was done; by a seed.
    Storm {
        /// Of a hundred.
        percent: u32,
        /// Decides which.
        seed: u32,
    },
    /// The bearer token `token-1` counts for this many requests; from then on it has to be `token-2` or a later one.
    TokensEnd(u32),
    /// Watches stay open, but nothing comes through them after their first bytes.
    HalfOpenWatches,
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
    weather: Weather,
    requests: AtomicU32,
    writes: AtomicU32,
    /// How often the weather struck.
    struck: AtomicU32,
    /// Nothing goes through any more.
    cut: AtomicBool,
    seen: Mutex<Vec<String>>,
}

/// What becomes of one request.
enum Fate {
    Pass,
    /// Pass it on and nothing of its reply.
    PassMute,
    /// The connection ends here.
    End {
        arrives: bool,
    },
    Answer {
        head: &'static str,
        code: u16,
        done: bool,
    },
}

impl Proxy {
    /// Starts a proxy to an address; it ends with the test's process.
    #[must_use]
    pub fn start(upstream: SocketAddr, weather: Weather) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("the listener has an address");
        let state = Arc::new(State {
            upstream,
            weather,
            requests: AtomicU32::new(0),
            writes: AtomicU32::new(0),
            struck: AtomicU32::new(0),
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

    /// How often the weather struck so far.
    #[must_use]
    pub fn struck(&self) -> u32 {
        self.state.struck.load(Ordering::SeqCst)
    }

    /// Whether everything has ended: from then on nothing goes through any more.
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
    let mute = Arc::new(AtomicBool::new(false));
    let copier = {
        let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
        let mute = Arc::clone(&mute);
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                if !mute.load(Ordering::SeqCst) && to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            // A half-open connection does not tell that its other end is gone.
            if !mute.load(Ordering::SeqCst) {
                let _closed = to.shutdown(Shutdown::Both);
            }
        })
    };
    while let Some(request) = read_request(&mut client)? {
        if state.cut.load(Ordering::SeqCst) {
            break;
        }
        match state.fate(&request) {
            Fate::Pass => server.write_all(&request)?,
            Fate::PassMute => {
                server.write_all(&request)?;
                std::thread::sleep(Duration::from_millis(200));
                mute.store(true, Ordering::SeqCst);
            }
            Fate::End { arrives } => {
                mute.store(true, Ordering::SeqCst);
                if arrives {
                    server.write_all(&request)?;
                    std::thread::sleep(Duration::from_millis(400));
                }
                break;
            }
            Fate::Answer { head, code, done } => {
                if done {
                    ask_apart(state.upstream, &request)?;
                }
                client.write_all(&status(head, code))?;
            }
        }
    }
    let _closed = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    let _joined = copier.join();
    Ok(())
}

/// Lets the server do a request and throws its reply away.
fn ask_apart(upstream: SocketAddr, request: &[u8]) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream)?;
    server.set_read_timeout(Some(Duration::from_secs(5)))?;
    server.write_all(request)?;
    let mut buffer = [0; 16 * 1024];
    let _its_reply = server.read(&mut buffer)?;
    server.shutdown(Shutdown::Both)
}

/// An answer as the API server words it.
fn status(head: &str, code: u16) -> Vec<u8> {
    let message = if code == 401 { "Unauthorized" } else { "etcdserver: leader changed" };
    let body = format!(
        r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":"{message}","code":{code}}}"#
    );
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

impl State {
    /// Counts a request and says what becomes of it.
    fn fate(&self, request: &[u8]) -> Fate {
        let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default())
            .into_owned();
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let is_watch = line.contains("watch=");
        let is_write = ["POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|method| line.starts_with(method))
            && !line.contains("dryRun=")
            && !line.contains("/selfsubject");
        let mut write = 0;
        if is_write {
            self.seen.lock().unwrap().push(line);
            write = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        }
        let fate = match self.weather {
            Weather::TokensEnd(after) if !is_token(request, if number > after { 2 } else { 1 }) => {
                Fate::Answer { head: "401 Unauthorized", code: 401, done: false }
            }
            Weather::EndsAt(at, cut) if at == write => {
                self.cut.store(true, Ordering::SeqCst);
                Fate::End { arrives: cut == Cut::After }
            }
            Weather::LosesOne(at, cut) if at == write => Fate::End { arrives: cut == Cut::After },
            Weather::Storm { percent, seed } => {
                let dice = mix(seed, number);
                match (dice % 100 < percent, (dice / 100) % 4) {
                    (false, _) => Fate::Pass,
                    (true, 0 | 1) => Fate::Answer {
                        head: "429 Too Many Requests\r\nRetry-After: 1",
                        code: 429,
                        done: false,
                    },
                    (true, rest) => Fate::Answer {
                        head: "500 Internal Server Error",
                        code: 500,
                        done: rest == 3 && !is_watch,
                    },
                }
            }
            Weather::HalfOpenWatches if is_watch => Fate::PassMute,
            _ => Fate::Pass,
        };
        self.struck.fetch_add(u32::from(!matches!(fate, Fate::Pass)), Ordering::SeqCst);
        fate
    }
}

/// Whether a request comes with the token of this number or a later one.
fn is_token(request: &[u8], least: u32) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let token = text.lines().find_map(|line| line.strip_prefix("authorization: bearer token-"));
    token.and_then(|number| number.trim().parse::<u32>().ok()).is_some_and(|number| number >= least)
}

fn mix(seed: u32, count: u32) -> u32 {
    let mut z = seed.wrapping_mul(0x9E37_79B9).wrapping_add(count.wrapping_mul(0x85EB_CA6B));
    z = (z ^ (z >> 16)).wrapping_mul(0x7FEB_352D);
    z = (z ^ (z >> 15)).wrapping_mul(0x846C_A68B);
    z ^ (z >> 16)
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
