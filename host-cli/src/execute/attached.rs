//! Evidence as it goes into the release's record, beside the journal: bounded, so that it never crowds out what has to be there.

use backstay_core::release::{Packed, Record};
use backstay_core::rollout::{JournalEntry, JournalEvent, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EvidenceBundle;

/// Most bytes of a record's Secret that evidence takes (of 1 MiB, which the chart's own files may need).
const ATTACHED_MOST: usize = 64 * 1024;

/// Less and less of it: first the logs get shorter, then what is left of everything else, the objects that decided nothing last.
#[rustfmt::skip]
const STAGES: [Stage; 6] = [
    Stage { lines: 20, characters: 500, pods: 5, events: 40, changes: 200, objects: 1000, whole: true },
    Stage { lines: 10, characters: 300, pods: 3, events: 20, changes: 100, objects: 100, whole: true },
    Stage { lines: 5, characters: 300, pods: 1, events: 10, changes: 50, objects: 50, whole: true },
    Stage { lines: 5, characters: 200, pods: 1, events: 5, changes: 20, objects: 20, whole: false },
    Stage { lines: 5, characters: 200, pods: 1, events: 3, changes: 10, objects: 5, whole: false },
    Stage { lines: 3, characters: 200, pods: 1, events: 2, changes: 5, objects: 1, whole: false },
];

/// The most that is kept: log lines of a container, characters of a text, pods, events and changes of an object, objects; and
/// whether statuses stay whole.
#[derive(Clone, Copy)]
struct Stage {
    lines: usize,
    characters: usize,
    pods: usize,
    events: usize,
    changes: usize,
    objects: usize,
    whole: bool,
}

/// What of a pod's status explains it where not all of it stays.
const POD_STATUS: [&str; 4] = ["phase", "reason", "initContainerStatuses", "containerStatuses"];

/// What lies beside the journal. How it ended is in the journal itself.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attached {
    /// Format.
    v: u32,
    pub(crate) objects: Vec<EvidenceBundle>,
    /// What was left out to make it fit, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shortened: Option<String>,
}

/// Evidence in its bounds: logs are shortened first. `None` where there is none, or where even the shortest is too long.
pub(crate) fn attach(objects: &[EvidenceBundle]) -> Option<Packed> {
    if objects.is_empty() {
        return None;
    }
    let whole = Attached { v: 1, objects: objects.to_vec(), shortened: None };
    let mut packed = pack(&whole)?;
    let mut stages = STAGES.iter();
    while packed.len() > ATTACHED_MOST {
        packed = pack(&shortened(objects, stages.next()?))?;
    }
    Some(packed)
}

/// The same with further evidence, of a way back that failed, too.
pub(crate) fn attach_to(before: Option<&Packed>, objects: &[EvidenceBundle]) -> Option<Packed> {
    if objects.is_empty() {
        return before.cloned();
    }
    let known = before.and_then(|packed| serde_json::from_str::<Attached>(&packed.text()?).ok());
    let forward = objects.iter().any(|bundle| !bundle.of_undo);
    let earlier = known.filter(|_| !forward).map(|known| known.objects).unwrap_or_default();
    let all: Vec<EvidenceBundle> =
        earlier.into_iter().filter(|bundle| !bundle.of_undo).chain(objects.iter().cloned()).collect();
    attach(&all).or_else(|| before.cloned())
}

/// The evidence that a record carries, and how its journal says that it ended: the verdict, or for a run that has not got so far
/// what condemned the revision. With the time of that entry.
pub(crate) fn attached_to(record: &Record) -> Option<(Attached, JournalEntry, Verdict)> {
    let attached: Attached = serde_json::from_str(&record.evidence.as_ref()?.text()?).ok()?;
    let entries = record.journal.as_deref()?.lines().rev();
    let mut entries = entries.filter_map(|line| serde_json::from_str::<JournalEntry>(line).ok());
    let (entry, verdict) = entries.find_map(|entry| {
        let verdict = match &entry.event {
            JournalEvent::Finished { verdict } => verdict.clone(),
            JournalEvent::Condemned { cause }
            | JournalEvent::UndoCondemned { cause }
            | JournalEvent::Failed { cause, .. } => Verdict::Interrupted { cause: cause.clone() },
            _ => return None,
        };
        Some((entry, verdict))
    })?;
    Some((attached, entry, verdict))
}

fn pack(attached: &Attached) -> Option<Packed> {
    Some(Packed::new(&serde_json::to_string(attached).ok()?))
}

fn shortened(objects: &[EvidenceBundle], stage: &Stage) -> Attached {
    // The object that decided comes first.
    let kept = objects.iter().take(stage.objects).cloned().map(|mut bundle| {
        last(&mut bundle.events, stage.events);
        bundle.changes.truncate(stage.changes);
        bundle.pods.truncate(stage.pods);
        for log in bundle.pods.iter_mut().flat_map(|pod| &mut pod.logs) {
            last(&mut log.lines, stage.lines);
            log.lines.iter_mut().for_each(|line| cut(line, stage.characters));
        }
        bundle.events.iter_mut().for_each(|event| cut(&mut event.message, stage.characters));
        for change in &mut bundle.changes {
            change.before.iter_mut().chain(&mut change.after).for_each(|side| cut(side, stage.characters));
        }
        if !stage.whole {
            bundle.status = Value::Null;
        }
        for pod in &mut bundle.pods {
            if let (false, Some(status)) = (stage.whole, pod.status.as_object_mut()) {
                status.retain(|field, _| POD_STATUS.contains(&field.as_str()));
            }
        }
        for status in bundle.pods.iter_mut().map(|pod| &mut pod.status).chain([&mut bundle.status]) {
            cut_texts(status, stage.characters);
        }
        bundle
    });
    let words = format!(
        "shortened to fit the release's record: {} of {} objects, the last {} lines of each log, {} characters of each text; the \
         machine that ran the deploy has all of it",
        objects.len().min(stage.objects),
        objects.len(),
        stage.lines,
        stage.characters
    );
    Attached { v: 1, objects: kept.collect(), shortened: Some(words) }
}

/// Keeps the newest.
fn last<T>(items: &mut Vec<T>, most: usize) {
    let excess = items.len().saturating_sub(most);
    items.drain(..excess);
}

fn cut(text: &mut String, characters: usize) {
    if let Some((at, _)) = text.char_indices().nth(characters) {
        text.truncate(at);
        text.push('…');
    }
}

fn cut_texts(value: &mut Value, characters: usize) {
    match value {
        Value::String(text) => cut(text, characters),
        Value::Array(items) => items.iter_mut().for_each(|item| cut_texts(item, characters)),
        Value::Object(map) => map.values_mut().for_each(|item| cut_texts(item, characters)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence::{EventEvidence, LogEvidence, PodEvidence};
    use super::*;

    /// Text that no compression makes small.
    fn noise(seed: usize, length: usize) -> String {
        let mut state = seed as u64 + 1;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
        };
        (0..length).map(next).collect()
    }

    fn bundle(number: usize, pods: usize, lines: usize, length: usize) -> EvidenceBundle {
        let lines = |pod| (0..lines).map(|line| noise(number * 1000 + pod * 100 + line, length)).collect();
        let pod = |pod| PodEvidence {
            name: format!("web-{pod}"),
            status: serde_json::json!({"phase": "Pending", "containerStatuses": [{"name": "web", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}], "note": noise(pod, 9000)}),
            logs: vec![LogEvidence { container: "web".into(), previous: false, lines: lines(pod) }],
        };
        let event = EventEvidence {
            about: "pod/web".into(),
            kind: "Warning".into(),
            reason: "BackOff".into(),
            message: noise(number, length),
            count: 1,
            last_seen: "2026-01-01T00:00:00Z".into(),
        };
        EvidenceBundle {
            object: format!("apps/v1/Deployment/web-{number}"),
            pods: (0..pods).map(pod).collect(),
            events: vec![event; 3],
            ..EvidenceBundle::default()
        }
    }

    #[test]
    fn what_is_too_big_is_shortened_and_says_so() {
        let check = |objects: &[EvidenceBundle], is_shortened: bool, least_lines: usize| {
            let packed = attach(objects).unwrap();
            assert!(packed.len() <= ATTACHED_MOST, "{} bytes", packed.len());
            let attached: Attached = serde_json::from_str(&packed.text().unwrap()).unwrap();
            assert_eq!(attached.shortened.is_some(), is_shortened, "{:?}", attached.shortened);
            let first = &attached.objects[0];
            assert_eq!(first.object, objects[0].object);
            let (pod, before) = (&first.pods[0], &objects[0].pods[0]);
            assert_eq!(pod.status["containerStatuses"][0]["state"]["waiting"]["reason"], "CrashLoopBackOff");
            let kept = pod.logs[0].lines.len();
            assert!(kept >= least_lines.min(before.logs[0].lines.len()), "{kept} lines");
            let start: String = before.logs[0].lines.last().unwrap().chars().take(200).collect();
            assert!(pod.logs[0].lines.last().unwrap().starts_with(&start), "the newest lines stay");
            assert!(!first.events.is_empty());
        };
        check(&[bundle(0, 1, 5, 80)], false, 5);
        check(&[bundle(0, 5, 50, 2000)], true, 20);
        check(&(0..40).map(|number| bundle(number, 5, 50, 2000)).collect::<Vec<_>>(), true, 3);
        check(&(0..3000).map(|number| bundle(number, 1, 1, 400)).collect::<Vec<_>>(), true, 1);
        assert!(attach(&[]).is_none());
    }

    #[test]
    fn evidence_of_the_way_back_joins_what_is_there() {
        let names = |packed: &Packed| -> Vec<(String, bool)> {
            let attached: Attached = serde_json::from_str(&packed.text().unwrap()).unwrap();
            attached.objects.into_iter().map(|bundle| (bundle.object, bundle.of_undo)).collect()
        };
        let (forward, back) = (bundle(1, 1, 1, 9), EvidenceBundle { of_undo: true, ..bundle(2, 1, 1, 9) });
        let first = attach(std::slice::from_ref(&forward)).unwrap();
        let both = vec![(forward.object.clone(), false), (back.object.clone(), true)];
        // By a process that went on, which has seen only the way back; by the one that has seen it all; and told twice.
        let joined = attach_to(Some(&first), std::slice::from_ref(&back)).unwrap();
        assert_eq!(names(&joined), both);
        assert_eq!(names(&attach_to(Some(&first), &[forward, back.clone()]).unwrap()), both);
        assert_eq!(names(&attach_to(Some(&joined), &[back]).unwrap()), both);
        assert_eq!(attach_to(Some(&first), &[]).unwrap(), first);
    }
}
