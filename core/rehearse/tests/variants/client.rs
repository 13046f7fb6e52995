//! The same rollout seen or made by somebody else.

use backstay_health::CauseCode::ProbeFailing;
use serde_json::{Value, json};

use super::{check_all, complaint, judge, lines};

fn events(lines: &mut [Value]) -> impl Iterator<Item = &mut Value> {
    lines.iter_mut().filter(|line| line["object"]["kind"] == "Event")
}

fn in_text(lines: &[Value], words: &[(&str, &str)]) -> Vec<Value> {
    let renamed = |line: &Value| {
        let text = words.iter().fold(line.to_string(), |text, (from, to)| text.replace(from, to));
        serde_json::from_str(&text).unwrap()
    };
    lines.iter().map(renamed).collect()
}

#[test]
fn other_names() {
    check_all("renamed", 1.5, &[], |recorded| {
        let words = [
            ("\"web", "\"payments-api"),
            ("shop", "prod-7"),
            (" web", " payments-api"),
            ("/web", "/payments-api"),
            ("{web}", "{payments-api}"),
        ];
        (in_text(&lines(recorded.0), &words), 0.0)
    });
}

/// As `kubectl apply` does it: no mark of a release anywhere.
#[test]
fn no_marks_of_a_release() {
    check_all("without marks", 1.5, &["f7-hook-job"], |recorded| {
        let mut lines = lines(recorded.0);
        for line in &mut lines {
            let meta = &mut line["object"]["metadata"];
            if let Some(annotations) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.retain(|key, _| !key.contains("helm.sh"));
                annotations.insert("kubectl.kubernetes.io/last-applied-configuration".into(), "{}".into());
            }
            if let Some(labels) = meta.get_mut("labels").and_then(Value::as_object_mut) {
                labels.remove("app.kubernetes.io/managed-by");
            }
        }
        (lines, 0.0)
    });
}

#[test]
fn no_bookkeeping_fields() {
    check_all("bare", 1.5, &[], |recorded| {
        let mut lines = lines(recorded.0);
        for line in &mut lines {
            if let Some(meta) = line["object"]["metadata"].as_object_mut() {
                meta.remove("managedFields");
                meta.remove("resourceVersion");
            }
        }
        (lines, 0.0)
    });
}

#[test]
fn events_of_the_newer_api() {
    check_all("events.k8s.io", 1.5, &[], |recorded| {
        let mut lines = lines(recorded.0);
        for line in events(&mut lines) {
            let event = line["object"].as_object_mut().unwrap();
            for (old, new) in [
                ("involvedObject", "regarding"),
                ("message", "note"),
                ("firstTimestamp", "deprecatedFirstTimestamp"),
                ("lastTimestamp", "deprecatedLastTimestamp"),
                ("count", "deprecatedCount"),
                ("source", "deprecatedSource"),
            ] {
                if let Some(value) = event.remove(old) {
                    event.insert(new.into(), value);
                }
            }
            event.insert("apiVersion".into(), "events.k8s.io/v1".into());
        }
        (lines, 0.0)
    });
}

/// Newer components write a time and a series instead of two times and a count.
#[test]
fn events_with_a_series() {
    check_all("series", 1.5, &[], |recorded| {
        let mut lines = lines(recorded.0);
        for line in events(&mut lines) {
            let event = line["object"].as_object_mut().unwrap();
            let (first, last) = (event.remove("firstTimestamp"), event.remove("lastTimestamp"));
            let Some(first) = first.filter(|first| first.is_string()) else { continue };
            let micro = |time: &Value| json!(time.as_str().unwrap().replace('Z', ".000000Z"));
            if let Some(last) = last.filter(|last| *last != first && last.is_string()) {
                let count = event.get("count").cloned().unwrap_or(json!(1));
                event.insert("series".into(), json!({"count": count, "lastObservedTime": micro(&last)}));
            }
            event.remove("count");
            event.insert("eventTime".into(), micro(&first));
        }
        (lines, 0.0)
    });
}

#[test]
fn events_that_come_late_or_early() {
    for shift in [-1.4, 3.0] {
        // Only a report that comes late is acted on late.
        let near = if shift > 0.0 { 3.0 + 1.5 } else { 1.5 };
        check_all("shifted events", near, &[], |recorded| {
            let mut lines = lines(recorded.0);
            for line in events(&mut lines) {
                let t = line["t"].as_f64().unwrap();
                line["t"] = json!((t + shift).max(0.0));
            }
            lines.sort_by(|left, right| left["t"].as_f64().unwrap().total_cmp(&right["t"].as_f64().unwrap()));
            (lines, 0.0)
        });
    }
}

/// Nobody recorded events: what only they tell stays open or is told later, and what heals is never condemned.
#[test]
fn no_events_at_all() {
    // The committed copies are cut off after their verdict: nothing but events comes between F5's cause and its grace's end.
    let except =
        ["f5-quota", "f6-never-ready", "f8-pvc", "f9-mount", "f1b-registry-down", "f4-unschedulable"];
    check_all("no events", 5.0, &except, |recorded| {
        let mut lines = lines(recorded.0);
        lines.retain(|line| line["object"]["kind"] != "Event");
        (lines, 0.0)
    });
}

#[test]
fn everything_twice_and_an_hour_into_the_watch() {
    check_all("twice", 1.5, &[], |recorded| {
        let mut lines: Vec<Value> =
            lines(recorded.0).into_iter().flat_map(|line| [line.clone(), line]).collect();
        for line in &mut lines {
            line["t"] = json!(line["t"].as_f64().unwrap() + 3600.0);
        }
        (lines, 3600.0)
    });
}

/// Points in time instead of seconds, watch events around the objects, deletions told.
#[test]
fn as_a_watch_writes_it() {
    check_all("watch", 1.5, &[], |recorded| {
        let mut known = std::collections::BTreeSet::new();
        let mut lines = lines(recorded.0);
        for line in &mut lines {
            let key = line["object"]["metadata"]["uid"].to_string();
            let change = if known.insert(key) { "ADDED" } else { "MODIFIED" };
            *line = json!({"t": line["t"], "object": {"type": change, "object": line["object"]}});
        }
        (lines, 0.0)
    });
}

/// The watch begins just before the change: what was there comes as lists.
#[test]
fn a_watch_that_starts_later() {
    check_all("late start", 1.5, &["f2i-install"], |recorded| {
        let start = recorded.1;
        let (mut listed, mut rest): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
        for line in lines(recorded.0) {
            if line["t"].as_f64().unwrap() > start {
                rest.push(line);
                continue;
            }
            listed.retain(|known: &Value| known["metadata"]["uid"] != line["object"]["metadata"]["uid"]);
            listed.push(line["object"].clone());
        }
        // A list has what is there, and no pod that is gone by then.
        listed.retain(|object| object["metadata"].get("deletionTimestamp").is_none());
        let mut lines =
            vec![json!({"t": 0.0, "object": {"kind": "List", "apiVersion": "v1", "items": listed}})];
        for mut line in rest {
            line["t"] = json!(line["t"].as_f64().unwrap() - start);
            lines.push(line);
        }
        (lines, -start)
    });
}

/// A probe that is refused first and then answered has come further: its time begins again.
#[test]
fn a_probe_that_fails_in_another_way_than_before() {
    let mut lines = lines("f6-never-ready");
    let is_404 =
        |line: &Value| line["object"]["message"].as_str().is_some_and(|words| words.ends_with(": 404"));
    let mut refused = lines.iter().find(|line| is_404(line)).unwrap().clone();
    let words = "Readiness probe failed: dial tcp 10.88.0.7:8080: connect: connection refused";
    refused["object"]["message"] = json!(words);
    refused["object"]["metadata"]["name"] = json!("refused");
    refused["object"]["metadata"]["uid"] = json!("refused");
    for line in lines.iter_mut().filter(|line| is_404(line)) {
        line["object"]["firstTimestamp"] = json!("2026-11-21T02:18:37Z");
    }
    let unheard = judge(&lines, None);
    lines.push(refused);
    lines.sort_by(|left, right| left["t"].as_f64().unwrap().total_cmp(&right["t"].as_f64().unwrap()));
    let heard = judge(&lines, None);
    assert_eq!(complaint(&unheard, Some(ProbeFailing), 82.0, 1.5), None);
    assert_eq!(complaint(&heard, Some(ProbeFailing), 90.0, 1.5), None);
}
