//! Containers that end instead of running. Counted in restarts that crashed, not in time: the kubelet's back-off makes the
//! third one come about 40 s after the start, and applications that wait for something heal until then.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use backstay_object::{Timestamp, at, bool_at, int_at, kind, name, text_at, uid};
use serde_json::Value;

use super::pod::{Container, containers, restarts_always};
use super::{Scene, Trouble, create, events, time_at};
use crate::code::CauseCode;
use crate::types::{Circumstances, Class, Related, Restarts, Siblings};

/// Longest part of a container's own last words that a message carries.
const LAST_WORDS: usize = 400;

struct Crash<'a> {
    container: Container<'a>,
    /// The last end of it.
    end: &'a Value,
    restarts: u32,
    is_certain: bool,
    /// Certain whatever the other pods do.
    at_once: bool,
    /// All that is seen happened before the rollout.
    is_old: bool,
}

/// Looks at the containers of all pods together: one pod of many that crashes is not yet a verdict.
pub(super) fn look<'a>(scene: &mut Scene<'a>, pods: &[&'a Value]) {
    let alive = || pods.iter().copied().filter(|pod| !has_ended(pod));
    let crashes: Vec<Vec<Crash<'a>>> = alive()
        .map(|pod| containers(pod).filter_map(|container| crash_of(scene, container)).collect())
        .collect();
    let condemned = crashes.iter().filter(|of_pod| of_pod.iter().any(|crash| crash.is_certain)).count();
    let share = u64::from(scene.circumstances.policy.crash_share_percent);
    let enough = condemned as u64 * 100 >= share * crashes.len() as u64;
    for crash in crashes.into_iter().flatten() {
        report(scene, &crash, crash.at_once || (crash.is_certain && enough));
    }
}

fn has_ended(pod: &Value) -> bool {
    matches!(text_at(pod, &["status", "phase"]), Some("Failed" | "Succeeded"))
}

/// The present crash of a container, if it is in one: it ended and is not up and ready again.
fn crash_of<'a>(scene: &Scene<'a>, container: Container<'a>) -> Option<Crash<'a>> {
    let status = container.status;
    if bool_at(status, &["ready"]) == Some(true) {
        return None;
    }
    let now_ended = at(status, &["state", "terminated"]);
    let is_running = at(status, &["state", "running"]).is_some();
    let end = now_ended.or_else(|| at(status, &["lastState", "terminated"]))?;
    let is_success = int_at(end, &["exitCode"]) == Some(0);
    // An init container that succeeded is done; one that failed before and now runs gets its chance.
    if is_success && !container.is_to_run_on() {
        return None;
    }
    let counted = restarts_crashed(scene, &container, is_running);
    let is_old = counted.is_none();
    // What still waits for its next start explains why there is no more to see.
    if is_old && container.waiting_reason() != Some("CrashLoopBackOff") {
        return None;
    }
    let restarts = counted.unwrap_or_else(|| crashed(status, is_running));
    // Where the pod or its Job says what a failure means, it says it itself.
    let may_judge = restarts_always(container.pod) || container.is_to_run_on();
    let may_judge = may_judge && !is_old;
    let at_once = may_judge && !is_running && cannot_ever_run(end);
    let Circumstances { siblings, policy, .. } = scene.circumstances;
    let counted = restarts.saturating_sub(excused(siblings, &container));
    let is_certain = at_once || (may_judge && !siblings.are_coming_up && counted >= policy.crash_restarts);
    Some(Crash { container, end, restarts, is_certain, at_once, is_old })
}

/// How many restarts of a container crashed while other workloads were coming up.
fn excused(siblings: &Siblings<'_>, container: &Container<'_>) -> u32 {
    let key = (uid(container.pod).to_string(), container.name().to_string());
    siblings.excused.and_then(|restarts| restarts.get(&key)).copied().unwrap_or(0)
}

/// How many restarts of each container of an object's pods have crashed by now.
#[must_use]
pub fn crashed_restarts(object: &Value, related: &Related<'_>) -> Restarts {
    let own = Some(object).filter(|object| kind(object) == "Pod");
    let pods = own.into_iter().chain(related.owned.iter().copied().filter(|owned| kind(owned) == "Pod"));
    let of_pod = |pod| {
        containers(pod).map(move |container| {
            let is_running = at(container.status, &["state", "running"]).is_some();
            let key = (uid(pod).to_string(), container.name().to_string());
            (key, crashed(container.status, is_running))
        })
    };
    pods.flat_map(of_pod).filter(|(_, count)| *count > 0).collect()
}

/// Restarts whose container has ended.
fn crashed(status: &Value, is_running: bool) -> u32 {
    let restarts = u32::try_from(int_at(status, &["restartCount"]).unwrap_or(0)).unwrap_or(0);
    if is_running { restarts.saturating_sub(1) } else { restarts }
}

/// How many restarts have crashed in this rollout; `None` when all that is seen happened before it.
fn restarts_crashed(scene: &Scene<'_>, container: &Container<'_>, is_running: bool) -> Option<u32> {
    let Circumstances { applied_at, .. } = *scene.circumstances;
    let status = container.status;
    let crashed = crashed(status, is_running);
    if !scene.circumstances.was_there(container.pod) {
        return Some(crashed);
    }
    // An older pod: its count began before. Only the ends that are still to be seen can be dated.
    let ends = [["state", "terminated", "finishedAt"], ["lastState", "terminated", "finishedAt"]];
    let recent = ends.iter().filter(|path| time_at(status, *path).is_some_and(|at| at >= applied_at)).count();
    (recent > 0).then(|| crashed.min(u32::try_from(recent).unwrap_or(0)))
}

/// Ends that the next start repeats: the shell's "not executable" and "not found" (POSIX 126, 127), another machine's binary.
fn cannot_ever_run(end: &Value) -> bool {
    let words = text_at(end, &["message"]).unwrap_or("");
    matches!(int_at(end, &["exitCode"]), Some(126 | 127)) || words.contains("exec format error")
}

fn report<'a>(scene: &mut Scene<'a>, crash: &Crash<'a>, is_certain: bool) {
    let end = crash.end;
    let reason = text_at(end, &["reason"]).unwrap_or("Error");
    let words = text_at(end, &["message"]).unwrap_or("").trim();
    let ended = time_at(end, &["finishedAt"]);
    // The runtime could not start it at all; Docker's word is the second.
    if matches!(reason, "StartError" | "ContainerCannotRun") {
        let class = if restarts_always(crash.container.pod) && !crash.is_old {
            create::class_of(words, scene.circumstances.policy)
        } else {
            Class::Recoverable
        };
        let trouble = crash.container.trouble(CauseCode::ContainerCreateFailed, class, String::from(words));
        scene.suspect(Trouble { seen: ended, ..trouble });
        return;
    }
    let code = if reason == "OOMKilled" { CauseCode::OutOfMemory } else { CauseCode::CrashLoop };
    let class = if is_certain { Class::FatalNow } else { Class::Recoverable };
    let mut message = format!("exit code {} ({reason})", int_at(end, &["exitCode"]).unwrap_or(0));
    if crash.restarts > 0 {
        message.push_str(&format!(" at restart {}", crash.restarts));
    }
    if let Some(complaint) = killed_by_kubelet(scene, &crash.container, ended) {
        message.push_str("; ");
        message.push_str(complaint);
    }
    if !words.is_empty() {
        message.push_str(": ");
        message.extend(words.chars().take(LAST_WORDS));
    }
    if !is_certain && scene.circumstances.siblings.are_coming_up {
        message.push_str("; it may wait for other workloads of the release, which are still coming up");
    }
    if crash.is_old {
        message.push_str(
            "; that was before this run, the kubelet starts it again when its back-off of up to 5m is over",
        );
    }
    // It was first seen at its first crash, not at the last.
    let trouble = crash.container.trouble(code, class, message);
    let known = scene.known_since(&(code, trouble.pod.map(name), trouble.container));
    scene.suspect(Trouble { seen: known.into_iter().chain(ended).min(), ..trouble });
}

/// The kubelet kills what fails its liveness or startup probe or its start hook; the exit code alone does not show it.
fn killed_by_kubelet<'a>(
    scene: &Scene<'a>,
    container: &Container<'a>,
    ended: Option<Timestamp>,
) -> Option<&'a str> {
    let kills = |event: &&Value| {
        let words = events::message(event);
        let is_deadly = text_at(event, &["reason"]) != Some("Unhealthy")
            || words.starts_with("Liveness probe")
            || words.starts_with("Startup probe");
        // A complaint that came only after the end was about a later start.
        let is_before =
            ended.is_none_or(|ended| events::first_seen(event).is_none_or(|first| first <= ended));
        container.is_meant_by(event) && is_deadly && is_before
    };
    let found = scene.events.with_reason(container.pod, &["Unhealthy", "FailedPostStartHook"]).filter(kills);
    found
        .max_by_key(|event| events::last_seen(event))
        .map(|event| events::message(event).trim_end_matches([':', ' ']))
}
