//! Clients that look now and then instead of watching, and the recordings of what healed as other clients would show them.

use std::collections::BTreeMap;
use std::path::Path;

use backstay_rehearse::ReplayOutcome;
use serde_json::{Value, json};

use super::{check_all, judge, lines};

/// What is seen by looking every so many seconds: the last version of everything, and whether it is gone.
fn polled(lines: &[Value], every: f64) -> Vec<Value> {
    let mut looks: BTreeMap<(u64, String), Value> = BTreeMap::new();
    for line in lines {
        let look = (line["t"].as_f64().unwrap() / every).ceil();
        let object = &line["object"];
        let key = format!("{}/{}/{}", object["kind"], object["metadata"]["uid"], object["metadata"]["name"]);
        let mut seen = line.clone();
        seen["t"] = json!(look * every);
        looks.insert((look as u64, key), seen);
    }
    looks.into_values().collect()
}

/// Polling is slower by up to one look, for the first sight and for the verdict.
#[test]
fn a_client_that_looks_every_two_seconds() {
    check_all("polled", 4.5, &[], |recorded| (polled(&lines(recorded.0), 2.0), 0.0));
}

fn each_object(lines: &[Value], change: impl Fn(&mut Value)) -> Vec<Value> {
    let mut lines = lines.to_vec();
    lines.iter_mut().for_each(|line| change(&mut line["object"]));
    lines
}

/// Other runtimes and kubelets say the same in other words, or say nothing.
fn ways(lines: &[Value]) -> Vec<(&'static str, Vec<Value>)> {
    let is_event = |line: &&Value| line["object"]["kind"] == "Event";
    vec![
        ("as it is", lines.to_vec()),
        ("polled every 2 s", polled(lines, 2.0)),
        ("polled every 5 s", polled(lines, 5.0)),
        ("without events", lines.iter().filter(|line| !is_event(line)).cloned().collect()),
        ("everything twice", lines.iter().flat_map(|line| [line.clone(), line.clone()]).collect()),
        (
            "without the runtime's words",
            each_object(lines, |object| {
                for list in ["containerStatuses", "initContainerStatuses"] {
                    for status in object["status"][list].as_array_mut().into_iter().flatten() {
                        for state in ["state", "lastState"] {
                            let Some(details) = status[state].as_object_mut() else { continue };
                            details
                                .values_mut()
                                .filter_map(Value::as_object_mut)
                                .for_each(|one| drop(one.remove("message")));
                        }
                    }
                }
            }),
        ),
        (
            "managed by another client",
            each_object(lines, |object| {
                object["metadata"]["managedFields"] = json!([{"manager": "argocd-controller", "operation": "Apply", "apiVersion": "v1",
                "time": "2020-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}]);
                object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] =
                    json!("shop:apps/Deployment:shop/web");
            }),
        ),
    ]
}

#[test]
fn what_healed_is_condemned_for_nobody() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../health/tests/recordings/healed");
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for (way, lines) in ways(&lines(&format!("healed/{name}"))) {
            let judgement = judge(&lines, None);
            if judgement.verdict == ReplayOutcome::Condemned {
                wrong.push(format!(
                    "{name} {way}: {:?} of {:?}: {}",
                    judgement.code, judgement.object, judgement.message
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
