//! Requests and the digests of their answers, for the hosts in all languages: `vectors/requests.ndjson` has a request per
//! line, `vectors/answers.txt` the SHA-256 of its answer and its name. The core itself writes them; what is checked in has
//! to be what it says now.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "vectors/calls.rs"]
mod calls;
#[path = "charts/mod.rs"]
mod charts;
#[path = "vectors/drive.rs"]
mod drive;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Set to write the files instead of comparing them.
const WRITE: &str = "BACKSTAY_WRITE_VECTORS";

#[test]
fn vectors_are_what_the_core_answers() {
    let vectors = calls::all();
    assert!(vectors.len() >= 200, "only {} vectors", vectors.len());
    let (mut requests, mut answers) = (String::new(), String::new());
    let mut calls = std::collections::BTreeSet::new();
    for (name, request) in &vectors {
        assert!(!request.contains('\n') && !name.contains('\n'), "{name}: more than one line");
        if let Ok(request) = serde_json::from_str::<Value>(request) {
            calls.extend(request["call"].as_str().map(str::to_owned));
        }
        let digest = Sha256::digest(backstay_core::call::call(request));
        let digest = digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        requests += &format!("{request}\n");
        answers += &format!("{digest} {name}\n");
    }
    for call in backstay_core::call::names() {
        assert!(calls.contains(call), "no vector asks for {call}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for (name, text) in [("requests.ndjson", requests), ("answers.txt", answers)] {
        let file = folder.join(name);
        if std::env::var_os(WRITE).is_some() {
            fs::write(&file, &text).unwrap();
            continue;
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        let differs = kept.lines().zip(text.lines()).find(|(kept, now)| kept != now);
        let shown = differs.map(|(_, now)| now.chars().take(100).collect::<String>());
        assert!(
            kept == text,
            "{}: what the core answers has changed, e.g. {shown:?}; where that is meant, write it anew with {WRITE}=1",
            file.display()
        );
    }
}
