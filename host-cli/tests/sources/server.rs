//! A small HTTP server on a free loopback port that gives what a test tells it, and remembers who asked for what.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is answered.
#[derive(Clone)]
pub(crate) enum Answer {
    /// 200 and these bytes.
    Bytes(Vec<u8>),
    /// Half of what it says it has.
    CutShort(Vec<u8>),
    /// 302 to another address.
    Redirect(String),
    /// 401 unless `user:password` came along, else the bytes.
    Guarded(&'static str, Vec<u8>),
    /// 401 with this challenge unless that authorization came along, else the bytes.
    Challenged { challenge: String, expected: &'static str, bytes: Vec<u8> },
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            answers: Arc::default(),
            asked: Arc::default(),
        };
        let inner = server.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = inner.clone();
                thread::spawn(move || inner.serve(&stream));
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn give(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let mut authorization = None;
            let mut length = 0;
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                let header = header.trim();
                if header.is_empty() {
                    break;
                }
                if let Some((name, value)) = header.split_once(':') {
                    match name.to_ascii_lowercase().as_str() {
                        "authorization" => authorization = Some(value.trim().to_owned()),
                        "content-length" => length = value.trim().parse().unwrap(),
                        _ => {}
                    }
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            self.asked
                .lock()
                .unwrap()
                .push(Asked { path: path.clone(), authorization: authorization.clone() });
            if !self.answer(stream, &path, authorization.as_deref()) {
                return;
            }
            line.clear();
        }
    }

    /// Whether the connection goes on.
    fn answer(&self, mut stream: &TcpStream, path: &str, authorization: Option<&str>) -> bool {
        let answer = self.answers.lock().unwrap().get(path).cloned();
        let full = |bytes: &[u8]| {
            [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()).as_bytes(), bytes].concat()
        };
        let (text, goes_on) = match answer {
            None => (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(), true),
            Some(Answer::Bytes(bytes)) => (full(&bytes), true),
            Some(Answer::Redirect(to)) => (
                format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes(),
                true,
            ),
            Some(Answer::Guarded(expected, bytes)) if authorization == Some(expected) => (full(&bytes), true),
            Some(Answer::Guarded(..)) => {
                (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec(), true)
            }
            Some(Answer::Challenged { expected, bytes, .. }) if authorization == Some(expected) => {
                (full(&bytes), true)
            }
            Some(Answer::Challenged { challenge, .. }) => {
                let head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n";
                (format!("{head}WWW-Authenticate: {challenge}\r\n\r\n").into_bytes(), true)
            }
            Some(Answer::CutShort(bytes)) => {
                let mut text = full(&bytes);
                text.truncate(text.len() - bytes.len() / 2);
                (text, false)
            }
        };
        stream.write_all(&text).is_ok() && goes_on
    }
}
