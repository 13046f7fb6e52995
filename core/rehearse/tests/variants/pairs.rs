//! Two workloads of one release that change together.

use backstay_health::CauseCode;
use backstay_object::Timestamp;
use serde_json::{Value, json};

use super::{ALL, Recorded, complaint, judge, lines};

/// The cluster's time of a recording's start, in seconds: nothing is seen before it is made.
fn start(lines: &[Value]) -> f64 {
    let begun = |line: &Value| {
        let made = Timestamp::parse(line["object"]["metadata"]["creationTimestamp"].as_str()?).ok()?;
        Some(made.0 as f64 / 1000.0 - line["t"].as_f64()?)
    };
    lines.iter().filter_map(begun).fold(f64::MIN, f64::max)
}

/// Moves every time within a value.
fn shift(value: &mut Value, seconds: f64) {
    match value {
        Value::String(text) if text.starts_with("20") => {
            if let Ok(time) = Timestamp::parse(text) {
                *text = Timestamp((time.0 as f64 + seconds * 1000.0) as u64).to_rfc3339();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, seconds)),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, item)| shift(item, seconds)),
        _ => {}
    }
}

/// The second recording under another name, moved so that its change comes `behind` seconds after the first's.
fn beside(first: &Recorded, second: &Recorded, behind: f64) -> Vec<Value> {
    let mut both = lines(first.0);
    let other = lines(second.0);
    let moved = first.1 + behind - second.1;
    let by_clock = (start(&both) + moved - start(&other)).round();
    let moved = by_clock + start(&other) - start(&both);
    for line in other {
        let text = line.to_string().replace("\"web", "\"side").replace("/web", "/side");
        let mut line: Value = serde_json::from_str(&text).unwrap();
        shift(&mut line["object"], by_clock);
        if let Some(annotations) =
            line["object"]["metadata"].get_mut("annotations").and_then(Value::as_object_mut)
            && annotations.contains_key("meta.helm.sh/release-name")
        {
            annotations.insert("meta.helm.sh/release-name".into(), json!("web"));
        }
        line["t"] = json!(line["t"].as_f64().unwrap() + moved);
        both.push(line);
    }
    both.retain(|line| line["t"].as_f64().unwrap() >= 0.0);
    both.sort_by(|left, right| left["t"].as_f64().unwrap().total_cmp(&right["t"].as_f64().unwrap()));
    both
}

fn recorded(file: &str) -> &'static Recorded {
    ALL.iter().find(|recorded| recorded.0 == file).unwrap()
}

#[test]
fn two_that_heal_are_deployed() {
    let healing: Vec<&Recorded> = ALL.iter().filter(|recorded| recorded.2.is_none()).collect();
    let mut wrong = Vec::new();
    for first in &healing {
        for second in healing.iter().filter(|second| second.0 != first.0) {
            for behind in [0.5, 3.0] {
                let both = beside(first, second, behind);
                let at = first.3.max(second.3 - second.1 + first.1 + behind);
                let found = complaint(&judge(&both, Some(first.1)), None, at, 3.0);
                wrong.extend(
                    found.map(|found| format!("{} and {} {behind} s later: {found}", first.0, second.0)),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_that_fails_beside_one_that_heals_is_found_in_time() {
    use CauseCode::{
        ConfigMissing, ImageNotFound, ImagePullFailed, JobFailed, MountFailed, QuotaExceeded, VolumeNotBound,
    };
    let mut wrong = Vec::new();
    for (file, code) in [
        ("f1-image-not-found", ImageNotFound),
        ("f1b-registry-down", ImagePullFailed),
        ("f3-config-key", ConfigMissing),
        ("f5-quota", QuotaExceeded),
        ("f7b-plain-job", JobFailed),
        ("f8-pvc", VolumeNotBound),
        ("f9-mount", MountFailed),
    ] {
        let failing = recorded(file);
        for healing in ALL.iter().filter(|recorded| recorded.2.is_none()) {
            let both = beside(failing, healing, 0.5);
            let found = complaint(&judge(&both, Some(failing.1)), Some(code), failing.3, 3.0);
            wrong.extend(found.map(|found| format!("{file} beside {}: {found}", healing.0)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
