//! Messages against a real server on the loopback, friendly and hostile.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot do its work has to fail loudly")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backstay_core::health::{Cause, CauseCode, Class};
use backstay_core::object::{ResourceKey, Timestamp};
use backstay_core::plan::Operation;
use backstay_core::rollout::Verdict;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::message::Story;
use super::send::{Delivery, SIGNATURE_HEADER, deliver, signature};
use super::target::{Format, Occasions, Target};
use super::{NOBODY, targets};
use crate::execute::{EventEvidence, EvidenceBundle, PodEvidence};
use crate::reporter::Summary;

/// What a server does with a request, one after the other; the last one repeats.
#[derive(Clone)]
enum Answer {
    Status(&'static str),
    Redirect(String),
    Garbage,
    HangUp,
    Silence,
    Endless,
}

struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/services/t0ken?key=t0ken", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut number = 0;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let answer = answers[number.min(answers.len() - 1)].clone();
                number += 1;
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let request = read_request(&mut stream).await;
                    seen.lock().unwrap().push(request);
                    let _gone = respond(&mut stream, answer).await;
                });
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        if count == 0 {
            return text;
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}

async fn respond(stream: &mut tokio::net::TcpStream, answer: Answer) -> std::io::Result<()> {
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{more}content-length: 2\r\n\r\nok");
    match answer {
        Answer::Status(status) => stream.write_all(head(status, "").as_bytes()).await,
        Answer::Redirect(to) => {
            let location = format!("location: {to}\r\n");
            stream.write_all(head("302 Found", &location).as_bytes()).await
        }
        Answer::Garbage => stream.write_all(b"\x00\xff garbage \r\n\r\n\r\n").await,
        Answer::HangUp => Ok(()),
        Answer::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"1000\r\n").await?;
                stream.write_all(&[b'x'; 0x1000]).await?;
                stream.write_all(b"\r\n").await?;
            }
        }
    }
}

fn summary(verdict: Verdict) -> Summary {
    let ended = Timestamp::parse("2026-01-01T00:00:40Z").unwrap();
    let mut summary = Summary::supposed("shop", "prod", Operation::Upgrade, 8, Some(7), ended);
    summary.verdict = verdict;
    summary.evidence = vec![EvidenceBundle {
        object: "apps/v1/Deployment/prod/web".into(),
        pods: vec![PodEvidence {
            name: "web-1".into(),
            status: json!({"containerStatuses": [{"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
            logs: vec![],
        }],
        events: vec![EventEvidence {
            about: "pod/web-1".into(),
            kind: "Warning".into(),
            reason: "Failed".into(),
            message: "image <web:nope> not found".into(),
            count: 3,
            last_seen: String::new(),
        }],
        ..EvidenceBundle::default()
    }];
    summary
}

fn failed() -> Verdict {
    let cause = Cause {
        code: CauseCode::ImageNotFound,
        class: Class::FatalNow,
        object: ResourceKey::new("apps/v1", "Deployment", "prod", "web"),
        pod: Some("web-1".into()),
        container: Some("web".into()),
        message: "image <web:nope> not found".into(),
        hint: "check the image name".into(),
        first_seen: Timestamp::default(),
    };
    Verdict::RolledBack { cause, running: 7, recorded_as: Some(9) }
}

async fn send(targets: &[Target], verdict: Verdict, budget: Duration) -> Vec<Delivery> {
    let summary = summary(verdict);
    let story = Story { summary: &summary, cluster: "https://cluster.example", id: "id-1".into() };
    deliver(targets, &story, budget).await
}

fn target(format: &str, server: &Server) -> Target {
    let target: Target = format!("{format}={}", server.address).parse().unwrap();
    Target { secret: (format == "webhook").then(|| b"k3y".to_vec()), ..target }
}

#[test]
fn receivers_of_policy_environment_and_flags_add_up() {
    let of_policy = || {
        let mut receiver: Target = "slack=https://chat.example/a".parse().unwrap();
        receiver.occasions.success = false;
        receiver.secret = Some(b"own".to_vec());
        vec![receiver]
    };
    let check = |words: &[&str], expected: &[(&str, bool)]| {
        let found = targets(words.iter().copied(), &of_policy(), Some(b"all")).unwrap();
        let told: Vec<(String, bool)> =
            found.iter().map(|target| (target.address.to_string(), target.wants(true))).collect();
        let expected: Vec<(String, bool)> =
            expected.iter().map(|(address, success)| ((*address).to_owned(), *success)).collect();
        assert_eq!(told, expected, "{words:?}");
        assert!(found.iter().all(|target| {
            let of_policy = target.format == Format::Slack && target.address.path() == "/a";
            let again = words.contains(&NOBODY);
            target.secret.as_deref() == Some(if of_policy && !again { b"own" } else { b"all" })
        }));
    };
    let (a, b) = ("https://chat.example/a", "https://hook.example/b");
    check(&[], &[(a, false)]);
    check(&["", " "], &[(a, false)]);
    check(&["webhook=https://hook.example/b"], &[(a, false), (b, true)]);
    check(&["webhook=https://hook.example/b", "webhook=https://hook.example/b"], &[(a, false), (b, true)]);
    // Named again, it hears of every end; another format at that address is another receiver.
    check(&["slack=https://chat.example/a"], &[(a, true)]);
    check(&["webhook=https://chat.example/a"], &[(a, false), (a, true)]);
    check(&["none"], &[]);
    check(&["none", "webhook=https://hook.example/b"], &[(b, true)]);
    check(&["webhook=https://hook.example/b", "none"], &[]);
    check(&["none", "slack=https://chat.example/a"], &[(a, true)]);
    let error = targets(["nobody=t0ken"], &of_policy(), None).unwrap_err();
    assert!(!format!("{error:#}").contains("t0ken"));
}

#[tokio::test]
async fn a_webhook_gets_a_signed_cloud_event() {
    let server = Server::start(vec![Answer::Status("202 Accepted")]).await;
    let deliveries = send(&[target("webhook", &server)], failed(), Duration::from_secs(5)).await;
    assert_eq!((deliveries[0].tries, deliveries[0].failure.as_deref()), (1, None));
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /services/t0ken?key=t0ken HTTP/1.1"), "{head}");
    assert!(head.contains("content-type: application/cloudevents+json; charset=utf-8"), "{head}");
    let signed = format!("{SIGNATURE_HEADER}: {}", signature(b"k3y", body.as_bytes()));
    assert!(head.contains(&signed), "{head}");
    let event: Value = serde_json::from_str(body).unwrap();
    for (path, expected) in [
        ("/specversion", json!("1.0")),
        ("/id", json!("id-1")),
        ("/source", json!("/backstay/prod/shop")),
        ("/type", json!("dev.backstay.rollout.rolled-back")),
        ("/time", json!("2026-01-01T00:00:40Z")),
        ("/datacontenttype", json!("application/json")),
        ("/data/revision", json!(8)),
        ("/data/previous_revision", json!(7)),
        ("/data/running", json!(7)),
        ("/data/exit", json!(1)),
        ("/data/cause/code", json!("image-not-found")),
        ("/data/failed_pods/0/name", json!("web-1")),
        ("/data/failed_pods/0/state", json!("ImagePullBackOff")),
        ("/data/failed_pods/0/events/0", json!("Failed: image <web:nope> not found (x3)")),
    ] {
        assert_eq!(event.pointer(path), Some(&expected), "{path} in {event:#}");
    }
}

#[test]
fn signatures_are_hmac_sha256() {
    // RFC 4231, test case 2.
    let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(signature(b"Jefe", b"what do ya want for nothing?"), expected);
}

#[tokio::test]
async fn slack_gets_blocks_with_everything_a_person_asks_for() {
    let server = Server::start(vec![Answer::Status("200 OK")]).await;
    send(&[target("slack", &server)], failed(), Duration::from_secs(5)).await;
    let request = server.requests().remove(0);
    assert!(!request.contains(SIGNATURE_HEADER), "slack does not check signatures");
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let text = body["blocks"].to_string();
    for part in ["shop rolled-back", "prod", "*Revision*\\n8", "*Previous revision*\\n7", "*Running now*\\n7"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    for part in ["image-not-found", "image &lt;web:nope&gt; not found", "web-1", "ImagePullBackOff", "(x3)"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(body["text"].as_str().is_some_and(|text| text.contains("NOT deployed")), "{}", body["text"]);
    for block in body["blocks"].as_array().unwrap() {
        assert!(["header", "section", "context"].contains(&block["type"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn hostile_receivers_are_given_up_in_time_and_said_so_without_their_address() {
    use Answer::{Endless, Garbage, HangUp, Silence, Status};
    let second = Duration::from_secs(1);
    for (what, answers, tries, words) in [
        ("heals at the third try", vec![Status("500 Oops"), HangUp, Status("200 OK")], 3..4, None),
        ("busy, then fine", vec![Status("429 Slow down"), Status("204 No Content")], 2..3, None),
        ("always broken", vec![Status("503 No")], 2..5, Some("it answers 503")),
        ("refuses", vec![Status("403 Forbidden")], 1..2, Some("it answers 403")),
        ("speaks no HTTP", vec![Garbage], 2..5, Some("does not speak HTTP")),
        ("hangs up", vec![HangUp], 2..5, Some("broke off")),
        ("is silent", vec![Silence], 1..2, Some("did not answer in time")),
        ("never ends", vec![Endless], 1..2, None),
    ] {
        let server = Server::start(answers).await;
        let began = Instant::now();
        let deliveries = send(&[target("webhook", &server)], failed(), 3 * second).await;
        assert!(began.elapsed() < 4 * second, "{what}: {:?}", began.elapsed());
        let delivery = &deliveries[0];
        assert!(tries.contains(&delivery.tries), "{what}: {} tries, {:?}", delivery.tries, delivery.failure);
        match (words, &delivery.failure) {
            (None, None) => {}
            (Some(words), Some(failure)) => {
                assert!(failure.contains(words), "{what}: {failure}");
                assert!(!format!("{failure} {}", delivery.to).contains("t0ken"), "{what}: {failure}");
            }
            (expected, found) => panic!("{what}: {found:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(vec![Answer::Status("200 OK")]).await;
    let server = Server::start(vec![Answer::Redirect(other.address.clone())]).await;
    let deliveries = send(&[target("webhook", &server)], failed(), Duration::from_secs(3)).await;
    let failure = deliveries[0].failure.clone().unwrap();
    assert!(failure.contains("redirects are not followed") && !failure.contains("t0ken"), "{failure}");
    assert_eq!((server.requests().len(), other.requests().len()), (1, 0));
}

#[tokio::test]
async fn each_receiver_hears_of_what_it_wants_and_a_slow_one_delays_no_other() {
    let good = Server::start(vec![Answer::Status("200 OK")]).await;
    let slow = Server::start(vec![Answer::Silence]).await;
    let only = |success, failure| Occasions { success, failure };
    let unwanted = Target { occasions: only(true, false), ..target("slack", &good) };
    let wanted = Target { occasions: only(false, true), ..target("slack", &good) };
    let targets = [target("webhook", &slow), unwanted, wanted];
    let deliveries = send(&targets, failed(), Duration::from_secs(2)).await;
    assert_eq!(deliveries.len(), 2);
    assert!(deliveries[0].failure.is_some() && deliveries[1].failure.is_none());
    assert_eq!(good.requests().len(), 1);
    let nobody: Target = "webhook=http://127.0.0.1:1/t0ken".parse().unwrap();
    let refused = send(&[nobody], Verdict::Deployed, Duration::from_millis(700)).await;
    assert_eq!(refused[0].failure.as_deref(), Some("it cannot be reached"));
}
