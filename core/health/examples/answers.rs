//! Answers readiness for objects on standard input, one `{"id", "rules", "object", "related"}` a line: to compare with other
//! tools' own code on many objects. `rules` is `legacy` or `watcher`; ours otherwise.
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::io::BufRead;

use backstay_health::{ReadinessRules, Related, readiness};
use backstay_object::{Timestamp, text_at};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Timestamp::parse("2026-06-01T00:00:00Z").map_err(|error| error.to_string())?;
    for line in std::io::stdin().lock().lines() {
        let row: Value = serde_json::from_str(&line?)?;
        let text = |field: &str| text_at(&row, &[field]).unwrap_or("").replace(['\n', '\t'], " ");
        let rules = match text("rules").as_str() {
            "legacy" => ReadinessRules::HelmLegacy,
            "watcher" => ReadinessRules::HelmWatcher,
            _ => ReadinessRules::Backstay,
        };
        let owned = row.get("related").and_then(Value::as_array).into_iter().flatten().collect();
        let object = row.get("object").unwrap_or(&Value::Null);
        let answer = readiness(object, &Related { owned, ..Related::default() }, rules, now);
        let message = answer.message.replace(['\n', '\t'], " ");
        println!("{}\t{}\t{:?}\t{message}\t{}", text("id"), text("expected"), answer.status, text("message"));
    }
    Ok(())
}
