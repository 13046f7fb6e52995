//! The cluster in a file: the model behind a tower service, so that every line above the transport is the same as for
//! a real cluster.

use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backstay_core::object::Timestamp;
use backstay_core::sim::Cluster as Model;
use backstay_core::sim::api::{
    Body, Request as ApiRequest, Response as ApiResponse, WatchCursor, poll_watch,
};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::sync::mpsc;

use super::clock::{ModelClock, wall_now};
use crate::exit::{Exit, Stop};

/// How fast the sandbox's time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SandboxSpeed {
    /// As fast as the model can be computed.
    Max,
    /// This many seconds of cluster time in one second.
    Times(f64),
}

impl FromStr for SandboxSpeed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let factor = text
            .strip_suffix('x')
            .unwrap_or(text)
            .parse::<f64>()
            .ok()
            .filter(|factor| *factor > 0.0 && factor.is_finite());
        factor
            .map(Self::Times)
            .ok_or_else(|| format!("--sandbox-speed {text}: give a factor such as 1x or 30x, or max"))
    }
}

/// The body of every answer.
pub(super) type AnswerBody = BoxBody<Bytes, Infallible>;

/// A model cluster kept in a file, held by one process at a time.
pub(crate) struct Sandbox {
    inner: Mutex<Inner>,
    clock: ModelClock,
    speed: SandboxSpeed,
    /// Where it is kept; nowhere, if it ends with this process.
    path: Option<PathBuf>,
    /// Held open: its lock keeps other processes out until this one ends.
    _lock: Option<File>,
    began: (Instant, Timestamp),
    undelivered: Arc<AtomicUsize>,
}

/// A sandbox in figures.
pub(crate) struct SandboxStatus {
    /// Its time.
    pub(crate) now: Timestamp,
    /// How long ago its first object was made, in its own time.
    pub(crate) age: Duration,
    /// Number of objects by kind.
    pub(crate) objects: std::collections::BTreeMap<String, usize>,
}

struct Inner {
    model: Model,
    watches: Vec<OpenWatch>,
    in_flight: usize,
    unsaved: bool,
    saved_at: Instant,
}

struct OpenWatch {
    cursor: WatchCursor,
    lines: mpsc::UnboundedSender<Bytes>,
}

/// How often changes are written to the file while a command runs.
const SAVE_EVERY: Duration = Duration::from_millis(250);
/// The longest step of real time between two looks at a paced clock: rows on a terminal move smoothly.
const PACE_STEP: Duration = Duration::from_millis(25);

impl Sandbox {
    /// Opens the sandbox, making a new one where there is none, and starts its time.
    pub(crate) fn open(path: &Path, speed: SandboxSpeed) -> anyhow::Result<Arc<Self>> {
        let sandbox = Self::load(path, speed)?;
        tokio::spawn(run_time(Arc::downgrade(&sandbox)));
        Ok(sandbox)
    }

    /// Opens the sandbox for a server: time passes by the wall clock, whether anybody waits or not.
    pub(crate) fn open_for_server(path: &Path, speed: SandboxSpeed) -> anyhow::Result<Arc<Self>> {
        let sandbox = Self::load(path, speed)?;
        tokio::spawn(run_time_by_the_wall(Arc::downgrade(&sandbox)));
        Ok(sandbox)
    }

    fn load(path: &Path, speed: SandboxSpeed) -> anyhow::Result<Arc<Self>> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder of the sandbox, {}", parent.display()))?;
        }
        let lock_path = path.with_extension("lock");
        let lock =
            File::create(&lock_path).with_context(|| format!("cannot write {}", lock_path.display()))?;
        if lock.try_lock().is_err() {
            return Err(Stop::with(
                Exit::Held,
                format!(
                    "another process uses the sandbox {}; wait for it to end, or give --sandbox=OTHER_FILE",
                    path.display()
                ),
            ));
        }
        let model = match std::fs::read(path) {
            Ok(bytes) => {
                let document = serde_json::from_slice(&bytes).with_context(|| damaged(path))?;
                Model::load(document).with_context(|| damaged(path))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Model::new(1, wall_now()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read the sandbox {}", path.display()));
            }
        };
        Ok(Self::of_model(model, speed, Some((path.to_owned(), lock))))
    }

    /// A new model that ends with this process.
    pub(crate) fn in_memory() -> Arc<Self> {
        let sandbox = Self::of_model(Model::new(1, wall_now()), SandboxSpeed::Max, None);
        tokio::spawn(run_time(Arc::downgrade(&sandbox)));
        sandbox
    }

    fn of_model(model: Model, speed: SandboxSpeed, kept: Option<(PathBuf, File)>) -> Arc<Self> {
        let now = model.now();
        let inner =
            Inner { model, watches: Vec::new(), in_flight: 0, unsaved: true, saved_at: Instant::now() };
        let (path, lock) = kept.unzip();
        Arc::new(Self {
            inner: Mutex::new(inner),
            clock: ModelClock::new(now),
            speed,
            path,
            _lock: lock,
            began: (Instant::now(), now),
            undelivered: Arc::default(),
        })
    }

    /// The sandbox's clock.
    pub(crate) fn clock(&self) -> ModelClock {
        self.clock.clone()
    }

    /// Where it is kept.
    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("memory"))
    }

    /// Cluster time and real time since it was opened.
    pub(crate) fn elapsed(&self) -> (Duration, Duration) {
        (self.inner().model.now().since(self.began.1), self.began.0.elapsed())
    }

    /// What is in it.
    pub(crate) fn status(&self) -> SandboxStatus {
        let inner = self.inner();
        let mut objects: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        let mut first = inner.model.now();
        for (key, object) in inner.model.store().all() {
            *objects.entry(key.kind.clone()).or_default() += 1;
            let created = backstay_core::object::text_at(object, &["metadata", "creationTimestamp"]);
            first = created
                .and_then(|text| Timestamp::parse(text).ok())
                .map_or(first, |created| created.min(first));
        }
        SandboxStatus { now: inner.model.now(), age: inner.model.now().since(first), objects }
    }

    /// The service to put under a `kube::Client`.
    pub(crate) fn service(
        self: &Arc<Self>,
    ) -> impl tower::Service<
        Request<kube::client::Body>,
        Response = Response<AnswerBody>,
        Error = tower::BoxError,
        Future: Send + 'static,
    > + Send
    + 'static {
        let sandbox = Arc::clone(self);
        tower::service_fn(move |request: Request<kube::client::Body>| {
            let sandbox = Arc::clone(&sandbox);
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                Ok(sandbox.answer(&parts, body).await)
            }
        })
    }

    /// Answers one HTTP request.
    pub(super) async fn answer(
        self: &Arc<Self>,
        parts: &http::request::Parts,
        body: Bytes,
    ) -> Response<AnswerBody> {
        self.inner().in_flight += 1;
        // Others get their turn between the request and its answer, as over a wire.
        tokio::task::yield_now().await;
        let response = {
            let mut inner = self.inner();
            let request = to_api(parts, body);
            let response = inner.model.handle(&request);
            inner.unsaved |= request.method != "GET";
            self.to_http(&mut inner, response)
        };
        let mut inner = self.inner();
        inner.in_flight -= 1;
        self.deliver(&mut inner);
        if inner.unsaved && inner.saved_at.elapsed() > SAVE_EVERY {
            // A full disk is reported when the command ends and saves again.
            let _later = self.write(&mut inner);
        }
        response
    }

    /// Writes the sandbox to its file.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        self.write(&mut self.inner())
    }

    fn write(&self, inner: &mut Inner) -> anyhow::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let temporary = path.with_extension("new");
        let bytes = serde_json::to_vec(&inner.model.save())?;
        std::fs::write(&temporary, bytes)
            .with_context(|| format!("cannot write the sandbox {}", temporary.display()))?;
        std::fs::rename(&temporary, path)
            .with_context(|| format!("cannot write the sandbox {}", path.display()))?;
        inner.unsaved = false;
        inner.saved_at = Instant::now();
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_http(self: &Arc<Self>, inner: &mut Inner, response: ApiResponse) -> Response<AnswerBody> {
        let mut builder = Response::builder().status(response.status);
        for warning in &response.warnings {
            builder = builder.header("warning", format!("299 - {warning:?}"));
        }
        let (content_type, body) = match response.body {
            Body::Json(value) => (json_type(&value), full(serde_json::to_vec(&value).unwrap_or_default())),
            Body::Text(text) => ("text/plain; charset=utf-8", full(text.into_bytes())),
            Body::Watch(spec) => {
                let (sender, receiver) = mpsc::unbounded_channel();
                inner.watches.push(OpenWatch { cursor: WatchCursor::new(*spec), lines: sender });
                ("application/json", stream(receiver, Arc::clone(&self.undelivered)))
            }
        };
        builder
            .header("content-type", content_type)
            .body(body)
            .unwrap_or_else(|_| Response::new(full(Vec::new())))
    }

    /// Sends what the open watches have not seen yet.
    fn deliver(&self, inner: &mut Inner) {
        let Inner { model, watches, .. } = inner;
        let now = model.now();
        watches.retain_mut(|watch| {
            for event in poll_watch(model.store(), &mut watch.cursor, now) {
                let Ok(mut line) = serde_json::to_vec(&event) else { continue };
                line.push(b'\n');
                self.undelivered.fetch_add(1, Ordering::AcqRel);
                if watch.lines.send(Bytes::from(line)).is_err() {
                    self.undelivered.fetch_sub(1, Ordering::AcqRel);
                    return false;
                }
            }
            !watch.cursor.ended() && !watch.lines.is_closed()
        });
    }

    /// Lets the model's time pass up to a point.
    fn advance(&self, to: Timestamp) {
        let mut inner = self.inner();
        inner.model.advance_to(to);
        inner.unsaved = true;
        self.deliver(&mut inner);
        drop(inner);
        self.clock.advance(to);
    }

    /// When the next thing happens, for the model or for somebody who sleeps; `None` while somebody is still busy, so
    /// that no cluster time passes over their work.
    fn next_instant(&self) -> Option<(Timestamp, Timestamp)> {
        let inner = self.inner();
        if inner.in_flight > 0 || self.undelivered.load(Ordering::Acquire) > 0 {
            return None;
        }
        let wake = self.clock.next_sleeper()?;
        let due = inner.model.next_due().unwrap_or(wake);
        Some((inner.model.now(), wake.min(due)))
    }
}

/// From which on cluster time is not passed over at the first look.
const LEAP: Duration = Duration::from_secs(2);

/// Moves time on whenever everybody waits for it.
async fn run_time(sandbox: std::sync::Weak<Sandbox>) {
    loop {
        for _ in 0..24 {
            tokio::task::yield_now().await;
        }
        let Some(sandbox) = sandbox.upgrade() else { return };
        let Some((now, next)) = sandbox.next_instant() else {
            drop(sandbox);
            tokio::time::sleep(Duration::from_micros(200)).await;
            continue;
        };
        // Between two requests of one action nobody is seen to be busy. A long leap over somebody's work would matter, and
        // is rare: look twice.
        if next.since(now) > LEAP {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if sandbox.next_instant() != Some((now, next)) {
                continue;
            }
        }
        match sandbox.speed {
            SandboxSpeed::Max => sandbox.advance(next.max(now)),
            SandboxSpeed::Times(factor) => {
                let wait = next.since(now).div_f64(factor);
                if wait <= PACE_STEP {
                    tokio::time::sleep(wait).await;
                    sandbox.advance(next.max(now));
                } else {
                    tokio::time::sleep(PACE_STEP).await;
                    sandbox.advance(now.after(PACE_STEP.mul_f64(factor)));
                }
            }
        }
    }
}

/// Moves time on with the wall clock.
async fn run_time_by_the_wall(sandbox: std::sync::Weak<Sandbox>) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(PACE_STEP).await;
        let Some(sandbox) = sandbox.upgrade() else { return };
        let factor = match sandbox.speed {
            SandboxSpeed::Max => 30.0,
            SandboxSpeed::Times(factor) => factor,
        };
        let passed = last.elapsed().mul_f64(factor);
        last = Instant::now();
        let to = sandbox.inner().model.now().after(passed);
        sandbox.advance(to);
    }
}

fn damaged(path: &Path) -> String {
    format!(
        "the sandbox {} cannot be used; `backstay sandbox reset --sandbox={}` starts a new one",
        path.display(),
        path.display()
    )
}

fn to_api(parts: &http::request::Parts, body: Bytes) -> ApiRequest {
    let header = |name: &str| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    ApiRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(decode_query).unwrap_or_default(),
        content_type: header("content-type"),
        accept: header("accept"),
        user_agent: header("user-agent"),
        body: body.to_vec(),
        user: String::new(),
    }
}

fn decode_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| *first == b'%');
        let byte = escaped
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn full(bytes: Vec<u8>) -> AnswerBody {
    Full::new(Bytes::from(bytes)).boxed()
}

fn stream(receiver: mpsc::UnboundedReceiver<Bytes>, undelivered: Arc<AtomicUsize>) -> AnswerBody {
    let lines = WatchLines { receiver, undelivered };
    BodyExt::boxed(StreamBody::new(lines.map(|line| Ok(http_body::Frame::data(line)))))
}

/// Lines of a watch on their way to their reader.
struct WatchLines {
    receiver: mpsc::UnboundedReceiver<Bytes>,
    undelivered: Arc<AtomicUsize>,
}

impl futures::Stream for WatchLines {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Option<Bytes>> {
        let line = std::task::ready!(self.receiver.poll_recv(context));
        if line.is_some() {
            self.undelivered.fetch_sub(1, Ordering::AcqRel);
        }
        Poll::Ready(line)
    }
}

impl Drop for WatchLines {
    fn drop(&mut self) {
        // Nobody reads these any more: time must not wait for them.
        self.receiver.close();
        while self.receiver.try_recv().is_ok() {
            self.undelivered.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// kubectl knows aggregated discovery by its content type.
fn json_type(value: &serde_json::Value) -> &'static str {
    match value.get("apiVersion").and_then(serde_json::Value::as_str) {
        Some("apidiscovery.k8s.io/v2") => {
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        }
        Some("apidiscovery.k8s.io/v2beta1") => {
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
        }
        _ => "application/json",
    }
}
