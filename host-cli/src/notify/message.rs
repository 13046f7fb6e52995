//! What is told: one story of the end, in the words of each receiver.

use backstay_core::object::{Timestamp, format_duration};
use serde_json::{Value, json};

use super::target::{Format, Target};
use crate::reporter::Summary;

/// Most failed pods that a Slack message shows; all are in the evidence.
const PODS_SHOWN: usize = 5;
/// Most events shown per pod.
const EVENTS_SHOWN: usize = 3;
/// Slack's limit for the text of a block is 3,000 characters.
const TEXT_MOST: usize = 2_800;

/// The end of a rollout, ready to be told.
pub(crate) struct Story<'a> {
    pub(crate) summary: &'a Summary,
    /// Where: the API server's address, or the sandbox.
    pub(crate) cluster: &'a str,
    /// Names this message; every further try repeats it, so that a receiver can drop doubles.
    pub(crate) id: String,
}

impl Story<'_> {
    /// Whether the release is as it was asked to be.
    pub(crate) fn is_success(&self) -> bool {
        self.summary.verdict.exit_code() == 0
    }

    /// The body for a receiver, and its content type.
    pub(crate) fn body(&self, target: &Target) -> (&'static str, Value) {
        match target.format {
            Format::Slack => ("application/json; charset=utf-8", self.slack()),
            Format::Webhook => ("application/cloudevents+json; charset=utf-8", self.cloud_event()),
        }
    }

    /// CloudEvents 1.0, structured JSON (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).
    fn cloud_event(&self) -> Value {
        let Summary { release, namespace, ended, .. } = self.summary;
        json!({
            "specversion": "1.0", "id": self.id, "source": format!("/backstay/{namespace}/{release}"),
            "type": format!("dev.backstay.rollout.{}", self.summary.verdict_word()), "subject": release,
            "time": ended.to_rfc3339(), "datacontenttype": "application/json", "data": self.data(),
        })
    }

    fn data(&self) -> Value {
        let summary = self.summary;
        let cause = |cause: &backstay_core::health::Cause| {
            json!({
                "code": cause.code, "object": cause.object.path(), "pod": cause.pod, "container": cause.container,
                "message": cause.message, "hint": cause.hint, "first_seen": cause.first_seen.to_rfc3339(),
            })
        };
        let pods: Vec<Value> = self
            .pods()
            .into_iter()
            .map(|pod| json!({"object": pod.object, "name": pod.name, "state": pod.state, "events": pod.events}))
            .collect();
        json!({
            "release": summary.release, "namespace": summary.namespace, "cluster": self.cluster,
            "revision": summary.revision, "previous_revision": summary.from, "running": summary.running(),
            "verdict": summary.verdict_word(), "exit": summary.verdict.exit_code(),
            "cause": summary.cause().map(cause), "undo_cause": summary.undo_cause().map(cause),
            "failed_pods": pods, "took_seconds": summary.took.as_secs(), "text": summary.last_line(),
        })
    }

    /// Block Kit (<https://docs.slack.dev/reference/block-kit/blocks>), with a plain text for previews.
    fn slack(&self) -> Value {
        let summary = self.summary;
        let mark = if self.is_success() { ":white_check_mark:" } else { ":x:" };
        let header = format!("{mark} {} {}", summary.release, summary.verdict_word());
        let revision = |revision: Option<u32>| {
            revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string())
        };
        let fields = [
            ("Release", summary.release.clone()),
            ("Namespace", summary.namespace.clone()),
            ("Revision", summary.revision.to_string()),
            ("Previous revision", revision(summary.from)),
            ("Running now", revision(summary.running())),
            ("Took", format_duration(summary.took)),
        ];
        let fields: Vec<Value> =
            fields.iter().map(|(name, value)| text(&format!("*{name}*\n{}", escape(value)))).collect();
        let mut blocks = vec![
            json!({"type": "header", "text": {"type": "plain_text", "text": cut(&header, 150), "emoji": true}}),
            json!({"type": "section", "fields": fields}),
        ];
        for (title, cause) in [("Cause", summary.cause()), ("The way back failed", summary.undo_cause())] {
            let Some(cause) = cause else { continue };
            let words = format!(
                "*{title}*: `{}` {}\n{}\n_{}_",
                cause.code,
                escape(&cause.object.to_string()),
                escape(&cause.message),
                escape(&cause.hint)
            );
            blocks.push(json!({"type": "section", "text": text(&words)}));
        }
        for pod in self.pods().into_iter().take(PODS_SHOWN) {
            let mut words = format!("*Pod* `{}` {}", escape(&pod.name), escape(&pod.state));
            for event in pod.events.iter().take(EVENTS_SHOWN) {
                words.push_str(&format!("\n• {}", escape(event)));
            }
            blocks.push(json!({"type": "section", "text": text(&words)}));
        }
        let context = format!("{} · {}", escape(self.cluster), self.summary.ended.to_rfc3339_seconds());
        blocks.push(json!({"type": "context", "elements": [text(&context)]}));
        json!({"text": cut(&escape(&summary.last_line()), TEXT_MOST), "blocks": blocks})
    }

    fn pods(&self) -> Vec<FailedPod> {
        let bundles = self.summary.evidence.iter().filter(|bundle| !bundle.of_undo);
        bundles
            .flat_map(|bundle| bundle.pods.iter().map(move |pod| (bundle, pod)))
            .map(|(bundle, pod)| FailedPod {
                object: bundle.object.clone(),
                name: pod.name.clone(),
                state: state_of(&pod.status),
                events: bundle
                    .events
                    .iter()
                    .rev()
                    .filter(|event| event.about == format!("pod/{}", pod.name) && event.kind == "Warning")
                    .map(|event| format!("{}: {} (x{})", event.reason, event.message, event.count))
                    .collect(),
            })
            .collect()
    }
}

struct FailedPod {
    object: String,
    name: String,
    state: String,
    events: Vec<String>,
}

/// What the first container that does not run waits for, or the pod's phase.
fn state_of(status: &Value) -> String {
    use backstay_core::object::{list_at, text_at};
    let reason = ["initContainerStatuses", "containerStatuses"].into_iter().find_map(|list| {
        list_at(status, &[list]).iter().find_map(|container| {
            text_at(container, &["state", "waiting", "reason"])
                .or_else(|| text_at(container, &["state", "terminated", "reason"]))
        })
    });
    reason.or_else(|| text_at(status, &["phase"])).unwrap_or("Unknown").to_owned()
}

fn text(words: &str) -> Value {
    json!({"type": "mrkdwn", "text": cut(words, TEXT_MOST)})
}

/// Slack's three control characters.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A name for a message: unique where there is randomness, and otherwise by time.
pub(crate) fn new_id(now: Timestamp) -> String {
    let mut bytes = [0_u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        bytes = u128::from(now.as_millis()).to_be_bytes();
    }
    super::send::hex(&bytes)
}
