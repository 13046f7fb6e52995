//! Random texts and values, always the same ones: what is written reads back as the same value, and nothing panics.

#![allow(clippy::panic, clippy::cast_precision_loss, reason = "tests may fail")]

mod common;

use backstay_yaml::{JsonBuilder, read, to_yaml, to_yaml_pretty};
use common::Floats;
use serde_json::{Value, json};

/// SplitMix64. No key is `<<`: Go writes it without quotes and reads it as a merge.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed >> 33) % limit as u64).unwrap_or(0)
    }

    fn text(&mut self) -> String {
        const PARTS: &[&str] = &[
            "a",
            "word",
            " ",
            "  ",
            "\n",
            "\n\n",
            "\t",
            ": ",
            ":",
            "- ",
            "#",
            " #",
            "'",
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&",
            "*",
            "!",
            "|",
            ">",
            "%",
            "@",
            "`",
            "?",
            "=",
            "~",
            "0",
            "1",
            "0x1",
            "1e3",
            ".5",
            "yes",
            "null",
            "true",
            "é",
            "😀",
            "\u{7}",
            "---",
            "...",
            "2024-01-02",
            "12:30",
            "a long piece of text that makes lines fold",
        ];
        let count = self.below(9);
        (0..count).map(|_| PARTS.get(self.below(PARTS.len())).copied().unwrap_or_default()).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth > 3 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!((self.below(2_000_000) as f64 - 1e6) / [1.0, 8.0, 1e-9, 1e12][self.below(4)]),
            3 | 4 => json!(self.text()),
            5 => (0..self.below(4)).map(|_| self.value(depth + 1)).collect(),
            _ => Value::Object((0..self.below(4)).map(|_| (self.text(), self.value(depth + 1))).collect()),
        }
    }
}

/// What Go says of a text block that begins with a tab: it writes such blocks and cannot read them.
const TAB: &str = "found a tab character where an indentation space is expected";

#[test]
fn what_is_written_reads_back() {
    let mut chance = Chance(1);
    let mut tabs = 0;
    for round in 0..20_000 {
        let value = chance.value(0);
        for written in [to_yaml(&value), to_yaml_pretty(&value)] {
            let text = written.unwrap_or_else(|error| panic!("round {round}: {value} {error}"));
            match read(&text, &mut Floats) {
                Ok(again) => assert_eq!(again, value, "round {round}:\n{text}"),
                Err(error) if error.go.contains(TAB) && text.contains('\t') => tabs += 1,
                Err(error) => panic!("round {round}: {value}\n{text}\n{error}"),
            }
        }
    }
    assert!(tabs < 200, "{tabs} are not read");
}

#[test]
fn nothing_panics() {
    let mut chance = Chance(2);
    let mut good = 0;
    for _ in 0..50_000 {
        let mut text = chance.text();
        for _ in 0..chance.below(4) {
            text.push_str(&chance.text());
        }
        good += usize::from(read(&text, &mut JsonBuilder).is_ok());
    }
    assert!(good > 1_000, "only {good} of the texts are YAML");
}
