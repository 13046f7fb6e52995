//! Profiles: what suits a purpose, under a name. A file may add to those that are built in, or bring its own.

use serde_json::{Map, Value, json};

/// Names and purposes of the built-in ones, for messages and the schema.
pub(super) const NAMES: &[&str] = &["production", "development", "canary", "crd-install"];

/// What a built-in profile says, as a file would.
pub(super) fn built_in(name: &str) -> Option<Map<String, Value>> {
    let fields = match name {
        // Back to what worked, and only what holds counts as deployed.
        "production" => {
            json!({"failFast": "default", "remediation": {"strategy": "rollback", "retries": 0}, "bake": "30s"})
        }
        // A failure stays, so that one can look at it; what usually does not heal is told at once.
        "development" => json!({"failFast": "strict", "remediation": {"strategy": "none"}, "bake": "0"}),
        // Its own tests decide, and it has to hold for a while.
        "canary" => json!({
            "failFast": "strict", "test": {"enable": true, "ignoreFailures": false}, "bake": "60s",
            "remediation": {"strategy": "rollback", "retries": 0},
        }),
        // Definitions are never taken away again: that would delete every object of their kinds.
        "crd-install" => json!({"remediation": {"strategy": "none", "retries": 1}, "bake": "0"}),
        _ => return None,
    };
    match fields {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// The second over the first: maps are merged, everything else is replaced.
pub(super) fn over(mut below: Map<String, Value>, above: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in above {
        let merged = match (below.remove(&name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => Value::Object(over(below, above)),
            // The word of a remediation is its strategy.
            (Some(Value::Object(mut below)), Value::String(word)) if name == "remediation" => {
                below.insert("strategy".into(), word.into());
                Value::Object(below)
            }
            (Some(Value::String(word)), Value::Object(above)) if name == "remediation" => {
                let below = Map::from_iter([("strategy".to_owned(), Value::String(word))]);
                Value::Object(over(below, above))
            }
            (_, value) => value,
        };
        below.insert(name, merged);
    }
    below
}
