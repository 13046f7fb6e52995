//! Replays recordings and prints their judgements, one a line: `cargo run -p backstay-rehearse --example replay -- FILE…`.
#![allow(clippy::unwrap_used, reason = "an example: what is wrong with its input must stop it")]

use backstay_health::Policy;
use backstay_rehearse::{Recording, replay};

fn main() {
    for file in std::env::args().skip(1) {
        let recording = Recording::read(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let judgement = replay(&recording, &Policy::default(), None);
        println!("{file}\t{}", serde_json::to_string(&judgement).unwrap());
    }
}
