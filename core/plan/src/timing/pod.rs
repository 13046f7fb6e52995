//! One pod: from its creation until it counts as available, and until an old one is gone.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use backstay_object::{at, int_at, list_at, text_at};
use serde_json::Value;

use super::Inputs;

/// What a container takes to start where nobody measured it.
const START_MS: u64 = 3_000;
/// What a container without probes gets: it counts as ready at its start.
const NO_PROBE_MS: u64 = 5_000;
/// An init container of unknown work: expected, and at most.
const INIT_MS: (u64, u64) = (5_000, 30_000);
/// How long a program usually needs to end when it is asked to.
const STOP_MS: u64 = 2_000;

/// One summand of one pod.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PodTerm {
    pub(super) what: String,
    /// Path of the field in the object, empty for inputs.
    pub(super) field: String,
    pub(super) expected_ms: u64,
    pub(super) most_ms: u64,
    /// Whether it is only met on a node's first pod: pulling.
    pub(super) once_per_node: bool,
}

/// What one pod takes.
#[derive(Clone, Debug, Default)]
pub(super) struct PodTime {
    pub(super) terms: Vec<PodTerm>,
    /// Distinct images with their pull times.
    pub(super) pulls: Vec<(String, u64)>,
}

impl PodTime {
    fn add(&mut self, what: impl Into<String>, field: String, expected_ms: u64, most_ms: u64) {
        if most_ms > 0 || expected_ms > 0 {
            let once_per_node = false;
            self.terms.push(PodTerm { what: what.into(), field, expected_ms, most_ms, once_per_node });
        }
    }
}

/// Where the pod's spec is inside the object.
pub(crate) fn spec_path(object: &Value) -> &'static [&'static str] {
    match text_at(object, &["kind"]) {
        Some("Pod") => &["spec"],
        Some("CronJob") => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => &["spec", "template", "spec"],
    }
}

/// Until a new pod is ready, minReadySeconds not included.
pub(super) fn pod_time(object: &Value, inputs: &Inputs, runs_to_the_end: bool) -> PodTime {
    let path = spec_path(object);
    let prefix = path.join(".");
    let nothing = Value::Null;
    let spec = at(object, path).unwrap_or(&nothing);
    let mut time = PodTime::default();
    time.add("scheduling and volumes", String::new(), inputs.scheduling_ms, inputs.scheduling_ms);
    let mut seen = BTreeSet::new();
    let mut slowest = Slowest::default();
    let inits = list_at(spec, &["initContainers"]);
    let mains = list_at(spec, &["containers"]);
    let places = inits.iter().enumerate().map(|(index, container)| ("initContainers", index, container));
    let mains = mains.iter().enumerate().map(|(index, container)| ("containers", index, container));
    for (list, index, container) in places.chain(mains) {
        let field = format!("{prefix}.{list}[{index}]");
        let name = text_at(container, &["name"]).unwrap_or("?");
        let image = text_at(container, &["image"]).unwrap_or_default();
        if seen.insert(image.to_owned()) {
            let ms = inputs.pull_ms(image);
            time.pulls.push((image.to_owned(), ms));
            time.terms.push(PodTerm {
                what: format!("pull {image}"),
                field: format!("{field}.image"),
                expected_ms: ms,
                most_ms: ms,
                once_per_node: true,
            });
        }
        let sidecar = list == "initContainers" && text_at(container, &["restartPolicy"]) == Some("Always");
        if sidecar {
            // The next container waits until the sidecar has started, not until it is ready; the pod waits for both.
            let (startup, readiness) = probe_terms(container, &field, inputs);
            startup
                .into_iter()
                .for_each(|term| time.add(term.what, term.field, term.expected_ms, term.most_ms));
            slowest.meet(readiness.into_iter().collect());
        } else if list == "initContainers" {
            let (expected, most) = inputs.init_ms.map_or(INIT_MS, |ms| (ms, ms));
            time.add(format!("init container {name}"), field, expected, most);
        } else if !runs_to_the_end {
            let (startup, readiness) = probe_terms(container, &field, inputs);
            slowest.meet(startup.into_iter().chain(readiness).collect());
        }
    }
    for term in slowest.terms {
        time.add(term.what, term.field, term.expected_ms, term.most_ms);
    }
    time
}

/// The container that takes longest: the pod is ready with its last container.
#[derive(Default)]
struct Slowest {
    terms: Vec<PodTerm>,
}

impl Slowest {
    fn meet(&mut self, terms: Vec<PodTerm>) {
        let sum = |terms: &[PodTerm]| terms.iter().map(|term| term.most_ms).fold(0, u64::saturating_add);
        if sum(&terms) > sum(&self.terms) {
            self.terms = terms;
        }
    }
}

/// A probe with the API's defaults.
struct Probe {
    initial_ms: u64,
    period_ms: u64,
    failures: u64,
    successes: u64,
}

impl Probe {
    fn of(container: &Value, field: &str) -> Option<Self> {
        let probe = container.get(field).filter(|probe| probe.is_object())?;
        let number = |field: &str, default: i64| {
            int_at(probe, &[field])
                .and_then(|number| u64::try_from(number).ok())
                .unwrap_or(default.unsigned_abs())
        };
        Some(Self {
            initial_ms: number("initialDelaySeconds", 0).saturating_mul(1000),
            period_ms: number("periodSeconds", 10).max(1).saturating_mul(1000),
            failures: number("failureThreshold", 3).max(1),
            successes: number("successThreshold", 1).max(1),
        })
    }

    /// After how long it gives up: initialDelaySeconds + periodSeconds x failureThreshold.
    fn allowed_ms(&self) -> u64 {
        self.initial_ms.saturating_add(self.period_ms.saturating_mul(self.failures))
    }

    fn words(&self) -> String {
        let mut words =
            format!("{}s + {}s x {}", self.initial_ms / 1000, self.period_ms / 1000, self.failures);
        if self.successes > 1 {
            words.push_str(&format!(", {} successes", self.successes));
        }
        words
    }
}

/// What a container may take by its own probes, startup and readiness together; `None` without either.
pub(crate) fn allowed_ms(container: &Value) -> Option<u64> {
    let startup = Probe::of(container, "startupProbe").map(|probe| probe.allowed_ms());
    let readiness = Probe::of(container, "readinessProbe").map(|probe| probe.allowed_ms());
    match (startup, readiness) {
        (None, None) => None,
        (startup, readiness) => Some(startup.unwrap_or(0).saturating_add(readiness.unwrap_or(0))),
    }
}

/// After how long the liveness probe restarts a container that does not answer; `None` while there is none.
pub(crate) fn liveness_ms(container: &Value) -> Option<u64> {
    Probe::of(container, "livenessProbe").map(|probe| probe.allowed_ms())
}

/// The startup probe comes first; readiness is asked only after it passed, on the next tick of its own period.
fn probe_terms(container: &Value, field: &str, inputs: &Inputs) -> (Option<PodTerm>, Option<PodTerm>) {
    let name = text_at(container, &["name"]).unwrap_or("?");
    let start_ms = inputs.start_ms.unwrap_or(START_MS);
    let term = |what: String, field: String, expected_ms: u64, most_ms: u64| PodTerm {
        what,
        field,
        expected_ms,
        most_ms,
        once_per_node: false,
    };
    let startup = Probe::of(container, "startupProbe");
    let readiness = Probe::of(container, "readinessProbe");
    let first = startup.as_ref().map(|probe| {
        let tick_ms = probe.initial_ms.max(start_ms.next_multiple_of(probe.period_ms));
        let most_ms = match inputs.start_ms {
            Some(start_ms) => probe.initial_ms.max(start_ms).saturating_add(probe.period_ms),
            None => probe.allowed_ms(),
        };
        let what = format!("startup probe of {name} ({})", probe.words());
        term(what, format!("{field}.startupProbe"), tick_ms, most_ms)
    });
    let second = match (&readiness, &first) {
        (Some(probe), Some(started)) => {
            let more = probe.period_ms.saturating_mul(probe.successes - 1);
            let expected_ms = probe
                .initial_ms
                .saturating_sub(started.expected_ms)
                .max(probe.period_ms / 2)
                .saturating_add(more);
            let wait_ms = match inputs.start_ms {
                Some(start_ms) => probe.initial_ms.saturating_sub(start_ms).saturating_add(probe.period_ms),
                None => probe.allowed_ms(),
            };
            let what = format!("readiness probe of {name} ({})", probe.words());
            Some(term(what, format!("{field}.readinessProbe"), expected_ms, wait_ms.saturating_add(more)))
        }
        (Some(probe), None) => {
            let more = probe.period_ms.saturating_mul(probe.successes - 1);
            let tick_ms = probe.initial_ms.max(start_ms.next_multiple_of(probe.period_ms));
            let most_ms = match inputs.start_ms {
                Some(start_ms) => probe.initial_ms.max(start_ms).saturating_add(probe.period_ms),
                None => probe.allowed_ms(),
            };
            let what = format!("readiness probe of {name} ({})", probe.words());
            Some(term(
                what,
                format!("{field}.readinessProbe"),
                tick_ms.saturating_add(more),
                most_ms.saturating_add(more),
            ))
        }
        (None, None) => {
            let what = format!("start of {name} (no probe: ready when it runs)");
            Some(term(what, field.to_owned(), inputs.start_ms.map_or(START_MS, |_| 1_000), NO_PROBE_MS))
        }
        (None, Some(_)) => None,
    };
    (first, second)
}

/// Until an old pod is gone: preStop and the program's own end, at most its grace period.
pub(super) fn stop_term(object: &Value) -> PodTerm {
    let path = spec_path(object);
    let prefix = path.join(".");
    let nothing = Value::Null;
    let spec = at(object, path).unwrap_or(&nothing);
    let grace_ms = seconds(spec, &["terminationGracePeriodSeconds"], 30);
    let pre_stop_ms = list_at(spec, &["containers"]).iter().map(pre_stop_ms).max().unwrap_or(0);
    PodTerm {
        what: if pre_stop_ms > 0 {
            format!("old pod stops (preStop {}s, at most {}s)", pre_stop_ms / 1000, grace_ms / 1000)
        } else {
            format!("old pod stops (at most {}s)", grace_ms / 1000)
        },
        field: format!("{prefix}.terminationGracePeriodSeconds"),
        expected_ms: pre_stop_ms.saturating_add(STOP_MS).min(grace_ms.saturating_add(STOP_MS)),
        // The kubelet kills at the end of the grace and still has to report it.
        most_ms: grace_ms.saturating_add(STOP_MS),
        once_per_node: false,
    }
}

/// `preStop: {sleep: {seconds}}`, or the usual `exec` of `sleep N`.
pub(crate) fn pre_stop_ms(container: &Value) -> u64 {
    let Some(hook) = at(container, &["lifecycle", "preStop"]) else { return 0 };
    if let Some(seconds) = int_at(hook, &["sleep", "seconds"]) {
        return u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
    }
    let words = list_at(hook, &["exec", "command"]).iter().filter_map(Value::as_str);
    let mut words = words.flat_map(|text| text.split([' ', ';', '&'])).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word == "sleep" || word.ends_with("/sleep") {
            return words
                .next()
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or(0)
                .saturating_mul(1000);
        }
    }
    0
}

pub(super) fn seconds(object: &Value, path: &[&str], default: i64) -> u64 {
    u64::try_from(int_at(object, path).unwrap_or(default)).unwrap_or(0).saturating_mul(1000)
}
