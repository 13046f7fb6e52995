//! The nodes: the scheduler that fills them and the kubelets that run pods on them.

mod conduct;
mod ending;
mod kubelet;
mod mounts;
mod probes;
mod pull;
mod rounds;
mod scheduler;
mod start;
mod status;

use std::time::Duration;

use backstay_object::{Timestamp, list_at, text_at};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use conduct::Conduct;
pub(crate) use kubelet::{pod_gone, run_pod};
pub(crate) use scheduler::{Load, schedule, wake_unscheduled};

/// What the kubelet knows about one pod on its node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PodRun {
    pub(crate) node: String,
    /// When the kubelet took the pod.
    pub(crate) start: Timestamp,
    pub(crate) ip: String,
    pub(crate) sandbox: Sandbox,
    /// Attempts at mounting the volumes, and when the next is due; `None` once they are mounted.
    pub(crate) mount_tries: u32,
    pub(crate) mount_at: Option<Timestamp>,
    /// In the order of the spec: init containers, then containers.
    pub(crate) containers: Vec<Run>,
    /// When the kubelet looks at the pod again.
    pub(crate) sync_at: Option<Timestamp>,
    /// What the kubelet is busy with for this pod.
    pub(crate) work: Option<Work>,
    /// Containers handled in this round.
    pub(crate) tried: Vec<usize>,
    /// When a failed container may be tried again, the earliest of this round.
    pub(crate) retry: Option<Retry>,
    /// Since when, and until when, the pod is being stopped.
    pub(crate) ending: Option<Ending>,
    /// Rounds so far; only makes waiting times differ.
    pub(crate) rounds: u32,
    /// Reason and message of the pod's failure as a whole, e.g. `DeadlineExceeded`.
    pub(crate) failed: Option<(String, String)>,
    /// The pod is over: its phase is final.
    pub(crate) over: bool,
    /// The deletion was confirmed; only finalizers keep the object.
    pub(crate) removed: bool,
}

/// The pod's sandbox: its network and first process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sandbox {
    None,
    Starting(Timestamp),
    Up(Timestamp),
    Down(Timestamp),
}

/// What the kubelet is busy with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Pulling the image of a container until then; began to wait at `queued`, began to pull at `from`.
    Pull { container: usize, queued: Timestamp, from: Timestamp, until: Timestamp },
    /// Creating and starting a container until then.
    Start { container: usize, until: Timestamp },
}

/// How a round ended that has to be repeated.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Retry {
    /// After the usual 10 to 15 s.
    Usual,
    /// With the next relist of the runtime: a back-off has just begun.
    Soon,
    /// When a crash back-off ends.
    At(Timestamp),
}

/// The stopping of a pod.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) since: Timestamp,
    /// All containers have ended and the last status was written; the pod object goes then.
    pub(crate) done_at: Option<Timestamp>,
}

/// What the kubelet knows about one container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) init: bool,
    /// The image it was last started with, or was to be.
    pub(crate) image: String,
    /// An init container that keeps running.
    pub(crate) sidecar: bool,
    pub(crate) running: Option<Running>,
    /// How the latest run ended, when none is running.
    pub(crate) ended: Option<Ended>,
    /// How the run before ended.
    pub(crate) last: Option<Ended>,
    /// Reason and message of the wait.
    pub(crate) waiting: Option<(String, String)>,
    pub(crate) restarts: u32,
    pub(crate) id: String,
    /// Crash back-off: its length in milliseconds, and when it was last lengthened.
    pub(crate) backoff: Option<(u64, Timestamp)>,
    /// Whether the present crash back-off was announced.
    pub(crate) backoff_seen: bool,
    /// Pull back-off: its length in milliseconds, since when, and what went wrong.
    pub(crate) pull_backoff: Option<(u64, Timestamp, String)>,
    pub(crate) probes: [Option<Probe>; 3],
    pub(crate) ready: bool,
    pub(crate) started: bool,
}

/// A run of a container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) since: Timestamp,
    pub(crate) conduct: Conduct,
    /// When it ends by itself or because it was told to.
    pub(crate) ends_at: Option<Timestamp>,
    pub(crate) exit_code: i64,
    pub(crate) exit_reason: String,
    /// It was told to end.
    pub(crate) told: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) code: i64,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) id: String,
}

/// A probe's counters.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// `None` before the probe has begun.
    pub(crate) next: Option<Timestamp>,
    pub(crate) good: u32,
    pub(crate) bad: u32,
    /// The result that counts.
    pub(crate) passed: bool,
}

pub(crate) const STARTUP: usize = 0;
pub(crate) const LIVENESS: usize = 1;
pub(crate) const READINESS: usize = 2;

impl PodRun {
    /// When something is due for this pod.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let mut due = Vec::new();
        match self.work {
            Some(Work::Pull { until, .. } | Work::Start { until, .. }) => due.push(until),
            // While busy the kubelet does not look at the pod again.
            None => due.extend(self.sync_at),
        }
        if let Sandbox::Starting(until) = self.sandbox {
            due.push(until);
        }
        due.extend(self.mount_at);
        due.extend(self.ending.and_then(|ending| ending.done_at));
        for run in &self.containers {
            if let Some(running) = &run.running {
                due.extend(running.ends_at);
                let line = running.conduct.log.iter().map(|(after, _)| *after).min();
                due.extend(line.map(|after| running.since.after(Duration::from_millis(after))));
                due.extend(run.probes.iter().flatten().filter_map(|probe| probe.next));
            }
        }
        due.into_iter().min()
    }

    pub(crate) fn sync_by(&mut self, at: Timestamp) {
        self.sync_at = Some(self.sync_at.map_or(at, |before| before.min(at)));
    }

    /// The next time the kubelet of the node relists its containers: once a second.
    pub(crate) fn relist_after(&self, seed: u64, now: Timestamp) -> Timestamp {
        let phase = crate::world::chance(seed, &self.node, "relist") % 1000;
        let passed = (now.0 + 1000 - phase) % 1000;
        now.after(Duration::from_millis(1000 - passed))
    }
}

/// The container specs of a pod in the order of [`PodRun::containers`].
pub(crate) fn specs(pod: &Value) -> impl Iterator<Item = &Value> {
    list_at(pod, &["spec", "initContainers"]).iter().chain(list_at(pod, &["spec", "containers"]))
}

pub(crate) fn restart_policy(pod: &Value) -> &str {
    text_at(pod, &["spec", "restartPolicy"]).unwrap_or("Always")
}

#[cfg(test)]
mod tests;
